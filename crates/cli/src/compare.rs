//! Errors of a surrogate against the reference of its problem.

use rayon::prelude::*;
use surrogate_engine::{Model, Region};
use surrogate_problem::Problem;
use surrogate_problem::model::{Place, ReferenceKind, Unit};
use surrogate_solve::{Solution, SolveError};
use surrogate_symbolic::{Node, SymbolId};

use crate::failure::Failure;
use crate::grid::Item;
use crate::places::time_coordinate;
use crate::reference::{Reference, ToEnd};
use crate::surrogate::{Surrogate, Values};

/// A reference whose squared deviation from its mean is below this fraction of its square is
/// constant.
const CONSTANT: f64 = 1e-12;

/// Reference values of one output or field.
pub struct Target {
    /// Name.
    pub name: String,
    /// Unit of the file.
    pub unit: Unit,
    /// Words for people.
    pub description: String,
    /// An output (a curve), not a field.
    pub output: bool,
    /// What is compared.
    pub value: Quantity,
    /// Columns of `points`.
    pub symbols: Vec<SymbolId>,
    /// `[symbol][point]`, SI.
    pub points: Vec<Vec<f64>>,
    /// Reference, SI.
    pub reference: Vec<f64>,
    /// Parameter point of each point.
    pub group: Vec<usize>,
}

/// What is compared: an expression, or a field by position.
#[derive(Clone, Copy, Debug)]
pub enum Quantity {
    /// An expression of fields.
    Expression(Node),
    /// A field.
    Field(usize),
}

/// The output or field that a target is of; nothing for another expression.
pub fn item(problem: &Problem, target: &Target) -> Option<Item> {
    match target.value {
        Quantity::Field(k) => Some(Item::Field(k)),
        Quantity::Expression(_) => {
            problem.outputs.iter().position(|o| o.name == target.name).map(Item::Output)
        }
    }
}

/// Reference values at random parameter points.
pub struct Truth {
    /// `solver`, `exact`, `file`, `none`.
    pub kind: &'static str,
    /// In words.
    pub how: String,
    /// Parameter points, SI.
    pub parameters: Vec<Vec<f64>>,
    /// Outputs, then fields.
    pub targets: Vec<Target>,
    /// Error of the reference itself by target name, SI, where it is known.
    pub own_error: Vec<(String, f64)>,
    /// Ends of the experiment by parameter point, SI; empty where they are not known.
    pub ends: Vec<f64>,
}

impl Truth {
    /// Drops what a surrogate does not give, and fields that are outputs as well.
    pub fn keep_given(&mut self, problem: &Problem, surrogate: &Surrogate) {
        if problem.cell.is_none() {
            return;
        }
        let output = |name: &str| problem.outputs.iter().any(|o| o.name == name);
        self.targets.retain(|t| {
            let given = item(problem, t).is_some_and(|item| surrogate.gives(problem, item));
            given && (t.output || !output(&t.name))
        });
    }
}

/// Names of fields that no target covers.
pub fn unchecked(problem: &Problem, truth: &Truth) -> Vec<String> {
    let graph = &problem.graph;
    let covered = |k: usize| {
        truth.targets.iter().any(|t| match t.value {
            Quantity::Field(f) => f == k,
            Quantity::Expression(node) => graph
                .jets_in(&[node])
                .iter()
                .any(|&id| graph.jet(id).function == problem.fields[k].function),
        })
    };
    let fields = problem.fields.iter().enumerate();
    fields.filter(|(k, _)| !covered(*k)).map(|(_, f)| f.name.clone()).collect()
}

/// Errors of one target, SI.
#[derive(Clone, Debug)]
pub struct Errors {
    /// Root mean square.
    pub rms: f64,
    /// Largest.
    pub max: f64,
    /// Norm of the error over that of the reference.
    pub relative_l2: f64,
    /// Norm of the error over that of the reference's deviation from its mean; `None` if that is
    /// rounding.
    pub relative_to_spread: Option<f64>,
    /// By parameter point.
    pub rms_by_point: Vec<f64>,
    /// By parameter point.
    pub max_by_point: Vec<f64>,
    /// Predicted values, SI.
    pub predicted: Vec<f64>,
}

