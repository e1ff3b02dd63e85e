//! What stands in a run directory, as far as it is there.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use surrogate_run::schema::{Energy, Evaluation, ForecastLine, MetricsLine, Payback, PowerLine};
use surrogate_run::{Manifest, RunDirectory, RunError, Table, read_json, read_lines};

use crate::error::ReportError;
use crate::generator::Generator;

/// Everything that a report is made from.
#[derive(Debug)]
pub(crate) struct Inputs {
    /// Name of the run.
    pub id: String,
    pub manifest: Manifest,
    pub evaluation: Option<Evaluation>,
    pub curves: Option<Table>,
    pub profiles: Option<Table>,
    pub metrics: Vec<MetricsLine>,
    pub energy: Option<Energy>,
    pub power: Vec<PowerLine>,
    pub forecasts: Vec<ForecastLine>,
    pub payback: Option<Payback>,
    /// What a generator of crystals has beside them; nothing for a run of something else.
    pub generator: Option<Generator>,
    /// Country of the electricity, if the user named one.
    pub country: Option<String>,
    /// Files that are there and cannot be read, in words.
    pub warnings: Vec<String>,
}

/// What a report needs of `electricity.json`.
#[derive(Deserialize)]
struct Electricity {
    #[serde(default)]
    country: Option<String>,
}

impl Inputs {
    /// Reads a run directory. Only the manifest must be there; a damaged file counts as missing
    /// and is named in `warnings`.
    pub(crate) fn read(path: &Path) -> Result<Self, ReportError> {
        let run = RunDirectory::open(path)?;
        let manifest = run.manifest()?;
        let mut warnings = Vec::new();
        let mut inputs = Self {
            id: if manifest.id.is_empty() { run.name() } else { manifest.id.clone() },
            evaluation: optional(json(&run, "evaluation.json"), &mut warnings),
            curves: optional(Table::read_csv(&run.file("curves.csv")), &mut warnings),
            profiles: optional(Table::read_csv(&run.file("profiles.csv")), &mut warnings),
            metrics: optional(read_lines(&run.file("metrics.jsonl")), &mut warnings)
                .map(|lines| lines.items)
                .unwrap_or_default(),
            energy: optional(json(&run, "energy.json"), &mut warnings),
            power: optional(read_lines(&run.file("energy.jsonl")), &mut warnings)
                .map(|lines| lines.items)
                .unwrap_or_default(),
            forecasts: optional(read_lines(&run.file("forecast.jsonl")), &mut warnings)
                .map(|lines| lines.items)
                .unwrap_or_default(),
            payback: optional(json(&run, "payback.json"), &mut warnings),
            country: optional(json(&run, "electricity.json"), &mut warnings)
                .and_then(|given: Electricity| given.country),
            generator: Generator::read(&run, &mut warnings),
            warnings: Vec::new(),
            manifest,
        };
        if inputs.energy.as_ref().is_some_and(|energy| !energy.check()) {
            warnings.push("energy.json: stages and channels do not add up to the total".to_owned());
        }
        inputs.warnings = warnings;
        Ok(inputs)
    }

    /// Whether errors against a reference are known.
    pub(crate) fn has_reference(&self) -> bool {
        self.evaluation.as_ref().is_some_and(|evaluation| {
            evaluation.reference.kind != "none"
                && evaluation.main().is_some_and(|(_, errors)| errors.rms.is_some())
        })
    }
}

fn json<T: DeserializeOwned>(run: &RunDirectory, name: &str) -> Result<T, RunError> {
    read_json(&run.file(name))
}

pub(crate) fn optional<T>(result: Result<T, RunError>, warnings: &mut Vec<String>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(RunError::Missing { .. }) => None,
        Err(error) => {
            warnings.push(error.to_string());
            None
        }
    }
}
