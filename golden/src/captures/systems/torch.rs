//! PyTorch: which engine has which profile, and element quantization.
//! Ops are in `torch_ops`, observers in `torch_observers`.

use crate::captures::error::CaptureError;
use crate::captures::fake;
use crate::captures::manifest::CapturedFile;
use crate::captures::problem::{self, code_type, granularity};
use crate::captures::vector::{Builder, Found};
use crate::spec::{Granularity, ObserverKind};
use crate::tensor::{DType, Tensor};

/// One build of PyTorch and the named profiles of its parts.
pub(super) struct Build {
    /// quantize_per_tensor
    pub per_tensor: &'static str,
    /// dequantize of tensors with one scale
    pub dequantize: &'static str,
    /// quantize_per_channel
    pub per_channel: &'static str,
    /// quantize_per_tensor to 32-bit codes
    pub codes_32: &'static str,
    /// fake_quantize_per_tensor_affine, per channel too
    pub fake_quantize: &'static str,
    /// the engines, with their profiles
    pub engines: &'static [(&'static str, &'static str)],
    /// the histogram observer with so many bins
    pub histogram: fn(usize) -> ObserverKind,
}

/// PyTorch 2.15 from the registry, built with FBGEMM. On this CPU x86 = fbgemm.
const V2_15: Build = Build {
    per_tensor: "fbgemm",
    dequantize: "fbgemm",
    per_channel: "pytorch-scalar",
    codes_32: "pytorch-scalar",
    fake_quantize: "fbgemm",
    engines: ENGINES,
    histogram: |bins| match bins {
        2048 => ObserverKind::Histogram,
        bins => ObserverKind::HistogramOf { bins },
    },
};

/// Debian's PyTorch 1.13, built without FBGEMM.
const DEBIAN: Build = Build {
    per_tensor: "pytorch-native",
    dequantize: "fbgemm",
    per_channel: "pytorch-native",
    codes_32: "pytorch-native",
    fake_quantize: "pytorch-native",
    engines: &[("onednn", "onednn-2-jit-avx2"), ("qnnpack", "qnnpack-sse2")],
    histogram: |bins| ObserverKind::GrowingHistogram { bins },
};

/// The engines' profiles, the same in every build on AVX2 without VNNI. No captured sum of
/// qnnpack leaves i32 when it is scaled: its profiles for ARM fit the captures as well.
pub(super) const ENGINES: &[(&str, &str)] = &[
    ("fbgemm", "fbgemm"),
    ("x86", "fbgemm"),
    ("onednn", "onednn-jit-avx2"),
    ("qnnpack", "qnnpack-sse2"),
];

/// A file of torch-2.15.
pub(super) fn read_2_15(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    read(&V2_15, file, found)
}

/// A file of torch-debian-1.13.
pub(super) fn read_debian(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    read(&DEBIAN, file, found)
}

fn read(build: &Build, file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let (kind, name) = file
        .entry
        .file
        .split_once('/')
        .unwrap_or(("", &file.entry.file));
    match kind {
        "quantize" if name.starts_with("pt_") => per_tensor(build, file, found),
        "quantize" if name.starts_with("pc_floatqparams") => {
            super::torch_casts::float_zero_points(file, found)
        }
        "casts" => super::torch_casts::read(file, found),
        "quantize" if name.starts_with("pc_") => per_channel(build, file, found),
        "quantize" if name.starts_with("decomposed_") => decomposed(file, found),
        "dequantize" => {
            let codes = file.array("q")?.tensor()?;
            let mut v = Builder::new(file, "", problem::dequantize(codes, one_pair(file)?));
            v.output("native", build.dequantize, 0, file.array("x")?.tensor()?)?;
            v.into(found);
            Ok(())
        }
        "observers" => super::torch_observers::read(build, file, found),
        "ops" => super::torch_ops::read(build, file, found),
        _ => {
            found.skip(kind, file.entry.values(|_| true), "no reference op");
            Ok(())
        }
    }
}

