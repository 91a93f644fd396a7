//! Scale and zero point from a range.

use super::draw::Draw;
use super::{BATCH, Batch};
use crate::ops::choose_qparams::choose;
use crate::ops::reference;
use crate::oracle;
use crate::profile::Profile;
use crate::spec::{ChooseQparamsSpec, Constants, OpSpec, Problem, QparamsRequest};
use crate::tensor::{DType, Data, Tensor};
use crate::witness::Witness;

pub(super) fn choose_qparams(profile: &Profile, right: &Profile, draw: &mut Draw) -> Batch {
    let dtype = draw.of(&[
        DType::U8,
        DType::I8,
        DType::U16,
        DType::I16,
        DType::U4,
        DType::I4,
        DType::U2,
        DType::I2,
    ]);
    let range = match dtype {
        DType::I8 if draw.flip() => Some((-127, 127)),
        DType::U8 if draw.flip() => Some((0, 127)),
        _ => None,
    };
    let request = QparamsRequest {
        dtype,
        range,
        symmetric: draw.flip(),
        reduce_range: range.is_none() && dtype.bits() == 8 && draw.flip(),
    };
    let difference = (0..BATCH).find_map(|_| {
        let (min, max) = limits(draw);
        let got = choose(&profile.qparams, min, max, &request).ok();
        let expected = oracle::choose_qparams(&right.qparams, min, max, &request);
        let bits = |q: Option<crate::spec::QParams>| q.map(|q| (q.scale.to_bits(), q.zero_point));
        (bits(got) != bits(expected)).then(|| {
            format!("[{min:e}, {max:e}] {request:?}: reference {got:?}, oracle {expected:?}")
        })
    });
    (BATCH as u64, difference)
}

pub(super) fn choose_real_qparams(profile: &Profile, right: &Profile, draw: &mut Draw) -> Batch {
    let request = QparamsRequest {
        dtype: draw.of(&[DType::U8, DType::I8, DType::U4, DType::I4, DType::U2]),
        range: None,
        symmetric: false,
        reduce_range: draw.flip(),
    };
    let difference = (0..BATCH).find_map(|_| {
        let (min, max) = limits(draw);
        let problem = Problem {
            op: OpSpec::ChooseRealQparams(ChooseQparamsSpec { len: 2, request }),
            constants: Constants::default(),
            inputs: vec![Tensor::new([2], Data::F32(vec![min, max])).expect("two values")],
        };
        let outputs = reference(&problem, profile, &mut Witness::default()).ok();
        let got = outputs.map(|of| (of[0].data().real(0), of[1].data().real(0)));
        let expected = oracle::choose_real_qparams(&right.qparams, (min, max), &request);
        (got != expected).then(|| {
            format!("[{min:e}, {max:e}] {request:?}: reference {got:?}, oracle {expected:?}")
        })
    });
    (BATCH as u64, difference)
}

/// The least and the greatest of some values, far inside f32: stretched over few codes, wider
/// ranges have infinite ends, which the oracle has not.
fn limits(draw: &mut Draw) -> (f32, f32) {
    let width = draw.scale(-60, 60);
    let one = |draw: &mut Draw| match draw.below(8) {
        0 => 0.0,
        // Whole steps of 255, and halves: where zero points tie.
        1 => (draw.within(-510, 510) as f64 / 2.0 / 255.0 * width) as f32,
        2 => (draw.within(-255, 255) as f64 * width) as f32,
        _ => {
            let value = draw.scale(-4, 1) * width;
            (if draw.flip() { -value } else { value }) as f32
        }
    };
    let (a, b) = (one(draw), one(draw));
    (a.min(b), a.max(b))
}
