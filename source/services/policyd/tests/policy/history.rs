//! A later life of policyd knows what was decided before it.

use nexus_proto::Fold;

use super::*;

fn rng_of(incarnation: u32, nonce: u64) -> Decide {
    Decide { subject: Subject { id: RNGD, incarnation }, ..rng(nonce) }
}

// attack 60 U: a question about a life that is over, to a policyd that has restarted; denied; broken: policyd-history
#[test]
fn a_stale_life_is_stale_after_a_restart() {
    let mut bench = Bench::new();
    assert_eq!(bench.decide(&rng_of(3, 1)).verdict, Verdict::Allow);
    bench.restart();
    assert_eq!(bench.deny(&rng_of(2, 2)), Reason::StaleIncarnation);
    assert_eq!(bench.decide(&rng_of(3, 3)).verdict, Verdict::Allow);
    assert_eq!(bench.decide(&rng_of(4, 4)).verdict, Verdict::Allow);
}

// attack 37 U: a question is asked again of a policyd that has restarted; denied; broken: policyd-history, policyd-history-nonces
#[test]
fn a_nonce_is_used_up_after_a_restart() {
    let mut bench = Bench::new();
    bench.decide(&rng(5));
    bench.deny(&Decide { device: EXTRA, ..rng(9) });
    bench.restart();
    for nonce in [1, 5, 9] {
        assert_eq!(bench.deny(&rng(nonce)), Reason::NonceReused);
    }
    assert_eq!(bench.decide(&rng(10)).verdict, Verdict::Allow);
}

#[test]
fn nonces_after_a_restart_are_those_of_whom_the_description_has_distribute() {
    let mut description = description();
    (description.init, description.services[0].id) = (2, 2);
    description.validate().unwrap();
    let init = Sender { service_id: 2, incarnation: 1 };
    let mut bench = Bench::with(description.clone());
    let mut reason = |policyd: &mut Policyd, nonce| {
        policyd.decide(init, &rng(nonce), &mut bench.ledger).unwrap().reason
    };
    assert_eq!(reason(&mut bench.policyd, 5), Reason::Allowed);
    bench.policyd = Policyd::new(description);
    assert_eq!(reason(&mut bench.policyd, 5), Reason::NonceReused);
    assert_eq!(reason(&mut bench.policyd, 6), Reason::Allowed);
}

// attack 39 U: a device is elsewhere, or has another line, after policyd restarted; denied; broken: policyd-history
#[test]
fn devices_stay_where_they_were_after_a_restart() {
    let mut bench = Bench::with(lines::lined());
    let lined = |line, nonce| Decide { line, ..rng(nonce) };
    assert_eq!(bench.decide(&lined(2, 1)).verdict, Verdict::Allow);
    bench.policyd = Policyd::new(lines::lined());
    let moved = Decide { base: 0x1000_7000, ..lined(2, 2) };
    assert_eq!(bench.deny(&moved), Reason::WindowMismatch);
    assert_eq!(bench.deny(&lined(3, 3)), Reason::LineMismatch);
    assert_eq!(bench.decide(&lined(2, 4)).verdict, Verdict::Allow);
}

// attack 60 U: the records of a life are folded away; a question about it is denied still; broken: policyd-history-folds
#[test]
fn a_life_that_is_folded_away_is_stale() {
    let mut bench = Bench::new();
    let subject = Subject { id: RNGD, incarnation: 7 };
    let fold = Fold { subject, lives: 7, records: 21, last: 30, hash: [0; 24] };
    bench.ledger.entries.push(fold.entry());
    assert_eq!(bench.deny(&rng_of(6, 1)), Reason::StaleIncarnation);
    assert_eq!(bench.decide(&rng_of(8, 2)).verdict, Verdict::Allow);
}

// attack 60 U: policyd is asked before it could read what was decided; it denies all; broken: policyd-history-first
#[test]
fn nothing_is_allowed_before_the_history_is_read() {
    let mut bench = Bench::new();
    bench.ledger.unread = true;
    for nonce in 1..4 {
        assert_eq!(bench.deny(&rng(nonce)), Reason::HistoryUnread);
    }
    assert!(bench.ledger.entries.iter().all(|entry| entry.outcome == Outcome::Deny));
    assert_eq!(bench.ledger.entries.len(), 3, "the denials are recorded");
    bench.ledger.unread = false;
    assert_eq!(bench.deny(&rng(2)), Reason::NonceReused);
    assert_eq!(bench.decide(&rng(4)).verdict, Verdict::Allow);
    bench.ledger.unread = true;
    assert_eq!(bench.decide(&rng(5)).verdict, Verdict::Allow, "it is read once");
}

#[test]
fn a_ledger_that_gives_a_record_again_has_no_history() {
    let mut bench = Bench::new();
    bench.decide(&rng(1));
    bench.restart();
    bench.ledger.stuck = true;
    assert_eq!(bench.deny(&rng(2)), Reason::HistoryUnread);
}

// attack 44 U: questions without the permission, over restarts of policyd; four are recorded in all, and their nonces count for nothing; broken: policyd-history-intruders
#[test]
fn intruders_are_counted_over_restarts() {
    let mut bench = Bench::new();
    for _ in 0..3 {
        for _ in 0..3 {
            assert_eq!(bench.ask(NSH, rng(u64::MAX)), Err(ServiceError::Denied));
        }
        bench.restart();
        bench.policyd.read_history(&mut bench.ledger);
    }
    assert_eq!(bench.ledger.entries.len(), 4);
    assert!(bench.ledger.entries.iter().all(|entry| entry.reason == Reason::MayNotAsk.code()));
    assert_eq!(bench.decide(&rng(1)).verdict, Verdict::Allow);
}
