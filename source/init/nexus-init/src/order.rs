//! In which order services are started.

use alloc::vec::Vec;

use nexus_proto::ids;
use nexus_sysdesc::Description;

/// Places in [`Description::services`] of all services that init starts, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// logd, policyd and busd, because nothing is given without them, and whomever they call.
    pub authorities: Vec<usize>,
    /// The others.
    pub others: Vec<usize>,
}

/// Authorities first, then servers before their clients. A server has at least the priority of its
/// clients, so that priority decides, and calls among equals.
#[must_use]
pub fn start_order(description: &Description) -> Order {
    let mut waiting: Vec<usize> = (0..description.services.len()).collect();
    waiting.retain(|index| id(description, *index) != description.init);
    waiting.sort_by_key(|index| rank(description, *index));

    let mut order = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        // In a cycle nobody is free to begin; then the first one begins.
        let free = |index: &usize| is_free(description, *index, &waiting);
        let next = waiting.iter().position(free).unwrap_or(0);
        order.push(waiting.remove(next));
    }
    let last = order.iter().rposition(|index| group(id(description, *index)) < OTHERS);
    let others = order.split_off(last.map_or(0, |last| last.saturating_add(1)));
    Order { authorities: order, others }
}

fn id(description: &Description, index: usize) -> u32 {
    description.services.get(index).map_or(0, |service| service.id)
}

/// Those that are no authority.
const OTHERS: u8 = 3;

/// Authorities, each before those that ask it.
fn group(id: u32) -> u8 {
    match id {
        ids::LOGD => 0,
        ids::POLICYD => 1,
        ids::BUSD => 2,
        _ => OTHERS,
    }
}

/// Sorts authorities first, then by falling priority, then by id.
fn rank(description: &Description, index: usize) -> (u8, u8, u32) {
    let id = id(description, index);
    let priority = description.services.get(index).map_or(0, |service| service.priority);
    (group(id), u8::MAX - priority, id)
}

/// True when nobody that this service calls still waits for its start.
fn is_free(description: &Description, index: usize, waiting: &[usize]) -> bool {
    let Some(service) = description.services.get(index) else { return true };
    let waits = |server: &u32| waiting.iter().any(|other| id(description, *other) == *server);
    !service.talks_to.iter().any(waits)
}

#[cfg(test)]
mod tests {
    use nexus_sysdesc::{Profile, Service};

    use super::*;

    fn service(id: u32, priority: u8, talks_to: &[u32]) -> Service {
        let service = nexus_sysdesc::testing::service(id, "test", &[]);
        Service { priority, talks_to: talks_to.to_vec(), ..service }
    }

    fn described(services: Vec<Service>) -> Description {
        nexus_sysdesc::testing::system(Profile::Test, services)
    }

    fn order(services: Vec<Service>) -> Vec<u32> {
        let description = described(services);
        let Order { authorities, others } = start_order(&description);
        authorities.into_iter().chain(others).map(|index| id(&description, index)).collect()
    }

    #[test]
    fn authorities_first_then_servers_before_clients() {
        let services = vec![
            service(1, 20, &[2, 3]),
            service(2, 22, &[3]),
            service(3, 24, &[]),
            service(4, 17, &[1, 3]),
            service(5, 16, &[3, 6]),
            service(6, 16, &[3]),
            service(10, 8, &[1, 4, 5, 6]),
            service(11, 21, &[3]),
            service(12, 30, &[]),
        ];
        assert_eq!(order(services), [3, 2, 11, 12, 4, 6, 5, 10]);
    }

    #[test]
    fn of_two_the_one_with_the_higher_priority_is_first() {
        let services = [0, 1, 127, 128, 129, 254, u8::MAX];
        let each = services.iter().zip(4..).map(|(priority, id)| service(id, *priority, &[]));
        assert_eq!(order(each.collect()), [10, 9, 8, 7, 6, 5, 4]);
    }

    #[test]
    fn whom_an_authority_calls_starts_with_the_authorities() {
        let services = vec![
            service(ids::POLICYD, 22, &[ids::LOGD]),
            service(ids::LOGD, 24, &[]),
            service(ids::BUSD, 21, &[5]),
            service(4, 30, &[]),
            service(5, 16, &[]),
        ];
        let description = described(services);
        let Order { authorities, others } = start_order(&description);
        let ids = |order: Vec<usize>| -> Vec<u32> {
            order.into_iter().map(|index| id(&description, index)).collect()
        };
        let authorities = ids(authorities);
        assert_eq!(authorities, [ids::LOGD, ids::POLICYD, 4, 5, ids::BUSD]);
        assert_eq!(ids(others), []);
    }

    #[test]
    fn all_others_start_after_the_authorities() {
        let services = vec![service(4, 30, &[]), service(ids::LOGD, 24, &[]), service(5, 16, &[])];
        let Order { authorities, others } = start_order(&described(services));
        assert_eq!((authorities, others), (vec![1], vec![0, 2]));
        let Order { authorities, others } = start_order(&described(vec![service(4, 30, &[])]));
        assert_eq!((authorities, others), (vec![], vec![0]));
    }

    #[test]
    fn a_cycle_or_an_unknown_server_stops_nobody() {
        let services = vec![service(1, 20, &[]), service(5, 9, &[6]), service(6, 9, &[5, 99])];
        assert_eq!(order(services), [5, 6]);
        assert_eq!(order(vec![service(1, 20, &[])]), [0u32; 0]);
    }
}
