//! Rescale: every rounding and width, at ties, at the ends of what a scale holds, and at random.

use proptest::prelude::*;

use crate::ops::reference;
use crate::oracle;
use crate::profile::{InexactRescale, Profile, named};
use crate::spec::{Constants, FixedScale, OpSpec, Problem, RescaleRounding, RescaleSpec};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

fn profile(rescale: InexactRescale) -> Profile {
    let mut profile = named::find("tosa").unwrap().profile;
    profile.pointwise.rescale = rescale;
    profile
}

/// The reference's codes; `None` where they are open, or there are none at all.
fn codes(spec: &RescaleSpec, inexact: InexactRescale, values: &[i64]) -> Vec<Option<i64>> {
    let data = Data::from_codes(spec.input, values.iter().copied());
    let problem = Problem {
        op: OpSpec::Rescale(spec.clone()),
        constants: Constants::default(),
        inputs: vec![Tensor::new(spec.shape.clone(), data).unwrap()],
    };
    let mut witness = Witness::default();
    let Ok(outputs) = reference(&problem, &profile(inexact), &mut witness) else {
        return vec![None; values.len()];
    };
    (0..values.len())
        .map(|i| (!witness.open.contains(&(0, i))).then(|| outputs[0].data().code(i)))
        .collect()
}

fn spec(
    (input, output): (DType, DType),
    zero_points: (i32, i32),
    scale: FixedScale,
    scale32: bool,
    rounding: RescaleRounding,
    len: usize,
) -> RescaleSpec {
    RescaleSpec {
        shape: vec![len],
        input,
        input_zero_point: zero_points.0,
        output,
        output_zero_point: zero_points.1,
        scale32,
        scales: vec![scale],
        rounding,
    }
}

const ROUNDINGS: [RescaleRounding; 3] = [
    RescaleRounding::Single,
    RescaleRounding::Double,
    RescaleRounding::Inexact,
];
const INEXACT: [InexactRescale; 2] = [InexactRescale::Open, InexactRescale::MultiplyF32];

#[test]
fn ties_and_the_ends_of_every_width() {
    let mut defined = 0;
    for shift in [1, 2, 15, 30, 31, 32, 33, 40, 47, 48, 61, 62, 63] {
        for multiplier in [
            -1,
            0,
            1,
            3,
            1 << 14,
            (1 << 15) - 1,
            1 << 15,
            1 << 30,
            i32::MAX,
        ] {
            let mut values = vec![-3, -2, -1, 0, 1, 2, 3];
            for end in [1i64 << 14, 1 << 29, 1 << 31, 1 << 46, 1 << 47] {
                for near in [-1, 0, 1] {
                    values.extend([end + near, -end + near]);
                }
            }
            for scale32 in [false, true] {
                for rounding in ROUNDINGS {
                    for inexact in INEXACT {
                        for output in [DType::I8, DType::U16, DType::I32] {
                            let scale = FixedScale { multiplier, shift };
                            let types = (DType::I64, output);
                            let spec = spec(types, (0, 5), scale, scale32, rounding, values.len());
                            let got = codes(&spec, inexact, &values);
                            for (&value, got) in values.iter().zip(got) {
                                let expected = oracle::rescale(&spec, inexact, 0, value);
                                assert_eq!(got, expected, "{value} {inexact:?} {spec:?}");
                                defined += usize::from(got.is_some());
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(defined > 20_000, "{defined}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_code_by_any_scale(
        values in prop::collection::vec(any::<i64>(), 12),
        types in prop::sample::select(vec![
            (DType::I8, DType::I8), (DType::U8, DType::I16), (DType::I16, DType::I32),
            (DType::U16, DType::U8), (DType::I32, DType::I16), (DType::I32, DType::I32),
            (DType::I64, DType::I32),
        ]),
        zero_points in (any::<i32>(), any::<i32>()),
        multiplier in prop_oneof![0i32..1 << 15, any::<i32>().prop_map(|m| m & i32::MAX)],
        shift in 2u32..=62,
        // How many of an input's bits are used.
        bits in 1u32..48,
        scale32 in any::<bool>(),
        rounding in prop::sample::select(ROUNDINGS.to_vec()),
        inexact in prop::sample::select(INEXACT.to_vec()),
    ) {
        let within = |dtype: DType, value: i64| {
            let (low, high) = dtype.code_range().unwrap();
            value.clamp(low, high)
        };
        let values: Vec<i64> =
            values.iter().map(|v| within(types.0, v >> (64 - bits))).collect();
        let zero = |dtype, z: i32| within(dtype, i64::from(z >> 22)) as i32;
        let zero_points = (zero(types.0, zero_points.0), zero(types.1, zero_points.1));
        let scale = FixedScale { multiplier, shift };
        let spec = spec(types, zero_points, scale, scale32, rounding, values.len());
        let got = codes(&spec, inexact, &values);
        for (&value, got) in values.iter().zip(got) {
            prop_assert_eq!(got, oracle::rescale(&spec, inexact, 0, value), "{} {:?}", value, &spec);
        }
    }
}
