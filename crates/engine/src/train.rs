//! The training loop: components in turn, stages of optimisers, new points, the best weights.
//!
//! There is no clock here: the caller sees every event and says when to stop. A stopped training
//! is resumed from [`Training::state`] to the bits it would have had.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use surrogate_problem::model::{Optimizer as OptimizerName, Problem, TrainStage};

use crate::assemble::{Model, draw_all, draw_held_out, initial};
use crate::block::{PointSet, Worker};
use crate::component::{Component, MakeLoss, Points, fused_loss};
use crate::error::EngineError;
use crate::optimize::{Adam, Lbfgs, LevenbergMarquardt, Objective, Optimizer, SsBroyden, Step};

/// Iterations between new points if the file does not say.
const ROUND: usize = 500;
/// Iterations between events.
const REPORT: usize = 25;
/// Held-out over training loss above which adaptive points are drawn.
const DRIFT: f64 = 3.0;
/// Rounds without progress after which a component has converged.
const PATIENCE: usize = 6;
/// Progress: the best held-out loss falls at least by this factor within [`PATIENCE`] rounds.
const PROGRESS: f64 = 0.8;

/// Points grow by this factor in a round in which the held-out residual drifts from the training
/// residual, up to the most.
const MORE_POINTS: f64 = 1.5;
const MOST_POINTS: f64 = 4.0;
/// First window of time, as a fraction of its range, of components that march.
const FIRST_WINDOW: f64 = 0.1;
/// Growth of the window.
const WINDOW_GROWTH: f64 = 1.4;
/// The window grows when the loss is below this fraction of the sum of weights,
const WINDOW_LOSS: f64 = 1e-4;
/// or after so many iterations.
const WINDOW_PATIENCE: usize = 600;

/// A named array of a saved training.
pub type Array = (String, Vec<f64>);

/// What the loop reports.
#[derive(Clone, Debug)]
pub struct Event {
    /// Component.
    pub component: usize,
    /// Names of its fields.
    pub fields: Vec<String>,
    /// Stage name for the ledger: `ssbroyden`, `adam`, `lm`, `lbfgs`.
    pub stage: &'static str,
    /// Position of the stage in the component's plan.
    pub stage_index: usize,
    /// Iterations of this component so far.
    pub iteration: usize,
    /// Iterations of all components so far.
    pub total: usize,
    /// Loss.
    pub loss: f64,
    /// Held-out loss, at the end of rounds.
    pub held_out: Option<f64>,
    /// Mean square of each row's scaled residual.
    pub rows: Vec<(String, f64)>,
    /// Times a step of this component was cut because the loss was not a number.
    pub cuts: usize,
    /// Why the component ends, if it does.
    pub ended: Option<Ending>,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Go to the next stage of this component.
    NextStage,
    /// Stop here, resumable.
    Stop,
}

/// Why a component ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All stages ran.
    Planned,
    /// The held-out loss no longer falls.
    Converged,
    /// The loss fell below the target.
    Target,
    /// No descent step could be found.
    Stalled,
    /// The loss is not a number, and no step leads away from there.
    NotFinite,
}

struct State {
    optimizer: Option<Box<dyn Optimizer>>,
    stage: usize,
    in_stage: usize,
    iteration: usize,
    round: usize,
    window: f64,
    in_window: usize,
    /// Points over those planned.
    points_factor: f64,
    best: Vec<f64>,
    best_held_out: f64,
    best_loss: f64,
    history: Vec<f64>,
    points: Vec<PointSet>,
    /// Steps cut in the stages before this one.
    cuts: usize,
    ended: Option<Ending>,
    x: Vec<f64>,
}

impl State {
    /// Steps cut so far because the loss was not a number.
    fn cuts(&self) -> usize {
        self.cuts + self.optimizer.as_ref().map_or(0, |o| o.cuts())
    }

    fn drop_optimizer(&mut self) {
        self.cuts = self.cuts();
        self.optimizer = None;
    }
}

