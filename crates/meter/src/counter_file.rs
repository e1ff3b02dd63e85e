//! A counter that is one number in a text file of the kernel.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::counter_source::RawCounter;

/// Why a counter file gave no number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CounterFault {
    #[error("reading it is not permitted")]
    Denied,
    #[error("it cannot be read ({0})")]
    Unreadable(ErrorKind),
    #[error("it holds no unsigned number (but {0:?})")]
    NotANumber(String),
}

impl From<io::Error> for CounterFault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::PermissionDenied => Self::Denied,
            kind => Self::Unreadable(kind),
        }
    }
}

/// An open counter file; kept open because a read then costs 0.4 µs instead of 3 µs.
#[derive(Debug)]
pub(crate) struct CounterFile {
    path: PathBuf,
    file: File,
}

impl CounterFile {
    pub(crate) fn open(path: PathBuf) -> Result<Self, CounterFault> {
        let file = File::open(&path)?;
        Ok(Self { path, file })
    }
}

impl RawCounter for CounterFile {
    /// A file that fails is opened anew once, in case its zone came back.
    fn read_uj(&mut self) -> Result<u64, CounterFault> {
        read_number(&self.file).or_else(|_| {
            self.file = File::open(&self.path)?;
            read_number(&self.file)
        })
    }
}

/// Reads a file that holds one unsigned number.
pub(crate) fn number_in(path: &Path) -> Option<u64> {
    read_number(&File::open(path).ok()?).ok()
}

fn read_number(file: &File) -> Result<u64, CounterFault> {
    let mut text = [0_u8; 32];
    let length = file.read_at(&mut text, 0)?;
    let text = String::from_utf8_lossy(&text[..length]);
    let number = text.trim();
    number.parse().map_err(|_| CounterFault::NotANumber(number.to_owned()))
}
