//! Who sees what.

use nexus_proto::log::Access;
use nexus_proto::state::ring as wire;
use nexus_state::{Change, Error, Expect, OWN};
use nexus_store::Key;
use nexus_sysdesc::{StateRight, Tree};

use super::{A, B, C, KEYS, World, description, head, tree};
use crate::trees::Trees;

fn filled(world: &std::rc::Rc<World>) {
    let mut b = world.client(B);
    for key in ["open", "open/a", "open/b/c", "opens", "other", "open-/x", "in/x"] {
        b.put(key, key.as_bytes(), Expect::Any).unwrap();
    }
    b.sync().unwrap();
}

// attack 92 U: another's keys beside the prefix, above it, that begin like it, and by tricks with parts; denied, and the tree has them still; broken: state-prefix, state-owner
#[test]
fn a_line_opens_its_prefix_and_nothing_else() {
    let world = World::new();
    filled(&world);
    let mut a = world.client(A);
    for key in ["open", "open/a", "open/b/c"] {
        assert_eq!(a.get(B, key).unwrap().unwrap().bytes, key.as_bytes());
    }
    for key in ["opens", "other", "open-/x", "in/x", "ope", "o"] {
        assert_eq!(a.get(B, key), Err(Error::Denied), "{key}");
        assert_eq!(a.stat(B, key), Err(Error::Denied), "{key}");
    }
    for key in ["open/../other", "open//a", "./open/a", "open/", "open/./a", "open/\u{0}"] {
        assert!(matches!(a.get(B, key), Err(Error::BadKey(_))), "{key}");
    }
    let denied = Err(Error::Denied);
    assert_eq!(a.put_in(B, "open/new", b"", Expect::Any, false), denied);
    assert_eq!(a.delete(B, "open/a", Expect::Any, false), Err(Error::Denied));
    assert_eq!(a.get(C, "open/a"), Err(Error::Denied));
    assert_eq!(a.usage(B), Err(Error::Denied), "the whole tree is not open");
}

// attack 92 U: a line whose prefix no key can have, in a description that nobody has checked; it opens nothing; broken: state-prefix-none
#[test]
fn a_line_whose_prefix_is_none_opens_nothing() {
    let opened = |prefix: &str| {
        let mut description = description();
        description.services[0].opens[0].prefix = prefix.into();
        let trees = Trees::new(&description);
        let key = |key| [Some(Key::new(key).unwrap())];
        let to = |keys| trees.access(A).to(&trees, B, StateRight::Get, keys).is_ok();
        [to(key("open/a")), to(key("other")), to([None])]
    };
    assert_eq!((opened("open"), opened("")), ([true, false, false], [true; 3]));
    for odd in ["/", "open/", "open//a", ".", "\n"] {
        assert_eq!(opened(odd), [false; 3], "{odd:?}");
    }
}

// attack 92 U: list under a shorter prefix than is open, under none, and with a cursor outside; nothing but what is open is shown; broken: state-prefix
#[test]
fn a_list_shows_what_the_line_opens() {
    let world = World::new();
    filled(&world);
    let mut a = world.client(A);
    let keys = |page: nexus_state::Page| page.rows.into_iter().map(|row| row.key).collect();
    let keys = |page| -> Vec<String> { keys(page) };
    assert_eq!(keys(a.list(B, "open", None, 10, true).unwrap()), ["open/a", "open/b/c"]);
    assert_eq!(keys(a.list(B, "open/b", None, 10, true).unwrap()), ["open/b/c"]);
    for after in ["a", "in/x", "open", "open-/x"] {
        let page = a.list(B, "open", Some(after), 10, false).unwrap();
        assert_eq!(keys(page), ["open/a", "open/b/c"], "behind {after}");
    }
    for after in ["opens", "other", "z"] {
        assert_eq!(keys(a.list(B, "open", Some(after), 10, false).unwrap()), [""; 0]);
    }
    for under in ["", "ope", "other", "opens", "in"] {
        assert_eq!(a.list(B, under, None, 10, false), Err(Error::Denied), "{under}");
    }
}

