//! What two runs allow to say about speed, though the machine drifts.
//!
//! Samples of one pass share what the machine did then; what differs between
//! passes is what may differ between runs. So each pass is one value: the
//! logarithm of its shortest time, as whatever else runs on a machine makes
//! samples longer, never shorter. Passes that were disturbed throughout are few
//! and far off: means are trimmed. Two runs differ in the trimmed means of these
//! values, as surely as Yuen's t says (K. K. Yuen, "The two-sample trimmed t for
//! unequal population variances", Biometrika 61, 1974). That is done twice, for
//! times as they are and for times ÷ the yardstick's in the same passes; what is
//! said must be true of both.

use qassay_suites::bench::statistics::{by_pass, median};
use qassay_suites::record::Time;

use super::student;

/// The chance that any one interval of a comparison misses.
const MISS: f64 = 0.05;
/// From this many cases on, the typical one tells how far passes differ.
const ENOUGH: usize = 8;
/// How many degrees of freedom the typical case counts for.
const TYPICAL: f64 = 8.0;
/// One in so many passes is left out of a mean at either end.
const TRIMMED: usize = 5;

/// A timed case of one run: values by pass.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Passes {
    /// logarithm of the time
    pub time: Vec<f64>,
    /// logarithm of the time ÷ the yardstick's; empty without one
    pub held: Vec<f64>,
    /// logarithm of the yardstick's time; empty without one
    pub yardstick: Vec<f64>,
}

impl Passes {
    /// The values of a measurement.
    pub fn of(time: &Time) -> Self {
        let by_pass = |samples: &[f64]| -> Vec<f64> {
            by_pass(samples, time.passes)
                .map(|pass| pass.iter().copied().fold(f64::INFINITY, f64::min).ln())
                .collect()
        };
        let own = by_pass(&time.samples_ns);
        let yardstick = match time.samples_ns.len() == time.yardstick_ns.len() {
            true => by_pass(&time.yardstick_ns),
            false => Vec::new(),
        };
        Self {
            held: own.iter().zip(&yardstick).map(|(own, y)| own - y).collect(),
            time: own,
            yardstick,
        }
    }
}

/// How a value differs between two runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Difference {
    /// base − new
    pub value: f64,
    /// of `value`
    variance: f64,
    /// degrees of freedom of `variance`
    degrees: f64,
}

impl Difference {
    /// Of values by pass (Yuen's trimmed t-test). `None` with fewer than two passes on either side.
    pub fn between(base: &[f64], new: &[f64]) -> Option<Self> {
        let [
            (base, base_variance, base_degrees),
            (new, new_variance, new_degrees),
        ] = [trimmed(base)?, trimmed(new)?];
        let variance = base_variance + new_variance;
        // Satterthwaite's degrees of freedom.
        let degrees = match variance > 0.0 {
            true => {
                let square = |variance: f64, degrees: f64| variance * variance / degrees;
                variance * variance
                    / (square(base_variance, base_degrees) + square(new_variance, new_degrees))
            }
            false => base_degrees + new_degrees,
        };
        Some(Self {
            value: base - new,
            variance,
            degrees,
        })
    }

    /// The interval of `exp(value)` that misses with this chance.
    fn ends(self, miss: f64) -> [f64; 2] {
        let far = student::quantile(miss, self.degrees) * self.variance.sqrt();
        [(self.value - far).exp(), (self.value + far).exp()]
    }
}

