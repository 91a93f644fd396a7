//! A loaded library: its table, checked, and calls into it.

use std::borrow::Cow;
use std::ffi::{CStr, c_char, c_void};
use std::path::{Path, PathBuf};

use super::abi::{self, Table};
use super::marshal::Marshalled;
use crate::backend::{Precondition, Refusal};
use crate::registry;

/// Room for a library's reasons.
const WHY: usize = 512;

/// Why a library is not one of this interface.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error("there is no file {}", .0.display())]
    Missing(PathBuf),
    #[error("cannot load it: {0}")]
    Load(String),
    #[error("it exports no function {}: it is no plugin of qassay.h", abi::ENTRY)]
    NoEntry,
    #[error("{} gave NULL: it does not run here", abi::ENTRY)]
    NoTable,
    #[error("it speaks version {0} of the plugin interface, this build version {own}: build it with this build's qassay.h", own = abi::ABI)]
    Abi(u32),
    #[error("its table has {0} bytes instead of {own}: is qassay_backend.size set?", own = size_of::<Table>())]
    Size(usize),
    #[error("its table has no {0}")]
    NoFunction(&'static str),
    #[error("its declaration lists the op number {0}, which is no QASSAY_ op")]
    OpNumber(i32),
    #[error("its declaration sets the unknown precondition bits {0:#x}")]
    Preconditions(u32),
    #[error(
        "it declares the instruction set {0}, which this CPU does not have: what runs here is another"
    )]
    Isa(String),
}

/// A library that is loaded for as long as the process lives: threads that it
/// started must find their code.
pub(super) struct Library {
    table: Table,
    prepare: abi::Prepare,
    run: abi::Run,
    release: abi::Release,
}

// SAFETY: the table is read only after loading; its pointers are to what lives as long as the
// library, and its functions may be called from any thread, one at a time (qassay.h, Calls).
// Runs in threads of one process are asked for by `--in-process`, which says so.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

/// What `prepare` gave.
pub(super) enum Prepared {
    Handle(*mut c_void),
    /// it failed where it should have worked
    Failed(String),
}

