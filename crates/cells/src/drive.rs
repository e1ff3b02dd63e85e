//! Any current: a surrogate that carries the state of the cell.
//!
//! One particle for each electrode is followed exactly through any current that is linear between given
//! times, so that SPM needs no network at all. What P2D adds (uneven reaction, the electrolyte) is a
//! network of the present state: the current, the particle, and a few relaxations of the current with
//! the time constants of the electrolyte. It has no memory of its own, and no profile that it was
//! trained on.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use surrogate_battery::solve::{Control, Model, Options, ProtocolStep, Solution, simulate};
use surrogate_engine::optimize::{Optimizer, SsBroyden, Step};
use surrogate_jet::{Activation, Mlp, Workspace};

use crate::CellsError;
use crate::half::{Frame, Half};
use crate::particle::{Modes, Sphere, averages};
use crate::problem::{CellProblem, Quantity};
use crate::regression::{Points, Regression, streams};
use crate::surrogate::halves;
use crate::training::Array;

/// Time constants of the relaxations, in those of the electrolyte.
const RELAXATIONS: [f64; 4] = [0.15, 0.6, 2.0, 8.0];
/// Features of an electrode at a time.
const FEATURES: usize = 7 + RELAXATIONS.len();
/// Width of both hidden layers.
const WIDTH: usize = 24;
/// Iterations of each network.
const ITERATIONS: usize = 1500;
/// Times of each run that are learned.
const TIMES: usize = 160;

/// A current over time: straight lines between its points.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Profile {
    /// Times in s, increasing from 0.
    pub time_s: Vec<f64>,
    /// Currents in A, positive on discharge.
    pub current_a: Vec<f64>,
}

impl Profile {
    /// Current in A at a time in s; that of the ends outside.
    pub fn at(&self, time_s: f64) -> f64 {
        let after = self.time_s.partition_point(|t| *t <= time_s);
        match (after.checked_sub(1), self.time_s.get(after)) {
            (None, _) => self.current_a.first().copied().unwrap_or(0.0),
            (Some(before), None) => self.current_a[before],
            (Some(before), Some(next)) => {
                let (t, i) = (self.time_s[before], self.current_a[before]);
                i + (time_s - t) / (next - t) * (self.current_a[after] - i)
            }
        }
    }

    /// A random profile of some length in s for a cell whose current of one hour is `one_a`: holds,
    /// ramps, rests, charge and noise, discharging on the whole.
    pub fn random(length_s: f64, one_a: f64, random: &mut impl Rng) -> Self {
        let (mut time_s, mut current_a) = (vec![], vec![]);
        let (mean, spread) = (random.random_range(0.2..1.1), random.random_range(0.2..1.0));
        let slow = random.random_range(3.0..200.0_f64);
        let noise = if random.random_bool(0.5) { 0.0 } else { random.random_range(0.0..0.4) };
        let (mut t, mut last, mut taken) = (0.0, 0.0, 0.0);
        while t < length_s {
            let duration = slow * (-2.0 * (1.0 - random.random::<f64>()).ln()).clamp(0.3, 4.0);
            let z: f64 = StandardNormal.sample(random);
            let level = if random.random_bool(0.15) { 0.0 } else { mean + spread * z };
            // what is charged was discharged before
            let least = if taken > 0.0 { (-taken / duration).max(-1.0) } else { 0.1 };
            let level = level.clamp(least, 2.5);
            taken += 0.5 * (last + level) * duration;
            // a jump, or a ramp through the whole of it
            let ramp = if random.random_bool(0.3) { duration } else { RISE_S };
            let parts = if noise > 0.0 { (duration / 5.0).ceil().min(20.0) as usize } else { 1 };
            if time_s.is_empty() {
                time_s.push(0.0);
                current_a.push(level * one_a);
            }
            for k in 1..=parts {
                let at = t + duration * k as f64 / parts as f64;
                let way = ((at - t) / ramp).min(1.0);
                let z: f64 = StandardNormal.sample(random);
                let value = last + way * (level - last) + noise * z;
                if k == 1 && ramp < 0.9 * (at - t) {
                    time_s.push(t + ramp);
                    current_a.push(level * one_a);
                }
                time_s.push(at);
                current_a.push(value.clamp(least - 0.2, 2.7) * one_a);
            }
            (t, last) = (t + duration, level);
        }
        Self { time_s, current_a }
    }
}

