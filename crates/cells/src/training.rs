//! Training in slices: solver runs, then one network after the other.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use surrogate_engine::optimize::{Optimizer, SsBroyden, Step};

use crate::CellsError;
use crate::drive::DriveSurrogate;
use crate::fields::{self, FieldNetwork, Nodes};
use crate::half::Half;
use crate::network::{self, HalfNetwork};
use crate::problem::CellProblem;
use crate::regression::{Points, Regression};
use crate::sample::{self, Curve, Kept};
use crate::surrogate::{CellSurrogate, halves};

/// Most solver runs that come with derivatives by default.
const FEW: usize = 600;
/// A probe has this part of the iterations.
const PROBE: usize = 4;
/// Runs of which the fields are kept.
const FIELD_RUNS: usize = 1000;
/// Candidates for each aimed run.
const CANDIDATES: usize = 16;
/// Misses that are averaged at a candidate.
const NEIGHBOURS: usize = 6;
/// Part of the mean miss that every place counts at least.
const LEAST_MISS: f64 = 0.1;

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
    /// Solver runs under random currents and the networks that learn them, all in one slice.
    Profiles,
    /// Nothing is left.
    Done,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Spread,
        Self::Probe,
        Self::Aimed,
        Self::Negative,
        Self::Positive,
        Self::Fields,
        Self::Profiles,
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
            Self::Profiles => "any current",
            Self::Done => "done",
        }
    }

    /// Whether it runs the solver.
    pub fn solves(self) -> bool {
        matches!(self, Self::Spread | Self::Aimed)
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
    problem: CellProblem,
    settings: Settings,
    halves: [Half; 2],
    nodes: Option<Nodes>,
    stage: Stage,
    curves: Vec<Curve>,
    failures: usize,
    /// What the solver said when it failed first since the start of this process.
    first_failure: Option<String>,
    /// Points of the stage in hand that are still to be solved, last first.
    ahead: Vec<Vec<f64>>,
    /// Networks of the stage in hand that are done.
    networks: Vec<HalfNetwork>,
    /// The network in work.
    current: Option<Work>,
    /// Networks of the fields that are done.
    fields: Vec<FieldNetwork>,
    drive: Option<DriveSurrogate>,
}

