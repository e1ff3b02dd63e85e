//! The power curve: mean watts between the sampler's beats.

use crate::clock::seconds;

/// Most samples kept; beyond it neighbours are merged in pairs and the curve gets coarser.
const MOST: usize = 1 << 16;

/// Mean power over one span of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// End of the span, seconds since the run's start (earlier sessions included).
    pub time_s: f64,
    /// Length of the span, s.
    pub span_s: f64,
    /// Mean power by channel, W, in the order of the report's channels.
    pub watts: Vec<f64>,
}

/// Collects samples. Over all samples, watts times span sums to the energy.
#[derive(Debug, Default)]
pub(crate) struct SampleLog {
    kept: Vec<Sample>,
    last_ns: u64,
    last_uj: Vec<u64>,
}

impl SampleLog {
    /// A log that starts at `wall_ns` with `energy_uj` by channel already used.
    pub(crate) fn start(wall_ns: u64, energy_uj: &[u64]) -> Self {
        Self { kept: Vec::new(), last_ns: wall_ns, last_uj: energy_uj.to_vec() }
    }

    /// Ends the present span.
    pub(crate) fn beat(&mut self, wall_ns: u64, energy_uj: &[u64]) {
        let span_s = seconds(wall_ns.saturating_sub(self.last_ns));
        if span_s <= 0.0 {
            return;
        }
        let watts = energy_uj
            .iter()
            .zip(&self.last_uj)
            .map(|(&now, &then)| now.saturating_sub(then) as f64 * 1e-6 / span_s)
            .collect();
        self.kept.push(Sample { time_s: seconds(wall_ns), span_s, watts });
        self.last_ns = wall_ns;
        self.last_uj.clear();
        self.last_uj.extend_from_slice(energy_uj);
        if self.kept.len() > MOST {
            self.thin();
        }
    }

    pub(crate) fn kept(&self) -> &[Sample] {
        &self.kept
    }

    pub(crate) fn take(&mut self) -> Vec<Sample> {
        std::mem::take(&mut self.kept)
    }

    fn thin(&mut self) {
        let merged = self.kept.chunks(2).map(|pair| match pair {
            [a, b] => merge(a, b),
            rest => rest[0].clone(),
        });
        self.kept = merged.collect();
    }
}

fn merge(a: &Sample, b: &Sample) -> Sample {
    let span_s = a.span_s + b.span_s;
    let mean = |(x, y): (&f64, &f64)| (x * a.span_s + y * b.span_s) / span_s;
    Sample { time_s: b.time_s, span_s, watts: a.watts.iter().zip(&b.watts).map(mean).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_curve_gets_coarser_and_keeps_its_energy() {
        let mut log = SampleLog::start(0, &[0]);
        let beats = MOST as u64 + 10;
        for i in 1..=beats {
            log.beat(i * 1_000_000_000, &[i * i]);
        }
        assert!(log.kept().len() <= MOST / 2 + 20);
        let energy_j: f64 = log.kept().iter().map(|s| s.watts[0] * s.span_s).sum();
        let exact_j = (beats * beats) as f64 * 1e-6;
        assert!((energy_j / exact_j - 1.0).abs() < 1e-9);
    }
}
