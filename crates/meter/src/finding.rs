//! What a search for counters turned down, and how to unlock it.

use std::fmt;

/// Whether the energy of a rejected counter is missing from the total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectionKind {
    /// It would count something twice; nothing is missing without it.
    Redundant,
    /// Nothing reads this energy: it is estimated, or missing.
    Missing,
}

/// A counter (or a part of the machine) that is not read, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The counter or the part of the machine.
    pub what: String,
    /// Why it is not read, and what stands in for it.
    pub why: String,
    /// The command that would unlock it, where there is one.
    pub unlock: Option<String>,
    /// Whether energy is missing because of it.
    pub kind: RejectionKind,
}

impl Rejection {
    /// Something that would count twice.
    #[must_use]
    pub fn redundant(what: impl Into<String>, why: impl Into<String>) -> Self {
        let kind = RejectionKind::Redundant;
        Self { what: what.into(), why: why.into(), unlock: None, kind }
    }

    /// Something that is not measured.
    #[must_use]
    pub fn missing(what: impl Into<String>, why: impl Into<String>) -> Self {
        let kind = RejectionKind::Missing;
        Self { what: what.into(), why: why.into(), unlock: None, kind }
    }

    /// Adds the command that unlocks it.
    #[must_use]
    pub fn unlocked_by(mut self, command: impl Into<String>) -> Self {
        self.unlock = Some(command.into());
        self
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)?;
        match &self.unlock {
            Some(command) => write!(f, " (to unlock: {command})"),
            None => Ok(()),
        }
    }
}
