//! Requests to init, over the small kernel, the real policyd and the real logd of nexus-states.

use nexus_abi::{Handle, Message, Sender};
use nexus_init::board::{Tree, view};
use nexus_proto::init::{
    Board, Caps, Dma, Init, Mem, Owners, Ready, Report, ReportState, Request, Services, Stat, Try,
};
use nexus_proto::{Operation, Protocol, Zero};
use nexus_rt::{host, serve};
use nexus_states::outside::{FAILURES, Fate};
use nexus_states::system::{OWNERS, REQUESTS, RIGHTS, need, process_of, started};
use nexus_sysdesc::Permission;

use crate::{answers, frames, input::Input, system};

// attack 25 Z: anybody asks init where things are; only who may view and read the log is told addresses; broken: init-inspect
// attack 27 Z: a report in another's name; the stamp decides
// attack 30 Z: init is asked on behalf of another; nothing is given
// attack 31 Z: wrong counts and fields to init; refused as malformed
/// Whatever is asked: nobody gets a window, and only the shell hears where windows are.
pub fn init(data: &[u8]) {
    let mut input = Input::new(data);
    let (events, fate) = (input.byte(), input.byte());
    let mut init = started(64);
    let tree = Tree::parse(system::DEVICE_TREE).expect("the real tree");
    init.board = view(&tree, &[], &[], &[]);
    for request in [0, 2] {
        let (service, device) = REQUESTS[request];
        let given = init.give(service, process_of(service), &need(device));
        assert!(given.is_ok(), "the rules allow it");
    }
    if events & 1 == 1 {
        let (_, process, bit) = OWNERS[0];
        init.machine.end(process);
        init.notified(bit);
    }
    init.notified(u64::from(events >> 1) << 1);
    let caps = init.machine.caps.clone();
    let owners = OWNERS.map(|(service_id, ..)| Sender { service_id, incarnation: 1 });
    let frames = frames::read(Init::NUMBER, input);
    let delivery = host::deliver(frames.iter().copied().map(Ok));
    let _ = serve::<Init>(Handle(1), |sender, request| {
        let failure = FAILURES.get(usize::from(fate)).copied();
        init.machine.fate = failure.unwrap_or(Fate::Fine);
        let may = init.registry.description().permits(sender.service_id, Permission::View);
        let answer = init.handle(sender, &request);
        assert_eq!(init.machine.caps, caps, "{request:?} changed who holds what");
        if !may {
            assert!(tells_nothing(&request, &answer), "{request:?}: {answer:?}");
        }
        assert!(!reported(&request, &answer) || owners.contains(&sender), "{sender:?}");
        answer
    });
    assert_eq!(init.machine.wrong, None);
    answers::check::<Request>(&frames, &delivery, true);
}

/// True when no address is told, and nothing is asked of policyd.
fn tells_nothing(request: &Request, answer: &Message) -> bool {
    match request {
        Request::Owners(_) => Owners::decode_reply(answer).is_err(),
        Request::Caps(_) => Caps::decode_reply(answer).is_err(),
        Request::Dma(_) => Dma::decode_reply(answer).is_err(),
        Request::Try(_) => Try::decode_reply(answer).is_err(),
        Request::Stat(_) => {
            Stat::decode_reply(answer).is_ok_and(|stat| stat.root == 0) || err(answer)
        }
        Request::Board(_) => {
            Board::decode_reply(answer).is_ok_and(|one| one.base == 0) || err(answer)
        }
        _ => true,
    }
}

fn err(answer: &Message) -> bool {
    answer.tag.label() != 0
}

fn reported(request: &Request, answer: &Message) -> bool {
    matches!(request, Request::Report(_)) && !err(answer)
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let zero = Zero::ZERO;
    let asks = [
        Services { cursor: 3 }.encode(),
        Owners { cursor: 1 }.encode(),
        Caps { service: 7, zero, cursor: 0 }.encode(),
        Stat { service: 7, zero }.encode(),
        Mem {}.encode(),
        Try { service: 8, device: 0, rights: RIGHTS }.encode(),
        Ready {}.encode(),
        Board { cursor: 4 }.encode(),
        Dma { cursor: 0 }.encode(),
        Report { state: ReportState::Ready, zero: Zero::ZERO, detail: 4 }.encode(),
    ];
    let by = |events: u8, fate: u8, id| [vec![events, fate], frames::write_all(id, &asks)].concat();
    let all = [
        ("shell", by(0, 99, 10)),
        ("owner", by(0, 99, 7)),
        ("stranger", by(0, 99, 12)),
        ("after-an-end", by(1, 99, 10)),
        ("policyd-gone", by(0, 0, 10)),
        ("policyd-garbled", by(0, 3, 10)),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
