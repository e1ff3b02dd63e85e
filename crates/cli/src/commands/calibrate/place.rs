//! The folder of a calibration, and what lets a killed one go on.
//!
//! Every evaluation of the density is appended to `evaluations.bin` until the calibration is done.
//! Samplers are deterministic: with these at hand, the same command draws the same again.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use surrogate_calibrate::{Evaluation, Fatal, LogDensity, Remembered};
use surrogate_run::{RunDirectory, RunError};

use super::arguments::Calibrate;
use super::experiment::Experiment;
use super::plan::Plan;
use crate::failure::Failure;

/// Settings that the draws depend on.
const SETTINGS: &str = "settings.json";
/// Evaluations so far: numbers of 8 bytes, little endian; `d` coordinates, the value, `d` slopes.
const EVALUATIONS: &str = "evaluations.bin";
/// Its presence says that the calibration is done.
const SUMMARY: &str = "summary.json";

/// The folder.
pub struct Place {
    /// Where it is.
    pub folder: PathBuf,
    /// Whether an interrupted calibration goes on.
    pub resumed: bool,
    /// Whether it is one of those that the run keeps.
    pub in_run: bool,
}

impl Place {
    /// A new folder, or with `--resume` that of the interrupted calibration.
    ///
    /// # Errors
    /// A folder that is in use or cannot be made; nothing to resume, or other settings than before.
    pub fn open(
        arguments: &Calibrate,
        plan: &Plan,
        run: &RunDirectory,
        curves: &[Experiment],
    ) -> Result<Self, Failure> {
        let settings = settings(arguments, plan, run, curves)?;
        let parent = run.file("calibrations");
        let numbered = |k: usize| parent.join(k.to_string());
        let free = (1..).find(|&k| !numbered(k).exists()).unwrap_or(1);
        let folder = match (&arguments.out, arguments.resume) {
            (Some(folder), _) => folder.clone(),
            (None, false) => numbered(free),
            (None, true) => numbered((free - 1).max(1)),
        };
        let shown = folder.display();
        if !arguments.resume {
            if folder.join(SETTINGS).exists() {
                let message = format!("{shown} holds a calibration already");
                return Err(Failure::helped(message, "give another --out, or go on with --resume"));
            }
            std::fs::create_dir_all(&folder).map_err(|e| {
                Failure::user(format!("cannot make {shown}: {}", surrogate_run::words(&e)))
            })?;
            surrogate_run::write_json(&folder.join(SETTINGS), &settings)?;
            return Ok(Self { in_run: within(&folder, &parent), folder, resumed: false });
        }
        let before: Value = match surrogate_run::read_json(&folder.join(SETTINGS)) {
            Err(RunError::Missing { .. }) => {
                let message = format!("there is no calibration to resume in {shown}");
                return Err(Failure::helped(message, "leave --resume out, or name its --out"));
            }
            other => other?,
        };
        if let Some(key) = differing(&before, &settings) {
            return Err(Failure::helped(
                format!("{shown} was begun with another {key}: {} then", before[&key]),
                "resume with the command of the beginning; only limits may differ",
            ));
        }
        if folder.join(SUMMARY).exists() {
            let message = format!("the calibration in {shown} is done");
            return Err(Failure::helped(message, "leave --resume out to begin another"));
        }
        Ok(Self { in_run: within(&folder, &parent), folder, resumed: true })
    }

    /// The folder, for people.
    pub fn shown(&self) -> String {
        self.folder.display().to_string()
    }

