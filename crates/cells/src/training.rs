//! Training in slices: solver runs, then one network after the other.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use surrogate_battery::solve::Model;
use surrogate_engine::optimize::{Optimizer, SsBroyden, Step};

use crate::CellsError;
use crate::drive::DriveSurrogate;
use crate::fields::{self, FieldNetwork, Nodes};
use crate::half::Half;
use crate::lesson::{self, DriveNetwork, Lesson};
use crate::network::{self, HalfNetwork};
use crate::problem::CellProblem;
use crate::regression::{Points, Regression};
use crate::sample::{self, Curve, Kept};
use crate::surrogate::{CellSurrogate, halves};

/// Most solver runs that come with derivatives by default.
const FEW: usize = 600;
/// A probe has this part of the iterations.
const PROBE: usize = 4;
/// Vectors of fields to be learned.
const FIELD_VECTORS: usize = 8000;
/// Runs of which the fields are kept.
const FIELD_RUNS: usize = 1000;

/// How training is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Solver runs.
    pub solves: usize,
    /// Whether runs come with derivatives, which are learned as well.
    pub sensitivities: bool,
    /// Times of each run that are learned.
    pub times: usize,
    /// Width of both hidden layers.
    pub width: usize,
    /// Iterations of each network.
    pub iterations: usize,
    /// Factor on the squares of the weights in the loss.
    pub decay: f64,
    /// Solver runs under random currents, for predictions under any current; none without.
    pub profiles: usize,
    /// Seed of points and first weights.
    pub seed: u64,
}

impl Settings {
    /// What served best for a number of solver runs: few runs come with derivatives.
    pub fn for_solves(solves: usize, seed: u64) -> Self {
        let few = solves <= FEW;
        Self {
            solves,
            sensitivities: few,
            times: if few { 64 } else { 32 },
            width: if few { 32 } else { 40 },
            iterations: if few { 1200 } else { 2000 },
            decay: 1e-8,
            profiles: 0,
            seed,
        }
    }
}

/// What a slice of training works on, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Solver runs spread evenly over the box.
    Spread,
    /// Short training on half of them, which shows by the other half where the box is difficult.
    Probe,
    /// Solver runs where it is.
    Aimed,
    /// The network of the negative electrode.
    Negative,
    /// The network of the positive electrode.
    Positive,
    /// The network of the fields, where the model has them.
    Fields,
    /// Solver runs under random currents.
    Profiles,
    /// The networks that learn them, and the constant discharges as well.
    Drive,
    /// Nothing is left.
    Done,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Spread,
        Self::Probe,
        Self::Aimed,
        Self::Negative,
        Self::Positive,
        Self::Fields,
        Self::Profiles,
        Self::Drive,
        Self::Done,
    ];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Spread => "solver runs over the box",
            Self::Probe => "probe",
            Self::Aimed => "solver runs where it is difficult",
            Self::Negative => "negative electrode",
            Self::Positive => "positive electrode",
            Self::Fields => "fields",
            Self::Profiles => "solver runs under random currents",
            Self::Drive => "any current",
            Self::Done => "done",
        }
    }

    /// Whether it runs the solver.
    pub fn solves(self) -> bool {
        matches!(self, Self::Spread | Self::Aimed | Self::Profiles)
    }
}

/// A named list of numbers.
pub type Array = (String, Vec<f64>);

/// Where training stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Stage of the next slice.
    pub stage: Stage,
    /// Runs or iterations done in it.
    pub done: usize,
    /// Runs or iterations of the whole stage.
    pub of: usize,
    /// Root mean square of the misfit on data of the network in work: V, or in scales of the fields.
    pub misfit_v: Option<f64>,
}

/// Training of a surrogate.
pub struct Training {
    pub(crate) problem: CellProblem,
    pub(crate) settings: Settings,
    halves: [Half; 2],
    nodes: Option<Nodes>,
    stage: Stage,
    pub(crate) curves: Vec<Curve>,
    failures: usize,
    /// What the solver said when it failed first since the start of this process.
    first_failure: Option<String>,
    /// Points of the stage in hand that are still to be solved, last first.
    ahead: Vec<Vec<f64>>,
    /// Networks of the stage in hand that are done.
    pub(crate) networks: Vec<HalfNetwork>,
    /// The network in work.
    current: Option<Work>,
    /// Networks of the fields that are done.
    fields: Vec<FieldNetwork>,
    /// Profiles that were solved, and how many could not be.
    lessons: Vec<Lesson>,
    unsolved: usize,
    /// Networks for any current that are done.
    drive: Vec<DriveNetwork>,
}

