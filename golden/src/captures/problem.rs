//! Problems from captured tensors: shapes come from the arrays, parameters
//! from the caller. Tensors are channel-last already.

use super::error::CaptureError;
use super::manifest::CapturedFile;
use super::npz::Array;
use crate::spec::*;
use crate::tensor::{DType, Data, Tensor};

/// Scale and zero point from captured numbers.
pub(super) fn qparams(
    file: &CapturedFile<'_>,
    scale: f64,
    zero_point: i64,
) -> Result<QParams, CaptureError> {
    let zero_point = i32::try_from(zero_point)
        .map_err(|_| file.problem(format!("zero point {zero_point} does not fit i32")))?;
    Ok(QParams { scale, zero_point })
}

/// The parameters under `<key>_scale` and `<key>_zp`, for a tensor of `dtype`.
pub(super) fn quantized(
    file: &CapturedFile<'_>,
    key: &str,
    dtype: DType,
) -> Result<Quantized, CaptureError> {
    let params = file.params();
    Ok(Quantized {
        dtype,
        qparams: qparams(
            file,
            params.float(&format!("{key}_scale"))?,
            params.integer(&format!("{key}_zp"))?,
        )?,
    })
}

/// The type of an array's codes.
pub(super) fn code_type(array: &Array) -> Result<DType, CaptureError> {
    array
        .dtype()
        .filter(|dtype| dtype.code_range().is_some())
        .ok_or_else(|| array.error("is of a type that no reference op has codes of"))
}

/// Scales and zero points of a tensor: one pair, or one along `axis` for each entry.
/// A list of one entry is one pair for the whole tensor.
pub(super) fn granularity(
    file: &CapturedFile<'_>,
    scales: &Array,
    zero_points: &Array,
    axis: usize,
) -> Result<Granularity, CaptureError> {
    let scale = scales.floats()?;
    let zero_point = zero_points.integers()?;
    if scale.len() != zero_point.len() || scale.is_empty() {
        return Err(zero_points.error(format!(
            "has {} zero points for {} scales",
            zero_point.len(),
            scale.len()
        )));
    }
    if scale.len() == 1 {
        return Ok(Granularity::PerTensor(qparams(
            file,
            scale[0],
            zero_point[0],
        )?));
    }
    let pairs = scale.into_iter().zip(zero_point);
    Ok(Granularity::PerChannel {
        axis,
        qparams: pairs
            .map(|(scale, zero_point)| qparams(file, scale, zero_point))
            .collect::<Result<_, _>>()?,
    })
}

pub(super) fn quantize(
    x: Tensor,
    dtype: DType,
    granularity: Granularity,
    range: Option<(i64, i64)>,
) -> Problem {
    Problem {
        op: OpSpec::Quantize(QuantizeSpec {
            shape: x.shape().to_vec(),
            dtype,
            granularity,
            range: range.filter(|&range| Some(range) != dtype.code_range()),
        }),
        constants: Constants::default(),
        inputs: vec![x],
    }
}

pub(super) fn dequantize(codes: Tensor, granularity: Granularity) -> Problem {
    Problem {
        op: OpSpec::Dequantize(DequantizeSpec {
            shape: codes.shape().to_vec(),
            dtype: codes.dtype(),
            granularity,
        }),
        constants: Constants::default(),
        inputs: vec![codes],
    }
}

/// Scale and zero point for the values of `x`.
pub(super) fn choose_qparams(x: Vec<f32>, request: QparamsRequest) -> Problem {
    let x = flat(Data::F32(x));
    Problem {
        op: OpSpec::ChooseQparams(ChooseQparamsSpec {
            len: x.len(),
            request,
        }),
        constants: Constants::default(),
        inputs: vec![x],
    }
}

pub(super) fn observe(kind: ObserverKind, axis: usize, batches: Vec<Tensor>) -> Problem {
    Problem {
        op: OpSpec::Observe(ObserveSpec {
            kind,
            shape: batches.first().map_or(Vec::new(), |b| b.shape().to_vec()),
            batches: batches.len(),
            axis,
        }),
        constants: Constants::default(),
        inputs: batches,
    }
}

pub(super) fn calibrate(calibrator: Calibrator, batches: Vec<Tensor>) -> Problem {
    Problem {
        op: OpSpec::Calibrate(CalibrateSpec {
            calibrator,
            shape: batches.first().map_or(Vec::new(), |b| b.shape().to_vec()),
            batches: batches.len(),
        }),
        constants: Constants::default(),
        inputs: batches,
    }
}

/// What a product is given besides its tensors.
#[derive(Debug, Clone)]
pub(super) struct Product {
    pub activation: Activation,
    pub weights: Granularity,
    pub output: Output,
    pub relu: Relu,
}

/// The bias of a product, or none where the array is empty.
pub(super) fn bias_kind(bias: &Option<Tensor>) -> BiasKind {
    match bias.as_ref().map(Tensor::dtype) {
        None => BiasKind::None,
        Some(DType::I32 | DType::I64) => BiasKind::I32,
        Some(_) => BiasKind::F32,
    }
}

