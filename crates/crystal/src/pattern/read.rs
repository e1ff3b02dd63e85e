//! Columns of numbers: `.xy`, `.xye`, `.csv`, `.txt`.

use thiserror::Error;

use super::Pattern;
use crate::diffraction::Radiation;

/// What the first column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Angles 2 theta in degrees.
    TwoThetaDeg,
    /// Q = 4 pi sin(theta) / lambda in 1/angstrom.
    QPerAngstrom,
}

/// Why a file is no pattern. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PatternError {
    /// Too few points.
    #[error("the file holds {found} points of a pattern; at least {least} are needed")]
    Empty {
        /// Points found.
        found: usize,
        /// Points needed.
        least: usize,
    },
    /// A line that is neither a comment, a header, nor numbers.
    #[error("line {line}: `{text}` is no row of two or three numbers")]
    Row {
        /// Its line.
        line: usize,
        /// Its beginning.
        text: String,
    },
    /// Values of the first column that cannot be what they are said to be.
    #[error(
        "the first column runs from {from} to {to}: {said} lies between 0 and {limit:.4}; state the \
         other unit or another wavelength"
    )]
    WrongUnit {
        /// Smallest value.
        from: f64,
        /// Largest value.
        to: f64,
        /// What it was taken for.
        said: &'static str,
        /// What it can reach.
        limit: f64,
    },
    /// A range so short that it is hardly in degrees.
    #[error(
        "the first column runs from {from} to {to}: less than {least} degrees are no powder pattern; \
         if these are values of Q in 1/angstrom or angles in radians, state it or convert them"
    )]
    TooShort {
        /// Smallest value.
        from: f64,
        /// Largest value.
        to: f64,
        /// Least range.
        least: f64,
    },
    /// The same place twice.
    #[error("line {line}: the place {value} is in the file twice")]
    Twice {
        /// Its line.
        line: usize,
        /// The place.
        value: f64,
    },
    /// Intensities without any signal.
    #[error("all intensities are equal: there is no peak in this pattern")]
    Flat,
    /// An XML file that is no XRDML measurement.
    #[error("no XRDML measurement: {0}")]
    Xrdml(String),
}

/// Least number of points of a pattern.
const LEAST_POINTS: usize = 20;

/// Least range of a pattern in degrees.
const LEAST_RANGE: f64 = 8.0;

/// Reads rows of two or three numbers, separated by blanks, commas, semicolons or tabs: place,
/// intensity and perhaps its standard deviation. Lines that begin with `#`, `!`, `'`, `/` or `;`, and
/// lines of words before the first row, are passed over. Rows may descend.
///
/// # Errors
///
/// Too few points, rows that are none, places that cannot be in the unit, equal places, flat signals.
pub fn read(text: &str, axis: Axis, radiation: Radiation) -> Result<Pattern, PatternError> {
    let mut rows: Vec<(usize, [f64; 3])> = Vec::new();
    let mut sigmas = 0;
    for (k, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', '!', '\'', '/', ';']) {
            continue;
        }
        let split = |c: char| c.is_whitespace() || c == ',' || c == ';';
        let fields: Vec<&str> = line.split(split).filter(|f| !f.is_empty()).collect();
        let numbers: Option<Vec<f64>> =
            fields.iter().map(|f| f.parse().ok().filter(|v: &f64| v.is_finite())).collect();
        match numbers.as_deref() {
            Some([place, intensity]) => rows.push((k + 1, [*place, *intensity, f64::NAN])),
            Some([place, intensity, sigma]) => {
                sigmas += 1;
                rows.push((k + 1, [*place, *intensity, *sigma]));
            }
            _ if rows.is_empty() && numbers.is_none() => {}
            _ => {
                let text = line.chars().take(40).collect();
                return Err(PatternError::Row { line: k + 1, text });
            }
        }
    }
    let with_sigma = sigmas == rows.len();
    finish(rows, axis, radiation, with_sigma)
}