/// `scale` and `zero_point` of the whole file.
fn one_pair(file: &CapturedFile<'_>) -> Result<Granularity, CaptureError> {
    let params = file.params();
    let pair = problem::qparams(file, params.float("scale")?, params.integer("zero_point")?)?;
    Ok(Granularity::PerTensor(pair))
}

fn range(file: &CapturedFile<'_>) -> Result<Option<(i64, i64)>, CaptureError> {
    let params = file.params();
    if !params.has("qmin") {
        return Ok(None);
    }
    Ok(Some((params.integer("qmin")?, params.integer("qmax")?)))
}

/// Fake quantization by the parameters of a tensor of codes.
fn fake_quantize(
    build: &Build,
    file: &CapturedFile<'_>,
    granularity: &Granularity,
    found: &mut Found,
) -> Result<(), CaptureError> {
    if !file.npz().has("fake_quant") {
        return Ok(());
    }
    let (axis, scales) = fake::of_granularity(granularity);
    let x = file.array("x")?.tensor()?;
    let problem = fake::plain(x, fake::range(file)?, axis, scales);
    let expected = vec![(fake::VALUES, file.array("fake_quant")?.tensor()?)];
    let names = ("fake_quant", "native");
    fake::solved(file, names, build.fake_quantize, problem, expected, found)
}

fn per_tensor(
    build: &Build,
    file: &CapturedFile<'_>,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let x = file.array("x")?.tensor()?;
    let whole = file.array("q")?;
    let dtype = code_type(whole)?;
    let profile = match dtype {
        DType::I32 => build.codes_32,
        _ => build.per_tensor,
    };
    let pair = one_pair(file)?;
    let range = range(file)?;
    let mut v = Builder::new(
        file,
        "q",
        problem::quantize(x.clone(), dtype, pair.clone(), range),
    );
    v.output("native", profile, 0, whole.tensor()?)?;
    v.into(found);
    // Each value was quantized by a call of its own: rows of one value.
    let column = |t: Tensor| {
        Tensor::new(vec![t.len(), 1], t.data().clone()).map_err(|e| file.problem(e.to_string()))
    };
    let alone = problem::quantize(column(x)?, dtype, pair.clone(), range);
    let mut v = Builder::new(file, "q_single", alone);
    let single = column(file.array("q_single")?.tensor()?)?;
    v.output("native", profile, 0, single)?;
    v.into(found);
    fake_quantize(build, file, &pair, found)
}

fn per_channel(
    build: &Build,
    file: &CapturedFile<'_>,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let axis = usize::try_from(file.params().integer("axis")?)
        .map_err(|_| file.problem("the channel axis must not be negative"))?;
    let channels = granularity(file, file.array("scales")?, file.array("zps")?, axis)?;
    let codes = file.array("q")?;
    let x = file.array("x")?.tensor()?;
    let quantize = problem::quantize(x, code_type(codes)?, channels.clone(), range(file)?);
    let mut v = Builder::new(file, "q", quantize);
    v.output("native", build.per_channel, 0, codes.tensor()?)?;
    v.into(found);
    if file.npz().has("deq") {
        let mut v = Builder::new(
            file,
            "deq",
            problem::dequantize(codes.tensor()?, channels.clone()),
        );
        v.output("native", build.per_channel, 0, file.array("deq")?.tensor()?)?;
        v.into(found);
    }
    fake_quantize(build, file, &channels, found)
}

fn decomposed(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let codes = file.array("q")?;
    let x = file.array("x")?.tensor()?;
    let pair = one_pair(file)?;
    let quantize = problem::quantize(x, code_type(codes)?, pair.clone(), range(file)?);
    let mut v = Builder::new(file, "q", quantize);
    v.output("decomposed", "pytorch-decomposed", 0, codes.tensor()?)?;
    v.into(found);
    let mut v = Builder::new(file, "deq", problem::dequantize(codes.tensor()?, pair));
    v.output(
        "decomposed",
        "pytorch-decomposed",
        0,
        file.array("deq")?.tensor()?,
    )?;
    v.into(found);
    Ok(())
}
