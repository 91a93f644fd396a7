//! A whole network, node after node: what engines, the reference and backends give
//! for each node, and how differences grow when every node reads the one before.
//!
//! The network was converted for one engine, and its captured tensors are that
//! engine's. Each engine is computed by the reference under its profile, twice:
//! every node alone, on the captured inputs, and all of them in order. Where a tensor
//! was not captured, the reference's own stands for it (see [`Node::computed`]).

use std::collections::HashMap;

use qassay_backends::backend::{Backend, Refusal};
use qassay_golden::captures::{Captured, EngineOutput, Graph, Node, Step};
use qassay_golden::ops::{ReferenceError, reference};
use qassay_golden::profile::{Accumulation, Profile, named};
use qassay_golden::spec::{Activation, OpSpec, Problem};
use qassay_golden::tensor::{DType, Data, Tensor};
use qassay_golden::witness::Witness;

use crate::case::Layout;
use crate::compare::differences;
use crate::explain::relevant;
use crate::judge::{Judge, NoAnswer, Question};

/// Why a network cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// a node's op has no reference
    #[error("node `{node}`: there is no reference for op `{op}`")]
    Unknown {
        /// the node
        node: String,
        /// its op
        op: String,
    },
    /// a node reads what no earlier node gives
    #[error("node `{node}` reads `{input}`, which no node before it gives")]
    Unordered {
        /// the node
        node: String,
        /// what it reads
        input: String,
    },
    /// the reference does not compute a node
    #[error("node `{node}`: {source}")]
    Undefined {
        /// the node
        node: String,
        /// why
        source: ReferenceError,
    },
}

/// A precondition of an engine that a network does not meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// the engine
    pub engine: String,
    /// the nodes whose sums can saturate
    pub nodes: Vec<String>,
}

/// What one engine gives, by the reference under its profile.
#[derive(Debug)]
pub struct EngineRun {
    /// the engine
    pub engine: String,
    /// its profile
    pub profile: &'static str,
    /// node by node
    pub nodes: Vec<NodeRun>,
    /// inputs whose class it finds, run in order
    pub right: usize,
}

/// How often values of one node differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeRun {
    /// values of the node
    pub values: u64,
    /// how many of them were captured from this engine
    pub captured: u64,
    /// the reference against what was captured from this engine, on the same inputs
    pub upstream: u64,
    /// this engine against the network's own, on the same inputs
    pub alone: u64,
    /// the same, after all nodes before it were run by this engine too
    pub in_order: u64,
}

/// What one backend gives for the nodes of an engine that has its profile.
#[derive(Debug)]
pub struct BackendRun {
    /// the backend
    pub backend: &'static str,
    /// `native` or `modelled`
    pub execution: &'static str,
    /// the engine that it is held to: to its captured outputs where there are, else to the
    /// reference under its profile
    pub engine: String,
    /// node by node
    pub nodes: Vec<Answer>,
}

/// A backend's answer for a node, against what the engine gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// every bit is the engine's
    Same,
    /// so many values are not
    Differs(u64),
    /// it does not run the op
    Unsupported,
    /// its profile is not the engine's on an axis that matters for the op
    OtherArithmetic,
    /// a declared precondition is not met
    Precondition(String),
    /// it panicked, or wrote where it must not
    Failed(String),
}

