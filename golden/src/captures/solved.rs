//! Every captured problem with what real engines gave, for those who want to
//! know more than whether the mapped profile is right.

use std::path::Path;

use rayon::prelude::*;

use super::error::CaptureError;
use super::known::Known;
use super::manifest::{Entry, Folder, entries, folders};
use super::systems;
use super::vector::EngineOutput;
use crate::spec::Problem;

/// One problem that real engines have solved.
#[derive(Debug, Clone)]
pub struct Solved {
    /// the system, as its manifest calls it
    pub system: String,
    /// its version, empty if the manifest has none
    pub version: String,
    /// file inside the system's folder, and what in it
    pub name: String,
    /// the op, for tables
    pub op: String,
    /// op, constants and inputs
    pub problem: Problem,
    /// what each engine gave
    pub outputs: Vec<EngineOutput>,
}

/// Everything that is captured at `dir`, a folder with a manifest or a folder of such
/// folders, in the order of folders and manifests; what no reference op covers is left out.
///
/// # Errors
/// When captures cannot be read, or do not have their system's form.
pub fn solved(dir: &Path) -> Result<Vec<Solved>, CaptureError> {
    let (folders, known) = (folders(dir)?, Known::built_in()?);
    let files = entries(&folders);
    let read = |&(folder, entry): &(&Folder, &Entry)| {
        let mut captured = systems::read(folder, entry)?.captured;
        known.mark(&folder.manifest, &mut captured);
        Ok(captured
            .into_iter()
            .map(|captured| Solved {
                system: folder.manifest.system.clone(),
                version: folder.manifest.version.clone().unwrap_or_default(),
                name: captured.name,
                op: captured.op,
                problem: captured.problem,
                outputs: captured.outputs,
            })
            .collect())
    };
    let found = files
        .par_iter()
        .map(read)
        .collect::<Result<Vec<Vec<Solved>>, CaptureError>>()?;
    Ok(found.into_iter().flatten().collect())
}
