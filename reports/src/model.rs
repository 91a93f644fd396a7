//! A whole network as text: per engine and node how many values differ, what
//! backends give for the same nodes, and how many inputs are classified right.

use std::fmt::Write as _;

use comfy_table::CellAlignment;
use qassay_golden::captures::{Graph, Step};
use qassay_suites::model::{Answer, BackendRun, EngineRun, Unmet};

use crate::paint::{Paint, grouped};

/// What network it is.
pub fn title(graph: &Graph, paint: Paint) -> String {
    format!(
        "{}: {} {}, converted for {}; {} nodes, {} inputs",
        paint.strong(&graph.name),
        graph.workflow,
        graph.version,
        graph.engine,
        graph.nodes.len(),
        graph.labels.len()
    )
}

/// A precondition that the network does not meet, in one line.
pub fn unmet(unmet: &Unmet, paint: Paint) -> String {
    format!(
        "{}: {} sums pairs of u8·s8 products in i16 that saturates, and this network's activations \
         use all 8 bits; sums can saturate in {}. Right is a qconfig with reduce_range, or an \
         engine that sums exactly",
        paint.caution("precondition not met"),
        unmet.engine,
        unmet.nodes.join(", ")
    )
}

/// Per node and engine: values that differ from those of the network's own engine, the node
/// alone and all nodes in order.
pub fn engines(graph: &Graph, runs: &[EngineRun], paint: Paint) -> String {
    let mut table = paint.table();
    let mut header = vec!["node".to_owned(), "op".into(), "values".into()];
    for run in runs {
        header.push(format!("{}\nalone", run.engine));
        header.push("\nin order".to_owned());
    }
    let columns = header.len();
    table.set_header(header);
    for (at, node) in graph.nodes.iter().enumerate() {
        let values = runs.first().map_or(0, |run| run.nodes[at].values);
        let mut row = vec![
            paint.cell(node.name.clone(), None),
            paint.cell(node.op.clone(), None),
            paint.cell(grouped(values), None),
        ];
        for run in runs {
            let run = run.nodes[at];
            for count in [run.alone, run.in_order] {
                let color = (count > 0).then_some(comfy_table::Color::Yellow);
                row.push(paint.cell(grouped(count), color));
            }
        }
        table.add_row(row);
    }
    for column in 2..columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = format!(
        "values that differ from {}'s, each node alone on its inputs and all nodes in order\n{table}",
        graph.engine
    );
    let computed: Vec<&str> = (graph.nodes.iter())
        .filter(|node| node.computed)
        .map(|node| node.name.as_str())
        .collect();
    if !computed.is_empty() {
        let _ = write!(
            text,
            "\nnot captured, the reference's values stand for them: {}",
            computed.join(", ")
        );
    }
    text
}

/// One line an engine: whether the reference is what the engine really gave, and how many
/// inputs it classifies right.
pub fn summary(graph: &Graph, run: &EngineRun, paint: Paint) -> String {
    let values: u64 = run.nodes.iter().map(|node| node.captured).sum();
    let wrong: u64 = run.nodes.iter().map(|node| node.upstream).sum();
    let real = match wrong {
        _ if values == 0 => "by the reference alone, nothing was captured".to_owned(),
        0 => paint.good(&format!(
            "every bit is the engine's, {} values",
            grouped(values)
        )),
        wrong => paint.bad(&format!(
            "{} of {} values are not the engine's",
            grouped(wrong),
            grouped(values)
        )),
    };
    format!(
        "{} (profile {}): {real}; {} of {} inputs classified right",
        run.engine,
        run.profile,
        run.right,
        graph.labels.len()
    )
}

