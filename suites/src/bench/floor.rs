//! Where the kernels of one case run in turn on the same operands, every output
//! checked; beside them the yardstick.

use std::time::{Duration, Instant};

use qassay_backends::backend::Kernel;
use qassay_golden::profile::named::NamedProfile;
use qassay_golden::tensor::Tensor;

use super::sampling::Contestants;
use super::yardstick::Yardstick;
use crate::arena::{Arena, POISON};
use crate::compare::differences;
use crate::judge::Question;
use crate::panics;
use crate::record::Caches;

/// What takes longer is not run once more just to warm the caches, or prepared again.
pub(super) const LONG: Duration = Duration::from_millis(20);
/// Bytes that are written before each run on cold caches: more than most last caches hold.
const FLUSH: usize = 128 << 20;

/// A kernel, and what it is held to.
pub(super) struct Ready {
    pub kernel: Box<dyn Kernel>,
    /// the profile
    pub held_to: &'static NamedProfile,
    /// in the reference's place, what a peer gave whose bits are wrong
    pub own: Option<Vec<Tensor>>,
}

/// Outputs, and which of their elements are open.
type Outputs<'a> = (&'a [Tensor], &'a [(usize, usize)]);

/// Where kernels run in turn on the same operands. The last contestant is the yardstick.
pub(super) struct Floor<'a> {
    question: &'a Question,
    /// `None` where one is out
    ready: Vec<Option<Ready>>,
    yardstick: &'a Yardstick,
    arena: Arena,
    caches: Caches,
    /// walked through before each run on cold caches
    flush: Vec<u8>,
    /// whether a run takes so long that none is spent on warming
    long: Vec<bool>,
    panicked: Option<String>,
    /// who has panicked
    pub crashed: Vec<bool>,
}

impl<'a> Floor<'a> {
    /// Lays the operands.
    pub fn new(
        question: &'a Question,
        ready: Vec<Option<Ready>>,
        yardstick: &'a Yardstick,
        caches: Caches,
    ) -> Self {
        let mut arena = Arena::new();
        arena.lay(
            &question.problem().inputs,
            question.outputs(),
            question.layout(),
            POISON[0],
        );
        Self {
            question,
            long: vec![false; ready.len() + 1],
            crashed: vec![false; ready.len()],
            ready,
            yardstick,
            arena,
            flush: match caches {
                Caches::Warm => Vec::new(),
                Caches::Cold => vec![1; FLUSH],
            },
            caches,
            panicked: None,
        }
    }

    /// The outputs that a kernel has to give, and which elements are open.
    fn expected(&self, which: usize) -> Option<Outputs<'_>> {
        let ready = self.ready[which].as_ref()?;
        if let Some(own) = &ready.own {
            return Some((own, &[]));
        }
        let expected = self.question.known(&ready.held_to.profile)?;
        Some((&expected.outputs, &expected.open))
    }
}

impl Contestants for Floor<'_> {
    fn count(&self) -> usize {
        self.ready.len() + 1
    }

    fn before(&mut self, which: usize) {
        self.arena.poison_outputs(POISON[1]);
        match self.caches {
            Caches::Warm if self.long[which] => {}
            Caches::Warm => {
                let began = Instant::now();
                self.run(which, 1);
                self.long[which] = began.elapsed() > LONG;
                // What the sample itself writes is what is checked.
                self.arena.poison_outputs(POISON[1]);
            }
            Caches::Cold => {
                for line in self.flush.chunks_exact_mut(64) {
                    line[0] = line[0].wrapping_add(1);
                }
                std::hint::black_box(&mut self.flush);
            }
        }
    }

    fn run(&mut self, which: usize, iterations: u64) {
        if which == self.ready.len() {
            std::hint::black_box(self.yardstick.run(iterations));
            return;
        }
        let Some(Ready { kernel, .. }) = &mut self.ready[which] else {
            return;
        };
        let arena = &mut self.arena;
        let ran = panics::caught(|| arena.repeat(kernel.as_mut(), iterations));
        if let Err(panic) = ran {
            self.crashed[which] = true;
            self.panicked = Some(format!("panicked while it was timed: {panic}"));
        }
    }

    fn after(&mut self, which: usize) -> Result<(), String> {
        if which == self.ready.len() {
            return Ok(());
        }
        if let Some(panic) = self.panicked.take() {
            return Err(panic);
        }
        let Some((outputs, open)) = self.expected(which) else {
            return Err("the reference gave nothing to compare with".into());
        };
        // Any NaN is as good as another, and open elements may be anything: looked at only then.
        if self.arena.gave(outputs) {
            return Ok(());
        }
        let wrong = differences(outputs, &self.arena.outputs(), open);
        match wrong.first {
            None => Ok(()),
            Some((output, element)) => Err(format!(
                "gave other bits while it was timed: {} values, the first at element {element} of output {output}",
                wrong.count
            )),
        }
    }
}
