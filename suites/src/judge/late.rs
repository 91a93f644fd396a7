//! Kernels of others that return before their threads are through.

use std::time::{Duration, Instant};

use qassay_golden::tensor::Tensor;

use super::Judge;
use crate::os;

/// How long threads that a kernel left running are watched.
const LATE: Duration = Duration::from_millis(5);

impl Judge {
    /// Whether threads that a kernel started, since there were `before` of them, change what it
    /// gave after it returned; `None` if not, or where nobody can tell. A pool of threads that
    /// rests is right.
    pub(super) fn written_late(
        &mut self,
        inputs: &[Tensor],
        (given, poison): (&[Tensor], u8),
        before: Option<u64>,
    ) -> Option<String> {
        let before = before?;
        let end = Instant::now() + LATE;
        while os::threads()? > before && Instant::now() < end {
            std::thread::sleep(LATE / 10);
            let changed = !self.arena.gave(given);
            if changed || self.arena.check(inputs, poison).is_err() {
                let what = "a thread that the kernel started wrote after it had returned";
                return Some(what.to_owned());
            }
        }
        None
    }
}
