//! Training in slices: solver runs, then one network after the other.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use surrogate_battery::solve::Model;
use surrogate_engine::optimize::{Optimizer, SsBroyden, Step};

use crate::CellsError;
use crate::depleted::{self, COURSE, DEPLETED, Depleted, Ends, EndsNetwork};
use crate::drive::DriveSurrogate;
use crate::electrolyte::{ElectrolyteNetwork, Nodes};
use crate::half::Half;
use crate::lesson::{DriveNetwork, Lesson};
use crate::network::{self, HalfNetwork, Inputs};
use crate::problem::CellProblem;
use crate::regression::{Points, Regression};
use crate::sample::{self, Curve, Kept};
use crate::settings::{Progress, Settings, Stage};
use crate::surrogate::{CellSurrogate, discharged};
use crate::taught;

/// A probe has this part of the iterations.
const PROBE: usize = 4;
/// Entries of runs from which the electrolyte is learned.
const ELECTROLYTE_ENTRIES: usize = 8000;
/// Runs of which the electrolyte is kept.
const ELECTROLYTE_RUNS: usize = 1000;

/// Times over that of the end that are learned of each curve, beside random ones.
const LATE: [f64; 7] = [0.96, 0.98, 0.99, 0.995, 0.998, 1.0, 1.004];

/// A named list of numbers.
pub type Array = (String, Vec<f64>);

/// Training of a surrogate.
pub struct Training {
    pub(crate) problem: CellProblem,
    pub(crate) settings: Settings,
    halves: [Half; 2],
    pub(crate) nodes: Option<Nodes>,
    pub(crate) stage: Stage,
    pub(crate) curves: Vec<Curve>,
    pub(crate) failures: usize,
    /// What the solver said when it failed first since the start of this process.
    first_failure: Option<String>,
    /// Points of the stage in hand that are still to be solved, last first.
    pub(crate) ahead: Vec<Vec<f64>>,
    /// Networks of the stage in hand that are done.
    pub(crate) networks: Vec<HalfNetwork>,
    /// Whether the electrolyte is depleted, and when such discharges end: networks that are done.
    pub(crate) ends: Vec<EndsNetwork>,
    /// The network in work.
    pub(crate) current: Option<Work>,
    /// The network of the electrolyte, once it is done.
    pub(crate) electrolyte: Option<ElectrolyteNetwork>,
    /// Sweeps that are done, and points that are still to be swept, last first.
    pub(crate) swept: Vec<Curve>,
    pub(crate) later: Vec<Vec<f64>>,
    /// Profiles that were solved, and how many could not be.
    pub(crate) lessons: Vec<Lesson>,
    pub(crate) unsolved: usize,
    /// Networks for any current that are done.
    pub(crate) drive: Vec<DriveNetwork>,
}

/// What is being trained.
pub(crate) enum Subject {
    Half(HalfNetwork),
    Electrolyte(ElectrolyteNetwork),
    Ends(EndsNetwork),
    Drive(DriveNetwork),
}

impl Subject {
    fn weights(&mut self) -> &mut Vec<f64> {
        match self {
            Self::Half(network) => &mut network.weights,
            Self::Electrolyte(network) => &mut network.weights,
            Self::Ends(network) => &mut network.weights,
            Self::Drive(network) => &mut network.weights,
        }
    }
}

pub(crate) struct Work {
    pub(crate) subject: Subject,
    pub(crate) loss: Regression,
    pub(crate) optimizer: SsBroyden,
    pub(crate) iterations: usize,
}

impl Training {
    /// Starts training.
    ///
    /// # Errors
    /// Too few solver runs.
    pub fn new(problem: CellProblem, settings: Settings) -> Result<Self, CellsError> {
        const LEAST: usize = 20;
        if settings.solves < LEAST {
            return Err(CellsError::TooFewSolves { solves: settings.solves, least: LEAST });
        }
        let mut ahead = sample::points(&problem, 0, spread_runs(&settings), settings.seed as u32);
        ahead.reverse();
        Ok(Self {
            halves: discharged(&problem),
            nodes: Nodes::new(&problem),
            problem,
            settings,
            stage: Stage::Spread,
            curves: vec![],
            failures: 0,
            first_failure: None,
            ahead,
            networks: vec![],
            ends: vec![],
            current: None,
            electrolyte: None,
            swept: vec![],
            later: vec![],
            lessons: vec![],
            unsolved: 0,
            drive: vec![],
        })
    }

