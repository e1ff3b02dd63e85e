//! The runs of a folder, for `surrogate runs`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::RunError;
use crate::manifest::{EnergySummary, ErrorEntry, Manifest, Status};

/// One row of `surrogate runs`.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// The directory.
    pub path: PathBuf,
    /// Name of the directory.
    pub id: String,
    /// Name of the problem.
    pub problem: String,
    /// Status, a stale `running` already counted as interrupted.
    pub status: Status,
    /// Whether the goals were reached.
    pub goal_reached: Option<bool>,
    /// What training said of the fit, in a word; `None` of a generator, and where it has not come to
    /// its end.
    pub verdict: Option<String>,
    /// Errors of each output.
    pub errors: Vec<ErrorEntry>,
    /// Energy.
    pub energy: Option<EnergySummary>,
    /// Working time, s.
    pub seconds: Option<f64>,
    /// Start, RFC 3339.
    pub started: String,
}

/// A folder found among the runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Listed {
    /// A run.
    Run(Box<RunSummary>),
    /// A folder whose manifest is missing or damaged.
    Broken {
        /// The folder.
        path: PathBuf,
        /// Why it could not be read.
        reason: String,
    },
}

/// Lists the runs in `parent`, the newest first and broken folders last. A folder of runs that
/// does not exist has none.
///
/// # Errors
/// [`RunError::Io`] if `parent` itself cannot be read.
pub fn list(parent: &Path) -> Result<Vec<Listed>, RunError> {
    if !parent.exists() {
        return Ok(Vec::new());
    }
    let failed = |reason| RunError::reading(parent, reason);
    let (mut runs, mut broken) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(parent).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Comparisons are written beside the runs and are no runs.
        if !path.is_dir() || name.starts_with('.') || name.starts_with("compare-") {
            continue;
        }
        match Manifest::read(&path.join("manifest.json")) {
            Ok(manifest) => runs.push(summary(path, name, manifest)),
            Err(RunError::Missing { .. }) => {
                broken.push(Listed::Broken { path, reason: "no manifest.json".to_owned() });
            }
            Err(error) => broken.push(Listed::Broken { path, reason: error.to_string() }),
        }
    }
    runs.sort_by(|a, b| b.started.cmp(&a.started).then_with(|| b.id.cmp(&a.id)));
    broken.sort_by_key(|listed| match listed {
        Listed::Broken { path, .. } => path.clone(),
        Listed::Run(run) => run.path.clone(),
    });
    Ok(runs.into_iter().map(|run| Listed::Run(Box::new(run))).chain(broken).collect())
}

fn summary(path: PathBuf, id: String, manifest: Manifest) -> RunSummary {
    RunSummary {
        path,
        id,
        status: manifest.status_now(),
        problem: manifest.problem,
        goal_reached: manifest.goal_reached,
        verdict: manifest.verdict.map(|verdict| verdict.word),
        errors: manifest.errors,
        energy: manifest.energy,
        seconds: manifest.seconds,
        started: manifest.started,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_run_is_first_and_broken_folders_say_why() {
        let parent = tempfile::tempdir().unwrap();
        let make = |name: &str, text: &str| {
            fs::create_dir(parent.path().join(name)).unwrap();
            fs::write(parent.path().join(name).join("manifest.json"), text).unwrap();
        };
        let manifest = |started: &str| {
            let started = started.to_owned();
            let manifest = Manifest { started, status: Status::Finished, ..Manifest::default() };
            serde_json::to_string(&manifest).unwrap()
        };
        make("old", &manifest("2026-01-01T00:00:00Z"));
        make("new", &manifest("2026-02-01T00:00:00Z"));
        make("cut", "{\"format\": 1, \"st");
        make("future", "{\"format\": 7}");
        fs::create_dir(parent.path().join("empty")).unwrap();
        fs::create_dir(parent.path().join("compare-20260101-0000")).unwrap();
        fs::write(parent.path().join("a file"), "").unwrap();
        let listed = list(parent.path()).unwrap();
        let names: Vec<_> = listed
            .iter()
            .map(|listed| match listed {
                Listed::Run(run) => run.id.clone(),
                Listed::Broken { path, reason } => {
                    assert!(!reason.is_empty());
                    format!("{} broken", path.file_name().unwrap().to_string_lossy())
                }
            })
            .collect();
        assert_eq!(names, ["new", "old", "cut broken", "empty broken", "future broken"]);
    }

    #[test]
    fn no_folder_has_no_runs() {
        assert_eq!(list(Path::new("/no/such/folder")).unwrap(), []);
    }
}
