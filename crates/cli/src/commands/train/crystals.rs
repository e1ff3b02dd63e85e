//! Training of a generator of crystals.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use rand::SeedableRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use surrogate_crystal::Element;
use surrogate_crystal::retrieve::{Kind, Library, Source, read_library};
use surrogate_crystal::symmetry::SymmetricStructure;
use surrogate_engine::{Control, Ending, Event};
use surrogate_generator::example::Example;
use surrogate_generator::model::Model;
use surrogate_generator::network::Shape;
use surrogate_generator::peaks::MOST_PEAKS;
use surrogate_generator::sequence::{AtomicVolumes, composition};
use surrogate_generator::training::{MakeGradient, Settings, Training, plain_examples};
use surrogate_generator::vocabulary::Vocabulary;
use surrogate_meter::Meter;
use surrogate_problem::Problem;
use surrogate_problem::crystal::{CrystalTable, Precision};
use surrogate_problem::model::Optimizer;

use super::trainer::{Arrays, Trainer};
use super::watched::WatchedError;
use crate::crystal::{sources, symmetry};
use crate::failure::Failure;
use crate::trained::Loaded;

/// Most atoms of crystals to learn from, where the file names no number.
const MAX_ATOMS: usize = 28;
/// Crystals kept for judging, where the file names no number.
const HELD_OUT: usize = 200;
/// At most this share of the crystals is kept.
const MOST_HELD_OUT: f64 = 0.2;
/// Steps between two looks at the clock.
const STEPS: usize = 4;
/// Version of `generator.json`.
const FORMAT: u32 = 1;
/// Seed of the choice of crystals that are kept, the same for all trainings.
const CHOICE_SEED: u64 = 20_261_122;

/// What a generator learns from.
pub struct Crystals {
    /// Crystals to train on.
    pub train: Vec<SymmetricStructure>,
    /// Crystals that are kept for judging.
    pub held_out: Vec<SymmetricStructure>,
    /// Volumes of atoms.
    pub volumes: AtomicVolumes,
    /// How it is trained.
    pub settings: Settings,
    /// Numbers in products on a GPU.
    pub precision: Precision,
    /// Where the crystals come from.
    source: Source,
    /// Most atoms in their primitive cells.
    max_atoms: usize,
    /// Crystals of the library that were left out since they are among those to test on.
    tested: usize,
}

impl Crystals {
    /// A library of the crystals to learn from.
    pub fn library(&self) -> Library {
        let named = self.train.iter().enumerate();
        let named = named.map(|(k, c)| (format!("crystal {}", k + 1), c.clone()));
        Library::distil_with(named, self.volumes.0.clone())
    }

    /// For people.
    pub fn summary(&self, problem: &Problem) -> String {
        let Settings { shape, steps, batch, .. } = self.settings;
        let tested = match self.tested {
            0 => String::new(),
            n => format!(", {n} left out: they are among those to test on"),
        };
        format!(
            "{}\n{} crystals to learn from, {} kept for judging{tested}\ntransformer: {} layers of width {}, {} \
             heads\n{steps} steps of {batch} examples\n",
            problem.title,
            self.train.len(),
            self.held_out.len(),
            shape.layers,
            shape.width,
            shape.heads
        )
    }
}

/// Reads the library of a problem and its settings.
///
/// # Errors
/// A library that cannot be read or used, settings that mean nothing here.
pub fn crystals(loaded: &Loaded, table: &CrystalTable) -> Result<Crystals, Failure> {
    let mut settings = settings(&loaded.problem, table)?;
    let (library, source) = match &table.library {
        None => crate::crystal::library::shipped()?,
        Some((name, text)) => {
            let help = "make one with `surrogate data import`";
            let wrong = |e| Failure::helped(format!("{name}: {e}"), help);
            read_library(text).map_err(wrong)?
        }
    };
    let most = table.max_atoms.unwrap_or(MAX_ATOMS);
    let mut train = named(&library);
    train.retain(|c| c.primitive_atoms() <= most);
    let before = train.len();
    if let Some((name, bytes)) = &loaded.test {
        let test = described(name, bytes)?;
        train.retain(|c| Described::of(c).is_none_or(|d| !test.contains(&d)));
    }
    let tested = before - train.len();
    let wanted = table.held_out.unwrap_or(HELD_OUT);
    let kept = wanted.min((MOST_HELD_OUT * train.len() as f64) as usize);
    train.shuffle(&mut ChaCha8Rng::seed_from_u64(CHOICE_SEED));
    let held_out = train.split_off(train.len() - kept);
    if train.is_empty() {
        return Err(Failure::helped(
            format!("[crystal]: the library has no crystal with at most {most} atoms"),
            "raise max_atoms, or import more structures",
        ));
    }
    if library.is_anonymous() {
        settings.changes.exchanged = 1.0;
    }
    let volumes = AtomicVolumes(Library::volumes(&library).to_vec());
    let precision = table.precision;
    Ok(Crystals { train, held_out, volumes, settings, precision, source, max_atoms: most, tested })
}

