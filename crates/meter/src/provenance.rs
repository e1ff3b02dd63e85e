//! Where an energy number comes from.

use std::fmt;

/// How much a number may be trusted, best first: a sum is as good as its weakest part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provenance {
    /// Read from a hardware counter that was seen to move under load.
    Measured,
    /// A counter or model corrected against a wall-plug meter on this machine.
    Calibrated,
    /// A model driven by something observed here, such as CPU time.
    Estimated,
    /// A stated constant; nothing about it was observed here.
    Assumed,
}

impl Provenance {
    /// Lower-case word for files and tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Calibrated => "calibrated",
            Self::Estimated => "estimated",
            Self::Assumed => "assumed",
        }
    }

    /// The inverse of [`Provenance::word`]; `None` for any other word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Measured, Self::Calibrated, Self::Estimated, Self::Assumed]
            .into_iter()
            .find(|provenance| provenance.word() == word)
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
