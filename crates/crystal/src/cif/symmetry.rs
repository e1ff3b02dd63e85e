//! What a block states of its symmetry, and the groups of operations that this leaves open.

use super::document::beginning;
use super::{Block, CifError, CifWarning, Operation, Value, parse_operation};
use crate::Lattice;
use crate::symmetry::{GroupSetting, generated, is_subgroup, operations_of_hall_symbol};

/// Largest relative change of the metric that a symmetry operation may make.
const SAME_METRIC: f64 = 0.02;

const LISTS: [&str; 2] = ["_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz"];
const HALL_SYMBOLS: [&str; 2] = ["_space_group_name_hall", "_symmetry_space_group_name_hall"];
const NAMES: [&str; 3] =
    ["_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m", "_space_group_name_h-m_full"];
const NUMBERS: [&str; 2] = ["_space_group_it_number", "_symmetry_int_tables_number"];

/// What a list of the identity alone means beside the name of another group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IdentityAlone {
    /// Every atom of the cell is listed.
    WholeCell,
    /// Formula, multiplicities and atoms decide; otherwise one atom of each orbit is listed.
    Undecided,
}

/// A group that the atoms may have.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) operations: Vec<Operation>,
    /// Its setting in the tables, where it has one.
    pub(super) setting: Option<GroupSetting>,
    /// Place of its statement: 0 for that which counts first.
    pub(super) statement: usize,
    /// Its statement in words.
    pub(super) words: String,
}

/// A statement, and the groups that it leaves open.
struct Statement {
    words: String,
    groups: Vec<(Vec<Operation>, Option<GroupSetting>)>,
}

impl Statement {
    fn of_hall_symbol(text: &str) -> Option<Self> {
        let operations = operations_of_hall_symbol(text)?;
        let words = format!("the Hall symbol `{}`", beginning(text));
        Some(Self { words, groups: vec![(operations, None)] })
    }

    fn of_name(text: &str) -> Option<Self> {
        Self::of_settings(format!("`{}`", beginning(text)), GroupSetting::of_name(text))
    }

    fn of_number(text: &str) -> Option<Self> {
        let number = text.trim().parse().ok()?;
        Self::of_settings(format!("the number {number}"), GroupSetting::of_number(number))
    }

    fn of_settings(words: String, settings: Vec<GroupSetting>) -> Option<Self> {
        let groups: Vec<_> = settings.into_iter().map(|s| (s.operations(), Some(s))).collect();
        (!groups.is_empty()).then_some(Self { words, groups })
    }

    /// Whether both may mean one group: by number where both have one, by the number of operations else.
    fn agrees(&self, other: &Self) -> bool {
        let number = |setting: &Option<GroupSetting>| setting.and_then(|s| s.number());
        self.groups.iter().any(|(a, of_a)| {
            other.groups.iter().any(|(b, of_b)| match (number(of_a), number(of_b)) {
                (Some(a), Some(b)) => a == b,
                _ => a.len() == b.len(),
            })
        })
    }
}

