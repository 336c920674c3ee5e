//! The grammar of assertions.
//!
//! ```text
//! sentence  each device has exactly one owner
//!           each request is allowed
//!           device NAME has exactly one owner
//!           device NAME has no owner
//!           device NAME holds the store
//!           no device reaches more than its pool
//!           no device reaches more than N bytes
//!           there is no service NAME
//!           only NAME, NAME and NAME ACT
//!           no service ACT
//!           no service that ACT ACT
//!           NAME does not ACT
//! ACT       owns DEVICE           holds its window
//!           reaches DEVICE        owns it, or calls, by way of others too, who does
//!           reaches the network WAY           others, by a line of the policy
//!           is reached from the network WAY   likewise
//!           owns more than N devices
//!           receives interrupts of DEVICE
//!           calls NAME            may call that service
//!           shares memory with NAME    by a ring; or with a service, whichever
//!           keeps state
//!           opens state of NAME    of another, by a line of the policy; or `of a service`, whichever
//!           changes state of NAME  likewise, by a line with the right to put
//!           may PERMISSION        distribute, record, view, log, ask, report, clock, power, disk, net,
//!                                 supervise, archive, refuse, resolve
//!           has more than N frames
//!           is trusted with all memory    as the audit computes it, once devices are given out
//! WAY       nothing, or by tcp, by udp, by echo; then nothing, or beyond NETWORK, NETWORK and NETWORK:
//!           with an address that is in none of them, as 10.0.2.0/24 or fec0::/10
//! DEVICE    NAME, a device, a dma device, a low device, a medium device, a high device
//! ```
//! Verbs may also stand in the plural: `only a and b own c`.

use crate::desc::files::parse_network;
use nexus_sysdesc::{Danger, NetDirection, NetProtocol, Network, Permission};

/// What is asserted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sentence {
    /// Each device has exactly one owner.
    EachDeviceOwned,
    /// The rules allow every request.
    EachRequestAllowed,
    /// This device has exactly one owner.
    Owned(String),
    /// This device has no owner.
    Unowned(String),
    /// This device holds the store.
    HoldsStore(String),
    /// No device reaches, by itself, what is not in its pool.
    WithinPools,
    /// No device reaches more than this many bytes by itself.
    ReachAtMost(u64),
    /// There is no such service.
    Absent(String),
    /// Nobody but these does it.
    Only(Vec<String>, Act),
    /// Nobody does it.
    Nobody(Act),
    /// Nobody who does the one does the other.
    NobodyThat(Act, Act),
    /// This service does not do it.
    DoesNot(String, Act),
}

/// Something that a service does or has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Own(Devices),
    Reach(Devices),
    /// With whom, and who begins.
    Wire(NetDirection, Way),
    OwnMoreThan(usize),
    Receive(Devices),
    Call(String),
    Share(Services),
    Keep,
    Open(Services),
    Change(Services),
    May(Permission),
    HaveFramesOver(u64),
    ReachAllMemory,
}

/// What of the network is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// What is spoken; `None`: anything.
    pub(crate) by: Option<NetProtocol>,
    /// Only with an address that is in none of these; of none: with any.
    pub(crate) beyond: Vec<Network>,
}

/// Which devices are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Devices {
    Any,
    Dma,
    Danger(Danger),
    Named(String),
}

/// Which services are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Services {
    Any,
    Named(String),
}

/// Why a sentence is not one: what stood there, and what could.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotASentence {
    pub(crate) message: String,
    pub(crate) fix: String,
}

/// Reads a sentence. A full stop at its end may be left out.
pub(crate) fn parse(text: &str) -> Result<Sentence, NotASentence> {
    let spaced = text.trim().trim_end_matches('.').replace(',', " , ");
    let mut words = Words { words: spaced.split_whitespace().collect(), at: 0 };
    let sentence = words.sentence()?;
    match words.next() {
        None => Ok(sentence),
        Some(word) => Err(refused(format!("`{word}` follows a whole sentence"), "end it there")),
    }
}

fn refused(message: String, fix: &str) -> NotASentence {
    NotASentence { message, fix: fix.to_owned() }
}

struct Words<'a> {
    words: Vec<&'a str>,
    at: usize,
}

const STARTS: &str = "begin with `each device`, `each request`, `device NAME`, `no device \
                      reaches more than`, `there is no service`, `only NAME`, `no service`, or the name of a service";
