//! Columns of numbers: `.xy`, `.xye`, `.csv`, `.txt`.

use std::borrow::Cow;

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
    /// A line that is neither a comment, words, nor as many numbers as those before.
    #[error(
        "line {line}: `{text}` is no row of numbers like those before it, place and intensity first"
    )]
    Row {
        /// Its line.
        line: usize,
        /// Its beginning.
        text: String,
    },
    /// A third column that holds no standard deviations.
    #[error(
        "line {line}: {value} in the third column is no standard deviation of {intensity}; a file with other \
         columns than place, intensity and deviation needs the first two only"
    )]
    Deviation {
        /// Its line.
        line: usize,
        /// What stands there.
        value: f64,
        /// The intensity.
        intensity: f64,
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

/// Reads rows of numbers, separated by blanks, commas, semicolons or tabs: place, intensity and, of three columns, its
/// standard deviation; of more columns only the first two are taken. All rows have as many columns. Decimals may have commas where nothing else
/// in the file has points. Lines that begin with `#`, `!`, `'`, `/` or `;`, lines of words, and rows
/// whose intensity is `nan` are passed over. Rows may descend; intensities at the same place are averaged.
///
/// # Errors
///
/// Too few points, rows that are none, places that cannot be in the unit, flat signals.
pub fn read(text: &str, axis: Axis, radiation: Radiation) -> Result<Pattern, PatternError> {
    let text = text.trim_start_matches('\u{feff}');
    let comment = |line: &&str| line.is_empty() || line.starts_with(['#', '!', '\'', '/', ';']);
    let lines = || text.lines().map(str::trim).enumerate().filter(|(_, line)| !comment(line));
    let decimals = Decimals::of(lines().map(|(_, line)| line));
    let mut rows: Vec<(usize, [f64; 3])> = Vec::new();
    let (mut sigmas, mut columns) = (0, None);
    for (k, line) in lines() {
        let line = without_thousands(line);
        let numbers: Vec<Option<f64>> =
            decimals.fields(&line).map(|field| decimals.number(field)).collect();
        match *numbers.as_slice() {
            // words, and a header with numbers
            [None] | [None, None, ..] => {}
            ref header if rows.is_empty() && header.contains(&None) => {}
            ref row if row.len() != *columns.get_or_insert(row.len()) => {
                return Err(PatternError::Row { line: k + 1, text: beginning(&line) });
            }
            [Some(_), Some(intensity), ..] if intensity.is_nan() => {}
            [Some(place), Some(intensity), Some(sigma)] => {
                sigmas += usize::from(sigma.is_finite());
                rows.push((k + 1, [place, intensity, sigma]));
            }
            [Some(place), Some(intensity), ..] => rows.push((k + 1, [place, intensity, f64::NAN])),
            _ => return Err(PatternError::Row { line: k + 1, text: beginning(&line) }),
        }
    }
    let with_sigma = sigmas == rows.len();
    if with_sigma && let Some((line, [_, intensity, value])) = no_deviation(&rows) {
        return Err(PatternError::Deviation { line, value, intensity });
    }
    finish(rows, axis, radiation, with_sigma)
}

/// The first characters of a line.
fn beginning(line: &str) -> String {
    line.chars().take(40).collect()
}

/// Largest deviation of the strongest point, of its intensity: a calculated pattern has more.
const LARGEST_DEVIATION: f64 = 0.5;

/// A row whose third number is no deviation: below zero, or nearly as large as the strongest intensity.
fn no_deviation(rows: &[(usize, [f64; 3])]) -> Option<(usize, [f64; 3])> {
    let below = rows.iter().find(|row| row.1[2] < 0.0);
    let strongest = rows.iter().max_by(|a, b| a.1[1].total_cmp(&b.1[1]));
    below.or(strongest.filter(|row| row.1[2] > LARGEST_DEVIATION * row.1[1])).copied()
}

/// The line with 5600 in place of 5,600 where blanks, tabs or semicolons stand between its numbers.
fn without_thousands(line: &str) -> Cow<'_, str> {
    let fields = || line.split(|c: char| c.is_whitespace() || c == ';').filter(|f| !f.is_empty());
    let grouped = |field: &str| {
        let mut groups = field.split('.').next().unwrap_or_default().split(',');
        let first = groups.next().unwrap_or_default();
        let mut others = groups.peekable();
        others.peek().is_some()
            && (1..=3).contains(&first.len())
            && others.all(|g| g.len() == 3 && g.bytes().all(|b| b.is_ascii_digit()))
    };
    let plain = |field: &str| !field.contains(',');
    let whole = fields().count() > 1 && fields().all(|f| plain(f) || grouped(f));
    // 10,125 20,250 of a file with decimal commas has no point in it
    if whole && line.contains(',') && line.contains('.') {
        return Cow::Owned(line.replace(',', ""));
    }
    Cow::Borrowed(line)
}

/// How decimals are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decimals {
    /// 0.5, between commas or not.
    Point,
    /// 0,5.
    Comma,
}

