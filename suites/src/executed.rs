//! Which instructions one run of a kernel executes, by kind: whether a plugin runs on the
//! instruction set that it declares. Bits cannot tell, and its file cannot either, since engines
//! make code when they run; so a process of its own is followed instruction by instruction.
//!
//! What the C library executes is not counted: its copies have wide registers whatever the plugin is.

// Where no process can be followed, nothing is counted.
#![cfg_attr(
    not(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64")),
    allow(dead_code)
)]

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use crate::os::steps;

/// Instructions by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Executed {
    /// all, but those of the C library
    pub all: u64,
    /// of AVX, AVX2, AVX-VNNI and AMX
    pub vex: u64,
    /// of AVX-512
    pub evex: u64,
    /// sums of four products of AVX-VNNI
    pub vex_vnni: u64,
    /// sums of four products of AVX-512 VNNI
    pub evex_vnni: u64,
    /// of AMX
    pub tiles: u64,
    /// threads of the process at the end: what others than the first executed is not counted
    pub threads: u64,
}

/// Why nothing is known.
#[derive(Debug, thiserror::Error)]
pub enum ExecutedError {
    /// the system cannot follow a process so, or this CPU is another
    #[error("following instructions needs Linux on x86-64")]
    Elsewhere,
    /// the process could not be followed
    #[error("following {backend}: {what}")]
    Failed {
        /// the backend
        backend: String,
        /// what happened
        what: String,
    },
}

/// What `backend`'s kernel executes in one run on `case`; `program` is this program.
///
/// # Errors
/// [`ExecutedError`].
pub fn executed(program: &OsStr, backend: &str, case: &str) -> Result<Executed, ExecutedError> {
    let mut command = Command::new(program);
    command
        .args(["count", "--unjudged", "--marked", "--iterations", "1"])
        .args(["--backend", backend, "--case", case])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let followed = steps::follow(&mut command).ok_or(ExecutedError::Elsewhere)?;
    followed.map_err(|error| ExecutedError::Failed {
        backend: backend.to_owned(),
        what: error.to_string(),
    })
}

impl Executed {
    /// Counts an instruction that starts with these bytes.
    pub(crate) fn count(&mut self, kind: Kind) {
        self.all += 1;
        self.vex += u64::from(matches!(kind, Kind::Vex | Kind::VexVnni | Kind::Tile));
        self.evex += u64::from(matches!(kind, Kind::Evex | Kind::EvexVnni));
        self.vex_vnni += u64::from(kind == Kind::VexVnni);
        self.evex_vnni += u64::from(kind == Kind::EvexVnni);
        self.tiles += u64::from(kind == Kind::Tile);
    }

    /// Whether instructions of `isa` were among them, as a declaration names it; `None` where that
    /// says nothing: an unknown name, or other threads that may have executed them.
    pub fn has(&self, isa: &str) -> Option<bool> {
        let had = match isa {
            "avx2" => self.vex + self.evex,
            "avxvnni" => self.vex_vnni,
            "avx512" => self.evex,
            "avx512vnni" => self.evex_vnni,
            "amx" => self.tiles,
            _ => return None,
        };
        match had {
            0 if self.threads > 1 => None,
            had => Some(had > 0),
        }
    }
}

/// What an instruction is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// anything else
    Other,
    /// `int3`, a mark
    Mark,
    /// an instruction with a VEX prefix
    Vex,
    /// `vpdpbusd` and its like, of AVX-VNNI
    VexVnni,
    /// a load, store or product of tiles
    Tile,
    /// an instruction with an EVEX prefix
    Evex,
    /// `vpdpbusd` and its like, of AVX-512 VNNI
    EvexVnni,
}

/// The kind of the instruction that starts with these bytes, in 64-bit mode. (Intel's manual,
/// volume 2, 2.3 and 2.7: there 62, C4 and C5 start nothing else.)
pub(crate) fn kind(bytes: &[u8]) -> Kind {
    // Segments and address sizes may stand before a prefix of vector instructions.
    let start = bytes
        .iter()
        .position(|byte| !matches!(byte, 0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 | 0x67));
    let bytes = start.map_or(&[][..], |start| &bytes[start..]);
    // Map 2 is of the opcodes behind 0F 38; there 50 to 53 sum products into s32.
    let vnni = |opcode: u8| (0x50..=0x53).contains(&opcode);
    match *bytes {
        [0xcc, ..] => Kind::Mark,
        [0x62, map, _, _, opcode, ..] if map & 7 == 2 && vnni(opcode) => Kind::EvexVnni,
        [0x62, ..] => Kind::Evex,
        [0xc4, map, _, opcode, ..] if map & 31 == 2 && vnni(opcode) => Kind::VexVnni,
        [0xc4, map, _, 0x49 | 0x4b | 0x5c | 0x5e, ..] if map & 31 == 2 => Kind::Tile,
        [0xc4 | 0xc5, ..] => Kind::Vex,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_have_their_kinds() {
        for (bytes, expected) in [
            (&[0x62, 0xf2, 0x6d, 0x48, 0x50, 0xd9][..], Kind::EvexVnni), // vpdpbusd zmm3, zmm2, zmm1
            (&[0x62, 0xf1, 0x6d, 0x48, 0xfe, 0xd9], Kind::Evex),         // vpaddd zmm3, zmm2, zmm1
            (&[0xc4, 0xe2, 0x6d, 0x50, 0xd9], Kind::VexVnni), // vpdpbusd ymm3, ymm2, ymm1
            (&[0xc4, 0xe2, 0x6d, 0x04, 0xd9], Kind::Vex),     // vpmaddubsw ymm3, ymm2, ymm1
            (&[0xc5, 0xed, 0xfe, 0xd9], Kind::Vex),           // vpaddd ymm3, ymm2, ymm1
            (&[0xc4, 0xe2, 0x73, 0x5e, 0xc2], Kind::Tile),    // tdpbsud tmm0, tmm2, tmm1
            (&[0x64, 0xc5, 0xfe, 0x6f, 0x07], Kind::Vex),     // vmovdqu ymm0, fs:[rdi]
            (&[0x66, 0x0f, 0xfe, 0xd9], Kind::Other),         // paddd xmm3, xmm1
            (&[0xcc], Kind::Mark),
            (&[0x0f, 0x05], Kind::Other),
            (&[], Kind::Other),
        ] {
            assert_eq!(kind(bytes), expected, "{bytes:02x?}");
        }
    }

    #[test]
    fn an_instruction_set_is_there_if_one_of_its_own_was_executed() {
        let mut executed = Executed {
            threads: 1,
            ..Executed::default()
        };
        for kind in [Kind::Other, Kind::Vex, Kind::Evex] {
            executed.count(kind);
        }
        let has = |executed: &Executed| {
            ["avx2", "avx512", "avx512vnni", "avxvnni", "amx", "scalar"]
                .map(|isa| executed.has(isa))
        };
        let no = Some(false);
        assert_eq!(has(&executed), [Some(true), Some(true), no, no, no, None]);
        // Another thread may have.
        executed.threads = 2;
        let none = [Some(true), Some(true), None, None, None, None];
        assert_eq!(has(&executed), none);
        executed.count(Kind::EvexVnni);
        assert_eq!(executed.has("avx512vnni"), Some(true));
        assert_eq!((executed.all, executed.vex, executed.evex), (4, 1, 2));
    }
}
