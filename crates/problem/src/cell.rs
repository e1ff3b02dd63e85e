//! The table `[cell]`: a problem whose physics is that of a lithium-ion cell.
//!
//! This crate knows no cells. It reads what the table says, asks whoever does for the coordinates,
//! fields and outputs of such a problem, as a problem file of their own, and reads the author's file
//! on top of that. What is wrong with the table is then told at its place.

use crate::diagnose::{ErrorKind, Mistake, did_you_mean};
use crate::gather::{ReadFile, reason};
use crate::scope::Session;
use crate::section::{Section, wrong_type};
use crate::source::{Source, Span};
use crate::tree::{self, Kind, Table};
use crate::units::Dimension;

/// Tables and keys at the top of a file with `[cell]`.
const TOP: [&str; 9] = [
    "title",
    "description",
    "cell",
    "coordinates",
    "parameters",
    "data",
    "train",
    "goal",
    "calibrate",
];
/// Most solver runs.
const MOST_SOLVES: usize = 1_000_000;

/// Which model of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellModel {
    /// One particle for each electrode, electrolyte frozen.
    Spm,
    /// One particle for each electrode, electrolyte resolved.
    Spme,
    /// Particles at every place of the electrodes (Doyle, Fuller and Newman).
    P2d,
}

/// Names of the models in files.
pub const CELL_MODELS: [(&str, CellModel); 3] =
    [("SPM", CellModel::Spm), ("SPMe", CellModel::Spme), ("P2D", CellModel::P2d)];

/// Where the values of a cell stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CellSource {
    /// A published set by its name.
    Set(String),
    /// A BPX file.
    Bpx {
        /// Its name, relative to the problem file.
        file: String,
        /// What stands in it.
        text: String,
    },
}

/// What the table `[cell]` says, with the parameters of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct CellTable {
    /// Which cell.
    pub source: CellSource,
    /// Which model of it.
    pub model: CellModel,
    /// State of charge at the start, if it is stated.
    pub state_of_charge: Option<f64>,
    /// Temperature in K, if it is stated.
    pub temperature_k: Option<f64>,
    /// Most solver runs that training may use; as many as it wants if nothing is stated.
    pub solves: Option<usize>,
    /// Sweeps of the equations that training adds to few solver runs.
    pub sweeps: Option<usize>,
    /// Runs of the solver under random currents that training may use, for predictions under any
    /// current.
    pub profiles: Option<usize>,
    /// Another solver of the cell: its name, and what one of its runs takes, in runs of ours.
    pub other: Option<(String, f64)>,
}

/// A parameter of a file: name, lower and upper end.
pub type CellRange = (String, f64, f64);

/// What a problem with a cell is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CellPhysics {
    /// Coordinates, fields and outputs, as a problem file; what the author's file says goes first.
    pub base: String,
    /// What was assumed or looks doubtful.
    pub warnings: Vec<String>,
}

/// Something that a table `[cell]` cannot mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellMistake {
    /// Where.
    pub place: CellPlace,
    /// What.
    pub message: String,
    /// A way out.
    pub help: Option<String>,
}

/// Where a mistake is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CellPlace {
    /// At a key of `[cell]`.
    Key(&'static str),
    /// At the name of an entry of `[parameters]`.
    Parameter(String),
}

/// Makes the physics of a cell from what the table says and the parameters of the file.
pub type ReadCell<'a> =
    &'a dyn Fn(&CellTable, &[CellRange]) -> Result<CellPhysics, Vec<CellMistake>>;

impl Session {
    /// The table, and the file on top of the physics of its cell; nothing if the file has mistakes,
    /// which are reported.
    pub(crate) fn physics_of_cell(
        &mut self,
        root: &Table,
        read_file: ReadFile<'_>,
        read_cell: ReadCell<'_>,
    ) -> Option<(CellTable, Table, Vec<String>)> {
        self.cell_alone(root);
        let ranges = self.cell_parameters(root);
        let section = Section::of(&mut self.reporter, root.get("cell")?, "[cell]")?;
        let mut table = self.cell_table(&section, read_file)?;
        [table.solves, table.sweeps, table.profiles] = self.runs(root);
        if self.reporter.count() > 0 {
            return None;
        }
        match read_cell(&table, &ranges) {
            Ok(physics) => {
                let merged = self.on_physics(root, &physics.base)?;
                Some((table, merged, physics.warnings))
            }
            Err(mistakes) => {
                mistakes.into_iter().for_each(|m| self.report_cell(root, &section, m));
                None
            }
        }
    }

    /// Refuses what a cell brings itself.
    fn cell_alone(&mut self, root: &Table) {
        let mut refuse = |span: Span, message: String, help: &str| {
            self.reporter
                .report(Mistake::new(ErrorKind::NotAllowed, message).at(span, "").help(help));
        };
        for (key, _) in &root.entries {
            if !TOP.contains(&key.string.as_str()) && crate::load::TOP.contains(&&*key.string) {
                let message = format!("a file with [cell] has no [{}]", key.string);
                refuse(key.span, message, "the cell brings its physics: leave this table out");
            }
        }
        let coordinates = root.get("coordinates").and_then(|v| v.as_table());
        for (key, _) in coordinates.iter().flat_map(|t| &t.entries) {
            if key.string != "t" {
                let message = format!("a file with [cell] has no coordinate `{}`", key.string);
                refuse(key.span, message, "only the range of the time `t` can be stated");
            }
        }
    }

