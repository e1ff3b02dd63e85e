//! Names of columns that end in a unit: `voltage_mV`, `Voltage [mV]`, `Time (min)`, `j_mA_per_cm2`.

use crate::model::Unit;
use crate::units::parse_unit;

/// SI value of 0 degC.
const ICE_K: f64 = 273.15;

/// A unit that a column's name ends in: a number in it is `number · unit.factor + zero` in SI.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnUnit {
    /// The unit; of degC that of its differences.
    pub unit: Unit,
    /// What zero is, SI.
    pub zero: f64,
}

/// The column of a quantity in tables that the program writes (`u_K`, `j_A_per_m2`), as
/// `surrogate_run::header` does.
pub(crate) fn header(name: &str, unit: &str) -> String {
    if matches!(unit, "" | "1") {
        return name.to_string();
    }
    let unit = unit.replace([' ', '*', '·'], "_").replace('/', "_per_");
    format!("{name}_{}", unit.replace(['^', '(', ')'], ""))
}

/// The name of a column without its unit, and the unit. A name that is no unit's may look like one
/// (`D_s`): who knows the name compares it whole first.
pub fn column_parts(header: &str) -> (&str, Option<ColumnUnit>) {
    let header = header.trim();
    let joints = header.match_indices('_').map(|(k, _)| k);
    let places = ['[', '('].iter().filter_map(|&mark| header.find(mark)).chain(joints);
    let found = places.chain(header.find('/')).find_map(|k| split(header, k));
    found.unwrap_or((header, None))
}

fn split(header: &str, at: usize) -> Option<(&str, Option<ColumnUnit>)> {
    let (base, rest) = header.split_at_checked(at)?;
    let base = base.trim_end_matches('_').trim();
    let unit = column_unit(rest.trim_start_matches(['_', '/']))?;
    (!base.is_empty()).then_some((base, Some(unit)))
}

/// `mV`, `[mV]`, and units as the program writes them in headers: `mol_per_m3`.
fn column_unit(text: &str) -> Option<ColumnUnit> {
    let text = text.trim().trim_matches(['[', ']', '(', ')']).trim();
    if matches!(text, "degC" | "°C") {
        let kelvin = parse_unit("K").ok()?;
        return Some(ColumnUnit { unit: Unit { text: text.to_string(), ..kelvin }, zero: ICE_K });
    }
    // `_1` numbers a column
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut plain = String::new();
    for c in text.replace("_per_", "/").replace('_', " ").chars() {
        if (c.is_ascii_digit() || c == '-') && plain.ends_with(char::is_alphabetic) {
            plain.push('^');
        }
        plain.push(c);
    }
    let unit = parse_unit(&plain).ok()?;
    Some(ColumnUnit { unit: Unit { text: text.to_string(), ..unit }, zero: 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_give_name_and_unit_in_all_common_spellings() {
        for header in ["V_cell [mV]", "V_cell_mV", "V_cell (mV)", "V_cell/mV"] {
            let (name, unit) = column_parts(header);
            assert_eq!((name, unit.map(|u| u.unit.factor)), ("V_cell", Some(1e-3)), "{header}");
        }
        for (header, name, factor) in [
            ("Test Time [s]", "Test Time", 1.0),
            ("t_min", "t", 60.0),
            ("j_mA_per_cm2", "j", 10.0),
            ("c_e_mol_per_m3", "c_e", 1.0),
            ("D_cm^2/s", "D", 1e-4),
        ] {
            let (found, unit) = column_parts(header);
            let found_factor = unit.map_or(f64::NAN, |u| u.unit.factor);
            assert!(found == name && (found_factor / factor - 1.0).abs() < 1e-12, "{header}");
        }
        let (name, unit) = column_parts("T_degC");
        assert_eq!((name, unit.map(|u| (u.unit.factor, u.zero))), ("T", Some((1.0, 273.15))));
    }

    #[test]
    fn names_and_numbers_are_no_units() {
        for header in ["c_rate", "u_meas", "T_1", "T", "_s", "x^2"] {
            assert_eq!(column_parts(header), (header, None));
        }
    }
}
