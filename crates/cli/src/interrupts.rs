//! Ctrl-C and SIGTERM. The first asks training for a checkpoint, the next ends the process at once;
//! both with exit code 130, and either way the run can be resumed.

use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::failure::Failure;

/// Exit code of a run that was stopped.
pub const INTERRUPTED: u8 = 130;

static ASKED: AtomicBool = AtomicBool::new(false);

/// Watches for both signals from here on.
pub fn watch() -> Result<(), Failure> {
    for signal in [SIGINT, SIGTERM] {
        // in this order: the flag that the first signal sets is what lets the second one through
        flag::register_conditional_shutdown(signal, i32::from(INTERRUPTED), &ASKED)
            .and_then(|_| flag::register(signal, &ASKED))
            .map_err(|e| Failure::Internal(format!("cannot watch for Ctrl-C: {e}")))?;
    }
    Ok(())
}

/// Ctrl-C does not end this process: the command it waits for hears it too, and decides.
pub fn outlive() -> Result<(), Failure> {
    flag::register(SIGINT, &ASKED)
        .map(|_| ())
        .map_err(|e| Failure::Internal(format!("cannot watch for Ctrl-C: {e}")))
}

/// True once somebody wants training to stop.
pub fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// Nothing asks [`asked`] any more: from here on the first signal ends the process.
pub fn end_at_once() {
    ASKED.store(true, Ordering::SeqCst);
}
