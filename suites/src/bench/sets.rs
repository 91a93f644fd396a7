//! Named sets of shapes: what is timed. One table; the command line, the list
//! and the documentation follow from it.
//!
//! A set gives case ids, so that everything that is timed can be judged, shown
//! and repeated like any other case. Operands lie at the start of a page.

use crate::case::{CaseError, CaseId};
use crate::data::{DATA_CLASSES, DataClass};
use crate::record::Place;

use super::networks;

/// A case to time.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed {
    /// the case
    pub id: CaseId,
    /// where it comes from, if from a set
    pub place: Option<Place>,
}

/// A named set of shapes.
pub struct Set {
    /// the name on the command line and in run files
    pub name: &'static str,
    /// what it holds, in one line
    pub summary: &'static str,
    /// the layers: a name, a shape with types as in an id, and how often it runs
    layers: fn() -> Vec<Layer>,
}

/// One layer of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layer {
    /// what it is there
    pub(super) name: String,
    /// the id up to the memory layout
    pub(super) id: String,
    /// how often it runs
    pub(super) times: u64,
}

/// Every set.
pub const SETS: &[Set] = &[
    Set {
        name: "gemm",
        summary: "15 products u8·s8 to u8, per channel, f32 bias",
        layers: gemm,
    },
    Set {
        name: "gemm-sums",
        summary: "the same 15 shapes to the s32 sums",
        layers: gemm_sums,
    },
    Set {
        name: "gemm-dynamic",
        summary: "the same 15 shapes on f32 activations, quantized at run time",
        layers: gemm_dynamic,
    },
    Set {
        name: "gemm-weight-only",
        summary: "the same 15 shapes on f32 activations and dequantized weights",
        layers: gemm_weight_only,
    },
    Set {
        name: "conv",
        summary: "9 convolutions of ResNet-50 and MobileNetV2, three of them depthwise",
        layers: conv,
    },
    Set {
        name: "elements",
        summary: "quantize, dequantize and requantize of 64 Ki and 16 Mi values; the other element-wise ops of 64 Ki",
        layers: elements,
    },
    Set {
        name: "net:resnet50",
        summary: "ResNet-50, 224×224: convolutions and the last product, each distinct shape once",
        layers: networks::resnet50,
    },
    Set {
        name: "net:mobilenetv2",
        summary: "MobileNetV2, 224×224: convolutions and the last product, each distinct shape once",
        layers: networks::mobilenetv2,
    },
    Set {
        name: "net:minilm",
        summary: "MiniLM-L6 (384 wide), 128 tokens: products with weights; attention's own are left out",
        layers: networks::minilm,
    },
];

/// The sets that are timed when none is named.
pub const DEFAULT_SETS: &[&str] = &["gemm", "gemm-sums", "conv", "elements"];

/// M, N, K of `gemm`.
pub const GEMM: &[[usize; 3]] = &[
    [1, 1024, 1024],
    [4, 1024, 1024],
    [16, 768, 768],
    [64, 768, 3072],
    [128, 3072, 768],
    [256, 256, 256],
    [512, 512, 512],
    [1024, 1024, 1024],
    [3136, 64, 576],
    [196, 256, 2304],
    [49, 512, 4608],
    [128, 128, 128],
    [127, 129, 131],
    [7, 13, 17],
    [1, 1, 1],
];

/// Why no cases come of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// neither three lengths nor a set
    #[error(
        "shape '{given}' is neither M,N,K (such as 64,768,3072) nor a set; there are: {}",
        names()
    )]
    Unknown {
        /// what was given
        given: String,
    },
    /// an unknown data class
    #[error("no data class is named '{given}'; there are: {}", classes())]
    Data {
        /// what was given
        given: String,
    },
    /// a case that cannot be made
    #[error(transparent)]
    Case(#[from] CaseError),
}

fn names() -> String {
    let names: Vec<&str> = SETS.iter().map(|set| set.name).collect();
    names.join(", ")
}

fn classes() -> String {
    let names: Vec<&str> = DATA_CLASSES.iter().map(|entry| entry.name).collect();
    names.join(", ")
}

/// The data class with this name.
///
/// # Errors
/// [`SetError::Data`].
pub fn data_class(name: &str) -> Result<DataClass, SetError> {
    DATA_CLASSES
        .iter()
        .find(|entry| entry.name == name)
        .map(|entry| entry.class)
        .ok_or_else(|| SetError::Data {
            given: name.to_owned(),
        })
}

