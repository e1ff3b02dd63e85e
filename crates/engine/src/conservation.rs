//! Conservation laws that a file implies.
//!
//! A law `d(u, t) = div(F) + s` whose boundary fluxes are known gives the volume integral of u: its
//! drift is nearly invisible in the residual of the law itself, so it is trained as a row of its
//! own unless the file has an integral row for the field.

use surrogate_problem::model::{Coordinate, Geometry, Problem, Role, Row, RowKind};
use surrogate_symbolic::{Graph, IntegralSpec, Node};

/// A conservation row: its residual, zero for the true solution.
pub(crate) struct Balance {
    pub(crate) field: usize,
    pub(crate) name: String,
    pub(crate) residual: Node,
}

/// Finds the balances of a problem. `initial` gives the initial value of a field, if it is known.
pub(crate) fn balances(
    problem: &Problem,
    graph: &mut Graph,
    initial: &mut dyn FnMut(&mut Graph, usize) -> Option<Node>,
) -> Vec<Balance> {
    let mut out = Vec::new();
    for row in &problem.rows {
        let Some(law) = &row.evolution else { continue };
        let [(coordinate, flux)] = law.divergences.as_slice() else { continue };
        let covered = problem
            .rows
            .iter()
            .any(|r| r.kind == RowKind::Integral && mentions(problem, graph, r, law.field));
        // a factor on the time derivative or a source would need the field's own history
        if covered || graph.as_constant(law.capacity) != Some(1.0) || !graph.is_zero(law.source) {
            continue;
        }
        let c = &problem.coordinates[*coordinate];
        let own = &problem.fields[law.field].coordinates;
        let space = own.iter().filter(|&&k| problem.coordinates[k].role == Role::Space).count();
        let Some(t) = own.iter().find(|&&k| problem.coordinates[k].role == Role::Time) else {
            continue;
        };
        if space != 1 {
            continue;
        }
        let inflow = if c.periodic {
            Some(graph.constant(0.0))
        } else {
            net_inflow(problem, graph, *coordinate, *flux)
        };
        let (Some(rate), Some(start)) = (inflow, initial(graph, law.field)) else { continue };
        let time = &problem.coordinates[*t];
        if graph.free_symbols(&[rate]).contains(&time.symbol) {
            continue;
        }
        let value = graph.function_value(problem.fields[law.field].function);
        let change = graph.sub(value, start);
        let weight = area(graph, c);
        let body = graph.mul(weight, change);
        let (lower, upper) = (graph.constant(c.lower), graph.constant(c.upper));
        let total = graph.integral(IntegralSpec { body, symbol: c.symbol, lower, upper });
        let now = graph.symbol(time.symbol);
        let elapsed = graph.linear(-time.lower, &[(now, 1.0)]);
        let gained = graph.mul(rate, elapsed);
        let residual = graph.sub(total, gained);
        let name = format!("conservation of {}", problem.fields[law.field].name);
        out.push(Balance { field: law.field, name, residual });
    }
    out
}

fn mentions(problem: &Problem, graph: &Graph, row: &Row, field: usize) -> bool {
    let function = problem.fields[field].function;
    graph.jets_in(&[row.residual]).iter().any(|&id| graph.jet(id).function == function)
}

/// `r^n` of the geometry.
fn area(graph: &mut Graph, c: &Coordinate) -> Node {
    let r = graph.symbol(c.symbol);
    match c.geometry {
        Geometry::Cartesian => graph.constant(1.0),
        Geometry::Cylinder => r,
        Geometry::Sphere => graph.powf(r, 2.0),
    }
}

/// Area times flux at the upper end minus that at the lower end, if conditions fix both and no
/// field is left in them.
fn net_inflow(problem: &Problem, graph: &mut Graph, coordinate: usize, flux: Node) -> Option<Node> {
    let c = &problem.coordinates[coordinate];
    let mut ends = Vec::new();
    for end in [c.upper, c.lower] {
        let area = area(graph, c);
        let place = [(c.symbol, graph.constant(end))];
        let area = graph.substitute(area, &place);
        if graph.is_zero(area) {
            ends.push(graph.constant(0.0));
            continue;
        }
        let mut known = None;
        for row in problem.rows.iter().filter(|r| r.at.as_slice() == [(coordinate, end)]) {
            known = known.or_else(|| flux_of(graph, row.residual, flux));
        }
        let through = graph.substitute(known?, &place);
        ends.push(graph.mul(area, through));
    }
    Some(graph.sub(ends[0], ends[1]))
}

/// The flux that a condition fixes: `R = ±F + g` gives `∓g`, `R = k F` gives zero.
fn flux_of(graph: &mut Graph, residual: Node, flux: Node) -> Option<Node> {
    for sign in [1.0, -1.0] {
        let rest = graph.linear(0.0, &[(residual, 1.0), (flux, -sign)]);
        if graph.jets_in(&[rest]).is_empty() {
            return Some(graph.scale(-sign, rest));
        }
    }
    let ratio = graph.div(flux, residual);
    let inverse_clean = graph.jets_in(&[ratio]).is_empty();
    inverse_clean.then(|| graph.constant(0.0))
}
