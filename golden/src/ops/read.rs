//! What of a profile an op reads: profiles that are alike in it give the same bits, and the
//! reference need be asked once for all of them.

use crate::profile::named::PROFILES;
use crate::profile::{AccumulateRule, Profile, RequantizeRule};
use crate::spec::{Activation, OpSpec, Output};
use crate::tensor::DType;

/// `profile`, with the choices that `op` does not read replaced by those of the first profile. For
/// the ops that exhaustive runs ask 2^32 values; for all others it is the profile itself.
///
/// The reference is to be asked under what this gives: then no choice that was replaced can have
/// mattered unseen.
pub fn read_by(op: &OpSpec, profile: &Profile) -> Profile {
    let rest = PROFILES[0].profile;
    match op {
        OpSpec::Quantize(_) => Profile {
            quantize: profile.quantize,
            ..rest
        },
        OpSpec::Dequantize(_) => Profile {
            dequantize: profile.dequantize,
            ..rest
        },
        OpSpec::Requantize(_) => {
            let (scaling, rounding, zero_point, clamp, cast) = profile.requantize.of_given();
            let requantize = RequantizeRule {
                scaling,
                rounding,
                zero_point,
                clamp,
                cast,
                ..rest.requantize
            };
            Profile { requantize, ..rest }
        }
        OpSpec::Linear(spec) if spec.output == Output::Sums => match spec.activation {
            // Of u8 activations nothing is signed.
            Activation::Quantized(activation) if activation.dtype == DType::U8 => {
                let accumulate = AccumulateRule {
                    linear: profile.accumulate.linear,
                    outliers: profile.accumulate.outliers,
                    ..rest.accumulate
                };
                Profile { accumulate, ..rest }
            }
            _ => *profile,
        },
        _ => *profile,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::reference;
    use crate::spec::*;
    use crate::tensor::{Data, Tensor};
    use crate::witness::Witness;

    fn problems() -> Vec<Problem> {
        let qparams = QParams {
            scale: 0.037,
            zero_point: 7,
        };
        let floats: Vec<f32> = (-400..400)
            .map(|i| i as f32 * 0.018_5)
            .chain([f32::NAN, f32::INFINITY, 3e9, -3e9, 1e-40])
            .collect();
        let sums: Vec<i32> = (-400..400)
            .map(|i| i * 3)
            .chain([i32::MAX, i32::MIN])
            .collect();
        let codes: Vec<u8> = (0..=255).collect();
        let of = |op, weights, input| Problem {
            op,
            constants: Constants {
                weights,
                bias: None,
            },
            inputs: vec![input],
        };
        let tensor = |shape: &[usize], data| Tensor::new(shape.to_vec(), data).unwrap();
        let (f, s) = (floats.len(), sums.len());
        let mut problems = Vec::new();
        for per_channel in [false, true] {
            let granularity = |len| match per_channel {
                false => Granularity::PerTensor(qparams),
                true => Granularity::PerChannel {
                    axis: 0,
                    qparams: vec![qparams; len],
                },
            };
            let quantize = QuantizeSpec {
                shape: vec![f],
                dtype: DType::U8,
                granularity: granularity(f),
                range: None,
            };
            let floats = tensor(&[f], Data::F32(floats.clone()));
            problems.push(of(OpSpec::Quantize(quantize), None, floats));
            let dequantize = DequantizeSpec {
                shape: vec![256],
                dtype: DType::U8,
                granularity: granularity(256),
            };
            let codes = tensor(&[256], Data::U8(codes.clone()));
            problems.push(of(OpSpec::Dequantize(dequantize), None, codes));
            let requantize = RequantizeSpec {
                rows: 1,
                columns: s,
                dtype: DType::I8,
                zero_point: 7,
                multipliers: vec![0.25; if per_channel { s } else { 1 }],
                relu: per_channel,
            };
            let sums = tensor(&[1, s], Data::I32(sums.clone()));
            problems.push(of(OpSpec::Requantize(requantize), None, sums));
        }
        for dtype in [DType::U8, DType::I8] {
            for output in [
                Output::Sums,
                Output::Quantized(Quantized { dtype, qparams }),
            ] {
                let linear = LinearSpec {
                    m: 2,
                    n: 3,
                    k: 260,
                    activation: Activation::Quantized(Quantized { dtype, qparams }),
                    weights: Granularity::PerTensor(qparams),
                    bias: BiasKind::None,
                    output,
                    relu: Relu::None,
                };
                let high = dtype.code_range().unwrap().1;
                let x = (0..520).map(|i| high - i % 9);
                let w = (0..780).map(|i| 127 - i / 260 - i % 5);
                let x = tensor(&[2, 260], Data::from_codes(dtype, x));
                let w = tensor(&[3, 260], Data::from_codes(DType::I8, w));
                problems.push(of(OpSpec::Linear(linear), Some(w), x));
            }
        }
        problems
    }

    /// Outputs, open elements and events, as text, in which NaN equals NaN.
    fn told(problem: &Problem, profile: &Profile) -> String {
        let mut witness = Witness::default();
        let outputs = reference(problem, profile, &mut witness);
        format!("{outputs:?} {:?} {:?}", witness.open, witness.events)
    }

    /// Under every named profile, and under every choice of every axis.
    #[test]
    fn what_is_not_read_changes_nothing() {
        let base = crate::profile::named::find("fbgemm-acc16").unwrap().profile;
        let choices = Profile::axes().flat_map(|axis| {
            let with = move |key| base.with(axis, key).unwrap();
            Profile::choices(axis).into_iter().map(with)
        });
        let named = PROFILES.iter().map(|named| named.profile);
        let profiles: Vec<Profile> = named.chain(choices).collect();
        for problem in problems() {
            for profile in &profiles {
                let read = read_by(&problem.op, profile);
                let alike = told(&problem, profile) == told(&problem, &read);
                assert!(alike, "{profile:?}: {:?}", problem.op);
            }
        }
    }

    #[test]
    fn fewer_references_than_profiles() {
        for problem in problems().iter().take(3) {
            let mut read: Vec<Profile> = Vec::new();
            for named in PROFILES {
                let one = read_by(&problem.op, &named.profile);
                if !read.contains(&one) {
                    read.push(one);
                }
            }
            assert!(read.len() < PROFILES.len() / 2, "{}", read.len());
        }
    }
}
