use thiserror::Error;

use crate::LatticeError;

/// Why a text is no CIF, or no structure. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CifError {
    /// A quoted string or a text field without an end.
    #[error("line {line}: this {what} is never closed")]
    Unclosed {
        /// Where it begins.
        line: usize,
        /// `quoted string` or `text field`.
        what: &'static str,
    },
    /// A list, table or triple quote of CIF 2.0.
    #[error("line {line}: lists, tables and triple quotes of CIF 2.0 are not read; write CIF 1.1")]
    Version2 {
        /// Where it begins.
        line: usize,
    },
    /// A value, tag or loop before the first `data_`.
    #[error(
        "line {line}: `{text}` stands before the first data_ block; a CIF begins with data_NAME"
    )]
    OutsideBlock {
        /// Its line.
        line: usize,
        /// Its beginning.
        text: String,
    },
    /// A value that belongs to no tag.
    #[error("line {line}: the value `{text}` has no tag; quote values that hold blanks")]
    StrayValue {
        /// Its line.
        line: usize,
        /// Its beginning.
        text: String,
    },
    /// A tag that is followed by no value.
    #[error("line {line}: `{tag}` has no value; write ? where it is unknown")]
    NoValue {
        /// Its line.
        line: usize,
        /// The tag.
        tag: String,
    },
    /// A loop whose values do not fill its rows.
    #[error(
        "line {line}: this loop has {columns} columns and {values} values, no whole number of rows"
    )]
    RaggedLoop {
        /// Line of `loop_`.
        line: usize,
        /// Number of tags.
        columns: usize,
        /// Number of values.
        values: usize,
    },
    /// A loop without tags.
    #[error("line {line}: this loop_ has no tags")]
    EmptyLoop {
        /// Its line.
        line: usize,
    },
    /// The same tag twice in one block.
    #[error("line {line}: `{tag}` stands twice in one block (first in line {first})")]
    Twice {
        /// The second line.
        line: usize,
        /// The first line.
        first: usize,
        /// The tag.
        tag: String,
    },
    /// A reserved word that is not read here.
    #[error("line {line}: `{word}` is not supported; only data blocks are read")]
    Reserved {
        /// Its line.
        line: usize,
        /// The word.
        word: String,
    },
    /// A text without any block that lists atoms.
    #[error("no data block lists atoms (a loop with _atom_site_fract_x, _y and _z)")]
    NoStructure,
    /// An item that a structure needs.
    #[error("block {block}: `{tag}` is missing")]
    Missing {
        /// Name of the block.
        block: String,
        /// The tag.
        tag: &'static str,
    },
    /// Something that is no number where one is needed.
    #[error("line {line}: `{text}` is no number, as {tag} needs one")]
    NotANumber {
        /// Its line.
        line: usize,
        /// What stands there.
        text: String,
        /// The tag.
        tag: &'static str,
    },
    /// A site whose element is not known.
    #[error(
        "line {line}: no element is called `{text}`; write its symbol in _atom_site_type_symbol"
    )]
    UnknownElement {
        /// Its line.
        line: usize,
        /// Type symbol or label.
        text: String,
    },
    /// An occupancy outside [0, 1].
    #[error("line {line}: an occupancy of {value} is not between 0 and 1")]
    Occupancy {
        /// Its line.
        line: usize,
        /// Its value.
        value: f64,
    },
    /// A place that holds more than one atom.
    #[error(
        "line {line}: `{first}` and `{second}` are in one place, with occupancies of {sum:.2} in all"
    )]
    Overfull {
        /// Line of the second.
        line: usize,
        /// Label of the first atom there.
        first: String,
        /// Label of the atom that is too much.
        second: String,
        /// Sum of the occupancies.
        sum: f64,
    },
    /// A symmetry operation that cannot be read.
    #[error("line {line}: `{text}` is no symmetry operation such as `-x, y+1/2, z`")]
    Operation {
        /// Its line.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// Symmetry operations that generate no group.
    #[error(
        "the symmetry operations from line {line} on have no end of products: they are no group"
    )]
    NoGroup {
        /// Line of the first.
        line: usize,
    },
    /// A space group that is not known.
    #[error("line {line}: no space group is called `{text}`; list its operations instead")]
    UnknownGroup {
        /// Its line.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// Neither operations nor a space group.
    #[error(
        "block {block} states no symmetry: list _space_group_symop_operation_xyz, or write 'x, y, z' \
         there if every atom of the cell is listed"
    )]
    NoSymmetry {
        /// Name of the block.
        block: String,
    },
    /// Symmetry operations that do not keep the cell's lengths and angles.
    #[error(
        "block {block}: the symmetry operation `{text}` does not fit the cell's lengths and angles"
    )]
    CellMismatch {
        /// Name of the block.
        block: String,
        /// The operation.
        text: String,
    },
    /// More sites than this reader makes.
    #[error("block {block} makes more than {limit} sites")]
    TooManySites {
        /// Name of the block.
        block: String,
        /// The limit.
        limit: usize,
    },
    /// A cell that is none.
    #[error("block {block}: {source}")]
    Lattice {
        /// Name of the block.
        block: String,
        /// What is wrong.
        source: LatticeError,
    },
}
