//! What is inferred from what: the command line, and the table `[calibrate]` of a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::arguments::{Calibrate, Scatter};
use super::priors::{Joint, Priors, Written};
use crate::failure::Failure;

/// The plan. What the command line says goes before what the file says.
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
    /// From the arguments and the file that they name.
    ///
    /// # Errors
    /// A file that cannot be read, or holds what it must not; `--data` that is not understood; no
    /// curve at all.
    pub fn read(arguments: &Calibrate) -> Result<Self, Failure> {
        let (table, text) = match &arguments.model {
            Some(path) => {
                let text = surrogate_run::read_text(path)?;
                (Table::parse(&text).map_err(|f| f.in_file(path))?, Some(text))
            }
            None => (Table::default(), None),
        };
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
            parameters: if named { arguments.parameters.clone() } else { table.parameters },
            observe: arguments.observe.clone().or(table.observe),
            likelihood: arguments.likelihood.or(table.likelihood),
            noise: arguments.noise.clone().or(table.noise),
            priors: Priors { own: table.priors, joint: table.joint },
            text,
        })
    }
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

impl Table {
    fn parse(text: &str) -> Result<Self, Failure> {
        let help = "[calibrate] with parameters, observe, likelihood, noise; [calibrate.priors] with \
                    lines such as D = { normal = { mean = 1, sd = 0.2 } }; [[calibrate.curves]] and \
                    [[calibrate.predict]]";
        let whole: Whole = toml::from_str(text).map_err(|e| {
            let line = e.span().map_or(0, |s| text[..s.start].matches('\n').count() + 1);
            Failure::helped(format!("line {line}: {}", e.message()), help)
        })?;
        whole.calibrate.ok_or_else(|| Failure::helped("there is no table [calibrate]", help))
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
        let table = Table::parse(text).unwrap();
        let request = table.curves[0].request(Path::new("cells"));
        let typed = Request::parse("cells/a.csv,c_rate=2,time=Test Time", "--data").unwrap();
        assert_eq!(request, typed);
        assert_eq!(table.likelihood, Some(Scatter::Ar1));
        assert!(table.priors.contains_key("D"));
    }

    #[test]
    fn a_key_that_means_nothing_is_refused_with_its_line() {
        let error = Table::parse("[calibrate]\nnoise = \"2 mV\"\nsigma = 3\n").err().unwrap();
        assert!(error.to_string().starts_with("line 3: unknown field `sigma`"), "{error}");
        assert!(Table::parse("[problem]\n").is_err());
    }
}
