//! Faults that need a kernel of their own around those of a family.

mod finish;
mod order;
mod padding;
mod state;

pub use finish::{bias_after_scaling, relu_at_zero, without_last_batch};
pub use order::{Dense, ignoring_stride, reordered_depth, split_along_k};
pub use padding::{Padding, padded_copy};
pub use state::{Control, control, stale_constants, stale_parameters, sums_kept, symmetric_range};
