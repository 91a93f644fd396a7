//! Frames: a length, then a safetensors file whose metadata holds the message.
//! Nothing is allocated on the word of a length that has not arrived.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{Read, Write};

use qassay_golden::spec::Constants;
use qassay_golden::tensor::DType;
use safetensors::tensor::{Dtype, SafeTensors, View as Stored};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::view::{View, ViewMut};

/// The most bytes that follow a frame's length.
pub const MOST_BYTES: u64 = 1 << 30;

/// The key of the message in the file's metadata.
const MESSAGE: &str = "qassay";

/// What cannot be read or written as a frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// the other side is gone
    #[error("the stream ended")]
    Ended,
    /// the stream broke inside a frame
    #[error("the stream ended {arrived} bytes into a frame of {claimed}")]
    Cut {
        /// bytes that arrived
        arrived: u64,
        /// bytes that the length claims
        claimed: u64,
    },
    /// the length is over the limit: mostly text on standard output
    #[error(
        "the length {claimed} is over the limit of {MOST_BYTES} bytes: is {text:?} something printed to standard output?"
    )]
    TooLong {
        /// what the length claims
        claimed: u64,
        /// its bytes as text
        text: String,
    },
    /// not a safetensors file, or not one with a message
    #[error("no frame of the protocol: {0}")]
    Malformed(String),
    /// the operands do not fit a frame
    #[error("{0} bytes of operands are over the limit of {MOST_BYTES} bytes")]
    TooLarge(u64),
    /// the stream broke
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Tensors to be sent, by name.
#[derive(Default)]
pub struct Outgoing<'a> {
    tensors: Vec<(String, Piece<'a>)>,
}

/// One tensor to be sent.
struct Piece<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Cow<'a, [u8]>,
}

impl Stored for Piece<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

impl<'a> Outgoing<'a> {
    /// The constants of case `index`.
    pub fn constants(&mut self, index: usize, constants: &Constants) {
        for (name, tensor) in [("weights", &constants.weights), ("bias", &constants.bias)] {
            if let Some(tensor) = tensor
                && let Some(dtype) = stored(tensor.dtype())
            {
                let piece = Piece {
                    dtype,
                    shape: tensor.shape().to_vec(),
                    bytes: tensor.data().to_le_bytes().into(),
                };
                self.tensors.push((format!("{index}.{name}"), piece));
            }
        }
    }

    /// The run-time inputs of case `index`.
    pub fn inputs(&mut self, index: usize, inputs: &[View<'_>]) {
        for (number, view) in inputs.iter().enumerate() {
            self.view(format!("{index}.input.{number}"), view);
        }
    }

    /// A view's values; rows are sent without the gaps between them.
    fn view(&mut self, name: String, view: &View<'_>) {
        if let Some(dtype) = stored(view.dtype()) {
            let piece = Piece {
                dtype,
                shape: view.shape().to_vec(),
                bytes: dense(view).into(),
            };
            self.tensors.push((name, piece));
        }
    }

    fn bytes(&self) -> u64 {
        (self.tensors.iter())
            .map(|(_, piece)| piece.bytes.len() as u64)
            .sum()
    }
}

/// Writes one frame.
///
/// # Errors
/// When the operands are too large or the stream broke.
pub fn write(
    to: &mut impl Write,
    message: &impl Serialize,
    tensors: Outgoing<'_>,
) -> Result<(), FrameError> {
    let bytes = tensors.bytes();
    if bytes > MOST_BYTES {
        return Err(FrameError::TooLarge(bytes));
    }
    let text = serde_json::to_string(message).map_err(malformed)?;
    let metadata = HashMap::from([(MESSAGE.to_owned(), text)]);
    let file = safetensors::serialize(tensors.tensors, Some(metadata)).map_err(malformed)?;
    if file.len() as u64 > MOST_BYTES {
        return Err(FrameError::TooLarge(file.len() as u64));
    }
    to.write_all(&(file.len() as u64).to_le_bytes())?;
    to.write_all(&file)?;
    Ok(to.flush()?)
}

/// A frame that arrived, its tensors still bytes.
pub struct Incoming {
    file: Vec<u8>,
}

/// Reads the next frame.
///
/// # Errors
/// When the stream ends or claims too much.
pub fn read(from: &mut impl Read) -> Result<Incoming, FrameError> {
    let mut start = Vec::with_capacity(8);
    from.by_ref().take(8).read_to_end(&mut start)?;
    let Ok(length) = <[u8; 8]>::try_from(start.as_slice()) else {
        return Err(if start.is_empty() {
            FrameError::Ended
        } else {
            FrameError::Malformed(format!(
                "the stream ended after {:?}",
                String::from_utf8_lossy(&start)
            ))
        });
    };
    let claimed = u64::from_le_bytes(length);
    if claimed > MOST_BYTES {
        return Err(FrameError::TooLong {
            claimed,
            text: String::from_utf8_lossy(&length).into_owned(),
        });
    }
    let mut file = Vec::new();
    from.by_ref().take(claimed).read_to_end(&mut file)?;
    if (file.len() as u64) < claimed {
        return Err(FrameError::Cut {
            arrived: file.len() as u64,
            claimed,
        });
    }
    Ok(Incoming { file })
}

impl Incoming {
    /// The message.
    ///
    /// # Errors
    /// When the frame holds none of this form.
    pub fn message<T: DeserializeOwned>(&self) -> Result<T, FrameError> {
        let (_, metadata) = SafeTensors::read_metadata(&self.file).map_err(malformed)?;
        let text = (metadata.metadata().as_ref())
            .and_then(|texts| texts.get(MESSAGE))
            .ok_or_else(|| FrameError::Malformed(format!("no '{MESSAGE}' in its metadata")))?;
        serde_json::from_str(text).map_err(|error| {
            let begins: String = text.chars().take(120).collect();
            FrameError::Malformed(format!("{error} in {begins}"))
        })
    }