/// What makes two crystals the same: atoms of each element, space group, and positions.
#[derive(PartialEq, Eq, Hash)]
struct Described(BTreeMap<Element, usize>, Kind);

impl Described {
    /// Nothing for a crystal with too many elements.
    fn of(crystal: &SymmetricStructure) -> Option<Self> {
        Some(Self(composition(crystal).into_iter().collect(), Kind::of(crystal)?))
    }
}

/// The crystals of a table.
fn described(name: &str, bytes: &[u8]) -> Result<HashSet<Described>, Failure> {
    let entries = sources::table(Path::new(name), bytes).map_err(|e| {
        let help =
            "a table of structures as docs/crystals.md describes it (.csv, .csv.gz, .csv.zst)";
        Failure::helped(format!("[crystal] test: {name}: {e}"), help)
    })?;
    let each = entries.iter().filter_map(|e| Described::of(&symmetry(&e.structure).ok()?));
    Ok(each.collect())
}

/// Every crystal of a library; prototypes of an anonymous one with elements drawn at random.
fn named(library: &Library) -> Vec<SymmetricStructure> {
    /// Elements up to lead, after which few structures are known.
    const LAST: u8 = 82;
    let mut rng = ChaCha8Rng::seed_from_u64(CHOICE_SEED + 1);
    let all: Vec<Element> = (1..=LAST).filter_map(Element::from_atomic_number).collect();
    let mut crystals = Vec::new();
    for prototype in library.prototypes() {
        if prototype.known.is_empty() {
            let elements: Vec<Element> =
                all.sample(&mut rng, prototype.counts.len()).copied().collect();
            let volume = library.volume(&elements, &prototype.counts);
            let scale = (volume / prototype.volume).cbrt();
            crystals.push(prototype.crystal(&elements, scale).canonical());
        } else {
            crystals.extend(prototype.crystals(library.volumes()));
        }
    }
    crystals
}

/// How a generator is trained.
fn settings(problem: &Problem, table: &CrystalTable) -> Result<Settings, Failure> {
    let usual = Settings::default();
    let Shape { width, layers, heads } = usual.shape;
    let shape = Shape::new(
        table.width.unwrap_or(width),
        table.layers.unwrap_or(layers),
        table.heads.unwrap_or(heads),
    );
    let shape = shape.map_err(|e| Failure::user(format!("[network]: {e}")))?;
    let mut settings = Settings { shape, seed: problem.train.seed, ..usual };
    settings.batch = table.batch.unwrap_or(usual.batch);
    let changes = &mut settings.changes;
    changes.exchanged = table.exchanged.unwrap_or(changes.exchanged);
    changes.disturbed = table.disturbed.unwrap_or(changes.disturbed);
    settings.composition_given = table.composition_given.unwrap_or(usual.composition_given);
    let help = "stages = [{ optimizer = \"adam\", iterations = 8000 }]";
    match problem.train.stages.as_slice() {
        [] => {}
        [only] if only.optimizer == Optimizer::Adam && only.max_time_s.is_none() => {
            settings.steps = only.iterations;
            settings.rate = only.learning_rate.unwrap_or(usual.rate);
        }
        _ => {
            let message = "[train] stages: a generator learns in one stage by adam";
            return Err(Failure::helped(message, help));
        }
    }
    if problem.train.resample_every.is_some() || problem.train.target_loss.is_some() {
        return Err(Failure::helped(
            "[train]: a generator has neither resample_every nor target_loss",
            "stages, seed and max_time are known",
        ));
    }
    Ok(settings)
}

