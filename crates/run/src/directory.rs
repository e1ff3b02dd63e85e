//! Making, opening and finding run directories.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Zoned;

use crate::checkpoint::Checkpoint;
use crate::error::RunError;
use crate::files::write_atomic;
use crate::lines::JsonLines;
use crate::manifest::Manifest;

/// Folder of runs where none is given.
pub const RUNS_FOLDER: &str = "runs";
/// Environment variable that names the folder of runs.
pub const RUNS_VARIABLE: &str = "SURROGATE_RUNS";

/// The folder of runs: `out` if given, else `$SURROGATE_RUNS`, else `runs`.
#[must_use]
pub fn runs_folder(out: Option<&Path>) -> PathBuf {
    let variable = std::env::var_os(RUNS_VARIABLE).filter(|value| !value.is_empty());
    match (out, variable) {
        (Some(path), _) => path.to_owned(),
        (None, Some(value)) => value.into(),
        (None, None) => RUNS_FOLDER.into(),
    }
}

/// How the folder of a new run gets its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderName<'a> {
    /// Exactly this name (`--name`).
    Exact(&'a str),
    /// Date, time, this stem, and four hexadecimal digits: `20261121-0748-spm-7f3a`.
    Stem(&'a str),
}

/// A run directory on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDirectory {
    path: PathBuf,
}

impl RunDirectory {
    /// Makes a new run directory in `parent` (made if missing) with `manifest.json` and
    /// `checkpoints/`, and sets `manifest.id`.
    ///
    /// ```
    /// # use surrogate_run::{FolderName, Manifest, RunDirectory};
    /// # let parent = tempfile::tempdir().unwrap();
    /// # let parent = parent.path();
    /// let now = jiff::Zoned::now();
    /// let mut manifest = Manifest::start("spm", "Single-particle model", now.timestamp());
    /// let run = RunDirectory::create(parent, FolderName::Stem("spm"), &now, &mut manifest).unwrap();
    /// run.write_text("problem.toml", "title = \"Single-particle model\"\n").unwrap();
    /// run.metrics().unwrap().write(&serde_json::json!({"step": 1, "loss": 0.5})).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`RunError::AlreadyExists`] (an existing directory is never touched), [`RunError::BadName`],
    /// [`RunError::NotWritable`], [`RunError::DiskFull`], [`RunError::Io`].
    pub fn create(
        parent: &Path,
        name: FolderName<'_>,
        now: &Zoned,
        manifest: &mut Manifest,
    ) -> Result<Self, RunError> {
        if let FolderName::Exact(name) = name {
            check_name(name)?;
        }
        fs::create_dir_all(parent).map_err(|reason| RunError::writing(parent, reason))?;
        let tries: u32 = if matches!(name, FolderName::Exact(_)) { 1 } else { 64 };
        let mut path = parent.to_owned();
        for salt in 0..tries {
            let id = folder_name(name, now, manifest, salt, parent)?;
            path = parent.join(&id);
            match fs::create_dir(&path) {
                Ok(()) => {
                    manifest.id = id;
                    let run = Self { path };
                    let begun = run.make_folder("checkpoints");
                    return match begun.and_then(|()| run.write_manifest(manifest)) {
                        Ok(()) => Ok(run),
                        Err(error) => {
                            // ours and empty: half a run helps nobody
                            let _ = fs::remove_dir_all(run.path());
                            Err(error)
                        }
                    };
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(RunError::writing(&path, error)),
            }
        }
        Err(RunError::AlreadyExists { path })
    }

    /// Opens an existing run directory.
    ///
    /// # Errors
    /// [`RunError::Missing`] or [`RunError::NotARun`].
    pub fn open(path: &Path) -> Result<Self, RunError> {
        if !path.is_dir() {
            return Err(RunError::Missing { path: path.to_owned() });
        }
        if !path.join("manifest.json").is_file() {
            return Err(RunError::NotARun { path: path.to_owned() });
        }
        Ok(Self { path: path.to_owned() })
    }

    /// Opens the run that `text` means: a path, a name in `parent`, or the only name in `parent`
    /// that begins or ends with it (`7f3a`).
    ///
    /// # Errors
    /// [`RunError::Missing`], [`RunError::NotARun`], [`RunError::Ambiguous`].
    pub fn find(parent: &Path, text: &str) -> Result<Self, RunError> {
        for path in [PathBuf::from(text), parent.join(text)] {
            if path.is_dir() && !text.is_empty() {
                return Self::open(&path);
            }
        }
        let mut found: Vec<String> = fs::read_dir(parent)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| !text.is_empty() && (name.starts_with(text) || name.ends_with(text)))
            .filter(|name| parent.join(name).join("manifest.json").is_file())
            .collect();
        found.sort();
        match found.as_slice() {
            [] => Err(RunError::Missing { path: parent.join(text) }),
            [only] => Self::open(&parent.join(only)),
            _ => Err(RunError::Ambiguous { text: text.to_owned(), found }),
        }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Name of the directory.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.path.file_name().map(OsStr::to_string_lossy);
        name.map_or_else(|| self.path.display().to_string(), |name| name.into_owned())
    }