/// The preconditions that `graph` does not meet on `engines`: where products of u8 codes
/// are summed in pairs that saturate to i16, codes must leave one bit unused.
pub fn unmet(graph: &Graph, engines: &[(&str, &'static Profile)]) -> Vec<Unmet> {
    if graph.reduce_range != Some(false) {
        return Vec::new();
    }
    let can_saturate = |profile: &Profile, node: &Node| match &node.step {
        Step::Compute(captured) => saturates(profile, &captured.problem),
        Step::Flatten(_) | Step::Unknown(_) => false,
    };
    let of_engine = |&(engine, profile): &(&str, &'static Profile)| Unmet {
        engine: engine.to_owned(),
        nodes: (graph.nodes.iter())
            .filter(|node| can_saturate(profile, node))
            .map(|node| node.name.clone())
            .collect(),
    };
    let all = engines.iter().map(of_engine);
    all.filter(|unmet| !unmet.nodes.is_empty()).collect()
}

/// Whether two neighbouring products along k, of weights as they are and codes from 0 to 255,
/// can leave i16 under a profile that sums them there.
fn saturates(profile: &Profile, problem: &Problem) -> bool {
    let rule = profile.accumulate;
    let (accumulation, k, activation) = match &problem.op {
        OpSpec::Linear(spec) => (rule.linear, spec.k, spec.activation),
        OpSpec::Conv(spec) => {
            let accumulation = match spec.groups {
                1 => rule.conv,
                _ if spec.is_depthwise() => rule.depthwise,
                _ => rule.grouped,
            };
            (
                accumulation,
                spec.k(),
                Activation::Quantized(spec.activation),
            )
        }
        _ => return false,
    };
    let unsigned = matches!(activation, Activation::Quantized(q) if q.dtype == DType::U8);
    if accumulation == Accumulation::Exact || !unsigned {
        return false;
    }
    let Some(Data::I8(weights)) = problem.constants.weights.as_ref().map(Tensor::data) else {
        return false;
    };
    weights
        .chunks(k.max(1))
        .flat_map(|row| row.chunks(2))
        .any(|pair| {
            let sum = |keep: fn(&&i8) -> bool| -> i32 {
                pair.iter().filter(keep).map(|&w| 255 * i32::from(w)).sum()
            };
            sum(|w| **w > 0) > i32::from(i16::MAX) || sum(|w| **w < 0) < i32::from(i16::MIN)
        })
}

/// Runs `graph` as `engine` does: the reference under `profile`.
///
/// # Errors
/// When a node cannot be computed.
pub fn run_engine(
    graph: &Graph,
    engine: &str,
    profile: &'static named::NamedProfile,
) -> Result<EngineRun, ModelError> {
    let mut tensors: HashMap<&str, Tensor> = HashMap::new();
    let mut nodes = Vec::new();
    for node in &graph.nodes {
        let (run, output) = match &node.step {
            Step::Compute(captured) => {
                let own = own_output(graph, captured);
                let real = output_of(captured, engine).filter(|_| !node.computed);
                let (alone, open) = compute(node, &captured.problem, &profile.profile)?;
                let problem = with_inputs(graph, node, &captured.problem, &tensors)?;
                let (in_order, _) = compute(node, &problem, &profile.profile)?;
                let run = NodeRun {
                    values: alone.len() as u64,
                    captured: real.map_or(0, |real| real.len() as u64),
                    upstream: real.map_or(0, |real| count(real, &alone, &open)),
                    alone: own.map_or(0, |own| count(own, &alone, &open)),
                    in_order: own.map_or(0, |own| count(own, &in_order, &open)),
                };
                (run, in_order)
            }
            Step::Flatten(own) => {
                let output = flattened(input_of(node, 0, &tensors)?, own.shape());
                let run = NodeRun {
                    values: own.len() as u64,
                    captured: own.len() as u64,
                    upstream: 0,
                    alone: 0,
                    in_order: count(own, &output, &[]),
                };
                (run, output)
            }
            Step::Unknown(_) => {
                return Err(ModelError::Unknown {
                    node: node.name.clone(),
                    op: node.op.clone(),
                });
            }
        };
        nodes.push(run);
        tensors.insert(&node.name, output);
    }
    let last = graph.nodes.last().and_then(|node| tensors.get(&*node.name));
    Ok(EngineRun {
        engine: engine.to_owned(),
        profile: profile.name,
        nodes,
        right: last.map_or(0, |scores| right(scores, &graph.labels)),
    })
}

/// The engine that a backend of profile `declared` is held to: the first of its profile; else
/// the network's own, if no backend's profile is that engine's, and at least one of its products
/// is of the same arithmetic. `None` where there is nothing to hold it to.
pub fn engine_of<'a>(
    graph: &Graph,
    engines: &[(&'a str, &'static named::NamedProfile)],
    declared: &'static named::NamedProfile,
    is_declared: impl Fn(&str) -> bool,
) -> Option<(&'a str, &'static named::NamedProfile)> {
    let exact = engines
        .iter()
        .find(|(_, named)| named.name == declared.name);
    let own = || {
        let own = engines.iter().find(|(engine, _)| *engine == graph.engine)?;
        let product = |node: &Node| match &node.step {
            Step::Compute(captured) => {
                let op = &captured.problem.op;
                matches!(op, OpSpec::Conv(_) | OpSpec::Linear(_)) && agree(op, own.1, declared)
            }
            Step::Flatten(_) | Step::Unknown(_) => false,
        };
        (!is_declared(own.1.name) && graph.nodes.iter().any(product)).then_some(own)
    };
    exact.or_else(own).copied()
}

/// Whether two profiles say the same on every axis that matters for an op.
fn agree(op: &OpSpec, a: &named::NamedProfile, b: &named::NamedProfile) -> bool {
    let mut parted = a.profile.differences(&b.profile).into_iter();
    !parted.any(|axis| relevant(op, axis))
}

/// Puts every node of `graph` to a backend of profile `declared`, on the captured inputs, and
/// holds it to `engine`, whose profile is `profile`.
pub fn run_backend(
    graph: &Graph,
    (engine, profile): (&str, &'static named::NamedProfile),
    declared: &'static named::NamedProfile,
    backend: &dyn Backend,
) -> BackendRun {
    let mut judge = Judge::new();
    let mut answer = |node: &Node| -> Answer {
        let Step::Compute(captured) = &node.step else {
            return Answer::Unsupported;
        };
        let op = &captured.problem.op;
        if !agree(op, profile, declared) {
            return Answer::OtherArithmetic;
        }
        let question = Question::of(
            captured.name.clone(),
            "model".into(),
            captured.problem.clone(),
            Layout::default(),
            Vec::new(),
        );
        match judge.answer(&question, backend) {
            Ok(got) => {
                let computed;
                let (real, open) = match output_of(captured, engine) {
                    Some(real) => (real, &[][..]),
                    None => match compute(node, &captured.problem, &profile.profile) {
                        Ok(reference) => {
                            computed = reference;
                            (&computed.0, &computed.1[..])
                        }
                        Err(error) => return Answer::Failed(error.to_string()),
                    },
                };
                match count(real, &got[0], open) {
                    0 => Answer::Same,
                    n => Answer::Differs(n),
                }
            }
            Err(NoAnswer::Refused(Refusal::Unsupported(_))) => Answer::Unsupported,
            Err(NoAnswer::Refused(refusal)) => Answer::Precondition(refusal.to_string()),
            Err(failed) => Answer::Failed(failed.to_string()),
        }
    };
    BackendRun {
        backend: backend.declaration().name,
        execution: backend.execution().name(),
        engine: engine.to_owned(),
        nodes: graph.nodes.iter().map(&mut answer).collect(),
    }
}

/// What `engine` really gave for a node.
fn output_of<'a>(captured: &'a Captured, engine: &str) -> Option<&'a Tensor> {
    let of_engine = |output: &&EngineOutput| output.engine == engine;
    let output = captured.outputs.iter().find(of_engine)?;
    output.expected.first().map(|(_, tensor)| tensor)
}