/// A training in progress.
pub struct Training<'a> {
    model: &'a Model,
    stages: Vec<TrainStage>,
    round: usize,
    seed: u64,
    target: f64,
    states: Vec<State>,
    make_loss: &'a MakeLoss,
}

impl<'a> Training<'a> {
    /// Starts from fresh weights.
    pub fn new(problem: &Problem, model: &'a Model) -> Self {
        let train = &problem.train;
        let stages = if train.stages.is_empty() {
            vec![TrainStage {
                optimizer: OptimizerName::SsBroyden,
                iterations: 20_000,
                learning_rate: None,
                max_time_s: None,
            }]
        } else {
            train.stages.clone()
        };
        let seed = train.seed;
        let states = model
            .components
            .iter()
            .map(|c| {
                let x = initial(c, &model.form, seed);
                // a file that plans its stages knows better
                let marches = c.marches.is_some() && train.stages.is_empty();
                let window = if marches { FIRST_WINDOW } else { 1.0 };
                State {
                    optimizer: None,
                    stage: 0,
                    in_stage: 0,
                    iteration: 0,
                    round: 0,
                    window,
                    in_window: 0,
                    points_factor: 1.0,
                    best: x.clone(),
                    best_held_out: f64::INFINITY,
                    best_loss: f64::INFINITY,
                    history: Vec::new(),
                    points: draw_all(c, point_seed(seed, 0), window, 1.0),
                    cuts: 0,
                    ended: None,
                    x,
                }
            })
            .collect();
        let round = train.resample_every.unwrap_or(ROUND).max(1);
        let target = train.target_loss.unwrap_or(0.0);
        Self { model, stages, round, seed, target, states, make_loss: &fused_loss }
    }

    /// Uses another back-end for the loss. Call before [`Training::restore`].
    #[must_use]
    pub fn with_loss(mut self, make_loss: &'a MakeLoss) -> Self {
        self.make_loss = make_loss;
        self
    }

    /// Trains until every component has ended or `watch` says stop.
    ///
    /// Returns `true` if training is complete.
    pub fn run(&mut self, watch: &mut dyn FnMut(&Event) -> Control) -> bool {
        while self.states.iter().any(|s| s.ended.is_none()) {
            for k in 0..self.states.len() {
                if self.states[k].ended.is_none() && self.round_of(k, watch) == Control::Stop {
                    return self.states.iter().all(|s| s.ended.is_some());
                }
            }
        }
        true
    }

    /// Best weights so far, by component.
    pub fn best(&self) -> Vec<Vec<f64>> {
        self.states.iter().map(|s| s.best.clone()).collect()
    }

    /// Why each component ended.
    pub fn endings(&self) -> Vec<Option<Ending>> {
        self.states.iter().map(|s| s.ended).collect()
    }

    /// Best held-out loss of each component.
    pub fn held_out(&self) -> Vec<f64> {
        self.states.iter().map(|s| s.best_held_out).collect()
    }

    /// Iterations in all.
    pub fn iterations(&self) -> usize {
        self.states.iter().map(|s| s.iteration).sum()
    }

    /// Times a step was cut because the loss was not a number, over all components.
    pub fn cuts(&self) -> usize {
        self.states.iter().map(State::cuts).sum()
    }

    /// Most iterations of all components.
    pub fn planned(&self) -> usize {
        let one = self.stages.iter().fold(0usize, |sum, s| sum.saturating_add(s.iterations));
        self.states.len().saturating_mul(one)
    }

