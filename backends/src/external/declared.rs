//! What an external backend says of itself, as JSON: read and checked here for
//! plugins, programs and whoever asks a worker.
//!
//! ```json
//! {"name": "mine 1.2", "isa": "avx2", "profile": "fbgemm",
//!  "preconditions": ["symmetric-weights"], "ops": ["linear", "quantize"]}
//! ```
//! `profile` is a name, `"unknown"`, or a named profile with other choices:
//! `{"base": "fbgemm", "requantize.rounding": "ties-away"}`.

use qassay_golden::spec::{Constants, Granularity, OpSpec};
use qassay_golden::tensor::{DType, Data, Tensor};
use serde::{Deserialize, Serialize};

use super::ops::{OPS, op_name};
use crate::backend::{Declaration, Precondition, REDUCED_MAX, Refusal, UNKNOWN};
use crate::profile_name::{self, ProfileNameError};
use crate::select::nearest;

/// What is wrong with a declaration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeclarationError {
    /// not JSON, or not of this form
    #[error("its declaration is malformed: {0}")]
    Form(String),
    /// an empty text where one is needed
    #[error("its declaration gives no {0}")]
    Missing(&'static str),
    /// the profile
    #[error("its declaration: {0}")]
    Profile(#[from] ProfileNameError),
    /// no op
    #[error("its declaration lists no op; there are {}", OPS.join(", "))]
    NoOps,
    /// an unknown op
    #[error("its declaration lists the unknown op '{op}'; {}", or_all(.near, OPS))]
    Op {
        /// as given
        op: String,
        /// names that are close to it
        near: Vec<String>,
    },
    /// an unknown precondition
    #[error(
        "its declaration lists the unknown precondition '{key}'; there are {}",
        precondition_names()
    )]
    Precondition {
        /// as given
        key: String,
    },
}

fn or_all(near: &[String], all: &[&str]) -> String {
    match near {
        [] => format!("there are {}", all.join(", ")),
        near => format!("did you mean {}?", near.join(", ")),
    }
}

fn precondition_names() -> String {
    let names: Vec<&str> = Precondition::ALL.iter().map(|p| p.key()).collect();
    names.join(", ")
}

/// The form of a declaration in JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    name: String,
    isa: String,
    profile: ProfileForm,
    #[serde(default)]
    preconditions: Vec<String>,
    ops: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "profile must be a name, \"unknown\", or {\"base\": NAME, AXIS: CHOICE, ...}"
)]
enum ProfileForm {
    Name(String),
    Axes {
        base: String,
        #[serde(flatten)]
        changes: std::collections::BTreeMap<String, String>,
    },
}

/// Reads and checks the declaration of the backend that was typed as `name`. It
/// lives as long as the process, as those of the registry do.
///
/// # Errors
/// [`DeclarationError`]: not of the form, or something in it is not known.
pub fn parse(name: &str, json: &str) -> Result<&'static Declaration, DeclarationError> {
    let form: Form =
        serde_json::from_str(json).map_err(|error| DeclarationError::Form(error.to_string()))?;
    for (text, what) in [(&form.name, "name"), (&form.isa, "isa")] {
        if text.trim().is_empty() {
            return Err(DeclarationError::Missing(what));
        }
    }
    let profile = match &form.profile {
        ProfileForm::Name(text) if text == UNKNOWN => UNKNOWN,
        ProfileForm::Name(text) => profile_name::resolve(text)?.name,
        ProfileForm::Axes { base, changes } => {
            let changes: Vec<(&str, &str)> = changes
                .iter()
                .map(|(a, c)| (a.as_str(), c.as_str()))
                .collect();
            profile_name::compose(base, &changes)?.name
        }
    };
    if form.ops.is_empty() {
        return Err(DeclarationError::NoOps);
    }
    let ops: Vec<&str> = (form.ops.iter())
        .map(|op| find_op(op))
        .collect::<Result<_, _>>()?;
    let preconditions: Vec<Precondition> = (form.preconditions.iter())
        .map(|key| {
            Precondition::from_key(key)
                .ok_or_else(|| DeclarationError::Precondition { key: key.clone() })
        })
        .collect::<Result<_, _>>()?;
    Ok(Box::leak(Box::new(Declaration {
        name: leaked(name),
        family: leaked(&form.name),
        isa: leaked(&form.isa),
        architecture: "any",
        profile,
        preconditions: preconditions.leak(),
        ops: ops.leak(),
    })))
}

fn leaked(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn find_op(op: &str) -> Result<&'static str, DeclarationError> {
    OPS.iter()
        .copied()
        .find(|known| *known == op)
        .ok_or_else(|| DeclarationError::Op {
            op: op.to_owned(),
            near: nearest(op, OPS),
        })
}

/// A declaration as JSON that [`parse`] reads back.
pub fn describe(declaration: &Declaration) -> String {
    let form = Form {
        name: declaration.family.to_owned(),
        isa: declaration.isa.to_owned(),
        profile: ProfileForm::Name(declaration.profile.to_owned()),
        preconditions: (declaration.preconditions.iter())
            .map(|precondition| precondition.key().to_owned())
            .collect(),
        ops: declaration.ops.iter().map(|op| (*op).to_owned()).collect(),
    };
    serde_json::to_string(&form).expect("texts and lists are JSON")
}

