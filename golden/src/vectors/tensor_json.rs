//! Tensors in JSON: `{"dtype":"u8","shape":[2,3],"data":[..]}`. Floats are the
//! shortest decimals that read back to the same bits; what JSON has no number
//! for is a string: `"NaN"`, `"inf"`, `"-inf"`. Floats of at most 16 bits are
//! their bit patterns, as integers.

use crate::tensor::{DType, Data, Tensor};
use serde::de::{Error, Visitor};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

impl Serialize for Tensor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tensor = serializer.serialize_struct("Tensor", 3)?;
        tensor.serialize_field("dtype", &self.dtype())?;
        tensor.serialize_field("shape", self.shape())?;
        tensor.serialize_field("data", self.data())?;
        tensor.end()
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::U8(values) => serializer.collect_seq(values),
            Self::I8(values) => serializer.collect_seq(values),
            Self::I32(values) => serializer.collect_seq(values),
            Self::F32(values) => serializer.collect_seq(values.iter().map(|&v| Single(v))),
            Self::F64(values) => serializer.collect_seq(values.iter().map(|&v| Double(v))),
            Self::U16(values) | Self::F16(values) | Self::BF16(values) => {
                serializer.collect_seq(values)
            }
            Self::I16(values) => serializer.collect_seq(values),
            Self::I64(values) => serializer.collect_seq(values),
            Self::Narrow(values) if values.dtype().is_bit_pattern() => {
                serializer.collect_seq(values.bytes())
            }
            Self::Narrow(values) => {
                serializer.collect_seq((0..values.bytes().len()).map(|index| values.code(index)))
            }
        }
    }
}

struct Single(f32);
struct Double(f64);

impl Serialize for Single {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match special(f64::from(self.0)) {
            Some(word) => serializer.serialize_str(word),
            None => serializer.serialize_f32(self.0),
        }
    }
}

impl Serialize for Double {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match special(self.0) {
            Some(word) => serializer.serialize_str(word),
            None => serializer.serialize_f64(self.0),
        }
    }
}

fn special(value: f64) -> Option<&'static str> {
    match value {
        _ if value.is_nan() => Some("NaN"),
        f64::INFINITY => Some("inf"),
        f64::NEG_INFINITY => Some("-inf"),
        _ => None,
    }
}

impl<'de> Deserialize<'de> for Tensor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Form {
            dtype: DType,
            shape: Vec<usize>,
            data: Vec<Scalar>,
        }
        let form = Form::deserialize(deserializer)?;
        let data = data(form.dtype, &form.data).map_err(D::Error::custom)?;
        Self::new(form.shape, data).map_err(D::Error::custom)
    }
}

fn data(dtype: DType, scalars: &[Scalar]) -> Result<Data, String> {
    if let Some((lo, hi)) = dtype.code_range() {
        let codes = (scalars.iter())
            .map(|scalar| match scalar {
                Scalar::Integer(code) if (lo..=hi).contains(code) => Ok(*code),
                other => Err(format!("{other} is no {} code", dtype.name())),
            })
            .collect::<Result<Vec<_>, _>>()?;
        return Ok(Data::from_codes(dtype, codes));
    }
    if dtype.is_bit_pattern() {
        let top = (1 << dtype.bits()) - 1;
        let bits = (scalars.iter())
            .map(|scalar| match scalar {
                Scalar::Integer(bits) if (0..=top).contains(bits) => Ok(*bits as u16),
                other => Err(format!("{other} is no {} bit pattern", dtype.name())),
            })
            .collect::<Result<Vec<_>, _>>()?;
        return Ok(Data::from_bits(dtype, bits));
    }
    let values = scalars.iter().map(Scalar::real);
    Ok(match dtype {
        DType::F32 => Data::F32(
            values
                .map(|v| Ok(v? as f32))
                .collect::<Result<_, String>>()?,
        ),
        _ => Data::F64(values.collect::<Result<_, _>>()?),
    })
}

enum Scalar {
    Integer(i64),
    Real(f64),
    Word(String),
}

impl Scalar {
    fn real(&self) -> Result<f64, String> {
        match self {
            Self::Integer(value) => Ok(*value as f64),
            Self::Real(value) => Ok(*value),
            Self::Word(word) => match word.as_str() {
                "NaN" => Ok(f64::NAN),
                "inf" => Ok(f64::INFINITY),
                "-inf" => Ok(f64::NEG_INFINITY),
                _ => Err(format!(
                    "{self} is no number; NaN, inf and -inf are the only words"
                )),
            },
        }
    }
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Real(value) => write!(f, "{value}"),
            Self::Word(word) => write!(f, "{word:?}"),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Scalar;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number, \"NaN\", \"inf\" or \"-inf\"")
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar::Integer(value))
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar, E> {
                i64::try_from(value).map(Scalar::Integer).map_err(E::custom)
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar, E> {
                Ok(Scalar::Real(value))
            }
            fn visit_str<E: Error>(self, word: &str) -> Result<Scalar, E> {
                Ok(Scalar::Word(word.to_owned()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
