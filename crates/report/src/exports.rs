//! Runs in the words of others: BoAmps reports and an RO-Crate.
//!
//! BoAmps: the JSON of AFNOR and Boavizta for the energy of computing tasks. Names and required
//! fields are those of its `report_schema.json` and the schemas that it refers to, as of 2026-04.
//! What is not known is left out; `environment` needs a country and comes only with one.

use serde_json::{Value, json};
use surrogate_run::schema::Energy;
use surrogate_run::{Manifest, Status};

use crate::inputs::Inputs;

/// Version of the format that the field names follow.
const BOAMPS_VERSION: &str = "0.1";

/// One BoAmps report. `accuracy` lies in 0..=1.
pub(crate) fn boamps(inputs: &Inputs, energy: &Energy, accuracy: Option<f64>) -> Value {
    let manifest = &inputs.manifest;
    let mut report = json!({
        "header": {
            "formatVersion": BOAMPS_VERSION,
            "reportId": inputs.id,
            "reportDatetime": date_time(manifest.ended.as_ref().unwrap_or(&manifest.started)),
            "reportStatus": if manifest.status_now() == Status::Finished { "final" } else { "draft" },
        },
        "task": task(manifest, energy, accuracy),
        "measures": [measure(manifest, energy)],
        "system": { "os": manifest.hardware.system.split(' ').next().unwrap_or_default() },
        "software": { "language": "rust" },
        "infrastructure": { "infraType": "other", "components": components(manifest) },
    });
    if let Some(country) = &inputs.country {
        report["environment"] = json!({ "country": country });
        if let Some(footprint) = &energy.footprint {
            let intensity = footprint.carbon_intensity.value;
            report["environment"]["powerSourceCarbonIntensity"] = json!(intensity);
        }
    }
    if let Some(quality) = quality(energy) {
        report["quality"] = json!(quality);
    }
    report
}

fn task(manifest: &Manifest, energy: &Energy, accuracy: Option<f64>) -> Value {
    let optimizers: Vec<&str> =
        energy.stages.iter().filter_map(|stage| stage.path.strip_prefix("train.")).collect();
    let mut algorithm = json!({
        "trainingType": "physicsInformed",
        "algorithmType": "neural network",
        "algorithmName": "physics-informed neural network",
        "framework": "surrogate",
        "quantization": "fp64",
    });
    if let Some(version) = manifest.versions.get("surrogate") {
        algorithm["frameworkVersion"] = json!(version);
    }
    if let Some(weights) = manifest.weights {
        algorithm["parametersNumber"] = json!(weights as f64 * 1e-9); // in billions
    }
    if !optimizers.is_empty() {
        algorithm["optimizer"] = json!(optimizers.join("+"));
    }
    let mut task = json!({
        "taskStage": "training",
        "taskFamily": "surrogate of differential equations",
        "algorithms": [algorithm],
        // points are drawn while training goes on: nothing is read but the problem file
        "dataset": [{ "dataUsage": "input", "dataType": "other", "source": "other" }],
        "taskDescription": manifest.title,
    });
    if let Some(accuracy) = accuracy {
        task["measuredAccuracy"] = json!(accuracy);
    }
    task
}

fn measure(manifest: &Manifest, energy: &Energy) -> Value {
    let mut measure = json!({
        "measurementMethod": format!("surrogate-meter, {}", energy.provenance),
        "powerConsumption": energy.total_j() / 3.6e6, // kWh, in spite of the name
        "measurementDuration": energy.wall_s,
        "measurementDateTime": date_time(&manifest.started),
    });
    if let Some(version) = manifest.versions.get("surrogate") {
        measure["version"] = json!(version);
    }
    let how = |gpu: bool| {
        let channel = energy.channels.iter().find(|c| c.name.starts_with("gpu") == gpu);
        channel.map(|c| c.how.clone())
    };
    if let Some(how) = how(false) {
        measure["cpuTrackingMode"] = json!(how);
    }
    if let Some(how) = how(true) {
        measure["gpuTrackingMode"] = json!(how);
    }
    let cores = manifest.hardware.cores as f64;
    let used = energy.cpu_s / (energy.wall_s * cores);
    if used.is_finite() {
        measure["averageUtilizationCpu"] = json!(used.clamp(0.0, 1.0));
    }
    measure
}

fn components(manifest: &Manifest) -> Vec<Value> {
    let hardware = &manifest.hardware;
    let mut components = vec![json!({
        "componentName": hardware.cpu_model,
        "componentType": "cpu",
        "nbComponent": 1,
    })];
    if hardware.memory_bytes > 0 {
        components.push(json!({
            "componentType": "ram",
            "nbComponent": 1,
            "memorySize": hardware.memory_bytes as f64 * 1e-9,
        }));
    }
    let gpus = hardware.more.iter().filter(|(name, _)| name.starts_with("gpu"));
    components.extend(gpus.map(
        |(_, model)| json!({ "componentName": model, "componentType": "gpu", "nbComponent": 1 }),
    ));
    components
}

/// `high` to 10 %, `medium` to 25 %, `low` to 50 % of uncertainty; the format has no word beyond.
fn quality(energy: &Energy) -> Option<&'static str> {
    match energy.sigma_uj? / energy.total_uj.max(1) as f64 {
        share if share <= 0.10 => Some("high"),
        share if share <= 0.25 => Some("medium"),
        share if share <= 0.50 => Some("low"),
        _ => None,
    }
}

/// `2026-11-21 16:03:00` of an RFC 3339 time.
fn date_time(time: &str) -> String {
    time.chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

/// The folder of a comparison as an RO-Crate 1.1.
pub(crate) fn crate_metadata(runs: &[String]) -> Value {
    let files = [
        ("comparison.json", "application/json", "Energy against accuracy of the runs"),
        ("comparison.csv", "text/csv", "The same as a table"),
        ("boamps.json", "application/json", "The energies as BoAmps reports"),
        ("report.html", "text/html", "The same as a page"),
    ];
    let parts: Vec<Value> = files.iter().map(|(name, ..)| json!({ "@id": name })).collect();
    let mut graph = vec![
        json!({
            "@id": "ro-crate-metadata.json",
            "@type": "CreativeWork",
            "about": { "@id": "./" },
            "conformsTo": { "@id": "https://w3id.org/ro/crate/1.1" },
        }),
        json!({
            "@id": "./",
            "@type": "Dataset",
            "name": format!("Comparison of {}", runs.join(", ")),
            "description": "Energy, error and derived measures of trained surrogates",
            "hasPart": parts,
        }),
    ];
    graph.extend(files.iter().map(|(name, kind, what)| {
        json!({ "@id": name, "@type": "File", "name": what, "encodingFormat": kind })
    }));
    json!({ "@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph })
}
