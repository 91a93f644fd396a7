//! Where the time of a run goes, by stage; summed over all workers.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// A part of what judging does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// making operands
    Data,
    /// the reference
    Reference,
    /// preparing and running kernels
    Kernels,
    /// laying operands between guards, checking guards, comparing bits
    Compare,
    /// finding the axes that explain a difference
    Explain,
}

impl Stage {
    /// Every stage, in the order in which they come.
    pub const ALL: &'static [Self] = &[
        Self::Data,
        Self::Reference,
        Self::Kernels,
        Self::Compare,
        Self::Explain,
    ];

    /// The word in tables and files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Reference => "reference",
            Self::Kernels => "kernels",
            Self::Compare => "compare",
            Self::Explain => "explain",
        }
    }

    /// What it does, in one line.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Data => "making operands",
            Self::Reference => "what the profile says",
            Self::Kernels => "preparing and running kernels",
            Self::Compare => "laying operands between guards, checking guards, comparing bits",
            Self::Explain => "finding the axes that explain differences",
        }
    }
}

/// Nanoseconds by stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stages {
    ns: [u64; Stage::ALL.len()],
}

impl Stages {
    /// Runs `work` and counts its time as `stage`'s.
    pub fn time<T>(&mut self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.add(stage, start);
        result
    }

    /// Counts the time since `start` as `stage`'s.
    pub fn add(&mut self, stage: Stage, start: Instant) {
        self.ns[stage as usize] += u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    }

    /// Counts what another counted.
    pub fn merge(&mut self, other: &Self) {
        for (ns, other) in self.ns.iter_mut().zip(other.ns) {
            *ns += other;
        }
    }

    /// What was counted so far; counting starts again.
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Seconds by word.
    pub fn seconds(&self) -> BTreeMap<String, f64> {
        let seconds = |stage: Stage| self.ns[stage as usize] as f64 / 1e9;
        let words = Stage::ALL.iter();
        words
            .map(|&stage| (stage.word().to_owned(), seconds(stage)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_to_its_stage_and_adds_up() {
        let mut stages = Stages::default();
        let start = Instant::now();
        while start.elapsed().as_micros() < 200 {}
        stages.add(Stage::Compare, start);
        let mut all = stages;
        all.merge(&stages);
        let (one, two) = (stages.seconds(), all.seconds());
        assert!(one["compare"] >= 200e-6);
        assert!((two["compare"] - 2.0 * one["compare"]).abs() < 1e-12);
        assert_eq!(one["reference"], 0.0);
        assert_eq!(one.len(), Stage::ALL.len());
        assert_eq!(all.take().seconds(), two);
        assert_eq!(all, Stages::default());
    }
}
