//! Checkpoints: everything that training needs to go on, in one file.
//!
//! Little-endian layout:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `SURROGCK` |
//! | 4 | format version |
//! | 8 | length of the whole file |
//! | 8 + n | length and text of the header (JSON) |
//! | 4 | number of blobs |
//! | each | name length (4), name, kind (1: 0 = f64, 1 = u64), count (8), values (8 each) |
//! | 32 | BLAKE3 hash of everything before |
//!
//! Numbers that must come back to the last bit may stand in either part; large arrays belong in
//! blobs. Nothing is used before the hash has been checked.

use std::path::Path;

use serde_json::Value;

use crate::error::RunError;
use crate::files::{read_bytes, write_atomic};

/// Format version that this program writes, and the newest that it reads.
pub const CHECKPOINT_FORMAT: u32 = 1;

const MAGIC: &[u8; 8] = b"SURROGCK";
/// Magic, version and length.
const PREFIX: usize = 8 + 4 + 8;
const HASH: usize = 32;

/// A checkpoint.
///
/// ```
/// # use surrogate_run::Checkpoint;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("last.ckpt");
/// let checkpoint = Checkpoint {
///     header: serde_json::json!({"step": 1200, "stage": 1}),
///     blobs: vec![("weights".into(), vec![0.1, -0.2])],
///     words: vec![("generator".into(), vec![7, u64::MAX])],
/// };
/// checkpoint.write(&path).unwrap();
/// let back = Checkpoint::read(&path).unwrap();
/// assert_eq!(back.blob("weights"), Some(&[0.1, -0.2][..]));
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Checkpoint {
    /// Scalars and strings: step, stage, time, hash of `resolved.toml`, …
    pub header: Value,
    /// Named arrays of numbers: weights, optimiser state, sampled points.
    pub blobs: Vec<(String, Vec<f64>)>,
    /// Named arrays of words: states of random generators, counters.
    pub words: Vec<(String, Vec<u64>)>,
}

impl Checkpoint {
    /// The numbers called `name`.
    #[must_use]
    pub fn blob(&self, name: &str) -> Option<&[f64]> {
        self.blobs.iter().find(|(found, _)| found == name).map(|(_, values)| values.as_slice())
    }

    /// The words called `name`.
    #[must_use]
    pub fn word(&self, name: &str) -> Option<&[u64]> {
        self.words.iter().find(|(found, _)| found == name).map(|(_, values)| values.as_slice())
    }

    /// The bytes of the file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let header = self.header.to_string();
        let mut bytes = Vec::with_capacity(PREFIX + header.len() + 64);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&CHECKPOINT_FORMAT.to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&(header.len() as u64).to_le_bytes());
        bytes.extend_from_slice(header.as_bytes());
        let count = (self.blobs.len() + self.words.len()) as u32;
        bytes.extend_from_slice(&count.to_le_bytes());
        let floats = self
            .blobs
            .iter()
            .map(|(name, v)| (name, 0_u8, v.iter().map(|x| x.to_bits()).collect::<Vec<u64>>()));
        let words = self.words.iter().map(|(name, v)| (name, 1_u8, v.clone()));
        for (name, kind, values) in floats.chain(words) {
            bytes.extend_from_slice(&(name.len() as u32).to_le_bytes());
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(kind);
            bytes.extend_from_slice(&(values.len() as u64).to_le_bytes());
            bytes.extend(values.iter().flat_map(|x| x.to_le_bytes()));
        }
        let length = (bytes.len() + HASH) as u64;
        bytes[12..20].copy_from_slice(&length.to_le_bytes());
        let hash = blake3::hash(&bytes);
        bytes.extend_from_slice(hash.as_bytes());
        bytes
    }

    /// Reads the bytes of a file; `path` is for messages only.
    ///
    /// # Errors
    /// [`RunError::NotACheckpoint`], [`RunError::NewerFormat`], [`RunError::Truncated`],
    /// [`RunError::ChecksumMismatch`], [`RunError::MalformedCheckpoint`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, RunError> {
        let owned = || path.to_owned();
        if !bytes.starts_with(MAGIC) {
            return Err(RunError::NotACheckpoint { path: owned() });
        }
        let found = bytes.len() as u64;
        let mut prefix = Cursor { bytes, at: MAGIC.len() };
        let (Some(version), Some(expected)) = (prefix.u32(), prefix.u64()) else {
            let expected = (PREFIX + HASH) as u64;
            return Err(RunError::Truncated { path: owned(), expected, found });
        };
        if version != CHECKPOINT_FORMAT {
            let (found, known) = (u64::from(version), u64::from(CHECKPOINT_FORMAT));
            return Err(RunError::NewerFormat { path: owned(), found, known });
        }
        if found < expected || found < (PREFIX + HASH) as u64 {
            return Err(RunError::Truncated { path: owned(), expected, found });
        }
        let (body, hash) = bytes.split_at(bytes.len() - HASH);
        if found != expected || blake3::hash(body).as_bytes() != hash {
            return Err(RunError::ChecksumMismatch { path: owned() });
        }
        parse_body(body).map_err(|reason| RunError::MalformedCheckpoint { path: owned(), reason })
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// As [`write_atomic`].
    pub fn write(&self, path: &Path) -> Result<(), RunError> {
        write_atomic(path, &self.to_bytes())
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`Checkpoint::from_bytes`], and [`RunError::Missing`] or [`RunError::Io`].
    pub fn read(path: &Path) -> Result<Self, RunError> {
        Self::from_bytes(&read_bytes(path)?, path)
    }
}

