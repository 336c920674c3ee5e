//! archived: joins the archive to logd and the store.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use archived::{Beginning, Failed, Ledger, LiveLedger, Machine};
use nexus_archive::{OwnTree, StoreTree};
use nexus_proto::ids;
use nexus_rt::{StartError, startup};

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let start = startup();
    let block = start.block();
    let mut ledger = LiveLedger::new(start.client(ids::LOGD)?);
    let mut state = nexus_state::open().map_err(|error| {
        nexus_rt::error!("{error}");
        StartError::BadMemory
    })?;
    let machine = Machine { life: block.incarnation, timebase_hz: block.timebase_hz };
    let (mut beginning, mut told, mut is_proved) = (Beginning::new(machine), None, false);
    loop {
        let tree = &mut StoreTree::own(&mut state);
        let failed = keep(&mut beginning, tree, &mut ledger, &mut is_proved);
        if told.as_ref() != Some(&failed) {
            nexus_rt::warn!("stands still: {failed}");
        }
        ledger.pause(failed.is_passing());
        told = Some(failed);
    }
}

/// Keeps what there is and what comes, until that fails. `is_proved`: that this boot has an anchor was proved.
fn keep<T: OwnTree, L: Ledger>(
    beginning: &mut Beginning,
    tree: &mut T,
    ledger: &mut L,
    is_proved: &mut bool,
) -> Failed {
    let mut archive = match beginning.open(tree, ledger) {
        Ok((archive, Ok(()))) => archive,
        Ok((archive, Err(why))) => {
            nexus_rt::warn!("this boot has no anchor: {why}");
            archive
        }
        Err(failed) => return failed,
    };
    nexus_rt::info!("boot {}", archive.boot());
    loop {
        let pulled = match archive.pull(tree, ledger) {
            Ok(false) => archive.wait(ledger).map(|_| ()),
            pulled => pulled.map(|_| ()),
        };
        if let Err(failed) = pulled {
            return failed;
        }
        if !*is_proved && archive.head().anchor != 0 {
            // Only a test run keeps it, and only a test run misses it.
            let _ = nexus_rt::proof("ledger-archived", 2);
            *is_proved = true;
        }
    }
}
