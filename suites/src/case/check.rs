//! Whether the parts of a case fit each other, before anything is allocated.

use qassay_golden::spec::BiasKind;
use qassay_golden::tensor::DType;

use super::fields::*;
use crate::data::DataClass;

/// The most values that all operands and outputs of a case may have together.
const MOST_VALUES: u128 = 1 << 26;
/// The most products of a case.
const MOST_PRODUCTS: u128 = 1 << 34;

/// What does not fit, and what would be right.
pub(super) fn check(made: &Made) -> Result<(), String> {
    let sizes = sizes(made)?;
    if sizes.values > MOST_VALUES {
        return Err(format!(
            "{} values are too many: at most {MOST_VALUES}",
            sizes.values
        ));
    }
    if sizes.products > MOST_PRODUCTS {
        return Err(format!(
            "{} products are too many: at most {MOST_PRODUCTS}",
            sizes.products
        ));
    }
    parameters(made, sizes.channels)?;
    match &made.data {
        Source::Class(class) => data_class(made, *class),
        Source::Given(given) => {
            let bias = match made.bias {
                BiasKind::None => 0,
                _ => sizes.channels,
            };
            for (name, got, expected) in [
                ("x", given.x.len(), sizes.x),
                ("w", given.w.len(), sizes.w),
                ("bias", given.bias.len(), bias),
            ] {
                if got as u128 != expected {
                    return Err(format!(
                        "given {name} has {got} values, but the shape wants {expected}"
                    ));
                }
            }
            if made.bias == BiasKind::F32
                && given.bias.iter().any(|&b| !f32::from_bits(b).is_finite())
            {
                return Err("given bias is not finite".into());
            }
            if made.skip != [0, 0] {
                return Err("skip goes with a data class, not with given operands".into());
            }
            Ok(())
        }
    }
}

struct Sizes {
    x: u128,
    w: u128,
    values: u128,
    products: u128,
    channels: u128,
}

fn product(sizes: &[usize]) -> u128 {
    sizes
        .iter()
        .fold(1u128, |all, &size| all.saturating_mul(size as u128))
}

fn sizes(made: &Made) -> Result<Sizes, String> {
    let simple = |x: u128, w: u128, channels: u128| Sizes {
        x,
        w,
        values: x.saturating_mul(2).saturating_add(w),
        products: 0,
        channels,
    };
    match &made.shape {
        Shape::Dims(dims) => {
            if dims.len() > 5 {
                return Err(format!("{} dimensions are too many: at most 5", dims.len()));
            }
            let len = product(dims);
            let channels = match made.per_channel {
                None => 1,
                Some(axis) => *dims.get(axis).ok_or(format!(
                    "axis {axis} does not exist: the shape has {} dimensions",
                    dims.len()
                ))? as u128,
            };
            if made.op.is_observer() || made.op == Op::ChooseQparams {
                if len == 0 || made.batches == 0 {
                    return Err("an observer needs at least one value".into());
                }
                if made.op == Op::ChooseQparams && dims.len() != 1 {
                    return Err("choose-qparams takes one dimension, e.g. d100".into());
                }
            }
            let batches = made.batches as u128;
            let w = if made.op.is_binary() { len } else { 0 };
            Ok(simple(len.saturating_mul(batches), w, channels))
        }
        &Shape::Rows { m, n } => Ok(simple(product(&[m, n]), 0, n as u128)),
        &Shape::Matrix { m, n, k } => {
            if n == 0 || k == 0 {
                return Err("n and k must be at least 1 (m may be 0)".into());
            }
            Ok(Sizes {
                x: product(&[m, k]),
                w: product(&[n, k]),
                values: product(&[m, k]) + product(&[n, k]) + product(&[m, n]),
                products: product(&[m, n, k]),
                channels: n as u128,
            })
        }
        Shape::Image(image) => image_sizes(image),
    }
}

fn image_sizes(image: &ImageShape) -> Result<Sizes, String> {
    let out = image.out_channels.unwrap_or(image.channels);
    let ones = [&image.kernel, &image.stride, &image.dilation];
    if ones.iter().any(|sizes| sizes.contains(&0)) || image.groups == 0 {
        return Err("kernel, stride, dilation and groups must be at least 1".into());
    }
    if image.channels == 0 || out == 0 || image.input.contains(&0) {
        return Err("channels and image sizes must be at least 1 (the batch may be 0)".into());
    }
    if !image.channels.is_multiple_of(image.groups) || !out.is_multiple_of(image.groups) {
        return Err(format!(
            "{} groups must divide {} input and {out} output channels",
            image.groups, image.channels
        ));
    }
    let mut size = image.batch as u128;
    for d in 0..image.input.len() {
        let padded = (image.input[d] + image.pad_begin[d] + image.pad_end[d]) as u128;
        let window = image.dilation[d] as u128 * (image.kernel[d] as u128 - 1) + 1;
        if window > padded {
            return Err(format!(
                "a kernel that spans {window} does not fit an image of {padded} with its padding"
            ));
        }
        let limit = if image.out_channels.is_none() {
            image.kernel[d] / 2
        } else {
            image.kernel[d] * image.dilation[d]
        };
        if image.pad_begin[d].max(image.pad_end[d]) > limit {
            return Err(format!("padding is at most {limit} here"));
        }
        size = size.saturating_mul((padded - window) / image.stride[d] as u128 + 1);
    }
    let x = product(&[image.batch, image.channels]).saturating_mul(product(&image.input));
    let taps = product(&image.kernel);
    let k = taps.saturating_mul((image.channels / image.groups) as u128);
    let w = if image.out_channels.is_some() {
        k.saturating_mul(out as u128)
    } else {
        0
    };
    let y = size.saturating_mul(out as u128);
    Ok(Sizes {
        x,
        w,
        values: x.saturating_add(w).saturating_add(y),
        products: y.saturating_mul(if w > 0 { k } else { taps }),
        channels: out as u128,
    })
}

