//! PyTorch's casts: every f16 and chosen f32 values to narrower floats, every
//! 8-bit float back to f32.

use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::narrow::{self, InBlocks, across, narrow};
use crate::captures::problem::flat;
use crate::captures::vector::{Builder, Found};
use crate::spec::{OpSpec, PowerRounding, Problem};
use crate::tensor::{DType, Data, Tensor};

const PROFILE: &str = "pytorch-scalar";

/// Names in the file. Only e4m3fn ends at its greatest value: PyTorch has no flag for it.
const FLOATS: [(&str, DType); 5] = [
    ("float8_e4m3fn", DType::F8E4M3FN),
    ("float8_e5m2", DType::F8E5M2),
    ("float8_e4m3fnuz", DType::F8E4M3FNUZ),
    ("float8_e5m2fnuz", DType::F8E5M2FNUZ),
    ("float8_e8m0fnu", DType::F8E8M0),
];

/// `casts/fp.npz`.
pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let halves = narrow(file.array("x_f16_bits")?, DType::F16)?;
    let singles = file.array("x_f32")?.tensor()?;
    let mut covered = 0;
    let mut add = |part: &str, from: &Tensor, to: DType, expected: Tensor| {
        covered += expected.len() as u64;
        let saturate = to == DType::F8E4M3FN;
        let problem = narrow::cast(from.clone(), to, saturate, PowerRounding::Nearest);
        let mut v = Builder::new(file, part, problem);
        v.output("native", PROFILE, 0, expected)?;
        v.into(found);
        Ok::<(), CaptureError>(())
    };
    // Version 1.13 has no 8-bit floats.
    for (name, dtype) in FLOATS.into_iter().filter(|(name, _)| file.npz().has(name)) {
        add(name, &halves, dtype, narrow(file.array(name)?, dtype)?)?;
        let back = format!("{name}_all_codes_as_f32");
        let codes = flat(Data::from_bits(dtype, 0..=255));
        add(&back, &codes, DType::F32, file.array(&back)?.tensor()?)?;
        let single = format!("x_f32_to_{name}");
        if file.npz().has(&single) {
            add(
                &single,
                &singles,
                dtype,
                narrow(file.array(&single)?, dtype)?,
            )?;
        }
    }
    for (name, dtype) in [("bf16_bits", DType::BF16), ("f16_bits", DType::F16)] {
        add(name, &singles, dtype, narrow(file.array(name)?, dtype)?)?;
    }
    let rest = file
        .entry
        .values(|a| !a.starts_with("x_f16") && a != "x_f32");
    if rest > covered {
        found.skip("casts", rest - covered, "a type that no capture had before");
    }
    Ok(())
}

/// `quantize/pc_floatqparams_*.npz`: zero points per channel that are no codes.
pub(super) fn float_zero_points(
    file: &CapturedFile<'_>,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let axis = usize::try_from(file.params().integer("axis")?)
        .map_err(|_| file.problem("the channel axis must not be negative"))?;
    let (x, q) = (file.array("x")?.tensor()?, file.array("q")?.tensor()?);
    let blocks = InBlocks {
        block: across(x.shape(), axis),
        values: x,
        scales: file.array("scales")?.tensor()?,
        zero_points: Some(file.array("zps")?.tensor()?),
    };
    let problem = blocks.quantize(file.array("zps")?, q.dtype(), None, false)?;
    let mut v = Builder::new(file, "", problem);
    v.output("native", "pytorch-float-qparams", 0, q)?;
    v.into(found);
    Ok(())
}

/// Scales and real zero points of an observer's channels, from their ranges.
pub(super) fn real_qparams(
    file: &CapturedFile<'_>,
    part: &str,
    ranges: &[(f32, f32)],
    request: crate::spec::QparamsRequest,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let of = |what: &str| file.array(&format!("{part}.{what}"));
    let (scales, zeros) = (of("scale")?.tensor()?, of("zero_point")?.tensor()?);
    let (Data::F32(scales), Data::F32(zeros)) = (scales.data(), zeros.data()) else {
        return Err(of("zero_point")?.error("is not f32, as the scale should be too"));
    };
    if scales.len() != ranges.len() || zeros.len() != ranges.len() {
        return Err(of("scale")?.error(format!("has not {} entries", ranges.len())));
    }
    for (channel, &(min, max)) in ranges.iter().enumerate() {
        let x = flat(Data::F32(vec![min, max]));
        let spec = crate::spec::ChooseQparamsSpec { len: 2, request };
        let problem = Problem {
            op: OpSpec::ChooseRealQparams(spec),
            constants: Default::default(),
            inputs: vec![x],
        };
        let mut v = Builder::new(file, &format!("{part}[{channel}]"), problem);
        let one = |value: f32| flat(Data::F32(vec![value]));
        v.output("observer", "pytorch-observer", 0, one(scales[channel]))?;
        v.output("observer", "pytorch-observer", 1, one(zeros[channel]))?;
        v.into(found);
    }
    Ok(())
}
