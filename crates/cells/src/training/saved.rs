//! Training as named arrays, from which it goes on to the same bits.
//!
//! Solver runs are kept by their points and solved again: the solver is deterministic.

use surrogate_engine::optimize::Optimizer;

use super::{PROBE, Stage, Training, Work, spread_runs};
use crate::CellsError;
use crate::network::{self, HalfNetwork};
use crate::sample;

/// A named array of a saved state.
pub type Array = (String, Vec<f64>);

const STAGES: [Stage; 6] =
    [Stage::Spread, Stage::Probe, Stage::Aimed, Stage::Negative, Stage::Positive, Stage::Done];

/// An array by its name.
pub(crate) fn find<'a>(state: &'a [Array], name: &str) -> Result<&'a [f64], CellsError> {
    let found = state.iter().find(|(n, _)| n == name);
    found.map(|(_, v)| v.as_slice()).ok_or_else(|| unsound(name))
}

pub(crate) fn unsound(name: &str) -> CellsError {
    CellsError::State { name: name.to_string() }
}

impl Training {
    /// Most runs or iterations of each stage but the last, in order.
    pub fn plan(&self) -> Vec<(Stage, usize)> {
        let runs = spread_runs(&self.settings);
        let iterations = self.settings.iterations;
        let most =
            [runs, 2 * (iterations / PROBE), self.settings.solves - runs, iterations, iterations];
        STAGES.into_iter().zip(most).collect()
    }

    /// Weights of both networks together.
    pub fn weights(&self) -> usize {
        2 * network::mlp(self.problem.axes.len(), self.settings.width).n_weights()
    }

    /// Everything that going on needs.
    pub fn state(&self) -> Vec<Array> {
        let stage = STAGES.iter().position(|s| *s == self.stage).unwrap_or(0);
        let flat =
            |points: &mut dyn Iterator<Item = &Vec<f64>>| points.flatten().copied().collect();
        let mut out = vec![
            ("stage".to_string(), vec![stage as f64, self.failures.len() as f64]),
            ("solved".to_string(), flat(&mut self.curves.iter().map(|c| &c.point))),
            ("ahead".to_string(), flat(&mut self.ahead.iter())),
        ];
        for (k, network) in self.networks.iter().enumerate() {
            out.push((format!("network {k}"), network.array()));
        }
        if let Some(work) = &self.current {
            out.push(("work".to_string(), vec![work.iterations as f64]));
            let optimizer = work.optimizer.state().into_iter();
            out.extend(optimizer.map(|(name, values)| (format!("work/{name}"), values)));
        }
        out
    }

    /// Goes on from a state of the same problem and settings.
    ///
    /// # Errors
    /// [`CellsError::State`] for a state of something else.
    pub fn restore(&mut self, state: &[Array]) -> Result<(), CellsError> {
        let axes = self.problem.axes.len().max(1);
        let counters = find(state, "stage")?;
        let [stage, failed] = *counters else { return Err(unsound("stage")) };
        self.stage = *STAGES.get(stage as usize).ok_or_else(|| unsound("stage"))?;
        self.failures = vec!["a point before the run was resumed".to_string(); failed as usize];
        let points = |name: &str| -> Result<Vec<Vec<f64>>, CellsError> {
            Ok(find(state, name)?.chunks(axes).map(<[f64]>::to_vec).collect())
        };
        self.ahead = points("ahead")?;
        let runs = sample::solve(&self.problem, &points("solved")?, self.settings.sensitivities);
        self.curves = runs.into_iter().collect::<Result<_, _>>().map_err(|_| unsound("solved"))?;
        let width = self.settings.width;
        self.networks.clear();
        while let Ok(array) = find(state, &format!("network {}", self.networks.len())) {
            self.networks
                .push(HalfNetwork::of_array(network::mlp(self.problem.axes.len(), width), array)?);
        }
        self.current = None;
        if let Ok(iterations) = find(state, "work") {
            let mut work: Work = self.begin();
            work.iterations = iterations.first().copied().unwrap_or(0.0) as usize;
            let own = |(name, values): &Array| {
                Some((name.strip_prefix("work/")?.to_string(), values.clone()))
            };
            let optimizer: Vec<Array> = state.iter().filter_map(own).collect();
            work.optimizer.restore(&optimizer).map_err(|name| unsound(&name))?;
            work.network.weights = work.optimizer.x().to_vec();
            self.current = Some(work);
        }
        Ok(())
    }
}
