//! The one table of backends. Listing, tests, benches, the command line and
//! reports follow from it.

use crate::backend::{Backend, Declaration};

/// One backend: what it declares and how to have it.
pub struct Entry {
    /// what it declares
    pub declaration: &'static Declaration,
    /// the backend on this CPU's own instructions; `None` where the CPU lacks them
    pub native: fn() -> Option<Box<dyn Backend>>,
    /// the backend on models of the instructions
    pub modelled: fn() -> Box<dyn Backend>,
}

impl Entry {
    /// Natively where this CPU can, else modelled.
    pub fn open(&self) -> Box<dyn Backend> {
        (self.native)().unwrap_or_else(|| (self.modelled)())
    }
}

/// Every backend, families together, instruction sets from plain to special.
pub fn entries() -> Vec<Entry> {
    Vec::new()
}
