//! Reading and writing whole files.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::RunError;

/// Writes a file whole or not at all.
///
/// The bytes go to a temporary file in the same folder, which is synchronised with the disk and
/// then renamed, so that a reader sees the old contents or the new and never a part.
///
/// # Errors
/// [`RunError::NotWritable`], [`RunError::DiskFull`] or [`RunError::Io`]; the old file is unchanged.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    let failed = |reason| RunError::writing(path, reason);
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".writing-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As for any new file; the mask of the process still applies.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    // The rename itself is durable once the folder is; not every file system can do this.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Writes a value as indented JSON with a final newline, whole or not at all.
///
/// # Errors
/// As [`write_atomic`], and [`RunError::Json`] for a value that has no JSON form.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), RunError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| json_error(path, &error))?;
    bytes.push(b'\n');
    write_atomic(path, &bytes)
}

/// Reads a JSON file.
///
/// # Errors
/// [`RunError::Missing`], [`RunError::Io`], [`RunError::Json`] with the line.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, RunError> {
    serde_json::from_slice(&read_bytes(path)?).map_err(|error| json_error(path, &error))
}

/// Reads a whole file.
///
/// # Errors
/// [`RunError::Missing`] or [`RunError::Io`].
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, RunError> {
    fs::read(path).map_err(|reason| RunError::reading(path, reason))
}

/// Reads a whole text file.
///
/// # Errors
/// [`RunError::Missing`], [`RunError::NotReadable`] (also for text that is not UTF-8) or
/// [`RunError::Io`].
pub fn read_text(path: &Path) -> Result<String, RunError> {
    fs::read_to_string(path).map_err(|reason| RunError::reading(path, reason))
}

/// BLAKE3 hash of some bytes as 64 hexadecimal digits.
#[must_use]
pub fn hash_hex(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

pub(crate) fn json_error(path: &Path, error: &serde_json::Error) -> RunError {
    RunError::Json { path: path.to_owned(), line: error.line().max(1), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_atomic(&path, b"one").unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(read_bytes(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no/such/a.txt");
        let error = write_atomic(&path, b"").unwrap_err();
        assert!(error.to_string().contains("no/such/a.txt"), "{error}");
    }

    #[test]
    fn a_file_in_place_of_a_folder_is_not_writable() {
        let folder = tempfile::tempdir().unwrap();
        write_atomic(&folder.path().join("a"), b"").unwrap();
        let error = write_atomic(&folder.path().join("a/b.txt"), b"").unwrap_err();
        assert!(matches!(error, RunError::NotWritable { .. }), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_apart() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = RunError::writing(Path::new("runs/a/best.ckpt"), full);
        assert!(matches!(error, RunError::DiskFull { .. }));
        assert!(error.to_string().contains("runs/a/best.ckpt"));
        assert!(error.is_for_the_user());
    }

    #[test]
    fn what_the_user_can_mend_is_told_from_what_is_broken() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        assert!(read_text(at).unwrap_err().is_for_the_user());
        assert!(write_atomic(&at.join("no/a.txt"), b"").unwrap_err().is_for_the_user());
        assert!(write_atomic(&at.join("n".repeat(300)), b"").unwrap_err().is_for_the_user());
        fs::write(at.join("x"), [0xff]).unwrap();
        assert!(read_text(&at.join("x")).unwrap_err().to_string().contains("UTF-8"));
        let broken = RunError::reading(at, std::io::Error::other("bad block"));
        assert!(!broken.is_for_the_user());
    }

    #[test]
    fn a_json_error_names_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write_atomic(&path, b"{\n \"a\": 1,\n oops }").unwrap();
        let error = read_json::<serde_json::Value>(&path).unwrap_err();
        assert!(error.to_string().contains("a.json: line 3"), "{error}");
    }
}
