//! What can go wrong with the files of a run.

use std::io;
use std::path::{Path, PathBuf};

/// An error of the run directory; every message names the file and, where there is one, a way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The directory of a new run exists.
    #[error("{} exists already and is never overwritten; choose another name, or continue it with --resume", .path.display())]
    AlreadyExists {
        /// The directory.
        path: PathBuf,
    },
    /// The name of a new run is not one plain folder name.
    #[error(
        "`{name}` is no name for a run: use one folder name without separators, such as `spm-wide`"
    )]
    BadName {
        /// The name as given.
        name: String,
    },
    /// No right to write, or a read-only disk.
    #[error("cannot write {}: {}; choose another place with --out", .path.display(), unwritable(.reason))]
    NotWritable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// A folder in place of a file, no right to read, or no text.
    #[error("cannot read {}: {}", .path.display(), words(.reason))]
    NotReadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// The disk or the quota is full.
    #[error("no space left to write {}; what was there before is unchanged. Make room and try again", .path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// A file or folder does not exist.
    #[error("{} does not exist", .path.display())]
    Missing {
        /// The file or folder.
        path: PathBuf,
    },
    /// Any other failure of the file system.
    #[error("{}: {reason}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// The folder has no manifest.
    #[error("{} is not a run: it has no manifest.json", .path.display())]
    NotARun {
        /// The folder.
        path: PathBuf,
    },
    /// Several runs begin with the text given.
    #[error("`{text}` fits several runs: {}", .found.join(", "))]
    Ambiguous {
        /// The text as given.
        text: String,
        /// Names of the runs that fit.
        found: Vec<String>,
    },
    /// A JSON file does not parse.
    #[error("{}: line {line}: {reason}", .path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A CSV file does not parse.
    #[error("{}: line {line}: {reason}", .path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A table that cannot be written.
    #[error("{}: columns have different lengths: {lengths}", .path.display())]
    RaggedTable {
        /// The file.
        path: PathBuf,
        /// Headers with their lengths.
        lengths: String,
    },
    /// A file written by a newer version of the program.
    #[error("{} has format {found}; this version reads up to {known}: use a newer surrogate", .path.display())]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Format version found.
        found: u64,
        /// Newest format version known.
        known: u64,
    },
    /// The file does not begin like a checkpoint.
    #[error("{} is not a checkpoint", .path.display())]
    NotACheckpoint {
        /// The file.
        path: PathBuf,
    },
    /// The file ends too early.
    #[error("checkpoint {} is cut off: {found} of {expected} bytes", .path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Length that the file states, bytes.
        expected: u64,
        /// Length of the file, bytes.
        found: u64,
    },
    /// The contents do not fit the checksum.
    #[error("checkpoint {} is damaged: its checksum does not match", .path.display())]
    ChecksumMismatch {
        /// The file.
        path: PathBuf,
    },
    /// The checksum is right and the contents make no sense.
    #[error("checkpoint {}: {reason}", .path.display())]
    MalformedCheckpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An HDF5 file cannot be written or read.
    #[error("{}: {reason}", .path.display())]
    Hdf5 {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The shape of a data set does not fit its number of values.
    #[error("{}: `{dataset}` has shape {shape:?} and {values} values", .path.display())]
    WrongShape {
        /// The file.
        path: PathBuf,
        /// Data set, with its group.
        dataset: String,
        /// Shape.
        shape: Vec<u64>,
        /// Number of values.
        values: usize,
    },
}

fn unwritable(reason: &io::Error) -> String {
    match reason.kind() {
        io::ErrorKind::NotFound => "its folder does not exist".to_owned(),
        _ => words(reason),
    }
}

/// What the system said, in plain words where there are some.
#[must_use]
pub fn words(reason: &io::Error) -> String {
    let plain = match reason.kind() {
        io::ErrorKind::NotFound => "it does not exist",
        io::ErrorKind::PermissionDenied => "no permission",
        io::ErrorKind::ReadOnlyFilesystem => "the disk is read-only",
        io::ErrorKind::IsADirectory => "it is a folder",
        io::ErrorKind::NotADirectory => "part of the path is a file, not a folder",
        io::ErrorKind::AlreadyExists => "there is a file of that name",
        io::ErrorKind::InvalidFilename => "the name is too long or not allowed",
        io::ErrorKind::InvalidData => "it is not UTF-8 text",
        _ => return reason.to_string(),
    };
    plain.to_owned()
}

impl RunError {
    /// Sorts an error of the file system while *writing* `path`.
    pub(crate) fn writing(path: &Path, reason: io::Error) -> Self {
        let path = path.to_owned();
        match reason.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::InvalidFilename
            | io::ErrorKind::FileTooLarge => Self::NotWritable { path, reason },
            _ => Self::Io { path, reason },
        }
    }

    /// Sorts an error of the file system while *reading* `path`.
    pub(crate) fn reading(path: &Path, reason: io::Error) -> Self {
        let path = path.to_owned();
        match reason.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidFilename
            | io::ErrorKind::InvalidData => Self::NotReadable { path, reason },
            _ => Self::Io { path, reason },
        }
    }

    /// Whether the user can mend it (exit code 1) rather than us or the machine (exit code 2).
    #[must_use]
    pub fn is_for_the_user(&self) -> bool {
        !matches!(self, Self::Io { .. } | Self::RaggedTable { .. } | Self::WrongShape { .. })
    }
}
