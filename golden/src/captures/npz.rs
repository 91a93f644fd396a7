//! Arrays out of npz archives, with errors that name the file and the array.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use ndarray::{ArrayD, IxDyn};
use ndarray_npy::{ReadNpyExt, ReadableElement};

use super::error::CaptureError;
use crate::tensor::{DType, Data, Tensor};

/// The most bytes that an array of a small archive may unpack to.
const MOST_BYTES: u64 = 96 << 20;
/// And of a large one, in bytes for each of the archive's.
const MOST_RATIO: u64 = 100;

/// The arrays of one npz file.
#[derive(Debug)]
pub struct Npz {
    path: PathBuf,
    arrays: BTreeMap<String, Array>,
}

/// One array with where it came from.
#[derive(Debug)]
pub struct Array {
    path: PathBuf,
    name: String,
    values: Values,
}

/// Values of an array, by type.
#[derive(Debug)]
enum Values {
    Bool(ArrayD<bool>),
    I8(ArrayD<i8>),
    U8(ArrayD<u8>),
    I16(ArrayD<i16>),
    U16(ArrayD<u16>),
    I32(ArrayD<i32>),
    I64(ArrayD<i64>),
    F32(ArrayD<f32>),
    F64(ArrayD<f64>),
    /// bit patterns of half precision
    F16(ArrayD<u16>),
    /// one word
    Text(String),
    /// a type that no check reads, such as text
    Other,
}

macro_rules! each {
    ($values:expr, $array:ident => $body:expr, else $or:expr) => {
        match $values {
            Values::Bool($array) => $body,
            Values::I8($array) => $body,
            Values::U8($array) => $body,
            Values::I16($array) => $body,
            Values::U16($array) => $body,
            Values::I32($array) => $body,
            Values::I64($array) => $body,
            Values::F32($array) => $body,
            Values::F64($array) => $body,
            Values::F16($array) => $body,
            Values::Text(_) | Values::Other => $or,
        }
    };
}

impl Npz {
    /// Reads every array of the archive at `path`.
    ///
    /// # Errors
    /// When the archive is absent, truncated or damaged.
    pub fn read(path: &Path) -> Result<Self, CaptureError> {
        let bytes = std::fs::read(path).map_err(|e| CaptureError::unreadable(path, e))?;
        let most = MOST_BYTES.max(MOST_RATIO * bytes.len() as u64);
        let mut archive =
            zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| CaptureError::Npz {
                path: path.to_owned(),
                what: e.to_string(),
            })?;
        let mut arrays = BTreeMap::new();
        for index in 0..archive.len() {
            let name = archive.name_for_index(index).unwrap_or_default().to_owned();
            let name = name.strip_suffix(".npy").unwrap_or(&name).to_owned();
            let fail = |what: String| CaptureError::Array {
                path: path.to_owned(),
                array: name.clone(),
                what,
            };
            let member = archive.by_index(index).map_err(|e| fail(e.to_string()))?;
            let mut bytes = Vec::new();
            (member.take(most + 1).read_to_end(&mut bytes))
                .map_err(|e| fail(format!("cannot be unpacked: {e}")))?;
            if bytes.len() as u64 > most {
                return Err(fail(format!("unpacks to more than {most} bytes")));
            }
            let values = Values::read(&bytes).map_err(fail)?;
            let array = Array {
                path: path.to_owned(),
                name: name.clone(),
                values,
            };
            arrays.insert(name, array);
        }
        Ok(Self {
            path: path.to_owned(),
            arrays,
        })
    }

    /// Where the archive lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of all arrays, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.arrays.keys().map(String::as_str)
    }

    /// Whether there is an array with this name.
    pub fn has(&self, name: &str) -> bool {
        self.arrays.contains_key(name)
    }

    /// The array with this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn array(&self, name: &str) -> Result<&Array, CaptureError> {
        self.arrays.get(name).ok_or_else(|| CaptureError::Array {
            path: self.path.clone(),
            array: name.to_owned(),
            what: "is not in the file, but manifest.json or the form of this capture needs it"
                .into(),
        })
    }
}

