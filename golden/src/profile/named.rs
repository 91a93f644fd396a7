//! The profiles of known systems, by name: one table, from which listing, the
//! command line, golden vectors and tests follow. What each profile is stands in a file for
//! its family: values over the axes, most of them written as what they change in a related one.

mod arithmetic;
mod fake;
mod fbgemm;
mod litert;
mod mobile;
mod mxnet;
mod narrow;
mod onednn;
mod onnx;
mod paddle;
mod pytorch;
mod tosa;
mod vnni;

use super::Profile;
use arithmetic::*;
use fbgemm::*;
use litert::*;
use mobile::*;
use mxnet::*;
use narrow::*;
use onednn::*;
use onnx::*;
use paddle::*;
use pytorch::*;
use tosa::*;
use vnni::*;

/// A profile with its name, what it stands for, and where that was read or seen.
#[derive(Debug, Clone, Copy)]
pub struct NamedProfile {
    /// the name used everywhere
    pub name: &'static str,
    /// what the profile stands for, in one sentence
    pub summary: &'static str,
    /// upstream file and function, or the captures that show it
    pub source: &'static str,
    /// the arithmetic
    pub profile: Profile,
}

/// Every named profile.
pub const PROFILES: &[NamedProfile] = &joined::<{ KERNELS.len() + fake::FAKE.len() }>();

/// Kernels' profiles, then those of fake quantizers.
const fn joined<const N: usize>() -> [NamedProfile; N] {
    let mut all = [KERNELS[0]; N];
    let mut index = 0;
    while index < N {
        all[index] = if index < KERNELS.len() {
            KERNELS[index]
        } else {
            fake::FAKE[index - KERNELS.len()]
        };
        index += 1;
    }
    all
}

