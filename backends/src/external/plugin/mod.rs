//! Backends in shared libraries, by the C interface of `include/qassay.h`.
//!
//! A library's code runs in the process that opens it and can end it; nothing
//! here can prevent that. What it answers is checked as far as it can be.

mod abi;
#[cfg(test)]
mod abi_tests;
mod kernel;
mod library;
mod marshal;

use std::path::Path;

use qassay_golden::spec::{Constants, OpSpec};

use super::OpenError;
use crate::backend::{Backend, Declaration, Execution, Kernel, Refusal};
use kernel::{Broken, PluginKernel};
use library::{Library, Prepared};
use marshal::Marshalled;

/// Opens the library at `path`, typed as `name`.
///
/// # Errors
/// [`OpenError`]: no library of this interface is there, or what it declares is wrong.
pub(super) fn open(name: &str, path: &str) -> Result<Box<dyn Backend>, OpenError> {
    let library = |reason: library::LoadError| OpenError::Library {
        name: name.to_owned(),
        reason: reason.to_string().replace('\n', " "),
    };
    let loaded = Library::load(Path::new(path)).map_err(library)?;
    let json = loaded.declaration().map_err(library)?;
    let declaration = super::parse(name, &json).map_err(|source| OpenError::Declaration {
        name: name.to_owned(),
        source,
    })?;
    Ok(Box::new(Plugin {
        library: loaded,
        declaration,
    }))
}

struct Plugin {
    library: &'static Library,
    declaration: &'static Declaration,
}

impl Backend for Plugin {
    fn declaration(&self) -> &'static Declaration {
        self.declaration
    }

    fn execution(&self) -> Execution {
        Execution::Native
    }

    fn prepare(&self, op: &OpSpec, constants: &Constants) -> Result<Box<dyn Kernel>, Refusal> {
        super::check(self.declaration, op, constants)?;
        let marshalled = Marshalled::new(op, constants)?;
        Ok(match self.library.prepare(&marshalled)? {
            Prepared::Handle(handle) => Box::new(PluginKernel::new(self.library, handle, op)?),
            Prepared::Failed(why) => Box::new(Broken::new(why)),
        })
    }

    fn allocates_here(&self) -> bool {
        true
    }

    fn live(&self) -> Option<i64> {
        self.library.live()
    }
}