    /// One component until its points are renewed.
    fn round_of(&mut self, k: usize, watch: &mut dyn FnMut(&Event) -> Control) -> Control {
        let model = self.model;
        let component = &model.components[k];
        let forms = &model.form.fields;
        let others: usize =
            self.states.iter().enumerate().filter(|(j, _)| *j != k).map(|(_, s)| s.iteration).sum();
        let (stages, round_length, target) = (&self.stages, self.round, self.target);
        let state = &mut self.states[k];
        if component.n == 0 || component.blocks.is_empty() {
            state.ended = Some(Ending::Planned);
            return Control::Continue;
        }
        let mut loss = (self.make_loss)(component, forms, state.points.clone());
        let mut held_out = (self.make_loss)(component, forms, draw_held_out(component));
        let names = component.row_names();
        let adaptive = component.blocks.iter().any(|b| b.adaptive);
        let rows = component.blocks.iter().flat_map(|b| &b.block.rows);
        let weights: f64 = rows.map(|r| r.weight).sum();
        let fields: Vec<String> = component.fields.iter().map(|&f| forms[f].name.clone()).collect();
        loop {
            let stage = &stages[state.stage];
            let mut optimizer = match state.optimizer.take() {
                Some(o) => o,
                None => make(stage, state.x.clone(), loss.as_mut()),
            };
            let step = optimizer.step(loss.as_mut());
            state.x.copy_from_slice(optimizer.x());
            state.in_stage += 1;
            state.iteration += 1;
            let value = optimizer.value();
            state.optimizer = Some(optimizer);
            let mut next = step == Step::Stalled || state.in_stage >= stage.iterations;
            let last = next && state.stage + 1 >= stages.len();
            let mut round_over = state.iteration.is_multiple_of(round_length);
            let mut marching = state.window < 1.0;
            if marching {
                state.in_window += 1;
                let settled =
                    state.iteration.is_multiple_of(REPORT) && value < WINDOW_LOSS * weights;
                if settled || state.in_window >= WINDOW_PATIENCE {
                    state.window = (state.window * WINDOW_GROWTH).min(1.0);
                    state.in_window = 0;
                    round_over = true;
                    marching = state.window < 1.0;
                }
            }
            let reached = value <= target && !marching;
            let mut ended = match (reached, step, last) {
                (true, ..) => Some(Ending::Target),
                (_, Step::Stalled, true) if !value.is_finite() => Some(Ending::NotFinite),
                (_, Step::Stalled, true) => Some(Ending::Stalled),
                (_, _, true) => Some(Ending::Planned),
                _ => None,
            };
            let mut held = None;
            if round_over || next || reached || state.iteration.is_multiple_of(100) {
                let h = held_out.value(&state.x);
                held = Some(h);
                if marching {
                    state.best.copy_from_slice(&state.x);
                } else if h < state.best_held_out {
                    state.best_held_out = h;
                    state.best.copy_from_slice(&state.x);
                }
                if round_over && !marching {
                    // both the held-out and the training loss must have stopped falling
                    state.best_loss = state.best_loss.min(value);
                    state.history.push(state.best_held_out);
                    state.history.push(state.best_loss);
                    let n = state.history.len();
                    let stuck = |k: usize| {
                        state.history[n - k] > PROGRESS * state.history[n - k - 2 * PATIENCE]
                    };
                    if n > 2 * PATIENCE + 1 && stuck(1) && stuck(2) {
                        if state.stage + 1 < stages.len() {
                            next = true;
                            state.history.clear();
                        } else {
                            ended = ended.or(Some(Ending::Converged));
                        }
                    }
                }
            }
            let mut control = Control::Continue;
            if ended.is_some() || held.is_some() || state.iteration.is_multiple_of(REPORT) {
                // line searches leave the row means of their last trial; these are close enough
                let rows = names.iter().cloned().zip(loss.row_means().iter().copied()).collect();
                control = watch(&Event {
                    component: k,
                    fields: fields.clone(),
                    stage: word(stage.optimizer),
                    stage_index: state.stage,
                    iteration: state.iteration,
                    total: others + state.iteration,
                    loss: value,
                    held_out: held,
                    rows,
                    cuts: state.cuts(),
                    ended,
                });
            }
            if ended.is_some() {
                state.ended = ended;
                state.drop_optimizer();
                return control;
            }
            next |= control == Control::NextStage;
            if next {
                state.drop_optimizer();
                if state.stage + 1 < stages.len() {
                    state.stage += 1;
                    state.in_stage = 0;
                } else {
                    state.ended = Some(Ending::Planned);
                    return Control::Continue;
                }
            }
            if round_over {
                state.round += 1;
                let drifts = held.is_some_and(|h| h > DRIFT * value);
                if drifts && adaptive && !marching {
                    state.points_factor = (MORE_POINTS * state.points_factor).min(MOST_POINTS);
                }
                state.points = renew(component, self.seed, state, &model.form.fields, drifts);
                loss.set_points(state.points.clone());
                if let Some(o) = state.optimizer.as_mut() {
                    o.refresh(loss.as_mut());
                }
                return control;
            }
            if control == Control::Stop {
                return control;
            }
        }
    }