/// Times at which curves are compared: dense at the start, uniform after it, up to the end of the
/// experiment where it is known.
pub fn comparison_times(problem: &Problem, end: Option<f64>) -> Vec<f64> {
    let Some(t) = time_coordinate(problem) else {
        return Vec::new();
    };
    let c = &problem.coordinates[t];
    let length = end.map_or(c.upper, |end| end.min(c.upper)) - c.lower;
    let mut out: Vec<f64> =
        (0..24).map(|k| c.lower + length * 1e-6 * 10f64.powf(f64::from(k) * 0.2)).collect();
    out.extend((0..=100).map(|k| c.lower + length * f64::from(k) / 100.0));
    out.retain(|&x| x <= c.lower + length);
    out.sort_by(f64::total_cmp);
    out.dedup_by(|a, b| (*a - *b).abs() < 1e-9 * length);
    out
}

/// `n` random parameter points, SI, uniform on each parameter's scale.
pub fn parameter_points(problem: &Problem, n: usize, seed: u64) -> Vec<Vec<f64>> {
    if problem.parameters.is_empty() {
        return vec![Vec::new()];
    }
    let symbols: Vec<SymbolId> = problem.parameters.iter().map(|p| p.symbol).collect();
    let region = Region::of_symbols(problem, &symbols);
    let columns = region.random(n, seed);
    (0..n).map(|i| columns.iter().map(|c| c[i]).collect()).collect()
}

/// Builds reference values. `fine` solves on twice the cells at a tighter tolerance.
pub fn truth(problem: &Problem, n: usize, seed: u64, fine: bool) -> Result<Truth, Failure> {
    match &problem.reference.kind {
        ReferenceKind::Exact(list) => exact(problem, list, n, seed),
        ReferenceKind::File(tables) => Ok(from_files(problem, tables)),
        ReferenceKind::None => Ok(nothing("the problem file names none")),
        ReferenceKind::Automatic => match Reference::of(problem, fine) {
            // rounding can spoil high derivatives on the finer mesh
            Ok(finer) if fine => solved(problem, &finer, n, seed, true)
                .or_else(|_| solved(problem, &Reference::of(problem, false)?, n, seed, false)),
            Ok(solver) => solved(problem, &solver, n, seed, false),
            Err(Failure::Solve(SolveError::Unsupported { reason, .. })) => Ok(nothing(&reason)),
            Err(other) => Err(other),
        },
    }
}

/// No reference, for a reason.
pub fn nothing(reason: &str) -> Truth {
    Truth {
        kind: "none",
        how: reason.to_string(),
        parameters: Vec::new(),
        targets: Vec::new(),
        own_error: Vec::new(),
        ends: Vec::new(),
    }
}

fn solved(
    problem: &Problem,
    solver: &Reference,
    n: usize,
    seed: u64,
    fine: bool,
) -> Result<Truth, Failure> {
    let parameters = parameter_points(problem, n, seed);
    let mut targets = solver_targets(problem);
    let times = |end| comparison_times(problem, end);
    let solve = |point: &Vec<f64>| solver.solve_to_end(point, &times);
    let mut ends = Vec::new();
    for (batch, points) in parameters.chunks(solver.at_once()).enumerate() {
        let solved: Vec<ToEnd> = points.par_iter().map(solve).collect::<Result<_, _>>()?;
        for (k, (point, run)) in points.iter().zip(&solved).enumerate() {
            let group = batch * solver.at_once() + k;
            add_solution(problem, &mut targets, group, point, &run.times, &run.solution);
            ends.extend(run.end);
        }
    }
    let first = solve(&parameters[0])?;
    let times = first.times;
    let before_end = problem.points_before_end(&first.solution.outputs, times.len());
    let estimate = solver.estimate_error(&parameters[0], &times[..before_end])?;
    let names =
        problem.outputs.iter().map(|o| &o.name).chain(problem.fields.iter().map(|f| &f.name));
    let values = estimate.outputs.iter().chain(&estimate.fields);
    let own_error = names.cloned().zip(values.copied()).collect();
    targets.retain(|t| !t.reference.is_empty());
    let kind = if fine { "finer than the default" } else { "default" };
    let note = solver.note().map_or(String::new(), |note| format!("; {note}"));
    let how = format!("{} ({kind}){note}", solver.how());
    Ok(Truth { kind: "solver", how, parameters, targets, own_error, ends })
}

