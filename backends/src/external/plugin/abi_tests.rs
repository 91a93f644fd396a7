//! The header says what this build says: sizes, offsets and numbers, as the C
//! compiler sees them.

use std::fmt::Write as _;
use std::process::Command;

use super::abi::*;
use crate::external::OPS;

/// A C source that compiles only if the header agrees with every line.
fn assertions() -> String {
    let mut text = "#include <qassay.h>\n".to_owned();
    let mut holds = |what: String, is: usize| {
        let _ = writeln!(
            text,
            "_Static_assert({what} == {is}, \"{what} is not {is}\");"
        );
    };
    for (name, size, fields) in layouts() {
        holds(format!("sizeof({name})"), size);
        for (field, offset) in fields {
            holds(format!("offsetof({name}, {field})"), offset);
        }
    }
    for &(name, number) in NUMBERS {
        holds(name.to_owned(), number as usize);
    }
    for &(number, name) in OP_NUMBERS {
        holds(format!("QASSAY_{}", name.to_uppercase()), number as usize);
    }
    holds("QASSAY_ABI".into(), ABI as usize);
    let _ = writeln!(text, "const qassay_backend *(*entry)(void) = {ENTRY};");
    text
}

/// What the C compiler says to a source; `None` if it takes it.
fn compile(source: &str, standard: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("layout.c");
    std::fs::write(&file, source).unwrap();
    let include = concat!(env!("CARGO_MANIFEST_DIR"), "/include");
    let output = Command::new("cc")
        .args([
            standard,
            "-pedantic",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-fsyntax-only",
        ])
        .args(["-I", include])
        .arg(&file)
        .output()
        .expect("cc, which Rust's linker needs too, runs");
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_header_and_this_build_agree() {
    let source = assertions();
    assert!(source.lines().count() > 150);
    assert_eq!(compile(&source, "-std=c11"), None);
    // An offset that is not the header's is found.
    let wrong = source.replacen(
        "offsetof(qassay_conv, relu) == ",
        "offsetof(qassay_conv, relu) == 1",
        1,
    );
    assert_ne!(wrong, source);
    let told = compile(&wrong, "-std=c11").expect("a wrong offset is told");
    assert!(told.contains("offsetof(qassay_conv, relu)"), "{told}");
}

#[test]
fn the_header_is_c99() {
    assert_eq!(
        compile("#include <qassay.h>\nint used;\n", "-std=c99"),
        None
    );
}

#[test]
fn ops_are_called_as_declarations_call_them() {
    for (_, name) in OP_NUMBERS {
        assert!(OPS.contains(name), "{name}");
    }
}