/// The cases of a set or of `M,N,K`, which are timed both to u8 and to the s32 sums. With a
/// data class, cases whose op cannot have it are left out; without one, products are full-range
/// and the rest is uniform.
///
/// # Errors
/// [`SetError`].
pub fn timed(shape: &str, class: Option<DataClass>, seed: u64) -> Result<Vec<Timed>, SetError> {
    let (set, layers) = match SETS.iter().find(|set| set.name == shape) {
        Some(set) => (Some(set.name), (set.layers)()),
        None => {
            let [m, n, k] = lengths(shape).ok_or_else(|| SetError::Unknown {
                given: shape.to_owned(),
            })?;
            (None, vec![product(m, n, k), sums(m, n, k)])
        }
    };
    let mut cases = Vec::new();
    for layer in layers {
        let data = class.unwrap_or(
            if layer.id.contains(".s8") || layer.id.starts_with("linear") {
                DataClass::FullRange
            } else {
                DataClass::Uniform
            },
        );
        if !fits(&layer.id, data) {
            continue;
        }
        let id = format!("{}/in:start/out:start/{data}/seed{seed}", layer.id);
        cases.push(Timed {
            id: id.parse()?,
            place: set.map(|set| Place {
                set: set.to_owned(),
                name: layer.name,
                times: layer.times,
            }),
        });
    }
    Ok(cases)
}

fn fits(id: &str, class: DataClass) -> bool {
    let op = id.split('/').next().unwrap_or_default();
    crate::case::Op::ALL
        .iter()
        .any(|known| known.name() == op && class.fits(*known))
}

fn lengths(shape: &str) -> Option<[usize; 3]> {
    let lengths: Vec<usize> = shape
        .split(',')
        .map(|length| length.trim().parse().ok())
        .collect::<Option<_>>()?;
    lengths.try_into().ok()
}

fn layer(name: impl Into<String>, id: String) -> Layer {
    Layer {
        name: name.into(),
        id,
        times: 1,
    }
}

/// Codes' zero points lie in 7 bits, so that every data class may be used.
pub(super) fn product(m: usize, n: usize, k: usize) -> Layer {
    let id = format!("linear/m{m}.n{n}.k{k}/u8.s8/per-channel/zp:x64,y128/bias:f32");
    layer(format!("{m},{n},{k}"), id)
}

fn sums(m: usize, n: usize, k: usize) -> Layer {
    let id = format!("linear/m{m}.n{n}.k{k}/u8.s8.s32/per-tensor");
    layer(format!("{m},{n},{k}"), id)
}

/// A convolution to u8; `shape` as in an id.
pub(super) fn convolution(name: impl Into<String>, shape: &str) -> Layer {
    let id = format!("conv/{shape}/u8.s8/per-channel/zp:x64,y128/bias:f32");
    layer(name, id)
}

fn each_gemm(make: fn(usize, usize, usize) -> Layer) -> Vec<Layer> {
    GEMM.iter().map(|&[m, n, k]| make(m, n, k)).collect()
}

fn gemm() -> Vec<Layer> {
    each_gemm(product)
}

fn gemm_sums() -> Vec<Layer> {
    each_gemm(sums)
}

fn gemm_dynamic() -> Vec<Layer> {
    each_gemm(|m, n, k| {
        let id = format!("linear-dynamic/m{m}.n{n}.k{k}/per-channel/reduce-range/bias:f32");
        layer(format!("{m},{n},{k}"), id)
    })
}

fn gemm_weight_only() -> Vec<Layer> {
    each_gemm(|m, n, k| {
        let id = format!("linear-weight-only/m{m}.n{n}.k{k}/per-channel/bias:f32");
        layer(format!("{m},{n},{k}"), id)
    })
}

fn conv() -> Vec<Layer> {
    [
        ("56² 64→64 3×3", "b1.i56x56.c64.o64.k3x3.p1"),
        ("56² 64→256 1×1", "b1.i56x56.c64.o256.k1x1"),
        ("28² 128→128 3×3", "b1.i28x28.c128.o128.k3x3.p1"),
        ("14² 256→256 3×3", "b1.i14x14.c256.o256.k3x3.p1"),
        ("7² 512→512 3×3", "b1.i7x7.c512.o512.k3x3.p1"),
        ("224² 3→64 7×7 s2", "b1.i224x224.c3.o64.k7x7.s2.p3"),
        ("depthwise 112² 32", "b1.i112x112.c32.o32.k3x3.p1.g32"),
        (
            "depthwise 56² 144 s2",
            "b1.i56x56.c144.o144.k3x3.s2.p1.g144",
        ),
        ("depthwise 14² 384", "b1.i14x14.c384.o384.k3x3.p1.g384"),
    ]
    .into_iter()
    .map(|(name, shape)| convolution(name, shape))
    .collect()
}

