//! Learning of any current: solved profiles, and the networks that they teach.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use surrogate_jet::{Activation, Mlp, Workspace};

use crate::CellsError;
use crate::drive::{DriveSurrogate, FEATURES, Look, Walk};
use crate::problem::{CellProblem, Quantity};
use crate::profile::Profile;
use crate::regression::{Points, streams};
use crate::sample::Curve;
use crate::training::Array;

/// Width of both hidden layers.
const WIDTH: usize = 24;
/// Times of each profile that are learned, and of each constant discharge.
const TIMES: usize = 160;
const CURVE_TIMES: usize = 32;
/// Misses of a particle, in their root mean square, from which a row counts less.
const USUAL: f64 = 6.0;
/// Times that a profile which cannot be solved is drawn, and the numbers between.
const TRIES: u64 = 4;
const ANEW: u64 = 1_000_000;

/// What is added to the potential of the particle of an electrode: `shift + scale N(places, features)`.
#[derive(Debug, Clone)]
pub(crate) struct DriveNetwork {
    pub(crate) mlp: Mlp,
    pub(crate) weights: Vec<f64>,
    pub(crate) shift: f64,
    pub(crate) scale: f64,
}

/// Axes that do not vary the current.
pub(crate) fn places_count(problem: &CellProblem) -> usize {
    problem.axes.iter().filter(|axis| axis.quantity != Quantity::CRate).count()
}

impl DriveSurrogate {
    /// What the solver says of a random profile, at times that are spread evenly or where it took its
    /// steps. Profiles that end as they begin are drawn anew.
    pub(crate) fn lesson(&self, seed: u64, number: u64) -> Result<Lesson, CellsError> {
        let anew = |again: u64| number + again * ANEW;
        let (mut used, mut found) = (number, Err(CellsError::State { name: "profiles".into() }));
        for again in 0..TRIES {
            used = anew(again);
            let (point, profile, start) = self.random(seed, used);
            found = self.solve(&point, &profile, start);
            if found.is_ok() {
                break;
            }
        }
        let solution = found?;
        let (times, end) = (&solution.time_s, solution.end_time_s());
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(ANEW / 2 + used);
        let chosen = spread(TIMES, times.len(), end, &|k| times[k], &mut || random.random());
        let told = chosen.into_iter().map(|k| {
            let before = times.get(k + 1) == Some(&times[k]);
            let n = solution.negative_potential_v[k];
            Told { look: Look { time: times[k], before }, truth: [n, solution.voltage_v[k] + n] }
        });
        Ok(Lesson { number: used, told: told.collect() })
    }

    /// Rows that lessons of a seed, and constant discharges that were solved, teach of an electrode.
    fn rows(&self, e: usize, seed: u64, lessons: &[Lesson], curves: &[&Curve]) -> Vec<Row> {
        let mut rows = vec![];
        let mut add = |walk: &mut Walk, point: &[f64], told: &Told| {
            let (features, potential) = walk.to(told.look)[e];
            let inputs = self.places(point).into_iter().chain(features).collect();
            rows.push(Row { inputs, missing: told.truth[e] - potential });
        };
        for lesson in lessons {
            let (point, profile, start) = self.random(seed, lesson.number);
            let mut walk = self.walk(&point, &profile, start);
            lesson.told.iter().for_each(|told| add(&mut walk, &point, told));
        }
        for curve in curves {
            let (c_rate, _) = self.problem.conditions(&curve.point);
            let current = c_rate * self.problem.cell.nominal_capacity_a_h;
            let profile = Profile::constant(current, curve.end);
            let mut walk = self.walk(&curve.point, &profile, self.initial());
            let (entries, mut k) = (&curve.entries, 0.0);
            // evenly, in place of at random
            let mut next = || {
                k += 1.0;
                (k - 0.5) / CURVE_TIMES as f64
            };
            let at = |k: usize| entries[k].time;
            for k in spread(CURVE_TIMES, entries.len(), curve.end, &at, &mut next) {
                let look = Look { time: entries[k].time, before: false };
                add(&mut walk, &curve.point, &Told { look, truth: entries[k].potentials });
            }
        }
        rows
    }
}

/// What one solved profile teaches.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lesson {
    /// Number of the random profile.
    number: u64,
    told: Vec<Told>,
}

/// Potentials of both electrodes at a place, V.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    look: Look,
    truth: [f64; 2],
}

/// Inputs of a network, and what its particle lacks there, V.
struct Row {
    inputs: Vec<f64>,
    missing: f64,
}

impl Lesson {
    /// Appends the lesson to a list of numbers.
    pub(crate) fn write(&self, out: &mut Vec<f64>) {
        out.extend([self.number as f64, self.told.len() as f64]);
        for told in &self.told {
            let before = f64::from(u8::from(told.look.before));
            out.extend([told.look.time, before, told.truth[0], told.truth[1]]);
        }
    }