/// Time in s in which random profiles jump.
const RISE_S: f64 = 0.1;

/// A surrogate for any current.
#[derive(Debug, Clone)]
pub struct DriveSurrogate {
    problem: CellProblem,
    halves: [Half; 2],
    modes: Modes,
    /// Networks of both electrodes with shift and scale; none for single particles.
    networks: Option<[DriveNetwork; 2]>,
}

#[derive(Debug, Clone)]
struct DriveNetwork {
    mlp: Mlp,
    weights: Vec<f64>,
    shift: f64,
    scale: f64,
}

/// The state of the cell at a time.
struct State {
    spheres: [Sphere; 2],
    /// Relaxations of the C-rate.
    relaxed: [f64; RELAXATIONS.len()],
}

/// What a network is told of an electrode, and the potential of its particle in V.
type Seen = ([f64; FEATURES], f64);

impl DriveSurrogate {
    /// Without networks: exact for SPM with constant diffusivities.
    pub fn single_particles(problem: CellProblem) -> Self {
        Self { halves: halves(&problem), modes: Modes::new(), problem, networks: None }
    }

    /// Whether one exact particle for each electrode is all of the model.
    fn exact(&self) -> bool {
        self.problem.model == Model::Spm && self.halves.iter().all(Half::constant)
    }

    /// Learns from `runs` random profiles of an hour from random states of charge, solved by the
    /// reference solver; models of single particles learn nothing.
    ///
    /// # Errors
    /// [`CellsError::Unsolvable`] where most of them cannot be solved.
    pub fn train(problem: CellProblem, runs: usize, seed: u64) -> Result<Self, CellsError> {
        let mut out = Self::single_particles(problem);
        if out.exact() {
            return Ok(out);
        }
        let solved: Vec<Result<Lesson, CellsError>> =
            (0..runs as u64).into_par_iter().map(|k| out.lesson(seed, k)).collect();
        let failed = solved.iter().filter(|s| s.is_err()).count();
        if 2 * failed > runs {
            let first = solved.into_iter().find_map(Result::err).map(|e| e.to_string());
            let first = first.unwrap_or_default();
            return Err(CellsError::Unsolvable { failed, asked: runs, first });
        }
        let lessons: Vec<Lesson> = solved.into_iter().flatten().collect();
        out.networks = Some([0, 1].map(|e| out.learn(e, &lessons, seed)));
        Ok(out)
    }