const ACTS: &str = "say what it does: `owns DEVICE`, `reaches DEVICE`, `reaches the network`, `is reached from the network`, `owns more than N devices`, \
                    `receives interrupts of DEVICE`, `calls NAME`, `shares memory with NAME`, \
                    `keeps state`, `opens state of NAME`, `changes state of NAME`, `may PERMISSION`, `has more than N frames`, or `is trusted with all memory`";
const DEVICES: &str =
    "name a device, or write `a device`, `a dma device`, or `a low|medium|high device`";

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let word = self.words.get(self.at).copied();
        self.at += 1;
        word
    }

    /// Takes these words if they come next.
    fn take(&mut self, phrase: &str) -> bool {
        let wanted: Vec<&str> = phrase.split(' ').collect();
        let found = self.words.get(self.at..self.at + wanted.len()) == Some(wanted.as_slice());
        if found {
            self.at += wanted.len();
        }
        found
    }

    fn expect(&mut self, phrase: &str) -> Result<(), NotASentence> {
        if self.take(phrase) {
            return Ok(());
        }
        Err(refused(format!("`{phrase}` should follow {}", self.before()), "complete the sentence"))
    }

    /// The word before the next one, for messages.
    fn before(&self) -> String {
        let word = self.at.checked_sub(1).and_then(|at| self.words.get(at));
        word.map_or_else(|| String::from("the beginning"), |word| format!("`{word}`"))
    }

    fn name(&mut self, what: &str) -> Result<String, NotASentence> {
        let before = self.before();
        match self.next().filter(|word| *word != ",") {
            Some(word) => Ok(word.to_owned()),
            None => Err(refused(format!("{what} should follow {before}"), "complete the sentence")),
        }
    }

    fn number(&mut self) -> Result<u64, NotASentence> {
        let word = self.name("a number")?;
        let number = word.replace('_', "").parse();
        number.map_err(|_| refused(format!("`{word}` is not a number"), "write a whole number"))
    }

    fn sentence(&mut self) -> Result<Sentence, NotASentence> {
        if self.take("each device has exactly one owner") {
            Ok(Sentence::EachDeviceOwned)
        } else if self.take("each request is allowed") {
            Ok(Sentence::EachRequestAllowed)
        } else if self.take("device") {
            self.owned()
        } else if self.take("no device reaches more than its pool") {
            Ok(Sentence::WithinPools)
        } else if self.take("no device reaches more than") {
            let most = self.number()?;
            self.expect("bytes")?;
            Ok(Sentence::ReachAtMost(most))
        } else if self.take("there is no service") {
            Ok(Sentence::Absent(self.name("the name of a service")?))
        } else if self.take("only") {
            Ok(Sentence::Only(self.names()?, self.act()?))
        } else if self.take("no service that") {
            Ok(Sentence::NobodyThat(self.act()?, self.act()?))
        } else if self.take("no service") {
            Ok(Sentence::Nobody(self.act()?))
        } else {
            self.does_not()
        }
    }

    fn owned(&mut self) -> Result<Sentence, NotASentence> {
        let name = self.name("the name of a device")?;
        if self.take("has no owner") {
            return Ok(Sentence::Unowned(name));
        }
        if self.take("holds the store") {
            return Ok(Sentence::HoldsStore(name));
        }
        self.expect("has exactly one owner")?;
        Ok(Sentence::Owned(name))
    }

    fn does_not(&mut self) -> Result<Sentence, NotASentence> {
        let first = self.next().unwrap_or_default().to_owned();
        if !self.take("does not") {
            let message = format!("no assertion begins with `{}`", self.words.join(" "));
            return Err(refused(message, STARTS));
        }
        Ok(Sentence::DoesNot(first, self.act()?))
    }

    /// `a`, `a and b`, `a, b and c`.
    fn names(&mut self) -> Result<Vec<String>, NotASentence> {
        let mut names = vec![self.name("the name of a service")?];
        while self.take(",") || self.take("and") {
            names.push(self.name("the name of a service")?);
        }
        Ok(names)
    }

    fn act(&mut self) -> Result<Act, NotASentence> {
        let before = self.before();
        match self.next() {
            Some("owns" | "own") if self.take("more than") => {
                let most = usize::try_from(self.number()?).unwrap_or(usize::MAX);
                self.expect("devices")?;
                Ok(Act::OwnMoreThan(most))
            }
            Some("owns" | "own") => Ok(Act::Own(self.devices()?)),
            Some("reaches" | "reach") if self.take("the network") => {
                Ok(Act::Wire(NetDirection::Out, self.way()?))
            }
            Some("reaches" | "reach") => Ok(Act::Reach(self.devices()?)),
            Some("receives" | "receive") => {
                self.expect("interrupts of")?;
                Ok(Act::Receive(self.devices()?))
            }
            Some("calls" | "call") => Ok(Act::Call(self.name("the name of a service")?)),
            Some("shares" | "share") => {
                self.expect("memory with")?;
                self.services().map(Act::Share)
            }
            Some("keeps" | "keep") => {
                self.expect("state")?;
                Ok(Act::Keep)
            }
            Some("opens" | "open") => {
                self.expect("state of")?;
                self.services().map(Act::Open)
            }
            Some("changes" | "change") => {
                self.expect("state of")?;
                self.services().map(Act::Change)
            }
            Some("may") => self.permission(),
            Some("has" | "have") => {
                if !self.take("more than") {
                    let message = "`has` can only be followed by `more than N frames`";
                    return Err(refused(message.to_owned(), ACTS));
                }
                let most = self.number()?;
                self.expect("frames")?;
                Ok(Act::HaveFramesOver(most))
            }
            Some("is" | "are" | "be") if self.take("reached from the network") => {
                Ok(Act::Wire(NetDirection::In, self.way()?))
            }
            Some("is" | "are" | "be") => {
                self.expect("trusted with all memory")?;
                Ok(Act::ReachAllMemory)
            }
            Some(word) => Err(refused(format!("`{word}` is nothing that a service does"), ACTS)),
            None => Err(refused(format!("the sentence ends after {before}"), ACTS)),
        }
    }

    /// `by tcp beyond 10.0.2.0/24`, or less.
    fn way(&mut self) -> Result<Way, NotASentence> {
        let mut way = Way { by: None, beyond: Vec::new() };
        if self.take("by") {
            let word = self.name("a protocol")?;
            let by = NetProtocol::ALL.into_iter().find(|protocol| protocol.name() == word);
            let why =
                || refused(format!("`{word}` is no protocol"), "choose from tcp, udp and echo");
            way.by = Some(by.ok_or_else(why)?);
        }
        if self.take("beyond") {
            way.beyond.push(self.network()?);
            while self.take(",") || self.take("and") {
                way.beyond.push(self.network()?);
            }
        }
        Ok(way)
    }

    fn network(&mut self) -> Result<Network, NotASentence> {
        let word = self.name("a network")?;
        parse_network(&word).map_err(|_| {
            let fix = "write an address and how many bits of it count, as 10.0.2.0/24 or fec0::/10";
            refused(format!("`{word}` is no network"), fix)
        })
    }

    /// `a service`, or the name of one.
    fn services(&mut self) -> Result<Services, NotASentence> {
        if self.take("a service") {
            return Ok(Services::Any);
        }
        self.name("the name of a service").map(Services::Named)
    }

    fn permission(&mut self) -> Result<Act, NotASentence> {
        let word = self.name("a permission")?;
        let found = Permission::ALL.into_iter().find(|permission| permission.name() == word);
        found.map(Act::May).ok_or_else(|| {
            let names: Vec<&str> = Permission::ALL.iter().map(|one| one.name()).collect();
            let fix = format!("choose from {}", names.join(", "));
            refused(format!("`{word}` is not a permission"), &fix)
        })
    }

    fn devices(&mut self) -> Result<Devices, NotASentence> {
        if !self.take("a") {
            return Ok(Devices::Named(self.name("a device")?));
        }
        if self.take("device") {
            return Ok(Devices::Any);
        }
        let which = self.name("`device`")?;
        let danger = Danger::ALL.into_iter().find(|danger| danger.name() == which);
        let devices = match danger {
            Some(danger) => Devices::Danger(danger),
            None if which == "dma" => Devices::Dma,
            None => return Err(refused(format!("there is no `a {which}` device"), DEVICES)),
        };
        self.expect("device")?;
        Ok(devices)
    }
}