    /// Where it stands.
    pub fn progress(&self) -> Progress {
        let stage = self.stage;
        let iterations = self.current.as_ref().map_or(0, |w| w.iterations);
        let of = self.iterations();
        let runs = spread_runs(&self.settings);
        let (done, of) = match stage {
            Stage::Spread => (runs - self.ahead.len(), runs),
            Stage::Aimed => {
                (self.settings.solves - runs - self.ahead.len(), self.settings.solves - runs)
            }
            Stage::Probe => (self.networks.len() * of + iterations, 2 * of),
            Stage::Negative | Stage::Positive | Stage::Depleted => (iterations, of),
            Stage::Electrolyte | Stage::Fields => (iterations, of),
            Stage::Ends => (self.ends.len() * of + iterations, depleted::NETWORKS * of),
            Stage::Swept => (self.sweeps() - self.later.len(), self.sweeps()),
            Stage::Profiles => (self.lessons.len() + self.unsolved, self.settings.profiles),
            Stage::Drive => (self.drive.len() * of + iterations, 2 * of),
            Stage::Done => (0, 0),
        };
        let misfit_v = self.current.as_ref().map(|w| {
            let scale = match &w.subject {
                Subject::Half(network) => network.scale,
                Subject::Drive(network) => network.scale,
                Subject::Electrolyte(_) | Subject::Ends(_) => 1.0,
            };
            scale * w.optimizer.value().max(0.0).sqrt()
        });
        Progress { stage, done, of, misfit_v }
    }

    /// Most runs or iterations of each stage but the last, in order.
    pub fn plan(&self) -> Vec<(Stage, usize)> {
        let (runs, iterations) = (spread_runs(&self.settings), self.settings.iterations);
        let aimed = self.settings.solves - runs;
        let electrolyte = if self.nodes.is_some() { iterations } else { 0 };
        let (sweeps, again) = (self.sweeps(), if self.sweeps() > 0 { iterations } else { 0 });
        let profiles = if self.exact() { 0 } else { self.settings.profiles };
        let drive = if profiles > 0 { 2 * iterations } else { 0 };
        let probe = 2 * (iterations / PROBE);
        let first = [runs, probe, aimed, electrolyte, sweeps, again];
        let depleted = if self.depleting() { iterations } else { 0 };
        let ends = depleted::NETWORKS * depleted;
        let last = [iterations, iterations, ends, depleted, profiles, drive];
        let most = first.into_iter().chain(last);
        Stage::ALL.into_iter().zip(most).collect()
    }

    /// Weights of the networks of both electrodes together.
    pub fn weights(&self) -> usize {
        2 * network::mlp(self.problem.axes.len(), 0, self.settings.width).n_weights()
    }

    /// Does some work: at most `amount` runs or iterations.
    ///
    /// # Errors
    /// A solver that fails at most points.
    pub fn slice(&mut self, amount: usize) -> Result<Progress, CellsError> {
        match self.stage {
            Stage::Spread | Stage::Aimed => self.solve(amount)?,
            Stage::Swept => self.sweep(amount),
            Stage::Probe
            | Stage::Electrolyte
            | Stage::Fields
            | Stage::Negative
            | Stage::Positive
            | Stage::Ends
            | Stage::Depleted
            | Stage::Drive => self.learn(amount),
            Stage::Profiles => self.solve_profiles(amount)?,
            Stage::Done => {}
        }
        Ok(self.progress())
    }

    /// Iterations of a network in this stage.
    fn iterations(&self) -> usize {
        match self.stage {
            Stage::Probe => self.settings.iterations / PROBE,
            _ => self.settings.iterations,
        }
    }

    fn solve(&mut self, amount: usize) -> Result<(), CellsError> {
        let rest = self.ahead.len().saturating_sub(amount);
        let mut points = self.ahead.split_off(rest);
        points.reverse();
        // a thousand runs tell enough of the electrolyte
        let nodes = self.nodes.as_ref().filter(|_| self.curves.len() < ELECTROLYTE_RUNS);
        let kept = Kept {
            sensitivities: self.settings.sensitivities,
            electrolyte: nodes.map(|nodes| (nodes, entries(self.settings.solves))),
        };
        for result in sample::solve(&self.problem, &points, kept) {
            self.keep(result);
        }
        if !self.ahead.is_empty() {
            return Ok(());
        }
        let (failed, solved) = (self.failures, self.curves.len());
        if failed > solved {
            let first = self.first_failure.clone().unwrap_or_default();
            return Err(CellsError::Unsolvable { failed, asked: failed + solved, first });
        }
        self.stage = match self.stage {
            Stage::Spread => Stage::Probe,
            _ if self.curves.iter().any(|c| !c.electrolyte.is_empty()) => Stage::Electrolyte,
            _ => Stage::Negative,
        };
        Ok(())
    }

