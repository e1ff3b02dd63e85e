//! Where the second half of the solver runs goes: to what a short training misses.

use rand::RngExt;

use crate::network::Inputs;
use crate::regression::Regression;
use crate::sample::{self, Curve};
use crate::training::{Training, spread_runs};

/// Candidates for each aimed run.
const CANDIDATES: usize = 16;
/// Misses that are averaged at a candidate.
const NEIGHBOURS: usize = 6;
/// Miss of an end, relative, from which it says no more.
const LARGE_END: f64 = 0.05;
/// Part of the longest discharge at which the electrolyte is looked at.
const LATE: f64 = 0.7;
/// Lithium in the electrolyte over that at rest that is low.
const LOW: f64 = 0.05;
/// Part of the mean miss that every place counts at least.
const LEAST_MISS: f64 = 0.1;

impl Training {
    /// Points for more solver runs, and for sweeps, both last first: runs and two thirds of these sweeps more
    /// often where the probe misses curves that it has not seen, the other sweeps evenly.
    pub(crate) fn aimed(&self, runs: usize, sweeps: usize) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
        let misses = self.misses();
        let (first, aimed) = (spread_runs(&self.settings), 2 * sweeps / 3);
        let (next, last) = (first + CANDIDATES * runs, first + CANDIDATES * (runs + aimed));
        let even = sample::points(&self.problem, last, sweeps - aimed, self.settings.seed as u32);
        let mut later = self.aim(&misses, next, aimed, 6);
        later.extend(even);
        (self.aim(&misses, first, runs, 4), later)
    }

    /// Points for sweeps where the network of the electrolyte says that it runs low: there the end of the
    /// discharge depends most on the point.
    pub(crate) fn scarce(&self, wanted: usize) -> Vec<Vec<f64>> {
        // of a sequence of its own
        let seed = (self.settings.seed as u32).wrapping_add(1);
        let candidates = sample::points(&self.problem, 0, CANDIDATES * wanted, seed);
        let weight = |point: &Vec<f64>| {
            let time = LATE * self.problem.longest_s(point);
            let least = self.electrolyte_at(point, time).into_iter().fold(1.0, f64::min);
            (least.max(0.0) + LOW).powi(-2)
        };
        let weighted = candidates.into_iter().map(|point| (weight(&point), point)).collect();
        self.drawn(weighted, wanted, 7)
    }

    /// What the probe misses at places of curves that it has not seen, over the mean.
    fn misses(&self) -> Vec<(Vec<f64>, f64)> {
        let unseen: Vec<&Curve> = self.curves.iter().skip(1).step_by(2).collect();
        let curves = over_mean(unseen.iter().map(|curve| self.miss(curve)).collect());
        let ends = over_mean(self.ends_missed(&unseen));
        (unseen.iter().zip(curves.iter().zip(&ends)))
            .map(|(curve, (miss, end))| (self.problem.places(&curve.point), 0.5 * (miss + end)))
            .collect()
    }

    /// `wanted` points among candidates from the `first` on, more of them where much is missed.
    fn aim(
        &self,
        misses: &[(Vec<f64>, f64)],
        first: usize,
        wanted: usize,
        stream: u64,
    ) -> Vec<Vec<f64>> {
        let candidates =
            sample::points(&self.problem, first, CANDIDATES * wanted, self.settings.seed as u32);
        let weight = |point: &Vec<f64>| nearby(misses, &self.problem.places(point)) + LEAST_MISS;
        let weighted = candidates.into_iter().map(|point| (weight(&point), point)).collect();
        self.drawn(weighted, wanted, stream)
    }

    /// Points drawn without replacement, with chances in proportion to their weights
    /// (Efraimidis and Spirakis 2006, Information Processing Letters 97, 181).
    fn drawn(&self, weighted: Vec<(f64, Vec<f64>)>, wanted: usize, stream: u64) -> Vec<Vec<f64>> {
        let mut random = self.random(stream);
        let mut keyed: Vec<(f64, Vec<f64>)> = weighted
            .into_iter()
            .map(|(weight, point)| {
                let u: f64 = random.random();
                (-(1.0 - u).ln() / weight, point)
            })
            .collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        keyed.truncate(wanted);
        keyed.into_iter().rev().map(|(_, point)| point).collect()
    }

    /// Relative sizes by which the probe misses the ends of curves, none above [`LARGE_END`].
    fn ends_missed(&self, curves: &[&Curve]) -> Vec<f64> {
        let Some(probe) = self.surrogate() else { return vec![0.0; curves.len()] };
        let mut buffers = probe.buffers();
        let miss = |curve: &&Curve| {
            (probe.end_time_s(&curve.point, &mut buffers) / curve.end - 1.0).abs().min(LARGE_END)
        };
        curves.iter().map(miss).collect()
    }

    /// Root mean square by which the probe misses a curve, V.
    fn miss(&self, curve: &Curve) -> f64 {
        let mut sum = 0.0;
        for (electrode, network) in self.networks.iter().enumerate() {
            let spread = (network.shift, network.scale);
            let points = self.data(electrode, &[curve], spread, Inputs::default());
            let misfit = Regression::new(&network.mlp, 0, &points, 0.0).misfit(&network.weights);
            sum += misfit * network.scale * network.scale;
        }
        sum.sqrt()
    }
}

/// Misses over their mean.
fn over_mean(misses: Vec<f64>) -> Vec<f64> {
    let mean = misses.iter().sum::<f64>() / misses.len().max(1) as f64;
    misses.into_iter().map(|miss| miss / mean.max(f64::MIN_POSITIVE)).collect()
}

/// Mean miss of the nearest neighbours of a place, the nearer the heavier.
fn nearby(misses: &[(Vec<f64>, f64)], place: &[f64]) -> f64 {
    let apart = |other: &[f64]| {
        other.iter().zip(place).map(|(a, b)| (a - b).powi(2)).sum::<f64>().max(1e-12)
    };
    let mut near: Vec<(f64, f64)> = misses.iter().map(|(p, m)| (apart(p), *m)).collect();
    let count = NEIGHBOURS.min(near.len());
    if count == 0 {
        return 0.0;
    }
    near.select_nth_unstable_by(count - 1, |a, b| a.0.total_cmp(&b.0));
    near.truncate(count);
    let weight: f64 = near.iter().map(|(d, _)| 1.0 / d).sum();
    near.iter().map(|(d, m)| m / d).sum::<f64>() / weight
}
