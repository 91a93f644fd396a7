//! Ops that PyTorch computes on dequantized values and other systems in integers: the forms on
//! real values, one file each. See [`through_real`](super::through_real).

mod elu;
mod leaky_relu;
mod matmul;
mod mean;
mod softmax;

pub(crate) use elu::elu;
pub(crate) use leaky_relu::leaky_relu;
pub(crate) use matmul::matmul;
pub(crate) use mean::mean;
pub(crate) use softmax::softmax;
