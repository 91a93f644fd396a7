//! Where a crash happened: a worker that touches a guard page says which
//! operand it left, and on which side, before it dies of the signal.
//!
//! The handler only reads atomics and calls `write`, as signal handlers must.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};

/// An operand in a guarded buffer, as addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    /// whether it is an output
    pub output: bool,
    /// which input or output
    pub number: usize,
    /// the operand's first byte
    pub start: usize,
    /// behind the operand's last byte
    pub end: usize,
    /// the first byte between the guards
    pub buffer_start: usize,
    /// behind the last byte between the guards
    pub buffer_end: usize,
}

/// How many operands can be watched at once; further ones crash without a place.
const SLOTS: usize = 32;

struct Slot {
    output: AtomicU8,
    number: AtomicUsize,
    start: AtomicUsize,
    end: AtomicUsize,
    buffer_start: AtomicUsize,
    buffer_end: AtomicUsize,
}

impl Slot {
    const fn empty() -> Self {
        Self {
            output: AtomicU8::new(0),
            number: AtomicUsize::new(0),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            buffer_start: AtomicUsize::new(0),
            buffer_end: AtomicUsize::new(0),
        }
    }

    fn fill(&self, watched: Watched) {
        self.output.store(u8::from(watched.output), Relaxed);
        self.number.store(watched.number, Relaxed);
        self.start.store(watched.start, Relaxed);
        self.end.store(watched.end, Relaxed);
        self.buffer_start.store(watched.buffer_start, Relaxed);
        self.buffer_end.store(watched.buffer_end, Relaxed);
    }

    fn forget(&self) {
        self.buffer_end.store(0, Relaxed);
    }
}

static WATCHED: [Slot; SLOTS] = [const { Slot::empty() }; SLOTS];

/// Says where operand number `slot` of the case at hand lies.
pub fn watch(slot: usize, watched: Watched) {
    if let Some(slot) = WATCHED.get(slot) {
        slot.fill(watched);
    }
}

/// Forgets all operands from `first` on.
pub fn unwatch_from(first: usize) {
    for slot in WATCHED.iter().skip(first) {
        slot.forget();
    }
}

#[cfg(unix)]
pub use unix::install;

/// Nothing to install: the exit code is all that is known.
#[cfg(not(unix))]
pub fn install() {}

#[cfg(unix)]
mod unix {
    use super::*;
    use crate::os::access;

    /// From now on a fatal signal of this process first writes one line
    /// `{"fault":{...}}` to standard output when it touched a guard page.
    /// For worker processes only: they speak JSON lines there.
    pub fn install() {
        let signals = [libc::SIGSEGV, libc::SIGBUS];
        for signal in signals {
            // SAFETY: an all-zero sigaction is a valid value of that C struct; the handler has the
            // three-argument form that SA_SIGINFO asks for and calls nothing but `write`, `sigaction`.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
                    on_fault;
                action.sa_sigaction = handler as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                libc::sigaction(signal, &action, std::ptr::null_mut());
            }
        }
        // SAFETY: plain system call with a valid struct: crashes are expected, core files are not.
        unsafe {
            let none = libc::rlimit {
                rlim_cur: 0,
                rlim_max: 0,
            };
            libc::setrlimit(libc::RLIMIT_CORE, &none);
        }
    }

    extern "C" fn on_fault(
        signal: libc::c_int,
        info: *mut libc::siginfo_t,
        context: *mut libc::c_void,
    ) {
        // SAFETY: the kernel passes a valid siginfo to a SA_SIGINFO handler.
        let address = unsafe { (*info).si_addr() } as usize;
        // SAFETY: the context of this very signal.
        let wrote = unsafe { access::wrote(address, context) };
        let mut line = Line::default();
        if describe(&WATCHED, address, wrote, &mut line) {
            // SAFETY: `write` is async-signal-safe; the buffer is on this stack.
            unsafe { libc::write(libc::STDOUT_FILENO, line.bytes.as_ptr().cast(), line.len) };
        }
        // Back to the default: the instruction runs again and the process dies of the signal.
        // SAFETY: async-signal-safe, valid struct.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = libc::SIG_DFL;
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }

    /// Writes the line for a fault at `address`; false when no guard was touched.
    pub(super) fn describe(
        watched: &[Slot],
        address: usize,
        wrote: Option<bool>,
        line: &mut Line,
    ) -> bool {
        let page = region::page::size();
        for slot in watched {
            let (buffer_start, buffer_end) = (
                slot.buffer_start.load(Relaxed),
                slot.buffer_end.load(Relaxed),
            );
            if buffer_end == 0 {
                continue;
            }
            let before = (buffer_start - page..buffer_start).contains(&address);
            let behind = (buffer_end..buffer_end + page).contains(&address);
            if !before && !behind {
                continue;
            }
            let distance = if before {
                slot.start.load(Relaxed).saturating_sub(address)
            } else {
                (address + 1).saturating_sub(slot.end.load(Relaxed))
            };
            line.text(b"\n{\"fault\":{\"output\":");
            line.text(if slot.output.load(Relaxed) == 1 {
                b"true"
            } else {
                b"false"
            });
            line.text(b",\"number\":");
            line.number(slot.number.load(Relaxed));
            line.text(b",\"before\":");
            line.text(if before { b"true" } else { b"false" });
            line.text(b",\"distance\":");
            line.number(distance);
            line.text(b",\"wrote\":");
            line.text(match wrote {
                Some(true) => b"true",
                Some(false) => b"false",
                None => b"null",
            });
            line.text(b"}}\n");
            return true;
        }
        false
    }

    /// A line made without allocating.
    pub(super) struct Line {
        pub(super) bytes: [u8; 160],
        pub(super) len: usize,
    }

    impl Default for Line {
        fn default() -> Self {
            Self {
                bytes: [0; 160],
                len: 0,
            }
        }
    }

    impl Line {
        fn text(&mut self, text: &[u8]) {
            for &byte in text {
                if let Some(place) = self.bytes.get_mut(self.len) {
                    *place = byte;
                    self.len += 1;
                }
            }
        }

        fn number(&mut self, mut number: usize) {
            let mut digits = [0u8; 20];
            let mut at = digits.len();
            loop {
                at -= 1;
                digits[at] = b'0' + (number % 10) as u8;
                number /= 10;
                if number == 0 {
                    break;
                }
            }
            self.text(&digits[at..]);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::unix::{Line, describe};
    use super::*;

    #[test]
    fn a_fault_in_a_guard_names_the_operand_and_the_distance() {
        let page = region::page::size();
        // Slots of its own: those of the process belong to whatever arena is at work.
        let slots = [Slot::empty(), Slot::empty()];
        slots[1].fill(Watched {
            output: true,
            number: 2,
            start: 20 * page - 104,
            end: 20 * page - 4,
            buffer_start: 10 * page,
            buffer_end: 20 * page,
        });
        let say = |address, wrote| {
            let mut line = Line::default();
            describe(&slots, address, wrote, &mut line)
                .then(|| String::from_utf8(line.bytes[..line.len].to_vec()).unwrap())
        };
        assert_eq!(
            say(20 * page, Some(true)).unwrap().trim(),
            r#"{"fault":{"output":true,"number":2,"before":false,"distance":5,"wrote":true}}"#
        );
        assert!(
            say(10 * page - 1, None)
                .unwrap()
                .contains(r#""before":true"#)
        );
        assert_eq!(say(15 * page, None), None, "inside the buffer");
        assert_eq!(say(21 * page, None), None, "behind the guard");
        slots[1].forget();
        assert_eq!(say(20 * page, None), None, "forgotten");
    }
}
