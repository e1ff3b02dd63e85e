//! The figures of a report, one kind a file; each comes with the table that it was drawn from.

pub(crate) mod chains;
pub(crate) mod curves;
pub(crate) mod energy;
pub(crate) mod forest;
pub(crate) mod pairs;
pub(crate) mod parameters;
pub(crate) mod pareto;
pub(crate) mod predictive;
pub(crate) mod profiles;
pub(crate) mod training;
pub(crate) mod truths;

use std::collections::BTreeMap;

use surrogate_run::schema::Evaluation;
use surrogate_run::{ParameterRange, Table, header};

use crate::figure::Figure;
use crate::figure::text::{number, pretty_unit};

/// A figure, its table and its words.
#[derive(Debug)]
pub(crate) struct Drawn {
    pub figure: Figure,
    pub table: Table,
    pub title: String,
    /// One sentence with units.
    pub caption: String,
}

/// A name with its first letter in upper case.
pub(crate) fn capital(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A name with its first letter in lower case, unless it is an abbreviation or a symbol.
pub(crate) fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    let (first, second) = (chars.next(), text.chars().nth(1));
    match first {
        Some(first) if second.is_some_and(char::is_lowercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

/// A long name, or else the name with its first letter in upper case if it is a word.
pub(crate) fn shown(long_name: &str, name: &str) -> String {
    match long_name {
        "" if name.len() > 3 && name.chars().all(char::is_alphabetic) => capital(name),
        "" => name.to_owned(),
        long => long.to_owned(),
    }
}

/// `D_n = 2.1 × 10⁻¹⁴ m²/s, j = 3 A`, in the order of the problem.
pub(crate) fn parameter_text(
    parameters: &[ParameterRange],
    values: &BTreeMap<String, f64>,
) -> String {
    let one = |parameter: &ParameterRange| {
        let value = values.get(&parameter.name)?;
        let unit = pretty_unit(&parameter.unit);
        let space = if unit.is_empty() { "" } else { "\u{a0}" };
        Some(format!("{} = {}{space}{unit}", parameter.name, number(*value, 3)))
    };
    parameters.iter().filter_map(one).collect::<Vec<_>>().join(", ")
}

/// Parameters of point `index`: from `evaluation.json`, or from the columns of a table.
pub(crate) fn point_parameters(
    evaluation: &Evaluation,
    table: &Table,
    index: usize,
    row: usize,
) -> BTreeMap<String, f64> {
    if let Some(point) = evaluation.points.get(index).filter(|p| !p.parameters.is_empty()) {
        return point.parameters.clone();
    }
    let value = |parameter: &ParameterRange| {
        let column = table.numbers(&header(&parameter.name, &parameter.unit))?;
        Some((parameter.name.clone(), *column.get(row)?))
    };
    evaluation.parameters.iter().filter_map(value).collect()
}

/// Root mean square of the numbers that are finite; `None` if there are none.
pub(crate) fn rms(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut count = 0_u32;
    let mut sum = 0.0;
    for value in values.into_iter().filter(|value| value.is_finite()) {
        sum += value * value;
        count += 1;
    }
    (count > 0).then(|| (sum / f64::from(count)).sqrt())
}

/// A name as part of a file name.
pub(crate) fn file_stem(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { '_' }).collect()
}
