//! `cargo nexus why SERVICE net tcp 80`: who may reach whom by the network, by which line, and what would have to change.

use super::model::{Audit, AuditService};
use super::net::{AuditReach, AuditSockets};
use crate::desc::suggest;
use anyhow::{Result, bail, ensure};
use nexus_sysdesc::{MAPPED_BITS, NetDirection, NetProtocol, Network, ip_of};
use std::fmt::Write as _;
use std::net::IpAddr;

/// What is asked about a service and the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskNet<'a> {
    /// Name of the service.
    pub service: &'a str,
    /// What is spoken.
    pub protocol: NetProtocol,
    /// Of whoever is connected to; none of an echo.
    pub port: Option<u16>,
    /// The one peer that it is about; `None`: anybody.
    pub peer: Option<IpAddr>,
}

impl Audit {
    /// Whether the service may reach others, and whether others may reach it: by which lines, or what would be needed;
    /// and who else may.
    ///
    /// # Errors
    /// There is no such service, a port is missing, or is one too many.
    pub fn why_net(&self, ask: &AskNet<'_>) -> Result<String> {
        let Some(service) = self.service(ask.service) else {
            let names: Vec<&str> = self.services.iter().map(|one| one.name.as_str()).collect();
            let instead = suggest::instead(ask.service, "services", &names);
            bail!("the image has no service `{}`; {instead}", ask.service);
        };
        match (ask.protocol, ask.port) {
            (NetProtocol::Echo, Some(_)) => bail!("an echo has no ports; leave it out"),
            (NetProtocol::Echo, None) => {}
            (protocol, port) => {
                let protocol = protocol.name();
                ensure!(port != Some(0) && port.is_some(), "which port? as `net {protocol} 80`");
            }
        }
        let both = NetDirection::ALL.map(|direction| self.one_way(service, direction, ask));
        Ok(both.concat())
    }

    fn one_way(&self, service: &AuditService, direction: NetDirection, ask: &AskNet<'_>) -> String {
        let lines: Vec<&AuditReach> = lets(service, direction, ask).collect();
        let mut text = String::new();
        if lines.is_empty() || self.is_back(direction, ask) {
            text += &format!("denied: {}\n", sentence(direction, "may not", ask));
            let (because, change) = self.denial(service, direction, ask);
            let _ = writeln!(text, "  because    {because}");
            let _ = writeln!(text, "  to change  {change}");
        } else {
            let quota = service.sockets.map(|AuditSockets { count, bytes }| {
                format!("{count} sockets, with {bytes} bytes of buffers")
            });
            for line in lines {
                let _ = writeln!(text, "allowed: {}", sentence(direction, "may", ask));
                let _ = writeln!(text, "  by rule    {} (policy epoch {})", line.rule, self.epoch);
                let _ = writeln!(text, "  reason     {}", line.reason);
                if !line.ports.is_empty() {
                    let _ = writeln!(text, "  ports      {}", line.ports_text());
                }
                let _ = writeln!(text, "  addresses  {}", line.addresses_text());
                let _ = writeln!(text, "  at most    {}", quota.as_deref().unwrap_or("nothing"));
            }
        }
        let others = self.services.iter().filter(|other| other.name != service.name);
        let others = others.filter_map(|other| {
            let line = lets(other, direction, ask).next()?;
            Some(format!("{} by {}", other.name, line.rule))
        });
        let others: Vec<String> = others.collect();
        if !others.is_empty() && !self.is_back(direction, ask) {
            let _ = writeln!(text, "  others     {}", others.join(", "));
        }
        text
    }

    /// The service would reach this machine, as far as the description says.
    fn is_back(&self, direction: NetDirection, ask: &AskNet<'_>) -> bool {
        let peer = ask.peer.filter(|_| direction == NetDirection::Out);
        let says = self.network.as_ref().map(|network| &network.says);
        peer.zip(says).is_some_and(|(peer, says)| says.is_this_machine(ip_of(peer)))
    }

    /// Why it is denied, and what would have to change.
    fn denial(
        &self,
        service: &AuditService,
        direction: NetDirection,
        ask: &AskNet<'_>,
    ) -> (String, String) {
        let (name, request) = (&service.name, request(direction, ask));
        let line = "a reviewed [[allow-net]] in policy.toml";
        if self.network.is_none() {
            let change = "a board with a [network], and a new image";
            (String::from("the board has no network"), String::from(change))
        } else if self.is_back(direction, ask) {
            let because = "it is this machine, or leads back to it, whatever the lines say";
            let change = format!(
                "the service that listens there in `talks-to` in services/{name}.toml, and a new image"
            );
            (String::from(because), change)
        } else if service.sockets.is_none() {
            let sockets = "`sockets = { count = 8, bytes = 1048576 }`";
            let change =
                format!("{sockets} and {request} in services/{name}.toml, {line}, and a new image");
            (format!("{name} may have no sockets"), change)
        } else {
            let change = format!("{request} in services/{name}.toml, {line}, and a new image");
            (String::from("no line lets it"), change)
        }
    }
}

/// The lines of a service that let what is asked about.
fn lets<'a>(
    service: &'a AuditService,
    direction: NetDirection,
    ask: &AskNet<'_>,
) -> impl Iterator<Item = &'a AuditReach> {
    let (protocol, port, peer) = (ask.protocol, ask.port.unwrap_or(0), ask.peer.map(ip_of));
    service.reaches.iter().filter(move |reach| reach.lets(protocol, direction, peer, port))
}

/// `nsh may reach others by tcp, port 80`.
fn sentence(direction: NetDirection, may: &str, ask: &AskNet<'_>) -> String {
    let others = ask.peer.map_or_else(|| String::from("others"), |peer| peer.to_string());
    let (who, whom) = match direction {
        NetDirection::Out => (ask.service, others.as_str()),
        NetDirection::In => (others.as_str(), ask.service),
    };
    let port = ask.port.map(|port| format!(", port {port}")).unwrap_or_default();
    format!("{who} {may} reach {whom} by {}{port}", ask.protocol.name())
}

/// What the service would ask for in its file.
fn request(direction: NetDirection, ask: &AskNet<'_>) -> String {
    let ports = ask.port.map(|port| format!(", ports = [\"{port}\"]")).unwrap_or_default();
    let addresses = match ask.peer {
        Some(peer) => {
            format!("\"{}\"", Network { address: ip_of(peer), bits: MAPPED_BITS + 32 })
        }
        None => String::from("\"0.0.0.0/0\", \"::/0\""),
    };
    format!(
        "`reaches = [{{ protocol = \"{}\", direction = \"{}\"{ports}, addresses = [{addresses}] }}]`",
        ask.protocol.name(),
        direction.name()
    )
}