// attack 92 U: with the right to put and no other, read, list, and change beside the prefix by a batch; denied as a whole; broken: state-batch-keys, state-rights
#[test]
fn rights_are_no_more_than_the_line_says() {
    let world = World::new();
    let mut b = world.client(B);
    b.put_in(A, "in/x", b"1", Expect::Any, false).unwrap();
    assert_eq!(b.get(A, "in/x"), Err(Error::Denied));
    assert_eq!(b.list(A, "in", None, 10, false), Err(Error::Denied));
    let change = |key| Change { key, value: Some(&b"2"[..]), expect: Expect::Any };
    assert_eq!(b.batch(A, &[change("in/y"), change("out")], false), Err(Error::Denied));
    b.batch(A, &[change("in/y"), change("in/z")], true).unwrap();
    b.put_pieces(A, "in/large", &[3; 100_000], Expect::Any, true).unwrap();
    let refused = b.put_pieces(A, "out", &[3; 100_000], Expect::Any, true);
    assert_eq!(refused, Err(Error::Denied));
    let mut a = world.client(A);
    let page = a.list(OWN, "", None, 10, false).unwrap();
    let keys: Vec<&str> = page.rows.iter().map(|row| &*row.key).collect();
    assert_eq!(keys, ["in/large", "in/x", "in/y", "in/z"]);
    // What was begun for one tree is not finished in another.
    let mut raw = world.raw(B, 2);
    raw.ask(wire::BEGIN, wire::Head { owner: A, ..wire::Head::default() }, &[], 0);
    world.turn();
    let draft = super::answer(&raw.done()[0].1).version;
    raw.ask(wire::FINISH, head("x", &[]), b"x", draft);
    world.turn();
    assert_eq!(raw.statuses(), [wire::NO_DRAFT]);
}

#[test]
fn a_service_without_a_tree_has_none() {
    let world = World::new();
    let mut c = world.client(C);
    assert_eq!(c.get(OWN, "x"), Err(Error::NoTree));
    assert_eq!(c.put("x", b"", Expect::Any), Err(Error::NoTree));
    assert_eq!(c.get(C, "x"), Err(Error::NoTree));
    assert_eq!(c.get(A, "x"), Err(Error::Denied));
}

// attack 92 U: a storm of refusals, of owners that there are not, too; each kind is told once, and then counted; broken: state-refusals
#[test]
fn a_denial_is_told_once_and_counted() {
    let world = World::new();
    let mut c = world.client(C);
    for owner in 0..50 {
        assert!(c.get(100 + owner, "x").is_err());
        assert!(c.list(100 + owner, "x", None, 1, false).is_err());
    }
    let mut a = world.client(A);
    for _ in 0..50 {
        assert!(a.get(B, "other").is_err());
    }
    let told: Vec<_> =
        world.told.0.borrow().iter().map(|one| (one.service, one.rule, one.access)).collect();
    let line = description().line_of_open(A, B, "open").unwrap();
    assert_eq!(told, [(C, 0, Access::Get), (C, 0, Access::List), (A, line, Access::Get)]);
    let counts: Vec<u64> =
        world.with(|server| server.refusals().each().map(|(_, count)| count).collect());
    assert_eq!(counts, [50, 50, 50]);
    assert_eq!(world.with(|server| server.stats()).denied, 150);
}

// attack 92 U: the image numbers its services anew; each has the tree whose id its file declares, whoever has its number now; broken: state-tree-id
#[test]
fn a_tree_goes_with_its_id_and_not_with_a_number() {
    let mut other = description();
    let (a, b) = (other.services[0].tree, other.services[1].tree);
    (other.services[0].tree, other.services[1].tree) = (b, a);
    let trees = Trees::new(&other);
    assert_eq!((trees.of(A), trees.of(B), trees.of(C)), (Some(tree(B)), Some(tree(A)), None));
    let own = trees.access(A).to(&trees, 0, StateRight::Put, [None]);
    assert_eq!(own, Ok(tree(B)));
    assert!(trees.is_orphan(tree(C)) && !trees.is_orphan(tree(A)));
}

#[test]
fn each_tree_has_the_quota_of_its_own_service() {
    let mut other = description();
    other.services[1].tree = other.services[1].tree.map(|tree| Tree { keys: 7, ..tree });
    let trees = Trees::new(&other);
    let keys = [A, B, C].map(|id| trees.quota(tree(id)).map(|quota| quota.keys));
    assert_eq!(keys, [Some(KEYS), Some(7), None]);
}

// attack 92 U: a request about no key at all; where no line opens the tree it opens nothing
#[test]
fn no_key_opens_no_tree() {
    let trees = Trees::new(&description());
    let to = |service, owner| trees.access(service).to(&trees, owner, StateRight::Get, []);
    assert!(to(C, A).is_err() && to(C, B).is_err() && to(A, C).is_err());
    assert_eq!(to(A, B), Ok(tree(B)), "some of it is open");
}
