//! What a service did not answer, in words.

use alloc::format;
use alloc::string::{String, ToString};

use nexus_proto::{ServiceError, ids};
use nexus_rt::CallError;
use nexus_sysdesc::Permission;

use crate::names::Names;

/// A service gave no answer that could be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Whom the shell asked.
    pub service: u32,
    /// What became of it; `None` when the shell may not ask.
    pub error: Option<CallError>,
}

impl Trouble {
    /// The refusal of the service, if it is one.
    #[must_use]
    pub const fn refused(&self) -> Option<ServiceError> {
        match self.error {
            Some(CallError::Service(error)) => Some(error),
            _ => None,
        }
    }

    /// In words.
    #[must_use]
    pub fn text(&self, names: &Names) -> String {
        let name = match names.services.iter().any(|(id, _)| *id == self.service) {
            true => names.service(self.service),
            false if self.service == ids::INIT => "init".to_string(),
            false => format!("service {}", self.service),
        };
        match self.error {
            None => format!(
                "this shell may not ask {name}; `talks-to` in its service file would have to name it"
            ),
            Some(CallError::Kernel(nexus_abi::Error::TimedOut)) => {
                format!("{name} does not answer; `services` tells how it stands")
            }
            Some(CallError::Kernel(nexus_abi::Error::PeerGone)) => format!(
                "{name} ended while it was asked: it is done, or it is not; `services` tells how it goes on"
            ),
            Some(CallError::Service(ServiceError::Gone)) => format!(
                "{name} does not run, and is not started again by itself; `why {name}` tells why"
            ),
            // Its endpoint was never made.
            Some(CallError::Kernel(nexus_abi::Error::BadHandle)) => {
                format!("{name} is not there to be asked; `why {name}` and `log init` tell why")
            }
            Some(CallError::Kernel(error)) => format!("{name} cannot be asked: {error:?}"),
            Some(CallError::Malformed(_)) => format!("{name} gives an answer that makes no sense"),
            Some(CallError::Service(ServiceError::Denied)) => {
                format!("{name} refuses: this shell lacks the permission{}", lacking(self.service))
            }
            Some(CallError::Service(ServiceError::BadState)) if self.service == ids::VIRTIOBLKD => {
                format!(
                    "{name} refuses: the disk holds the store, and what is on it is statefsd's alone; `state` shows \
                 what this shell keeps there"
                )
            }
            Some(CallError::Service(error)) => format!("{name} refuses: {}", refusal(error)),
        }
    }
}

/// Which permission, where a service asks for one alone, and what gives it.
fn lacking(service: u32) -> String {
    match service {
        ids::VIRTIOBLKD => given_by(Permission::Disk),
        ids::POWERD => given_by(Permission::Power),
        ids::NETSTACKD => given_by(Permission::View),
        _ => String::new(),
    }
}

/// The name of a permission, and what gives it.
pub(crate) fn given_by(permission: Permission) -> String {
    let name = permission.name();
    format!(" `{name}`: `asks` in its service file, and a line for it in policy.toml, give it")
}

fn refusal(error: ServiceError) -> &'static str {
    match error {
        ServiceError::NotSupported => "it does not offer that",
        ServiceError::Denied => "this shell lacks the permission",
        ServiceError::Malformed => "it does not understand the question",
        ServiceError::NoSuchService => "there is no such service",
        ServiceError::NoSuchDevice => "there is no such device",
        ServiceError::NotFound => "there is no such thing",
        ServiceError::Busy => "it is busy",
        ServiceError::Unavailable => "a service that it needs does not answer",
        ServiceError::Full => "it has no room",
        ServiceError::TimedOut => "it took too long",
        ServiceError::DeviceFailed => "the device did not do it",
        ServiceError::BadState => "it cannot do that now",
        ServiceError::OutOfRange => "a number is out of range",
        ServiceError::Gone => "it does not run any more",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::names;

    #[test]
    fn what_is_refused_says_what_would_give_it() {
        let trouble = |service, error| Trouble { service, error }.text(&names());
        let denied = Some(CallError::Service(ServiceError::Denied));
        assert_eq!(
            trouble(ids::VIRTIOBLKD, denied),
            "virtioblkd refuses: this shell lacks the permission `disk`: `asks` in its service file, and a \
             line for it in policy.toml, give it"
        );
        assert!(trouble(ids::POWERD, denied).contains("`power`"));
        assert_eq!(trouble(ids::INIT, denied), "init refuses: this shell lacks the permission");
        assert!(trouble(ids::RNGD, None).contains("`talks-to`"));
        let gone = Some(CallError::Kernel(nexus_abi::Error::BadHandle));
        assert_eq!(
            trouble(ids::RNGD, gone),
            "rngd is not there to be asked; `why rngd` and `log init` tell why"
        );
        let gone = Some(CallError::Service(ServiceError::Gone));
        assert_eq!(
            trouble(ids::RNGD, gone),
            "rngd does not run, and is not started again by itself; `why rngd` tells why"
        );
        let ended = Some(CallError::Kernel(nexus_abi::Error::PeerGone));
        assert_eq!(
            trouble(ids::RNGD, ended),
            "rngd ended while it was asked: it is done, or it is not; `services` tells how it goes on"
        );
        let store = Some(CallError::Service(ServiceError::BadState));
        let text = trouble(ids::VIRTIOBLKD, store);
        assert!(text.contains("the disk holds the store") && text.contains("`state`"), "{text}");
        assert_eq!(trouble(ids::INIT, store), "init refuses: it cannot do that now");
        let failed = Some(CallError::Service(ServiceError::DeviceFailed));
        assert_eq!(
            trouble(ids::VIRTIOBLKD, failed),
            "virtioblkd refuses: the device did not do it"
        );
    }
}
