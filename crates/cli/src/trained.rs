//! Problems and trained surrogates on disk: loading a file with what it reads, opening a run.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use surrogate_engine::{Model, Predictor, Region};
use surrogate_problem::Problem;
use surrogate_run::{Checkpoint, Manifest, RunDirectory, Status, runs_folder};
use surrogate_symbolic::SymbolId;

use crate::cell::{CellNetworks, cell_problem};
use crate::failure::Failure;
use crate::grid::Item;
use crate::surrogate::{Curves, Networks, Surrogate};
use crate::terminal::{Terminal, shell_word};

/// A problem with the texts of the files it was read from (tables, data, bases).
pub struct Loaded {
    /// The problem.
    pub problem: Problem,
    /// The file as given.
    pub text: String,
    /// Other files that were read, by the path the problem uses.
    pub files: BTreeMap<String, String>,
    /// Table of known crystals that a generator is not trained on, by the path the problem uses.
    pub test: Option<(String, Vec<u8>)>,
}

/// The text of a file named on the command line.
///
/// # Errors
/// If it cannot be read.
pub fn read_input(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|e| {
        Failure::helped(
            format!(
                "cannot read the problem file {}: {}",
                path.display(),
                surrogate_run::words(&e)
            ),
            "give the path of a TOML file, such as problems/spm.toml",
        )
    })
}

/// Loads a problem file with overrides.
pub fn load(path: &Path, overrides: &[String]) -> Result<Loaded, Failure> {
    let text = read_input(path)?;
    let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
    read(&path.to_string_lossy(), text, overrides, &|name| folder.join(name))
}

fn read(
    name: &str,
    text: String,
    overrides: &[String],
    place: &dyn Fn(&str) -> PathBuf,
) -> Result<Loaded, Failure> {
    let files = RefCell::new(BTreeMap::new());
    let read_file = |path: &str| -> io::Result<String> {
        let text = std::fs::read_to_string(place(path))?;
        files.borrow_mut().insert(path.to_string(), text.clone());
        Ok(text)
    };
    let problem = surrogate_problem::load_with_cells(
        name,
        &text,
        overrides,
        &read_file,
        &crate::cell::physics,
    )?;
    let test = problem.crystal.as_ref().and_then(|c| c.test.clone());
    let table = |name: String| -> Result<(String, Vec<u8>), Failure> {
        let bytes = surrogate_run::read_bytes(&place(&name))
            .map_err(|e| Failure::user(format!("[crystal] test: {e}")))?;
        Ok((name, bytes))
    };
    let test = test.map(table).transpose()?;
    Ok(Loaded { problem, text, files: files.into_inner(), test })
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
    let manifest = run.manifest()?;
    unchanged(&manifest, "resolved", text.as_bytes(), &path)?;
    let name = &manifest.problem;
    let loaded = read(&format!("{name}.toml"), text, &[], &|name| input_file(run, name))?;
    let texts = loaded.files.iter().map(|(name, text)| (name, text.as_bytes()));
    for (name, bytes) in texts.chain(loaded.test.iter().map(|(name, bytes)| (name, &bytes[..]))) {
        unchanged(&manifest, name, bytes, &input_file(run, name))?;
    }
    Ok(loaded)
}

/// Refuses a file that is not what the manifest says the run was made from: weights and energy would be
/// those of another problem.
fn unchanged(manifest: &Manifest, name: &str, bytes: &[u8], path: &Path) -> Result<(), Failure> {
    let known = manifest.hashes.get(name);
    if known.is_none_or(|known| *known == surrogate_run::hash_hex(bytes)) {
        return Ok(());
    }
    Err(Failure::helped(
        format!("{} was changed after its run had begun", path.display()),
        "restore the file, or train anew with what it says now",
    ))
}

/// Places of each field at which a fingerprint is taken.
const PLACES: usize = 3;

/// A trained surrogate.
pub struct Trained {
    /// Its problem.
    pub problem: Problem,
    /// What was learned.
    pub surrogate: Surrogate,
    /// Where it lives.
    pub run: RunDirectory,
}

/// Finds a run by path, name or end of name.
pub fn find(text: &str) -> Result<RunDirectory, Failure> {
    Ok(RunDirectory::find(&runs_folder(None), text)?)
}

/// Warns of a fit that training did not call good; gives its verdict and the warning, for `--json`.
///
/// # Errors
/// A run without a readable manifest.
pub fn caution(run: &RunDirectory, terminal: &Terminal) -> Result<Value, Failure> {
    let manifest = run.manifest()?;
    // a generator is scored, not judged
    let caution = manifest.caution().filter(|_| !run.file("generator.json").exists());
    if let Some(words) = caution {
        terminal.warn(format!("{}: this surrogate is {words}", run.name()));
    }
    Ok(json!({ "verdict": manifest.verdict.as_ref().map(|v| &v.word), "caution": caution }))
}

