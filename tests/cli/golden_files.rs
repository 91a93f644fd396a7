//! Golden vectors and captures: fresh, and damage is found and named.

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::{ends_with, one_line_error};

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A copy of the golden vectors that a test may spoil.
fn golden_copy() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    copy_tree(&golden.join("vectors"), &dir.path().join("vectors"));
    fs::copy(
        golden.join("MANIFEST.json"),
        dir.path().join("MANIFEST.json"),
    )
    .unwrap();
    dir
}

#[test]
fn golden_vectors_are_fresh() {
    ends_with(&["golden", "verify"], 0, &[]);
}

#[test]
fn a_flipped_digit_is_found_and_named() {
    let dir = golden_copy();
    let file = files(&dir.path().join("vectors"), "json")
        .into_iter()
        .find(|path| path.to_string_lossy().contains("requantize"))
        .expect("there are requantize vectors");
    let content = fs::read_to_string(&file).unwrap();
    let start = content
        .find("\"expected\"")
        .expect("a case has an expected output");
    let at = start + content[start..].find(|c: char| c.is_ascii_digit()).unwrap();
    let digit = content.as_bytes()[at];
    let flipped = if digit == b'1' { '2' } else { '1' };
    fs::write(
        &file,
        format!("{}{flipped}{}", &content[..at], &content[at + 1..]),
    )
    .unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    ends_with(
        &["golden", "verify", "--dir", dir.path().to_str().unwrap()],
        1,
        &[name],
    );
}

#[test]
fn a_corrupt_golden_file_is_named_with_its_line() {
    let dir = golden_copy();
    let file = files(&dir.path().join("vectors"), "json").remove(0);
    let content = fs::read(&file).unwrap();
    fs::write(&file, &content[..content.len() / 2]).unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    ends_with(
        &["golden", "verify", "--dir", dir.path().to_str().unwrap()],
        2,
        &[&format!("{name}:")],
    );
}

#[test]
fn a_truncated_npz_is_one_line() {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/captures");
    let victim = files(&captures, "npz").remove(0);
    let system = victim
        .strip_prefix(&captures)
        .unwrap()
        .components()
        .next()
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    copy_tree(&captures.join(system), dir.path());
    let victim = dir
        .path()
        .join(victim.strip_prefix(captures.join(system)).unwrap());
    let content = fs::read(&victim).unwrap();
    fs::write(&victim, &content[..content.len() / 2]).unwrap();
    let name = victim.file_name().unwrap().to_str().unwrap();
    one_line_error(
        &["golden", "captures", dir.path().to_str().unwrap()],
        &[name],
    );
}

#[test]
fn what_is_known_of_upstream_is_held_to_its_count() {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/captures");
    let folder = captures.join("torch-debian-1.13");
    let known = fs::read_to_string(captures.join("KNOWN.toml")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("own.toml");
    let args = [
        "golden",
        "captures",
        folder.to_str().unwrap(),
        "--known",
        own.to_str().unwrap(),
    ];

    fs::write(&own, &known).unwrap();
    ends_with(
        &args,
        0,
        &["known", "qclamp.cpp", " 0 mismatches unexplained"],
    );

    assert!(known.contains("\"ops/hardtanh_cl1.npz\" = 262"));
    fs::write(&own, known.replace("= 262", "= 261")).unwrap();
    let line = "changed KNOWN.toml: torch-debian-1.13 1.13.0a0 clamp qnnpack: ops/hardtanh_cl1.npz: \
                261 mismatches are known, 262 were found\n";
    ends_with(&args, 1, &[line]);

    fs::write(&own, known.replace("hardtanh_cl1", "hardtanh_cl2")).unwrap();
    ends_with(
        &args,
        1,
        &["superfluous: the captures have none of its files\n"],
    );

    fs::write(
        &own,
        known.replace("torch-debian-1.13", "torch-debian-1.31"),
    )
    .unwrap();
    one_line_error(&args, &["KNOWN.toml: torch-debian-1.31", "system"]);
    fs::write(&own, "[[known]]\nsystem = 1").unwrap();
    one_line_error(&args, &["own.toml: line 2: "]);
}

#[test]
fn the_reference_is_held_to_the_oracle() {
    let asked = ["golden", "oracle", "--count", "600", "--op"];
    let mut args = asked.to_vec();
    args.push("requantize,choose_qparams");
    ends_with(
        &args,
        0,
        &["requantize      fbgemm", "agree", " 0 differences"],
    );
    let mut args = asked.to_vec();
    args.push("quantise");
    one_line_error(&args, &["'quantise'", "there are: quantize,"]);
    one_line_error(&["golden", "oracle", "--count", "0"], &["--count", "1.."]);
}
