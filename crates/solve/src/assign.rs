//! Which condition or equation determines which unknown: bipartite matching.
//!
//! Every end of a field in cells needs one condition, every algebraic field one equation (or, for
//! a field of time only, a condition at some place). What is left are conditions of fields on
//! nodes: each goes to a field that it mentions, the one with the fewest so far at that end.
//!
//! Source: Kuhn (1955), Naval Res. Logist. Q. 2, 83 (augmenting paths).

use surrogate_problem::model::RowKind;

use crate::builder::Builder;
use crate::error::SolveError;
use crate::model::Home;

/// Rows by what they determine.
pub(crate) struct Assignment {
    /// Per field: the equation (or condition) of an algebraic field.
    pub(crate) scalars: Vec<usize>,
    /// Per field: conditions at the lower and the upper end, lowest derivative first.
    ends: Vec<[Vec<usize>; 2]>,
}

impl Assignment {
    /// Conditions of a field at one end.
    pub(crate) fn end(&self, field: usize, upper: bool) -> &[usize] {
        &self.ends[field][usize::from(upper)]
    }
}

/// A row that is free to determine something.
struct Free {
    row: usize,
    /// Coordinate and place of a condition in space.
    at: Option<(usize, f64)>,
    /// Space coordinates of an equation.
    line: Option<usize>,
    equation: bool,
    taken: Option<Slot>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    End { field: usize, upper: bool },
    Whole { field: usize },
}

/// Finds a determining row for everything that needs one.
///
/// # Errors
/// [`SolveError::Unsupported`] if something is left without a row, or a row without use.
pub(crate) fn assign(builder: &mut Builder<'_>) -> Result<Assignment, SolveError> {
    let count = builder.problem.fields.len();
    let mut free = free_rows(builder)?;
    let mut slots = Vec::new();
    for field in 0..count {
        if let Home::Cells { lower, upper, .. } = builder.homes[field] {
            slots.extend(lower.then_some(Slot::End { field, upper: false }));
            slots.extend(upper.then_some(Slot::End { field, upper: true }));
        }
        if builder.governing[field].is_none() {
            slots.push(Slot::Whole { field });
        }
    }
    for &slot in &slots {
        let mut visited = vec![false; free.len()];
        if !augment(builder, slot, &mut free, &mut visited) {
            return Err(missing(builder, slot));
        }
    }
    let mut assignment =
        Assignment { scalars: vec![usize::MAX; count], ends: vec![Default::default(); count] };
    for row in &free {
        match row.taken {
            Some(Slot::Whole { field }) => assignment.scalars[field] = row.row,
            Some(Slot::End { field, upper }) => {
                assignment.ends[field][usize::from(upper)].push(row.row);
            }
            None => {}
        }
    }
    place_rest(builder, &free, &mut assignment)?;
    count_conditions(builder, &assignment)?;
    Ok(assignment)
}

fn free_rows(builder: &Builder<'_>) -> Result<Vec<Free>, SolveError> {
    let problem = builder.problem;
    let mut free = Vec::new();
    for (index, row) in problem.rows.iter().enumerate() {
        if row.kind == RowKind::Integral || builder.governing.contains(&Some(index)) {
            continue;
        }
        if row.at.iter().any(|(c, _)| Some(*c) == builder.low.time) {
            continue; // initial condition
        }
        let fields = builder.low.fields_in(builder.residuals[index]);
        if let [(c, x), ref more @ ..] = row.at[..] {
            if !more.is_empty() {
                let reason = format!("`{}` fixes two space coordinates", row.name);
                return Err(SolveError::Unsupported { reason });
            }
            let line = &builder.lines[c];
            let centre = line.centred() && x == line.lower;
            let cells = |f: &usize| matches!(builder.homes[*f], Home::Cells { .. });
            if centre && fields.iter().all(cells) {
                continue; // symmetry, which cells have anyway
            }
            let at = Some((c, x));
            free.push(Free { row: index, at, line: None, equation: false, taken: None });
        } else {
            let mut lines: Vec<usize> = fields
                .iter()
                .filter_map(|&f| {
                    builder.low.local_order(builder.residuals[index], f)?;
                    builder.low.space[f]
                })
                .collect();
            lines.sort_unstable();
            lines.dedup();
            if lines.len() > 1 {
                let reason = format!("`{}` holds in two space coordinates at once", row.name);
                return Err(SolveError::Unsupported { reason });
            }
            let line = lines.first().copied();
            free.push(Free { row: index, at: None, line, equation: true, taken: None });
        }
    }
    Ok(free)
}

