use super::*;
use crate::tests::fixture;

struct Told(u64);

impl Facts for Told {
    fn now_ms(&self) -> u64 {
        self.0
    }

    fn snapshot(&mut self) -> Snapshot {
        fixture::snapshot()
    }
}

/// Who asks at the same time is given the same text, not one of its own.
#[test]
fn one_text_for_everybody() {
    let site = Site::new(Told(5), Hosts::new([]));
    for asked in [Asked::Page, Asked::Api, Asked::Metrics] {
        let texts = [site.answer(asked), site.answer(asked)];
        let [Text::Made(one), Text::Made(other)] = &texts else { panic!("made") };
        assert!(Rc::ptr_eq(one, other));
    }
    site.inner.borrow_mut().facts.0 += FRESH_MS;
    assert!(matches!(site.answer(Asked::Page), Text::Made(text) if Rc::strong_count(&text) == 2));
}

/// What the machine in the tests takes: what a snapshot is bounded by is in `collect`.
#[test]
fn a_page_is_small() {
    let site = Site::new(Told(0), Hosts::new([]));
    let len = |asked| site.answer(asked).as_str().len();
    assert!(len(Asked::Page) < 64 << 10, "{}", len(Asked::Page));
    assert!(len(Asked::Api) < 32 << 10, "{}", len(Asked::Api));
    assert_eq!(len(Asked::Alive), 1024);
}
