//! What the reference saw while it computed: events (for coverage), outputs
//! that the profile leaves open, and on request every sum and scaled value.

use crate::tensor::DType;

macro_rules! events {
    ($($(#[doc = $doc:literal])+ $variant:ident = $key:literal,)+) => {
        /// Something in the data that tells right arithmetic from wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Event { $($(#[doc = $doc])+ $variant,)+ }
        impl Event {
            /// Every event.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The name in records and reports.
            pub fn key(self) -> &'static str {
                match self { $(Self::$variant => $key,)+ }
            }
            /// One sentence that says what happened.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii_start(),)+ }
            }
        }
    };
}

events! {
    /// a pair of u8·s8 products whose sum does not fit i16
    PairSaturated = "pair-saturated",
    /// a running i16 sum of pairs that does not fit i16
    SumSaturated = "sum-saturated",
    /// a product −128 · −128
    MinTimesMin = "min-times-min",
    /// a kernel position outside the image
    PaddingTap = "padding-tap",
    /// a scaled value exactly halfway between two integers
    ExactTie = "exact-tie",
    /// a scaled value not halfway between two integers, but within 4 units in the last place of f32 of it
    NearTie = "near-tie",
    /// an output clamped to the lowest code
    ClampedLow = "clamped-low",
    /// an output clamped to the highest code
    ClampedHigh = "clamped-high",
    /// an output held at the zero point by a fused relu
    ReluClamped = "relu-clamped",
    /// a zero point at the lowest or highest code
    ZeroPointAtEnd = "zero-point-at-end",
    /// a weight zero point that is not 0
    WeightZeroPoint = "weight-zero-point",
    /// a NaN input
    NanInput = "nan-input",
    /// an infinite input
    InfiniteInput = "infinite-input",
    /// a subnormal input
    SubnormalInput = "subnormal-input",
    /// a scaled value outside the range of i32
    ConversionOverflow = "conversion-overflow",
    /// a range of values with no width
    EmptyRange = "empty-range",
    /// a histogram that grew when a batch left its range
    HistogramGrew = "histogram-grew",
}

/// Counts of events, one per [`Event`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Events([u64; Event::ALL.len()]);

impl Events {
    /// Counts one event.
    pub fn hit(&mut self, event: Event) {
        self.0[event as usize] += 1;
    }

    /// Counts one event if `happened`.
    #[inline(always)]
    pub fn hit_if(&mut self, event: Event, happened: bool) {
        self.0[event as usize] += u64::from(happened);
    }

    /// Counts what an input is, where it is not an ordinary value.
    #[inline(always)]
    pub(crate) fn input(&mut self, value: f32) {
        self.hit_if(Event::NanInput, value.is_nan());
        self.hit_if(Event::InfiniteInput, value.is_infinite());
        self.hit_if(Event::SubnormalInput, value.is_subnormal());
    }

    /// How often `event` happened.
    pub fn count(&self, event: Event) -> u64 {
        self.0[event as usize]
    }

    /// Adds `times` of one event.
    pub fn add(&mut self, event: Event, times: u64) {
        self.0[event as usize] += times;
    }

    /// Adds all counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
}

/// One output value on its way: what `qassay show` prints.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// the sum of products with zero points corrected (and i32 bias added), if the op has one
    pub accumulator: Option<i64>,
    /// the value that was rounded (before the zero point, unless the profile adds it first)
    pub scaled: f64,
}

/// What the reference saw while it computed one op.
#[derive(Debug, Clone, Default)]
pub struct Witness {
    /// counts of events
    pub events: Events,
    /// indices of outputs (output number, element) that the profile leaves open; sorted
    pub open: Vec<(usize, usize)>,
    /// one step per element of the first output, when asked for
    pub steps: Option<Vec<Step>>,
}

impl Witness {
    /// A witness that also keeps every step.
    pub fn with_steps() -> Self {
        Self {
            steps: Some(Vec::new()),
            ..Self::default()
        }
    }

    /// Counts a scaled value that is halfway between two integers but for the last bits of an f32.
    #[inline(always)]
    pub(crate) fn near_tie(&mut self, scaled: f64) {
        self.events.hit_if(Event::NearTie, is_near_tie(scaled));
    }

    /// Counts a zero point that lies at the lowest or highest code of its type.
    pub fn zero_point(&mut self, dtype: DType, zero_point: i32) {
        let at_end =
            (dtype.code_range()).is_some_and(|(lo, hi)| [lo, hi].contains(&i64::from(zero_point)));
        self.events.hit_if(Event::ZeroPointAtEnd, at_end);
    }

    /// Keeps a step, if steps are kept.
    #[inline]
    pub fn step(&mut self, accumulator: Option<i64>, scaled: f64) {
        if let Some(steps) = &mut self.steps {
            steps.push(Step {
                accumulator,
                scaled,
            });
        }
    }
}

/// Whether `scaled` is within 4 units in the last place of f32 of halfway between two integers,
/// and not there.
#[inline(always)]
fn is_near_tie(scaled: f64) -> bool {
    // Smaller than 2^20 where it matters: a conversion, which is one instruction everywhere, cuts
    // the fraction off.
    is_near_half(scaled, scaled - f64::from(scaled as i32))
}

/// The same of a value whose fraction is known.
#[inline(always)]
pub(crate) fn is_near_half(scaled: f64, fraction: f64) -> bool {
    // From here on four units are wider than the halves are apart.
    const WIDE: f64 = 1_048_576.0;
    let magnitude = scaled.abs();
    let off = (fraction.abs() - 0.5).abs();
    // A unit is at most 2^-23 of the value. NaN is not small.
    magnitude < WIDE && off > 0.0 && off <= magnitude / 2_097_152.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_ties_are_neither_ties_nor_far() {
        let up = |steps: u32| f64::from(f32::from_bits(100.5f32.to_bits() + steps));
        for value in [up(1), -up(2), up(4), f64::from(0.5f32.next_down())] {
            assert!(is_near_tie(value), "{value}");
        }
        for value in [100.5, -0.5, up(9), 0.0, 1.0, 2e6 + 0.4999, f64::NAN] {
            assert!(!is_near_tie(value), "{value}");
        }
    }
}
