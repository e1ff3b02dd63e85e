use thiserror::Error;

/// What in a block is doubtful, or contradicts itself, and how it was read.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CifWarning {
    /// A list of operations that is no group.
    #[error("the {listed} symmetry operations listed are no group; all {all} products are taken")]
    Completed {
        /// Different operations of the list, the identity counted.
        listed: usize,
        /// Operations of the group.
        all: usize,
    },
    /// A statement of the symmetry that is not understood beside one that is.
    #[error("line {line}: no space group is called `{text}`; {taken} is taken")]
    UnknownGroup {
        /// Its line.
        line: usize,
        /// What stands there.
        text: String,
        /// The statement in its place.
        taken: String,
    },
    /// Two origins, and nothing that decides.
    #[error(
        "the origin is left open: {taken} is taken, it may be {other}; write one of them in \
         _space_group_name_H-M_alt, or list the operations"
    )]
    OpenOrigin {
        /// Symbol of the setting taken.
        taken: String,
        /// Symbol of the other.
        other: String,
    },
    /// Two statements of the symmetry that are not the same group.
    #[error("{taken} and {other} contradict each other; the atoms are those of {taken}")]
    Contradiction {
        /// The statement taken.
        taken: String,
        /// The other.
        other: String,
    },
    /// Sites of vacancies and dummies.
    #[error("`{label}` in line {line} is no atom and is left out")]
    NoAtom {
        /// Its line.
        line: usize,
        /// Type symbol or label.
        label: String,
    },
    /// Water as one site.
    #[error("`{label}` in line {line} is read as an oxygen; its hydrogen is left out")]
    Water {
        /// Its line.
        line: usize,
        /// Type symbol or label.
        label: String,
    },
    /// An occupancy a little above 1.
    #[error("line {line}: an occupancy of {value} is taken as 1")]
    Occupancy {
        /// Its line.
        line: usize,
        /// Its value.
        value: f64,
    },
    /// Atoms that are listed more than once.
    #[error("`{second}` is `{first}` once more in the same place; {count} such atoms are left out")]
    Duplicate {
        /// Label of an atom.
        first: String,
        /// Label of the same atom.
        second: String,
        /// Sites of the cell that are left out.
        count: usize,
    },
    /// Atoms too near to each other.
    #[error("`{first}` and `{second}` are only {distance:.3} angstrom apart and both there")]
    TooNear {
        /// Label of an atom.
        first: String,
        /// Label of another, or of the same where images are meant.
        second: String,
        /// Shortest such distance in angstrom.
        distance: f64,
    },
    /// Atoms that are not those of the formula.
    #[error("the atoms of the cell are {found}, but the file says {stated}")]
    Formula {
        /// Formula of the cell.
        found: String,
        /// `_chemical_formula_sum`, with Z where it is given.
        stated: String,
    },
    /// A volume that is not that of lengths and angles.
    #[error(
        "lengths and angles make a cell of {found:.2} cubic angstrom, but the file says {stated}"
    )]
    Volume {
        /// Of lengths and angles.
        found: f64,
        /// `_cell_volume`.
        stated: f64,
    },
}