    fn keep(&mut self, result: Result<Curve, String>) {
        match result {
            Ok(curve) => self.curves.push(curve),
            Err(message) => {
                self.failures += 1;
                self.first_failure.get_or_insert(message);
            }
        }
    }

    /// Whether discharges that deplete the electrolyte have networks of their own.
    fn depleting(&self) -> bool {
        // of those that are spread evenly: aimed runs go where it is difficult
        let even = self.curves.len().min(spread_runs(&self.settings));
        self.nodes.is_some() && depleted::often(&self.curves[..even])
    }

    /// Sweeps that the model allows.
    fn sweeps(&self) -> usize {
        if self.nodes.is_some() { self.settings.sweeps } else { 0 }
    }

    /// Sweeps that go where the electrolyte runs low: a few hundredths of the box, with the ends that depend
    /// most on the point.
    fn scarce_sweeps(&self) -> usize {
        // where it is depleted in many, what the probe misses leads there
        if self.depleting() { 0 } else { self.sweeps() / 2 }
    }

    /// Lithium in the electrolyte over that at rest, as far as it is learned.
    pub(crate) fn electrolyte_at(&self, point: &[f64], time: f64) -> Vec<f64> {
        let (Some(nodes), Some(network)) = (&self.nodes, &self.electrolyte) else { return vec![] };
        network.at(&self.problem, nodes, &self.halves, point, &[time]).part.concat()
    }

    /// Sweeps some points; those that do not converge are left out, or solved where the box has many such.
    fn sweep(&mut self, amount: usize) {
        let mut points = self.later.split_off(self.later.len().saturating_sub(amount));
        points.reverse();
        if let (Some(nodes), Some(network)) = (&self.nodes, &self.electrolyte) {
            let teacher = taught::Teacher {
                problem: &self.problem,
                nodes,
                halves: &self.halves,
                network,
                entries: entries(self.sweeps()),
            };
            let curves: Vec<Option<Curve>> =
                points.par_iter().map(|point| teacher.curve(point)).collect();
            let unsettled: Vec<Vec<f64>> = (points.into_iter().zip(&curves))
                .filter(|(_, curve)| curve.is_none() && self.depleting())
                .map(|(point, _)| point)
                .collect();
            let kept = Kept {
                sensitivities: self.settings.sensitivities,
                electrolyte: Some((nodes, teacher.entries)),
            };
            let solved = sample::solve(&self.problem, &unsettled, kept);
            self.swept.extend(curves.into_iter().flatten());
            for result in solved {
                self.keep(result);
            }
        }
        if self.later.is_empty() {
            self.stage = Stage::Fields;
        }
    }

    fn solve_profiles(&mut self, amount: usize) -> Result<(), CellsError> {
        let done = self.lessons.len() + self.unsolved;
        let numbers = done..self.settings.profiles.min(done + amount);
        let (drive, seed) = (self.single_particles(), self.settings.seed);
        let solved: Vec<Result<Lesson, CellsError>> =
            numbers.into_par_iter().map(|k| drive.lesson(seed, k as u64)).collect();
        for lesson in solved {
            match lesson {
                Ok(lesson) => self.lessons.push(lesson),
                Err(error) => {
                    self.unsolved += 1;
                    self.first_failure.get_or_insert(error.to_string());
                }
            }
        }
        let (failed, asked) = (self.unsolved, self.settings.profiles);
        if failed + self.lessons.len() < asked {
            return Ok(());
        }
        if 2 * failed > asked {
            let first = self.first_failure.clone().unwrap_or_default();
            return Err(CellsError::Unsolvable { failed, asked, first });
        }
        self.stage = Stage::Drive;
        Ok(())
    }

    fn single_particles(&self) -> DriveSurrogate {
        DriveSurrogate::single_particles(self.problem.clone())
    }

    /// Whether nothing is left to learn of any current.
    fn exact(&self) -> bool {
        self.problem.model == Model::Spm && self.halves.iter().all(Half::constant)
    }