/// Checks and sorts rows of line, place, intensity and deviation.
pub(super) fn finish(
    mut rows: Vec<(usize, [f64; 3])>,
    axis: Axis,
    radiation: Radiation,
    with_sigma: bool,
) -> Result<Pattern, PatternError> {
    if rows.len() < LEAST_POINTS {
        return Err(PatternError::Empty { found: rows.len(), least: LEAST_POINTS });
    }
    rows.sort_by(|a, b| a.1[0].total_cmp(&b.1[0]));
    let (from, to) = (rows[0].1[0], rows[rows.len() - 1].1[0]);
    let q_limit = 4.0 * std::f64::consts::PI / radiation.wavelength();
    let (said, limit) = match axis {
        Axis::TwoThetaDeg => ("2 theta in degrees", 180.0),
        Axis::QPerAngstrom => ("Q in 1/angstrom at this wavelength", q_limit),
    };
    if from < 0.0 || to >= limit {
        return Err(PatternError::WrongUnit { from, to, said, limit });
    }
    let angle = |place: f64| match axis {
        Axis::TwoThetaDeg => place,
        Axis::QPerAngstrom => 2.0 * (place / q_limit).asin().to_degrees(),
    };
    if angle(to) - angle(from) < LEAST_RANGE {
        return Err(PatternError::TooShort { from, to, least: LEAST_RANGE });
    }
    if let Some(pair) = rows.windows(2).find(|pair| pair[0].1[0] >= pair[1].1[0]) {
        return Err(PatternError::Twice { line: pair[1].0, value: pair[1].1[0] });
    }
    let intensity: Vec<f64> = rows.iter().map(|r| r.1[1]).collect();
    if intensity.iter().all(|&i| i == intensity[0]) {
        return Err(PatternError::Flat);
    }
    Ok(Pattern {
        two_theta_deg: rows.iter().map(|r| angle(r.1[0])).collect(),
        intensity,
        sigma: with_sigma.then(|| rows.iter().map(|r| r.1[2]).collect()),
        radiation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(scale: f64) -> String {
        let row = |k: u32| format!("{:.4} {}\n", f64::from(k) * scale, k % 7 + 3);
        (1..400).map(row).collect()
    }

    fn copper() -> Radiation {
        Radiation::parse("CuKa").unwrap()
    }

    #[test]
    fn columns_are_read_with_comments_headers_and_any_separator() {
        let plain = read(&table(0.2), Axis::TwoThetaDeg, copper()).unwrap();
        assert_eq!(plain.two_theta_deg.len(), 399);
        assert!(plain.sigma.is_none());
        let csv = table(0.2).replace(' ', ", ").replace("3\n", "3,\n");
        let commented = format!("# made by hand\n2theta (deg),counts\n{csv}");
        assert_eq!(read(&commented, Axis::TwoThetaDeg, copper()).unwrap(), plain);
        let descending: Vec<&str> = csv.lines().rev().collect();
        assert_eq!(read(&descending.join("\n"), Axis::TwoThetaDeg, copper()).unwrap(), plain);
        let xye = table(0.2).replace('\n', "\t0.5\n");
        assert_eq!(read(&xye, Axis::TwoThetaDeg, copper()).unwrap().sigma.unwrap()[7], 0.5);
    }

    #[test]
    fn q_and_angles_are_the_same_pattern() {
        let q = read(&table(0.02), Axis::QPerAngstrom, copper()).unwrap();
        assert!((q.q()[99] - 2.0).abs() < 1e-12);
        assert!(q.two_theta_deg.iter().all(|t| (0.0..180.0).contains(t)));
    }

    #[test]
    fn what_is_no_pattern_is_named() {
        let angles = |text: &str| read(text, Axis::TwoThetaDeg, copper()).unwrap_err();
        assert!(matches!(angles(""), PatternError::Empty { found: 0, .. }));
        assert!(matches!(angles("one\ntwo\n"), PatternError::Empty { .. }));
        assert!(matches!(angles(&table(0.9)), PatternError::WrongUnit { .. }));
        assert!(matches!(angles(&table(0.005)), PatternError::TooShort { .. }));
        assert!(matches!(angles(&(table(0.2) + "5.0 x\n")), PatternError::Row { line: 400, .. }));
        assert!(matches!(angles(&(table(0.2) + "5.0 1\n")), PatternError::Twice { .. }));
        let flat: String = (1..100).map(|k| format!("{k} 5\n")).collect();
        assert_eq!(angles(&flat), PatternError::Flat);
        let q = read(&table(0.2), Axis::QPerAngstrom, copper());
        assert!(matches!(q, Err(PatternError::WrongUnit { .. })));
    }
}