impl Values {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let descr = descr(bytes)?;
        check_size(bytes)?;
        fn of<T: ReadableElement>(bytes: &[u8]) -> Result<ArrayD<T>, String> {
            ArrayD::read_npy(bytes).map_err(|e| format!("cannot be read: {e}"))
        }
        Ok(match descr.trim_start_matches(['<', '|', '=']) {
            "b1" => Self::Bool(of(bytes)?),
            "i1" => Self::I8(of(bytes)?),
            "u1" => Self::U8(of(bytes)?),
            "i2" => Self::I16(of(bytes)?),
            "u2" => Self::U16(of(bytes)?),
            "i4" => Self::I32(of(bytes)?),
            "i8" => Self::I64(of(bytes)?),
            "f4" => Self::F32(of(bytes)?),
            "f8" => Self::F64(of(bytes)?),
            // Read as the integers that the bits are.
            "f2" => {
                let at = (bytes
                    .windows(4)
                    .position(|w| w == b"'<f2")
                    .ok_or("is no npy data"))?;
                let mut bits = bytes.to_vec();
                bits[at + 2] = b'u';
                Self::F16(of(&bits)?)
            }
            word if word.starts_with('U') => Self::Text(text(bytes)?),
            _ => Self::Other,
        })
    }
}

/// Whether an npy file can have as many values as its header claims: what reads it makes
/// room for them first.
fn check_size(bytes: &[u8]) -> Result<(), String> {
    let end = bytes.iter().position(|&byte| byte == b'\n');
    let header = String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]);
    let shape = (header.split_once("'shape':"))
        .and_then(|(_, rest)| rest.split_once('(')?.1.split_once(')'))
        .ok_or("has no shape")?
        .0;
    let sizes = shape
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty());
    let claimed = sizes.map(|size| size.parse::<u64>().map_err(|_| "has no shape"));
    let claimed = claimed.collect::<Result<Vec<_>, _>>()?;
    let values = (claimed.iter()).try_fold(1u64, |all, &size| all.checked_mul(size));
    match values {
        Some(values) if values <= bytes.len() as u64 => Ok(()),
        _ => Err(format!(
            "claims the shape ({shape}) in {} bytes",
            bytes.len()
        )),
    }
}

/// The word in an npy file of UTF-32 text.
fn text(bytes: &[u8]) -> Result<String, String> {
    let end = bytes.iter().position(|&byte| byte == b'\n');
    let data = &bytes[end.ok_or("has no header")? + 1..];
    (data.chunks_exact(4))
        .map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]]))
        .take_while(|&point| point != 0)
        .map(|point| char::from_u32(point).ok_or_else(|| "is no text".to_owned()))
        .collect()
}

/// The type in the header of an npy file, e.g. `<f4`.
fn descr(bytes: &[u8]) -> Result<String, String> {
    let header = String::from_utf8_lossy(&bytes[..bytes.len().min(256)]);
    bytes
        .starts_with(b"\x93NUMPY")
        .then(|| header.split_once("'descr':"))
        .flatten()
        .and_then(|(_, rest)| rest.split('\'').nth(1))
        .map(str::to_owned)
        .ok_or_else(|| "is no npy data".into())
}