impl Decimals {
    /// Commas where each row of numbers has them within numbers and none has a point.
    fn of<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let mut found = Self::Point;
        for line in lines {
            let numbers = |decimals: Self| {
                let all: Option<Vec<f64>> =
                    decimals.fields(line).map(|field| decimals.number(field)).collect();
                all.filter(|all| all.len() > 1).is_some()
            };
            let (comma, point) = (numbers(Self::Comma), numbers(Self::Point));
            if !(comma || point) {
                continue;
            }
            if !comma || line.contains('.') {
                return Self::Point;
            }
            if line.contains(',') {
                found = Self::Comma;
            }
        }
        found
    }

    fn fields(self, line: &str) -> impl Iterator<Item = &str> {
        let split =
            move |c: char| c.is_whitespace() || c == ';' || (c == ',' && self == Self::Point);
        line.split(split).filter(|field| !field.is_empty())
    }

    /// A number, which may be `nan` but not infinite.
    fn number(self, field: &str) -> Option<f64> {
        let number: Option<f64> = match self {
            Self::Point => field.parse().ok(),
            // a comma stands between digits
            Self::Comma if field.starts_with(',') || field.ends_with(',') => None,
            Self::Comma => field.replacen(',', ".", 1).parse().ok(),
        };
        number.filter(|v| !v.is_infinite())
    }
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
    let rows = averaged(&rows);
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

/// Rows in order, each place once with the mean of its intensities and the deviation of that mean.
fn averaged(rows: &[(usize, [f64; 3])]) -> Vec<(usize, [f64; 3])> {
    let same = rows.chunk_by(|a, b| a.1[0] == b.1[0]);
    let mean = |rows: &[(usize, [f64; 3])]| {
        let (line, [place, ..]) = rows[0];
        let count = rows.len() as f64;
        let intensity = rows.iter().map(|r| r.1[1]).sum::<f64>() / count;
        let sigma = rows.iter().map(|r| r.1[2].powi(2)).sum::<f64>().sqrt() / count;
        (line, [place, intensity, sigma])
    };
    same.map(mean).collect()
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
        let ended = format!("{}*RAS_INT_END\nend of scan\n", table(0.2));
        assert_eq!(read(&ended, Axis::TwoThetaDeg, copper()).unwrap(), plain);
        let thousands = table(0.2).replace(" 9\n", " 9,000\n");
        let thousands = read(&thousands, Axis::TwoThetaDeg, copper()).unwrap();
        assert_eq!((thousands.intensity[5], thousands.sigma), (9000.0, None));
        let wide = table(0.2).replace('\n', " 7 8 9\n");
        assert_eq!(read(&wide, Axis::TwoThetaDeg, copper()).unwrap(), plain);
    }

    #[test]
    fn decimals_may_have_commas_where_nothing_has_points() {
        let plain = read(&table(0.2), Axis::TwoThetaDeg, copper()).unwrap();
        for separator in [";", "\t", " ; "] {
            let text = format!("Winkel;Z\u{e4}hler\n{}", table(0.2).replace('.', ","));
            let text = text.replace(' ', separator);
            assert_eq!(read(&text, Axis::TwoThetaDeg, copper()).unwrap(), plain, "{separator}");
        }
        // whole numbers between commas are columns
        let whole: String = (1..60).map(|k| format!("{k},{}\n", k % 7)).collect();
        let whole = read(&whole, Axis::TwoThetaDeg, copper()).unwrap();
        assert_eq!(whole.two_theta_deg[4], 5.0);
    }

    #[test]
    fn equal_places_are_averaged_and_missing_intensities_left_out() {
        let twice = read(&(table(0.2) + "5.0 1\n6.0 nan\n"), Axis::TwoThetaDeg, copper()).unwrap();
        let plain = read(&table(0.2), Axis::TwoThetaDeg, copper()).unwrap();
        assert_eq!(twice.two_theta_deg, plain.two_theta_deg);
        assert_eq!(twice.intensity[24], (plain.intensity[24] + 1.0) / 2.0);
        assert_eq!(twice.intensity[29], plain.intensity[29]);
    }

    #[test]
    fn q_and_angles_are_the_same_pattern() {
        let q = read(&table(0.02), Axis::QPerAngstrom, copper()).unwrap();
        assert!((q.q()[99] - 2.0).abs() < 1e-12);
        assert!(q.two_theta_deg.iter().all(|t| (0.0..180.0).contains(t)));
    }

    #[test]
    fn what_is_no_pattern_is_named() {
        let xye = table(0.2).replace('\n', "\t0.5\n");
        let angles = |text: &str| read(text, Axis::TwoThetaDeg, copper()).unwrap_err();
        assert!(matches!(angles(""), PatternError::Empty { found: 0, .. }));
        assert!(matches!(angles("one\ntwo\n"), PatternError::Empty { .. }));
        assert!(matches!(angles(&table(0.9)), PatternError::WrongUnit { .. }));
        assert!(matches!(angles(&table(0.005)), PatternError::TooShort { .. }));
        assert!(matches!(angles(&(table(0.2) + "5.0 x\n")), PatternError::Row { line: 400, .. }));
        let row = |k: u32| format!("{:.4} {} {}\n", f64::from(k) * 0.2, k % 7 + 3, k % 7 + 2);
        let calculated: String = (1..400).map(row).collect();
        assert!(matches!(angles(&calculated), PatternError::Deviation { value: 8.0, .. }));
        let below = xye.replacen("0.5", "-0.5", 1);
        assert!(matches!(angles(&below), PatternError::Deviation { line: 1, .. }));
        let flat: String = (1..100).map(|k| format!("{k} 5\n")).collect();
        assert_eq!(angles(&flat), PatternError::Flat);
        let q = read(&table(0.2), Axis::QPerAngstrom, copper());
        assert!(matches!(q, Err(PatternError::WrongUnit { .. })));
    }
}
