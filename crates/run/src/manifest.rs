//! `manifest.json`: what ran, where, from which inputs, and how it ended.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::RunError;
use crate::files::{hash_hex, json_error, read_bytes, write_json};
use crate::host::{GitState, Hardware, Liveness, Process};

/// Newest format of `manifest.json` that this version writes and reads.
pub const MANIFEST_FORMAT: u32 = 1;

/// State of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// A process works on it, or died without a word: see [`Manifest::status_now`].
    Running,
    /// Came to its end.
    Finished,
    /// Stopped early with a checkpoint; can be resumed.
    Interrupted,
    /// Stopped by an error; `reason` says which.
    Failed,
}

impl Status {
    /// Lower-case word, as in the file.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
        }
    }
}

/// A varied parameter and its box.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ParameterRange {
    /// Name in the problem file.
    pub name: String,
    /// Unit, as in problem files; empty for none.
    pub unit: String,
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// `linear` or `log`.
    pub scale: String,
}

impl ParameterRange {
    /// Whether the parameter spreads logarithmically.
    #[must_use]
    pub fn is_log(&self) -> bool {
        self.scale == "log" && self.lower > 0.0 && self.upper > self.lower
    }
}

/// One line of `[goal]` with its outcome.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Goal {
    /// Output or field.
    pub output: String,
    /// `rms`, `max` or `relative_l2`.
    pub measure: String,
    /// Greatest value allowed, in `unit`.
    pub limit: f64,
    /// Value found, in `unit`; `None` if it could not be determined.
    pub value: Option<f64>,
    /// Unit of both; empty for none.
    pub unit: String,
}

impl Goal {
    /// Whether the goal was reached; `None` if the value is not known.
    #[must_use]
    pub fn reached(&self) -> Option<bool> {
        self.value.map(|value| value <= self.limit)
    }
}

/// Errors of one output, over all points and times of the evaluation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorEntry {
    /// Output or field.
    pub output: String,
    /// Unit of `rms` and `max`; empty for none.
    pub unit: String,
    /// Root mean square.
    pub rms: Option<f64>,
    /// Greatest absolute value.
    pub max: Option<f64>,
    /// L2 norm of the error divided by that of the reference.
    pub relative_l2: Option<f64>,
    /// L2 norm of the error divided by that of the reference's deviation from its mean; `None` if
    /// the reference is constant.
    pub relative_to_spread: Option<f64>,
}

/// What training said of its fit.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Verdict {
    /// `good`, `poor` or `unverified`.
    pub word: String,
    /// What the surrogate is, in words, for all who use it; `None` of a good fit.
    pub caution: Option<String>,
}

/// Energy of the whole run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EnergySummary {
    /// Energy, J.
    pub energy_j: f64,
    /// Standard uncertainty, J; `None` if unknown.
    pub sigma_j: Option<f64>,
    /// `measured`, `calibrated`, `estimated` or `assumed`: that of the weakest part.
    pub provenance: String,
    /// How, in a few words, such as `RAPL package + DRAM model`.
    pub how: String,
}

