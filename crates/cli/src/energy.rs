//! The meter's accounts as run files, and back.

use serde_json::{Value, json};
use surrogate_meter::{Amount, CarryOver, ChannelReport, EnergyReport, Provenance, StageRecord};
use surrogate_run::EnergySummary;
use surrogate_run::schema::{Channel, Energy, StageEnergy};

use crate::footprint;

/// `energy.json`, without a footprint.
pub fn file(report: &EnergyReport) -> Energy {
    let channels = report.channels.iter().map(|c| Channel {
        name: c.name.clone(),
        provenance: c.provenance.word().to_string(),
        how: c.how.clone(),
        energy_uj: c.energy_uj,
        sigma_uj: Some(c.sigma_uj as f64),
    });
    let stages = report.stages.iter().map(|s| StageEnergy {
        path: s.path.clone(),
        calls: s.calls,
        energy_uj: s.own.total_uj(),
        wall_s: s.own.wall_s(),
        cpu_s: s.own.cpu_s(),
    });
    Energy {
        format: 1,
        channels: channels.collect(),
        stages: stages.collect(),
        unattributed_uj: report.unattributed_uj,
        total_uj: report.total_uj,
        sigma_uj: Some(report.total_sigma_uj as f64),
        provenance: word(report).to_string(),
        wall_s: report.wall_s,
        cpu_s: report.cpu_s,
        low_uj: Some(report.total_low_uj),
        high_uj: Some(report.total_high_uj),
        peak_memory_bytes: None,
        footprint: None,
        meter: Some(footprint::meter_cost(report)),
        notes: report.not_measured.iter().map(|r| format!("{}: {}", r.what, r.why)).collect(),
    }
}

/// Provenance of the total: that of the weakest channel.
pub fn word(report: &EnergyReport) -> &'static str {
    report.provenance().map_or("assumed", Provenance::word)
}

/// For the manifest.
pub fn summary(report: &EnergyReport) -> EnergySummary {
    let how: Vec<String> =
        report.channels.iter().map(|c| format!("{}: {}", c.name, c.how)).collect();
    EnergySummary {
        energy_j: report.total_uj as f64 * 1e-6,
        sigma_j: Some(report.total_sigma_uj as f64 * 1e-6),
        provenance: word(report).to_string(),
        how: how.join("; "),
    }
}

/// The accounts inside a checkpoint.
pub fn to_json(report: &EnergyReport) -> Value {
    let amount = |a: &Amount| json!([a.energy_uj, a.wall_ns, a.cpu_ns]);
    json!({
        "channels": report.channels.iter().map(|c| json!({
            "name": c.name,
            "provenance": c.provenance.word(),
            "how": c.how,
            "family": c.family,
            "uj": [c.energy_uj, c.sigma_uj, c.low_uj, c.high_uj],
        })).collect::<Vec<_>>(),
        "stages": report.stages.iter().map(|s| json!({
            "path": s.path,
            "calls": s.calls,
            "open_ns": s.open_ns,
            "own": amount(&s.own),
        })).collect::<Vec<_>>(),
        "unattributed": amount(&report.unattributed),
    })
}

/// The accounts of an earlier session; `None` if the header does not hold any.
pub fn from_json(value: &Value) -> Option<CarryOver> {
    let amount = |v: &Value| {
        Some(Amount {
            energy_uj: v[0].as_array()?.iter().map(Value::as_u64).collect::<Option<_>>()?,
            wall_ns: v[1].as_u64()?,
            cpu_ns: v[2].as_u64()?,
        })
    };
    let text = |v: &Value| Some(v.as_str()?.to_string());
    let channel = |v: &Value| {
        Some(ChannelReport {
            name: text(&v["name"])?,
            provenance: Provenance::from_word(v["provenance"].as_str()?)?,
            how: text(&v["how"])?,
            family: text(&v["family"])?,
            energy_uj: v["uj"][0].as_u64()?,
            sigma_uj: v["uj"][1].as_u64()?,
            low_uj: v["uj"][2].as_u64()?,
            high_uj: v["uj"][3].as_u64()?,
        })
    };
    let stage = |v: &Value| {
        Some(StageRecord {
            path: text(&v["path"])?,
            calls: v["calls"].as_u64()?,
            open_ns: v["open_ns"].as_u64()?,
            own: amount(&v["own"])?,
        })
    };
    Some(CarryOver {
        channels: value["channels"].as_array()?.iter().map(channel).collect::<Option<_>>()?,
        stages: value["stages"].as_array()?.iter().map(stage).collect::<Option<_>>()?,
        unattributed: amount(&value["unattributed"])?,
    })
}
