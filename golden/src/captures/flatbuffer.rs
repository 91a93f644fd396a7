//! FlatBuffers without a schema compiler: tables, vectors and strings of a
//! file, every offset checked against its length.
//!
//! Source: the FlatBuffers documentation (internals: tables, vtables, vectors).

/// An offset that leads out of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("offset {0} leads out of the file")]
pub(super) struct Damaged(usize);

/// A table: fields by number, each present or left at its default.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Table<'a> {
    /// The table that a file is.
    pub fn root(bytes: &'a [u8]) -> Result<Self, Damaged> {
        let at = offset(bytes, 0)?;
        Ok(Self { bytes, at })
    }

    /// A number of `N` bytes, little-endian; `None` where it has its default.
    pub fn number<const N: usize>(self, field: usize) -> Result<Option<[u8; N]>, Damaged> {
        (self.field(field)?)
            .map(|at| read(self.bytes, at))
            .transpose()
    }

    /// A flag that is false by default.
    pub fn flag(self, field: usize) -> Result<bool, Damaged> {
        Ok(self.number(field)? == Some([1u8]))
    }

    /// An integer of 32 bits without a sign that is 0 by default.
    pub fn u32(self, field: usize) -> Result<u32, Damaged> {
        Ok(self.number(field)?.map_or(0, u32::from_le_bytes))
    }

    /// The table that a field leads to.
    pub fn table(self, field: usize) -> Result<Option<Self>, Damaged> {
        let Some(at) = self.field(field)? else {
            return Ok(None);
        };
        let at = offset(self.bytes, at)?;
        Ok(Some(Self { at, ..self }))
    }

    /// A vector of bytes; empty where the field is absent.
    pub fn bytes(self, field: usize) -> Result<&'a [u8], Damaged> {
        self.vector(field, 1)
    }

    /// A vector of integers of 32 bits.
    pub fn integers(self, field: usize) -> Result<Vec<i32>, Damaged> {
        let bytes = self.vector(field, 4)?;
        let integer = |four: &[u8]| i32::from_le_bytes([four[0], four[1], four[2], four[3]]);
        Ok(bytes.chunks_exact(4).map(integer).collect())
    }

    /// A vector of tables.
    pub fn tables(self, field: usize) -> Result<Vec<Self>, Damaged> {
        let targets = self.targets(field)?;
        Ok(targets.into_iter().map(|at| Self { at, ..self }).collect())
    }

    /// A string; empty where the field is absent.
    pub fn string(self, field: usize) -> Result<String, Damaged> {
        Ok(String::from_utf8_lossy(self.vector(field, 1)?).into_owned())
    }

    /// A vector of strings.
    pub fn strings(self, field: usize) -> Result<Vec<String>, Damaged> {
        (self.targets(field)?.into_iter())
            .map(|at| {
                let length = u32::from_le_bytes(read(self.bytes, at)?) as usize;
                let text = slice(self.bytes, at + 4, length)?;
                Ok(String::from_utf8_lossy(text).into_owned())
            })
            .collect()
    }

    /// Where a field's value lies.
    fn field(self, field: usize) -> Result<Option<usize>, Damaged> {
        let back = i32::from_le_bytes(read(self.bytes, self.at)?);
        let vtable =
            usize::try_from(self.at as i64 - i64::from(back)).map_err(|_| Damaged(self.at))?;
        let length = u16::from_le_bytes(read(self.bytes, vtable)?) as usize;
        let entry = 4 + 2 * field;
        if entry + 2 > length {
            return Ok(None);
        }
        let at = u16::from_le_bytes(read(self.bytes, vtable + entry)?) as usize;
        Ok((at != 0).then_some(self.at + at))
    }

    /// The elements of a vector, `size` bytes each.
    fn vector(self, field: usize, size: usize) -> Result<&'a [u8], Damaged> {
        let Some(at) = self.field(field)? else {
            return Ok(&[]);
        };
        let at = offset(self.bytes, at)?;
        let length = u32::from_le_bytes(read(self.bytes, at)?) as usize;
        slice(self.bytes, at + 4, length.saturating_mul(size))
    }

    /// Where the elements of a vector of offsets lead.
    fn targets(self, field: usize) -> Result<Vec<usize>, Damaged> {
        let Some(at) = self.field(field)? else {
            return Ok(Vec::new());
        };
        let at = offset(self.bytes, at)?;
        let length = self.vector(field, 4)?.len() / 4;
        (0..length)
            .map(|index| offset(self.bytes, at + 4 + 4 * index))
            .collect()
    }
}

/// Where the offset at `at` leads.
fn offset(bytes: &[u8], at: usize) -> Result<usize, Damaged> {
    Ok(at + u32::from_le_bytes(read(bytes, at)?) as usize)
}

fn read<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Damaged> {
    let found = slice(bytes, at, N)?;
    found.try_into().map_err(|_| Damaged(at))
}

fn slice(bytes: &[u8], at: usize, length: usize) -> Result<&[u8], Damaged> {
    at.checked_add(length)
        .and_then(|end| bytes.get(at..end))
        .ok_or(Damaged(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table with field 0 absent, field 1 the number 7, field 2 the string "ab".
    fn file() -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(16u32.to_le_bytes()); // root
        bytes.extend([10, 0, 12, 0, 0, 0, 4, 0, 8, 0]); // vtable at 4: length, table size, fields
        bytes.extend([0, 0]);
        bytes.extend(12i32.to_le_bytes()); // table at 16, vtable 12 before it
        bytes.extend(7u32.to_le_bytes());
        bytes.extend(4u32.to_le_bytes()); // to 28
        bytes.extend(2u32.to_le_bytes());
        bytes.extend(*b"ab\0");
        bytes
    }

    #[test]
    fn fields_are_found_and_absent_ones_have_their_default() {
        let bytes = file();
        let table = Table::root(&bytes).unwrap();
        assert_eq!(table.u32(0), Ok(0));
        assert_eq!(table.u32(1), Ok(7));
        assert_eq!(table.string(2), Ok("ab".into()));
        assert_eq!(table.u32(3), Ok(0));
        assert_eq!(table.bytes(0), Ok(&[][..]));
    }

    #[test]
    fn a_truncated_file_is_refused() {
        let bytes = file();
        let text = |length: usize| Table::root(&bytes[..length])?.string(2);
        assert_eq!(text(bytes.len() - 1), Ok("ab".into()));
        for length in 0..bytes.len() - 1 {
            assert!(text(length).is_err(), "{length} bytes");
        }
    }
}