/// Adds a solution to all targets, up to the end of the experiment.
fn add_solution(
    problem: &Problem,
    targets: &mut [Target],
    group: usize,
    point: &[f64],
    times: &[f64],
    solution: &Solution,
) {
    let before_end = problem.points_before_end(&solution.outputs, times.len());
    if before_end == 0 && !times.is_empty() {
        return;
    }
    let times = &times[..before_end];
    for (k, target) in targets.iter_mut().enumerate() {
        if target.output {
            add_curve(problem, target, group, point, times, &solution.outputs[k]);
        } else {
            let f = k - problem.outputs.len();
            add_profiles(problem, target, f, group, point, times, &solution.fields[f]);
        }
    }
}

fn solver_targets(problem: &Problem) -> Vec<Target> {
    let parameters = problem.parameters.iter().map(|p| p.symbol);
    let outputs = problem.outputs.iter().map(|o| Target {
        name: o.name.clone(),
        unit: o.unit.clone(),
        description: o.description.clone(),
        output: true,
        value: Quantity::Expression(o.value),
        symbols: parameters
            .clone()
            .chain(o.coordinates.iter().map(|&c| problem.coordinates[c].symbol))
            .collect(),
        points: Vec::new(),
        reference: Vec::new(),
        group: Vec::new(),
    });
    let fields = problem.fields.iter().enumerate().map(|(k, f)| field_target(problem, k, f));
    outputs.chain(fields).collect()
}

fn field_target(problem: &Problem, k: usize, f: &surrogate_problem::model::Field) -> Target {
    let parameters = problem.parameters.iter().map(|p| p.symbol);
    Target {
        name: f.name.clone(),
        unit: f.unit.clone(),
        description: f.description.clone(),
        output: false,
        value: Quantity::Field(k),
        symbols: parameters
            .chain(f.coordinates.iter().map(|&c| problem.coordinates[c].symbol))
            .collect(),
        points: Vec::new(),
        reference: Vec::new(),
        group: Vec::new(),
    }
}

fn add_curve(
    problem: &Problem,
    target: &mut Target,
    group: usize,
    point: &[f64],
    times: &[f64],
    values: &[f64],
) {
    let Some(values) = values.get(..times.len().max(1)) else { return };
    let timed = target.symbols.len() > problem.parameters.len();
    target.points.resize(target.symbols.len(), Vec::new());
    for (i, &value) in values.iter().enumerate() {
        for (column, &p) in target.points.iter_mut().zip(point) {
            column.push(p);
        }
        if timed {
            target.points[point.len()].push(times[i]);
        }
        target.reference.push(value);
        target.group.push(group);
    }
}

fn add_profiles(
    problem: &Problem,
    target: &mut Target,
    field: usize,
    group: usize,
    point: &[f64],
    times: &[f64],
    solution: &surrogate_solve::FieldSolution,
) {
    let time = time_coordinate(problem);
    let coordinates = &problem.fields[field].coordinates;
    target.points.resize(target.symbols.len(), Vec::new());
    // about 12 times and all places are enough for a field
    let stride = (times.len() / 12).max(1);
    for (i, row) in solution.values.iter().take(times.len().max(1)).enumerate() {
        if coordinates.len() > 1 && i % stride != stride - 1 {
            continue;
        }
        for (&place, &value) in solution.places.iter().zip(row).filter(|(_, v)| !v.is_nan()) {
            for (column, &p) in target.points.iter_mut().zip(point) {
                column.push(p);
            }
            for (j, &c) in coordinates.iter().enumerate() {
                let at = if Some(c) == time { times[i] } else { place };
                target.points[point.len() + j].push(at);
            }
            target.reference.push(value);
            target.group.push(group);
        }
    }
}

