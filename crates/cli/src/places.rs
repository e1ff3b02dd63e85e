//! Parameter points, times and places from the command line, converted to SI.

use std::path::Path;

use surrogate_problem::Problem;
use surrogate_problem::model::Role;
use surrogate_run::Table;
use surrogate_symbolic::SymbolId;

use crate::args::Places;
use crate::failure::Failure;

/// Most times of `FROM:TO:COUNT`.
const MOST_TIMES: usize = 10_000_000;

/// Positions of the parameters that symbols stand for.
pub fn parameter_positions(problem: &Problem, symbols: &[SymbolId]) -> Result<Vec<usize>, Failure> {
    let position = |s: &SymbolId| problem.parameters.iter().position(|p| p.symbol == *s);
    let found: Option<Vec<usize>> = symbols.iter().map(position).collect();
    found.ok_or_else(|| Failure::Internal("an output reads an unknown symbol".to_string()))
}

/// Parameter points as columns `[parameter][point]`.
pub fn columns_of(problem: &Problem, points: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let column = |k: usize| points.iter().map(|p| p[k]).collect();
    (0..problem.parameters.len()).map(column).collect()
}

/// Parameter points, SI, in file order.
pub fn parameters(problem: &Problem, places: &Places) -> Result<Vec<Vec<f64>>, Failure> {
    let nominal: Vec<f64> = problem.parameters.iter().map(|p| p.nominal).collect();
    if let Some(path) = &places.params_file {
        return parameter_rows(problem, path, &nominal);
    }
    let mut point = nominal;
    let mut given = Vec::new();
    for part in places.params.iter().flat_map(|s| s.split(',')).filter(|p| !p.trim().is_empty()) {
        let (name, text) = part.split_once('=').ok_or_else(|| {
            Failure::helped(format!("`{part}` in --params is not NAME=VALUE"), "--params a=1,b=2")
        })?;
        let name = name.trim();
        let k = position(problem, name)?;
        if given.contains(&k) {
            return Err(Failure::user(format!("--params gives `{name}` twice")));
        }
        given.push(k);
        let value: f64 = text.trim().parse().map_err(|_| {
            let unit = &problem.parameters[k].unit.text;
            Failure::user(format!(
                "`{}` is not a number (parameter `{name}`, in {unit})",
                text.trim()
            ))
        })?;
        if !value.is_finite() {
            return Err(Failure::user(format!("parameter `{name}` must be a finite number")));
        }
        point[k] = value * problem.parameters[k].unit.factor;
    }
    Ok(vec![point])
}

fn position(problem: &Problem, name: &str) -> Result<usize, Failure> {
    problem.parameters.iter().position(|p| p.name == name).ok_or_else(|| {
        let known: Vec<&str> = problem.parameters.iter().map(|p| p.name.as_str()).collect();
        if problem.unknowns.iter().any(|u| u.name == name) {
            return Failure::helped(
                format!("`{name}` is an unknown scalar of the problem, not a parameter"),
                format!("`surrogate solve` takes its value by --set unknowns.{name}=…"),
            );
        }
        let help = if known.is_empty() {
            "this problem has no parameters".to_string()
        } else {
            format!("its parameters are: {}", known.join(", "))
        };
        Failure::helped(format!("the problem has no parameter `{name}`"), help)
    })
}

fn parameter_rows(
    problem: &Problem,
    path: &Path,
    nominal: &[f64],
) -> Result<Vec<Vec<f64>>, Failure> {
    let table = Table::read_csv(path)?;
    no_column_twice(&table, path)?;
    if table.rows() == 0 {
        return Err(Failure::user(format!("{}: no rows under the header", path.display())));
    }
    let mut points = vec![nominal.to_vec(); table.rows()];
    for column in &table.columns {
        let name = column.header.as_str();
        let fits = |p: &surrogate_problem::model::Parameter| {
            p.name == name || surrogate_run::header(&p.name, &p.unit.text) == name
        };
        let k = match problem.parameters.iter().position(fits) {
            Some(k) => k,
            None => position(problem, name).map_err(|f| f.in_file(path))?,
        };
        let values = numbers(&table, name, path)?;
        for (point, value) in points.iter_mut().zip(values) {
            point[k] = value * problem.parameters[k].unit.factor;
        }
    }
    Ok(points)
}

/// One of two columns of a name would be dropped without a word.
fn no_column_twice(table: &Table, path: &Path) -> Result<(), Failure> {
    for (k, column) in table.columns.iter().enumerate() {
        if table.columns[..k].iter().any(|c| c.header == column.header) {
            let header = &column.header;
            return Err(Failure::user(format!("{}: two columns `{header}`", path.display())));
        }
    }
    Ok(())
}

