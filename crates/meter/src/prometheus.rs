//! The account as a text file for Prometheus's textfile collector.

use std::fmt::Write as _;

use crate::footprint::Footprint;
use crate::quantity::Quantity;
use crate::report::EnergyReport;

/// Metrics in Prometheus's text format, version 0.0.4. Energies are joules, as its names want.
#[must_use]
pub fn prometheus_text(report: &EnergyReport, footprint: Option<&Footprint>) -> String {
    let mut out = Text(String::new());
    out.head("surrogate_energy_joules_total", "counter", "Energy by channel.");
    for channel in &report.channels {
        let labels =
            [("channel", channel.name.as_str()), ("provenance", channel.provenance.word())];
        out.line("surrogate_energy_joules_total", &labels, channel.energy_uj as f64 * 1e-6);
    }
    out.head(
        "surrogate_energy_interval_joules",
        "gauge",
        "Ends of the 68 % interval, all channels.",
    );
    for (end, uj) in [("low", report.total_low_uj), ("high", report.total_high_uj)] {
        out.line("surrogate_energy_interval_joules", &[("end", end)], uj as f64 * 1e-6);
    }
    let name = "surrogate_stage_energy_joules_total";
    out.head(name, "counter", "Energy by stage, stages inside it left out.");
    for stage in &report.stages {
        out.line(name, &[("stage", &stage.path)], stage.own.total_uj() as f64 * 1e-6);
    }
    out.line(name, &[("stage", "")], report.unattributed_uj as f64 * 1e-6);
    out.head("surrogate_wall_seconds_total", "counter", "Metered wall time.");
    out.line("surrogate_wall_seconds_total", &[], report.wall_s);
    out.head("surrogate_cpu_seconds_total", "counter", "CPU time of the work.");
    out.line("surrogate_cpu_seconds_total", &[], report.cpu_s);
    if let Some(footprint) = footprint {
        out.head("surrogate_carbon_grams_total", "counter", "CO2e by cause, location-based.");
        let carbon = "surrogate_carbon_grams_total";
        out.quantity(carbon, &footprint.operational_g, "operational");
        out.quantity(carbon, &footprint.embodied_g, "embodied");
        out.head("surrogate_water_litres_total", "counter", "Water by place.");
        out.quantity("surrogate_water_litres_total", &footprint.water_onsite_l, "on_site");
        out.quantity("surrogate_water_litres_total", &footprint.water_offsite_l, "off_site");
    }
    out.0
}

struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // writing to a string cannot fail
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let escaped =
            |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels: Vec<String> =
            labels.iter().map(|(key, text)| format!("{key}=\"{}\"", escaped(text))).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn quantity(&mut self, name: &str, quantity: &Quantity, cause: &str) {
        let labels = [("cause", cause), ("provenance", quantity.provenance.word())];
        self.line(name, &labels, quantity.value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Detection, Meter, MeterOptions};

    #[test]
    fn every_line_is_a_comment_or_a_metric_with_a_number() {
        let detection = Some(Detection { sources: Vec::new(), rejected: Vec::new() });
        let meter = Meter::start(MeterOptions { detection, ..MeterOptions::default() }).unwrap();
        drop(meter.stage("a \"quoted\" stage\\"));
        let text = prometheus_text(&meter.stop(), None);
        assert!(text.contains(r#"stage="a \"quoted\" stage\\""#), "{text}");
        for line in text.lines() {
            let number = line.rsplit(' ').next().and_then(|n| n.parse::<f64>().ok());
            assert!(line.starts_with("# ") || number.is_some(), "{line}");
        }
        assert!(text.contains("surrogate_wall_seconds_total "));
    }
}
