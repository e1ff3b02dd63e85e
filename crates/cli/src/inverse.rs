//! What measurements say of a trained inverse problem: how far it misses them, and how firmly they
//! hold each unknown scalar.
//!
//! Near the values found the reference solution at the measured places is linear in the unknowns,
//! `m(θ) ≈ m + S (θ - θ*)`. A least-squares estimate then has the covariance `(Sᵀ W S)⁻¹`, W the
//! inverse squares of the noise. S is taken by central differences of the reference solver, so it
//! does not depend on the network. Fields that are unknown too have no such account.
//!
//! Source: Seber and Wild (1989), Nonlinear Regression, section 2.1.2.

use surrogate_problem::Problem;
use surrogate_problem::model::{Measurements, Place, Role, Unit};

use crate::compare;
use crate::failure::Failure;
use crate::reference::{Reference, ReferenceError};
use crate::surrogate::Surrogate;

/// Relative step of the differences.
const STEP: f64 = 1e-3;
/// Squared sine of the angle between columns of S below which they are one direction.
const PARALLEL: f64 = 1e-5;
/// A misfit above this multiple of the declared noise is not noise.
const MOST_MISFIT: f64 = 2.0;

/// How far a surrogate misses a table of measurements.
pub struct Misfit {
    /// Name of the table.
    pub name: String,
    /// Root mean square of the difference, SI.
    pub rms: f64,
    /// Declared standard deviation of the noise, SI.
    pub noise: Option<f64>,
    /// Unit of the file.
    pub unit: Unit,
}

impl Misfit {
    /// True if declared noise does not explain it.
    pub fn is_too_large(&self) -> bool {
        self.noise.is_some_and(|sd| self.rms.is_nan() || self.rms > MOST_MISFIT * sd)
    }
}

/// Why the conditions of a file may not determine its solution; a cell states its own.
pub fn undetermined(problem: &Problem) -> Vec<String> {
    match problem.cell {
        Some(_) => Vec::new(),
        None => surrogate_engine::undetermined(problem),
    }
}

/// Misfit of every table of measurements.
///
/// # Errors
/// If what was observed cannot be predicted.
pub fn misfits(problem: &Problem, surrogate: &mut Surrogate) -> Result<Vec<Misfit>, Failure> {
    let measured = compare::from_files(problem, &problem.data);
    let errors = compare::errors(problem, surrogate, &measured)?;
    let both = problem.data.iter().zip(errors);
    Ok(both
        .map(|(d, e)| Misfit {
            name: d.name.clone(),
            rms: e.rms,
            noise: d.noise,
            unit: d.unit.clone(),
        })
        .collect())
}

/// Standard errors of the unknown scalars, SI, by position; infinite where the measurements do not
/// determine them. `None` if the reference solver cannot say.
///
/// The problem has the values found as its starting values. Noise that is not declared is taken
/// from the misfit.
pub fn standard_errors(problem: &Problem, misfits: &[Misfit]) -> Option<Vec<f64>> {
    let n = problem.unknowns.len();
    let mut columns = Vec::new();
    for k in 0..n {
        let value = problem.unknowns[k].initial;
        let step = STEP * if value == 0.0 { 1.0 } else { value.abs() };
        let at = |value: f64| {
            let mut changed = problem.clone();
            changed.unknowns[k].initial = value;
            predicted(&changed)
        };
        let (above, below) = (at(value + step)?, at(value - step)?);
        let mut column: Vec<f64> = Vec::new();
        for (table, (a, b)) in above.iter().zip(&below).enumerate() {
            let sd = misfits[table].noise.unwrap_or(misfits[table].rms);
            column.extend(a.iter().zip(b).map(|(a, b)| (a - b) / (2.0 * step * sd)));
        }
        columns.push(column);
    }
    let all_finite = columns.iter().flatten().all(|v| v.is_finite());
    all_finite.then(|| deviations(&columns))
}

/// Square roots of the diagonal of `(SᵀS)⁻¹` for the columns of S; infinite for columns that the
/// others can replace.
fn deviations(columns: &[Vec<f64>]) -> Vec<f64> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let without_others = |k: usize| {
        // what is left of column k beside the others (modified Gram-Schmidt)
        let mut basis: Vec<Vec<f64>> = Vec::new();
        let mut left = columns[k].clone();
        let others = (0..columns.len()).filter(|&j| j != k);
        for mut other in others.map(|j| columns[j].clone()) {
            let size = dot(&other, &other);
            for b in &basis {
                let part = dot(&other, b);
                other.iter_mut().zip(b).for_each(|(x, y)| *x -= part * y);
            }
            let rest = dot(&other, &other);
            if rest > PARALLEL * size {
                other.iter_mut().for_each(|x| *x /= rest.sqrt());
                basis.push(other);
            }
        }
        for b in &basis {
            let part = dot(&left, b);
            left.iter_mut().zip(b).for_each(|(x, y)| *x -= part * y);
        }
        dot(&left, &left)
    };
    let deviation = |k: usize| {
        let left = without_others(k);
        let own = dot(&columns[k], &columns[k]);
        if left > PARALLEL * own { 1.0 / left.sqrt() } else { f64::INFINITY }
    };
    (0..columns.len()).map(deviation).collect()
}

