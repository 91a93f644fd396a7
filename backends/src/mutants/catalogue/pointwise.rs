//! Products of two tensors, and parameters chosen from values.

use qassay_golden::spec::OpSpec;
use qassay_golden::tensor::{DType, Data, Tensor};

use super::parameters::prepared;
use super::sources::*;
use super::{FBGEMM, Place, QNNPACK, Table};
use crate::mutants::instruction::{Convert, Float, Instruction, Integer, Memory, Tail};
use crate::mutants::parts;
use crate::mutants::subject::Fault;

const MUL: &[Place] = &[(QNNPACK, &["mul"])];
const CHOOSE: &[Place] = &[(FBGEMM, &["choose-qparams"])];

/// A name, what is done to the values, and a sentence.
type Change<'a> = (&'a str, fn(&mut [f32]), &'a str);

pub fn add(table: &mut Table) {
    products(table);
    parameters(table);
}

fn products(table: &mut Table) {
    let rows: &[(&str, Instruction, &str, Option<&'static str>)] = &[
        (
            "product-ties-away",
            Instruction::Convert(Convert::TiesAway),
            "ties of a product are rounded away from zero",
            Some(TIES_AWAY),
        ),
        (
            "product-cut",
            Instruction::Convert(Convert::Cuts),
            "steps of a product are cut",
            Some(TRUNCATION),
        ),
        (
            "product-scaling-cut",
            Instruction::Float(Float::MulCuts),
            "scaling of a product rounds toward zero",
            Some(ROUNDING_MODE),
        ),
        (
            "product-through-16-bits",
            Instruction::Float(Float::FromInteger16),
            "products pass through 16 bits, which 255 times 255 does not fit",
            None,
        ),
        (
            "factors-of-8-bits",
            Instruction::Integer(Integer::Sub8),
            "codes less their zero point are kept in 8 bits",
            Some(ZERO_POINT_OF_8_BITS),
        ),
        (
            "factors-with-sign",
            Instruction::Memory(Memory::CodesWithSign),
            "u8 factors are read with a sign",
            None,
        ),
        (
            "factor-of-tail-lost",
            Instruction::Tail(Tail::LoadCodes, 3),
            "of a tail of 3 factors the last is not loaded",
            Some(TAIL_DROPPED),
        ),
        (
            "product-of-tail-lost",
            Instruction::Tail(Tail::StoreBytes, 7),
            "of a tail of 7 products the last is not stored",
            Some(TAIL_UNWRITTEN),
        ),
    ];
    for &(name, fault, sentence, source) in rows {
        table.instruction(name, MUL, sentence, source, fault);
    }
    table.row(
        "product-multiplier-divided",
        MUL,
        "a product's multiplier is divided by the output scale where the reciprocal is declared",
        None,
        || Fault::Axes(&[("pointwise.mul", "integer-product-div-f32")]),
    );
    table.row(
        "product-multiplier-in-f64",
        MUL,
        "a product's multiplier is computed in f64 and rounded once",
        None,
        || Fault::Axes(&[("pointwise.mul", "integer-product-div")]),
    );
    table.row(
        "second-factor-zero-point",
        MUL,
        "the second factor has the zero point of the first",
        None,
        || {
            prepared(|op, _| {
                if let OpSpec::Mul(spec) = op {
                    spec.b.qparams.zero_point = spec.a.qparams.zero_point;
                }
            })
        },
    );
    table.row(
        "product-zero-point-ignored",
        MUL,
        "the zero point of a product is taken to be 0",
        None,
        || prepared(|op, _| parts::output(op, |_, qparams| qparams.zero_point = 0)),
    );
    table.row(
        "product-relu-dropped",
        MUL,
        "a relu fused into a product is left out",
        Some(RELU_DROPPED),
        || prepared(|op, _| parts::relu(op, |_| false)),
    );
}

fn parameters(table: &mut Table) {
    table.row(
        "chosen-range-turned",
        CHOOSE,
        "a reduced range is taken where a whole one is asked for, and the other way round",
        None,
        || {
            prepared(|op, _| {
                if let OpSpec::ChooseQparams(spec) = op {
                    spec.request.reduce_range = !spec.request.reduce_range;
                }
            })
        },
    );
    table.row(
        "chosen-scale-narrowed",
        CHOOSE,
        "the scale is rounded to f32 where it is declared to be an f64",
        None,
        || {
            Fault::After(Box::new(|answer| {
                let output = &mut answer.outputs[0];
                if output.dtype() == DType::F64 {
                    let scale = &mut output.f64_mut()[0];
                    *scale = f64::from(*scale as f32);
                }
            }))
        },
    );
    table.row(
        "chosen-zero-point-beside",
        CHOOSE,
        "a zero point that is not 0 is one too low",
        None,
        || {
            Fault::After(Box::new(|answer| {
                if let Some(output) = answer.outputs.get_mut(1) {
                    let zero_point = &mut output.i32_mut()[0];
                    *zero_point -= i32::from(*zero_point > 0);
                }
            }))
        },
    );
    let values: &[Change<'_>] = &[
        (
            "last-value-not-looked-at",
            |values| {
                if let [first, .., last] = values {
                    *last = *first;
                }
            },
            "the last value does not count when parameters are chosen",
        ),
        (
            "chosen-from-magnitudes",
            |values| {
                let most = values.iter().fold(0.0f32, |most, x| most.max(x.abs()));
                if let [first, second, ..] = values {
                    (*first, *second) = (-most, most);
                }
            },
            "parameters are chosen of a range that lies symmetrically around 0",
        ),
        (
            "chosen-from-16-bits",
            |values| {
                for value in values {
                    *value = f32::from_bits(value.to_bits() & 0xffff_0000);
                }
            },
            "values pass through 16 bits (bf16) before parameters are chosen",
        ),
    ];
    for &(name, change, sentence) in values {
        table.row(name, CHOOSE, sentence, None, || {
            Fault::Inputs(Box::new(move |_, inputs| {
                for input in inputs {
                    if let Data::F32(values) = input.data() {
                        let mut values = values.clone();
                        change(&mut values);
                        *input = Tensor::new(input.shape().to_vec(), Data::F32(values))
                            .expect("as many values as before");
                    }
                }
            }))
        });
    }
}
