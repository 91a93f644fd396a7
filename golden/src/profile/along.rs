//! Axes of ops along axes of a tensor: softmax, L2 normalization, mean and sum; and of rows
//! that are quantized at run time.

use super::axis::{axis, rule};

axis! {
    /// How softmax of 8-bit codes is computed; outputs are in steps of 1/256, the lowest code for 0, where no other is said.
    SoftmaxForm {
        /// not at all: the system has no such op, or its arithmetic is not known
        Undefined = "undefined",
        /// in gemmlowp's numbers: differences from the greatest code in 26 binary places, e^x by a polynomial and a barrel shifter in 31, their sum in 19, its reciprocal by three Newton steps, the product rounded half away (TFLite)
        Gemmlowp = "gemmlowp",
        /// expf(−sx ⊗ beta ⊗ difference) from a table, f32 sums in order, ⊗ (1 ⊘ (sum ⊗ so)), then half away for s8 and ⊕ 0.5 cut to an integer for u8 (TFLite's optimised kernel)
        TableF32 = "table-f32",
        /// any output parameters; t = f32(e^(sx·(x − greatest + shift))) in f64, shift = max(0, ln(greatest f32 ⊘ count) − 5) / sx; f32 sums in order; (t ⊗ ⌊1 ⊘ so⌋) ⊘ sum, half to even, then the zero point; u8 is clamped, s8 keeps the low 8 bits up to 255 and is −1 beyond (ONNX Runtime)
        ExpTable = "exp-table",
    }
}

axis! {
    /// How softmax of s16 codes is computed; outputs are in steps of 2^−15.
    WideSoftmaxForm {
        /// not at all
        Undefined = "undefined",
        /// e^x on \[−10, 0\] and 1/(1 + x) on \[0, 1\] from tables of 513 entries with lines between them (TFLite)
        Interpolated = "interpolated",
    }
}

axis! {
    /// How a row of codes is divided by the root of the sum of its squares; outputs are in steps of 1/128, the middle code for 0.
    L2NormalizeForm {
        /// not at all
        Undefined = "undefined",
        /// 1/√Σ in gemmlowp's numbers by five Newton steps; high multiply rounded half up, then shift rounded half away, after the code is shifted left as far as s8 needs and by 7 for u8 (TFLite)
        Newton = "newton",
    }
}

axis! {
    /// How a sum of codes becomes the code of their mean or sum.
    MeanForm {
        /// not at all
        Undefined = "undefined",
        /// Σ(q − z) in i32 times sx/sy by gemmlowp; for a mean, the 31-bit multiplier is divided by the count in integers, shifted left before as far as the shift allows (TFLite)
        Gemmlowp = "gemmlowp",
        /// s = sx ⊘ sy, for a mean ⊗ (1 ⊘ count); f32(Σq) ⊗ s ⊕ (zy ⊖ (count·zx) ⊗ s), then half to even; 8 bits (XNNPACK)
        MulAddF32 = "mul-add-f32",
        /// s = sx ⊘ sy; f32(Σq) ⊗ s ⊕ (−zx ⊗ s ⊗ count), for a mean f32(Σq) ⊘ count ⊗ s ⊕ (−zx ⊗ s); half away from zero, then the zero point (TFLite's optimised sum)
        MulAddF32Away = "mul-add-f32-away",
    }
}

axis! {
    /// How each row of activations is quantized to s8 at run time.
    RowQuantization {
        /// not at all: the system has no such op, or its arithmetic is not known
        Undefined = "undefined",
        /// asked to be symmetric: x ⊗ (127 ⊘ max |x|), half away; else by (max ⊖ min) / 255 in f64 with the zero point from the end with the smaller |q| + |r / s|, half away, and codes x ⊗ (1 ⊘ scale), half away, then the zero point (TFLite's vector code)
        AsAsked = "as-asked",
        /// never symmetric: x ⊗ (255 ⊘ (max ⊖ min)), half to even, then the zero point, from the end where more of the range lies, half to even; the scale is 1 ⊘ that factor (XNNPACK)
        Asymmetric = "asymmetric",
    }
}

rule! {
    /// Ops along axes of a tensor, and rows quantized at run time.
    AlongRule {
        /// softmax, 8 bits
        softmax: SoftmaxForm,
        /// softmax, 16 bits
        softmax_wide: WideSoftmaxForm,
        /// L2 normalization
        l2_normalize: L2NormalizeForm,
        /// mean
        mean: MeanForm,
        /// sum
        sum: MeanForm,
        /// rows of activations at run time
        rows: RowQuantization,
    }
}