fn exact(
    problem: &Problem,
    list: &[(String, Node)],
    n: usize,
    seed: u64,
) -> Result<Truth, Failure> {
    let parameters = parameter_points(problem, n, seed);
    let mut targets = Vec::new();
    for (name, node) in list {
        let mut target = match problem.fields.iter().position(|f| f.name == *name) {
            Some(k) => field_target(problem, k, &problem.fields[k]),
            None => match solver_targets(problem).into_iter().find(|t| t.name == *name) {
                Some(target) => target,
                None => continue,
            },
        };
        let places = 4096 / parameters.len().max(1) + 1;
        let coordinates: Vec<SymbolId> = target.symbols[problem.parameters.len()..].to_vec();
        let region = Region::of_coordinates(problem, &coordinates);
        target.points.resize(target.symbols.len(), Vec::new());
        for (group, point) in parameters.iter().enumerate() {
            let drawn = region.random(places, seed + 1 + group as u64);
            for (k, column) in target.points.iter_mut().enumerate() {
                match point.get(k) {
                    Some(&p) => column.extend(std::iter::repeat_n(p, places)),
                    None => column.extend(&drawn[k - point.len()]),
                }
            }
            target.group.extend(std::iter::repeat_n(group, places));
        }
        let mut graph = problem.graph.clone();
        target.reference =
            surrogate_engine::evaluate(&mut graph, &[*node], &target.symbols, &target.points)?
                .remove(0);
        targets.push(target);
    }
    let how = "exact expressions of the problem file".to_string();
    Ok(Truth { kind: "exact", how, parameters, targets, own_error: Vec::new(), ends: Vec::new() })
}

/// Tables of values by place, as targets.
pub fn from_files(problem: &Problem, tables: &[surrogate_problem::model::Measurements]) -> Truth {
    let nominal: Vec<f64> = problem.parameters.iter().map(|p| p.nominal).collect();
    let mut targets = Vec::new();
    for table in tables {
        let mut symbols = Vec::new();
        for place in &table.places {
            symbols.push(match place {
                Place::Coordinate(c) => problem.coordinates[*c].symbol,
                Place::Parameter(p) => problem.parameters[*p].symbol,
            });
        }
        let column = |j: usize| table.rows.iter().map(|r| r[j]).collect::<Vec<f64>>();
        let mut points: Vec<Vec<f64>> = (0..symbols.len()).map(column).collect();
        let reference = column(symbols.len());
        for (p, value) in problem.parameters.iter().zip(&nominal) {
            if !symbols.contains(&p.symbol) {
                symbols.push(p.symbol);
                points.push(vec![*value; reference.len()]);
            }
        }
        targets.push(Target {
            name: table.name.clone(),
            unit: table.unit.clone(),
            description: String::new(),
            output: false,
            value: Quantity::Expression(table.observed),
            symbols,
            points,
            group: vec![0; reference.len()],
            reference,
        });
    }
    let files: Vec<&str> = tables.iter().map(|t| t.file.as_str()).collect();
    let how = format!("file {}", files.join(", "));
    Truth {
        kind: "file",
        how,
        parameters: vec![nominal],
        targets,
        own_error: Vec::new(),
        ends: Vec::new(),
    }
}

/// Targets prepared for a surrogate; weights of networks may change between evaluations.
pub struct Comparison {
    values: Vec<Values>,
}

