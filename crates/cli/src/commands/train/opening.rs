//! The start of `train`: the directory of a new run, or a run that goes on.

use std::path::Path;

use surrogate_meter::CarryOver;
use surrogate_run::{
    Checkpoint, FolderName, JsonLines, Manifest, Process, RunDirectory, RunError, Status,
    runs_folder,
};

use super::overrides;
use crate::args::Train;
use crate::device::Device;
use crate::failure::Failure;
use crate::trained::{self, Loaded};
use crate::{energy, record};

/// A run directory ready for training.
pub struct Opened {
    /// The directory.
    pub run: RunDirectory,
    /// Its manifest, as written.
    pub manifest: Manifest,
    /// Where training goes on, if it does.
    pub saved: Option<Checkpoint>,
}

/// A run that can go on; nothing of it has been changed yet.
pub struct Resumed {
    /// Its manifest.
    pub manifest: Manifest,
    /// Its directory.
    pub run: RunDirectory,
    saved: Option<Checkpoint>,
}

impl Resumed {
    /// Finds a run and its last checkpoint, and refuses what cannot go on.
    pub fn find(text: &str, arguments: &Train) -> Result<(Loaded, Self), Failure> {
        let run = trained::find(text)?;
        let manifest = run.manifest()?;
        match manifest.status_now() {
            Status::Finished if !stopped_by_a_limit(&run) => {
                return Err(Failure::helped(
                    format!("run {} is finished", run.name()),
                    "start a new run, with more iterations or another seed",
                ));
            }
            Status::Running => {
                return Err(Failure::helped(
                    format!("run {} is still running", run.name()),
                    "stop it first, or wait for it",
                ));
            }
            _ => {}
        }
        if !run.file("resolved.toml").exists() {
            return Err(Failure::helped(
                format!("run {} was stopped before training began: nothing to resume", run.name()),
                format!(
                    "start anew with `surrogate train PROBLEM` (it was {}); the folder can go",
                    manifest.problem
                ),
            ));
        }
        let loaded = trained::load_run(&run)?;
        refuse_changes(arguments, &run, &loaded)?;
        let saved = last_checkpoint(&run, &manifest)?;
        Ok((loaded, Self { manifest, run, saved }))
    }

    /// Working time of earlier sessions.
    pub fn seconds(&self) -> f64 {
        let seconds = self.saved.as_ref().and_then(|c| c.header["seconds"].as_f64());
        seconds.unwrap_or(0.0)
    }

    /// The energy account of earlier sessions.
    pub fn energy(&self) -> CarryOver {
        let header = self.saved.as_ref().map(|c| &c.header);
        header.and_then(|h| energy::from_json(&h["energy"])).unwrap_or_default()
    }

    /// Marks the run as running and tidies what a killed process left.
    pub fn reopen(self, device: &Device) -> Result<Opened, Failure> {
        let Self { mut manifest, run, saved } = self;
        if saved.is_none() {
            for lines in ["metrics.jsonl", "forecast.jsonl"] {
                JsonLines::append(&run.file(lines))?;
                surrogate_run::truncate_after_step(&run.file(lines), 0)?;
            }
        }
        remove_unfinished(&run);
        manifest.device = device.name().to_string();
        manifest.status = Status::Running;
        (manifest.reason, manifest.ended, manifest.verdict) = (None, None, None);
        manifest.process = Some(Process::current());
        run.write_manifest(&manifest)?;
        Ok(Opened { run, manifest, saved })
    }
}

/// Whether a finished run could be trained further: a limit on time, energy or carbon ended it.
fn stopped_by_a_limit(run: &RunDirectory) -> bool {
    run.checkpoint("last").is_ok_and(|saved| saved.header["complete"] == false)
}

/// The last checkpoint; `None` if the run was killed before the first, when nothing is lost by
/// starting over.
fn last_checkpoint(run: &RunDirectory, manifest: &Manifest) -> Result<Option<Checkpoint>, Failure> {
    let saved = match run.checkpoint("last") {
        Ok(checkpoint) => checkpoint,
        Err(RunError::Missing { .. }) => return Ok(None),
        Err(other) => {
            return Err(Failure::helped(
                other.to_string(),
                "restore the file from a copy, or start a new run",
            ));
        }
    };
    let own = manifest.hashes.get("resolved").map(String::as_str);
    let theirs = saved.header["resolved"].as_str();
    if theirs.is_some() && theirs != own {
        return Err(Failure::helped(
            format!("{} belongs to another run", run.checkpoint_file("last").display()),
            "restore the run's own checkpoint, or start a new run",
        ));
    }
    Ok(Some(saved))
}