impl Trained {
    /// Opens the surrogate of a run.
    pub fn open(text: &str) -> Result<Self, Failure> {
        let run = find(text)?;
        let mut problem = load_run(&run)?.problem;
        refuse_generator(&problem)?;
        let checkpoint = run.checkpoint("best").map_err(|error| match error {
            surrogate_run::RunError::Missing { .. } => no_weights(&run),
            other => other.into(),
        })?;
        if let Some(cell) = cell_problem(&problem)? {
            let networks = CellNetworks::restore(cell, &checkpoint.blobs)?;
            check_fields(&checkpoint, &networks.fingerprint())?;
            let surrogate = Surrogate::Cell(Box::new(networks));
            return Ok(Self { problem, surrogate, run });
        }
        let mut model = Model::new(&problem)?;
        let weights = weights(&model, &checkpoint)?;
        check_fields(&checkpoint, &fingerprint(&problem, &mut model)?)?;
        let networks = Networks { model, weights };
        networks.put_unknowns(&mut problem);
        let surrogate = Surrogate::Networks(Box::new(networks));
        Ok(Self { problem, surrogate, run })
    }

    /// Prepares outputs and fields, and their derivatives by parameters, at fixed places: see
    /// [`Surrogate::curves`].
    pub fn curves(
        &mut self,
        items: &[Item],
        by: &[usize],
        places: &[Vec<f64>],
    ) -> Result<Curves, Failure> {
        self.surrogate.curves(&self.problem, items, by, places)
    }
}

/// A generator of crystals has no curves.
///
/// # Errors
/// A problem with `[crystal]`.
pub fn refuse_generator(problem: &Problem) -> Result<(), Failure> {
    if problem.crystal.is_none() {
        return Ok(());
    }
    Err(Failure::helped(
        format!("{} trains a generator of crystals: it has no fields and outputs", problem.name),
        "surrogate generate --proposer both --model RUN finds structures; surrogate evaluate RUN --split \
         test, or --structures TABLE, says how often",
    ))
}

/// Values of all fields at a few places for made-up weights. A surrogate is its weights *and* the
/// way its fields are made of them, and another version of the program may make them otherwise:
/// the same weights would then give other answers.
///
/// # Errors
/// If a field cannot be evaluated.
pub fn fingerprint(problem: &Problem, model: &mut Model) -> Result<Vec<f64>, Failure> {
    let made_up = |n: usize| (1..=n).map(|i| 0.3 * (i as f64).sin()).collect();
    let weights: Vec<Vec<f64>> = model.components.iter().map(|c| made_up(c.n)).collect();
    let mut out = Vec::new();
    for (k, field) in problem.fields.iter().enumerate() {
        let node = model.form.graph.function_value(field.function);
        let mut predictor = Predictor::new(model, &weights, &[node], &[])?;
        let region = Region::of_field(problem, k);
        let drawn = region.random(PLACES, 1);
        let place = |s: &SymbolId| region.symbols.iter().position(|t| t == s);
        let columns: Vec<Vec<f64>> =
            predictor.symbols().iter().filter_map(|s| Some(drawn[place(s)?].clone())).collect();
        out.extend(predictor.evaluate(&columns, PLACES).remove(0));
    }
    Ok(out.into_iter().map(|v| if v.is_finite() { v } else { 0.0 }).collect())
}

/// Refuses a checkpoint whose fields were made in another way.
///
/// # Errors
/// [`Failure::User`] with the way out.
pub fn check_fields(checkpoint: &Checkpoint, expected: &[f64]) -> Result<(), Failure> {
    let saved: Option<Vec<f64>> = checkpoint.header["fields"]
        .as_array()
        .map(|list| list.iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect());
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
    let same = |saved: &Vec<f64>| {
        saved.len() == expected.len() && saved.iter().zip(expected).all(|(&a, &b)| near(a, b))
    };
    if saved.as_ref().is_some_and(same) {
        return Ok(());
    }
    Err(Failure::helped(
        "this run was made by a version of surrogate that makes fields of weights in another way",
        "use that version, or train anew",
    ))
}

fn no_weights(run: &RunDirectory) -> Failure {
    let name = run.name();
    match run.manifest().map(|m| m.status_now()) {
        Ok(Status::Finished) => Failure::helped(
            format!("run {name} has lost its checkpoints/best.ckpt"),
            "restore the file from a copy, or train anew",
        ),
        Ok(Status::Running) => Failure::helped(
            format!("run {name} is still being trained, and has no weights to predict with yet"),
            "wait for its end; Ctrl-C ends it sooner, with the weights that it has then",
        ),
        _ => Failure::helped(
            format!("run {name} has no trained weights yet"),
            format!("surrogate train --resume {}", shell_word(run.path())),
        ),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(ansatz: &str) -> Vec<f64> {
        let text = format!(
            "title = \"t\"\n[coordinates]\nt = \"0 .. 1\"\n[fields.u]\nansatz = \"{ansatz}\"\n\
             [[equations]]\nequation = \"d(u, t) = -u\"\n"
        );
        let nothing = |_: &str| Err(io::ErrorKind::NotFound.into());
        let problem = surrogate_problem::load_text("test.toml", &text, &[], &nothing).unwrap();
        fingerprint(&problem, &mut Model::new(&problem).unwrap()).unwrap()
    }

    #[test]
    fn weights_of_another_ansatz_are_refused() {
        let header = serde_json::json!({ "fields": fields("1 + t*N") });
        let checkpoint = weights_checkpoint(&[], header);
        assert!(check_fields(&checkpoint, &fields("1 + t*N")).is_ok());
        assert!(check_fields(&checkpoint, &fields("1 + t/(t + 0.1)*N")).is_err());
        let unnamed = weights_checkpoint(&[], serde_json::json!({}));
        assert!(check_fields(&unnamed, &fields("1 + t*N")).is_err());
    }
}