    /// Everything needed to resume.
    pub fn state(&self) -> Vec<Array> {
        let mut out = Vec::new();
        for (k, s) in self.states.iter().enumerate() {
            let mut put = |name: &str, values: Vec<f64>| out.push((format!("{k}/{name}"), values));
            let ended = s.ended.map_or(-1.0, |e| e as u8 as f64);
            put(
                "counters",
                vec![
                    s.stage as f64,
                    s.in_stage as f64,
                    s.iteration as f64,
                    s.round as f64,
                    s.best_held_out,
                    s.best_loss,
                    s.window,
                    s.in_window as f64,
                    s.points_factor,
                    ended,
                ],
            );
            put("x", s.x.clone());
            put("best", s.best.clone());
            put("history", s.history.clone());
            put("cuts", vec![s.cuts as f64]);
            for (b, set) in s.points.iter().enumerate() {
                put(&format!("points {b}"), set.columns.concat());
                put(&format!("count {b}"), vec![set.n as f64]);
            }
            if let Some(o) = &s.optimizer {
                for (name, values) in o.state() {
                    put(&format!("optimizer/{name}"), values);
                }
            }
        }
        out
    }

    /// Takes over a saved state.
    ///
    /// # Errors
    /// [`EngineError::State`] naming the array that is missing or does not fit.
    pub fn restore(&mut self, arrays: &[Array]) -> Result<(), EngineError> {
        let model = self.model;
        for (k, s) in self.states.iter_mut().enumerate() {
            let component = &model.components[k];
            let missing = |name: &str| EngineError::State(format!("{k}/{name}"));
            let get = |name: &str, length: Option<usize>| {
                let full = format!("{k}/{name}");
                let found = arrays.iter().find(|(n, _)| *n == full).map(|(_, v)| v);
                found.filter(|v| length.is_none_or(|l| l == v.len())).ok_or_else(|| missing(name))
            };
            let counters = get("counters", Some(10))?;
            s.stage = counters[0] as usize;
            if s.stage >= self.stages.len() {
                return Err(missing("counters"));
            }
            (s.in_stage, s.iteration) = (counters[1] as usize, counters[2] as usize);
            s.round = counters[3] as usize;
            s.best_held_out = counters[4];
            s.best_loss = counters[5];
            (s.window, s.in_window) = (counters[6], counters[7] as usize);
            s.points_factor = counters[8];
            s.ended = match counters[9] as i32 {
                0 => Some(Ending::Planned),
                1 => Some(Ending::Converged),
                2 => Some(Ending::Target),
                3 => Some(Ending::Stalled),
                4 => Some(Ending::NotFinite),
                _ => None,
            };
            s.x = get("x", Some(component.n))?.clone();
            s.best = get("best", Some(component.n))?.clone();
            s.history = get("history", None)?.clone();
            s.cuts = get("cuts", Some(1))?[0] as usize;
            for (b, form) in component.blocks.iter().enumerate() {
                let n = get(&format!("count {b}"), Some(1))?[0] as usize;
                let symbols = form.block.lowered.symbols.len();
                let flat = get(&format!("points {b}"), Some(n * symbols))?;
                let columns = flat.chunks(n.max(1)).map(<[f64]>::to_vec).collect();
                s.points[b] = PointSet::new(&form.block, columns, n);
            }
            let prefix = format!("{k}/optimizer/");
            let own: Vec<Array> = arrays
                .iter()
                .filter_map(|(n, v)| Some((n.strip_prefix(&prefix)?.to_string(), v.clone())))
                .collect();
            if !own.is_empty() {
                let fields = &model.form.fields;
                let mut loss = (self.make_loss)(component, fields, s.points.clone());
                let mut optimizer = make(&self.stages[s.stage], s.x.clone(), loss.as_mut());
                optimizer.restore(&own).map_err(|name| missing(&format!("optimizer/{name}")))?;
                s.optimizer = Some(optimizer);
            }
        }
        Ok(())
    }
}