/// A resumed run keeps its settings; a file or override that says otherwise is refused.
fn refuse_changes(arguments: &Train, run: &RunDirectory, own: &Loaded) -> Result<(), Failure> {
    let set = overrides(arguments);
    let candidate = match &arguments.problem {
        Some(path) => trained::load(path, &set)?,
        None if set.is_empty() => return Ok(()),
        None => trained::load(&run.file("resolved.toml"), &set)?,
    };
    let lines = |text: &str| text.lines().map(str::to_string).collect::<Vec<String>>();
    let (old, new) = (lines(&own.problem.resolved), lines(&candidate.problem.resolved));
    if old == new {
        return Ok(());
    }
    let mut message = format!("run {} was started with other settings", run.name());
    for line in old.iter().filter(|l| !new.contains(l)).take(8) {
        message.push_str(&format!("\n    run:  {line}"));
    }
    for line in new.iter().filter(|l| !old.contains(l)).take(8) {
        message.push_str(&format!("\n    now:  {line}"));
    }
    Err(Failure::helped(message, "resume without a problem file and --set, or start a new run"))
}

/// Makes the directory of a new run; if that fails, nothing is left of it.
pub fn create(arguments: &Train, loaded: &Loaded, device: &Device) -> Result<Opened, Failure> {
    let problem = &loaded.problem;
    let now = jiff::Zoned::now();
    let mut manifest = Manifest::start(&problem.name, &problem.title, now.timestamp());
    manifest.seed = Some(problem.train.seed);
    manifest.threads = Some(rayon::current_num_threads() as u64);
    manifest.device = device.name().to_string();
    manifest.git = surrogate_run::GitState::detect(Path::new("."));
    manifest.versions.insert("surrogate".to_string(), env!("CARGO_PKG_VERSION").to_string());
    manifest.parameters = record::ranges(problem);
    let hash = |text: &str| surrogate_run::hash_hex(text.as_bytes());
    manifest.hashes.insert("problem".to_string(), hash(&loaded.text));
    manifest.hashes.insert("resolved".to_string(), hash(&problem.resolved));
    for (name, text) in &loaded.files {
        manifest.hashes.insert(name.clone(), hash(text));
    }
    if let Some((name, bytes)) = &loaded.test {
        manifest.hashes.insert(name.clone(), surrogate_run::hash_hex(bytes));
    }
    let parent = runs_folder(arguments.out.as_deref());
    let name = match &arguments.name {
        Some(name) => FolderName::Exact(name),
        None => FolderName::Stem(&problem.name),
    };
    let run = RunDirectory::create(&parent, name, &now, &mut manifest)?;
    if let Err(failure) = write_problem(&run, loaded) {
        // made just now, by us; what cannot be removed is no run that could be resumed
        let _ = std::fs::remove_dir_all(run.path());
        return Err(failure);
    }
    Ok(Opened { run, manifest, saved: None })
}

/// `resolved.toml` comes last: a run that has it has everything that resuming needs.
fn write_problem(run: &RunDirectory, loaded: &Loaded) -> Result<(), Failure> {
    if !loaded.files.is_empty() || loaded.test.is_some() {
        run.make_folder("inputs")?;
        if let Some((name, bytes)) = &loaded.test {
            surrogate_run::write_atomic(&trained::input_file(run, name), bytes)?;
        }
        for (name, text) in &loaded.files {
            surrogate_run::write_atomic(&trained::input_file(run, name), text.as_bytes())?;
        }
    }
    run.write_text("problem.toml", &loaded.text)?;
    Ok(run.write_text("resolved.toml", &loaded.problem.resolved)?)
}

/// Removes the temporary files of a process that was killed while it wrote.
fn remove_unfinished(run: &RunDirectory) {
    for folder in ["", "checkpoints", "figures", "inputs"] {
        for entry in std::fs::read_dir(run.file(folder)).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(".writing-") {
                // what cannot be removed does no harm
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}