    /// Runs `work` on a density that keeps what it computes, and knows what was kept.
    ///
    /// # Errors
    /// Those of `work`, or a file that cannot be read or written.
    pub fn remembering<D: LogDensity, T>(
        &self,
        density: &D,
        work: impl FnOnce(&dyn LogDensity) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let path = self.folder.join(EVALUATIONS);
        let known = if self.resumed { read(&path, density.dim())? } else { Vec::new() };
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(|e| cannot_write(&path, &e))?;
        let file = Mutex::new(BufWriter::new(file));
        let record = |e: &Evaluation| -> Result<(), Fatal> { append(&file, e) };
        let remembered = Remembered::new(density, known, record);
        let out = work(&remembered);
        drop(remembered);
        let flushed = file.lock().unwrap_or_else(PoisonError::into_inner).flush();
        flushed.map_err(|e| cannot_write(&path, &e))?;
        out
    }

    /// Drops what is needed for resuming only.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn finish(&self) -> Result<(), Failure> {
        let path = self.folder.join(EVALUATIONS);
        std::fs::remove_file(&path).map_err(|e| cannot_write(&path, &e))
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    let (shown, words) = (path.display(), surrogate_run::words(error));
    Failure::helped(format!("cannot write {shown}: {words}"), "give another folder by --out")
}

/// What the draws depend on.
fn settings(
    arguments: &Calibrate,
    plan: &Plan,
    run: &RunDirectory,
    curves: &[Experiment],
) -> Result<Value, Failure> {
    let numbers = curves.iter().flat_map(|c| c.times.iter().chain(&c.values));
    let bytes: Vec<u8> = numbers.flat_map(|v| v.to_le_bytes()).collect();
    let weights = surrogate_run::read_bytes(&run.checkpoint_file("best"))?;
    Ok(json!({
        "format": 1,
        "data": arguments.data,
        "data_hash": surrogate_run::hash_hex(&bytes),
        "weights_hash": surrogate_run::hash_hex(&weights),
        "model": plan.text,
        "parameters": plan.parameters,
        "observe": plan.observe,
        "likelihood": plan.likelihood.map(super::arguments::Scatter::word),
        "noise": plan.noise,
        "sbc": arguments.sbc.is_some(),
        "certify": arguments.sbc.map(|_| arguments.certify),
        "sampler": arguments.sampler.word(),
        "chains": arguments.chains,
        "draws": arguments.draws,
        "tune": arguments.tune,
        "target_accept": arguments.target_accept,
        "seed": arguments.seed,
    }))
}

/// Whether a folder lies in another, however both are written.
fn within(folder: &Path, parent: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    real(folder).is_some_and(|f| f.parent().map(Path::to_path_buf) == real(parent))
}

/// The first setting that differs.
fn differing(before: &Value, now: &Value) -> Option<String> {
    let now = now.as_object()?;
    now.iter().find(|(key, value)| before[key.as_str()] != **value).map(|(key, _)| key.clone())
}

fn append(file: &Mutex<BufWriter<File>>, e: &Evaluation) -> Result<(), Fatal> {
    let numbers = e.x.iter().chain([&e.logp]).chain(&e.gradient);
    let bytes: Vec<u8> = numbers.flat_map(|v| v.to_le_bytes()).collect();
    Ok(file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&bytes)?)
}

/// Whole evaluations of a file; a last one that a kill cut short is left out, and cut off.
fn read(path: &Path, d: usize) -> Result<Vec<Evaluation>, Failure> {
    let mut bytes = match surrogate_run::read_bytes(path) {
        Err(RunError::Missing { .. }) => return Ok(Vec::new()),
        other => other?,
    };
    let size = 8 * (2 * d + 1);
    let whole = bytes.len() / size * size;
    if whole < bytes.len() {
        bytes.truncate(whole);
        surrogate_run::write_atomic(path, &bytes)?;
    }
    let number = |b: &[u8]| f64::from_le_bytes(b.try_into().unwrap_or_default());
    let numbers: Vec<f64> = bytes.chunks_exact(8).map(number).collect();
    let one =
        |n: &[f64]| Evaluation { x: n[..d].to_vec(), logp: n[d], gradient: n[d + 1..].to_vec() };
    Ok(numbers.chunks_exact(2 * d + 1).map(one).collect())
}