/// Ledger name of an optimiser.
fn word(name: OptimizerName) -> &'static str {
    match name {
        OptimizerName::SsBroyden => "ssbroyden",
        OptimizerName::Adam => "adam",
        OptimizerName::LevenbergMarquardt => "lm",
        OptimizerName::Lbfgs => "lbfgs",
    }
}

fn make(stage: &TrainStage, x: Vec<f64>, loss: &mut dyn Objective) -> Box<dyn Optimizer> {
    match stage.optimizer {
        OptimizerName::SsBroyden => Box::new(SsBroyden::new(x, loss)),
        OptimizerName::Adam => Box::new(Adam::new(x, loss, stage.learning_rate.unwrap_or(1e-3))),
        OptimizerName::LevenbergMarquardt => Box::new(LevenbergMarquardt::new(x, loss)),
        OptimizerName::Lbfgs => Box::new(Lbfgs::new(x, loss)),
    }
}

fn point_seed(seed: u64, round: usize) -> u32 {
    (seed as u32).wrapping_mul(10_007).wrapping_add(round as u32 * 101).wrapping_add(17)
}

/// New points; adaptive blocks follow the residual when it drifts from the held-out one.
///
/// Source of the density `|r|/mean|r| + 1`: Wu et al. (2023), arXiv:2207.10289, eq. (2), k = c = 1.
fn renew(
    component: &Component,
    seed: u64,
    state: &State,
    forms: &[crate::formulation::FieldForm],
    drifts: bool,
) -> Vec<PointSet> {
    let seed = point_seed(seed, state.round);
    let mut sets = draw_all(component, seed, state.window, state.points_factor);
    if !drifts || state.window < 1.0 {
        return sets;
    }
    let weights = component.weights(&state.x, forms);
    for (b, form) in component.blocks.iter().enumerate() {
        if !form.adaptive || matches!(form.points, Points::Fixed(_)) || sets[b].n < 8 {
            continue;
        }
        let wanted = sets[b].n;
        let pool = form.draw(4 * wanted, seed ^ 0x00ad_ad00, None);
        let mut worker = Worker::new(&form.block, forms, weights.unknowns.len());
        let mut sizes = vec![0.0; pool.n];
        for t in 0..pool.tiles(&form.block) {
            worker.forward(&form.block, &pool, t, &weights);
            let first = t * form.block.tile();
            for p in 0..Worker::valid(&form.block, &pool, t) {
                let rows = form.block.rows.iter().enumerate();
                sizes[first + p] = rows.map(|(k, r)| (worker.residual(k)[p] / r.scale).abs()).sum();
            }
        }
        let mean = sizes.iter().sum::<f64>() / pool.n as f64;
        if !(mean.is_finite() && mean > 0.0) {
            continue;
        }
        // exponential keys give a weighted draw without replacement
        let mut rng = ChaCha8Rng::seed_from_u64(u64::from(seed));
        let mut keys: Vec<(f64, usize)> = sizes
            .iter()
            .enumerate()
            .map(|(i, s)| (-(1.0 - rng.random::<f64>()).ln() / (s / mean + 1.0), i))
            .collect();
        keys.sort_by(|a, b| a.0.total_cmp(&b.0));
        let columns = pool
            .columns
            .iter()
            .map(|c| keys[..wanted].iter().map(|&(_, i)| c[i]).collect())
            .collect();
        sets[b] = PointSet::new(&form.block, columns, wanted);
    }
    sets
}
