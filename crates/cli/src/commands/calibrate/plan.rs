//! What is inferred from what: the command line, and the tables `[calibrate]` of a file of its own and
//! of the problem file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use surrogate_problem::Problem;
use surrogate_problem::model::Unit;
use surrogate_problem::units::{parse_quantity, parse_unit};

use super::arguments::{Calibrate, Scatter};
use super::priors::{Joint, Priors, Written};
use crate::failure::Failure;

/// The plan. The command line goes before the file, and the file before the problem.
pub struct Plan {
    /// Measured curves: those of the file, then those of the command line.
    pub curves: Vec<Request>,
    /// Curves that are not fitted but predicted, in the same order.
    pub held_out: Vec<Request>,
    /// Names of the unknown parameters; empty for all that no curve states.
    pub parameters: Vec<String>,
    /// Output that was measured.
    pub observe: Option<String>,
    /// How measurements scatter.
    pub likelihood: Option<Scatter>,
    /// Expected noise, as written.
    pub noise: Option<String>,
    /// Priors of unknown parameters.
    pub priors: Priors,
    /// Parameters that are the measured current over this one, A.
    pub of_current: BTreeMap<String, f64>,
    /// The file, on whose text the draws depend.
    pub text: Option<String>,
}

/// A file of measurements and what is said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The file.
    pub path: PathBuf,
    /// `NAME=VALUE`, as written.
    pub entries: Vec<(String, String)>,
}

impl Plan {
    /// From the arguments, the file that they name, and the problem.
    ///
    /// # Errors
    /// A file that cannot be read, or holds what it must not; `--data` that is not understood; no
    /// curve at all.
    pub fn read(arguments: &Calibrate, problem: &Problem) -> Result<Self, Failure> {
        let (table, text) = match &arguments.model {
            Some(path) => {
                let text = surrogate_run::read_text(path)?;
                let table = Table::parse(&text).map_err(|f| f.in_file(path))?;
                (table.ok_or_else(|| missing().in_file(path))?, Some(text))
            }
            None => (Table::default(), None),
        };
        let table = table.or(Table::of_problem(problem)?);
        let folder = arguments.model.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        let mut curves = table.curves.iter().map(|c| c.request(folder)).collect::<Vec<_>>();
        for text in &arguments.data {
            curves.push(Request::parse(text, "--data")?);
        }
        let mut held_out = table.predict.iter().map(|c| c.request(folder)).collect::<Vec<_>>();
        for text in &arguments.predict {
            held_out.push(Request::parse(text, "--predict")?);
        }
        if curves.is_empty() {
            let help = "--data cell.csv, or [[calibrate.curves]] with file = \"cell.csv\"";
            return Err(Failure::helped("there is no curve to calibrate on", help));
        }
        let named = !arguments.parameters.is_empty();
        Ok(Self {
            curves,
            held_out,
            of_current: currents(&table.current, problem)?,
            parameters: if named { arguments.parameters.clone() } else { table.parameters },
            observe: arguments.observe.clone().or(table.observe),
            likelihood: arguments.likelihood.or(table.likelihood),
            noise: arguments.noise.clone().or(table.noise),
            priors: Priors { own: table.priors, joint: table.joint },
            text,
        })
    }
}

/// Checks the table `[calibrate]` of a problem file, if it has one.
///
/// # Errors
/// As [`Plan::read`].
pub fn check(problem: &Problem) -> Result<(), Failure> {
    let table = Table::of_problem(problem)?;
    currents(&table.current, problem)?;
    let known = |name: &&String| problem.parameters.iter().any(|p| p.name == **name);
    match table.parameters.iter().chain(table.priors.keys()).find(|name| !known(name)) {
        Some(name) => Err(no_parameter(name, problem)),
        None => Ok(()),
    }
}

