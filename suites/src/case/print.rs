//! Case id to text: the one canonical form, defaults left out.

use std::fmt::{Display, Formatter, Result, Write};

use qassay_golden::spec::BiasKind;
use qassay_golden::tensor::DType;

use super::CaseId;
use super::fields::*;
use super::layout::{Place, Placement};

impl Display for CaseId {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Captured(captured) => write!(f, "captured/{}", captured.0),
            Self::Made(made) => write!(f, "{made}"),
        }
    }
}

impl Display for Scale {
    /// The shortest decimal that reads back as the same number.
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{:?}", self.0)
    }
}

impl Display for Zero {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::One(zero) => write!(f, "{zero}"),
            Self::Vary => f.write_str("vary"),
            Self::List(list) => f.write_str(&join(list, "_")),
        }
    }
}

impl Display for Made {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let op = self.op;
        write!(f, "{}/{}", op.name(), self.shape)?;
        if !op.dtypes().is_empty() {
            write!(f, "/{}", self.dtype.name())?;
            if matches!(op, Op::Linear | Op::Conv) {
                f.write_str(".s8")?;
                if self.output != self.dtype {
                    write!(f, ".{}", self.output.name())?;
                }
            }
        }
        if op.has_granularity() {
            match self.per_channel {
                None => f.write_str("/per-tensor")?,
                Some(axis) if op.has_axis() => write!(f, "/per-channel:{axis}")?,
                Some(_) => f.write_str("/per-channel")?,
            }
        }
        if self.symmetric {
            f.write_str("/symmetric")?;
        }
        if self.reduce_range {
            f.write_str("/reduce-range")?;
        }
        if let Some((low, high)) = self.range {
            write!(f, "/range:{low},{high}")?;
        }
        list(
            f,
            "zp",
            op.zero_point_letters(),
            self.zero_points
                .0
                .each_ref()
                .map(|zero| (!zero.is_default()).then(|| zero.to_string())),
        )?;
        list(
            f,
            "scale",
            op.scale_letters(),
            self.scales
                .0
                .each_ref()
                .map(|scales| (!scales.is_empty()).then(|| join(scales, "_"))),
        )?;
        match self.bias {
            BiasKind::None => {}
            BiasKind::F32 => f.write_str("/bias:f32")?,
            BiasKind::I32 => f.write_str("/bias:s32")?,
        }
        if self.relu {
            f.write_str("/relu")?;
        }
        if self.exclude_pad {
            f.write_str("/exclude-pad")?;
        }
        if self.batches != 1 {
            write!(f, "/batches:{}", self.batches)?;
        }
        if self.skip != [0, 0] {
            write!(f, "/skip:{},{}", self.skip[0], self.skip[1])?;
        }
        placement(f, "in", self.layout.inputs)?;
        placement(f, "out", self.layout.outputs)?;
        match &self.data {
            Source::Class(class) => {
                write!(f, "/{class}")?;
                if self.seed != 0 || !matches!(class, crate::data::DataClass::Block(_)) {
                    write!(f, "/seed{}", self.seed)?;
                }
            }
            Source::Given(given) => {
                f.write_str("/given:x=")?;
                let wide = op.takes_floats() || op == Op::Requantize || self.dtype == DType::I32;
                hex(f, &given.x, if wide { 8 } else { 2 })?;
                if op.is_product() || op.is_binary() {
                    f.write_str(",w=")?;
                    hex(f, &given.w, 2)?;
                }
                if !given.bias.is_empty() {
                    f.write_str(",bias=")?;
                    hex(f, &given.bias, 8)?;
                }
            }
        }
        Ok(())
    }
}

impl Display for Shape {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Dims(dims) => write!(f, "d{}", join(dims, "x")),
            Self::Rows { m, n } => write!(f, "m{m}.n{n}"),
            Self::Matrix { m, n, k } => write!(f, "m{m}.n{n}.k{k}"),
            Self::Image(image) => write!(f, "{image}"),
        }
    }
}

impl Display for ImageShape {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(
            f,
            "b{}.i{}.c{}",
            self.batch,
            join(&self.input, "x"),
            self.channels
        )?;
        if let Some(out) = self.out_channels {
            write!(f, ".o{out}")?;
        }
        write!(f, ".k{}", join(&self.kernel, "x"))?;
        along(f, 's', &self.stride, 1)?;
        along(f, 'p', &self.pad_begin, 0)?;
        if self.pad_end != self.pad_begin {
            write!(f, ".e{}", join(&self.pad_end, "x"))?;
        }
        along(f, 'd', &self.dilation, 1)?;
        if self.groups != 1 {
            write!(f, ".g{}", self.groups)?;
        }
        Ok(())
    }
}

/// A size per dimension: nothing where all are the default, one number where all are equal.
fn along(f: &mut Formatter<'_>, letter: char, sizes: &[usize], default: usize) -> Result {
    if sizes.iter().all(|&size| size == default) {
        Ok(())
    } else if sizes.windows(2).all(|pair| pair[0] == pair[1]) {
        write!(f, ".{letter}{}", sizes[0])
    } else {
        write!(f, ".{letter}{}", join(sizes, "x"))
    }
}

fn list(
    f: &mut Formatter<'_>,
    name: &str,
    letters: [char; 3],
    values: [Option<String>; 3],
) -> Result {
    let parts: Vec<String> = letters
        .into_iter()
        .zip(values)
        .filter_map(|(letter, value)| value.map(|value| format!("{letter}{value}")))
        .collect();
    if parts.is_empty() {
        Ok(())
    } else {
        write!(f, "/{name}:{}", parts.join(","))
    }
}

fn placement(f: &mut Formatter<'_>, name: &str, placement: Placement) -> Result {
    if placement == Placement::default() {
        return Ok(());
    }
    let mut parts = Vec::new();
    if placement.row_gap != 0 {
        parts.push(format!("gap{}", placement.row_gap));
    }
    if placement.offset != 0 {
        parts.push(format!("off{}", placement.offset));
    }
    if placement.place == Place::Start {
        parts.push("start".to_owned());
    }
    write!(f, "/{name}:{}", parts.join(","))
}

fn hex(f: &mut Formatter<'_>, values: &[u32], digits: usize) -> Result {
    let mut text = String::with_capacity(values.len() * digits);
    for value in values {
        write!(text, "{value:0digits$x}")?;
    }
    f.write_str(&text)
}

fn join<T: Display>(values: &[T], separator: &str) -> String {
    values
        .iter()
        .map(T::to_string)
        .collect::<Vec<_>>()
        .join(separator)
}