/// `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// Format version, [`MANIFEST_FORMAT`].
    pub format: u32,
    /// Name of the run: its folder.
    pub id: String,
    /// Name of the problem: the stem of its file.
    pub problem: String,
    /// Title of the problem.
    pub title: String,
    /// Status as written; read it through [`Manifest::status_now`].
    pub status: Status,
    /// Why a run failed or was interrupted.
    pub reason: Option<String>,
    /// Command line, one word an entry.
    pub command: Vec<String>,
    /// Versions by name, such as `surrogate`, `rustc`.
    pub versions: BTreeMap<String, String>,
    /// Working copy of the program or of the problem.
    pub git: Option<GitState>,
    /// Seed of all random numbers.
    pub seed: Option<u64>,
    /// Threads used.
    pub threads: Option<u64>,
    /// Device, such as `cpu` or `cuda:0`.
    pub device: String,
    /// The machine.
    pub hardware: Hardware,
    /// The process that writes, or wrote, the run.
    pub process: Option<Process>,
    /// BLAKE3 hashes by name: `problem`, `resolved`, `weights`, `data/FILE`.
    pub hashes: BTreeMap<String, String>,
    /// Start, RFC 3339.
    pub started: String,
    /// End, RFC 3339.
    pub ended: Option<String>,
    /// Working time of all sessions, s.
    pub seconds: Option<f64>,
    /// Run that this one continues from (compression, calibration).
    pub parent: Option<String>,
    /// Number of weights of the surrogate.
    pub weights: Option<u64>,
    /// Varied parameters, in the order of the problem file.
    pub parameters: Vec<ParameterRange>,
    /// Whether every goal was reached; `None` without goals or without known errors.
    pub goal_reached: Option<bool>,
    /// The goals.
    pub goals: Vec<Goal>,
    /// Errors of each output; empty if there is no reference.
    pub errors: Vec<ErrorEntry>,
    /// What training said of the fit at its end; a generator of structures has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Energy of the run.
    pub energy: Option<EnergySummary>,
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            format: MANIFEST_FORMAT,
            id: String::new(),
            problem: String::new(),
            title: String::new(),
            status: Status::Running,
            reason: None,
            command: Vec::new(),
            versions: BTreeMap::new(),
            git: None,
            seed: None,
            threads: None,
            device: "cpu".to_owned(),
            hardware: Hardware::default(),
            process: None,
            hashes: BTreeMap::new(),
            started: String::new(),
            ended: None,
            seconds: None,
            parent: None,
            weights: None,
            parameters: Vec::new(),
            goal_reached: None,
            goals: Vec::new(),
            errors: Vec::new(),
            verdict: None,
            energy: None,
        }
    }
}

impl Manifest {
    /// A running manifest of this process on this machine, started `now`.
    #[must_use]
    pub fn start(problem: &str, title: &str, now: jiff::Timestamp) -> Self {
        Self {
            problem: problem.to_owned(),
            title: title.to_owned(),
            command: std::env::args().collect(),
            hardware: Hardware::detect(),
            process: Some(Process::current()),
            started: now.to_string(),
            ..Self::default()
        }
    }

    /// Sets status and end.
    pub fn end(&mut self, status: Status, now: jiff::Timestamp) {
        self.status = status;
        self.ended = Some(now.to_string());
    }

    /// The status, where a `running` whose process is gone counts as interrupted.
    #[must_use]
    pub fn status_now(&self) -> Status {
        let gone = self.process.as_ref().is_some_and(|p| p.liveness() == Liveness::Gone);
        if self.status == Status::Running && gone { Status::Interrupted } else { self.status }
    }

    /// What is to be said of the surrogate wherever it is used, after "this surrogate is"; `None` where
    /// training called it good.
    #[must_use]
    pub fn caution(&self) -> Option<&str> {
        match &self.verdict {
            Some(verdict) => verdict.caution.as_deref(),
            None if self.status_now() == Status::Finished => None,
            None => Some("not judged yet: its training has not come to its end"),
        }
    }

    /// Whether training called the fit poor.
    #[must_use]
    pub fn is_poor(&self) -> bool {
        self.verdict.as_ref().is_some_and(|verdict| verdict.word == "poor")
    }

    /// Recomputes `goal_reached` from the goals: all known and reached, or one missed.
    pub fn judge_goals(&mut self) {
        let reached: Vec<_> = self.goals.iter().map(Goal::reached).collect();
        self.goal_reached = if reached.contains(&Some(false)) {
            Some(false)
        } else if reached.is_empty() || reached.contains(&None) {
            None
        } else {
            Some(true)
        };
    }

