//! Captured networks: what real engines gave for each node alone, and what the system
//! that was captured itself counted when each engine ran the whole network.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use qassay_backends::registry;
use qassay_golden::captures::{Graph, graph};
use qassay_golden::profile::named;
use serde_json::Value;

use super::*;

fn networks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden/captures/models/digits-cnn-torch")
}

fn network(name: &str) -> Graph {
    graph(&networks().join(name)).unwrap()
}

fn run(graph: &Graph, engine: &str) -> EngineRun {
    let (_, profile) = graph.engines.iter().find(|(e, _)| *e == engine).unwrap();
    run_engine(graph, engine, named::find(profile).unwrap()).unwrap()
}

/// By engine and node, how many values of the whole network's run PyTorch found to differ.
fn counted_upstream(name: &str) -> BTreeMap<String, BTreeMap<String, u64>> {
    let manifest = std::fs::read_to_string(networks().join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let files = manifest["files"].as_array().unwrap();
    let file = format!("{name}/tensors.npz");
    let entry = files.iter().find(|f| f["file"] == file.as_str()).unwrap();
    let chain = entry["params"]["differ_per_node"]["chain"].clone();
    serde_json::from_value(chain).unwrap()
}

#[test]
fn every_network_differs_between_engines_where_upstream_counted_it() {
    let mut differing = 0;
    for name in [
        "eager_fbgemm",
        "eager_x86",
        "eager_qnnpack",
        "eager_onednn",
        "fx_fbgemm",
        "fx_x86",
        "fx_qnnpack",
        "fx_onednn",
        "qat_fbgemm",
        "qat_qnnpack",
        "qat_onednn",
    ] {
        let graph = network(name);
        let upstream = counted_upstream(name);
        assert_eq!(upstream.len(), graph.engines.len(), "{name}");
        for (engine, counts) in upstream {
            let run = run(&graph, &engine);
            for (node, run) in graph.nodes.iter().zip(&run.nodes) {
                let at = format!("{name} on {engine}, {}", node.name);
                assert_eq!(run.upstream, 0, "{at}: the reference is not the engine");
                let expected = counts.get(&node.name).copied().unwrap_or(0);
                assert_eq!(run.in_order, expected, "{at}: in order");
                differing += run.in_order;
            }
        }
    }
    assert!(differing > 10_000, "{differing}");
}

#[test]
fn a_network_is_bit_for_bit_its_own_on_its_own_engine_and_finds_the_classes() {
    let graph = network("eager_fbgemm");
    let run = run(&graph, "fbgemm");
    assert!(run.nodes.iter().all(|n| n.in_order == 0 && n.alone == 0));
    assert_eq!((run.right, graph.labels.len()), (16, 16));
}

#[test]
fn a_full_range_on_an_engine_that_saturates_is_no_met_precondition() {
    let engines: Vec<(&str, &'static Profile)> = ["fbgemm", "onednn-jit-avx2", "qnnpack-sse2"]
        .map(|name| (name, &named::find(name).unwrap().profile))
        .to_vec();
    let engines_of = |name: &str| -> Vec<String> {
        let unmet = unmet(&network(name), &engines);
        assert!(unmet.iter().all(|u| u.nodes.contains(&"conv1".to_owned())));
        unmet.into_iter().map(|unmet| unmet.engine).collect()
    };
    assert_eq!(engines_of("eager_onednn"), ["fbgemm", "onednn-jit-avx2"]);
    assert_eq!(engines_of("eager_fbgemm"), [""; 0]);
}

#[test]
fn backends_give_the_bits_of_the_engine_that_has_their_profile() {
    let mut same = 0;
    for (name, engine) in [
        ("eager_fbgemm", "fbgemm"),
        ("qat_onednn", "onednn"),
        ("fx_qnnpack", "qnnpack"),
    ] {
        let graph = network(name);
        let (_, profile) = graph.engines.iter().find(|(e, _)| *e == engine).unwrap();
        for entry in registry::entries() {
            if entry.declaration.profile != *profile {
                continue;
            }
            let profile = named::find(profile).unwrap();
            let run = run_backend(&graph, (engine, profile), profile, &*entry.open());
            for (node, answer) in graph.nodes.iter().zip(&run.nodes) {
                let good = matches!(answer, Answer::Same | Answer::Unsupported);
                assert!(good, "{name}, {}, {}: {answer:?}", run.backend, node.name);
                same += usize::from(*answer == Answer::Same);
            }
        }
    }
    assert!(same >= 40, "{same}");
}

#[test]
fn a_backend_of_another_arithmetic_differs() {
    let graph = network("eager_onednn");
    let entries = registry::entries();
    let exact = entries
        .iter()
        .find(|e| e.declaration.name == "fbgemm/avx2-exact")
        .unwrap();
    let fbgemm = named::find("fbgemm").unwrap();
    let run = run_backend(&graph, ("fbgemm", fbgemm), fbgemm, &*exact.open());
    let conv1 = graph.nodes.iter().position(|n| n.name == "conv1").unwrap();
    assert!(
        matches!(run.nodes[conv1], Answer::Differs(n) if n > 100),
        "{:?}",
        run.nodes[conv1]
    );
}

#[test]
fn a_node_that_reads_what_is_not_there_is_named() {
    let mut graph = network("eager_fbgemm");
    graph.nodes[2].inputs = vec!["nothing".into()];
    let error = run_engine(&graph, "fbgemm", named::find("fbgemm").unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "node `conv2` reads `nothing`, which no node before it gives"
    );
}

#[test]
fn exported_networks_are_bit_for_bit_what_was_captured() {
    for (name, engine, captured, computed) in [
        ("pt2e_x86inductor", "decomposed", 11, 17),
        ("pt2e_xnnpack", "decomposed", 15, 19),
        ("pt2e_x86inductor_lowered", "onednn", 9, 4),
    ] {
        let graph = network(name);
        assert_eq!(graph.engine, engine, "{name}");
        let count = |wanted| graph.nodes.iter().filter(|n| n.computed == wanted).count();
        assert_eq!((count(false), count(true)), (captured, computed), "{name}");
        let run = run(&graph, engine);
        for (node, run) in graph.nodes.iter().zip(&run.nodes) {
            let wrong = (run.upstream, run.alone, run.in_order);
            assert_eq!(wrong, (0, 0, 0), "{name}, {}", node.name);
            let captured = if node.computed { 0 } else { run.values };
            assert_eq!(run.captured, captured, "{name}, {}", node.name);
        }
        assert_eq!((run.right, graph.labels.len()), (16, 16), "{name}");
    }
}

#[test]
fn another_order_of_sums_shows_in_an_exported_network() {
    let graph = network("pt2e_x86inductor");
    let other = named::find("pytorch-decomposed").unwrap();
    let run = run_engine(&graph, "decomposed", other).unwrap();
    let wrong = |name: &str| {
        let at = graph.nodes.iter().position(|n| n.name == name).unwrap();
        run.nodes[at]
    };
    // Each alone: only the order of its own sums is another.
    assert!(wrong("linear").upstream > 100, "{:?}", wrong("linear"));
    assert!(wrong("conv2d_3").alone > 1000, "{:?}", wrong("conv2d_3"));
    assert_eq!(wrong("avg_pool2d").alone, 0);
    assert!(
        wrong("avg_pool2d").in_order > 100,
        "{:?}",
        wrong("avg_pool2d")
    );
}

#[test]
fn a_lowered_network_has_its_reference_s_observers() {
    let graph = network("pt2e_x86inductor_lowered");
    assert_eq!(graph.reduce_range, Some(false));
    let profile = |name: &str| &named::find(name).unwrap().profile;
    let engines = [
        ("onednn", profile("onednn-pt2e-jit-avx2")),
        ("exact", profile("exact")),
    ];
    let unmet = unmet(&graph, &engines);
    assert_eq!(unmet.len(), 1);
    assert!(
        unmet[0]
            .nodes
            .contains(&"qconv2d_pointwise_binary.conv".to_owned())
    );
}

#[test]
fn backends_run_the_nodes_of_exported_networks_that_are_of_their_arithmetic() {
    let find = |name: &str| named::find(name).unwrap();
    let declared = |name: &str| {
        registry::entries()
            .iter()
            .any(|entry| entry.declaration.profile == name)
    };
    let mut answers = BTreeMap::new();
    for name in ["pt2e_x86inductor", "pt2e_x86inductor_lowered"] {
        let graph = network(name);
        let engines: Vec<_> = graph.engines.iter().map(|(e, p)| (*e, find(p))).collect();
        for entry in registry::entries() {
            let profile = find(entry.declaration.profile);
            let Some(engine) = engine_of(&graph, &engines, profile, declared) else {
                continue;
            };
            let run = run_backend(&graph, engine, profile, &*entry.open());
            let mut same = Vec::new();
            for (node, answer) in graph.nodes.iter().zip(&run.nodes) {
                let at = format!("{name}, {}, {}: {answer:?}", run.backend, node.name);
                match answer {
                    Answer::Same => same.push(node.name.clone()),
                    Answer::Unsupported | Answer::OtherArithmetic => {}
                    _ => panic!("{at}"),
                }
            }
            answers.insert((name, run.backend), (run.engine, same));
        }
    }
    // Quantize, dequantize and the linear of f32, held to the reference under fbgemm.
    let (engine, same) = &answers[&("pt2e_x86inductor", "fbgemm/avx2")];
    assert_eq!(engine, "fbgemm");
    for node in [
        "quantize_per_tensor_default_1",
        "dequantize_per_tensor_default",
        "linear",
    ] {
        assert!(same.contains(&node.to_owned()), "{same:?}");
    }
    // Convolutions, held to what was captured; the rest is of another arithmetic.
    let (engine, same) = &answers[&("pt2e_x86inductor_lowered", "onednn/avx2")];
    assert_eq!(engine, "onednn");
    assert_eq!(
        same,
        &[
            "qconv_pointwise_default_6",
            "qconv_pointwise_default_5",
            "qconv_pointwise_default_4"
        ]
    );
    assert!(!answers.contains_key(&("pt2e_x86inductor", "onednn/avx2-exact")));
}