impl Array {
    /// The shape.
    pub fn shape(&self) -> Vec<usize> {
        each!(&self.values, a => a.shape().to_vec(), else Vec::new())
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        each!(&self.values, a => a.len(), else 0)
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type, where it is one of a [`Tensor`]'s.
    pub fn dtype(&self) -> Option<DType> {
        match &self.values {
            Values::I8(_) => Some(DType::I8),
            Values::U8(_) => Some(DType::U8),
            Values::I16(_) => Some(DType::I16),
            Values::U16(_) => Some(DType::U16),
            Values::I64(_) => Some(DType::I64),
            Values::I32(_) => Some(DType::I32),
            Values::F32(_) => Some(DType::F32),
            Values::F64(_) => Some(DType::F64),
            Values::F16(_) => Some(DType::F16),
            _ => None,
        }
    }

    /// The values as a tensor.
    ///
    /// # Errors
    /// When the type is not one of a [`Tensor`]'s.
    pub fn tensor(&self) -> Result<Tensor, CaptureError> {
        self.permuted(&(0..self.shape().len()).collect::<Vec<_>>())
    }

    /// The values as a tensor, dimension `order[d]` of the array becoming dimension `d`.
    ///
    /// # Errors
    /// When the type is not one of a [`Tensor`]'s.
    pub fn permuted(&self, order: &[usize]) -> Result<Tensor, CaptureError> {
        fn values<T: Clone>(array: &ArrayD<T>, order: &[usize]) -> Vec<T> {
            let view = array.view().permuted_axes(IxDyn(order));
            view.iter().cloned().collect()
        }
        let data = match &self.values {
            Values::I8(a) => Data::I8(values(a, order)),
            Values::U8(a) => Data::U8(values(a, order)),
            Values::I16(a) => Data::I16(values(a, order)),
            Values::U16(a) => Data::U16(values(a, order)),
            Values::I64(a) => Data::I64(values(a, order)),
            Values::I32(a) => Data::I32(values(a, order)),
            Values::F32(a) => Data::F32(values(a, order)),
            Values::F64(a) => Data::F64(values(a, order)),
            Values::F16(a) => Data::F16(values(a, order)),
            _ => return Err(self.error("is of a type that no tensor has")),
        };
        let shape = self.shape();
        let shape: Vec<usize> = order.iter().map(|&d| shape[d]).collect();
        Tensor::new(shape, data).map_err(|e| self.error(e.to_string()))
    }

    /// As a channel-last tensor, from channels second: `[n, c, spatial..]`
    /// becomes `[n, spatial.., c]`, and weights `[out, in, kernel..]` become
    /// `[out, kernel.., in]`.
    ///
    /// # Errors
    /// When there are fewer than 2 dimensions.
    pub fn channel_last(&self) -> Result<Tensor, CaptureError> {
        let dimensions = self.shape().len();
        if dimensions < 2 {
            return Err(self.error(format!(
                "has shape {:?}, but a batch and a channel dimension are needed",
                self.shape()
            )));
        }
        let mut order: Vec<usize> = (0..dimensions).collect();
        order[1..].rotate_left(1);
        self.permuted(&order)
    }

    /// Integers of any type.
    ///
    /// # Errors
    /// When the values are no integers.
    pub fn integers(&self) -> Result<Vec<i64>, CaptureError> {
        Ok(match &self.values {
            Values::Bool(a) => a.iter().map(|&v| i64::from(v)).collect(),
            Values::I8(a) => a.iter().map(|&v| i64::from(v)).collect(),
            Values::U8(a) => a.iter().map(|&v| i64::from(v)).collect(),
            Values::I16(a) => a.iter().map(|&v| i64::from(v)).collect(),
            Values::U16(a) => a.iter().map(|&v| i64::from(v)).collect(),
            Values::I32(a) => a.iter().map(|&v| i64::from(v)).collect(),
            Values::I64(a) => a.iter().copied().collect(),
            _ => return Err(self.error("holds no integers")),
        })
    }

    /// Floats, f32 widened to f64.
    ///
    /// # Errors
    /// When the values are no floats.
    pub fn floats(&self) -> Result<Vec<f64>, CaptureError> {
        Ok(match &self.values {
            Values::F32(a) => a.iter().map(|&v| f64::from(v)).collect(),
            Values::F64(a) => a.iter().copied().collect(),
            _ => return Err(self.error("holds no floats")),
        })
    }

    /// The word.
    ///
    /// # Errors
    /// When the array is no text.
    pub fn text(&self) -> Result<&str, CaptureError> {
        match &self.values {
            Values::Text(word) => Ok(word),
            _ => Err(self.error("holds no text")),
        }
    }

    /// An error about this array.
    pub(super) fn error(&self, what: impl Into<String>) -> CaptureError {
        CaptureError::Array {
            path: self.path.clone(),
            array: self.name.clone(),
            what: what.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// An archive of one array of bytes that claims `shape` and has `zeros`.
    fn error_of(shape: &str, zeros: usize) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let mut archive = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        archive
            .start_file("x.npy", zip::write::SimpleFileOptions::default())
            .unwrap();
        let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}");
        let header = format!("{header:117}\n");
        archive.write_all(b"\x93NUMPY\x01\x00").unwrap();
        let length = (header.len() as u16).to_le_bytes();
        archive.write_all(&length).unwrap();
        archive.write_all(header.as_bytes()).unwrap();
        archive.write_all(&vec![0; zeros]).unwrap();
        archive.finish().unwrap();
        match Npz::read(&path) {
            Ok(npz) => format!("{:?}", npz.array("x").unwrap().shape()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_header_that_claims_more_than_there_is_is_refused() {
        assert_eq!(error_of("(2, 3)", 6), "[2, 3]");
        assert_eq!(error_of("()", 1), "[]");
        for shape in ["(1000000000000,)", "(99999999999, 99999999999)", "(2, -3)"] {
            let error = error_of(shape, 6);
            assert!(error.contains("shape"), "{error}");
            assert!(error.contains("a.npz"), "{error}");
        }
    }

    #[test]
    fn an_array_that_unpacks_without_end_is_refused() {
        let error = error_of("(6,)", MOST_BYTES as usize);
        assert!(error.contains("unpacks to more than"), "{error}");
    }
}