/// One line a backend.
pub fn backend(graph: &Graph, run: &BackendRun, paint: Paint) -> String {
    let mut text = format!("{} {} as {}: ", run.backend, run.execution, run.engine);
    let same = run.nodes.iter().filter(|a| **a == Answer::Same).count();
    // Flattening only moves codes: no engine has a kernel for it.
    let named = |wanted: Answer| -> Vec<&str> {
        let nodes = graph.nodes.iter().zip(&run.nodes);
        nodes
            .filter(|(node, answer)| **answer == wanted && !matches!(node.step, Step::Flatten(_)))
            .map(|(node, _)| node.name.as_str())
            .collect()
    };
    let good = format!("{same} nodes bit for bit");
    text += &if same > 0 { paint.good(&good) } else { good };
    for (node, answer) in graph.nodes.iter().zip(&run.nodes) {
        let what = match answer {
            Answer::Differs(count) => format!("{} values differ in {}", grouped(*count), node.name),
            Answer::Precondition(why) | Answer::Failed(why) => format!("{}: {why}", node.name),
            Answer::Same | Answer::Unsupported | Answer::OtherArithmetic => continue,
        };
        let _ = write!(text, "; {}", paint.bad(&what));
    }
    for (what, wanted) in [
        ("no kernel for", Answer::Unsupported),
        ("not of its arithmetic:", Answer::OtherArithmetic),
    ] {
        let nodes = named(wanted);
        if !nodes.is_empty() {
            let _ = write!(text, "; {what} {}", nodes.join(", "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use qassay_golden::captures::Node;
    use qassay_suites::model::NodeRun;

    fn graph() -> Graph {
        let node = |name: &str| Node {
            name: name.into(),
            op: "conv2d".into(),
            inputs: Vec::new(),
            computed: name == "fc",
            step: Step::Unknown(1),
        };
        Graph {
            name: "net".into(),
            version: "1.0".into(),
            workflow: "eager PTQ".into(),
            reduce_range: Some(false),
            engine: "fast".into(),
            engines: vec![("fast", "fbgemm")],
            given: Vec::new(),
            nodes: vec![node("conv1"), node("fc")],
            labels: vec![3, 4],
        }
    }

    fn run(upstream: u64) -> EngineRun {
        let node = |in_order| NodeRun {
            values: 1200,
            captured: 1200,
            upstream,
            alone: 7,
            in_order,
        };
        EngineRun {
            engine: "slow".into(),
            profile: "exact",
            nodes: vec![node(9), node(3456)],
            right: 1,
        }
    }

    #[test]
    fn counts_stand_beside_their_node() {
        let text = engines(&graph(), &[run(0)], Paint(false));
        let line = |name: &str| text.lines().find(|l| l.contains(name)).unwrap().to_owned();
        assert!(
            line("conv1").contains("1 200") && line("conv1").trim_end().ends_with('9'),
            "{text}"
        );
        assert!(line("fc").trim_end().ends_with("3 456"), "{text}");
        assert!(text.starts_with("values that differ from fast's"), "{text}");
        assert!(
            text.ends_with("\nnot captured, the reference's values stand for them: fc"),
            "{text}"
        );
    }

    #[test]
    fn a_reference_that_is_not_the_engine_is_said() {
        let good = summary(&graph(), &run(0), Paint(false));
        assert_eq!(
            good,
            "slow (profile exact): every bit is the engine's, 2 400 values; 1 of 2 inputs classified right"
        );
        let mut alone = run(0);
        alone.nodes.iter_mut().for_each(|node| node.captured = 0);
        assert_eq!(
            summary(&graph(), &alone, Paint(false)),
            "slow (profile exact): by the reference alone, nothing was captured; 1 of 2 inputs classified right"
        );
        let bad = summary(&graph(), &run(5), Paint(false));
        assert!(
            bad.contains("10 of 2 400 values are not the engine's"),
            "{bad}"
        );
    }

    #[test]
    fn a_backend_says_what_it_has_no_kernel_for_and_where_it_differs() {
        let run = BackendRun {
            backend: "mine/avx2",
            execution: "native",
            engine: "fast".into(),
            nodes: vec![Answer::Differs(12), Answer::Unsupported],
        };
        assert_eq!(
            backend(&graph(), &run, Paint(false)),
            "mine/avx2 native as fast: 0 nodes bit for bit; 12 values differ in conv1; no kernel for fc"
        );
        let run = BackendRun {
            nodes: vec![Answer::Same, Answer::OtherArithmetic],
            ..run
        };
        assert_eq!(
            backend(&graph(), &run, Paint(false)),
            "mine/avx2 native as fast: 1 nodes bit for bit; not of its arithmetic: fc"
        );
    }
}