/// Preference of a row for a slot (larger is better), `None` if it does not fit.
fn fit(builder: &Builder<'_>, free: &Free, slot: Slot) -> Option<usize> {
    let residual = builder.residuals[free.row];
    match slot {
        Slot::End { field, upper } => {
            let (c, x) = free.at?;
            let line = &builder.lines[c];
            let end = if upper { line.upper } else { line.lower };
            let here = builder.low.space[field] == Some(c) && x == end;
            here.then(|| builder.low.local_order(residual, field)).flatten()
        }
        Slot::Whole { field } => {
            let mentioned = builder.low.fields_in(residual).contains(&field);
            let scalar = builder.low.space[field].is_none();
            let suits = if scalar {
                free.at.is_some() || free.line.is_none()
            } else {
                free.equation && free.line == builder.low.space[field]
            };
            (mentioned && suits).then_some(usize::from(free.equation))
        }
    }
}

fn augment(builder: &Builder<'_>, slot: Slot, free: &mut [Free], visited: &mut [bool]) -> bool {
    let mut candidates: Vec<(usize, usize)> = (0..free.len())
        .filter_map(|k| fit(builder, &free[k], slot).map(|preference| (preference, k)))
        .collect();
    candidates.sort_by_key(|&(preference, k)| (std::cmp::Reverse(preference), k));
    for (_, k) in candidates {
        if std::mem::replace(&mut visited[k], true) {
            continue;
        }
        let owner = free[k].taken;
        if owner.is_none_or(|other| augment(builder, other, free, visited)) {
            free[k].taken = Some(slot);
            return true;
        }
    }
    false
}

fn missing(builder: &Builder<'_>, slot: Slot) -> SolveError {
    let fields = &builder.problem.fields;
    SolveError::unsupported(match slot {
        Slot::End { field, upper } => {
            let c = builder.low.space[field].unwrap_or(0);
            let end = if upper { "upper" } else { "lower" };
            let (name, along) = (&fields[field].name, &builder.problem.coordinates[c].name);
            format!("`{name}` has no condition of its own at the {end} end of {along}")
        }
        Slot::Whole { field } => {
            format!("no equation is left to determine `{}`", fields[field].name)
        }
    })
}

/// Conditions of fields on nodes.
fn place_rest(
    builder: &Builder<'_>,
    free: &[Free],
    assignment: &mut Assignment,
) -> Result<(), SolveError> {
    let mut rest: Vec<(Vec<usize>, &Free, usize)> = Vec::new();
    for row in free.iter().filter(|f| f.taken.is_none()) {
        let name = &builder.problem.rows[row.row].name;
        let unused = || SolveError::unsupported(format!("`{name}` determines nothing"));
        let (c, x) = row.at.ok_or_else(unused)?;
        let line = &builder.lines[c];
        if x != line.lower && x != line.upper {
            let reason = format!("`{name}` holds inside the range of a coordinate");
            return Err(SolveError::Unsupported { reason });
        }
        let residual = builder.residuals[row.row];
        let fields: Vec<usize> = builder
            .low
            .fields_in(residual)
            .into_iter()
            .filter(|&f| builder.homes[f] == Home::Nodes && builder.low.space[f] == Some(c))
            .filter(|&f| builder.low.local_order(residual, f).is_some())
            .collect();
        if fields.is_empty() {
            return Err(unused());
        }
        rest.push((fields, row, usize::from(x == line.upper)));
    }
    rest.sort_by_key(|(fields, row, _)| (fields.len(), row.row));
    for (fields, row, end) in rest {
        let order = |f: usize| builder.low.local_order(builder.residuals[row.row], f);
        let best = fields
            .into_iter()
            .min_by_key(|&f| (assignment.ends[f][end].len(), std::cmp::Reverse(order(f))));
        if let Some(field) = best {
            assignment.ends[field][end].push(row.row);
        }
    }
    for (field, ends) in assignment.ends.iter_mut().enumerate() {
        for rows in ends {
            rows.sort_by_key(|&r| (builder.low.local_order(builder.residuals[r], field), r));
        }
    }
    Ok(())
}

/// A line needs as many conditions as its fields on nodes have derivatives in all.
fn count_conditions(builder: &Builder<'_>, assignment: &Assignment) -> Result<(), SolveError> {
    for (c, line) in builder.lines.iter().enumerate() {
        let mut needed = 0;
        let mut given = 0;
        for field in 0..builder.problem.fields.len() {
            if builder.homes[field] != Home::Nodes || builder.low.space[field] != Some(c) {
                continue;
            }
            let orders = builder
                .problem
                .rows
                .iter()
                .zip(&builder.residuals)
                .filter(|(row, _)| row.kind == RowKind::Equation)
                .filter_map(|(_, &residual)| builder.low.local_order(residual, field));
            needed += orders.max().unwrap_or(0);
            given += assignment.ends[field].iter().map(Vec::len).sum::<usize>();
        }
        let name = &builder.problem.coordinates[c].name;
        if line.periodic && given > 0 {
            let reason = format!("{name} is periodic but has {given} conditions at its ends");
            return Err(SolveError::Unsupported { reason });
        }
        if !line.periodic && needed != given {
            let reason =
                format!("the equations need {needed} conditions along {name}, {given} are given");
            return Err(SolveError::Unsupported { reason });
        }
    }
    Ok(())
}