    /// Ranges of the parameters. Mistakes in them are found again, and told once, when the whole file
    /// is read.
    fn cell_parameters(&mut self, root: &Table) -> Vec<CellRange> {
        let parameters = root.entries.iter().filter(|(key, _)| key.string == "parameters");
        let alone = Table { entries: parameters.cloned().collect() };
        let mut session = Self { reporter: std::mem::take(&mut self.reporter), ..Self::default() };
        session.declare_all(&alone);
        session.resolve_symbols(&alone);
        self.reporter = session.reporter;
        let mut ranges = Vec::new();
        for parameter in session.resolved_parameters.into_iter().flatten() {
            if parameter.unit.dimension != Dimension::default() {
                let (name, unit) = (&parameter.name, &parameter.unit.text);
                let message = format!("`{name}` is in {unit}, but must have no unit");
                let span = session.names.get(name).map_or(Span::default(), |n| n.1);
                let help = "parameters of a cell multiply what it has";
                self.report(Mistake::new(ErrorKind::Units, message).at(span, "").help(help));
            }
            ranges.push((parameter.name, parameter.lower, parameter.upper));
        }
        ranges
    }

    fn cell_table(&mut self, section: &Section<'_>, read_file: ReadFile<'_>) -> Option<CellTable> {
        let known = ["set", "bpx", "model", "state_of_charge", "temperature", "other"];
        section.check(&mut self.reporter, &known);
        let source = self.cell_source(section, read_file);
        let model = self.cell_model(section);
        let state_of_charge =
            section.get("state_of_charge").and_then(|value| self.state_of_charge(value));
        let temperature_k = section.get("temperature").and_then(|value| self.temperature(value));
        let other = section.get("other").and_then(|value| self.other_solver(value));
        let source = source?;
        Some(CellTable {
            source,
            model: model?,
            state_of_charge,
            temperature_k,
            solves: None,
            sweeps: None,
            profiles: None,
            other,
        })
    }

    fn cell_model(&mut self, section: &Section<'_>) -> Option<CellModel> {
        let Some(value) = section.get("model") else {
            let mistake = Mistake::new(ErrorKind::MissingKey, "[cell] names no model")
                .at(section.span, "`model` is missing")
                .help("model = \"P2D\" (Doyle-Fuller-Newman), \"SPMe\" or \"SPM\"");
            self.report(mistake);
            return None;
        };
        let dfn = value.as_text().filter(|text| text.string.eq_ignore_ascii_case("DFN"));
        if let Some(text) = dfn {
            let mistake = Mistake::new(ErrorKind::UnknownChoice, "unknown model `DFN`")
                .at(text.span, "")
                .help("the Doyle-Fuller-Newman model is called P2D here: model = \"P2D\"");
            self.report(mistake);
            return None;
        }
        section.choice(&mut self.reporter, "model", &CELL_MODELS)
    }

    fn state_of_charge(&mut self, value: &tree::Value) -> Option<f64> {
        if let Some(number) = value.as_number() {
            return Some(number);
        }
        let percent = value.as_text().and_then(|text| text.string.strip_suffix('%'));
        match percent.and_then(|number| number.trim().parse::<f64>().ok()) {
            Some(percent) => {
                let message = "`state_of_charge` is a number between 0 and 1, not a percentage";
                let mistake = Mistake::new(ErrorKind::WrongType, message)
                    .at(value.span, "")
                    .help(format!("state_of_charge = {}", percent / 100.0));
                self.report(mistake);
            }
            None => {
                let wanted = "a number between 0 and 1";
                wrong_type(&mut self.reporter, value, "state_of_charge", wanted);
            }
        }
        None
    }

    /// A temperature in K. A number without a unit could be either of two.
    fn temperature(&mut self, value: &tree::Value) -> Option<f64> {
        if let Some(number) = value.as_number() {
            let message = format!("`temperature` = {number} has no unit");
            let mistake = Mistake::new(ErrorKind::Units, message)
                .at(value.span, "degC or K?")
                .help("temperature = \"25 degC\", or \"298.15 K\"");
            self.report(mistake);
            return None;
        }
        let kelvin = crate::units::parse_unit("K").ok()?;
        self.amount_in(value, "temperature", &kelvin)
    }