    /// Path of a file in the directory.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes a folder in the directory.
    ///
    /// # Errors
    /// [`RunError::NotWritable`], [`RunError::DiskFull`], [`RunError::Io`].
    pub fn make_folder(&self, name: &str) -> Result<(), RunError> {
        let path = self.file(name);
        fs::create_dir_all(&path).map_err(|reason| RunError::writing(&path, reason))
    }

    /// Reads `manifest.json`.
    ///
    /// # Errors
    /// As [`Manifest::read`].
    pub fn manifest(&self) -> Result<Manifest, RunError> {
        Manifest::read(&self.file("manifest.json"))
    }

    /// Replaces `manifest.json`.
    ///
    /// # Errors
    /// As [`write_atomic`].
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<(), RunError> {
        manifest.write(&self.file("manifest.json"))
    }

    /// Replaces a text file, such as `problem.toml`.
    ///
    /// # Errors
    /// As [`write_atomic`].
    pub fn write_text(&self, name: &str, text: &str) -> Result<(), RunError> {
        write_atomic(&self.file(name), text.as_bytes())
    }

    /// Opens `metrics.jsonl` for more lines.
    ///
    /// # Errors
    /// As [`JsonLines::append`].
    pub fn metrics(&self) -> Result<JsonLines, RunError> {
        JsonLines::append(&self.file("metrics.jsonl"))
    }

    /// Opens `forecast.jsonl` for more lines.
    ///
    /// # Errors
    /// As [`JsonLines::append`].
    pub fn forecasts(&self) -> Result<JsonLines, RunError> {
        JsonLines::append(&self.file("forecast.jsonl"))
    }

    /// Opens `log.jsonl` for more lines.
    ///
    /// # Errors
    /// As [`JsonLines::append`].
    pub fn log(&self) -> Result<JsonLines, RunError> {
        JsonLines::append(&self.file("log.jsonl"))
    }

    /// Opens `energy.jsonl` for more lines.
    ///
    /// # Errors
    /// As [`JsonLines::append`].
    pub fn power(&self) -> Result<JsonLines, RunError> {
        JsonLines::append(&self.file("energy.jsonl"))
    }

    /// Path of a checkpoint, `last` or `best`.
    #[must_use]
    pub fn checkpoint_file(&self, name: &str) -> PathBuf {
        self.path.join("checkpoints").join(format!("{name}.ckpt"))
    }

    /// Replaces a checkpoint, `last` or `best`.
    ///
    /// # Errors
    /// As [`Checkpoint::write`].
    pub fn write_checkpoint(&self, name: &str, checkpoint: &Checkpoint) -> Result<(), RunError> {
        checkpoint.write(&self.checkpoint_file(name))
    }

    /// Reads a checkpoint, `last` or `best`.
    ///
    /// # Errors
    /// As [`Checkpoint::read`].
    pub fn checkpoint(&self, name: &str) -> Result<Checkpoint, RunError> {
        Checkpoint::read(&self.checkpoint_file(name))
    }
}

fn check_name(name: &str) -> Result<(), RunError> {
    let plain = !name.trim().is_empty()
        && !name.starts_with('.')
        && !name.contains(['/', '\\', '\0'])
        && Path::new(name).file_name() == Some(OsStr::new(name));
    if plain { Ok(()) } else { Err(RunError::BadName { name: name.to_owned() }) }
}