fn parse_body(body: &[u8]) -> Result<Checkpoint, String> {
    let short = || "a length inside the file is wrong".to_owned();
    let mut cursor = Cursor { bytes: body, at: PREFIX };
    let length = cursor.length().ok_or_else(short)?;
    let header = cursor.take(length).ok_or_else(short)?;
    let header = serde_json::from_slice(header).map_err(|error| format!("header: {error}"))?;
    let mut checkpoint = Checkpoint { header, ..Checkpoint::default() };
    let count = cursor.u32().ok_or_else(short)?;
    for _ in 0..count {
        let length = cursor.u32().ok_or_else(short)? as usize;
        let name = cursor.take(length).ok_or_else(short)?;
        let name = String::from_utf8(name.to_vec()).map_err(|_| "a name is not text".to_owned())?;
        let kind = cursor.take(1).ok_or_else(short)?[0];
        let bytes = cursor.length().and_then(|n| n.checked_mul(8)).ok_or_else(short)?;
        let values = cursor.take(bytes).ok_or_else(short)?.chunks_exact(8).map(little_endian);
        match kind {
            0 => checkpoint.blobs.push((name, values.map(f64::from_bits).collect())),
            1 => checkpoint.words.push((name, values.collect())),
            other => return Err(format!("`{name}` has the unknown kind {other}")),
        }
    }
    if cursor.at == body.len() { Ok(checkpoint) } else { Err(short()) }
}

/// A `u64` from at most 8 little-endian bytes.
fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        u32::try_from(little_endian(self.take(4)?)).ok()
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8).map(little_endian)
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.u64()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn example() -> Checkpoint {
        Checkpoint {
            header: json!({"step": 1200, "stage": "ssbroyden", "loss": 3.1e-7, "seed": u64::MAX}),
            blobs: vec![
                ("weights".into(), (0..97).map(|i| f64::from(i).sin()).collect()),
                ("empty".into(), vec![]),
                ("odd".into(), vec![f64::NAN, f64::NEG_INFINITY, -0.0, 5e-324]),
            ],
            words: vec![("generator".into(), vec![0, u64::MAX, 42])],
        }
    }

    fn read(bytes: &[u8]) -> Result<Checkpoint, RunError> {
        Checkpoint::from_bytes(bytes, Path::new("last.ckpt"))
    }

    #[test]
    fn every_bit_comes_back() {
        let example = example();
        let back = read(&example.to_bytes()).unwrap();
        assert_eq!(back.header, example.header);
        assert_eq!(back.words, example.words);
        let bits = |c: &Checkpoint| -> Vec<(String, Vec<u64>)> {
            let bits = |v: &Vec<f64>| v.iter().map(|x| x.to_bits()).collect();
            c.blobs.iter().map(|(name, v)| (name.clone(), bits(v))).collect()
        };
        assert_eq!(bits(&back), bits(&example));
        assert_eq!(back.to_bytes(), example.to_bytes());
    }

    #[test]
    fn foreign_newer_and_empty_files_are_told_apart() {
        assert!(matches!(read(b""), Err(RunError::NotACheckpoint { .. })));
        assert!(matches!(read(b"\x89HDF\r\n\x1a\n"), Err(RunError::NotACheckpoint { .. })));
        assert!(matches!(read(b"SURROGCK"), Err(RunError::Truncated { .. })));
        let mut newer = example().to_bytes();
        newer[8] = 9;
        let error = read(&newer).unwrap_err();
        assert!(matches!(error, RunError::NewerFormat { found: 9, .. }));
        assert!(error.to_string().contains("last.ckpt"));
        let mut longer = example().to_bytes();
        longer.push(0);
        assert!(matches!(read(&longer), Err(RunError::ChecksumMismatch { .. })));
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = example().to_bytes();
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "accepted {length} bytes");
        }
    }

    #[test]
    fn every_bit_flip_is_refused() {
        let mut bytes = example().to_bytes();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                assert!(read(&bytes).is_err(), "accepted bit {bit} of byte {at}");
                bytes[at] ^= 1 << bit;
            }
        }
        assert!(read(&bytes).is_ok());
    }

    /// Recomputes length and hash, so that the parser behind them is reached.
    fn reseal(mut body: Vec<u8>) -> Vec<u8> {
        let length = (body.len() + HASH) as u64;
        body[12..20].copy_from_slice(&length.to_le_bytes());
        let hash = blake3::hash(&body);
        body.extend_from_slice(hash.as_bytes());
        body
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn random_bytes_never_panic(tail in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut bytes = MAGIC.to_vec();
            bytes.extend(&tail);
            prop_assert!(read(&bytes).is_err());
            prop_assert!(read(&tail).is_err());
        }

        #[test]
        fn damage_behind_a_right_checksum_never_panics(
            at in 20_usize..400, value in any::<u8>(), cut in 0_usize..300,
        ) {
            let bytes = example().to_bytes();
            let mut body = bytes[..bytes.len() - HASH].to_vec();
            let at = at % body.len();
            if at >= PREFIX {
                body[at] = value;
            }
            let keep = PREFIX.max(body.len() - cut.min(body.len()));
            body.truncate(keep);
            let _ = read(&reseal(body)); // any answer, no panic, no huge allocation
        }
    }

    #[test]
    fn a_file_is_replaced_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("best.ckpt");
        example().write(&path).unwrap();
        assert_eq!(
            Checkpoint::read(&path).unwrap().word("generator"),
            Some(&[0, u64::MAX, 42][..])
        );
        let missing = Checkpoint::read(&folder.path().join("none.ckpt"));
        assert!(matches!(missing, Err(RunError::Missing { .. })));
    }
}
