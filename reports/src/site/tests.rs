use std::collections::{HashMap, HashSet};

use quick_xml::Reader;
use quick_xml::events::Event;

use super::*;
use crate::input::{Input, Note, Source};
use crate::sample;

fn input() -> Input {
    let mut own = sample::run();
    own.header.cpu.model_name = "Another CPU".into();
    own.explanations.clear();
    for record in &mut own.records {
        record.profile = "fbgemm".into();
    }
    let source = |name: &str, run| Source {
        files: vec![name.into()],
        run,
    };
    Input {
        runs: vec![source("a.jsonl", sample::run()), source("b.jsonl", own)],
        notes: vec![Note {
            file: "c.jsonl".into(),
            line: Some(3),
            what: "cut <here>".into(),
        }],
    }
}

fn facts() -> Facts {
    Facts {
        files: vec![("vectors/add.json".into(), 10, "b45cb57084446bec3a76".into())],
        hash: Some("b9208fec1166aa51".into()),
        systems: vec![("PyTorch".into(), "2.15".into(), 12, 3456)],
        missing: Vec::new(),
    }
}

fn site() -> HashMap<String, String> {
    let input = input();
    files(&Survey::new(&input), &facts())
        .unwrap()
        .into_iter()
        .map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap()))
        .collect()
}

/// Ids and references of a page; the page must be well formed apart from void elements.
fn parse(name: &str, html: &str) -> (HashSet<String>, Vec<String>) {
    let mut reader = Reader::from_str(html);
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    let (mut ids, mut references) = (HashSet::new(), Vec::new());
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => return (ids, references),
            Ok(Event::Start(tag) | Event::Empty(tag)) => {
                for attribute in tag.html_attributes() {
                    let attribute = attribute.unwrap_or_else(|e| panic!("{name}: {e}"));
                    let value = attribute.unescape_value().unwrap().into_owned();
                    match attribute.key.as_ref() {
                        b"id" => assert!(ids.insert(value.clone()), "{name}: id {value} twice"),
                        b"href" | b"src" => references.push(value),
                        _ => {}
                    }
                }
            }
            Ok(_) => {}
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

/// The site of a run of `mutants` alone.
fn hunted(fates: Vec<qassay_suites::record::Fate>) -> HashMap<String, String> {
    let mut run = sample::run();
    run.records.clear();
    run.identified.clear();
    run.explanations.clear();
    run.measurements.clear();
    run.mutants = fates;
    let source = Source {
        files: vec!["mutants.jsonl".into()],
        run,
    };
    let input = Input {
        runs: vec![source],
        notes: Vec::new(),
    };
    files(&Survey::new(&input), &facts())
        .unwrap()
        .into_iter()
        .map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap()))
        .collect()
}