impl Library {
    pub(super) fn load(path: &Path) -> Result<&'static Self, LoadError> {
        // A name without a slash would be looked for among the system's libraries.
        let file = std::fs::canonicalize(path).map_err(|_| LoadError::Missing(path.to_owned()))?;
        // SAFETY: this runs the library's initialisers: that is what opening a plugin means, and
        // why only a process that may die does it.
        let library = unsafe { libloading::Library::new(&file) }
            .map_err(|error| LoadError::Load(error.to_string()))?;
        // SAFETY: the type is that of the one function of this name, as qassay.h declares it.
        let entry = unsafe { library.get::<abi::Entry>(abi::ENTRY.as_bytes()) }
            .map(|entry| *entry)
            .map_err(|_| LoadError::NoEntry)?;
        std::mem::forget(library);
        // SAFETY: the library stays loaded.
        let given = unsafe { entry() };
        if given.is_null() {
            return Err(LoadError::NoTable);
        }
        // SAFETY: not null; every version of the table begins with these two fields.
        let (size, version) = unsafe { ((*given).size, (*given).abi) };
        if version != abi::ABI {
            return Err(LoadError::Abi(version));
        }
        if size < size_of::<Table>() {
            return Err(LoadError::Size(size));
        }
        // SAFETY: the table is of this version and has all its fields.
        let table = unsafe { *given };
        let missing = LoadError::NoFunction;
        Ok(Box::leak(Box::new(Self {
            prepare: table.prepare.ok_or(missing("prepare"))?,
            run: table.run.ok_or(missing("run"))?,
            release: table.release.ok_or(missing("release"))?,
            table,
        })))
    }

    /// What it declares, in the form that [`parse`](crate::external::parse) reads.
    pub(super) fn declaration(&self) -> Result<String, LoadError> {
        let table = &self.table;
        let numbers = if table.ops.is_null() || table.op_count == 0 {
            &[]
        } else {
            // SAFETY: not null, and op_count numbers, as qassay.h says.
            unsafe { std::slice::from_raw_parts(table.ops, table.op_count) }
        };
        let ops = (numbers.iter())
            .map(|number| {
                let known = abi::OP_NUMBERS.iter().find(|(known, _)| known == number);
                known.map_or(Err(LoadError::OpNumber(*number)), |(_, name)| Ok(*name))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut bits = table.preconditions;
        let mut preconditions = Vec::new();
        for (bit, precondition) in [
            (abi::NO_MIN_WEIGHTS as u32, Precondition::NoMinWeights),
            (
                abi::SYMMETRIC_WEIGHTS as u32,
                Precondition::SymmetricWeights,
            ),
            (
                abi::REDUCED_ACTIVATIONS as u32,
                Precondition::ReducedActivations,
            ),
        ] {
            if bits & bit != 0 {
                preconditions.push(precondition.key());
                bits &= !bit;
            }
        }
        if bits != 0 {
            return Err(LoadError::Preconditions(bits));
        }
        let isa = text(table.isa);
        if registry::runs_here(&isa) == Some(false) {
            return Err(LoadError::Isa(isa.into_owned()));
        }
        Ok(serde_json::json!({
            "name": text(table.name),
            "isa": isa,
            "profile": text(table.profile),
            "preconditions": preconditions,
            "ops": ops,
        })
        .to_string())
    }

    /// Has the library make a handle.
    pub(super) fn prepare(&self, op: &Marshalled<'_>) -> Result<Prepared, Refusal> {
        let mut handle = std::ptr::null_mut();
        let (code, why) = told(|why, size| {
            op.with(|op| {
                // SAFETY: op, handle and why are as qassay.h says and live through the call.
                unsafe { (self.prepare)(op, &mut handle, why, size) }
            })
        });
        match code {
            abi::OK => Ok(Prepared::Handle(handle)),
            abi::UNSUPPORTED => Err(Refusal::Unsupported(why)),
            abi::PRECONDITION => Err(Refusal::OwnPrecondition(why)),
            abi::ERROR => Ok(Prepared::Failed(format!("prepare: {why}"))),
            code => Ok(Prepared::Failed(format!(
                "prepare returned {code}, which is no QASSAY_ code"
            ))),
        }
    }

    /// Has the library compute; what it says if it fails.
    ///
    /// # Safety
    /// `handle` is one of this library's that was not released; the tensors are
    /// those of its op, inputs readable and outputs writable as qassay.h says.
    pub(super) unsafe fn run(
        &self,
        handle: *mut c_void,
        inputs: &[abi::Tensor],
        outputs: &[abi::Tensor],
    ) -> Result<(), String> {
        let (code, why) = told(|why, size| {
            // SAFETY: the caller's word, for handle and tensors; why lives through the call.
            unsafe { (self.run)(handle, inputs.as_ptr(), outputs.as_ptr(), why, size) }
        });
        match code {
            abi::OK => Ok(()),
            abi::ERROR => Err(format!("run: {why}")),
            code => Err(format!(
                "run returned {code}, which is neither QASSAY_OK nor QASSAY_ERROR"
            )),
        }
    }

    /// Frees a handle.
    ///
    /// # Safety
    /// `handle` is one of this library's that was not released yet.
    pub(super) unsafe fn release(&self, handle: *mut c_void) {
        // SAFETY: the caller's word.
        unsafe { (self.release)(handle) }
    }

    /// What was chosen inside.
    ///
    /// # Safety
    /// `handle` is one of this library's that was not released.
    pub(super) unsafe fn chosen(&self, handle: *mut c_void) -> String {
        // SAFETY: the caller's word.
        let name = self.table.chosen.map(|chosen| unsafe { chosen(handle) });
        name.map(|name| text(name).into_owned()).unwrap_or_default()
    }

    /// Handles that are alive by the library's own count.
    pub(super) fn live(&self) -> Option<i64> {
        // SAFETY: a function of the table without arguments.
        self.table.live.map(|live| unsafe { live() })
    }
}

/// A call with room for a reason: its code, and the reason in one line.
fn told(call: impl FnOnce(*mut c_char, usize) -> i32) -> (i32, String) {
    let mut why: [u8; WHY] = [0; WHY];
    // The last byte stays 0 whatever the library writes into its share.
    let code = call(why.as_mut_ptr().cast(), WHY - 1);
    let end = why.iter().position(|&byte| byte == 0).unwrap_or(WHY);
    let text = String::from_utf8_lossy(&why[..end])
        .trim()
        .replace('\n', " ");
    let reason = if text.is_empty() {
        "without a reason".into()
    } else {
        text
    };
    (code, reason)
}

/// A text of the library; empty for NULL.
fn text(text: *const c_char) -> Cow<'static, str> {
    if text.is_null() {
        return Cow::Borrowed("");
    }
    // SAFETY: not null; texts of the library end with 0 and live as long as it (or its handle,
    // where the caller copies it at once).
    unsafe { CStr::from_ptr(text) }.to_string_lossy()
}
