//! The reference held to the oracle: random values, constructed ties and the
//! ends of every range, for every named profile and every choice of every axis.

mod choose_qparams;
mod exponential;
mod fake_quantize;
mod float_ops;
mod function;
mod hard;
mod piecewise;
mod quantize;
mod real;
mod requantize;
mod rescale;

use crate::profile::{Axis, Profile, named};

/// The choices of `stage` that could take the place of a named profile's own unseen: with
/// them the reference still gives what the oracle gives for the profile.
fn missed<T: PartialEq, const N: usize>(
    names: [&str; N],
    stage: &str,
    oracle: impl Fn(&Profile) -> T,
    reference: impl Fn(&Profile) -> T,
) -> Vec<String> {
    let mut missed = Vec::new();
    for name in names {
        let profile = named::find(name).expect("a named profile").profile;
        let expected = oracle(&profile);
        assert!(reference(&profile) == expected, "{name} itself");
        for axis in Profile::axes().filter(|axis| axis.stage == stage) {
            for key in Profile::choices(axis) {
                let other = profile.with(axis, key).expect("its own choice");
                if key != profile.choice(axis) && reference(&other) == expected {
                    missed.push(format!("{name} {}={key}", axis.field));
                }
            }
        }
    }
    missed
}

/// All values of an axis.
fn all<A: Axis>() -> &'static [A] {
    A::ALL
}