/// What is being trained.
enum Subject {
    Half(HalfNetwork),
    Fields(FieldNetwork),
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
            drive: None,
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
            Stage::Profiles => (0, 1),
            Stage::Done => (0, 0),
        };
        let misfit_v = self.current.as_ref().map(|w| {
            let scale = match &w.subject {
                Subject::Half(network) => network.scale,
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
        let most = [runs, 2 * (iterations / PROBE), aimed, iterations, iterations, fields, 1];
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
            Stage::Probe | Stage::Negative | Stage::Positive | Stage::Fields => self.learn(amount),
            Stage::Profiles => {
                let (problem, runs) = (self.problem.clone(), self.settings.profiles);
                self.drive = Some(DriveSurrogate::train(problem, runs, self.settings.seed)?);
                self.stage = Stage::Done;
            }
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
            fields: fields.map(|nodes| (nodes, &self.halves)),
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

    fn learn(&mut self, amount: usize) {
        let mut work = match self.current.take() {
            Some(work) => work,
            None if self.stage == Stage::Fields => self.begin_fields(),
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
        match &mut work.subject {
            Subject::Half(network) => network.weights = work.optimizer.x().to_vec(),
            Subject::Fields(network) => network.weights = work.optimizer.x().to_vec(),
        }
        if !over && work.iterations < most {
            self.current = Some(work);
            return;
        }
        match work.subject {
            Subject::Half(network) => self.networks.push(network),
            Subject::Fields(network) => self.fields.push(network),
        }
        self.stage = match self.stage {
            Stage::Negative => Stage::Positive,
            Stage::Positive if self.curves.iter().any(|c| !c.fields.is_empty()) => Stage::Fields,
            Stage::Fields if self.fields.len() < fields::NETWORKS => Stage::Fields,
            Stage::Positive | Stage::Fields if self.settings.profiles > 0 => Stage::Profiles,
            Stage::Positive | Stage::Fields => Stage::Done,
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
    fn data(
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

    fn random(&self, stream: u64) -> ChaCha8Rng {
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

    /// Points for more runs, more of them where the probe misses curves that it has not seen.
    fn aim(&self) -> Vec<Vec<f64>> {
        let unseen: Vec<&Curve> = self.curves.iter().skip(1).step_by(2).collect();
        let misses: Vec<(Vec<f64>, f64)> = unseen
            .iter()
            .map(|curve| (self.problem.places(&curve.point), self.miss(curve)))
            .collect();
        let mean = misses.iter().map(|(_, m)| m).sum::<f64>() / misses.len().max(1) as f64;
        let first = spread_runs(&self.settings);
        let wanted = self.settings.solves - first;
        let candidates =
            sample::points(&self.problem, first, CANDIDATES * wanted, self.settings.seed as u32);
        let mut random = self.random(4);
        // drawn without replacement, with chances in proportion to what is missed nearby
        // (Efraimidis and Spirakis 2006, Information Processing Letters 97, 181)
        let mut keyed: Vec<(f64, Vec<f64>)> = candidates
            .into_iter()
            .map(|point| {
                let u: f64 = random.random();
                let near = nearby(&misses, &self.problem.places(&point));
                (-(1.0 - u).ln() / (near + LEAST_MISS * mean), point)
            })
            .collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        keyed.truncate(wanted);
        keyed.into_iter().rev().map(|(_, point)| point).collect()
    }

    /// Root mean square by which the probe misses a curve, V.
    fn miss(&self, curve: &Curve) -> f64 {
        let mut sum = 0.0;
        for (electrode, network) in self.networks.iter().enumerate() {
            let spread = (network.shift, network.scale);
            let points = self.data(electrode, &[curve], spread, false);
            let misfit = Regression::new(&network.mlp, 0, &points, 0.0).misfit(&network.weights);
            sum += misfit * network.scale * network.scale;
        }
        sum.sqrt()
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
        out.extend(self.drive.iter().flat_map(DriveSurrogate::arrays));
        for fields in &self.fields {
            out.extend(fields.arrays());
        }
        if let Some(work) = &self.current {
            match &work.subject {
                Subject::Half(network) => out.extend(network.arrays("current")),
                Subject::Fields(network) => out.extend(network.arrays()),
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
        if let Some([iterations]) = find("iterations") {
            let mut work = if training.stage == Stage::Fields {
                let current = training.fields.pop().ok_or_else(|| wrong("fields weights"))?;
                let mut work = training.begin_fields();
                work.subject = Subject::Fields(current);
                work
            } else {
                let mut work = training.begin();
                let network = HalfNetwork::read(axes, "current", state);
                work.subject = Subject::Half(network.ok_or_else(|| wrong("current weights"))?);
                work
            };
            work.iterations = *iterations as usize;
            let named = |(name, values): &Array| {
                Some((name.strip_prefix("optimizer ")?.to_string(), values.clone()))
            };
            let saved: Vec<Array> = state.iter().filter_map(named).collect();
            work.optimizer.restore(&saved).map_err(|name| wrong(&name))?;
            training.current = Some(work);
        }
        training.drive = DriveSurrogate::from_arrays(training.problem.clone(), state);
        Ok(training)
    }

    /// The surrogate, where all networks have begun.
    pub fn surrogate(&self) -> Option<CellSurrogate> {
        let mut networks = self.networks.clone();
        let mut fields = self.fields.clone();
        match self.current.as_ref().map(|work| &work.subject) {
            Some(Subject::Half(network)) => networks.push(network.clone()),
            Some(Subject::Fields(network)) => fields.push(network.clone()),
            None => {}
        }
        let networks: [HalfNetwork; 2] = networks.try_into().ok()?;
        let drive = self.drive.clone();
        Some(CellSurrogate::new(self.problem.clone(), networks, fields, drive))
    }
}

/// Runs that are spread evenly.
fn spread_runs(settings: &Settings) -> usize {
    settings.solves.div_ceil(2)
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
