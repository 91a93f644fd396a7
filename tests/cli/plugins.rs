//! Backends in shared libraries: the examples conform, every mistake gets its
//! verdict and the run goes on, and what is no plugin is told in one line.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{ends_with, one_line_error};

const LINEAR: &str = "linear/m2.n3.k8/u8.s8/per-tensor/saturating/seed0";

/// A folder with libraries that this test builds.
struct Built(tempfile::TempDir);

impl Built {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// `plugin:` and the path of a library from C, which is made here. Rust's
    /// own linker is `cc`: where these tests were built there is one.
    fn c(&self, name: &str, source: &Path, options: &[&str]) -> String {
        let library = self.path(&format!("lib{name}.so"));
        let output = Command::new("cc")
            .args(["-std=c99", "-O1", "-ffp-contract=off", "-shared", "-fPIC"])
            .args(["-Wall", "-Wextra", "-Werror"])
            .args(options)
            .arg("-I")
            .arg(root().join("backends/include"))
            .arg("-o")
            .args([&library, source])
            .arg("-lm")
            .output()
            .expect("cc runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {told}");
        format!("plugin:{}", library.display())
    }

    fn example(&self, name: &str, options: &[&str]) -> String {
        self.c(name, &root().join("backends/examples/plugin.c"), options)
    }