/// The profiles of kernels and of what chooses their parameters.
const KERNELS: &[NamedProfile] = &[
    NamedProfile {
        name: "exact",
        summary: "exact i32 sums, one f32 multiplication, nearest-even, zero point after rounding; NaN and overflow left open",
        source: "the arithmetic that the FBGEMM formula means, without its machine's limits",
        profile: EXACT,
    },
    NamedProfile {
        name: "fbgemm",
        summary: "FBGEMM on AVX2 without VNNI: u8·s8 pairs saturate to i16, cvtps2dq overflow wraps",
        source: "FBGEMM src/QuantUtilsAvx2.cc, include/fbgemm/OutputProcessing-inl.h; captures torch-2.15 (fbgemm)",
        profile: FBGEMM,
    },
    NamedProfile {
        name: "fbgemm-exact",
        summary: "FBGEMM's arithmetic where sums are exact: with VNNI, or with vpmaddwd on widened operands",
        source: "FBGEMM src/GenerateKernelU8S8S32ACC32Avx512VNNI.cc",
        profile: FBGEMM_EXACT,
    },
    NamedProfile {
        name: "fbgemm-scalar",
        summary: "FBGEMM's portable path: exact sums, saturating conversions, bias by division",
        source: "FBGEMM include/fbgemm/QuantUtils.h (Quantize), src/RefImplementations.cc",
        profile: FBGEMM_SCALAR,
    },
    NamedProfile {
        name: "fbgemm-neon",
        summary: "FBGEMM on aarch64: the portable path, whose conversions saturate there; NaN becomes the zero point",
        source: "FBGEMM include/fbgemm/OutputProcessing-inl.h (ReQuantizeOutput), include/fbgemm/QuantUtils.h (Quantize)",
        profile: FBGEMM_NEON,
    },
    NamedProfile {
        name: "fbgemm-acc16",
        summary: "FBGEMM with i16 accumulators: pairs and sums saturate to i16, spilled every 256 k",
        source: "FBGEMM src/GenerateKernelU8S8S32ACC16.cc, src/RefImplementations.cc (matmul_u8i8acc16_ref)",
        profile: FBGEMM_ACC16,
    },
    NamedProfile {
        name: "fbgemm-vnni",
        summary: "FBGEMM on AVX-512 VNNI: as fbgemm-exact, but its depthwise kernels still saturate pairs to i16",
        source: "FBGEMM src/FbgemmConv.cc (takeDepthWiseFastPath), src/GenerateI8Depthwise.cc; PyTorch 2.15 on AVX-512 VNNI, captured by scripts/upstream",
        profile: FBGEMM_VNNI,
    },
    NamedProfile {
        name: "onednn",
        summary: "oneDNN's reference store: zero point added in f32 before rounding, clamp before rounding, division by the output scale",
        source: "oneDNN src/cpu/ref_convolution_int8.cpp (execute_forward)",
        profile: ONEDNN,
    },
    NamedProfile {
        name: "onednn-jit",
        summary: "oneDNN's generated kernels where sums are exact (VNNI): as onednn, but multiplies by the reciprocal of the output scale",
        source: "oneDNN src/cpu/x64/jit_avx512_core_x8s8s32x_conv_kernel.cpp (store_output)",
        profile: ONEDNN_JIT,
    },
    NamedProfile {
        name: "onednn-brgemm",
        summary: "oneDNN's brgemm matmul on VNNI without AMX: as onednn-jit, a float output is scaled by the activations' and then by the weights' scale",
        source: "oneDNN 3 src/cpu/x64/matmul/brgemm_matmul.cpp; PyTorch 2.15 on AVX-512 VNNI, captured by scripts/upstream",
        profile: ONEDNN_BRGEMM,
    },
    NamedProfile {
        name: "onednn-jit-avx2",
        summary: "oneDNN's generated kernels on AVX2 without VNNI: pairs saturate to i16 and restart at each kernel position, padding does not take part; depthwise, and groups of channels not in fours, are exact",
        source: "oneDNN src/cpu/x64/jit_uni_x8s8s32x_conv_kernel.cpp; captures torch-2.15 (onednn)",
        profile: ONEDNN_JIT_AVX2,
    },
    NamedProfile {
        name: "onednn-3-jit",
        summary: "oneDNN 3 called by itself where sums are exact (VNNI): as onednn-jit, both scales are multiplied first, for codes and for floats, and zero points are taken off in f32 when codes become reals",
        source: "oneDNN 3.2's CPU build, run: jit, brgemm and reference implementations on inputs made to land on ties",
        profile: ONEDNN_3_JIT,
    },
    NamedProfile {
        name: "onednn-3-jit-avx2",
        summary: "oneDNN 3 called by itself on AVX2 without VNNI: as onednn-3-jit, u8·s8 pairs saturate as in onednn-jit-avx2, those of linear in two blocks of k where it is between 256 and 768; convolutions of s8 halve their weights, half to even, and double the sum; linear of s8 saturates where its zero point is 0 and is exact where it is another",
        source: "oneDNN 3.2's CPU build, run with ONEDNN_MAX_CPU_ISA=AVX2 (jit_uni_int8, jit_uni_int8_1x1, gemm:jit, ref:any)",
        profile: ONEDNN_3_JIT_AVX2,
    },
    NamedProfile {
        name: "onednn-pt2e-jit-avx2",
        summary: "oneDNN's ops as PyTorch's export path calls them: as onednn-jit-avx2, float outputs scaled by one product, quantized and dequantized by decomposed ops",
        source: "captures models/digits-cnn-torch (pt2e_x86inductor_lowered: onednn.qconv_pointwise, onednn.qlinear_pointwise)",
        profile: ONEDNN_PT2E_JIT_AVX2,
    },
    NamedProfile {
        name: "onednn-2-jit-avx2",
        summary: "oneDNN 2.6 on AVX2 without VNNI, as in PyTorch 1.13: as onednn-jit-avx2, a float output's bias is added before the scale",
        source: "captures torch-debian-1.13 (onednn)",
        profile: ONEDNN_2_JIT_AVX2,
    },
    NamedProfile {
        name: "qnnpack",
        summary: "PyTorch's QNNPACK on aarch64: exact sums, bias rounded to i32, one f32 multiplication, nearest-even conversion that saturates (vcvtnq), zero point in i16",
        source: "PyTorch aten/src/ATen/native/quantized/cpu/qnnpack/src/q8gemm/8x8-neon.c, q8conv/8x8-neon.c, q8avgpool/up8x9-neon.c, src/average-pooling.c",
        profile: QNNPACK,
    },
    NamedProfile {
        name: "qnnpack-magic",
        summary: "PyTorch's QNNPACK on 32-bit ARM: as qnnpack, clamped in f32 first and rounded by adding 1.5·2^23",
        source: "PyTorch aten/src/ATen/native/quantized/cpu/qnnpack/src/q8gemm/4x8-neon.c (vfmin, vfmax, vfmagic, vimagic)",
        profile: QNNPACK_MAGIC,
    },
    NamedProfile {
        name: "qnnpack-sse2",
        summary: "PyTorch's QNNPACK on x86: as qnnpack, the conversion gives i32::MIN outside i32 (cvtps2dq)",
        source: "PyTorch aten/src/ATen/native/quantized/cpu/qnnpack/src/q8gemm/4x4c2-sse2.c; captures torch-2.15, torch-debian-1.13 (qnnpack)",
        profile: QNNPACK_SSE2,
    },
    NamedProfile {
        name: "qnnpack-q31",
        summary: "the original QNNPACK: 31-bit fixed-point requantization with two roundings, average pool by a 24-bit multiplier",
        source: "QNNPACK src/requantization/q31-scalar.c (qnnp_requantize_q31__scalar), src/convolution.c, src/average-pooling.c",
        profile: QNNPACK_Q31,
    },
    NamedProfile {
        name: "qnnpack-precise",
        summary: "the original QNNPACK's precise requantization: as qnnpack-q31, the exact product rounded half away once",
        source: "QNNPACK src/requantization/precise-scalar.c (qnnp_requantize_precise__scalar_unsigned64)",
        profile: QNNPACK_PRECISE,
    },
    NamedProfile {
        name: "gemmlowp",
        summary: "gemmlowp's fixed point: high multiply, rounding shift, zero point in i32, then clamp",
        source: "gemmlowp fixedpoint/fixedpoint.h, public/output_stages.h (OutputStageQuantizeDownInt32ByFixedPoint), doc/quantization_example.cc; QNNPACK src/requantization/gemmlowp-scalar.c",
        profile: GEMMLOWP,
    },
    NamedProfile {
        name: "xnnpack-fp32",
        summary: "XNNPACK's fp32 requantization: multiplier by division, clamp in f32, then nearest-even and the zero point; average pool by 24 bits and one shift rounded half away, of whole images by one product in f32",
        source: "XNNPACK src/xnnpack/requantization.h (xnn_qs8_requantize_fp32), src/microparams-init.c (xnn_init_qs8_add_minmax_scalar_params, xnn_init_qs8_mul_minmax_scalar_params); the average pool of Debian's XNNPACK of February 2022, run",
        profile: XNNPACK_FP32,
    },
    NamedProfile {
        name: "xnnpack-rndnu",
        summary: "XNNPACK's rndnu requantization: as xnnpack-fp32, products by a 24-bit multiplier and one rounding shift, ties up",
        source: "XNNPACK src/xnnpack/requantization.h (xnn_qs8_requantize_rndnu)",
        profile: XNNPACK_RNDNU,
    },
    NamedProfile {
        name: "onnxruntime",
        summary: "ONNX Runtime (MLAS) in its exact mode: division by the scale, i32 bias, clamp in float before rounding",
        source: "ONNX Runtime onnxruntime/core/mlas/lib/quantize.cpp; captures onnxruntime",
        profile: ONNXRUNTIME,
    },
    NamedProfile {
        name: "onnxruntime-avx2",
        summary: "ONNX Runtime by default on AVX2 without VNNI: as onnxruntime, u8·s8 pairs saturate to i16",
        source: "captures onnxruntime, models/ppocr-*",
        profile: ONNXRUNTIME_AVX2,
    },
    NamedProfile {
        name: "onnxruntime-qdq",
        summary: "ONNX Runtime where quantize and dequantize nodes stay around a float op: as onnxruntime, add in real values",
        source: "captures onnxruntime (QDQ, unfused)",
        profile: ONNXRUNTIME_QDQ,
    },
    NamedProfile {
        name: "onnxruntime-tools",
        summary: "scale and zero point as ONNX Runtime's Python tools choose them: f64 quotient, zero point before the scale is narrowed to f32",
        source: "ONNX Runtime python/tools/quantization/quant_utils.py (compute_scale_zp, quantize_data)",
        profile: ONNXRUNTIME_TOOLS,
    },
    NamedProfile {
        name: "onnx-reference",
        summary: "the onnx reference evaluator: numpy in f32, division, conversion to i32 that wraps, zero point before rounding in products",
        source: "onnx reference/ops/op_quantize_linear.py, op_qlinear_matmul.py, op_qlinear_conv.py, op_dynamic_quantize_linear.py",
        profile: ONNX_REFERENCE,
    },
    NamedProfile {
        name: "pytorch-observer",
        summary: "scale and zero point as torch.ao.quantization observers choose them: f32, floor at f32 epsilon",
        source: "PyTorch torch/ao/quantization/observer.py (_calculate_qparams)",
        profile: PYTORCH_OBSERVER,
    },
    NamedProfile {
        name: "pytorch-dynamic",
        summary: "scale and zero point as PyTorch's dynamic ops choose them: f64, 0.1 for zero ranges, cut-off at 6.1e-5",
        source: "PyTorch aten/src/ATen/native/quantized/cpu/QuantUtils.h (ChooseQuantizationParams)",
        profile: PYTORCH_DYNAMIC,
    },
    NamedProfile {
        name: "pytorch-fused-observer",
        summary: "scale and zero point of PyTorch's fused observe and fake-quantize op: as pytorch-dynamic, the scale kept in f32",
        source: "PyTorch aten/src/ATen/native/quantized/cpu/fused_obs_fake_quant.cpp (choose_qparams_fake_quant); captures torch-2.15",
        profile: PYTORCH_FUSED_OBSERVER,
    },
    NamedProfile {
        name: "pytorch-scalar",
        summary: "ATen's element functions where FBGEMM has no vector kernel: per channel, and 32-bit codes",
        source: "PyTorch aten/src/ATen/native/quantized/AffineQuantizerBase.cpp (quantize_val, dequantize_val with FBGEMM)",
        profile: PYTORCH_SCALAR,
    },
    NamedProfile {
        name: "pytorch-native",
        summary: "ATen's element functions in a build without FBGEMM: rounded, converted to i64, zero point added",
        source: "PyTorch aten/src/ATen/native/quantized/AffineQuantizerBase.cpp (quantize_val without FBGEMM); captures torch-debian-1.13",
        profile: PYTORCH_NATIVE,
    },
    NamedProfile {
        name: "pytorch-contiguous",
        summary: "ATen's kernels for channels-first memory: average pool adds the zero point before rounding",
        source: "captures torch-2.15, torch-debian-1.13 (avg_pool2d, not channels-last)",
        profile: PYTORCH_CONTIGUOUS,
    },
    NamedProfile {
        name: "pytorch-pt2e",
        summary: "pytorch-decomposed with the observers of the export path: scales not below 2^-12",
        source: "PyTorch torch/ao/quantization/quantizer (xnnpack_quantizer.py, x86_inductor_quantizer.py)",
        profile: PYTORCH_PT2E,
    },
    NamedProfile {
        name: "pytorch-decomposed",
        summary: "PyTorch's quantized_decomposed ops (PT2E): reciprocal taken in f64, zero point and clamp in f32",
        source: "PyTorch torch/ao/quantization/fx/_decomposed.py",
        profile: PYTORCH_DECOMPOSED,
    },
    NamedProfile {
        name: "pytorch-decomposed-avx2",
        summary: "a network of PyTorch's export path as ATen runs it: as pytorch-decomposed, convolutions of f32 by oneDNN on AVX2, linear by MKL without AVX (a CPU of another maker than Intel) and few rows a thread",
        source: "captures models/digits-cnn-torch (pt2e_x86inductor, pt2e_xnnpack)",
        profile: PYTORCH_DECOMPOSED_AVX2,
    },
    NamedProfile {
        name: "pytorch-float-qparams",
        summary: "ATen's element functions with real zero points (per_channel_affine_float_qparams): added before rounding, i64 cut to i32",
        source: "PyTorch aten/src/ATen/native/quantized/AffineQuantizerBase.cpp (quantize_val_float_qparams); captures torch-2.15",
        profile: PYTORCH_FLOAT_QPARAMS,
    },
    NamedProfile {
        name: "torchao",
        summary: "torchao's affine primitives: reciprocal, zero point and clamp in f32, symmetric zero point in the middle of the codes",
        source: "torchao quantization/quant_primitives.py (choose_qparams_affine, quantize_affine); captures torchao",
        profile: TORCHAO,
    },
    NamedProfile {
        name: "torchao-float8",
        summary: "torchao's primitives on 8-bit floats: as torchao, values are divided by the scale",
        source: "torchao quantization/quant_primitives.py (_quantize_affine_float8); captures torchao",
        profile: TORCHAO_FLOAT8,
    },
    NamedProfile {
        name: "torchao-no-clipping",
        summary: "torchao with symmetric scales that clip neither side (SYMMETRIC_NO_CLIPPING_ERR)",
        source: "torchao quantization/quant_primitives.py (_choose_qparams_affine); captures torchao",
        profile: TORCHAO_NO_CLIPPING,
    },
    NamedProfile {
        name: "onnxruntime-nbits",
        summary: "weights packed in blocks for MatMulNBits: the value farthest from 0 over the lowest code (of either sign), zero point before rounding half away",
        source: "ONNX Runtime onnxruntime/core/mlas/lib/q4_dq.cpp (MlasQuantizeBlockwise); captures onnxruntime-tools",
        profile: ONNXRUNTIME_NBITS,
    },
    NamedProfile {
        name: "onnxruntime-tools-blocked",
        summary: "scales and zero points of blocks as ONNX Runtime's Python tools choose them: as onnxruntime-tools, all in f32",
        source: "ONNX Runtime python/tools/quantization/quant_utils.py (compute_scale_zp_blocked); captures onnxruntime-tools",
        profile: ONNXRUNTIME_TOOLS_BLOCKED,
    },
    NamedProfile {
        name: "onnxruntime-tools-bias",
        summary: "bias as ONNX Runtime's Python tools quantize it: as onnxruntime-tools, divided by the scale in f64",
        source: "ONNX Runtime python/tools/quantization/base_quantizer.py (quantize_bias_static_impl); captures onnxruntime-tools (models)",
        profile: ONNXRUNTIME_TOOLS_BIAS,
    },
    NamedProfile {
        name: "litert-reference",
        summary: "LiteRT's (TensorFlow Lite's) reference kernels: gemmlowp's two roundings, linear by one multiplication in f64 rounded half away",
        source: "LiteRT tflite/kernels/internal/reference/quantize.h, integer_ops/conv.h, integer_ops/fully_connected.h, internal/common.cc (MultiplyByQuantizedMultiplier); captures litert-2.3.0, tf-2.21-lite (ref)",
        profile: LITERT_REFERENCE,
    },
    NamedProfile {
        name: "litert-optimized",
        summary: "LiteRT's optimized kernels on x86 (NEON code translated to SSE, and ruy): as litert-reference, but the second rounding goes up and quantize multiplies by the reciprocal, half to even",
        source: "LiteRT tflite/kernels/internal/optimized/optimized_ops.h (AffineQuantize, Dequantize, Requantize), internal/common.h (MultiplyByQuantizedMultiplier4Rows); captures litert-2.3.0, tf-2.21-lite (opt)",
        profile: LITERT_OPTIMIZED,
    },
    NamedProfile {
        name: "tosa",
        summary: "TOSA: integer multipliers with one rounding shift, ties up; means by an integer reciprocal; inexact rescale as its reference model does it",
        source: "TOSA specification (RESCALE, AVG_POOL2D); reference model reference_model/src/quant_util.h; MLIR lib/Dialect/Tosa/Utils/QuantUtils.cpp (computeMultiplierAndShift); TensorFlow compiler/mlir/tosa/transforms/legalize_common.cc (convertQuantizeOp, convertDequantizeOp); captures tosa-ref",
        profile: TOSA,
    },
    NamedProfile {
        name: "tosa-double-round",
        summary: "as tosa, requantized with double rounding, as converters from TFLite ask for",
        source: "TOSA specification (apply_scale_32 with double_round); captures tosa-ref",
        profile: TOSA_DOUBLE_ROUND,
    },
    NamedProfile {
        name: "tosa-scale16",
        summary: "as tosa, requantized by 15-bit multipliers",
        source: "TOSA specification (apply_scale_16); captures tosa-ref",
        profile: TOSA_SCALE16,
    },
    NamedProfile {
        name: "mxnet",
        summary: "MXNet by oneDNN on AVX2 without VNNI: multiplies by 127 or 255 over the greatest magnitude, s8 activations are shifted to u8 and u8·s8 pairs saturate",
        source: "MXNet src/operator/quantization/mkldnn/mkldnn_quantize-inl.h, mkldnn_dequantize-inl.h, mkldnn_requantize-inl.h, mkldnn_quantized_fully_connected.cc; captures mxnet",
        profile: MXNET,
    },
    NamedProfile {
        name: "paddle",
        summary: "Paddle's fake-quantize operators with round_type 0: multiplied by qmax over the limit, ties to even, the lowest code in reach; values are limit times code over qmax",
        source: "Paddle paddle/phi/kernels/funcs/fake_quantize_functor.h (ClipAndFakeQuantFunctor, ClipAndFakeQuantDequantFunctor); captures paddle-3.3.1-ops",
        profile: PADDLE,
    },
    NamedProfile {
        name: "paddle-ties-away",
        summary: "as paddle, with round_type 1: ties away from zero",
        source: "Paddle paddle/phi/kernels/funcs/fake_quantize_functor.h (ClipAndFakeQuantFunctor); captures paddle-3.3.1-ops",
        profile: PADDLE_TIES_AWAY,
    },
];

/// How kernels quantize: the rules that exhaustive runs hold 2^32 values to, each once.
pub(crate) const QUANTIZE_OF_KERNELS: [super::QuantizeRule; 8] = [
    FBGEMM_SCALAR.quantize,
    FBGEMM_EXACT.quantize,
    ONEDNN.quantize,
    ONEDNN_JIT.quantize,
    QNNPACK.quantize,
    QNNPACK_MAGIC.quantize,
    GEMMLOWP.quantize,
    XNNPACK_RNDNU.quantize,
];

/// How kernels requantize, likewise.
pub(crate) const REQUANTIZE_OF_KERNELS: [super::RequantizeRule; 10] = [
    FBGEMM_SCALAR.requantize,
    FBGEMM_EXACT.requantize,
    ONEDNN.requantize,
    ONEDNN_JIT.requantize,
    QNNPACK.requantize,
    QNNPACK_MAGIC.requantize,
    QNNPACK_Q31.requantize,
    QNNPACK_PRECISE.requantize,
    GEMMLOWP.requantize,
    XNNPACK_RNDNU.requantize,
];

/// The named profile with this name.
pub fn find(name: &str) -> Option<&'static NamedProfile> {
    PROFILES.iter().find(|named| named.name == name)
}
