//! What a `model.onnx` beside captured tensors says of its nodes: op types and
//! attributes. Reads the few protobuf fields that this takes (ModelProto.graph,
//! GraphProto.node, NodeProto.op_type and attribute, AttributeProto's name, i, s
//! and ints; see onnx/onnx.proto) and skips all others.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::CaptureError;

/// The nodes of a model's graph, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OnnxModel {
    pub(super) nodes: Vec<Node>,
}

/// One node: its op and attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) op: String,
    attributes: BTreeMap<String, Attribute>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Attribute {
    integer: Option<i64>,
    text: Option<String>,
    integers: Vec<i64>,
}

impl OnnxModel {
    /// Reads the model at `path`.
    ///
    /// # Errors
    /// When it is absent or no protobuf message of this form.
    pub(super) fn read(path: &Path) -> Result<Self, CaptureError> {
        let bytes = std::fs::read(path).map_err(|e| CaptureError::unreadable(path, e))?;
        Self::parse(&bytes).ok_or_else(|| CaptureError::Problem {
            path: path.to_owned(),
            what: "is no ONNX model".into(),
        })
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let graph = fields(bytes)?.into_iter().rfind(|(id, _)| *id == 7)?.1;
        let nodes = fields(graph.bytes()?)?
            .into_iter()
            .filter(|(id, _)| *id == 1)
            .map(|(_, node)| Node::parse(node.bytes()?))
            .collect::<Option<_>>()?;
        Some(Self { nodes })
    }
}

impl Node {
    /// An integer attribute.
    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.attributes.get(name)?.integer
    }

    /// A text attribute.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.text.as_deref()
    }

    /// A list of integers.
    pub(super) fn integers(&self, name: &str) -> Option<&[i64]> {
        self.attributes.get(name).map(|a| a.integers.as_slice())
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut node = Self::default();
        for (id, field) in fields(bytes)? {
            match id {
                4 => node.op = field.text()?,
                5 => {
                    let (name, attribute) = Attribute::parse(field.bytes()?)?;
                    node.attributes.insert(name, attribute);
                }
                _ => {}
            }
        }
        Some(node)
    }
}

impl Attribute {
    fn parse(bytes: &[u8]) -> Option<(String, Self)> {
        let (mut name, mut attribute) = (String::new(), Self::default());
        for (id, field) in fields(bytes)? {
            match (id, field) {
                (1, field) => name = field.text()?,
                (3, Field::Integer(value)) => attribute.integer = Some(value),
                (4, field) => attribute.text = field.text(),
                (8, Field::Integer(value)) => attribute.integers.push(value),
                (8, Field::Bytes(mut packed)) => {
                    while !packed.is_empty() {
                        attribute.integers.push(varint(&mut packed)? as i64);
                    }
                }
                _ => {}
            }
        }
        Some((name, attribute))
    }
}

/// A field of a protobuf message.
#[derive(Debug, Clone, Copy)]
enum Field<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
    Fixed,
}

impl<'a> Field<'a> {
    fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    fn text(self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }
}

/// The fields of a message by number; `None` when the bytes are no message.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let field = match key & 7 {
            0 => Field::Integer(varint(&mut bytes)? as i64),
            1 => {
                bytes = bytes.get(8..)?;
                Field::Fixed
            }
            2 => {
                let len = usize::try_from(varint(&mut bytes)?).ok()?;
                let (value, rest) = bytes.split_at_checked(len)?;
                bytes = rest;
                Field::Bytes(value)
            }
            5 => {
                bytes = bytes.get(4..)?;
                Field::Fixed
            }
            _ => return None,
        };
        fields.push((key >> 3, field));
    }
    Some(fields)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(id: u8, bytes: &[u8]) -> Vec<u8> {
        [&[id << 3 | 2, bytes.len() as u8], bytes].concat()
    }

    fn model() -> Vec<u8> {
        let axis = [field(1, b"axis"), vec![3 << 3, 1, 14 << 3 | 5, 0, 0, 0, 0]].concat();
        let minus = [
            field(1, b"minus"),
            vec![3 << 3],
            [0xff; 9].to_vec(),
            vec![1],
        ]
        .concat();
        let pads = [field(1, b"pads"), vec![8 << 3, 1, 8 << 3, 0xac, 2]].concat();
        let packed = [field(1, b"packed"), field(8, &[5, 0xac, 2])].concat();
        let mode = [field(1, b"round_mode"), field(4, b"up")].concat();
        let node = [
            field(1, b"x"),
            field(4, b"QuantizeLinear"),
            field(5, &axis),
            field(5, &minus),
            field(5, &pads),
            field(5, &packed),
            field(5, &mode),
        ]
        .concat();
        let graph = [field(1, &node), field(1, &field(4, b"Cast"))].concat();
        [vec![1 << 3, 9], field(7, &graph)].concat()
    }

    #[test]
    fn nodes_and_attributes_are_read_and_the_rest_is_skipped() {
        let model = OnnxModel::parse(&model()).unwrap();
        let ops: Vec<&str> = model.nodes.iter().map(|n| n.op.as_str()).collect();
        assert_eq!(ops, ["QuantizeLinear", "Cast"]);
        let node = &model.nodes[0];
        assert_eq!(node.integer("axis"), Some(1));
        assert_eq!(node.integer("minus"), Some(-1));
        assert_eq!(node.integers("pads"), Some(&[1, 300][..]));
        assert_eq!(node.integers("packed"), Some(&[5, 300][..]));
        assert_eq!(node.text("round_mode"), Some("up"));
        assert_eq!(node.integer("block_size"), None);
    }

    #[test]
    fn what_is_cut_off_or_no_message_is_refused() {
        let whole = model();
        assert!(OnnxModel::parse(&whole[..whole.len() - 1]).is_none());
        assert!(OnnxModel::parse(&[0xff; 20]).is_none());
        assert!(OnnxModel::parse(&[]).is_none());
    }
}