    fn learn(&mut self, amount: usize) {
        let mut work = match self.current.take() {
            Some(work) => work,
            None if matches!(self.stage, Stage::Electrolyte | Stage::Fields) => {
                self.begin_electrolyte()
            }
            None if self.stage == Stage::Ends => self.begin_ends(),
            None if self.stage == Stage::Drive => self.begin_drive(),
            None => self.begin(),
        };
        let most = self.iterations();
        let mut over = work.iterations >= most;
        for _ in 0..amount {
            over = work.iterations >= most || work.optimizer.step(&mut work.loss) == Step::Stalled;
            if over {
                break;
            }
            work.iterations += 1;
        }
        *work.subject.weights() = work.optimizer.x().to_vec();
        if !over && work.iterations < most {
            self.current = Some(work);
            return;
        }
        match work.subject {
            Subject::Half(network) => self.networks.push(network),
            Subject::Electrolyte(network) => self.electrolyte = Some(network),
            Subject::Ends(network) => self.ends.push(network),
            Subject::Drive(network) => self.drive.push(network),
        }
        self.stage = self.after();
    }

    /// The stage after a network is done.
    fn after(&mut self) -> Stage {
        match self.stage {
            Stage::Probe if self.networks.len() == 2 => {
                let runs = spread_runs(&self.settings);
                let probed = self.sweeps() - self.scarce_sweeps();
                (self.ahead, self.later) = self.aimed(self.settings.solves - runs, probed);
                self.networks.clear();
                Stage::Aimed
            }
            Stage::Electrolyte if self.sweeps() > 0 => {
                self.later.extend(self.scarce(self.scarce_sweeps()));
                Stage::Swept
            }
            Stage::Electrolyte | Stage::Fields => Stage::Negative,
            Stage::Negative => Stage::Positive,
            Stage::Positive if self.depleting() => Stage::Ends,
            Stage::Ends if self.ends.len() == depleted::NETWORKS => Stage::Depleted,
            Stage::Positive | Stage::Depleted if self.settings.profiles > 0 && !self.exact() => {
                Stage::Profiles
            }
            Stage::Drive if self.drive.len() < 2 => Stage::Drive,
            Stage::Positive | Stage::Depleted | Stage::Drive => Stage::Done,
            other => other,
        }
    }

    /// Curves that the stage learns from; a probe leaves every second one to judge by.
    fn lessons(&self) -> Vec<&Curve> {
        if self.stage == Stage::Probe {
            return self.curves.iter().step_by(2).collect();
        }
        let all = self.curves.iter().chain(&self.swept);
        match self.stage {
            Stage::Positive if self.depleting() => {
                all.filter(|curve| curve.least >= DEPLETED).collect()
            }
            Stage::Depleted => all.filter(|curve| depleted::scarce(curve)).collect(),
            _ => all.collect(),
        }
    }

    /// Data of an electrode at random times of curves.
    pub(crate) fn data(
        &self,
        electrode: usize,
        curves: &[&Curve],
        spread: (f64, f64),
        inputs: Inputs,
    ) -> Points {
        let mut random = self.random(2 + electrode as u64);
        let chosen: Vec<Vec<usize>> = curves
            .iter()
            .map(|curve| {
                let mut all: Vec<usize> = (0..curve.entries.len()).collect();
                all.shuffle(&mut random);
                // few of the random times are among the last, where the discharge ends
                all.splice(0..0, LATE.map(|part| curve.near(part * curve.end)));
                all.truncate(self.settings.times);
                all.sort_unstable();
                all.dedup();
                all
            })
            .collect();
        let half = &self.halves[electrode];
        network::data(&self.problem, half, electrode, curves, &chosen, spread, inputs)
    }

    pub(crate) fn random(&self, stream: u64) -> ChaCha8Rng {
        let mut random = ChaCha8Rng::seed_from_u64(self.settings.seed);
        random.set_stream(stream);
        random
    }

    pub(crate) fn begin(&self) -> Work {
        // the third is that of the positive electrode in a depleted electrolyte
        let electrode = self.networks.len().min(1);
        let depleted = self.stage == Stage::Depleted;
        let curves = self.lessons();
        let spread = network::spread(&self.problem, &self.halves[electrode], electrode, &curves);
        // sweeps have no derivatives
        let known = self.stage == Stage::Probe || depleted || self.swept.is_empty();
        let directions = self.settings.sensitivities && known;
        let inputs = Inputs { course: depleted, directions };
        let points = self.data(electrode, &curves, spread, inputs);
        let axes = self.problem.axes.len();
        let mlp = network::mlp(axes, if depleted { COURSE } else { 0 }, self.settings.width);
        let directions = if directions { axes } else { 0 };
        let mut loss = Regression::new(&mlp, directions, &points, self.settings.decay);
        let mut random = self.random(if depleted { 9 } else { electrode as u64 });
        let weights = mlp.glorot(&mut || StandardNormal.sample(&mut random));
        let optimizer = SsBroyden::new(weights.clone(), &mut loss);
        let (shift, scale) = spread;
        let subject = Subject::Half(HalfNetwork { mlp, weights, shift, scale });
        Work { subject, loss, optimizer, iterations: 0 }
    }