fn elements() -> Vec<Layer> {
    let mut layers = Vec::new();
    for (name, len, rows) in [("64Ki", 1 << 16, 1 << 8), ("16Mi", 1 << 24, 1 << 12)] {
        layers.push(layer(
            name,
            format!("quantize/d{len}/u8/per-tensor/zp:y113"),
        ));
        layers.push(layer(
            name,
            format!("dequantize/d{len}/u8/per-tensor/zp:x113"),
        ));
        let id = format!("requantize/m{rows}.n{rows}/u8/per-tensor/zp:y113");
        layers.push(layer(name, id));
    }
    for id in [
        "choose-qparams/d65536/u8",
        "observe-min-max/d65536/per-tensor",
        "observe-moving-average/d65536/per-tensor",
        "observe-histogram/d65536",
        "add/d65536/u8/zp:a64,b100,y128",
        "mul/d65536/u8/zp:a64,b100,y128",
        "relu/d65536/u8/zp:x64",
        "clamp/d65536/u8/range:10,200",
        "sigmoid/d65536/u8/zp:x128",
        "tanh/d65536/u8/zp:x128,y128",
    ] {
        layers.push(layer("64Ki", id.to_owned()));
    }
    layers.push(layer(
        "56² 64",
        "avg-pool/b1.i56x56.c64.k2x2.s2/u8/zp:x64,y64".to_owned(),
    ));
    layers.push(layer(
        "56² 64",
        "max-pool/b1.i56x56.c64.k2x2.s2/u8".to_owned(),
    ));
    layers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Case, Layout, Place as AtEnd};
    use crate::suite::suites;

    #[test]
    fn every_set_gives_cases_that_are_distinct_and_start_at_a_page() {
        for set in SETS {
            let cases = timed(set.name, None, 0).unwrap();
            assert!(!cases.is_empty(), "{}", set.name);
            for (index, case) in cases.iter().enumerate() {
                let place = case.place.as_ref().unwrap();
                assert_eq!(place.set, set.name);
                assert!(place.times >= 1);
                assert!(
                    cases[..index].iter().all(|c| c.id != case.id),
                    "{}",
                    case.id
                );
                let CaseId::Made(made) = &case.id else {
                    panic!("{}", case.id)
                };
                let Layout { inputs, outputs } = made.layout;
                assert_eq!([inputs.place, outputs.place], [AtEnd::Start; 2]);
            }
        }
    }

    #[test]
    fn every_suite_of_made_cases_has_something_to_time() {
        let mut timed_suites = Vec::new();
        for set in SETS {
            let cases = timed(set.name, None, 0).unwrap();
            timed_suites.extend(cases.iter().map(|case| case.id.suite()));
        }
        for suite in suites().iter().filter(|suite| suite.name != "captured") {
            assert!(timed_suites.contains(&suite.name), "{}", suite.name);
        }
    }

    #[test]
    fn small_cases_of_all_sets_can_be_made() {
        for set in SETS {
            for case in timed(set.name, None, 1).unwrap() {
                // The large ones differ from these only in their lengths.
                if case.id.to_string().len() < 60 || set.name == "elements" {
                    let large = case.place.as_ref().is_some_and(|p| p.name == "16Mi");
                    if !large {
                        Case::from_id(&case.id).unwrap();
                    }
                }
            }
        }
    }

    #[test]
    fn lengths_give_both_outputs() {
        let cases = timed("7,13,17", Some(DataClass::Reduced), 3).unwrap();
        let ids: Vec<String> = cases.iter().map(|case| case.id.to_string()).collect();
        assert_eq!(
            ids,
            [
                "linear/m7.n13.k17/u8.s8/per-channel/zp:x64,y128/bias:f32/in:start/out:start/reduced/seed3",
                "linear/m7.n13.k17/u8.s8.s32/per-tensor/in:start/out:start/reduced/seed3",
            ]
        );
    }

    #[test]
    fn a_data_class_leaves_out_ops_that_cannot_have_it() {
        assert_eq!(timed("elements", Some(DataClass::Reduced), 0).unwrap(), []);
        assert_eq!(
            timed("gemm", Some(DataClass::Reduced), 0).unwrap().len(),
            GEMM.len()
        );
    }

    #[test]
    fn what_is_no_shape_is_told() {
        for given in ["7,13", "7,13,x", "net:alexnet", "", "1,2,3,4", "-1,2,3"] {
            let error = timed(given, None, 0).unwrap_err().to_string();
            assert!(error.contains(&format!("'{given}'")) && error.contains("net:resnet50"));
        }
        // Three lengths, but no case.
        let error = timed("1,0,4", None, 0).map(|cases| Case::from_id(&cases[0].id));
        assert!(error.unwrap().is_err());
        assert!(
            data_class("gausian")
                .unwrap_err()
                .to_string()
                .contains("'gausian'")
        );
    }
}