/// `x` is `[m, k]`, `w` is `[n, k]`.
pub(super) fn linear(
    file: &CapturedFile<'_>,
    x: Tensor,
    w: Tensor,
    bias: Option<Tensor>,
    product: Product,
) -> Result<Problem, CaptureError> {
    let (&[m, k], &[n, wk]) = (x.shape(), w.shape()) else {
        return Err(file.problem(format!(
            "x {:?} and w {:?} of a linear must be [m, k] and [n, k]",
            x.shape(),
            w.shape()
        )));
    };
    if k != wk {
        return Err(file.problem(format!("x has k = {k}, but w has k = {wk}")));
    }
    Ok(Problem {
        op: OpSpec::Linear(LinearSpec {
            m,
            n,
            k,
            activation: product.activation,
            weights: product.weights,
            bias: bias_kind(&bias),
            output: product.output,
            relu: product.relu,
        }),
        constants: Constants {
            weights: Some(w),
            bias,
        },
        inputs: vec![x],
    })
}

/// Where the windows of a convolution lie.
#[derive(Debug, Clone)]
pub(super) struct Windows {
    pub stride: Vec<usize>,
    pub pad_begin: Vec<usize>,
    pub pad_end: Vec<usize>,
    pub dilation: Vec<usize>,
    pub groups: usize,
}

/// `x` is `[n, spatial.., c]`, `w` is `[out, kernel.., c / groups]`.
pub(super) fn conv(
    file: &CapturedFile<'_>,
    x: Tensor,
    w: Tensor,
    bias: Option<Tensor>,
    windows: Windows,
    product: Product,
) -> Result<Problem, CaptureError> {
    let spatial = windows.stride.len();
    let rank = |t: &Tensor| t.shape().len() == spatial + 2;
    let Activation::Quantized(activation) = product.activation else {
        return Err(file.problem("a conv needs quantized activations"));
    };
    if !rank(&x) || !rank(&w) || windows.groups == 0 {
        return Err(file.problem(format!(
            "x {:?} and w {:?} do not fit a conv of {spatial} dimensions",
            x.shape(),
            w.shape()
        )));
    }
    let in_channels = x.shape()[spatial + 1];
    if w.shape()[spatial + 1] * windows.groups != in_channels {
        return Err(file.problem(format!(
            "w {:?} in {} groups does not fit {in_channels} input channels",
            w.shape(),
            windows.groups
        )));
    }
    Ok(Problem {
        op: OpSpec::Conv(ConvSpec {
            batch: x.shape()[0],
            input: x.shape()[1..=spatial].to_vec(),
            in_channels,
            out_channels: w.shape()[0],
            kernel: w.shape()[1..=spatial].to_vec(),
            stride: windows.stride,
            pad_begin: windows.pad_begin,
            pad_end: windows.pad_end,
            dilation: windows.dilation,
            groups: windows.groups,
            activation,
            weights: product.weights,
            bias: bias_kind(&bias),
            output: product.output,
            relu: product.relu,
        }),
        constants: Constants {
            weights: Some(w),
            bias,
        },
        inputs: vec![x],
    })
}

/// Image and weights (`[out, kh, kw, c]`) of the convolution whose exact sums are those of a
/// transposed one: the image with codes of 0 between neighbours, the kernel flipped.
pub(super) fn transposed(
    x: &Tensor,
    w: &Tensor,
    stride: (usize, usize),
    activation: QParams,
) -> Option<(Tensor, Tensor)> {
    let &[_, kh, kw, channels] = w.shape() else {
        return None;
    };
    let taps = kh * kw;
    let flipped = (0..w.len()).map(|at| {
        let (pixel, channel) = (at / channels.max(1), at % channels.max(1));
        let (out, tap) = (pixel / taps, pixel % taps);
        w.data()
            .code((out * taps + taps - 1 - tap) * channels + channel)
    });
    let w = Tensor::new(w.shape().to_vec(), Data::from_codes(w.dtype(), flipped)).ok()?;
    Some((stretched(x, stride, activation.zero_point)?, w))
}

/// `[n, h, w, c]` with `stride − 1` codes of 0 between neighbours.
fn stretched(x: &Tensor, (sy, sx): (usize, usize), zero_point: i32) -> Option<Tensor> {
    let &[n, h, w, c] = x.shape() else {
        return None;
    };
    let (height, width) = (h.checked_sub(1)? * sy + 1, w.checked_sub(1)? * sx + 1);
    let mut codes = vec![i64::from(zero_point); n * height * width * c];
    for at in 0..x.len() {
        let (pixel, channel) = (at / c, at % c);
        let (line, column) = (pixel / w, pixel % w);
        let (image, row) = (line / h, line % h);
        let to = (image * height + row * sy) * width + column * sx;
        codes[to * c + channel] = x.data().code(at);
    }
    let data = Data::from_codes(x.dtype(), codes);
    Tensor::new([n, height, width, c], data).ok()
}

/// Two tensors of one shape, with the parameters of both and of the output.
pub(super) fn binary(
    a: Tensor,
    b: Tensor,
    params: [Quantized; 3],
    relu: Relu,
) -> (BinarySpec, Vec<Tensor>) {
    let spec = BinarySpec {
        shape: a.shape().to_vec(),
        a: params[0],
        b: params[1],
        output: params[2],
        relu,
    };
    (spec, vec![a, b])
}

/// A problem without constants.
pub(super) fn plain(op: OpSpec, inputs: Vec<Tensor>) -> Problem {
    Problem {
        op,
        constants: Constants::default(),
        inputs,
    }
}

/// A tensor of one dimension.
pub(super) fn flat(data: Data) -> Tensor {
    Tensor::new(vec![data.len()], data).expect("one dimension holds all values")
}

/// A tensor of one i32.
pub(super) fn one_i32(value: i64) -> Option<Tensor> {
    Some(flat(Data::I32(vec![i32::try_from(value).ok()?])))
}
