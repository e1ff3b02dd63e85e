//! Problems and trained surrogates on disk: loading a file with what it reads, opening a run.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use surrogate_engine::{CurvePredictor, Model};
use surrogate_problem::Problem;
use surrogate_run::{Checkpoint, RunDirectory, Status, runs_folder};
use surrogate_symbolic::{Node, SymbolId};

use crate::failure::Failure;

/// A problem with the texts of the files it was read from (tables, data, bases).
pub struct Loaded {
    /// The problem.
    pub problem: Problem,
    /// The file as given.
    pub text: String,
    /// Other files that were read, by the path the problem uses.
    pub files: BTreeMap<String, String>,
}

/// Loads a problem file with overrides.
pub fn load(path: &Path, overrides: &[String]) -> Result<Loaded, Failure> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        Failure::helped(
            format!(
                "cannot read the problem file {}: {}",
                path.display(),
                surrogate_run::words(&e)
            ),
            "give the path of a TOML file, such as problems/spm.toml",
        )
    })?;
    let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
    read(&path.to_string_lossy(), text, overrides, &|name| {
        std::fs::read_to_string(folder.join(name))
    })
}

fn read(
    name: &str,
    text: String,
    overrides: &[String],
    source: &dyn Fn(&str) -> io::Result<String>,
) -> Result<Loaded, Failure> {
    let files = RefCell::new(BTreeMap::new());
    let problem = surrogate_problem::load_text(name, &text, overrides, &|path: &str| {
        let text = source(path)?;
        files.borrow_mut().insert(path.to_string(), text.clone());
        Ok(text)
    })?;
    Ok(Loaded { problem, text, files: files.into_inner() })
}

/// Where a run keeps a file that its problem reads.
pub fn input_file(run: &RunDirectory, name: &str) -> PathBuf {
    let flat: String = name
        .chars()
        .map(|c| if c.is_alphanumeric() || "._-".contains(c) { c } else { '_' })
        .collect();
    run.file("inputs").join(flat)
}

/// Loads the problem of a run, as it was used.
pub fn load_run(run: &RunDirectory) -> Result<Loaded, Failure> {
    let path = run.file("resolved.toml");
    let text = surrogate_run::read_text(&path)?;
    let name = run.manifest()?.problem;
    read(&format!("{name}.toml"), text, &[], &|name| std::fs::read_to_string(input_file(run, name)))
}

/// A trained surrogate.
pub struct Trained {
    /// Its problem.
    pub problem: Problem,
    /// Networks and expressions.
    pub model: Model,
    /// Weights by component.
    pub weights: Vec<Vec<f64>>,
    /// Where it lives.
    pub run: RunDirectory,
}

/// Finds a run by path, name or end of name.
pub fn find(text: &str) -> Result<RunDirectory, Failure> {
    Ok(RunDirectory::find(&runs_folder(None), text)?)
}

impl Trained {
    /// Opens the surrogate of a run.
    pub fn open(text: &str) -> Result<Self, Failure> {
        let run = find(text)?;
        let mut problem = load_run(&run)?.problem;
        let model = Model::new(&problem)?;
        let checkpoint = run.checkpoint("best").map_err(|error| match error {
            surrogate_run::RunError::Missing { .. } => no_weights(&run),
            other => other.into(),
        })?;
        let weights = weights(&model, &checkpoint)?;
        // the reference solver takes unknown scalars as they were found
        for (component, x) in model.components.iter().zip(&weights) {
            for &u in &component.unknowns {
                if let Some(column) = component.unknown_columns[u] {
                    problem.unknowns[u].initial = model.form.unknowns[u].physical_value(x[column]);
                }
            }
        }
        Ok(Self { problem, model, weights, run })
    }

    /// Compiles expressions, and their derivatives by `by`, for prediction at fixed places.
    pub fn curves(
        &mut self,
        expressions: &[Node],
        by: &[SymbolId],
        places: &[(SymbolId, Vec<f64>)],
    ) -> Result<CurvePredictor, Failure> {
        Ok(CurvePredictor::new(&mut self.model, &self.weights, expressions, by, places)?)
    }
}

fn no_weights(run: &RunDirectory) -> Failure {
    let finished = run.manifest().is_ok_and(|m| m.status_now() == Status::Finished);
    if finished {
        let message = format!("run {} has lost its checkpoints/best.ckpt", run.name());
        return Failure::helped(message, "restore the file from a copy, or train anew");
    }
    Failure::helped(
        format!("run {} has no trained weights yet", run.name()),
        format!("surrogate train --resume {}", run.path().display()),
    )
}

/// Checkpoint of trained weights.
pub fn weights_checkpoint(weights: &[Vec<f64>], header: serde_json::Value) -> Checkpoint {
    let blobs =
        weights.iter().enumerate().map(|(k, w)| (format!("weights {k}"), w.clone())).collect();
    Checkpoint { header, blobs, words: Vec::new() }
}

fn weights(model: &Model, checkpoint: &Checkpoint) -> Result<Vec<Vec<f64>>, Failure> {
    let component = |(k, c): (usize, &surrogate_engine::Component)| {
        checkpoint
            .blob(&format!("weights {k}"))
            .filter(|b| b.len() == c.n)
            .map(<[f64]>::to_vec)
            .ok_or_else(|| Failure::user("the weights of this run do not fit its problem"))
    };
    model.components.iter().enumerate().map(component).collect()
}
