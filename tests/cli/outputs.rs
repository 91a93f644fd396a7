//! What scripts take from the program: golden vectors in a folder of their own,
//! and what one run of a kernel does.

use std::path::Path;

use crate::program::{qassay, text};

#[test]
fn golden_vectors_made_in_an_empty_folder_are_the_committed_bytes() {
    let made = tempfile::tempdir().unwrap();
    let output = qassay(&["golden", "generate", "--dir", made.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let names = |dir: &Path| {
        let mut names: Vec<_> = (std::fs::read_dir(dir.join("vectors")).unwrap())
            .map(|entry| Path::new("vectors").join(entry.unwrap().file_name()))
            .collect();
        names.push("MANIFEST.json".into());
        names.sort();
        names
    };
    assert_eq!(names(made.path()), names(&committed));
    for name in names(&committed) {
        let read = |dir: &Path| std::fs::read(dir.join(&name)).unwrap();
        assert!(read(made.path()) == read(&committed), "{}", name.display());
    }
}

#[test]
fn a_counted_kernel_says_what_one_run_does() {
    let case = "linear/m3.n5.k7/u8.s8/per-tensor/uniform/seed0";
    let count = |backend: &str, case: &str, iterations: &str| {
        qassay(&[
            "count",
            "--backend",
            backend,
            "--case",
            case,
            "--iterations",
            iterations,
        ])
    };
    for iterations in ["0", "3"] {
        let output = count("fbgemm/scalar", case, iterations);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let said = text(&output.stdout);
        let value = |key: &str| {
            let line = said.lines().find(|line| line.starts_with(key));
            line.map(|line| line[key.len()..].trim().to_owned())
        };
        let work = "105 multiply-accumulates in each run";
        assert_eq!(value("work").as_deref(), Some(work), "{said}");
        assert_eq!(value("iterations").as_deref(), Some(iterations), "{said}");
        assert_eq!(value("runs").as_deref(), Some("native"), "{said}");
    }
    for (backend, case, part) in [
        ("fbgemm/scalr", case, "no backend is named 'fbgemm/scalr'"),
        ("fbgemm/scalar", "linear/m3.nX", "character"),
        // A weight zero point, which this backend does not take.
        (
            "onednn/scalar",
            "linear/m1.n1.k2/u8.s8/per-tensor/zp:w3/uniform/seed0",
            "precondition-not-met",
        ),
    ] {
        let output = count(backend, case, "1");
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert_eq!(text(&output.stdout), "");
        assert!(
            error.contains(part) && error.lines().count() == 1,
            "{error}"
        );
    }
}