/// Refuses what a declaration rules out: ops that it does not list, and operands
/// that break a precondition. A backend of either kind need not check these itself.
///
/// # Errors
/// [`Refusal`], which names the op or the precondition.
pub fn check(declaration: &Declaration, op: &OpSpec, constants: &Constants) -> Result<(), Refusal> {
    let name = op_name(op);
    if !declaration.ops.contains(&name) {
        return Err(Refusal::Unsupported(format!("{name} is not declared")));
    }
    let broken = |precondition: &&Precondition| match precondition {
        Precondition::NoMinWeights => {
            let holds_min = |weights: &Tensor| matches!(weights.data(), Data::I8(codes) if codes.contains(&i8::MIN));
            constants.weights.as_ref().is_some_and(holds_min)
        }
        Precondition::SymmetricWeights => match op {
            OpSpec::Linear(spec) => !is_symmetric(&spec.weights),
            OpSpec::Conv(spec) => !is_symmetric(&spec.weights),
            _ => false,
        },
        // Codes are looked at when they are there: `Refusal::of_inputs`. Padding is known now.
        Precondition::ReducedActivations => match op {
            OpSpec::Conv(spec) => {
                spec.activation.dtype == DType::U8
                    && spec.activation.qparams.zero_point > i32::from(REDUCED_MAX)
            }
            _ => false,
        },
    };
    match declaration.preconditions.iter().find(broken) {
        Some(&precondition) => Err(Refusal::Precondition(precondition)),
        None => Ok(()),
    }
}

fn is_symmetric(weights: &Granularity) -> bool {
    match weights {
        Granularity::PerTensor(qparams) => qparams.zero_point == 0,
        Granularity::PerChannel { qparams, .. } => qparams.iter().all(|q| q.zero_point == 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use qassay_golden::spec::{ClampSpec, QParams, Quantized, ReluSpec};
    use qassay_golden::tensor::DType;

    fn json(profile: &str, rest: &str) -> String {
        format!(r#"{{"name":"mine","isa":"avx2","profile":{profile}{rest}}}"#)
    }

    fn told(json: &str) -> String {
        let error = parse("plugin:x.so", json).unwrap_err().to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        error
    }

    #[test]
    fn a_declaration_is_read_and_said_again() {
        let text = json(
            r#"{"base":"fbgemm","requantize.rounding":"ties-away"}"#,
            r#","preconditions":["symmetric-weights"],"ops":["linear","avg_pool"]"#,
        );
        let declared = parse("plugin:x.so", &text).unwrap();
        let again = parse("plugin:x.so", &describe(declared)).unwrap();
        for declared in [declared, again] {
            assert_eq!((declared.name, declared.family), ("plugin:x.so", "mine"));
            assert_eq!(declared.profile, "fbgemm+requantize.rounding=ties-away");
            assert_eq!(declared.ops, ["linear", "avg_pool"]);
            assert_eq!(declared.preconditions, [Precondition::SymmetricWeights]);
            assert_eq!(declared.named_profile().unwrap().name, declared.profile);
        }
        let unknown = parse("exec:x", &json(r#""unknown""#, r#","ops":["mul"]"#)).unwrap();
        assert!(unknown.named_profile().is_none());
    }

    #[test]
    fn what_is_not_declared_is_refused() {
        let text = json(
            r#""exact""#,
            r#","preconditions":["no-min-weights"],"ops":["relu"]"#,
        );
        let declared = parse("exec:x", &text).unwrap();
        let clamp = OpSpec::Clamp(ClampSpec {
            shape: vec![1],
            dtype: DType::U8,
            low: 0,
            high: 1,
        });
        let refusal = check(declared, &clamp, &Constants::default()).unwrap_err();
        assert_eq!(refusal.to_string(), "unsupported: clamp is not declared");
        let relu = OpSpec::Relu(ReluSpec {
            shape: vec![1],
            tensor: Quantized {
                dtype: DType::U8,
                qparams: QParams {
                    scale: 1.0,
                    zero_point: 0,
                },
            },
        });
        let weights = |code| Constants {
            weights: Some(Tensor::new(vec![1], Data::I8(vec![code])).unwrap()),
            bias: None,
        };
        assert_eq!(check(declared, &relu, &weights(-127)), Ok(()));
        assert_eq!(
            check(declared, &relu, &weights(-128)),
            Err(Refusal::Precondition(Precondition::NoMinWeights))
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_what_would_be_right() {
        let ops = r#","ops":["linear"]"#;
        let near = told(&json(r#""fbgem""#, ops));
        assert!(near.contains("'fbgem'; did you mean fbgemm"), "{near}");
        let axis = told(&json(
            r#"{"base":"exact","requantize.roundin":"ties-away"}"#,
            ops,
        ));
        assert!(axis.contains("did you mean requantize.rounding"), "{axis}");
        let choice = told(&json(r#"{"base":"exact","requantize.rounding":"up"}"#, ops));
        assert!(choice.contains("ties-up"), "{choice}");
        assert!(told(&json("7", ops)).contains("profile must be a name"));
        assert!(told(&json(r#""exact""#, r#","ops":[]"#)).contains("no op"));
        let op = told(&json(r#""exact""#, r#","ops":["avgpool"]"#));
        assert!(op.contains("did you mean avg_pool"), "{op}");
        let asked = told(&json(
            r#""exact""#,
            r#","ops":["mul"],"preconditions":["7-bit"]"#,
        ));
        assert!(asked.contains("symmetric-weights"), "{asked}");
        assert!(
            told(r#"{"name":"","isa":"x","profile":"exact","ops":["mul"]}"#).contains("no name")
        );
        assert!(told("{").contains("malformed"));
        assert!(told(&json(r#""exact""#, "")).contains("ops"));
    }
}