fn folder_name(
    name: FolderName<'_>,
    now: &Zoned,
    manifest: &Manifest,
    salt: u32,
    parent: &Path,
) -> Result<String, RunError> {
    let stem = match name {
        FolderName::Exact(name) => return Ok(name.to_owned()),
        FolderName::Stem(stem) => plain_stem(stem),
    };
    let digest = manifest.digest(salt).map_err(|error| RunError::Json {
        path: parent.join("manifest.json"),
        line: 1,
        reason: error.to_string(),
    })?;
    Ok(format!("{}-{stem}-{digest}", now.strftime("%Y%m%d-%H%M")))
}

/// The stem with everything but letters, digits, `_` and `-` replaced; at most 40 characters.
fn plain_stem(stem: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || c == '_' || c == '-' { c } else { '-' };
    let stem: String = stem.chars().take(40).map(plain).collect();
    let stem = stem.trim_matches('-');
    if stem.is_empty() { "run".to_owned() } else { stem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Zoned {
        "2026-11-21T07:48:30+00:00[UTC]".parse().unwrap()
    }

    fn create(parent: &Path, name: FolderName<'_>) -> Result<RunDirectory, RunError> {
        let mut manifest = Manifest::start("spm", "", now().timestamp());
        RunDirectory::create(parent, name, &now(), &mut manifest)
    }

    #[test]
    fn a_new_run_is_named_by_date_stem_and_hash() {
        let parent = tempfile::tempdir().unwrap();
        let run = create(&parent.path().join("runs"), FolderName::Stem("my spm!")).unwrap();
        let name = run.name();
        assert!(name.starts_with("20261121-0748-my-spm-"), "{name}");
        assert_eq!(name.len(), "20261121-0748-my-spm-7f3a".len());
        assert_eq!(run.manifest().unwrap().id, name);
    }

    #[test]
    fn equal_manifests_in_one_minute_get_different_folders() {
        let parent = tempfile::tempdir().unwrap();
        let one = create(parent.path(), FolderName::Stem("spm")).unwrap();
        let two = create(parent.path(), FolderName::Stem("spm")).unwrap();
        assert_ne!(one, two);
    }

    #[test]
    fn an_existing_directory_is_never_touched() {
        let parent = tempfile::tempdir().unwrap();
        let run = create(parent.path(), FolderName::Exact("mine")).unwrap();
        run.write_text("problem.toml", "kept").unwrap();
        let error = create(parent.path(), FolderName::Exact("mine")).unwrap_err();
        assert!(matches!(error, RunError::AlreadyExists { .. }));
        assert!(error.to_string().contains("--resume"), "{error}");
        assert_eq!(crate::read_text(&run.file("problem.toml")).unwrap(), "kept");
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["", "..", ".", "a/b", "/tmp/x", ".hidden", "a\\b"] {
            let error = create(parent.path(), FolderName::Exact(name)).unwrap_err();
            assert!(matches!(error, RunError::BadName { .. }), "{name:?}: {error}");
        }
    }

    #[test]
    fn a_parent_that_is_a_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let parent = folder.path().join("runs");
        fs::write(&parent, "").unwrap();
        let error = create(&parent, FolderName::Stem("spm")).unwrap_err();
        assert!(error.to_string().contains("runs"), "{error}");
    }

    #[test]
    fn a_run_is_found_by_path_name_and_ending() {
        let parent = tempfile::tempdir().unwrap();
        let run = create(parent.path(), FolderName::Exact("a-1f3a")).unwrap();
        create(parent.path(), FolderName::Exact("b-1f3b")).unwrap();
        let find = |text: &str| RunDirectory::find(parent.path(), text);
        assert_eq!(find("a-1f3a").unwrap(), run);
        assert_eq!(find("1f3a").unwrap(), run);
        assert_eq!(find(&run.path().display().to_string()).unwrap(), run);
        assert!(matches!(find("c"), Err(RunError::Missing { .. })));
        // not all runs, and not the only one
        assert!(matches!(find(""), Err(RunError::Missing { .. })));
    }

    #[test]
    fn a_folder_without_manifest_is_not_a_run() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(RunDirectory::open(folder.path()), Err(RunError::NotARun { .. })));
    }
}