    pub(crate) fn begin_electrolyte(&self) -> Work {
        let nodes = self.nodes.as_ref().expect("an electrolyte is learned only where it has nodes");
        let (width, curves) = (self.settings.width, self.lessons());
        let (mut network, points) =
            ElectrolyteNetwork::data(&self.problem, nodes, &self.halves, &curves, width);
        let mut loss = Regression::new(&network.mlp, 0, &points, self.settings.decay);
        let mut random = self.random(5);
        network.weights = network.mlp.glorot(&mut || StandardNormal.sample(&mut random));
        let optimizer = SsBroyden::new(network.weights.clone(), &mut loss);
        Work { subject: Subject::Electrolyte(network), loss, optimizer, iterations: 0 }
    }

    pub(crate) fn begin_ends(&self) -> Work {
        let (number, mut curves) = (self.ends.len(), self.lessons());
        let (width, decay) = depleted::form(number, self.settings.width);
        if number > 0 {
            curves.retain(|curve| depleted::scarce(curve));
        }
        let (mut network, points) =
            EndsNetwork::data(&self.problem, &curves, width, self.settings.sensitivities);
        let directions = if self.settings.sensitivities { self.problem.axes.len() } else { 0 };
        let mut loss = Regression::new(&network.mlp, directions, &points, decay);
        let mut random = self.random(if number == 0 { 8 } else { 9 + number as u64 });
        network.weights = network.mlp.glorot(&mut || StandardNormal.sample(&mut random));
        let optimizer = SsBroyden::new(network.weights.clone(), &mut loss);
        Work { subject: Subject::Ends(network), loss, optimizer, iterations: 0 }
    }

    pub(crate) fn begin_drive(&self) -> Work {
        let (e, seed) = (self.drive.len(), self.settings.seed);
        let curves: Vec<&Curve> = self.curves.iter().collect();
        let drive = self.single_particles();
        let (network, points) = DriveNetwork::data(e, &drive, seed, &self.lessons, &curves);
        let mut loss = Regression::new(&network.mlp, 0, &points, self.settings.decay);
        let optimizer = SsBroyden::new(network.weights.clone(), &mut loss);
        Work { subject: Subject::Drive(network), loss, optimizer, iterations: 0 }
    }

    /// Runs of the solver so far, and how many of them failed.
    pub fn runs(&self) -> (usize, usize) {
        (self.curves.len() + self.failures, self.failures)
    }

    /// The surrogate, where all networks have begun.
    pub fn surrogate(&self) -> Option<CellSurrogate> {
        let mut networks = self.networks.clone();
        let mut electrolyte = self.electrolyte.clone();
        match self.current.as_ref().map(|work| &work.subject) {
            Some(Subject::Half(network)) => networks.push(network.clone()),
            Some(Subject::Electrolyte(network)) => electrolyte = Some(network.clone()),
            Some(Subject::Ends(_) | Subject::Drive(_)) | None => {}
        }
        let positive = if networks.len() > 2 { networks.pop() } else { None };
        let ends = Ends::of(self.ends.clone()).zip(positive);
        let depleted = ends.map(|(ends, positive)| Depleted { ends, positive });
        let networks: [HalfNetwork; 2] = networks.try_into().ok()?;
        let drive: Result<[DriveNetwork; 2], _> = self.drive.clone().try_into();
        let drive =
            drive.ok().map(|both| DriveSurrogate::with_networks(self.problem.clone(), both));
        let (problem, halves) = (self.problem.clone(), self.halves.clone());
        Some(CellSurrogate::new(problem, halves, networks, depleted, electrolyte, drive))
    }
}

/// Entries of each run from which the electrolyte is learned: as many from few runs as from many.
fn entries(runs: usize) -> usize {
    (ELECTROLYTE_ENTRIES / runs).clamp(8, 96)
}

/// Runs that are spread evenly.
pub(crate) fn spread_runs(settings: &Settings) -> usize {
    settings.solves.div_ceil(2)
}