    /// A library that differs from a right one in one line of its table.
    fn table(&self, name: &str, change: &str) -> String {
        let source = self.path(&format!("{name}.c"));
        std::fs::write(&source, TABLE.replace("CHANGE", change)).unwrap();
        self.c(name, &source, &["-Wno-override-init"])
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A plugin that has nothing; later lines of its table replace earlier ones.
const TABLE: &str = r#"
#include <qassay.h>
static int32_t prepare(const qassay_op *o, void **h, char *w, size_t s) {
    (void)o, (void)h, (void)w, (void)s;
    return QASSAY_UNSUPPORTED;
}
static int32_t run(void *h, const qassay_tensor *i, const qassay_tensor *o, char *w, size_t s) {
    (void)h, (void)i, (void)o, (void)w, (void)s;
    return QASSAY_OK;
}
static void release(void *h) { (void)h; }
static const int32_t ops[] = {QASSAY_LINEAR, 99};
const qassay_backend *qassay_plugin(void) {
    static const qassay_backend table = {
        .size = sizeof(qassay_backend), .abi = QASSAY_ABI, .name = "n", .isa = "i",
        .profile = "exact", .ops = ops, .op_count = 1, .prepare = prepare, .run = run,
        .release = release, CHANGE};
    return &table;
}
"#;

fn conform(backend: &str, rest: &[&str], code: i32, parts: &[&str]) -> String {
    let mut args = vec!["conform", "--jobs", "1", "--backend", backend];
    args.extend(rest);
    ends_with(&args, code, parts)
}

#[test]
fn the_example_in_c_conforms() {
    let built = Built::new();
    let right = built.example("right", &[]);
    let suites = [
        "--level",
        "smoke",
        "--suite",
        "linear,quantize,dequantize,relu",
    ];
    let said = conform(&right, &suites, 0, &["\nconforms: ", " exact "]);
    assert!(said.contains("no backend above has: relu"), "{said}");
    assert!(!said.contains("leaked"), "{said}");
}

#[test]
fn the_example_in_rust_conforms() {
    let built = Built::new();
    let library = built.path("librust.so");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let output = Command::new(rustc)
        .args(["--edition", "2024", "-O", "--crate-type", "cdylib", "-o"])
        .args([&library, &root().join("backends/examples/plugin.rs")])
        .output()
        .expect("rustc runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let name = format!("plugin:{}", library.display());
    let suites = ["--level", "smoke", "--suite", "clamp"];
    conform(&name, &suites, 0, &["\nconforms: "]);
}

#[test]
fn every_mistake_has_its_verdict_and_the_run_goes_on() {
    let built = Built::new();
    let quantize = "quantize/d7/u8/per-tensor/uniform/seed0";
    // What the mistake is, whether it spoils quantize too, and what is said of it.
    let mistakes: [(&str, bool, &[&str]); 4] = [
        (
            "ONE_BYTE_TOO_FAR",
            true,
            &["wrote-outside 1/1", "wrote 1 byte past the end of output 0"],
        ),
        ("NULL_POINTER", true, &["crashed 1/1", "SIGSEGV"]),
        (
            "LEAKING",
            true,
            &["leaked 1/1", "bytes stay allocated each time"],
        ),
        (
            "SATURATING_PAIRS",
            false,
            &[
                "differs 1/1",
                "accumulate.linear: exact → i16-pairs",
                "each pair of adjacent k is summed saturating to i16",
            ],
        ),
    ];
    for (mistake, both, parts) in mistakes {
        let library = built.example(mistake, &[&format!("-D{mistake}")]);
        let cases = ["--case", LINEAR, "--case", quantize];
        let said = conform(&library, &cases, 1, parts);
        assert!(said.contains("2 cases, "), "the run goes on: {said}");
        let words = said.matches(parts[0]).count();
        assert_eq!(words, if both { 2 } else { 1 }, "{mistake}: {said}");
    }
}

/// The example in C, which frees all that it allocates, in sizes that change each time: what it
/// freed fills the C library's caches for longer than leaks are looked for.
const FREES_IN_CHANGING_SIZES: &str = r#"
#include <stdlib.h>
static void *changing(size_t size) {
    static size_t turn;
    volatile char *blocks[6];
    turn++;
    for (int i = 0; i < 6; i++) {
        blocks[i] = malloc(24 + 16 * (turn % 61));
        if (blocks[i]) *blocks[i] = 1;
    }
    for (int i = 0; i < 6; i++) free((void *)blocks[i]);
    return malloc(size);
}
#define malloc changing
#include "PLUGIN"
"#;

#[test]
fn what_is_freed_is_no_leak_whatever_the_allocator_keeps() {
    let built = Built::new();
    let source = built.path("changing.c");
    let plugin = root().join("backends/examples/plugin.c");
    let text = FREES_IN_CHANGING_SIZES.replace("PLUGIN", &plugin.display().to_string());
    std::fs::write(&source, text).unwrap();
    let library = built.c("changing", &source, &[]);
    conform(&library, &["--case", LINEAR], 0, &["\nconforms: "]);
}

#[test]
fn a_wrong_rounding_is_named_as_the_axis_it_is() {
    let built = Built::new();
    let library = built.example("rounding", &["-DROUND=roundf"]);
    let ties = ["--level", "smoke", "--suite", "quantize"];
    let parts = [
        "quantize.rounding: ties-even → ties-away",
        "nearest, ties away from zero",
    ];
    let said = conform(&library, &ties, 1, &parts);
    assert!(
        said.contains(&format!("--backend {library} --case quantize/")),
        "{said}"
    );
    // Declared as it is, or held to what it is, it conforms.
    let held = [
        "--level",
        "smoke",
        "--suite",
        "quantize",
        "--as",
        "exact+quantize.rounding=ties-away",
    ];
    conform(&library, &held, 0, &["exact+quantize.rounding=ties-away"]);
}

#[test]
fn what_never_returns_is_timed_out() {
    let built = Built::new();
    let library = built.example("hangs", &["-DNEVER_RETURNS"]);
    let case = [
        "--case",
        "dequantize/d7/u8/per-tensor/uniform/seed0",
        "--time-limit",
        "1",
    ];
    conform(
        &library,
        &case,
        1,
        &["timed-out 1/1", "no answer within 1 s"],
    );
}

#[test]
fn a_backend_that_does_not_say_whose_bits_it_has_is_found_out() {
    let built = Built::new();
    let source = std::fs::read_to_string(root().join("backends/examples/plugin.c")).unwrap();
    let unknown = built.path("unknown.c");
    std::fs::write(
        &unknown,
        source.replace(r#".profile = "exact""#, r#".profile = "unknown""#),
    )
    .unwrap();
    let right = built.c("unknown", &unknown, &[]);
    let pairs = built.c("pairs", &unknown, &["-DSATURATING_PAIRS"]);
    let linear = ["--level", "smoke", "--suite", "linear"];
    conform(&right, &linear, 0, &["in linear: the bits of exact in "]);
    conform(&pairs, &linear, 0, &["in linear: the bits of fbgemm in "]);
    conform(
        &pairs,
        &[&linear[..], &["--as", "exact"]].concat(),
        1,
        &["exact → i16-pairs"],
    );
}

#[test]
fn what_is_no_plugin_is_one_line() {
    let built = Built::new();
    let told = |name: &str, parts: &[&str]| one_line_error(&["conform", "--backend", name], parts);
    told("plugin:", &["names nothing", "plugin:./libmine.so"]);
    told(
        "plugin:/nowhere/lib.so",
        &["plugin:/nowhere/lib.so: there is no file"],
    );
    let text = built.path("text.so");
    std::fs::write(&text, "no library").unwrap();
    told(&format!("plugin:{}", text.display()), &["cannot load it"]);
    let empty = built.path("empty.c");
    std::fs::write(&empty, "int other_function(void);\n").unwrap();
    told(
        &built.c("empty", &empty, &[]),
        &["exports no function qassay_plugin"],
    );
    let mut number = 0;
    let mut changed = |change: &str, parts: &[&str]| {
        number += 1;
        told(&built.table(&format!("changed{number}"), change), parts);
    };
    changed(
        ".abi = 7",
        &["version 7 of the plugin interface, this build version 1"],
    );
    changed(".size = 8", &["has 8 bytes instead of"]);
    changed(".run = 0", &["no run"]);
    changed(
        ".profile = \"fbgem\"",
        &["unknown profile 'fbgem'", "fbgemm"],
    );
    changed(
        ".profile = \"exact+requantize.round=up\"",
        &["unknown axis 'requantize.round'", "requantize.rounding"],
    );
    changed(".name = 0", &["gives no name"]);
    // No CPU has both.
    let (isa, foreign) = if cfg!(target_arch = "x86_64") {
        (".isa = \"neondot\"", "neondot")
    } else {
        (".isa = \"avx512vnni\"", "avx512vnni")
    };
    changed(
        isa,
        &[
            "declares the instruction set",
            foreign,
            "this CPU does not have",
        ],
    );
    changed(".op_count = 0", &["lists no op"]);
    changed(".op_count = 2", &["op number 99"]);
    changed(".preconditions = 64", &["precondition bits 0x40"]);
    let dies = built.path("dies.c");
    let dying =
        "#include <stdlib.h>\nvoid *qassay_plugin(void);\nvoid *qassay_plugin(void) { abort(); }\n";
    std::fs::write(&dies, dying).unwrap();
    told(
        &built.c("dies", &dies, &[]),
        &["opening it ended its process with SIGABRT"],
    );
}

/// Scaffolds `language` into a new folder and gives the folder.
fn scaffold(built: &Built, language: &str) -> PathBuf {
    let dir = built.path(&format!("new/{language}"));
    ends_with(
        &["scaffold", language, dir.to_str().unwrap()],
        0,
        &["README.md", "next: see"],
    );
    dir
}

#[test]
fn a_scaffold_in_c_builds_and_fails_honestly() {
    let built = Built::new();
    let dir = scaffold(&built, "c");
    let made = Command::new("make")
        .arg("-C")
        .arg(&dir)
        .arg("CFLAGS=-std=c99 -Wall -Wextra -Werror -fPIC -I.")
        .output();
    // `make` may be missing where `cc` is not.
    let library = match made {
        Ok(output) => {
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            format!("plugin:{}", dir.join("libmine.so").display())
        }
        Err(_) => built.c("mine", &dir.join("mine.c"), &[]),
    };
    let cases = ["--case", LINEAR, "--case", "relu/d3/u8/uniform/seed0"];
    let said = conform(
        &library,
        &cases,
        1,
        &["nothing was compared", "2 unsupported"],
    );
    assert!(!said.contains("crashed"), "{said}");
}

#[test]
fn a_scaffold_in_rust_builds_and_fails_honestly() {
    let built = Built::new();
    let dir = scaffold(&built, "rust");
    let manifest = std::fs::read_to_string(dir.join("Cargo.toml")).unwrap();
    assert!(manifest.contains("crate-type = [\"cdylib\"]") && !manifest.contains("[dependencies]"));
    // As cargo would: the crate depends on nothing.
    let library = built.path("libmine.so");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let output = Command::new(rustc)
        .args([
            "--edition",
            "2024",
            "-D",
            "warnings",
            "--crate-type",
            "cdylib",
            "-o",
        ])
        .args([&library, &dir.join("src/lib.rs")])
        .output()
        .expect("rustc runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let name = format!("plugin:{}", library.display());
    conform(
        &name,
        &["--case", LINEAR],
        1,
        &["nothing was compared", "1 unsupported"],
    );
}

#[test]
fn a_scaffold_in_python_is_whole() {
    let built = Built::new();
    let dir = scaffold(&built, "python");
    let files: Vec<String> = ["mine.py", "qassay_worker.py"]
        .map(|name| std::fs::read_to_string(dir.join(name)).unwrap())
        .into();
    assert!(files[0].contains("from qassay_worker import Unsupported, serve"));
    assert!(files[1].contains("def serve(") && files[1].contains("class Unsupported("));
}

#[test]
fn a_scaffold_spoils_nothing_that_is_there() {
    let built = Built::new();
    let kept = built.path("kept");
    std::fs::write(&kept, "kept").unwrap();
    let (dir, file) = (built.0.path().to_str().unwrap(), kept.to_str().unwrap());
    one_line_error(&["scaffold", "c", dir], &[dir, "is not empty"]);
    one_line_error(&["scaffold", "c", file], &[file, "is no folder"]);
    one_line_error(&["scaffold", "perl", dir], &["perl", "python"]);
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "kept");
}

/// A plugin that has none of the instructions that it declares is found, and one that has is not
/// accused.
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
#[test]
fn an_instruction_set_that_is_declared_alone_is_found() {
    if !std::is_x86_feature_detected!("avx512vnni") {
        return;
    }
    let built = Built::new();
    let example = std::fs::read_to_string(root().join("backends/examples/plugin.c")).unwrap();
    let plugin = |name: &str, changes: &[(&str, &str)]| {
        let mut source = example.clone();
        for (from, to) in changes {
            assert!(source.contains(from), "{from}");
            source = source.replace(from, to);
        }
        let file = built.path(&format!("{name}.c"));
        std::fs::write(&file, source).unwrap();
        built.c(name, &file, &[])
    };
    let declares = (r#".isa = "scalar""#, r#".isa = "avx512vnni""#);
    let runs = "    int64_t rows = 1, columns";
    let product = format!("__asm__(\"vpdpbusd %%zmm1, %%zmm2, %%zmm3\" ::: \"xmm3\");\n{runs}");
    let wide = format!("__asm__(\"vpaddd %%zmm1, %%zmm2, %%zmm3\" ::: \"xmm3\");\n{runs}");
    let none = "declares      avx512vnni, and executed none of its instructions";
    for (name, changes, code, told) in [
        ("scalar", vec![declares], 1, none),
        ("wide", vec![declares, (runs, &wide[..])], 1, none),
        (
            "product",
            vec![declares, (runs, &product[..])],
            0,
            "declares      avx512vnni, and executed it",
        ),
    ] {
        let plugin = plugin(name, &changes);
        let args = [
            "count",
            "--backend",
            &plugin,
            "--case",
            LINEAR,
            "--executed",
        ];
        ends_with(&args, code, &[told]);
    }
    // Kernels of this program, too.
    let args = [
        "count",
        "--backend",
        "fbgemm/avx512vnni",
        "--case",
        LINEAR,
        "--executed",
    ];
    ends_with(&args, 0, &["declares      avx512vnni, and executed it"]);
}
