use super::*;
use crate::matrix::tests::record;
use crate::sample;
use qassay_suites::record::Verdict;
use std::fs;

fn lines(run: &Run) -> Vec<String> {
    run.lines()
        .map(|line| serde_json::to_string(&line).unwrap())
        .collect()
}

fn run() -> Run {
    let mut run = sample::run();
    run.records = vec![
        record("a", "linear", Verdict::Conforms),
        record("b", "linear", Verdict::Differs),
    ];
    run.identified.clear();
    run.explanations.clear();
    run.measurements.truncate(1);
    run.summary = summary(&run.records, 2.0);
    run
}

/// Reads one file with this text.
fn read_text(text: &str) -> Input {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    fs::write(&path, text).unwrap();
    read(&[path])
}

fn notes(input: &Input) -> Vec<String> {
    input.notes.iter().map(ToString::to_string).collect()
}

#[test]
fn a_whole_file_gives_its_run_and_no_note() {
    let run = run();
    let input = read_text(&(lines(&run).join("\n") + "\n"));
    assert_eq!(notes(&input), [""; 0]);
    assert_eq!(input.runs[0].run, run);
}

#[test]
fn a_file_cut_in_the_middle_is_one_note_and_keeps_what_stands_before() {
    let lines = lines(&run());
    let cut = format!("{}\n{}\n{}", lines[0], lines[1], &lines[2][..40]);
    let input = read_text(&cut);
    assert_eq!(
        notes(&input),
        [
            "run.jsonl, line 3: the file ends in the middle of a line: what stands before is shown (1 lines)"
        ]
    );
    assert_eq!(input.runs[0].run.records.len(), 1);
    assert_eq!(
        input.runs[0].run.summary.judged, 1,
        "totals are counted anew"
    );
    let input = read_text(&format!("{}\n{}\n", lines[0], lines[1]));
    assert!(notes(&input)[0].contains("line 2: the file ends before its summary"));
}

#[test]
fn another_schema_leaves_the_file_out() {
    let text = lines(&run())
        .join("\n")
        .replacen("\"schema\":1", "\"schema\":7", 1);
    let input = read_text(&text);
    assert!(input.runs.is_empty());
    let notes = notes(&input);
    assert_eq!(notes.len(), 1);
    assert!(
        notes[0].contains("line 1: the run file's schema is 7, and this qassay reads schema 1")
    );
    for text in ["", "hello", "{\"type\":\"record\"}", "\u{0}\u{1}"] {
        let input = read_text(text);
        assert!(input.runs.is_empty() && input.notes.len() == 1, "{text}");
        assert!(notes_line(&input).contains("header"), "{text}");
    }
}

fn notes_line(input: &Input) -> String {
    notes(input).remove(0)
}

#[test]
fn a_time_that_is_no_number_is_one_note_and_the_rest_is_there() {
    let mut whole = run();
    let mut time = whole.measurements[0].time.clone().unwrap();
    time.median_ns = f64::NAN;
    whole.measurements[0].time = Some(time);
    let written = read_text(&lines(&whole).join("\n"));
    let nan = "run.jsonl, line 4: a time that is no number (NaN); the line is left out";
    assert_eq!(notes(&written), [nan]);
    assert_eq!(written.runs[0].run.records.len(), 2);
    let bare = lines(&whole)
        .join("\n")
        .replace("\"median_ns\":null", "\"median_ns\":NaN");
    assert!(bare.contains("NaN"));
    assert_eq!(notes(&read_text(&bare)), [nan]);
    let mut below = run();
    below.measurements[0].time.as_mut().unwrap().median_ns = -3.0;
    let input = read_text(&lines(&below).join("\n"));
    assert!(notes_line(&input).contains("is not above 0"));
    assert_eq!(input.runs[0].run.measurements[0].time, None);
}

#[test]
fn many_broken_lines_are_counted_not_all_named() {
    let mut lines = lines(&run());
    for _ in 0..10 {
        lines.insert(2, "{\"type\":\"record\",\"case\":3}".into());
    }
    let input = read_text(&lines.join("\n"));
    assert_eq!(input.notes.len(), 4);
    assert!(
        notes_line(&input).contains("7 more lines"),
        "{:?}",
        input.notes
    );
    assert_eq!(input.runs[0].run.records.len(), 2);
}

/// Parts of the run by number, as files.
fn parts(numbers: &[&str]) -> Input {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (index, shard) in numbers.iter().enumerate() {
        let mut part = run();
        part.header.shard = Some((*shard).into());
        part.header.command = [
            "qassay",
            "conform",
            "--shard",
            shard,
            "--out",
            &format!("{index}.jsonl"),
        ]
        .map(Into::into)
        .into();
        let path = folder.path().join(format!("{index}.jsonl"));
        part.write(&path).unwrap();
        paths.push(path);
    }
    read(&paths)
}

#[test]
fn parts_make_one_run_and_missing_or_doubled_ones_are_named() {
    let whole = parts(&["2/2", "1/2"]);
    assert_eq!((whole.runs.len(), notes(&whole).len()), (1, 0));
    let joined = &whole.runs[0];
    assert_eq!(joined.files, ["1.jsonl", "0.jsonl"]);
    assert_eq!(joined.run.records.len(), 4);
    assert_eq!(joined.run.header.shard, None);
    assert_eq!(joined.run.header.command, ["qassay", "conform"]);
    assert_eq!(joined.run.summary.seconds, 4.0);
    let missing = parts(&["1/4", "4/4"]);
    assert_eq!(
        notes(&missing),
        ["0.jsonl, 1.jsonl: shards are missing: 2/4, 3/4"]
    );
    let doubled = parts(&["1/2", "2/2", "1/2"]);
    assert_eq!(
        notes(&doubled),
        ["2.jsonl: shard 1/2 is there twice, also in 0.jsonl; this one is left out"]
    );
    assert_eq!(doubled.runs[0].run.records.len(), 4);
    // Parts of runs that were cut differently do not belong together.
    assert_eq!(parts(&["1/2", "1/3"]).runs.len(), 2);
    assert!(notes_line(&parts(&["5/2"])).contains("'5/2' is not K/N"));
}

#[test]
fn the_same_run_given_twice_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a.jsonl", "b.jsonl"].map(|name| folder.path().join(name));
    for path in &paths {
        run().write(path).unwrap();
    }
    let input = read(&paths);
    assert_eq!(input.runs.len(), 1);
    assert_eq!(
        notes(&input),
        ["b.jsonl: holds the same run as a.jsonl; it is left out"]
    );
}

#[test]
fn a_file_that_is_not_there_is_a_note() {
    let input = read(&["/no/such/run.jsonl"]);
    assert!(notes_line(&input).starts_with("run.jsonl: cannot be read: "));
}