/// Currents that parameters are counted in, A.
fn currents(
    written: &BTreeMap<String, String>,
    problem: &Problem,
) -> Result<BTreeMap<String, f64>, Failure> {
    let ampere = parse_unit("A").map_or(Unit::one().dimension, |u| u.dimension);
    let one = |(name, text): (&String, &String)| {
        let Some(parameter) = problem.parameters.iter().find(|p| p.name == *name) else {
            return Err(no_parameter(name, problem));
        };
        let wrong = || {
            let message = format!("[calibrate.current] {name} = \"{text}\" is no positive current");
            Failure::helped(message, "the current at which the parameter is 1, such as \"5 A\"")
        };
        let quantity = parse_quantity(text).map_err(|_| wrong())?;
        // what is left of A after the division is the parameter's own unit
        let fits = quantity.unit.dimension == ampere.over(&parameter.unit.dimension);
        let positive = quantity.value > 0.0 && quantity.value.is_finite();
        if fits && positive { Ok((name.clone(), quantity.value)) } else { Err(wrong()) }
    };
    written.iter().map(one).collect()
}

fn no_parameter(name: &str, problem: &Problem) -> Failure {
    let names: Vec<&str> = problem.parameters.iter().map(|p| p.name.as_str()).collect();
    Failure::helped(
        format!("[calibrate] names `{name}`, which is no parameter of the problem"),
        format!("its parameters are: {}", names.join(", ")),
    )
}

impl Request {
    /// `FILE[,NAME=VALUE…]` of an option.
    fn parse(text: &str, option: &str) -> Result<Self, Failure> {
        let mut parts = text.split(',');
        let path = PathBuf::from(parts.next().unwrap_or_default());
        let mut entries = Vec::new();
        for part in parts.filter(|p| !p.trim().is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| {
                let example = format!("{option} {},c_rate=1,time=COLUMN", path.display());
                Failure::helped(format!("`{part}` in {option} is not NAME=VALUE"), example)
            })?;
            entries.push((name.trim().to_string(), value.trim().to_string()));
        }
        Ok(Self { path, entries })
    }

    /// What is said of a name.
    pub fn entry(&self, name: &str) -> Option<&str> {
        self.entries.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The number that is said of a name.
    ///
    /// # Errors
    /// A value that is no finite number.
    pub fn number(&self, name: &str) -> Result<Option<f64>, Failure> {
        let Some(text) = self.entry(name) else { return Ok(None) };
        let number = text.parse::<f64>().ok().filter(|v| v.is_finite());
        let file = self.path.display();
        let wrong = || Failure::user(format!("{file}: `{name}={text}` is not a finite number"));
        number.map(Some).ok_or_else(wrong)
    }
}

/// A file with the table `[calibrate]`. Other tables, such as those of a problem file, are passed over.
#[derive(Deserialize)]
struct Whole {
    calibrate: Option<Table>,
}

/// The table.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Table {
    parameters: Vec<String>,
    observe: Option<String>,
    likelihood: Option<Scatter>,
    noise: Option<String>,
    priors: BTreeMap<String, Written>,
    joint: Option<Joint>,
    current: BTreeMap<String, String>,
    curves: Vec<WrittenCurve>,
    predict: Vec<WrittenCurve>,
}

/// A curve of the table: its file, and what `--data` would say of it.
#[derive(Deserialize)]
struct WrittenCurve {
    file: PathBuf,
    #[serde(flatten)]
    entries: BTreeMap<String, Scalar>,
}

/// A number or a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Whole(i64),
    Number(f64),
    Text(String),
}

/// What stands in a table.
const HELP: &str = "[calibrate] with parameters, observe, likelihood, noise; [calibrate.priors] with \
                    lines such as D = { normal = { mean = 1, sd = 0.2 } }; [calibrate.current] with \
                    lines such as c_rate = \"5 A\"; [[calibrate.curves]] and \
                    [[calibrate.predict]]";

fn missing() -> Failure {
    Failure::helped("there is no table [calibrate]", HELP)
}

impl Table {
    fn parse(text: &str) -> Result<Option<Self>, Failure> {
        let whole: Whole = toml::from_str(text).map_err(|e| {
            let line = e.span().map_or(0, |s| text[..s.start].matches('\n').count() + 1);
            Failure::helped(format!("line {line}: {}", e.message()), HELP)
        })?;
        Ok(whole.calibrate)
    }

    /// That of a problem file, which may hold no curves: they are another file's, or the command
    /// line's.
    fn of_problem(problem: &Problem) -> Result<Self, Failure> {
        let whole: Whole = toml::from_str(&problem.resolved)
            .map_err(|e| Failure::helped(format!("[calibrate]: {}", e.message()), HELP))?;
        let table = whole.calibrate.unwrap_or_default();
        if table.curves.is_empty() && table.predict.is_empty() {
            return Ok(table);
        }
        let help = "give them by --data and --predict, or in a file for --model";
        Err(Failure::helped(
            "a problem file holds no [[calibrate.curves]], fitted or predicted",
            help,
        ))
    }