    /// First four hexadecimal digits of the hash of the manifest, `salt` included.
    pub(crate) fn digest(&self, salt: u32) -> Result<String, serde_json::Error> {
        let mut bytes = serde_json::to_vec(self)?;
        bytes.extend_from_slice(&salt.to_le_bytes());
        Ok(hash_hex(&bytes)[..4].to_owned())
    }

    /// Reads `manifest.json`.
    ///
    /// # Errors
    /// [`RunError::Missing`], [`RunError::Io`], [`RunError::Json`], [`RunError::NewerFormat`].
    pub fn read(path: &Path) -> Result<Self, RunError> {
        #[derive(Deserialize)]
        struct Format {
            format: u64,
        }
        let bytes = read_bytes(path)?;
        let failed = |error| json_error(path, &error);
        // The format first, as the rest of a newer file may not fit.
        let Format { format: found } = serde_json::from_slice(&bytes).map_err(failed)?;
        let known = u64::from(MANIFEST_FORMAT);
        if found > known {
            return Err(RunError::NewerFormat { path: path.to_owned(), found, known });
        }
        serde_json::from_slice(&bytes).map_err(failed)
    }

    /// Writes `manifest.json`, whole or not at all.
    ///
    /// # Errors
    /// As [`crate::write_atomic`].
    pub fn write(&self, path: &Path) -> Result<(), RunError> {
        write_json(path, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_survives_the_round_trip() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.json");
        let mut manifest = Manifest::start("spm", "Single particle", jiff::Timestamp::UNIX_EPOCH);
        manifest.goals.push(Goal {
            output: "voltage".into(),
            measure: "rms".into(),
            limit: 5e-5,
            value: Some(4.2e-5),
            unit: "V".into(),
        });
        manifest.judge_goals();
        manifest.seed = Some(u64::MAX);
        manifest.write(&path).unwrap();
        assert_eq!(Manifest::read(&path).unwrap(), manifest);
        assert_eq!(manifest.goal_reached, Some(true));
        assert_eq!(manifest.started, "1970-01-01T00:00:00Z");
    }

    #[test]
    fn a_newer_format_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.json");
        std::fs::write(&path, r#"{"format": 99, "status": "dreaming"}"#).unwrap();
        let error = Manifest::read(&path).unwrap_err();
        assert!(matches!(error, RunError::NewerFormat { found: 99, .. }), "{error}");
    }

    #[test]
    fn unknown_values_leave_the_goal_open_and_a_missed_one_decides() {
        let goal = |value| Goal { limit: 1.0, value, ..Goal::default() };
        let mut manifest = Manifest::default();
        manifest.judge_goals();
        assert_eq!(manifest.goal_reached, None);
        manifest.goals = vec![goal(Some(0.5)), goal(None)];
        manifest.judge_goals();
        assert_eq!(manifest.goal_reached, None);
        manifest.goals.push(goal(Some(2.0)));
        manifest.judge_goals();
        assert_eq!(manifest.goal_reached, Some(false));
    }

    #[test]
    fn a_surrogate_is_cautioned_of_as_training_judged_it_and_one_never_judged_too() {
        let mut manifest = Manifest::start("spm", "", jiff::Timestamp::UNIX_EPOCH);
        assert!(manifest.caution().unwrap().contains("not judged yet"));
        let caution = Some("a poor fit".to_owned());
        manifest.verdict = Some(Verdict { word: "poor".to_owned(), caution });
        assert_eq!(manifest.caution(), Some("a poor fit"));
        manifest.verdict = Some(Verdict { word: "good".to_owned(), caution: None });
        assert_eq!(manifest.caution(), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_running_manifest_of_a_dead_process_is_interrupted() {
        let mut manifest = Manifest::start("spm", "", jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(manifest.status_now(), Status::Running);
        manifest.process.as_mut().unwrap().boot_id = Some("another boot".into());
        assert_eq!(manifest.status_now(), Status::Interrupted);
        manifest.end(Status::Finished, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(manifest.status_now(), Status::Finished);
    }
}