/// What the engine that the network was converted for gave.
fn own_output<'a>(graph: &Graph, captured: &'a Captured) -> Option<&'a Tensor> {
    output_of(captured, &graph.engine)
}

fn compute(
    node: &Node,
    problem: &Problem,
    profile: &Profile,
) -> Result<(Tensor, Vec<(usize, usize)>), ModelError> {
    let mut witness = Witness::default();
    let mut outputs =
        reference(problem, profile, &mut witness).map_err(|source| ModelError::Undefined {
            node: node.name.clone(),
            source,
        })?;
    Ok((outputs.swap_remove(0), witness.open))
}

/// A problem with the outputs of earlier nodes as inputs; what the network is given stays.
fn with_inputs(
    graph: &Graph,
    node: &Node,
    problem: &Problem,
    tensors: &HashMap<&str, Tensor>,
) -> Result<Problem, ModelError> {
    let mut problem = problem.clone();
    for (at, input) in problem.inputs.iter_mut().enumerate() {
        let given = node
            .inputs
            .get(at)
            .is_some_and(|name| graph.given.contains(name));
        if !given {
            *input = input_of(node, at, tensors)?.clone();
        }
    }
    Ok(problem)
}

fn input_of<'a>(
    node: &Node,
    at: usize,
    tensors: &'a HashMap<&str, Tensor>,
) -> Result<&'a Tensor, ModelError> {
    let input = node.inputs.get(at).map_or("", |name| name.as_str());
    tensors.get(input).ok_or_else(|| ModelError::Unordered {
        node: node.name.clone(),
        input: input.to_owned(),
    })
}

fn count(expected: &Tensor, got: &Tensor, open: &[(usize, usize)]) -> u64 {
    differences(
        std::slice::from_ref(expected),
        std::slice::from_ref(got),
        open,
    )
    .count
}

/// `[n, .., c]` to `[n, c · ..]`, channels slowest, as engines that keep channels first flatten.
fn flattened(tensor: &Tensor, shape: &[usize]) -> Tensor {
    let (batch, channels) = (tensor.shape()[0], *tensor.shape().last().unwrap_or(&1));
    let places = tensor.len() / (batch * channels).max(1);
    let data = tensor.data();
    let codes = (0..batch).flat_map(|n| {
        (0..channels)
            .flat_map(move |c| (0..places).map(move |p| data.code((n * places + p) * channels + c)))
    });
    let data = Data::from_codes(tensor.dtype(), codes);
    Tensor::new(shape.to_vec(), data).expect("a flattened tensor holds as many values")
}

/// How many rows of `scores` have their greatest value, the first of equals, at the label.
fn right(scores: &Tensor, labels: &[i64]) -> usize {
    let Data::F32(values) = scores.data() else {
        return 0;
    };
    let classes = values.len() / labels.len().max(1);
    let best = |row: &[f32]| {
        (0..row.len()).fold(0, |best, at| if row[at] > row[best] { at } else { best })
    };
    let rows = values.chunks(classes.max(1)).zip(labels);
    rows.filter(|(row, label)| i64::try_from(best(row)) == Ok(**label))
        .count()
}

#[cfg(test)]
mod tests;
