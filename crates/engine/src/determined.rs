//! Whether the conditions of a file can determine its solution: a forgotten condition leaves the
//! residual small and the answer arbitrary.
//!
//! Counting is not a proof of well-posedness. First derivatives in space are not counted: whether
//! they ask for a condition depends on where the flow comes from.

use surrogate_problem::Problem;
use surrogate_problem::model::{Field, Geometry, Role, Row, RowKind};
use surrogate_symbolic::{FunctionId, Jet, Node, SymbolId};

/// What seems to be missing, in words; empty for a file with enough conditions. Fields with an
/// ansatz of the author and fields that are measured are not judged.
pub fn undetermined(problem: &Problem) -> Vec<String> {
    let mut out = Vec::new();
    for field in problem.fields.iter().filter(|f| f.ansatz.is_none()) {
        let own = |node: Node| jets(problem, field.function, node);
        if problem.data.iter().any(|d| !own(d.observed).is_empty()) {
            continue;
        }
        let all: Vec<Jet> = problem.rows.iter().flat_map(|r| own(r.residual)).collect();
        if !all.is_empty() && all.iter().all(|j| j.order.order() > 0) {
            out.push(format!(
                "only derivatives of `{}` occur: any constant may be added to it; give its value \
                 at one place",
                field.name
            ));
        }
        out.extend(field.coordinates.iter().filter_map(|&c| too_few(problem, field, c)));
    }
    out
}

/// Too few conditions on a field along a coordinate, in words.
fn too_few(problem: &Problem, field: &Field, coordinate: usize) -> Option<String> {
    let c = &problem.coordinates[coordinate];
    let order = problem
        .rows
        .iter()
        .filter(|r| r.kind == RowKind::Equation && r.at.is_empty())
        .flat_map(|r| jets(problem, field.function, r.residual))
        .map(|j| usize::from(j.order.of(c.symbol)))
        .max()?;
    let time = c.role == Role::Time;
    if c.periodic || order == 0 || (order == 1 && !time) {
        return None;
    }
    let centre = c.geometry != Geometry::Cartesian && c.lower == 0.0;
    let conditions = problem.rows.iter().filter(|r| limits(problem, field, r, coordinate)).count();
    let given = conditions + usize::from(centre);
    if given >= order {
        return None;
    }
    let (start, word) = if time { ("the start of ", "time") } else { ("ends of ", "space") };
    Some(format!(
        "`{}` has derivatives of order {order} in {}, which ask for {order} condition{} at {start}{}; \
         there {} {given}: the solution may not be determined in {word}",
        field.name,
        c.name,
        if order == 1 { "" } else { "s" },
        c.name,
        if given == 1 { "is" } else { "are" },
    ))
}

/// True if a row says something of a field at a fixed place of a coordinate, or of an integral.
fn limits(problem: &Problem, field: &Field, row: &Row, coordinate: usize) -> bool {
    let symbol: SymbolId = problem.coordinates[coordinate].symbol;
    let found = jets(problem, field.function, row.residual);
    let fixed = row.at.iter().any(|(c, _)| *c == coordinate);
    let placed = found.iter().any(|j| j.at.iter().any(|(s, _)| *s == symbol));
    !found.is_empty() && (fixed || placed || row.kind == RowKind::Integral)
}

/// Derivatives of a function in an expression.
fn jets(problem: &Problem, function: FunctionId, node: Node) -> Vec<Jet> {
    let graph = &problem.graph;
    let all = graph.jets_in(&[node]).into_iter().map(|id| graph.jet(id).clone());
    all.filter(|j| j.function == function).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(coordinates: &str, rows: &[(&str, &str)]) -> Vec<String> {
        let mut text = format!("title = \"t\"\n[coordinates]\n{coordinates}\n[fields.u]\n");
        for (at, equation) in rows {
            text += &match *at {
                "" => format!("[[equations]]\nequation = \"{equation}\"\n"),
                at => format!("[[conditions]]\nat = \"{at}\"\nequation = \"{equation}\"\n"),
            };
        }
        let nothing = |_: &_| Err(std::io::ErrorKind::NotFound.into());
        undetermined(&surrogate_problem::load_text("test.toml", &text, &[], &nothing).unwrap())
    }

    const HEAT: &str = "d(u, t) = d(u, x, 2)";

    #[test]
    fn a_forgotten_end_and_a_forgotten_start_are_found() {
        let line = "t = \"0 .. 1\"\nx = \"0 .. 1\"";
        let rows = [("", HEAT), ("t = 0", "u = x"), ("x = 0", "u = 0"), ("x = 1", "d(u, x) = 1")];
        assert!(found(line, &rows).is_empty());
        let one = found(line, &rows[..3]);
        assert!(one.len() == 1 && one[0].contains("order 2 in x"), "{one:?}");
        let without_start = [rows[0], rows[2], rows[3]];
        let one = found(line, &without_start);
        assert!(one.len() == 1 && one[0].contains("the start of t"), "{one:?}");
    }

    #[test]
    fn centres_and_closed_lines_need_no_condition() {
        let sphere = "t = \"0 .. 1\"\nr = { range = \"0 .. 1\", geometry = \"sphere\" }";
        let rows = [("", "d(u, t) = lap(u)"), ("t = 0", "u = 1"), ("r = 1", "d(u, r) = 1")];
        assert!(found(sphere, &rows).is_empty());
        let ring = "t = \"0 .. 1\"\nx = { range = \"0 .. 1\", periodic = true }";
        assert!(found(ring, &[("", HEAT), ("t = 0", "u = sin(2*pi*x)")]).is_empty());
    }

    #[test]
    fn a_free_constant_is_found() {
        let square = "x = \"0 .. 1\"\ny = \"0 .. 1\"";
        let mut rows = vec![("", "lap(u) = cos(pi*x)")];
        rows.extend([("x = 0", "d(u, x) = 0"), ("x = 1", "d(u, x) = 0")]);
        rows.extend([("y = 0", "d(u, y) = 0"), ("y = 1", "d(u, y) = 0")]);
        let one = found(square, &rows);
        assert!(one.len() == 1 && one[0].contains("any constant"), "{one:?}");
        rows.push(("x = 0, y = 0", "u = 0"));
        assert!(found(square, &rows).is_empty());
    }
}
