//! How a surrogate is built, trained and judged: `[network]`, `[train]`, `[sampling]`, `[goal]`.

use crate::diagnose::{ErrorKind, Mistake, did_you_mean};
use crate::model::{
    Activation, DischargeGoals, Field, Goal, Network, Optimizer, Output, Sampling, Train,
    TrainStage, Unit,
};
use crate::scope::Session;
use crate::section::{Section, wrong_type};
use crate::source::Span;
use crate::tree::{Table, Value};

/// Most points of a row: far above what helps, far below what no memory holds.
pub(crate) const MOST_POINTS: usize = 1_000_000;
const MOST_WIDTH: usize = 1024;
const MOST_DEPTH: usize = 32;
const ACTIVATIONS: [(&str, Activation); 2] = [("tanh", Activation::Tanh), ("sin", Activation::Sin)];
const OPTIMIZERS: [(&str, Optimizer); 4] = [
    ("ssbroyden", Optimizer::SsBroyden),
    ("adam", Optimizer::Adam),
    ("lm", Optimizer::LevenbergMarquardt),
    ("lbfgs", Optimizer::Lbfgs),
];
/// Keys of a goal; the voltage of a cell has all of them, others the first three.
const GOALS: [&str; 7] =
    ["rms", "max", "relative_l2", "first_95", "worst_curve", "end_median", "end_99"];
/// Iterations of a stage that declares neither iterations nor a time.
const ITERATIONS: usize = 3000;