    /// This table, and where it says nothing, another.
    fn or(mut self, other: Self) -> Self {
        if self.parameters.is_empty() {
            self.parameters = other.parameters;
        }
        for (name, prior) in other.priors {
            self.priors.entry(name).or_insert(prior);
        }
        for (name, current) in other.current {
            self.current.entry(name).or_insert(current);
        }
        self.observe = self.observe.or(other.observe);
        self.likelihood = self.likelihood.or(other.likelihood);
        self.noise = self.noise.or(other.noise);
        self.joint = self.joint.or(other.joint);
        self
    }
}

impl WrittenCurve {
    /// Files are named relative to the folder of the table.
    fn request(&self, folder: &Path) -> Request {
        let text = |value: &Scalar| match value {
            Scalar::Whole(number) => number.to_string(),
            Scalar::Number(number) => number.to_string(),
            Scalar::Text(text) => text.clone(),
        };
        let entries = self.entries.iter().map(|(name, value)| (name.clone(), text(value)));
        Request { path: folder.join(&self.file), entries: entries.collect() }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_of_a_file_says_what_data_would() {
        let text = "[calibrate]\nnoise = \"2 mV\"\nlikelihood = \"ar1\"\n\
                    [calibrate.priors]\nD = { log-normal = { median = 1, sd_log = 0.5 } }\n\
                    [[calibrate.curves]]\nfile = \"a.csv\"\nc_rate = 2\ntime = \"Test Time\"\n";
        let table = Table::parse(text).unwrap().unwrap();
        let request = table.curves[0].request(Path::new("cells"));
        let typed = Request::parse("cells/a.csv,c_rate=2,time=Test Time", "--data").unwrap();
        assert_eq!(request, typed);
        assert_eq!(table.likelihood, Some(Scatter::Ar1));
        assert!(table.priors.contains_key("D"));
    }

    fn problem(calibrate: &str) -> Problem {
        let text = format!(
            "title = \"t\"\n[coordinates]\nt = \"0 .. 1\"\n[parameters]\nc_rate = {{ range = \"0.5 .. 2\" }}\n\
             [fields.u]\n[[equations]]\nequation = \"d(u, t) = -c_rate*u\"\n{calibrate}"
        );
        let nothing = |_: &str| Err(std::io::ErrorKind::NotFound.into());
        surrogate_problem::load_text("test.toml", &text, &[], &nothing).unwrap()
    }

    #[test]
    fn the_table_of_a_problem_is_checked_and_stands_behind_the_file() {
        let good = problem("[calibrate]\nnoise = \"2 mV\"\ncurrent = { c_rate = \"5000 mA\" }\n");
        check(&good).unwrap();
        let own = Table::parse("[calibrate]\nnoise = \"1 mV\"\n").unwrap().unwrap();
        let table = own.or(Table::of_problem(&good).unwrap());
        assert_eq!(table.noise.as_deref(), Some("1 mV"));
        assert_eq!(currents(&table.current, &good).unwrap()["c_rate"], 5.0);
        for (wrong, words) in [
            ("[calibrate.current]\nrate = \"5 A\"\n", "names `rate`"),
            ("[calibrate.current]\nc_rate = \"5 V\"\n", "is no positive current"),
            ("[calibrate]\nparameters = [\"D\"]\n", "names `D`"),
            ("[[calibrate.curves]]\nfile = \"a.csv\"\n", "holds no [[calibrate.curves]]"),
            ("[[calibrate.predict]]\nfile = \"a.csv\"\n", "holds no [[calibrate.curves]]"),
        ] {
            let error = check(&problem(wrong)).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_key_that_means_nothing_is_refused_with_its_line() {
        let error = Table::parse("[calibrate]\nnoise = \"2 mV\"\nsigma = 3\n").err().unwrap();
        assert!(error.to_string().starts_with("line 3: unknown field `sigma`"), "{error}");
        assert!(Table::parse("[problem]\n").unwrap().is_none());
    }
}
