//! Layers captured from real networks, as cases: `captured/FOLDER/FILE`, where
//! FOLDER is a folder with a manifest below the captures' directory. A part of a
//! file follows after `+`.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use qassay_golden::captures::{CapturedLayer, layers};
use qassay_golden::spec::Problem;

use crate::case::{CapturedId, EngineOutput};

/// The environment variable that names another directory of captures.
pub const DIRECTORY_VARIABLE: &str = "QASSAY_CAPTURES";

/// A captured layer.
pub(crate) struct Layer {
    /// the op with its real operands
    pub problem: Problem,
    /// what the captured engines gave
    pub engines: Vec<EngineOutput>,
}

/// The layers of one folder by the part of the id behind the folder, or why there are none.
type Folder = Result<Arc<BTreeMap<String, CapturedLayer>>, String>;

/// The directory of captures: `QASSAY_CAPTURES`, or `golden/captures` of the
/// source tree that this was built from.
pub fn directory() -> PathBuf {
    std::env::var_os(DIRECTORY_VARIABLE).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden/captures"),
        PathBuf::from,
    )
}

/// The ids of all captured layers. A folder that cannot be read is one id that
/// cannot be made, so that it is told and not missed.
pub fn ids() -> Vec<CapturedId> {
    ids_in(&directory())
}

fn ids_in(root: &Path) -> Vec<CapturedId> {
    let folders = folders(root);
    if folders.is_empty() {
        return vec![CapturedId("manifest.json".to_owned())];
    }
    folders
        .iter()
        .flat_map(|name| match read(root, name) {
            Ok(layers) => layers
                .keys()
                .map(|layer| CapturedId(format!("{name}/{layer}")))
                .collect(),
            Err(_) => vec![CapturedId(format!("{name}/manifest.json"))],
        })
        .collect()
}

/// Reads a captured layer.
pub(crate) fn load(id: &CapturedId) -> Result<Layer, String> {
    load_from(&directory(), id)
}

fn load_from(root: &Path, id: &CapturedId) -> Result<Layer, String> {
    let folders = folders(root);
    let Some((folder, layer)) = folders.iter().find_map(|folder| {
        let layer = id.0.strip_prefix(folder)?.strip_prefix('/')?;
        Some((folder, layer))
    }) else {
        return Err(if folders.is_empty() {
            format!(
                "no captures in {}; set {DIRECTORY_VARIABLE} to a folder of them",
                root.display()
            )
        } else {
            format!(
                "no such folder of captures; there are {}",
                folders.join(", ")
            )
        });
    };
    let layers = read(root, folder)?;
    let captured = layers.get(layer).ok_or_else(|| {
        format!("{folder} has no such layer; `qassay list cases --suite captured` lists all")
    })?;
    Ok(Layer {
        problem: captured.problem.clone(),
        engines: captured
            .outputs
            .iter()
            // Where upstream is known to differ from its profile, its bits are no verdict.
            .filter(|output| output.known.is_none())
            .map(|output| EngineOutput {
                engine: output.engine.clone(),
                profile: output.profile,
                outputs: vec![output.output.clone()],
            })
            .collect(),
    })
}

/// Folders with a manifest, at most two levels below `root`, by their path.
fn folders(root: &Path) -> Vec<String> {
    let children = |path: &Path| -> Vec<PathBuf> {
        let mut children: Vec<_> = std::fs::read_dir(path)
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        children.retain(|child| child.is_dir());
        children.sort();
        children
    };
    let first = children(root);
    let second = first.iter().flat_map(|child| children(child));
    let mut names: Vec<String> = first
        .iter()
        .cloned()
        .chain(second)
        .filter(|path| path.join("manifest.json").is_file())
        .filter_map(|path| {
            let parts: Option<Vec<_>> = path
                .strip_prefix(root)
                .ok()?
                .iter()
                .map(|part| part.to_str())
                .collect();
            Some(parts?.join("/"))
        })
        .collect();
    names.sort();
    names
}

/// Reads a folder, once a process: decompressing takes longer than most cases.
fn read(root: &Path, name: &str) -> Folder {
    static READ: Mutex<Option<HashMap<PathBuf, Folder>>> = Mutex::new(None);
    let path = name
        .split('/')
        .fold(root.to_owned(), |path, part| path.join(part));
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    read.get_or_insert_default()
        .entry(path.clone())
        .or_insert_with(|| {
            let layers = layers(&path).map_err(|e| e.to_string())?.collect();
            Ok(Arc::new(named(layers)))
        })
        .clone()
}

/// Layers by name: the file without its ending, what in it behind a `+`, and the
/// engine where several ran a layer with operands of their own; `-` for what no id holds.
fn named(layers: Vec<CapturedLayer>) -> BTreeMap<String, CapturedLayer> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for layer in &layers {
        *counts.entry(layer.name.clone()).or_default() += 1;
    }
    layers
        .into_iter()
        .map(|layer| {
            let mut name = layer.name.replacen(".npz", "", 1).replace(':', "+");
            if counts[&layer.name] > 1 {
                let engine = layer.outputs.first().map_or("", |output| &output.engine);
                name.push('+');
                name.push_str(engine.split('_').next().unwrap_or_default());
            }
            let allowed = |c: char| c.is_ascii_alphanumeric() || "._-+/".contains(c);
            (name.replace(|c| !allowed(c), "-"), layer)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::CaseId;

    #[test]
    fn every_committed_layer_has_an_id_of_its_own_and_can_be_made() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden/captures");
        let ids = ids_in(&root);
        let mut count = 0;
        for name in folders(&root) {
            count += layers(&root.join(&name)).unwrap().count();
        }
        assert_eq!(ids.len(), count, "two layers share a name");
        assert!(count > 300, "{count}");
        let mut engines = 0;
        for id in ids {
            let layer = load_from(&root, &id).unwrap();
            engines += layer.engines.len();
            for engine in &layer.engines {
                let output = &engine.outputs[0];
                assert_eq!(
                    (output.shape().to_vec(), output.dtype()),
                    layer.problem.op.outputs()[0],
                    "{}",
                    id.0
                );
            }
            let id = CaseId::Captured(id);
            assert_eq!(id.to_string().parse::<CaseId>().unwrap(), id);
        }
        assert!(engines > 600, "{engines}");
    }

    #[test]
    fn missing_and_damaged_captures_are_one_case_that_says_why() {
        let root = tempfile::tempdir().unwrap();
        let [missing] = &ids_in(root.path())[..] else {
            panic!("one id")
        };
        let why = load_from(root.path(), missing).err().unwrap();
        assert!(why.starts_with("no captures in "), "{why}");

        std::fs::create_dir(root.path().join("net")).unwrap();
        std::fs::write(root.path().join("net/manifest.json"), "{").unwrap();
        let [damaged] = &ids_in(root.path())[..] else {
            panic!("one id")
        };
        let why = load_from(root.path(), damaged).err().unwrap();
        assert!(why.contains("manifest.json"), "{why}");
        let why = load_from(root.path(), &CapturedId("other/x".into()))
            .err()
            .unwrap();
        assert_eq!(why, "no such folder of captures; there are net");
    }
}