fn numbers<'a>(table: &'a Table, name: &str, path: &Path) -> Result<&'a [f64], Failure> {
    let values = table.numbers(name).ok_or_else(|| {
        Failure::user(format!("{}: column `{name}` is not numeric", path.display()))
    })?;
    match values.iter().position(|v| !v.is_finite()) {
        Some(row) => Err(Failure::user(format!(
            "{}: row {} of column `{name}` is not a finite number",
            path.display(),
            row + 1
        ))),
        None => Ok(values),
    }
}

/// True if a parameter point lies outside the trained box.
pub fn outside(problem: &Problem, point: &[f64]) -> bool {
    problem.parameters.iter().zip(point).any(|(p, v)| {
        let slack = 1e-12 * p.lower.abs().max(p.upper.abs());
        *v < p.lower - slack || *v > p.upper + slack
    })
}

/// The time coordinate.
pub fn time_coordinate(problem: &Problem) -> Option<usize> {
    problem.coordinates.iter().position(|c| c.role == Role::Time)
}

/// Times of `--times`, SI, in the unit of the time coordinate.
pub fn times(problem: &Problem, text: &str) -> Result<Vec<f64>, Failure> {
    let Some(t) = time_coordinate(problem) else {
        return Err(Failure::helped("this problem has no time", "use --points FILE.csv"));
    };
    let factor = problem.coordinates[t].unit.factor;
    let bad = |part: &str| {
        Failure::helped(
            format!("`{part}` in --times is not a finite number"),
            "0,10,20 or 0:1350:100",
        )
    };
    let number = |part: &str| part.trim().parse::<f64>().ok().filter(|v| v.is_finite());
    let parts: Vec<&str> = text.split(':').collect();
    let values = match parts.as_slice() {
        [_] => text
            .split(',')
            .map(|p| number(p).ok_or_else(|| bad(p)))
            .collect::<Result<Vec<f64>, Failure>>()?,
        [from, to, count] => {
            let (from, to) =
                (number(from).ok_or_else(|| bad(from))?, number(to).ok_or_else(|| bad(to))?);
            let n: usize = count.trim().parse().map_err(|_| {
                Failure::helped(
                    format!("`{count}` in --times is not a number of times"),
                    "FROM:TO:COUNT, such as 0:1350:100",
                )
            })?;
            if n < 2 {
                return Err(Failure::user("FROM:TO:COUNT needs at least two times"));
            }
            if n > MOST_TIMES {
                return Err(Failure::user(format!("at most {MOST_TIMES} times in one call")));
            }
            (0..n).map(|i| from + (to - from) * i as f64 / (n - 1) as f64).collect()
        }
        _ => return Err(bad(text)),
    };
    Ok(values.into_iter().map(|v| v * factor).collect())
}

/// Points of `--points`: SI values by coordinate position, `None` where the file has no column.
pub fn points(problem: &Problem, path: &Path) -> Result<Vec<Option<Vec<f64>>>, Failure> {
    let table = Table::read_csv(path)?;
    no_column_twice(&table, path)?;
    let mut out = Vec::new();
    let mut known = Vec::new();
    for c in &problem.coordinates {
        let named = if c.role == Role::Time { "time" } else { c.name.as_str() };
        let spellings = [
            c.name.clone(),
            surrogate_run::header(&c.name, &c.unit.text),
            surrogate_run::header(named, &c.unit.text),
        ];
        let found = table.columns.iter().find(|col| spellings.contains(&col.header));
        out.push(match found {
            Some(column) => {
                known.push(column.header.clone());
                let values = numbers(&table, &column.header, path)?;
                Some(values.iter().map(|v| v * c.unit.factor).collect())
            }
            None => None,
        });
    }
    match table.columns.iter().find(|c| !known.contains(&c.header)) {
        Some(column) => Err(no_coordinate(problem, path, &column.header)),
        None => Ok(out),
    }
}

fn no_coordinate(problem: &Problem, path: &Path, header: &str) -> Failure {
    let parameter = problem
        .parameters
        .iter()
        .find(|p| p.name == header || surrogate_run::header(&p.name, &p.unit.text) == header);
    if let Some(p) = parameter {
        return Failure::helped(
            format!("{}: `{}` is a parameter, not a coordinate", path.display(), p.name),
            "give it by --params or --params-file: every parameter point is taken at all places",
        );
    }
    let names: Vec<&str> = problem.coordinates.iter().map(|c| c.name.as_str()).collect();
    Failure::helped(
        format!("{}: `{header}` is no coordinate of this problem", path.display()),
        format!("its coordinates are: {}", names.join(", ")),
    )
}