/// The type of the codes whose zero point is in each slot.
fn zero_point_types(made: &Made) -> [DType; 3] {
    let x = made.dtype;
    match made.op {
        Op::Linear | Op::Conv => [x, DType::I8, made.output],
        Op::LinearDynamic | Op::LinearWeightOnly => [x, DType::I8, x],
        _ => [x; 3],
    }
}

fn parameters(made: &Made, channels: u128) -> Result<(), String> {
    let channel_slot = made.per_channel.and_then(|_| made.op.channel_slot());
    for (slot, dtype) in zero_point_types(made).into_iter().enumerate() {
        let letter = made.op.zero_point_letters()[slot];
        let zero = &made.zero_points.0[slot];
        let (low, high) = match dtype.code_range() {
            Some(range) => range,
            None if zero.is_default() => continue,
            None => return Err(format!("zero point {letter}: an f32 output has none")),
        };
        let values: &[i32] = match zero {
            Zero::One(zero) => std::slice::from_ref(zero),
            Zero::Vary => &[],
            Zero::List(list) => list,
        };
        if let Some(bad) = values.iter().find(|&&z| !(low..=high).contains(&z.into())) {
            return Err(format!(
                "zero point {letter}{bad} is outside {low}..{high}, the codes of {}",
                dtype.name()
            ));
        }
        match zero {
            Zero::One(_) => {}
            _ if channel_slot != Some(slot) || made.op == Op::Requantize => {
                return Err(format!("zero point {letter} is one number here"));
            }
            Zero::List(list) if list.len() as u128 != channels => {
                return Err(format!(
                    "{} zero points {letter} for {channels} channels",
                    list.len()
                ));
            }
            _ => {}
        }
        let scales = &made.scales.0[slot];
        let letter = made.op.scale_letters()[slot];
        let wanted = if channel_slot == Some(slot) {
            channels
        } else {
            1
        };
        if !scales.is_empty() && scales.len() as u128 != wanted {
            return Err(format!(
                "scale {letter} has {} values, not {wanted}",
                scales.len()
            ));
        }
        if let Some(bad) = scales.iter().find(|s| !(s.0 as f32).is_normal()) {
            return Err(format!("scale {letter}{bad} is not a normal f32"));
        }
    }
    if let Some((low, high)) = made.range {
        let (least, greatest) = made.dtype.code_range().expect("an integer type");
        // A clamp may leave one code.
        let rises = low < high || (low == high && made.op == Op::Clamp);
        if !rises || low < least || high > greatest {
            return Err(format!("range must rise within {least}..{greatest}"));
        }
    } else if made.op == Op::Clamp {
        return Err("a clamp needs its two codes, e.g. range:10,200".into());
    }
    if matches!(made.op, Op::LinearWeightOnly | Op::LinearDynamic) && made.bias == BiasKind::I32 {
        return Err("the bias is f32 where the activation's scale is not known".into());
    }
    if made.output == DType::I32 && made.bias == BiasKind::F32 {
        return Err("an f32 bias has no place in s32 sums; use bias:s32 or none".into());
    }
    if made.relu && made.output.size() != 1 {
        return Err("relu goes with u8 or s8 outputs".into());
    }
    if made.op == Op::Requantize && made.scales.0[1].iter().any(|r| r.0 > 1e6) {
        return Err("multipliers are at most 1e6".into());
    }
    Ok(())
}

fn data_class(made: &Made, class: DataClass) -> Result<(), String> {
    if !class.fits(made.op) {
        return Err(format!("{} has no data of class {class}", made.op.name()));
    }
    if matches!(class, DataClass::Block(_)) {
        match made.shape {
            Shape::Matrix { m, n, k } if m > 256 || n > 1 << 16 || k != 2 => {
                let what = "a block of pairs of products has k2, at most m256 and at most n65536";
                return Err(what.into());
            }
            Shape::Matrix { .. } => {}
            _ => {
                let len = sizes(made)?.x;
                if len > 1 << 24 {
                    return Err(format!("{len} values: a block has at most 16777216"));
                }
            }
        }
    }
    if matches!(class, DataClass::Reduced | DataClass::Gaussian) {
        let (low, high) = match made.dtype {
            DType::U8 => (0, 127),
            _ => (-64, 63),
        };
        if let Zero::One(zero) = made.zero_points.0[0]
            && !(low..=high).contains(&zero)
        {
            return Err(format!(
                "zero point x{zero} is not in 7 bits: {low}..{high} (padding would not be reduced)"
            ));
        }
        if made.op == Op::LinearDynamic && !made.reduce_range {
            return Err(format!("data of class {class} needs reduce-range"));
        }
    }
    Ok(())
}
