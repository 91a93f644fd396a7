//! TOSA's reference model: runs of its generated tests. Constants and
//! attributes come from the graph beside each file.

use super::tosa_products;
use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::problem::plain;
use crate::captures::tosa_graph::{GraphFile, Node};
use crate::captures::vector::{Builder, Found};
use crate::spec::*;
use crate::tensor::{DType, Data, Tensor};

pub(super) const PROFILE: &str = "tosa";
pub(super) const ENGINE: &str = "reference_model";

/// Numbers of operators in the schema of graphs.
const AVG_POOL2D: u32 = 2;
const CONV2D: u32 = 3;
const DEPTHWISE_CONV2D: u32 = 5;
const MATMUL: u32 = 7;
const TRANSPOSE_CONV2D: u32 = 10;
const RESCALE: u32 = 66;
const MATMUL_T: u32 = 100;

pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let graph = GraphFile::beside(file)?;
    let node = graph.node()?;
    match node.op {
        AVG_POOL2D => avg_pool(file, &node, found),
        RESCALE => rescale(file, &node, found),
        CONV2D => tosa_products::conv(file, &node, false, found),
        DEPTHWISE_CONV2D => tosa_products::conv(file, &node, true, found),
        TRANSPOSE_CONV2D => tosa_products::transposed_conv(file, &node, found),
        MATMUL => tosa_products::matmul(file, &node, false, found),
        MATMUL_T => tosa_products::matmul(file, &node, true, found),
        op => {
            skip(
                file,
                &format!("no reference op (operator {op} of TOSA)"),
                found,
            );
            Ok(())
        }
    }
}

/// Notes the outputs of a file as not covered, under the op in its name.
fn skip(file: &CapturedFile<'_>, why: &str, found: &mut Found) {
    let name = &file.entry.file;
    let sizes = (name.match_indices('_'))
        .map(|(at, _)| at)
        .find(|&at| name[at + 1..].starts_with(|c: char| c.is_ascii_digit()))
        .unwrap_or(name.len());
    let values = file.entry.values(|array| array.starts_with("out_"));
    found.skip(&name[..sizes], values, why);
}

/// RESCALE: input, multipliers, shifts, zero points of input and output.
fn rescale(
    file: &CapturedFile<'_>,
    node: &Node<'_>,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let rounding = match node.number(1)? {
        1 => RescaleRounding::Single,
        2 => RescaleRounding::Inexact,
        3 => RescaleRounding::Double,
        other => return Err(node.problem(format!("rounding mode {other} is not known"))),
    };
    let (_, multipliers) = node.constant(1)?;
    let (_, shifts) = node.constant(2)?;
    let scales = (multipliers.iter().zip(&shifts))
        .map(|(&multiplier, &shift)| {
            Some(FixedScale {
                multiplier: i32::try_from(multiplier).ok()?,
                shift: u32::try_from(shift).ok()?,
            })
        })
        .collect::<Option<Vec<_>>>()
        .filter(|scales| scales.len() == multipliers.len() && scales.len() == shifts.len())
        .ok_or_else(|| node.problem("multipliers and shifts are no scales".into()))?;
    let (name, input_type) = node.input(0)?;
    let (result, output_type) = node.output(0)?;
    let input = Codes::new(input_type, node.flag(3)?, node)?;
    let output = Codes::new(output_type, node.flag(4)?, node)?;
    let x = input.tensor(file, &format!("in_{name}"))?;
    let spec = RescaleSpec {
        shape: x.shape().to_vec(),
        input: input.dtype,
        input_zero_point: input.zero_point(node.scalar(3)?),
        output: output.dtype,
        output_zero_point: output.zero_point(node.scalar(4)?),
        scale32: node.flag(0)?,
        scales,
        rounding,
    };
    let expected = output.tensor(file, &format!("out_{result}"))?;
    let mut v = Builder::new(file, "", plain(OpSpec::Rescale(spec), vec![x]));
    v.output(ENGINE, PROFILE, 0, expected)?;
    v.into(found);
    Ok(())
}

/// AVG_POOL2D: input, zero points of input and output; padding does not count.
fn avg_pool(
    file: &CapturedFile<'_>,
    node: &Node<'_>,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let (name, dtype) = node.input(0)?;
    let x = file.array(&format!("in_{name}"))?.tensor()?;
    let &[batch, height, width, channels] = x.shape() else {
        return Err(node.problem(format!(
            "the input has shape {:?}, not 4 dimensions",
            x.shape()
        )));
    };
    let pad = tosa_products::sizes(node.list(2)?, node)?;
    let &[top, bottom, left, right] = pad.as_slice() else {
        return Err(node.problem(format!("{pad:?} is no padding of four sides")));
    };
    let spec = PoolSpec {
        batch,
        input: vec![height, width],
        channels,
        kernel: tosa_products::sizes(node.list(0)?, node)?,
        stride: tosa_products::sizes(node.list(1)?, node)?,
        pad: vec![top, left],
        pad_end: Some(vec![bottom, right]),
        count_include_pad: false,
        activation: tosa_products::steps(dtype, node.scalar(1)?, node)?,
        output: tosa_products::steps(dtype, node.scalar(2)?, node)?,
    };
    tosa_products::expect(file, node, plain(OpSpec::AvgPool(spec), vec![x]), found)
}

/// The type of a tensor whose codes TOSA keeps as signed integers of the same bits.
struct Codes {
    signed: DType,
    dtype: DType,
}

impl Codes {
    fn new(signed: DType, unsigned: bool, node: &Node<'_>) -> Result<Self, CaptureError> {
        let dtype = match (signed, unsigned) {
            (signed, false) => signed,
            (DType::I8, true) => DType::U8,
            (DType::I16, true) => DType::U16,
            (other, true) => {
                let name = other.name();
                return Err(node.problem(format!("{name} codes are said to be unsigned")));
            }
        };
        Ok(Self { signed, dtype })
    }

    /// A code as kept, read as it is meant.
    fn code(&self, kept: i64) -> i64 {
        match self.dtype == self.signed {
            true => kept,
            false => kept & ((1 << (8 * self.signed.size())) - 1),
        }
    }

    /// TOSA allows zero points in types of up to 16 bits; elsewhere they are 0.
    fn zero_point(&self, kept: i64) -> i32 {
        self.code(kept) as i32
    }

    fn tensor(&self, file: &CapturedFile<'_>, name: &str) -> Result<Tensor, CaptureError> {
        let array = file.array(name)?;
        if array.dtype() != Some(self.signed) {
            return Err(array.error(format!("is not of type {}", self.signed.name())));
        }
        let codes = array.integers()?.into_iter().map(|kept| self.code(kept));
        let data = Data::from_codes(self.dtype, codes);
        Tensor::new(array.shape(), data).map_err(|e| array.error(e.to_string()))
    }
}
