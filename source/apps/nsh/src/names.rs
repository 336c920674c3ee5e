//! The names of services and devices, as init tells them.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Names and numbers of services, devices and rules. A name is for people; what is asked of a service is asked by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Service ids and names.
    pub services: Vec<(u32, String)>,
    /// Device numbers and names.
    pub devices: Vec<(u16, String)>,
    /// Rule numbers and identifiers, as far as they were asked for.
    pub rules: Vec<(u16, String)>,
}

impl Names {
    /// Name of a service.
    #[must_use]
    pub fn service(&self, id: u32) -> String {
        match self.services.iter().find(|(known, _)| *known == id) {
            Some((_, name)) => name.clone(),
            None if id == 0 => "-".to_string(),
            None => alloc::format!("service {id}"),
        }
    }

    /// Name of a device; `-` for none.
    #[must_use]
    pub fn device(&self, number: u16) -> String {
        match self.devices.iter().find(|(known, _)| *known == number) {
            Some((_, name)) => name.clone(),
            None if number == nexus_proto::log::NO_DEVICE => "-".to_string(),
            None => alloc::format!("device {number}"),
        }
    }

    /// Identifier of a rule.
    #[must_use]
    pub fn rule(&self, number: u16) -> String {
        match self.rules.iter().find(|(known, _)| *known == number) {
            Some((_, id)) => id.clone(),
            None if number == nexus_proto::policy::NO_RULE => "no rule".to_string(),
            None => alloc::format!("rule {number}"),
        }
    }

    /// The service that somebody typed: a name, or an id.
    #[must_use]
    pub fn find_service(&self, word: &str) -> Option<u32> {
        let named = self.services.iter().find(|(_, name)| name == word).map(|(id, _)| *id);
        named.or_else(|| word.parse().ok())
    }

    /// The device that somebody typed: a name, or a number.
    #[must_use]
    pub fn find_device(&self, word: &str) -> Option<u16> {
        let named = self.devices.iter().find(|(_, name)| name == word).map(|(id, _)| *id);
        named.or_else(|| word.parse().ok())
    }

    /// Names of the services.
    pub fn service_names(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(|(_, name)| name.as_str())
    }

    /// Names of the devices.
    pub fn device_names(&self) -> impl Iterator<Item = &str> {
        self.devices.iter().map(|(_, name)| name.as_str())
    }
}
