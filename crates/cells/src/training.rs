//! Training in slices: solver runs, then one network after the other.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use surrogate_engine::optimize::{Objective, Optimizer, SsBroyden, Step};

use crate::half::Half;
use crate::network::{self, HalfNetwork};
use crate::problem::CellProblem;
use crate::regression::Regression;
use crate::sample::{self, Curve};
use crate::surrogate::{CellSurrogate, halves};
use crate::CellsError;

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
    /// Seed of points and first weights.
    pub seed: u64,
}

/// What a slice of training works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Solver runs.
    Solve,
    /// The network of the negative electrode.
    Negative,
    /// The network of the positive electrode.
    Positive,
    /// Nothing is left.
    Done,
}

/// Where training stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Stage of the next slice.
    pub stage: Stage,
    /// Runs or iterations done in it.
    pub done: usize,
    /// Runs or iterations of the whole stage.
    pub of: usize,
    /// Root mean square of the misfit on data of the last network, V.
    pub misfit_v: Option<f64>,
}

/// Training of a surrogate.
pub struct Training {
    problem: CellProblem,
    settings: Settings,
    halves: [Half; 2],
    curves: Vec<Curve>,
    failures: Vec<String>,
    asked: usize,
    networks: Vec<HalfNetwork>,
    /// The network in work.
    current: Option<Work>,
}

struct Work {
    network: HalfNetwork,
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
        const LEAST: usize = 10;
        if settings.solves < LEAST {
            return Err(CellsError::TooFewSolves { solves: settings.solves, least: LEAST });
        }
        Ok(Self {
            halves: halves(&problem),
            problem,
            settings,
            curves: vec![],
            failures: vec![],
            asked: 0,
            networks: vec![],
            current: None,
        })
    }

    /// Where it stands.
    pub fn progress(&self) -> Progress {
        let stage = if self.asked < self.settings.solves {
            Stage::Solve
        } else {
            [Stage::Negative, Stage::Positive, Stage::Done][self.networks.len()]
        };
        let (done, of) = match stage {
            Stage::Solve => (self.asked, self.settings.solves),
            _ => (self.current.as_ref().map_or(0, |w| w.iterations), self.settings.iterations),
        };
        let misfit_v =
            self.current.as_ref().map(|w| w.network.scale * w.optimizer.value().max(0.0).sqrt());
        Progress { stage, done, of, misfit_v }
    }

    /// Does some work: at most `amount` runs or iterations.
    ///
    /// # Errors
    /// A solver that fails at most points.
    pub fn slice(&mut self, amount: usize) -> Result<Progress, CellsError> {
        match self.progress().stage {
            Stage::Solve => self.solve(amount)?,
            Stage::Done => {}
            Stage::Negative | Stage::Positive => self.learn(amount),
        }
        Ok(self.progress())
    }

    fn solve(&mut self, amount: usize) -> Result<(), CellsError> {
        let count = amount.min(self.settings.solves - self.asked);
        let seed = self.settings.seed as u32;
        let points = sample::points(&self.problem, self.asked, count, seed);
        for result in sample::solve(&self.problem, &points, self.settings.sensitivities) {
            match result {
                Ok(curve) => self.curves.push(curve),
                Err(message) => self.failures.push(message),
            }
        }
        self.asked += count;
        if self.asked == self.settings.solves && 2 * self.failures.len() > self.asked {
            let first = self.failures[0].clone();
            let (failed, asked) = (self.failures.len(), self.asked);
            return Err(CellsError::Unsolvable { failed, asked, first });
        }
        Ok(())
    }

    fn learn(&mut self, amount: usize) {
        let mut work = match self.current.take() {
            Some(work) => work,
            None => self.begin(),
        };
        let mut over = false;
        for _ in 0..amount {
            over = work.iterations >= self.settings.iterations
                || work.optimizer.step(&mut work.loss) == Step::Stalled;
            if over {
                break;
            }
            work.iterations += 1;
        }
        work.network.weights = work.optimizer.x().to_vec();
        if over || work.iterations >= self.settings.iterations {
            self.networks.push(work.network);
        } else {
            self.current = Some(work);
        }
    }

    fn begin(&self) -> Work {
        let electrode = self.networks.len();
        let half = &self.halves[electrode];
        let curves: Vec<&Curve> = self.curves.iter().collect();
        let mut random = ChaCha8Rng::seed_from_u64(self.settings.seed + electrode as u64);
        let chosen: Vec<Vec<usize>> = curves
            .iter()
            .map(|curve| {
                let mut all: Vec<usize> = (0..curve.entries.len()).collect();
                all.shuffle(&mut random);
                all.truncate(self.settings.times);
                all
            })
            .collect();
        let (shift, scale) = network::spread(&self.problem, half, electrode, &curves);
        let sensitivities = self.settings.sensitivities;
        let points = network::data(
            &self.problem,
            half,
            electrode,
            &curves,
            &chosen,
            (shift, scale),
            sensitivities,
        );
        let axes = self.problem.axes.len();
        let mlp = network::mlp(axes, self.settings.width);
        let directions = if sensitivities { axes } else { 0 };
        let mut loss = Regression::new(&mlp, directions, &points, self.settings.decay);
        let weights = mlp.glorot(&mut || StandardNormal.sample(&mut random));
        let optimizer = SsBroyden::new(weights.clone(), &mut loss);
        debug_assert_eq!(loss.n(), weights.len());
        Work { network: HalfNetwork { mlp, weights, shift, scale }, loss, optimizer, iterations: 0 }
    }

    /// The surrogate, where all networks have begun.
    pub fn surrogate(&self) -> Option<CellSurrogate> {
        let mut networks = self.networks.clone();
        networks.extend(self.current.as_ref().map(|work| work.network.clone()));
        let networks: [HalfNetwork; 2] = networks.try_into().ok()?;
        Some(CellSurrogate::new(self.problem.clone(), networks))
    }
}