    /// One random profile at a random point, solved.
    fn lesson(&self, seed: u64, number: u64) -> Result<Lesson, CellsError> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(100 + number);
        let point: Vec<f64> =
            self.problem.axes.iter().map(|axis| axis.at(random.random())).collect();
        let profile = Profile::random(3600.0, self.problem.cell.nominal_capacity_a_h, &mut random);
        let charge = if number.is_multiple_of(2) { 1.0 } else { random.random_range(0.25..1.0) };
        let solution = self.solve(&point, &profile, charge)?;
        let count = solution.time_s.len();
        let mut chosen: Vec<usize> = (0..TIMES).map(|_| random.random_range(0..count)).collect();
        chosen.sort_unstable();
        chosen.dedup();
        let times: Vec<f64> = chosen.iter().map(|k| solution.time_s[*k]).collect();
        let seen = self.seen(&point, &profile, charge, &times);
        let truth = chosen.iter().map(|&k| {
            let n = solution.negative_potential_v[k];
            [n, solution.voltage_v[k] + n]
        });
        Ok(Lesson { places: self.places(&point), rows: seen.into_iter().zip(truth).collect() })
    }

    /// The reference solution under a profile, from a part of the charge between the empty cell and its
    /// initial state, down to the lower cut-off.
    ///
    /// # Errors
    /// What the solver says.
    pub fn solve(
        &self,
        point: &[f64],
        profile: &Profile,
        charge: f64,
    ) -> Result<Solution, CellsError> {
        let mut cell = self.problem.cell.clone();
        cell.initial.stoichiometry_n = self.start(0, charge);
        cell.initial.stoichiometry_p = self.start(1, charge);
        let control = Control::Profile {
            time_s: profile.time_s.clone(),
            current_a: profile.current_a.clone(),
        };
        let step =
            ProtocolStep { lower_v: Some(cell.lower_cutoff_v), ..ProtocolStep::new(control) };
        let (_, multipliers) = self.problem.conditions(point);
        let options = Options { multipliers, ..self.problem.options.clone() };
        Ok(simulate(&cell, self.problem.model, &[step], &options)?)
    }

    /// Stoichiometry at the start, at a part of the charge.
    fn start(&self, electrode: usize, charge: f64) -> f64 {
        let e = [&self.problem.cell.negative, &self.problem.cell.positive][electrode];
        let full = self.halves[electrode].start();
        e.stoichiometry_empty + charge * (full - e.stoichiometry_empty)
    }

    /// Places on the axes that do not vary the current.
    fn places(&self, point: &[f64]) -> Vec<f64> {
        let places = self.problem.places(point);
        let axes = self.problem.axes.iter().zip(places);
        axes.filter(|(axis, _)| axis.quantity != Quantity::CRate).map(|(_, place)| place).collect()
    }

    /// Follows a profile, and says what is seen of both electrodes at increasing times in s.
    fn seen(&self, point: &[f64], profile: &Profile, charge: f64, times: &[f64]) -> Vec<[Seen; 2]> {
        let mut factors = self.problem.factors::<f64>(point);
        // frames are those of 1C, whatever the point says of the current
        factors[surrogate_battery::solve::Parameter::Current as usize] = 1.0;
        let frames = self.halves.each_ref().map(|half| half.frame(&factors));
        let one = self.problem.cell.nominal_capacity_a_h;
        let sphere = |e| Sphere::at_rest(self.start(e, charge));
        let mut state =
            State { spheres: [sphere(0), sphere(1)], relaxed: [0.0; RELAXATIONS.len()] };
        let (mut now, mut rate) = (0.0, profile.at(0.0) / one);
        let mut next = profile.time_s.partition_point(|t| *t <= 0.0);
        let mut out = Vec::with_capacity(times.len());
        for &time in times {
            while now < time {
                let knot = profile.time_s.get(next).copied().unwrap_or(f64::INFINITY);
                let to = knot.min(time);
                let then = profile.at(to) / one;
                self.advance(&frames, &mut state, to - now, [rate, then]);
                (now, rate) = (to, then);
                next += usize::from(knot <= to);
            }
            out.push([0, 1].map(|e| self.look(e, &frames[e], &state, rate)));
        }
        out
    }

    fn advance(&self, frames: &[Frame<f64>; 2], state: &mut State, dt: f64, c_rate: [f64; 2]) {
        for (sphere, frame) in state.spheres.iter_mut().zip(frames) {
            let flux = c_rate.map(|c| c * frame.size);
            self.modes.advance(sphere, frame.rate, dt, flux);
        }
        for (relaxed, slower) in state.relaxed.iter_mut().zip(RELAXATIONS) {
            let z = dt * frames[0].relaxation / slower;
            let [decay, all, late] = averages(z);
            *relaxed = decay * *relaxed + z * ((all - late) * c_rate[0] + late * c_rate[1]);
        }
    }

    fn look(&self, e: usize, frame: &Frame<f64>, state: &State, c_rate: f64) -> Seen {
        let sphere = &state.spheres[e];
        let surface = sphere.surface();
        let (potential, [held, room]) = self.halves[e].under(frame, surface, c_rate);
        let size = frame.size.abs().max(1e-3);
        let mut features = [0.0; FEATURES];
        features[..7].copy_from_slice(&[
            c_rate,
            4.0 * (sphere.mean - 0.5),
            4.0 * (surface - 0.5),
            0.15 * held + 1.0,
            0.15 * room + 1.0,
            2.0 * (surface - sphere.mean) / size,
            10.0 * sphere.modes[0] / size,
        ]);
        features[7..].copy_from_slice(&state.relaxed);
        (features, potential)
    }

    fn learn(&self, e: usize, lessons: &[Lesson], seed: u64) -> DriveNetwork {
        let missing = |(seen, truth): &([Seen; 2], [f64; 2])| truth[e] - seen[e].1;
        let all: Vec<f64> = lessons.iter().flat_map(|l| l.rows.iter().map(missing)).collect();
        let shift = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|v| (v - shift).powi(2)).sum::<f64>() / all.len() as f64;
        let scale = variance.sqrt().max(1e-6);
        let mut points = Points::default();
        for lesson in lessons {
            for row in &lesson.rows {
                points.inputs.extend(lesson.places.iter().chain(&row.0[e].0));
                let target = (missing(row) - shift) / scale;
                points.targets.push(target);
                points.weights.push(1.0 / (1.0 + (target / 6.0).powi(2)).sqrt());
            }
        }
        let places = lessons.first().map_or(0, |l| l.places.len());
        let mlp = mlp(places);
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(90 + e as u64);
        let start = mlp.glorot(&mut || StandardNormal.sample(&mut random));
        let mut loss = Regression::new(&mlp, 0, &points, 1e-9);
        let mut optimizer = SsBroyden::new(start, &mut loss);
        for _ in 0..ITERATIONS {
            if optimizer.step(&mut loss) == Step::Stalled {
                break;
            }
        }
        DriveNetwork { mlp, weights: optimizer.x().to_vec(), shift, scale }
    }

    /// Voltages in V at increasing times in s under a profile, from a part of the charge between the
    /// empty cell and its initial state (1: the initial state). The C-rate of the point has no effect.
    pub fn voltages(
        &self,
        point: &[f64],
        profile: &Profile,
        charge: f64,
        times: &[f64],
    ) -> Vec<f64> {
        let seen = self.seen(point, profile, charge, times);
        let mut out: Vec<f64> = seen.iter().map(|[n, p]| p.1 - n.1).collect();
        if let Some(networks) = &self.networks {
            let places = self.places(point);
            for (e, network) in networks.iter().enumerate() {
                let sign = if e == 0 { -1.0 } else { 1.0 };
                let added = network.added(&places, seen.iter().map(|s| &s[e].0));
                out.iter_mut().zip(added).for_each(|(v, a)| *v += sign * a);
            }
        }
        out
    }

    /// Its weights, as named arrays.
    pub fn arrays(&self) -> Vec<Array> {
        let one = |(e, n): (usize, &DriveNetwork)| {
            [
                (format!("drive {e} weights"), n.weights.clone()),
                (format!("drive {e} form"), vec![n.shift, n.scale]),
            ]
        };
        self.networks.iter().flatten().enumerate().flat_map(one).collect()
    }

    /// The surrogate of a problem from its weights; `None` where there are none, unless the model needs
    /// none.
    pub fn from_arrays(problem: CellProblem, arrays: &[Array]) -> Option<Self> {
        let mut out = Self::single_particles(problem);
        if out.exact() {
            return Some(out);
        }
        let places = out.places(&out.problem.middle()).len();
        let find = |name: String| arrays.iter().find(|(n, _)| *n == name).map(|(_, v)| v);
        let read = |e: usize| {
            let mlp = mlp(places);
            let weights = find(format!("drive {e} weights"))?;
            let [shift, scale] = *find(format!("drive {e} form"))?.as_slice() else { return None };
            let fits = weights.len() == mlp.n_weights();
            fits.then(|| DriveNetwork { mlp, weights: weights.clone(), shift, scale })
        };
        out.networks = Some([read(0)?, read(1)?]);
        Some(out)
    }
}

/// What one solved profile teaches: what is seen of both electrodes, and their potentials.
struct Lesson {
    places: Vec<f64>,
    rows: Vec<([Seen; 2], [f64; 2])>,
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
    /// What it adds to the potential at each time, V.
    fn added<'a>(
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
