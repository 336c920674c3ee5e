//! What the console keeps of each service that reads.

use alloc::string::String;
use alloc::vec::Vec;

use crate::guard::clean;
use crate::history::History;

#[derive(Debug, Default)]
struct Client {
    service_id: u32,
    prompt: String,
    history: History,
    /// The line of the last event.
    line: String,
}

/// The services that read. They are few: init decides who may talk to the console.
#[derive(Debug, Default)]
pub struct Clients {
    list: Vec<Client>,
}

impl Clients {
    /// Sets the prompt of a service.
    pub fn set_prompt(&mut self, service_id: u32, prompt: &[u8]) {
        self.client(service_id).prompt = clean(prompt);
    }

    /// The prompt of a service.
    pub fn prompt(&mut self, service_id: u32) -> &str {
        &self.client(service_id).prompt
    }

    /// The history of a service.
    pub fn history(&mut self, service_id: u32) -> &mut History {
        &mut self.client(service_id).history
    }

    /// Keeps the line of an event, for whoever asks for the rest of its text.
    pub fn set_line(&mut self, service_id: u32, line: &str) {
        self.client(service_id).line = String::from(line);
    }

    /// The bytes of the last event's line from `offset` on; `None` past its end.
    pub fn line(&mut self, service_id: u32, offset: usize) -> Option<&[u8]> {
        self.client(service_id).line.as_bytes().get(offset..)
    }

    fn client(&mut self, service_id: u32) -> &mut Client {
        let index = self.list.iter().position(|client| client.service_id == service_id);
        let index = index.unwrap_or_else(|| {
            self.list.push(Client { service_id, ..Client::default() });
            self.list.len() - 1
        });
        &mut self.list[index]
    }
}
