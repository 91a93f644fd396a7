//! Ctrl-C as a wish to end early: long measurements look whether it came and
//! write down what they have. A second one ends the process at once.

use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Whether Ctrl-C was pressed since [`watch`].
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// From now on the first Ctrl-C (SIGINT; on Unix also SIGTERM) is only noted; the next one has its usual effect.
/// Elsewhere than on Unix nothing changes.
pub fn watch() {
    #[cfg(unix)]
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: an all-zero sigaction is a valid value of that C struct; the handler stores to
        // an atomic and does nothing else. SA_RESETHAND brings the default action back.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            let handler: extern "C" fn(libc::c_int) = note;
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_RESETHAND | libc::SA_RESTART;
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }
}

#[cfg(unix)]
extern "C" fn note(_: libc::c_int) {
    ASKED.store(true, Ordering::Relaxed);
}