/// A generator while it learns.
pub struct CrystalTrainer {
    training: Training,
    precision: Precision,
    held_out: Vec<Example>,
    source: Source,
    max_atoms: usize,
    tested: usize,
    /// Crystals that it learns from.
    crystals: usize,
    /// Loss of the last steps.
    loss: f64,
}

impl CrystalTrainer {
    /// Before the first step.
    pub fn new(crystals: Crystals, gradient: Option<Box<MakeGradient>>) -> Self {
        let Crystals { train, held_out, volumes, settings, precision, source, max_atoms, tested } =
            crystals;
        let (held_out, crystals) = (plain_examples(&held_out, &volumes), train.len());
        let training = Training::new(train, volumes, settings).with_gradient(gradient);
        Self { training, precision, held_out, source, max_atoms, tested, crystals, loss: f64::NAN }
    }

    /// What is learned from what, for `generator.json`.
    pub fn description(&mut self) -> Value {
        let Settings { shape, steps, batch, changes, composition_given, .. } =
            self.training.settings;
        let predicted = self.training.loss(&self.held_out).predictions;
        json!({
            "format": FORMAT,
            "crystals": self.crystals,
            "held_out": self.held_out.len(),
            "left_out_for_test": self.tested,
            "tokens_per_held_out_crystal":
                (!self.held_out.is_empty()).then(|| predicted as f64 / self.held_out.len() as f64),
            "max_atoms": self.max_atoms,
            "origin": self.source.origin,
            "licence": self.source.licence,
            "vocabulary": Vocabulary::get().len(),
            "features": Vocabulary::get().features(),
            "peaks": MOST_PEAKS,
            "width": shape.width,
            "layers": shape.layers,
            "heads": shape.heads,
            "precision": self.precision.name(),
            "steps": steps,
            "batch": batch,
            "exchanged": changes.exchanged,
            "disturbed": changes.disturbed,
            "composition_given": composition_given,
        })
    }

    /// What was learned.
    pub fn model(self) -> Model {
        self.training.model
    }

    fn done(&self) -> bool {
        self.training.steps() >= self.training.settings.steps
    }

    fn event(&self) -> Event {
        Event {
            component: 0,
            fields: vec!["structures".to_string()],
            stage: "adam",
            stage_index: 0,
            iteration: self.training.steps(),
            total: self.training.steps(),
            loss: self.loss,
            held_out: None,
            rows: Vec::new(),
            cuts: 0,
            ended: self.done().then_some(Ending::Planned),
        }
    }
}

impl Trainer for CrystalTrainer {
    fn run(&mut self, watch: &mut dyn FnMut(&Event) -> Control) -> Result<bool, Failure> {
        loop {
            if watch(&self.event()) == Control::Stop || self.done() {
                return Ok(self.done());
            }
            let left = self.training.settings.steps - self.training.steps();
            let mut sum = 0.0;
            let steps = STEPS.min(left);
            for _ in 0..steps {
                sum += self.training.step().mean();
            }
            self.loss = sum / steps as f64;
        }
    }

    fn state(&self) -> Arrays {
        self.training.state()
    }

    fn restore(&mut self, state: &Arrays) -> Result<(), Failure> {
        self.training.restore(state).map_err(|e| Failure::user(e.to_string()))
    }

    fn iterations(&self) -> usize {
        self.training.steps()
    }

    fn plan(&self) -> (Vec<usize>, usize) {
        (vec![self.training.settings.steps], 1)
    }

    fn weights(&self) -> usize {
        self.training.model.layout.len
    }

    fn held_out(&self) -> Vec<f64> {
        Vec::new()
    }

    fn errors(&mut self, meter: &Meter) -> Option<Vec<WatchedError>> {
        let _stage = meter.stage("evaluate");
        let loss = self.training.loss(&self.held_out);
        let each = loss.sum / self.held_out.len().max(1) as f64;
        (!self.held_out.is_empty()).then(|| vec![("crystal".to_string(), each, "nat".to_string())])
    }

    fn ending(&self) -> String {
        "all steps done".to_string()
    }

    fn note(&self) -> Option<String> {
        None
    }
}
