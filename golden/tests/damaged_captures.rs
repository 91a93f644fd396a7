//! What a damaged capture says: the file, the array or parameter, and the reason, in one line.

use std::fs::{self, File};
use std::path::Path;

use ndarray::{Array1, arr1};
use ndarray_npy::NpzWriter;
use qassay_golden::captures::{CaptureError, Checked, Known, Progress, Row};

fn check(dir: &Path, progress: impl Fn(Progress) + Sync) -> Result<Checked, CaptureError> {
    qassay_golden::captures::check(dir, Known::built_in()?, progress)
}

fn rows(dir: &Path) -> Vec<Row> {
    check(dir, |_| ()).unwrap_or_else(|e| panic!("{e}")).rows
}

/// A folder with one captured `quantize_per_tensor` (scale 0.5, zero point 3, u8).
struct Quantized {
    dir: tempfile::TempDir,
}

const FILE: &str = "quantize/pt_quint8_s0.5_zp3.npz";

impl Quantized {
    fn new(arrays: &[&str], codes: &[u8]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("quantize")).unwrap();
        let manifest = format!(
            r#"{{"system": "torch-2.15", "version": "test", "findings": {{"a": NaN}},
"files": [{{"file": "{FILE}", "what": "test",
"params": {{"scale": "0x1.0000000000000p-1", "zero_point": 3, "qmin": 0, "qmax": 255}}}}]}}"#
        );
        fs::write(dir.path().join("manifest.json"), manifest).unwrap();
        let mut npz = NpzWriter::new_compressed(File::create(dir.path().join(FILE)).unwrap());
        let x: Array1<f32> = arr1(&[-1.0, 0.25, 0.75, 100.0]);
        for name in arrays {
            match *name {
                "x" => npz.add_array(*name, &x).unwrap(),
                _ => npz.add_array(*name, &arr1(codes)).unwrap(),
            };
        }
        npz.finish().unwrap();
        Self { dir }
    }

    fn error(&self) -> String {
        let error = check(self.dir.path(), |_| ()).expect_err("the capture is damaged");
        let line = error.to_string();
        assert_eq!(line.lines().count(), 1, "{line}");
        line
    }
}

/// −1 → 1, 0.25 → tie 0.5 → 0, 0.75 → tie 1.5 → 2, 100 → 203.
const CODES: [u8; 4] = [1, 3, 5, 203];
const ALL: [&str; 3] = ["x", "q", "q_single"];

#[test]
fn an_altered_value_is_found() {
    let whole = rows(Quantized::new(&ALL, &CODES).dir.path());
    assert_eq!(
        (whole.len(), whole[0].values, whole[0].mismatches),
        (1, 8, 0)
    );
    let altered = rows(Quantized::new(&ALL, &[1, 3, 7, 203]).dir.path());
    let row = &altered[0];
    assert!(row.differs());
    assert_eq!(
        (row.mismatches, row.largest),
        (2, 2),
        "whole vector and single values"
    );
    let first = row.first.as_ref().unwrap();
    assert_eq!(
        (
            first.element,
            first.captured.as_str(),
            first.reference.as_str()
        ),
        (2, "7", "5")
    );
    assert!(first.vector.starts_with(FILE), "{}", first.vector);
}

#[test]
fn progress_reaches_the_number_of_files() {
    let capture = Quantized::new(&ALL, &CODES);
    let seen = std::sync::Mutex::new(Vec::new());
    check(capture.dir.path(), |p| {
        seen.lock().unwrap().push((p.done, p.total))
    })
    .unwrap();
    assert_eq!(*seen.lock().unwrap(), [(1, 1)]);
}

#[test]
fn a_truncated_npz_is_named() {
    let capture = Quantized::new(&ALL, &CODES);
    let path = capture.dir.path().join(FILE);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let line = capture.error();
    assert!(
        line.contains(FILE) && line.contains("not a whole npz archive"),
        "{line}"
    );
}

#[test]
fn a_damaged_array_is_named() {
    let capture = Quantized::new(&ALL, &CODES);
    let path = capture.dir.path().join(FILE);
    let mut bytes = fs::read(&path).unwrap();
    // The data of the first member starts behind its 30-byte header and its name.
    let start = 30 + "x.npy".len() + 4;
    bytes[start..start + 8].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let line = capture.error();
    assert!(line.contains(FILE) && line.contains("array `x`"), "{line}");
}

#[test]
fn a_missing_array_is_named() {
    let line = Quantized::new(&["x", "q"], &CODES).error();
    assert!(
        line.contains(FILE) && line.contains("array `q_single`"),
        "{line}"
    );
}

#[test]
fn a_wrong_shape_is_told() {
    let line = Quantized::new(&ALL, &CODES[..3]).error();
    assert!(
        line.contains(FILE) && line.contains("u8 [3]") && line.contains("[4]"),
        "{line}"
    );
}

#[test]
fn a_missing_file_is_named() {
    let capture = Quantized::new(&ALL, &CODES);
    fs::remove_file(capture.dir.path().join(FILE)).unwrap();
    let line = capture.error();
    assert!(
        line.contains(FILE) && line.contains("cannot be read"),
        "{line}"
    );
}

#[test]
fn a_missing_parameter_is_named() {
    let capture = Quantized::new(&ALL, &CODES);
    let path = capture.dir.path().join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("zero_point", "zeropoint")).unwrap();
    let line = capture.error();
    assert!(
        line.contains(FILE) && line.contains("parameter `zero_point`"),
        "{line}"
    );
}

#[test]
fn a_corrupt_manifest_is_named_with_its_line() {
    let capture = Quantized::new(&ALL, &CODES);
    let path = capture.dir.path().join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"params\":", "\"params\"")).unwrap();
    let line = capture.error();
    assert!(line.contains("manifest.json:3:"), "{line}");
}

#[test]
fn a_folder_without_captures_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let error = check(dir.path(), |_| ()).expect_err("there is nothing");
    assert!(matches!(error, CaptureError::NoCaptures(_)), "{error}");
}

#[test]
fn a_system_without_a_profile_is_counted_not_checked() {
    let capture = Quantized::new(&ALL, &CODES);
    let path = capture.dir.path().join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("torch-2.15", "abacus-1.0")).unwrap();
    let rows = rows(capture.dir.path());
    assert_eq!(
        (rows.len(), rows[0].covered(), rows[0].vectors),
        (1, false, 1)
    );
    assert_eq!(
        rows[0].note.as_deref(),
        Some("no profile of this system yet")
    );
}