    /// Writes the outputs of case `index` where they belong.
    ///
    /// # Errors
    /// When one is missing, or of another shape or type.
    pub fn outputs(&self, index: usize, outputs: &mut [ViewMut<'_>]) -> Result<(), FrameError> {
        let tensors = SafeTensors::deserialize(&self.file).map_err(malformed)?;
        for (number, view) in outputs.iter_mut().enumerate() {
            let name = format!("{index}.output.{number}");
            let tensor = tensors
                .tensor(&name)
                .map_err(|_| FrameError::Malformed(format!("no tensor '{name}'")))?;
            let wanted = stored(view.dtype());
            if Some(tensor.dtype()) != wanted || tensor.shape() != view.shape() {
                return Err(FrameError::Malformed(format!(
                    "{name} is {:?} {:?}; right is {} {:?}",
                    tensor.dtype(),
                    tensor.shape(),
                    view.dtype().name(),
                    view.shape()
                )));
            }
            scatter(tensor.data(), view);
        }
        Ok(())
    }
}

fn malformed(error: impl std::fmt::Display) -> FrameError {
    FrameError::Malformed(error.to_string())
}

/// The name of a type in safetensors files; `None` for what kernels are not handed.
fn stored(dtype: DType) -> Option<Dtype> {
    Some(match dtype {
        DType::U8 => Dtype::U8,
        DType::I8 => Dtype::I8,
        DType::I32 => Dtype::I32,
        DType::F32 => Dtype::F32,
        DType::F64 => Dtype::F64,
        _ => return None,
    })
}

/// The values of a view as little-endian bytes, without gaps.
fn dense(view: &View<'_>) -> Vec<u8> {
    let (rows, row, stride) = (view.rows(), view.row_len(), view.row_stride());
    macro_rules! gather {
        ($values:expr) => {
            (0..rows)
                .flat_map(|index| &$values[index * stride..][..row])
                .flat_map(|value| value.to_le_bytes())
                .collect()
        };
    }
    match view.dtype() {
        DType::U8 | DType::I8 => (0..rows)
            .flat_map(|index| &view.codes()[index * stride..][..row])
            .copied()
            .collect(),
        DType::I32 => gather!(view.i32()),
        DType::F32 => gather!(view.f32()),
        _ => gather!(view.f64()),
    }
}

/// Little-endian bytes into a view, row by row.
fn scatter(bytes: &[u8], view: &mut ViewMut<'_>) {
    let (rows, row, stride) = (view.rows(), view.row_len(), view.row_stride());
    macro_rules! place {
        ($values:expr, $type:ty) => {{
            let values = $values;
            let (mut chunks, _) = bytes.as_chunks::<{ size_of::<$type>() }>();
            for index in 0..rows {
                for value in &mut values[index * stride..][..row] {
                    if let Some((first, rest)) = chunks.split_first() {
                        *value = <$type>::from_le_bytes(*first);
                        chunks = rest;
                    }
                }
            }
        }};
    }
    match view.dtype() {
        DType::U8 | DType::I8 => place!(view.codes_mut(), u8),
        DType::I32 => place!(view.i32_mut(), i32),
        DType::F32 => place!(view.f32_mut(), f32),
        _ => place!(view.f64_mut(), f64),
    }
}

#[cfg(test)]
mod tests;
