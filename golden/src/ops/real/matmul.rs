//! The product of two matrices of codes.
//!
//! Source: PyTorch `native/quantized/cpu/qmatmul.cpp`: both are dequantized and multiplied by a
//! BLAS in f32, and the product is quantized. A BLAS does not say in which order it sums; here
//! the products of f32 are summed in f64, and the sum is rounded once.

use super::super::ReferenceError;
use super::super::through_real::{self, ToCode, real};
use crate::profile::Profile;
use crate::spec::BatchMatmulSpec;
use crate::tensor::{Data, Tensor};
use crate::witness::Witness;

/// a times b, matrix by matrix.
///
/// # Errors
/// When types or parameters do not fit, or the profile has no such op.
pub(crate) fn matmul(
    spec: &BatchMatmulSpec,
    a: &Tensor,
    b: &Tensor,
    profile: &Profile,
    witness: &mut Witness,
) -> Result<Tensor, ReferenceError> {
    let tensors = [
        ("input 0", spec.a),
        ("input 1", spec.b),
        ("output", spec.output),
    ];
    through_real::check("matmul", profile, &tensors, witness)?;
    let (m, n, k) = (spec.m, spec.n, spec.k);
    let values = |tensor: &Tensor, qparams| -> Vec<f64> {
        (0..tensor.len())
            .map(|i| f64::from(real(tensor.data().code(i), qparams)))
            .collect()
    };
    let (a, b) = (values(a, spec.a.qparams), values(b, spec.b.qparams));
    let to_code = ToCode::new(&spec.output);
    let mut codes = Vec::with_capacity(spec.batch * m * n);
    for index in 0..spec.batch * m * n {
        let (row, column) = (index / n, index % n);
        let matrix = row / m;
        let sum: f64 = (0..k)
            .map(|step| a[row * k + step] * b[(matrix * k + step) * n + column])
            .sum();
        codes.push(to_code.code(index, None, sum as f32, witness));
    }
    let data = Data::from_codes(spec.output.dtype, codes);
    Ok(Tensor::new([spec.batch, m, n], data).expect("one code per row and column"))
}