impl Session {
    /// A table of settings, with its keys checked.
    pub(crate) fn settings<'a>(
        &mut self,
        root: &'a Table,
        key: &str,
        known: &[&str],
    ) -> Option<Section<'a>> {
        let value = root.get(key)?;
        let section = Section::of(&mut self.reporter, value, &format!("[{key}]"))?;
        section.check(&mut self.reporter, known);
        Some(section)
    }

    /// Width, depth and activation, with defaults.
    pub(crate) fn network(&mut self, section: &Section<'_>, default: Network) -> Network {
        let reporter = &mut self.reporter;
        Network {
            width: section.count(reporter, "width", 1..=MOST_WIDTH).or(default.width),
            depth: section.count(reporter, "depth", 1..=MOST_DEPTH).or(default.depth),
            activation: section
                .choice(reporter, "activation", &ACTIVATIONS)
                .unwrap_or(default.activation),
        }
    }

    pub(crate) fn default_network(&mut self, root: &Table) -> Network {
        let default = Network { width: None, depth: None, activation: Activation::Tanh };
        match self.settings(root, "network", &["width", "depth", "activation"]) {
            Some(section) => self.network(&section, default),
            None => default,
        }
    }

    pub(crate) fn train(&mut self, root: &Table) -> Train {
        let mut train = Train {
            stages: Vec::new(),
            seed: 0,
            resample_every: None,
            max_time_s: None,
            target_loss: None,
        };
        let known = ["stages", "seed", "resample_every", "max_time", "target_loss"];
        let Some(section) = self.settings(root, "train", &known) else {
            return train;
        };
        train.seed = section.count(&mut self.reporter, "seed", 0..=usize::MAX).unwrap_or(0) as u64;
        train.resample_every = section.count(&mut self.reporter, "resample_every", 1..=usize::MAX);
        train.max_time_s = self.duration(&section, "max_time");
        train.target_loss = section.positive(&mut self.reporter, "target_loss");
        let Some(value) = section.get("stages") else {
            return train;
        };
        let Some(list) = value.as_list() else {
            wrong_type(&mut self.reporter, value, "stages", "a list of stages");
            return train;
        };
        for stage in list {
            train.stages.extend(self.stage(stage));
        }
        train
    }

    fn stage(&mut self, value: &Value) -> Option<TrainStage> {
        let section = Section::of(&mut self.reporter, value, "a stage of [train]")?;
        let known = ["optimizer", "iterations", "learning_rate", "max_time"];
        section.check(&mut self.reporter, &known);
        if section.get("optimizer").is_none() {
            section.needed(&mut self.reporter, "optimizer");
        }
        let optimizer = section.choice(&mut self.reporter, "optimizer", &OPTIMIZERS);
        let iterations = section.count(&mut self.reporter, "iterations", 1..=usize::MAX);
        let max_time_s = self.duration(&section, "max_time");
        let learning_rate = section.positive(&mut self.reporter, "learning_rate");
        let default = if max_time_s.is_some() { usize::MAX } else { ITERATIONS };
        if let (Some(_), Some(value), Some(o)) =
            (learning_rate, section.get("learning_rate"), optimizer)
            && o != Optimizer::Adam
        {
            let message = "only `adam` has a learning rate";
            self.report(Mistake::new(ErrorKind::UnknownKey, message).at(value.span, ""));
        }
        Some(TrainStage {
            optimizer: optimizer?,
            iterations: iterations.unwrap_or(default),
            learning_rate,
            max_time_s,
        })
    }

    pub(crate) fn sampling(&mut self, root: &Table) -> Sampling {
        let mut sampling = Sampling {
            interior: None,
            boundary: None,
            integral: None,
            held_out: None,
            adaptive: true,
        };
        let known = ["interior", "boundary", "integral", "held_out", "adaptive"];
        if let Some(section) = self.settings(root, "sampling", &known) {
            let reporter = &mut self.reporter;
            sampling.interior = section.count(reporter, "interior", 1..=MOST_POINTS);
            sampling.boundary = section.count(reporter, "boundary", 1..=MOST_POINTS);
            sampling.integral = section.count(reporter, "integral", 1..=MOST_POINTS);
            sampling.held_out = section.count(reporter, "held_out", 1..=MOST_POINTS);
            sampling.adaptive = section.flag(reporter, "adaptive").unwrap_or(true);
        }
        sampling
    }

    /// Accuracy goals.
    pub(crate) fn goals(
        &mut self,
        root: &Table,
        fields: &[Field],
        outputs: &[Output],
    ) -> Vec<Goal> {
        let mut goals = Vec::new();
        for (key, value) in self.entries(root, "goal") {
            let found = unit_of(&key.string, fields, outputs);
            let Some(unit) = found else {
                // without outputs of its own a broken file would blame its goals
                if self.reporter.count() == 0 {
                    self.unknown_target(&key.string, key.span, fields, outputs);
                }
                continue;
            };
            let title = format!("[goal] {}", key.string);
            let Some(section) = Section::of(&mut self.reporter, value, &title) else {
                continue;
            };
            let of_cell = self.of_cell && outputs.iter().any(|o| o.name == key.string);
            let known = if of_cell { &GOALS[..] } else { &GOALS[..3] };
            section.check(&mut self.reporter, known);
            let mut amount = |key: &str| {
                let value = section.get(key)?;
                let amount = self.difference_in(value, key, &unit)?;
                if amount > 0.0 {
                    return Some(amount);
                }
                let message = format!("`{key}` must be positive");
                self.report(Mistake::new(ErrorKind::Range, message).at(value.span, ""));
                None
            };
            let (rms, max) = (amount("rms"), amount("max"));
            let (first_95_v, worst_curve_v) = (amount("first_95"), amount("worst_curve"));
            let mut positive = |key: &str| section.positive(&mut self.reporter, key);
            let relative_l2 = positive("relative_l2");
            let (end_median, end_99) = (positive("end_median"), positive("end_99"));
            let discharge = DischargeGoals { first_95_v, worst_curve_v, end_median, end_99 };
            goals.push(Goal { name: key.string.clone(), rms, max, relative_l2, discharge });
        }
        goals
    }

    /// A name that is neither output nor field.
    pub(crate) fn unknown_target(
        &mut self,
        name: &str,
        span: Span,
        fields: &[Field],
        outputs: &[Output],
    ) {
        let known = outputs.iter().map(|o| o.name.as_str());
        let mut known: Vec<&str> = known.chain(fields.iter().map(|f| f.name.as_str())).collect();
        known.dedup();
        let message = format!("`{name}` is neither an output nor a field");
        self.report(
            Mistake::new(ErrorKind::UnknownSymbol, message)
                .at(span, "unknown")
                .maybe_help(did_you_mean(name, &known)),
        );
    }
}

/// The unit of an output or field.
pub(crate) fn unit_of(name: &str, fields: &[Field], outputs: &[Output]) -> Option<Unit> {
    let output = outputs.iter().find(|o| o.name == name).map(|o| o.unit.clone());
    output.or_else(|| fields.iter().find(|f| f.name == name).map(|f| f.unit.clone()))
}