    fn cell_source(
        &mut self,
        section: &Section<'_>,
        read_file: ReadFile<'_>,
    ) -> Option<CellSource> {
        let set = section.text(&mut self.reporter, "set");
        let bpx = section.text(&mut self.reporter, "bpx");
        match (set, bpx) {
            (Some(set), None) => Some(CellSource::Set(set.string.clone())),
            (None, Some(file)) => match read_file(&file.string) {
                Ok(text) => Some(CellSource::Bpx { file: file.string.clone(), text }),
                Err(e) => {
                    let message = format!("cannot read `{}`: {}", file.string, reason(&e));
                    let help = "`bpx` is relative to the file it stands in";
                    self.report(
                        Mistake::new(ErrorKind::File, message).at(file.whole(), "").help(help),
                    );
                    None
                }
            },
            (Some(_), Some(file)) => {
                let message = "[cell] names both a set and a BPX file";
                self.report(
                    Mistake::new(ErrorKind::NotAllowed, message)
                        .at(file.span, "the other one")
                        .help("leave one of `set` and `bpx` out"),
                );
                None
            }
            (None, None) => {
                if section.get("set").or(section.get("bpx")).is_none() {
                    self.report(
                        Mistake::new(ErrorKind::MissingKey, "[cell] names no cell")
                            .at(section.span, "not given")
                            .help("set = \"Chen2020\", or bpx = \"cell.json\""),
                    );
                }
                None
            }
        }
    }

    /// `other = { name = "…", solves = 40 }`
    fn other_solver(&mut self, value: &tree::Value) -> Option<(String, f64)> {
        let section = Section::of(&mut self.reporter, value, "[cell] other")?;
        section.check(&mut self.reporter, &["name", "solves"]);
        let name = section.needed(&mut self.reporter, "name")?.string.clone();
        Some((name, section.positive(&mut self.reporter, "solves")?))
    }

    /// `[data] solves`, `sweeps` and `profiles`.
    fn runs(&mut self, root: &Table) -> [Option<usize>; 3] {
        const KEYS: [&str; 3] = ["solves", "sweeps", "profiles"];
        let Some(value) = root.get("data") else { return [None; 3] };
        if value.as_list().is_some() {
            let message = "a file with [cell] has no [[data]]";
            self.report(
                Mistake::new(ErrorKind::NotAllowed, message)
                    .at(value.span, "")
                    .help("curves that were measured are for `surrogate calibrate --data`"),
            );
            return [None; 3];
        }
        let Some(section) = Section::of(&mut self.reporter, value, "[data]") else {
            return [None; 3];
        };
        section.check(&mut self.reporter, &KEYS);
        KEYS.map(|key| section.count(&mut self.reporter, key, 0..=MOST_SOLVES))
    }

    /// The file on top of the physics.
    fn on_physics(&mut self, root: &Table, base: &str) -> Option<Table> {
        let source = self.reporter.sources.len() as u32;
        let (name, text) = ("the physics of [cell]".to_string(), base.to_string());
        self.reporter.sources.push(Source { name, text });
        match tree::parse(base, source) {
            Ok(table) => {
                let mut own = root.clone();
                own.remove("cell");
                own.remove("data");
                Some(tree::merge(table, own, true))
            }
            Err((message, span)) => {
                self.report(Mistake::new(ErrorKind::Toml, message).at(span, ""));
                None
            }
        }
    }

    fn report_cell(&mut self, root: &Table, section: &Section<'_>, found: CellMistake) {
        let span = match &found.place {
            CellPlace::Key(key) => section.get(key).map_or(section.span, |v| v.span),
            CellPlace::Parameter(name) => {
                let table = root.get("parameters").map(|v| &v.kind);
                let entries = match table {
                    Some(Kind::Table(table)) => table.entries.as_slice(),
                    _ => &[],
                };
                let entry = entries.iter().find(|(key, _)| key.string == *name);
                entry.map_or(section.span, |(key, _)| key.span)
            }
        };
        let kind = ErrorKind::Cell;
        self.report(Mistake::new(kind, found.message).at(span, "").maybe_help(found.help));
    }
}

/// Takes out of a base file what belongs to its cell, where the file on top of it names another: the cell
/// itself, the solver that it is compared with, and the current that makes one C.
pub(crate) fn forget_other_cell(base: &mut Table, over: &Table) {
    let source = |table: &Table| {
        let cell = table.get("cell")?.as_table()?;
        let name = |key: &str| Some((key.to_string(), cell.get(key)?.as_text()?.string.clone()));
        name("set").or_else(|| name("bpx"))
    };
    let (Some(own), Some(other)) = (source(over), source(base)) else { return };
    if own == other {
        return;
    }
    let mut forget = |table: &str, keys: &[&str]| {
        if let Some(Kind::Table(table)) = base.get_mut(table).map(|value| &mut value.kind) {
            keys.iter().for_each(|key| drop(table.remove(key)));
        }
    };
    forget("cell", &["set", "bpx", "other"]);
    forget("calibrate", &["current"]);
}

/// A name that is none of those known, as a mistake.
pub fn unknown_name(
    place: CellPlace,
    message: String,
    written: &str,
    known: &[&str],
) -> CellMistake {
    CellMistake { place, message, help: did_you_mean(written, known) }
}

/// For programs that know no cells.
///
/// # Errors
/// Always.
pub(crate) fn no_cells(_: &CellTable, _: &[CellRange]) -> Result<CellPhysics, Vec<CellMistake>> {
    let message = "this program knows no cells".to_string();
    Err(vec![CellMistake { place: CellPlace::Key("model"), message, help: None }])
}
