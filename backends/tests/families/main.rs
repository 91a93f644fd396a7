//! Every family on every instruction set, native and modelled, against the reference,
//! bit for bit: the shapes, data and parameters at which each family's kernels change their way.

mod fbgemm;
mod forms;
mod onednn;
mod problems;
mod qnnpack;