/// The reference solution at the measured places, table by table; `None` where something else than
/// a field was measured or the solver has no solution.
fn predicted(problem: &Problem) -> Option<Vec<Vec<f64>>> {
    let solver = Reference::of(problem, false).ok()?;
    problem.data.iter().map(|table| predicted_table(problem, &solver, table).ok()?).collect()
}

fn predicted_table(
    problem: &Problem,
    solver: &Reference,
    table: &Measurements,
) -> Result<Option<Vec<f64>>, ReferenceError> {
    let mut graph = problem.graph.clone();
    let field =
        problem.fields.iter().position(|f| graph.function_value(f.function) == table.observed);
    let space: Vec<usize> = columns_of(problem, table, Role::Space);
    let time = columns_of(problem, table, Role::Time).first().copied();
    let (Some(field), true) = (field, space.len() <= 1) else {
        return Ok(None);
    };
    let mut out = vec![f64::NAN; table.rows.len()];
    for (parameters, rows) in groups(problem, table) {
        let mut times: Vec<f64> =
            time.iter().flat_map(|&t| rows.iter().map(move |&i| table.rows[i][t])).collect();
        times.sort_by(f64::total_cmp);
        times.dedup();
        let solution = solver.solve(&parameters, &times)?;
        for &i in &rows {
            let row = &table.rows[i];
            let when = time.map_or(0, |t| times.partition_point(|v| *v < row[t]));
            let place = space.first().map_or(0.0, |&x| row[x]);
            out[i] = solution.fields[field].at(when, place);
        }
    }
    Ok(Some(out))
}

/// Columns of a table that are coordinates of a role.
fn columns_of(problem: &Problem, table: &Measurements, role: Role) -> Vec<usize> {
    let of = |p: &Place| matches!(p, Place::Coordinate(c) if problem.coordinates[*c].role == role);
    (0..table.places.len()).filter(|&j| of(&table.places[j])).collect()
}

/// Rows of a table by parameter point; parameters without a column are at their nominal values.
fn groups(problem: &Problem, table: &Measurements) -> Vec<(Vec<f64>, Vec<usize>)> {
    let mut out: Vec<(Vec<f64>, Vec<usize>)> = Vec::new();
    for (i, row) in table.rows.iter().enumerate() {
        let mut point: Vec<f64> = problem.parameters.iter().map(|p| p.nominal).collect();
        for (place, &value) in table.places.iter().zip(row) {
            if let Place::Parameter(p) = place {
                point[*p] = value;
            }
        }
        match out.iter_mut().find(|(known, _)| *known == point) {
            Some((_, rows)) => rows.push(i),
            None => out.push((point, vec![i])),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviations_are_those_of_the_inverse_normal_matrix() {
        // SᵀS = [[2, 1], [1, 2]], its inverse has 2/3 on the diagonal
        let columns = [vec![1.0, 1.0, 0.0], vec![1.0, 0.0, 1.0]];
        for d in deviations(&columns) {
            assert!((d - (2.0f64 / 3.0).sqrt()).abs() < 1e-12, "{d}");
        }
    }

    #[test]
    fn unknowns_that_act_only_together_are_not_determined() {
        let columns = [vec![1.0, 2.0, 3.0], vec![2.0, 4.0, 6.0], vec![0.0, 1.0, 0.0]];
        let found = deviations(&columns);
        assert!(found[0].is_infinite() && found[1].is_infinite() && found[2].is_finite());
    }

    #[test]
    fn the_decay_rate_of_noisy_measurements_has_the_error_of_the_linear_estimate() {
        let file = "[coordinates]\nt = \"0 .. 2\"\n[unknowns]\nk = 1.0\n[fields.u]\n\
                    [[equations]]\nequation = \"d(u, t) = -k*u\"\n\
                    [[conditions]]\nat = \"t = 0\"\nequation = \"u = 1\"\n\
                    [[data]]\nfile = \"d.csv\"\nobserve = \"u\"\nnoise = 0.1\n";
        let text = format!("title = \"t\"\n{file}");
        let table = "t,u\n0.5,0.6065\n1.0,0.3679\n1.5,0.2231\n";
        let problem =
            surrogate_problem::load_text("test.toml", &text, &[], &|_| Ok(table.to_string()))
                .unwrap();
        let misfit = Misfit {
            name: String::new(),
            rms: 0.1,
            noise: Some(0.1),
            unit: problem.data[0].unit.clone(),
        };
        let found = standard_errors(&problem, &[misfit]).unwrap();
        // du/dk = -t exp(-k t)
        let square: f64 = [0.5f64, 1.0, 1.5].iter().map(|t| (t * (-t).exp()).powi(2)).sum();
        assert!((found[0] * square.sqrt() / 0.1 - 1.0).abs() < 1e-3, "{found:?}");
    }
}
