//! What people read of a description, and what is counted in it.

use nexus_abi::EndReason;
use nexus_sysdesc::ask::Odd;
use nexus_sysdesc::bounds::ring_handles;
use nexus_sysdesc::{Danger, NoSerial, Profile, Restart, Says, Serial};

#[test]
fn everything_has_its_name() {
    assert_eq!([Profile::Prod, Profile::Test].map(Profile::name), ["prod", "test"]);
    assert_eq!(Danger::ALL.map(Danger::name), ["low", "medium", "high"]);
    assert_eq!(Restart::ALL.map(Restart::name), ["never", "on-failure", "always"]);
    assert_eq!(Serial::new("nexus-1").map(|serial| serial.to_string()), Ok("nexus-1".to_owned()));
    assert!(NoSerial.to_string().contains("1 to 20"));
    assert_eq!(Odd::Status(2).to_string(), "status 2");
    assert!(Odd::Completed(1, 2, 3).to_string().contains("head 2 with 3 bytes"));
}

#[test]
fn a_rule_says_which_ends_are_followed_by_another_life() {
    let fault = EndReason::Fault { cause: 13, address: 0, pc: 0 };
    let failures = [EndReason::Exit(1), EndReason::Exit(u64::MAX), EndReason::Killed(0), fault];
    for end in failures {
        assert_eq!(Restart::ALL.map(|rule| rule.is_again(end)), [false, true, true], "{end:?}");
    }
    let done = EndReason::Exit(0);
    assert_eq!(Restart::ALL.map(|rule| rule.is_again(done)), [false, false, true]);
}

/// Two handles for each ring, and one more for all of them.
#[test]
fn handles_of_rings_are_counted() {
    assert_eq!([0, 1, 2, 8].map(ring_handles), [0, 3, 5, 17]);
}

#[test]
fn a_disk_says_the_serial_number_that_it_has_told() {
    let [one, other] = ["nexus-1", "nexus-2"].map(|text| Serial::new(text).ok());
    let says = Says::Serial(one.expect("a serial number"));
    assert!(says.is_said([0; 8], one));
    assert!(!says.is_said([0; 8], other) && !says.is_said([0; 8], None));
}