/// Groups that a block leaves open, the likeliest first.
///
/// A list of operations counts before a Hall symbol, that before a Hermann-Mauguin symbol and that before a number.
/// Those that contradict the first stand behind it; but a list that lacks only the centring of the group beside it
/// stands behind that group.
pub(super) fn candidates(
    block: &Block<'_>,
    lattice: &Lattice,
    alone: IdentityAlone,
    warnings: &mut Vec<CifWarning>,
) -> Result<Vec<Candidate>, CifError> {
    let list = listed(block, lattice, warnings)?;
    let mut unknown = Vec::new();
    let mut stated: Vec<Statement> = list.into_iter().collect();
    let first = |tags: &[&str]| tags.iter().find_map(|tag| block.values(tag).first().copied());
    let others = [
        (first(&HALL_SYMBOLS), Statement::of_hall_symbol as fn(&str) -> Option<Statement>),
        (first(&NAMES), Statement::of_name),
        (first(&NUMBERS), Statement::of_number),
    ];
    for (value, read) in others.into_iter().filter_map(|(value, read)| Some((value?, read))) {
        match read(value.text) {
            Some(statement) => stated.push(statement),
            None => unknown.push(value),
        }
    }
    let Some(primary) = stated.first() else {
        return Err(match unknown.first() {
            Some(v) => CifError::UnknownGroup { line: v.line, text: beginning(v.text) },
            None => CifError::NoSymmetry { block: beginning(block.name) },
        });
    };
    let is_list = LISTS.iter().any(|tag| !block.values(tag).is_empty());
    if !is_list {
        warnings.extend(unknown.iter().map(|v| CifWarning::UnknownGroup {
            line: v.line,
            text: beginning(v.text),
            taken: primary.words.clone(),
        }));
    }
    let identity = is_list && primary.groups[0].0.len() == 1;
    let mut candidates = Vec::new();
    for (k, statement) in stated.iter().enumerate() {
        if k > 0 && (primary.agrees(statement) || identity && alone == IdentityAlone::WholeCell) {
            continue;
        }
        let words = &statement.words;
        candidates.extend(statement.groups.iter().map(|(operations, setting)| Candidate {
            operations: operations.clone(),
            setting: *setting,
            statement: k,
            words: words.clone(),
        }));
    }
    if is_list {
        let (list, others) = candidates.split_at(1);
        let lacks_centring = |c: &&Candidate| {
            is_subgroup(&list[0].operations, &c.operations)
                && rotations(&list[0].operations) == rotations(&c.operations)
        };
        let before = |c: &&Candidate| identity || lacks_centring(c);
        let (mut ordered, behind): (Vec<_>, Vec<_>) =
            others.iter().partition::<Vec<&Candidate>, _>(before);
        ordered.push(&list[0]);
        ordered.extend(behind);
        candidates = ordered.into_iter().cloned().collect();
    }
    Ok(candidates)
}

/// Number of different linear parts.
fn rotations(operations: &[Operation]) -> usize {
    operations.iter().map(|o| o.rotation).collect::<std::collections::HashSet<_>>().len()
}

/// The group of the listed operations.
fn listed(
    block: &Block<'_>,
    lattice: &Lattice,
    warnings: &mut Vec<CifWarning>,
) -> Result<Option<Statement>, CifError> {
    let values = LISTS.iter().map(|tag| block.values(tag)).find(|listed| !listed.is_empty());
    let Some(values) = values else { return Ok(None) };
    let parse = |v: &Value<'_>| {
        parse_operation(v.text)
            .ok_or_else(|| CifError::Operation { line: v.line, text: beginning(v.text) })
    };
    let operations = values.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    check_metric(block, lattice, &operations)?;
    let no_group = || CifError::NoGroup { line: values[0].line };
    let (different, all) = generated(&operations).ok_or_else(no_group)?;
    if all.len() > different {
        warnings.push(CifWarning::Completed { listed: different, all: all.len() });
    }
    let words = match all.len() {
        1 => "the list of `x, y, z` alone".to_string(),
        n => format!("the list of {n} operations"),
    };
    Ok(Some(Statement { words, groups: vec![(all, None)] }))
}

/// Refuses operations that would change lengths or angles of the cell.
pub(super) fn check_metric(
    block: &Block<'_>,
    lattice: &Lattice,
    operations: &[Operation],
) -> Result<(), CifError> {
    let metric = lattice.metric();
    for operation in operations {
        let rotation = operation.rotation.map(f64::from);
        let moved = rotation.transpose() * metric * rotation;
        for i in 0..3 {
            for j in 0..3 {
                let size = (metric[(i, i)] * metric[(j, j)]).sqrt();
                let change = (moved[(i, j)] - metric[(i, j)]).abs();
                if change.is_nan() || change > SAME_METRIC * size {
                    return Err(CifError::CellMismatch {
                        block: beginning(block.name),
                        text: operation.to_string(),
                    });
                }
            }
        }
    }
    Ok(())
}
