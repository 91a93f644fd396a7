//! Backends that are not of this build: shared libraries behind the C ABI of
//! `include/qassay.h` (`plugin:PATH`) and programs behind the worker protocol
//! (`exec:COMMAND`).
//!
//! Both declare themselves in the JSON that [`parse`] reads. Opening one runs its code,
//! so that only worker processes do it: see `qassay_suites::worker`.

mod declared;
mod exec;
mod ops;
mod plugin;

pub use declared::{DeclarationError, check, describe, parse};
pub use exec::{ExecError, FrameError, read_answer};
pub use ops::{OPS, op_name};

use crate::backend::Backend;

/// What a plugin's name begins with.
pub const PLUGIN: &str = "plugin:";
/// What the name of a program begins with.
pub const EXEC: &str = "exec:";

/// Whether `name` is that of an external backend, whatever stands behind it.
pub fn is_external(name: &str) -> bool {
    name.starts_with(PLUGIN) || name.starts_with(EXEC)
}

/// Why an external backend cannot be opened. One line, which names the backend.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// neither `plugin:` nor `exec:`
    #[error("'{0}' is no external backend; one is named plugin:PATH or exec:COMMAND")]
    Name(String),
    /// nothing behind the colon
    #[error("{name} names nothing; {right}")]
    Empty {
        /// as typed
        name: String,
        /// what would be right
        right: &'static str,
    },
    /// the program is no backend
    #[error("{name}: {source}")]
    Exec {
        /// as typed
        name: String,
        /// why
        source: ExecError,
    },
    /// no library of the C interface
    #[error("{name}: {reason}")]
    Library {
        /// as typed
        name: String,
        /// what is wrong, in one line
        reason: String,
    },
    /// what it declares is wrong
    #[error("{name}: {source}")]
    Declaration {
        /// as typed
        name: String,
        /// what is wrong
        source: DeclarationError,
    },
}

/// Opens the external backend with this name. Its code runs in this process
/// (`plugin:`) or in a process that this one starts (`exec:`).
///
/// # Errors
/// [`OpenError`]: there is no such thing, it does not speak this version, or
/// what it declares is wrong.
pub fn open(name: &str) -> Result<Box<dyn Backend>, OpenError> {
    let empty = |right| OpenError::Empty {
        name: name.to_owned(),
        right,
    };
    match (name.strip_prefix(PLUGIN), name.strip_prefix(EXEC)) {
        (Some(path), _) if path.trim().is_empty() => Err(empty(
            "right is the path of a library, such as plugin:./libmine.so",
        )),
        (_, Some(command)) if command.trim().is_empty() => Err(empty(
            "right is a command, such as exec:\"python3 mine.py\"",
        )),
        (Some(path), _) => plugin::open(name, path),
        (_, Some(command)) => match exec::open(name, command) {
            Ok(backend) => Ok(Box::new(backend)),
            Err(source) => Err(OpenError::Exec {
                name: name.to_owned(),
                source,
            }),
        },
        (None, None) => Err(OpenError::Name(name.to_owned())),
    }
}