/// Trimmed mean, its variance (from the values drawn in to what is left), and degrees of freedom.
fn trimmed(values: &[f64]) -> Option<(f64, f64, f64)> {
    let (count, cut) = (values.len(), values.len() / TRIMMED);
    let left = count - 2 * cut;
    if left < 2 {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let kept = &sorted[cut..count - cut];
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (lowest, highest) = (kept[0], kept[left - 1]);
    let drawn_in: Vec<f64> = sorted.iter().map(|v| v.clamp(lowest, highest)).collect();
    let middle = mean(&drawn_in);
    let squares: f64 = drawn_in.iter().map(|v| (v - middle) * (v - middle)).sum();
    let degrees = left as f64 - 1.0;
    Some((mean(kept), squares / (left as f64 * degrees), degrees))
}

/// Few passes may agree by luck: where there are enough cases, none is taken to be much steadier
/// than the typical one.
fn steady(differences: &mut [&mut Difference]) {
    if differences.len() < ENOUGH {
        return;
    }
    let variances: Vec<f64> = differences.iter().map(|d| d.variance).collect();
    let typical = median(&variances);
    for difference in differences {
        if difference.variance < typical {
            let degrees = difference.degrees + TYPICAL;
            difference.variance =
                (difference.degrees * difference.variance + TYPICAL * typical) / degrees;
            difference.degrees = degrees;
        }
    }
}

/// The same case in two runs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pair {
    /// in the base
    pub base: Passes,
    /// in the new run
    pub new: Passes,
}

/// What can be said of a case, or of all together: new speed ÷ base speed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    /// of the times as they are
    pub ratio: f64,
    /// that holds both intervals: of times as they are, and of times ÷ the yardstick's.
    /// All intervals of a comparison hold at once, with 95 %
    pub interval: [f64; 2],
}

impl Found {
    /// With a single pass nothing is known of what differs between runs.
    const NOTHING: [f64; 2] = [0.0, f64::INFINITY];
}

/// Each pair, and all together where there are several.
pub(super) fn find(pairs: &[Pair]) -> (Vec<Found>, Option<Found>) {
    let together = (pairs.len() > 1).then(|| together(pairs));
    let mut all: Vec<[Option<Difference>; 2]> = pairs.iter().map(differences).collect();
    for which in 0..2 {
        let mut present: Vec<&mut Difference> = all
            .iter_mut()
            .filter_map(|two| two[which].as_mut())
            .collect();
        steady(&mut present);
    }
    let miss = MISS / (pairs.len() + 1) as f64;
    let found = |[time, held]: &[Option<Difference>; 2], pair: &Pair| {
        let Some(time) = time else {
            let middle = |values: &[f64]| median(values).exp();
            return Found {
                ratio: middle(&pair.base.time) / middle(&pair.new.time),
                interval: Found::NOTHING,
            };
        };
        let [low, high] = time.ends(miss);
        let [least, most] = held.map_or([low, high], |held| held.ends(miss));
        Found {
            ratio: time.value.exp(),
            interval: [low.min(least), high.max(most)],
        }
    };
    let each = all
        .iter()
        .zip(pairs)
        .map(|(two, pair)| found(two, pair))
        .collect();
    let together = together.map(|pair| found(&differences(&pair), &pair));
    (each, together)
}

/// Of times as they are, and of times ÷ the yardstick's.
fn differences(pair: &Pair) -> [Option<Difference>; 2] {
    [
        Difference::between(&pair.base.time, &pair.new.time),
        Difference::between(&pair.base.held, &pair.new.held),
    ]
}

/// The mean over all cases, pass by pass: what they share.
pub(super) fn together(pairs: &[Pair]) -> Pair {
    let [base, new] = [
        pairs.iter().map(|pair| &pair.base).collect::<Vec<_>>(),
        pairs.iter().map(|pair| &pair.new).collect(),
    ]
    .map(|run| Passes {
        time: means(run.iter().map(|passes| &passes.time)),
        held: means(run.iter().map(|passes| &passes.held)),
        yardstick: means(run.iter().map(|passes| &passes.yardstick)),
    });
    Pair { base, new }
}

/// The mean of each pass that all have.
fn means<'a>(cases: impl Iterator<Item = &'a Vec<f64>> + Clone) -> Vec<f64> {
    let count = cases.clone().count() as f64;
    let passes = cases.clone().map(Vec::len).min().unwrap_or(0);
    (0..passes)
        .map(|pass| cases.clone().map(|values| values[pass]).sum::<f64>() / count)
        .collect()
}