#[test]
fn the_kill_matrix_tells_who_noticed_what_and_who_survived() {
    let killed = || sample::fate("mutant:a/x", &["ties", "uniform"]);
    let alone = || sample::fate("mutant:a/y", &["ties"]);
    let site = hunted(vec![killed(), alone(), sample::fate("mutant:a/z", &[])]);
    let page = &site["mutants.html"];
    parse("mutants.html", page);
    for part in [
        "1 survived. ",
        "2 of 3 mutants were noticed",
        r#"title="linear 1/2">1/2</td>"#,
        "<td>mutant:a/x is wrong</td>",
        "✗ survived",
        "<td>mutant:a/y</td>",
    ] {
        assert!(page.contains(part), "no {part} in {page}");
    }
    assert!(site["index.html"].contains("Too weak. "));
    assert!(site["index.html"].contains(r#"href="mutants.html""#));
    let kills = &site["data/mutant_kills.csv"];
    assert!(kills.contains("mutant:a/x,linear,uniform,1,2"), "{kills}");
    let fates = &site["data/mutants.csv"];
    assert!(
        fates.contains("mutant:a/z,mutant:a/z is wrong,,false,9,,"),
        "{fates}"
    );
    let strong = hunted(vec![killed(), alone()]);
    assert!(strong["index.html"].contains("Strong enough. "));
    assert!(strong["mutants.html"].contains("All killed. "));
}

#[test]
fn every_link_leads_somewhere_and_none_leaves_the_site() {
    let site = site();
    let pages: HashMap<&str, (HashSet<String>, Vec<String>)> = site
        .iter()
        .filter(|(name, _)| name.ends_with(".html"))
        .map(|(name, html)| (name.as_str(), parse(name, html)))
        .collect();
    assert!(pages.len() >= 9, "{:?}", pages.keys());
    for (name, (_, references)) in &pages {
        for reference in references {
            assert!(
                !reference.contains("//"),
                "{name} asks another host: {reference}"
            );
            if reference.starts_with("data:") {
                continue;
            }
            let (file, id) = reference.split_once('#').unwrap_or((reference, ""));
            let file = if file.is_empty() { name } else { file };
            assert!(site.contains_key(file), "{name}: {reference} leads nowhere");
            if !id.is_empty() {
                assert!(pages[file].0.contains(id), "{name}: no id for {reference}");
            }
        }
    }
    for asset in ["style.css", "script.js"] {
        for word in ["http:", "https:", "@import", "url("] {
            assert!(!site[asset].contains(word), "{asset} asks for {word}");
        }
    }
}

#[test]
fn whose_bits_they_are_is_told_where_none_are_declared() {
    let site = site();
    let overview = &site["index.html"];
    assert!(
        overview.contains("the bits of exact in linear."),
        "{overview}"
    );
    let page = &site["backend-onednn-avx2.html"];
    let whose = "the bits of exact in 2 cases; these cases do not tell it from onednn.";
    assert!(page.contains(whose), "{page}");
    assert!(!site["backend-fbgemm-avx2.html"].contains("Whose bits"));
}

#[test]
fn a_difference_is_told_in_full() {
    let site = site();
    let page = &site["backend-fbgemm-avx2.html"];
    for part in [
        "accumulate.linear",
        "i16-pairs",
        "linear/m1.n1.k2/u8.s8/given:x=c86b,w=8080",
        "-39296",
        "-32768",
        "cargo run -- conform --backend fbgemm/avx2 --as exact",
        "explained by &lt;one axis&gt; alone",
        "differs in 1 of 2 cases",
        "Where in the output: 3 wrong values",
        "How far off, in codes: 3 wrong values",
        "4k+",
        "These runs hold no explanation",
        "FBGEMM on AVX2 without VNNI",
    ] {
        assert!(page.contains(part), "no '{part}' in {page}");
    }
    let start = &site["index.html"];
    for part in [
        "Differs.",
        "c.jsonl, line 3: cut &lt;here&gt;",
        "Another CPU",
        "✗ differs 1/2",
    ] {
        assert!(start.contains(part), "no '{part}' in {start}");
    }
}

#[test]
fn speed_has_bars_a_roof_and_ratios() {
    let site = site();
    let page = &site["speed-gemm.html"];
    for part in [
        "100 GOP/s",
        "50 GOP/s",
        "0.500",
        "60 %",
        "avx2/vpmaddubsw",
        "By size",
    ] {
        assert!(page.contains(part), "no '{part}' in {page}");
    }
    assert!(site["speed.html"].contains("Roofline"));
    let mut without = input();
    for source in &mut without.runs {
        source.run.measurements.clear();
    }
    let files = files(&Survey::new(&without), &facts()).unwrap();
    assert!(!files.iter().any(|(name, _)| name.starts_with("speed")));
    let index = files.iter().find(|(name, _)| name == "index.html").unwrap();
    assert!(!String::from_utf8_lossy(&index.1).contains("speed.html"));
}

#[test]
fn no_runs_at_all_is_still_a_site() {
    let input = Input::default();
    let files = files(&Survey::new(&input), &Facts::default()).unwrap();
    let index = files.iter().find(|(name, _)| name == "index.html").unwrap();
    assert!(String::from_utf8_lossy(&index.1).contains("Nothing was compared"));
}

#[test]
fn the_overview_is_as_it_was() {
    let input = input();
    let survey = Survey::new(&input);
    insta::assert_snapshot!(
        "overview",
        overview::page(&survey)
            .body
            .into_string()
            .replace("><", ">\n<")
    );
}
