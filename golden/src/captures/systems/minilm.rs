//! MiniLM-L6: linear layers of a transformer, static and dynamic, and the ops between them, by
//! PyTorch's engines.

use super::torch;
use super::torch_observers;
use crate::captures::error::CaptureError;
use crate::captures::manifest::CapturedFile;
use crate::captures::npz::Npz;
use crate::captures::problem::{self, Product, code_type, granularity, quantized};
use crate::captures::vector::{Builder, Found};
use crate::spec::{
    Activation, BatchMatmulSpec, Constants, FunctionSpec, LayerNormSpec, OpSpec, Output, Problem,
    QparamsRequest, Relu, SoftmaxSpec,
};
use crate::tensor::{DType, Data};

pub(super) fn read(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    match file.entry.op.as_deref().unwrap_or_default() {
        "linear" => linear(file, found),
        "linear_dynamic" => linear_dynamic(file, found),
        "observer" => observers(file, found),
        "softmax" | "layer_norm" | "gelu" => on_rows(file, found),
        "matmul" => matmul(file, found),
        op => {
            found.skip(
                op,
                file.entry.values(|a| a.starts_with('y')),
                "no reference op",
            );
            Ok(())
        }
    }
}

/// Static linear; the weights are in the file of the dynamic linear.
fn linear(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let params = file.params();
    let elsewhere: Npz;
    let weights = match params.text("weights_file") {
        Some(name) => {
            elsewhere = file.beside(name)?;
            &elsewhere
        }
        None => file.npz(),
    };
    let x = file.array("x")?;
    let dtype = code_type(x)?;
    let product = Product {
        activation: Activation::Quantized(quantized(file, "x", dtype)?),
        weights: granularity(file, weights.array("w_scale")?, weights.array("w_zp")?, 0)?,
        output: Output::Quantized(quantized(file, "y", dtype)?),
        relu: params.flag("relu")?.into(),
    };
    let (w, bias) = (
        weights.array("w")?.tensor()?,
        weights.array("bias")?.tensor()?,
    );
    let problem = problem::linear(file, x.tensor()?, w, Some(bias), product)?;
    engines(file, problem, found)
}

/// Dynamic linear with and without reduce_range: outputs `<engine>_rr<0|1>`.
fn linear_dynamic(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let params = file.params();
    for reduce_range in [false, true] {
        let product = Product {
            activation: Activation::Dynamic { reduce_range },
            weights: granularity(file, file.array("w_scale")?, file.array("w_zp")?, 0)?,
            output: Output::Float,
            relu: Relu::None,
        };
        let (x, w) = (file.array("x")?.tensor()?, file.array("w")?.tensor()?);
        let bias = Some(file.array("bias")?.tensor()?);
        let problem = problem::linear(file, x, w, bias, product)?;
        let rr = format!("rr{}", u8::from(reduce_range));
        let mut v = Builder::new(file, &rr, problem);
        for (engine, profile) in torch::ENGINES {
            let variant = format!("{engine}_{rr}");
            if let Some(name) = params
                .get("outputs")?
                .get(&variant)
                .and_then(|n| n.as_str())
            {
                v.output(engine, profile, 0, file.array(name)?.tensor()?)?;
            }
        }
        v.into(found);
    }
    Ok(())
}

/// Ops over the last axis, and gelu: the same values from every engine.
fn on_rows(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let x = file.array("x")?;
    let dtype = code_type(x)?;
    let (input, output) = (quantized(file, "x", dtype)?, quantized(file, "y", dtype)?);
    let shape = x.shape();
    let mut constants = Constants::default();
    let op = match file.entry.op.as_deref().unwrap_or_default() {
        "softmax" => OpSpec::Softmax(SoftmaxSpec {
            axis: shape.len().saturating_sub(1),
            shape,
            input,
            output,
            beta: 1.0,
        }),
        "gelu" => OpSpec::Gelu(FunctionSpec {
            shape,
            input,
            output,
        }),
        _ => {
            let &[rows, len] = shape.as_slice() else {
                return Err(x.error("is no [rows, columns]"));
            };
            constants.weights = Some(file.array("gamma")?.tensor()?);
            constants.bias = Some(file.array("beta")?.tensor()?);
            OpSpec::LayerNorm(LayerNormSpec {
                rows,
                len,
                input,
                output,
                epsilon: file.params().float("eps")?,
            })
        }
    };
    let problem = Problem {
        op,
        constants,
        inputs: vec![x.tensor()?],
    };
    engines(file, problem, found)
}

/// The product of two activations, by heads.
fn matmul(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    let (a, b) = (file.array("a")?, file.array("b")?);
    let (&[batch, m, k], &[_, _, n]) = (a.shape().as_slice(), b.shape().as_slice()) else {
        return Err(a.error("and `b` are no matrices by heads"));
    };
    let spec = BatchMatmulSpec {
        batch,
        m,
        n,
        k,
        a: quantized(file, "a", code_type(a)?)?,
        b: quantized(file, "b", code_type(b)?)?,
        output: quantized(file, "y", code_type(a)?)?,
    };
    let inputs = vec![a.tensor()?, b.tensor()?];
    engines(
        file,
        problem::plain(OpSpec::BatchMatmul(spec), inputs),
        found,
    )
}

/// The outputs that `params.outputs` names by engine.
fn engines(
    file: &CapturedFile<'_>,
    problem: Problem,
    found: &mut Found,
) -> Result<(), CaptureError> {
    let mut v = Builder::new(file, "", problem);
    let outputs = file.params().get("outputs")?;
    for (engine, profile) in torch::ENGINES {
        if let Some(name) = outputs.get(engine).and_then(|n| n.as_str()) {
            v.output(engine, profile, 0, file.array(name)?.tensor()?)?;
        }
    }
    v.into(found);
    Ok(())
}

/// `<tensor>.<observer>.<dtype>.<scheme>.<rr>.scale_zp` from `<tensor>.x`.
fn observers(file: &CapturedFile<'_>, found: &mut Found) -> Result<(), CaptureError> {
    for name in file
        .npz()
        .names()
        .filter(|name| name.ends_with(".scale_zp"))
    {
        let parts: Vec<&str> = name.split('.').collect();
        let &[tensor, class, dtype, scheme, rr, _] = parts.as_slice() else {
            return Err(file.array(name)?.error("is of an unknown name"));
        };
        let x = file.array(&format!("{tensor}.x"))?.tensor()?;
        let Data::F32(values) = x.data() else {
            return Err(file.array(&format!("{tensor}.x"))?.error("is not f32"));
        };
        let values = match class {
            "MinMaxObserver" => values.clone(),
            _ => {
                let range = torch_observers::searched(file, std::slice::from_ref(&x))?[0];
                vec![range.0, range.1]
            }
        };
        let request = QparamsRequest {
            dtype: torch_observers::dtype_of(dtype).unwrap_or(DType::U8),
            range: None,
            symmetric: scheme == "sym",
            reduce_range: rr == "rr1",
        };
        let pair = file.array(name)?.floats()?;
        let &[scale, zero_point] = pair.as_slice() else {
            return Err(file.array(name)?.error("is no [scale, zero point]"));
        };
        let mut v = Builder::new(file, name, problem::choose_qparams(values, request));
        torch_observers::chosen(
            file,
            &mut v,
            "observer",
            "pytorch-observer",
            scale,
            zero_point as i64,
        )?;
        v.into(found);
    }
    Ok(())
}