impl Comparison {
    /// Prepares every target.
    pub fn new(
        problem: &Problem,
        surrogate: &mut Surrogate,
        truth: &Truth,
    ) -> Result<Self, Failure> {
        let values = truth.targets.iter().map(|target| surrogate.values(problem, target));
        Ok(Self { values: values.collect::<Result<_, _>>()? })
    }

    /// Takes other weights of the same networks.
    pub fn set_weights(&mut self, model: &Model, weights: &[Vec<f64>]) {
        self.values.iter_mut().for_each(|values| values.set_weights(model, weights));
    }

    /// Errors on each target.
    pub fn errors(&mut self, truth: &Truth) -> Vec<Errors> {
        let mut out = Vec::new();
        for (target, values) in truth.targets.iter().zip(&mut self.values) {
            let predicted = values.evaluate(target.reference.len());
            out.push(differences(target, truth.parameters.len(), predicted));
        }
        out
    }
}

/// Errors of a surrogate on each target.
pub fn errors(
    problem: &Problem,
    surrogate: &mut Surrogate,
    truth: &Truth,
) -> Result<Vec<Errors>, Failure> {
    Ok(Comparison::new(problem, surrogate, truth)?.errors(truth))
}

fn differences(target: &Target, groups: usize, predicted: Vec<f64>) -> Errors {
    let mut squares = vec![0.0; groups];
    let mut counts = vec![0.0; groups];
    let mut largest = vec![0.0f64; groups];
    let (mut sum, mut norm) = (0.0, 0.0);
    for ((p, r), &g) in predicted.iter().zip(&target.reference).zip(&target.group) {
        let d = p - r;
        squares[g] += d * d;
        counts[g] += 1.0;
        // NaN must not look like a small error
        largest[g] = if d.is_nan() { f64::INFINITY } else { largest[g].max(d.abs()) };
        sum += d * d;
        norm += r * r;
    }
    let n = predicted.len() as f64;
    let mean = target.reference.iter().sum::<f64>() / n;
    let spread: f64 = target.reference.iter().map(|r| (r - mean).powi(2)).sum();
    Errors {
        rms: (sum / n).sqrt(),
        max: largest.iter().copied().fold(0.0, f64::max),
        relative_l2: (sum / norm).sqrt(),
        relative_to_spread: (spread > CONSTANT * norm).then(|| (sum / spread).sqrt()),
        rms_by_point: squares
            .iter()
            .zip(&counts)
            .map(|(s, c): (&f64, &f64)| (s / c).sqrt())
            .collect(),
        max_by_point: largest,
        predicted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_too_fine_for_rounding_falls_back_to_the_default() {
        let text = "title = \"beam\"\n[coordinates]\nt = \"0 .. 0.1\"\nx = \"0 .. 1\"\n[fields.u]\n\
                    [[equations]]\nequation = \"d(u, t, 2) + d(u, x, 4) = 0\"\n\
                    [[conditions]]\nat = \"t = 0\"\nequation = \"u = sin(pi*x)\"\n\
                    [[conditions]]\nat = \"t = 0\"\nequation = \"d(u, t) = 0\"\n\
                    [[conditions]]\nat = [\"x = 0\", \"x = 1\"]\nequation = \"u = 0\"\n\
                    [[conditions]]\nat = [\"x = 0\", \"x = 1\"]\nequation = \"d(u, x, 2) = 0\"\n";
        let nothing = |_: &str| Err(std::io::ErrorKind::NotFound.into());
        let problem = surrogate_problem::load_text("test.toml", text, &[], &nothing).unwrap();
        let found = truth(&problem, 1, 0, true).unwrap();
        let field = found.targets.iter().find(|t| !t.output).unwrap();
        let pi = std::f64::consts::PI;
        for (k, value) in field.reference.iter().enumerate() {
            let exact = (pi * field.points[1][k]).sin() * (pi * pi * field.points[0][k]).cos();
            assert!((value - exact).abs() < 1e-4, "{value} is not {exact}");
        }
    }
}