/// What is being trained.
enum Subject {
    Half(HalfNetwork),
    Fields(FieldNetwork),
    Drive(DriveNetwork),
}

impl Subject {
    fn weights(&mut self) -> &mut Vec<f64> {
        match self {
            Self::Half(network) => &mut network.weights,
            Self::Fields(network) => &mut network.weights,
            Self::Drive(network) => &mut network.weights,
        }
    }
}

struct Work {
    subject: Subject,
    loss: Regression,
    optimizer: SsBroyden,
    iterations: usize,
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
            halves: halves(&problem),
            nodes: Nodes::new(&problem),
            problem,
            settings,
            stage: Stage::Spread,
            curves: vec![],
            failures: 0,
            first_failure: None,
            ahead,
            networks: vec![],
            current: None,
            fields: vec![],
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
            Stage::Negative | Stage::Positive => (iterations, of),
            Stage::Fields => (self.fields.len() * of + iterations, fields::NETWORKS * of),
            Stage::Profiles => (self.lessons.len() + self.unsolved, self.settings.profiles),
            Stage::Drive => (self.drive.len() * of + iterations, 2 * of),
            Stage::Done => (0, 0),
        };
        let misfit_v = self.current.as_ref().map(|w| {
            let scale = match &w.subject {
                Subject::Half(network) => network.scale,
                Subject::Drive(network) => network.scale,
                Subject::Fields(_) => 1.0,
            };
            scale * w.optimizer.value().max(0.0).sqrt()
        });
        Progress { stage, done, of, misfit_v }
    }

    /// Most runs or iterations of each stage but the last, in order.
    pub fn plan(&self) -> Vec<(Stage, usize)> {
        let (runs, iterations) = (spread_runs(&self.settings), self.settings.iterations);
        let aimed = self.settings.solves - runs;
        let fields = if self.nodes.is_some() { fields::NETWORKS * iterations } else { 0 };
        let profiles = if self.exact() { 0 } else { self.settings.profiles };
        let drive = if profiles > 0 { 2 * iterations } else { 0 };
        let probe = 2 * (iterations / PROBE);
        let most = [runs, probe, aimed, iterations, iterations, fields, profiles, drive];
        Stage::ALL.into_iter().zip(most).collect()
    }

    /// Weights of the networks of both electrodes together.
    pub fn weights(&self) -> usize {
        2 * network::mlp(self.problem.axes.len(), self.settings.width).n_weights()
    }

    /// Does some work: at most `amount` runs or iterations.
    ///
    /// # Errors
    /// A solver that fails at most points.
    pub fn slice(&mut self, amount: usize) -> Result<Progress, CellsError> {
        match self.stage {
            Stage::Spread | Stage::Aimed => self.solve(amount)?,
            Stage::Probe | Stage::Negative | Stage::Positive | Stage::Fields | Stage::Drive => {
                self.learn(amount)
            }
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
        // a thousand runs tell enough of the fields
        let fields = self.nodes.as_ref().filter(|_| self.curves.len() < FIELD_RUNS);
        let kept = Kept {
            sensitivities: self.settings.sensitivities,
            fields: fields.map(|nodes| (nodes, &self.halves, field_times(&self.settings))),
        };
        for result in sample::solve(&self.problem, &points, kept) {
            match result {
                Ok(curve) => self.curves.push(curve),
                Err(message) => {
                    self.failures += 1;
                    self.first_failure.get_or_insert(message);
                }
            }
        }
        if !self.ahead.is_empty() {
            return Ok(());
        }
        let (failed, solved) = (self.failures, self.curves.len());
        if failed > solved {
            let first = self.first_failure.clone().unwrap_or_default();
            return Err(CellsError::Unsolvable { failed, asked: failed + solved, first });
        }
        self.stage = if self.stage == Stage::Spread { Stage::Probe } else { Stage::Negative };
        Ok(())
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
            None if self.stage == Stage::Fields => self.begin_fields(),
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
            Subject::Fields(network) => self.fields.push(network),
            Subject::Drive(network) => self.drive.push(network),
        }
        self.stage = match self.stage {
            Stage::Negative => Stage::Positive,
            Stage::Positive if self.curves.iter().any(|c| !c.fields.is_empty()) => Stage::Fields,
            Stage::Fields if self.fields.len() < fields::NETWORKS => Stage::Fields,
            Stage::Positive | Stage::Fields if self.settings.profiles > 0 && !self.exact() => {
                Stage::Profiles
            }
            Stage::Drive if self.drive.len() < 2 => Stage::Drive,
            Stage::Positive | Stage::Fields | Stage::Drive => Stage::Done,
            Stage::Probe if self.networks.len() == 2 => {
                self.ahead = self.aim();
                self.networks.clear();
                Stage::Aimed
            }
            other => other,
        };
    }

    /// Curves that the stage learns from; a probe leaves every second one to judge by.
    fn lessons(&self) -> Vec<&Curve> {
        let every = if self.stage == Stage::Probe { 2 } else { 1 };
        self.curves.iter().step_by(every).collect()
    }

    /// Data of an electrode at random times of curves.
    pub(crate) fn data(
        &self,
        electrode: usize,
        curves: &[&Curve],
        spread: (f64, f64),
        directions: bool,
    ) -> Points {
        let mut random = self.random(2 + electrode as u64);
        let chosen: Vec<Vec<usize>> = curves
            .iter()
            .map(|curve| {
                let mut all: Vec<usize> = (0..curve.entries.len()).collect();
                all.shuffle(&mut random);
                all.truncate(self.settings.times);
                all
            })
            .collect();
        let half = &self.halves[electrode];
        network::data(&self.problem, half, electrode, curves, &chosen, spread, directions)
    }

    pub(crate) fn random(&self, stream: u64) -> ChaCha8Rng {
        let mut random = ChaCha8Rng::seed_from_u64(self.settings.seed);
        random.set_stream(stream);
        random
    }

    fn begin(&self) -> Work {
        let electrode = self.networks.len();
        let curves = self.lessons();
        let spread = network::spread(&self.problem, &self.halves[electrode], electrode, &curves);
        let sensitivities = self.settings.sensitivities;
        let points = self.data(electrode, &curves, spread, sensitivities);
        let axes = self.problem.axes.len();
        let mlp = network::mlp(axes, self.settings.width);
        let directions = if sensitivities { axes } else { 0 };
        let mut loss = Regression::new(&mlp, directions, &points, self.settings.decay);
        let mut random = self.random(electrode as u64);
        let weights = mlp.glorot(&mut || StandardNormal.sample(&mut random));
        let optimizer = SsBroyden::new(weights.clone(), &mut loss);
        let (shift, scale) = spread;
        let subject = Subject::Half(HalfNetwork { mlp, weights, shift, scale });
        Work { subject, loss, optimizer, iterations: 0 }
    }

    fn begin_fields(&self) -> Work {
        let curves: Vec<&Curve> = self.curves.iter().collect();
        let nodes = self.nodes.as_ref().expect("curves have fields only where there are nodes");
        let width = self.settings.width;
        let (mut network, points) = FieldNetwork::data(
            self.fields.len(),
            &self.problem,
            nodes,
            &self.halves,
            &curves,
            width,
        );
        let mut loss = Regression::new(&network.mlp, 0, &points, self.settings.decay);
        let mut random = self.random(5 + self.fields.len() as u64);
        network.weights = network.mlp.glorot(&mut || StandardNormal.sample(&mut random));
        let optimizer = SsBroyden::new(network.weights.clone(), &mut loss);
        Work { subject: Subject::Fields(network), loss, optimizer, iterations: 0 }
    }

    fn begin_drive(&self) -> Work {
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

    /// Everything needed to go on to the same bits, as named arrays.
    pub fn state(&self) -> Vec<Array> {
        let mut curves = vec![];
        self.curves.iter().for_each(|curve| curve.write(&mut curves));
        let mut out = vec![
            ("stage".to_string(), vec![f64::from(self.stage as u8), self.failures as f64]),
            ("curves".to_string(), curves),
            ("ahead".to_string(), self.ahead.concat()),
        ];
        for (k, network) in self.networks.iter().enumerate() {
            out.extend(network.arrays(&format!("network {k}")));
        }
        let mut lessons = vec![self.unsolved as f64];
        self.lessons.iter().for_each(|lesson| lesson.write(&mut lessons));
        out.push(("profiles".to_string(), lessons));
        for (e, network) in self.drive.iter().enumerate() {
            out.extend(network.arrays(&format!("drive {e}")));
        }
        for fields in &self.fields {
            out.extend(fields.arrays());
        }
        if let Some(work) = &self.current {
            match &work.subject {
                Subject::Half(network) => out.extend(network.arrays("current")),
                Subject::Fields(network) => out.extend(network.arrays()),
                Subject::Drive(network) => {
                    out.extend(network.arrays(&format!("drive {}", self.drive.len())));
                }
            }
            out.push(("iterations".to_string(), vec![work.iterations as f64]));
            let optimizer = work.optimizer.state().into_iter();
            out.extend(optimizer.map(|(name, values)| (format!("optimizer {name}"), values)));
        }
        out
    }

    /// Takes up a training that was saved, with the problem and settings it had.
    ///
    /// # Errors
    /// [`CellsError::State`] where an array is missing or makes no sense.
    pub fn restore(
        problem: CellProblem,
        settings: Settings,
        state: &[Array],
    ) -> Result<Self, CellsError> {
        let wrong = |name: &str| CellsError::State { name: name.to_string() };
        let find = |name: &str| state.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_slice());
        let get = |name: &str| find(name).ok_or_else(|| wrong(name));
        let mut training = Self::new(problem, settings)?;
        let [stage, failures] = *get("stage")? else { return Err(wrong("stage")) };
        let known = Stage::ALL.into_iter().find(|s| f64::from(*s as u8) == stage);
        training.stage = known.ok_or_else(|| wrong("stage"))?;
        training.failures = failures as usize;
        let axes = training.problem.axes.len();
        training.curves = sample::read(get("curves")?, axes).ok_or_else(|| wrong("curves"))?;
        training.ahead = get("ahead")?.chunks(axes.max(1)).map(<[f64]>::to_vec).collect();
        training.networks =
            (0..2).map_while(|k| HalfNetwork::read(axes, &format!("network {k}"), state)).collect();
        let read = |nodes: &Nodes| -> Vec<FieldNetwork> {
            let parts = 0..fields::NETWORKS;
            parts.map_while(|k| FieldNetwork::read(k, nodes, axes, state)).collect()
        };
        training.fields = training.nodes.as_ref().map_or(vec![], read);
        let (unsolved, lessons) =
            get("profiles")?.split_first().ok_or_else(|| wrong("profiles"))?;
        training.unsolved = *unsolved as usize;
        training.lessons = Lesson::read(lessons).ok_or_else(|| wrong("profiles"))?;
        let places = lesson::places_count(&training.problem);
        let read = |e: usize| DriveNetwork::read(places, &format!("drive {e}"), state);
        training.drive = (0..2).map_while(read).collect();
        if let Some([iterations]) = find("iterations") {
            let mut work = match training.stage {
                Stage::Fields => {
                    let current = training.fields.pop().ok_or_else(|| wrong("fields weights"))?;
                    Work { subject: Subject::Fields(current), ..training.begin_fields() }
                }
                Stage::Drive => {
                    let current = training.drive.pop().ok_or_else(|| wrong("drive weights"))?;
                    Work { subject: Subject::Drive(current), ..training.begin_drive() }
                }
                _ => {
                    let current = HalfNetwork::read(axes, "current", state);
                    let current = current.ok_or_else(|| wrong("current weights"))?;
                    Work { subject: Subject::Half(current), ..training.begin() }
                }
            };
            work.iterations = *iterations as usize;
            let named = |(name, values): &Array| {
                Some((name.strip_prefix("optimizer ")?.to_string(), values.clone()))
            };
            let saved: Vec<Array> = state.iter().filter_map(named).collect();
            work.optimizer.restore(&saved).map_err(|name| wrong(&name))?;
            training.current = Some(work);
        }
        Ok(training)
    }

    /// The surrogate, where all networks have begun.
    pub fn surrogate(&self) -> Option<CellSurrogate> {
        let mut networks = self.networks.clone();
        let mut fields = self.fields.clone();
        match self.current.as_ref().map(|work| &work.subject) {
            Some(Subject::Half(network)) => networks.push(network.clone()),
            Some(Subject::Fields(network)) => fields.push(network.clone()),
            Some(Subject::Drive(_)) | None => {}
        }
        let networks: [HalfNetwork; 2] = networks.try_into().ok()?;
        let drive: Result<[DriveNetwork; 2], _> = self.drive.clone().try_into();
        let drive =
            drive.ok().map(|both| DriveSurrogate::with_networks(self.problem.clone(), both));
        Some(CellSurrogate::new(self.problem.clone(), networks, fields, drive))
    }
}

/// Times of a run at which fields are learned: as many vectors from few runs as from many.
fn field_times(settings: &Settings) -> usize {
    (FIELD_VECTORS / settings.solves).clamp(24, 96)
}

/// Runs that are spread evenly.
pub(crate) fn spread_runs(settings: &Settings) -> usize {
    settings.solves.div_ceil(2)
}