    /// Lessons from a list of numbers.
    pub(crate) fn read(mut list: &[f64]) -> Option<Vec<Self>> {
        let mut lessons = vec![];
        while let Some(([number, count], rest)) = list.split_first_chunk::<2>() {
            let (told, rest) = rest.split_at_checked((*count as usize).checked_mul(4)?)?;
            let one = |t: &[f64; 4]| Told {
                look: Look { time: t[0], before: t[1] > 0.0 },
                truth: [t[2], t[3]],
            };
            let told = told.as_chunks::<4>().0.iter().map(one).collect();
            lessons.push(Self { number: *number as u64, told });
            list = rest;
        }
        list.is_empty().then_some(lessons)
    }
}

/// Entries of a run, half of them at drawn times and half at drawn steps; draws lie between 0 and 1.
fn spread(
    wanted: usize,
    count: usize,
    end: f64,
    time: &dyn Fn(usize) -> f64,
    draw: &mut dyn FnMut() -> f64,
) -> Vec<usize> {
    let mut chosen: Vec<usize> = (0..wanted)
        .map(|k| {
            let part = draw();
            if k % 2 == 0 {
                return (part * count as f64) as usize;
            }
            let (mut low, mut high) = (0, count - 1);
            while low < high {
                let middle = usize::midpoint(low, high);
                if time(middle) < part * end {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            low
        })
        .map(|k| k.min(count - 1))
        .collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

fn mlp(places: usize) -> Mlp {
    Mlp {
        inputs: places + FEATURES,
        hidden: vec![WIDTH; 2],
        outputs: 1,
        activation: Activation::Tanh,
    }
}

impl DriveNetwork {
    /// A network with first weights, and what it has to learn of an electrode.
    pub(crate) fn data(
        e: usize,
        drive: &DriveSurrogate,
        seed: u64,
        lessons: &[Lesson],
        curves: &[&Curve],
    ) -> (Self, Points) {
        let rows = drive.rows(e, seed, lessons, curves);
        let count = rows.len().max(1) as f64;
        let shift = rows.iter().map(|r| r.missing).sum::<f64>() / count;
        let variance = rows.iter().map(|r| (r.missing - shift).powi(2)).sum::<f64>() / count;
        let scale = variance.sqrt().max(1e-6);
        let mut points = Points::default();
        for row in &rows {
            points.inputs.extend(&row.inputs);
            let target = (row.missing - shift) / scale;
            points.targets.push(target);
            points.weights.push(1.0 / (1.0 + (target / USUAL).powi(2)).sqrt());
        }
        let mlp = mlp(places_count(&drive.problem));
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(90 + e as u64);
        let weights = mlp.glorot(&mut || StandardNormal.sample(&mut random));
        (Self { mlp, weights, shift, scale }, points)
    }

    /// As named arrays.
    pub(crate) fn arrays(&self, name: &str) -> Vec<Array> {
        vec![
            (format!("{name} weights"), self.weights.clone()),
            (format!("{name} form"), vec![FEATURES as f64, self.shift, self.scale]),
        ]
    }

    /// From named arrays.
    pub(crate) fn read(places: usize, name: &str, arrays: &[Array]) -> Option<Self> {
        let find = |what: &str| {
            let name = format!("{name} {what}");
            arrays.iter().find(|(n, _)| *n == name).map(|(_, values)| values)
        };
        let [features, shift, scale] = *find("form")?.as_slice() else { return None };
        let mlp = mlp(places);
        let weights = find("weights").filter(|w| w.len() == mlp.n_weights())?.clone();
        (features == FEATURES as f64).then_some(Self { mlp, weights, shift, scale })
    }

    /// What it adds to the potential at each time, V.
    pub(crate) fn added<'a>(
        &self,
        places: &[f64],
        seen: impl Iterator<Item = &'a [f64; FEATURES]>,
    ) -> Vec<f64> {
        let streams = streams(0);
        let tile = Workspace::default_tile(&self.mlp, &streams);
        let mut workspace = Workspace::new(&self.mlp, &streams, tile);
        let all: Vec<&[f64; FEATURES]> = seen.collect();
        let mut out = Vec::with_capacity(all.len());
        for chunk in all.chunks(tile) {
            let mut block = vec![0.0; self.mlp.inputs * tile];
            for (lane, features) in chunk.iter().enumerate() {
                let inputs = places.iter().chain(features.iter());
                inputs.enumerate().for_each(|(k, v)| block[k * tile + lane] = *v);
            }
            workspace.forward(&self.weights, &block);
            let values = &workspace.output()[..chunk.len()];
            out.extend(values.iter().map(|n| self.shift + self.scale * n));
        }
        out
    }
}
