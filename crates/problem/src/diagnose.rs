//! Mistakes in a problem file: collected, with their places and a way out.

use std::collections::HashSet;
use std::fmt;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

use crate::source::{Source, Span};

/// What kind of mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The file is not TOML.
    Toml,
    /// A key that means nothing here.
    UnknownKey,
    /// A key that is needed is not there.
    MissingKey,
    /// A value of the wrong kind (a string where a number is expected).
    WrongType,
    /// A word that is none of the choices.
    UnknownChoice,
    /// A unit or quantity that cannot be read.
    Quantity,
    /// A range or number that is impossible.
    Range,
    /// A name used twice, or one that is taken by the language.
    Name,
    /// A name that is not defined.
    UnknownSymbol,
    /// An expression that cannot be read.
    Expression,
    /// Units that do not fit.
    Units,
    /// A function with the wrong number of arguments.
    Arguments,
    /// A derivative, average or place by something that the expression does not depend on.
    Dependence,
    /// A symbol that may not stand here.
    NotAllowed,
    /// A place outside the range of a coordinate.
    Place,
    /// A field without any equation.
    Unused,
    /// Definitions that need each other.
    Cycle,
    /// A file that cannot be read.
    File,
    /// A table of numbers with a mistake.
    Csv,
    /// A function that has no inverse, integral or spline.
    Function,
    /// An override that changes nothing.
    Override,
    /// A cell that cannot be, or a parameter that no cell has.
    Cell,
}

impl ErrorKind {
    /// The code shown to people.
    pub fn code(self) -> &'static str {
        match self {
            Self::Toml => "problem::toml",
            Self::UnknownKey => "problem::unknown_key",
            Self::MissingKey => "problem::missing_key",
            Self::WrongType => "problem::wrong_type",
            Self::UnknownChoice => "problem::unknown_choice",
            Self::Quantity => "problem::quantity",
            Self::Range => "problem::range",
            Self::Name => "problem::name",
            Self::UnknownSymbol => "problem::unknown_symbol",
            Self::Expression => "problem::expression",
            Self::Units => "problem::units",
            Self::Arguments => "problem::arguments",
            Self::Dependence => "problem::dependence",
            Self::NotAllowed => "problem::not_allowed",
            Self::Place => "problem::place",
            Self::Unused => "problem::field_without_row",
            Self::Cycle => "problem::cycle",
            Self::File => "problem::file",
            Self::Csv => "problem::csv",
            Self::Function => "problem::function",
            Self::Override => "problem::override",
            Self::Cell => "problem::cell",
        }
    }
}

/// One mistake in a problem file.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ProblemError {
    /// What kind.
    pub kind: ErrorKind,
    /// What is wrong, one line.
    pub message: String,
    /// A way out.
    pub help: Option<String>,
    /// The text it is in.
    pub source_code: Option<NamedSource<String>>,
    /// Marked places, the first is the main one.
    pub labels: Vec<LabeledSpan>,
}

impl Diagnostic for ProblemError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.kind.code()))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|h| Box::new(h) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source_code.as_ref().map(|s| s as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (!self.labels.is_empty()).then(|| Box::new(self.labels.iter().cloned()) as _)
    }
}

/// All mistakes of a file, never empty.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    /// The mistakes, in the order of discovery.
    pub errors: Vec<ProblemError>,
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, error) in self.errors.iter().enumerate() {
            if k > 0 {
                writeln!(f)?;
            }
            write!(f, "{error}")?;
            if let (Some(source), Some(label)) = (&error.source_code, error.labels.first()) {
                let before = source.inner().get(..label.offset()).unwrap_or("");
                let line = before.matches('\n').count() + 1;
                write!(f, " ({}:{line})", source.name())?;
            }
            if let Some(help) = &error.help {
                write!(f, "; {help}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

impl Diagnostic for Diagnostics {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.errors.iter().map(|e| e as &dyn Diagnostic)))
    }
}

/// Collects mistakes while a file is read.
#[derive(Default)]
pub(crate) struct Reporter {
    pub(crate) sources: Vec<Source>,
    found: Vec<ProblemError>,
    seen: HashSet<(Span, String)>,
}

/// A mistake under construction.
pub(crate) struct Mistake {
    kind: ErrorKind,
    message: String,
    help: Option<String>,
    labels: Vec<(Span, String)>,
}

impl Mistake {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), help: None, labels: Vec::new() }
    }

    #[must_use]
    pub(crate) fn at(mut self, span: Span, label: impl Into<String>) -> Self {
        self.labels.push((span, label.into()));
        self
    }

    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    #[must_use]
    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }
}

impl Reporter {
    /// Notes a mistake; the same one at the same place is noted once.
    pub(crate) fn report(&mut self, mistake: Mistake) {
        let main = mistake.labels.first().map_or(Span::default(), |l| l.0);
        if !self.seen.insert((main, mistake.message.clone())) {
            return;
        }
        let source = self.sources.get(main.source as usize);
        let source_code = source
            .filter(|_| !mistake.labels.is_empty())
            .map(|s| NamedSource::new(s.name.clone(), s.text.clone()));
        let labels = mistake
            .labels
            .into_iter()
            .filter(|(span, _)| span.source == main.source)
            .map(|(span, label)| {
                let length = span.end.saturating_sub(span.start) as usize;
                let label = (!label.is_empty()).then_some(label);
                LabeledSpan::new(label, span.start as usize, length)
            })
            .collect();
        self.found.push(ProblemError {
            kind: mistake.kind,
            message: mistake.message,
            help: mistake.help,
            source_code,
            labels,
        });
    }

    /// Number of mistakes so far.
    pub(crate) fn count(&self) -> usize {
        self.found.len()
    }

    /// The mistakes, if there are any.
    pub(crate) fn finish(&mut self) -> Result<(), Diagnostics> {
        if self.found.is_empty() {
            return Ok(());
        }
        Err(Diagnostics { errors: std::mem::take(&mut self.found) })
    }
}

/// `did you mean ...?` if a known word is close to the one written, else the list of known words.
pub(crate) fn did_you_mean(written: &str, known: &[&str]) -> Option<String> {
    if let Some(best) = closest(written, known) {
        return Some(format!("did you mean `{best}`?"));
    }
    (!known.is_empty() && known.len() <= 24).then(|| format!("known: {}", known.join(", ")))
}

/// The known word closest to the one written, if it is close.
pub(crate) fn closest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let score = |k: &str| {
        if k.eq_ignore_ascii_case(written) {
            return 1.0;
        }
        strsim::jaro_winkler(&written.to_lowercase(), &k.to_lowercase())
            .max(strsim::normalized_damerau_levenshtein(written, k))
    };
    let best = known.iter().map(|&k| (score(k), k)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.79).then_some(best.1)
}
