//! What is wrong with rows, and what is done about it: always said, never in silence.

use std::path::Path;

use crate::failure::Failure;

/// Rows of a curve, SI.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// Line of each row.
    pub lines: Vec<usize>,
    /// Times.
    pub times: Vec<f64>,
    /// The observed.
    pub values: Vec<f64>,
    /// Current, where there is a column of it.
    pub current: Option<Vec<f64>>,
}

/// Share of rows without a number from which the file is refused.
const MOST_HOLES: f64 = 0.1;
/// Rows after the first in which a value may stand still.
const MOST_STEADY: usize = 4;
/// Steps of time, in median steps, from which there is a gap.
const GAP: f64 = 20.0;
/// Share of the median current below which a cell rests.
const REST: f64 = 0.05;
/// Relative spread of the current under load from which it is not constant.
const UNSTEADY: f64 = 0.02;

impl Rows {
    /// Keeps rows by time and number.
    pub fn keep(&mut self, mut good: impl FnMut(f64, usize) -> bool) {
        let kept: Vec<usize> = (0..self.times.len()).filter(|&k| good(self.times[k], k)).collect();
        self.pick(&kept);
    }

    fn pick(&mut self, kept: &[usize]) {
        self.lines = kept.iter().map(|&k| self.lines[k]).collect();
        self.times = kept.iter().map(|&k| self.times[k]).collect();
        self.values = kept.iter().map(|&k| self.values[k]).collect();
        if let Some(current) = &mut self.current {
            *current = kept.iter().map(|&k| current[k]).collect();
        }
    }
}

/// Drops rows without a number and repeated times; refuses times that fall.
///
/// # Errors
/// More than a tenth of the rows without a number, times out of order, or one value in all of many rows.
pub fn sound(mut rows: Rows, path: &Path, notes: &mut Vec<String>) -> Result<Rows, Failure> {
    let shown = path.display();
    if let Some(last) = rows.values.iter().rposition(|v| v.is_finite()) {
        let after = rows.values.len() - 1 - last;
        if after > 0 {
            notes.push(format!("{after} rows after the last number are left out"));
            rows.keep(|_, k| k <= last);
        }
    }
    let total = rows.times.len();
    let hole = |rows: &Rows, k: usize| !rows.times[k].is_finite() || !rows.values[k].is_finite();
    if let Some(first) = (0..total).find(|&k| hole(&rows, k)) {
        let (holes, line) = ((0..total).filter(|&k| hole(&rows, k)).count(), rows.lines[first]);
        if holes as f64 > MOST_HOLES * total as f64 {
            return Err(Failure::helped(
                format!("{shown}: {holes} of {total} rows lack a number, first in line {line}"),
                "check that the right columns are read, or clean the file",
            ));
        }
        notes.push(format!("{holes} rows without a number are left out, first in line {line}"));
        let copy = rows.clone();
        rows.keep(|_, k| !hole(&copy, k));
    }
    if let Some(k) = rows.times.windows(2).position(|t| t[1] < t[0]) {
        let (before, after, line) = (rows.times[k], rows.times[k + 1], rows.lines[k + 1]);
        return Err(Failure::helped(
            format!("{shown}, line {line}: time {after} s follows {before} s"),
            "sort the rows by time; one file is one curve",
        ));
    }
    let before = rows.clone();
    let repeats = |k: usize| k > 0 && before.times[k] == before.times[k - 1];
    if let Some(first) = (0..before.times.len()).find(|&k| repeats(k)) {
        rows.keep(|_, k| !repeats(k));
        let (count, line) = (before.times.len() - rows.times.len(), before.lines[first]);
        notes.push(format!(
            "{count} rows that repeat the time before are left out, first in line {line}"
        ));
    }
    gaps(&rows, notes);
    if let [first, others @ ..] = &rows.values[..]
        && others.len() >= MOST_STEADY
        && others.iter().all(|v| v == first)
    {
        return Err(Failure::helped(
            format!("{shown}: what is observed is {first} (SI) in all {} rows", rows.values.len()),
            "a curve that does not change tells nothing of parameters: check that the right column is read",
        ));
    }
    Ok(rows)
}

fn gaps(rows: &Rows, notes: &mut Vec<String>) {
    let mut steps: Vec<f64> = rows.times.windows(2).map(|t| t[1] - t[0]).collect();
    let given = steps.clone();
    steps.sort_by(f64::total_cmp);
    let Some(&median) = steps.get(steps.len() / 2) else { return };
    let long = |step: &f64| *step > GAP * median;
    if let Some(first) = given.iter().position(long) {
        let (count, line) = (given.iter().filter(|s| long(s)).count(), rows.lines[first + 1]);
        notes.push(format!("{count} gaps of more than {GAP} steps, first before line {line}"));
    }
}

/// Tells the sign of the current, cuts rests at both ends, and counts time from the load.
///
/// # Errors
/// A current that is zero all along.
pub fn under_load(mut rows: Rows, path: &Path, notes: &mut Vec<String>) -> Result<Rows, Failure> {
    let Some(current) = rows.current.clone() else { return Ok(rows) };
    let sizes: Vec<f64> = current.iter().map(|i| i.abs()).filter(|i| i.is_finite()).collect();
    let largest = sizes.iter().copied().fold(0.0, f64::max);
    let mut loaded: Vec<f64> = sizes.into_iter().filter(|i| *i > REST * largest).collect();
    loaded.sort_by(f64::total_cmp);
    let Some(&size) = loaded.get(loaded.len() / 2) else {
        return Err(Failure::helped(
            format!("{}: the current is zero all along", path.display()),
            "name the column of the current: --data FILE,current=COLUMN",
        ));
    };
    let under = |k: usize| current[k].abs() > REST * size;
    let (Some(first), Some(last)) =
        ((0..current.len()).find(|&k| under(k)), (0..current.len()).rfind(|&k| under(k)))
    else {
        return Ok(rows);
    };
    let rests = first + current.len() - 1 - last;
    let start = rows.times[first.saturating_sub(1)];
    rows.keep(|_, k| (first..=last).contains(&k));
    if rests > 0 {
        notes.push(format!("{rests} rows at rest are left out"));
    }
    if first > 0 {
        rows.times.iter_mut().for_each(|t| *t -= start);
        notes.push(format!("time counts from {start} s, the last row before the load"));
    }
    let loads: Vec<f64> = current[first..=last].iter().copied().filter(|i| i.is_finite()).collect();
    let load = loads.iter().sum::<f64>() / loads.len() as f64;
    let falls = rows.values.first() > rows.values.last();
    let now = if falls { "discharge" } else { "charge" };
    let sign = if (load > 0.0) == falls { "discharge" } else { "charge" };
    notes.push(format!("a {now} at {load:.4} A in the mean: current is positive on {sign}"));
    let spread = loads.iter().map(|i| (i - load).abs()).fold(0.0, f64::max);
    let away = loads.iter().filter(|i| (*i - load).abs() > UNSTEADY * size).count();
    if away * 20 > last - first {
        notes.push(format!(
            "the current is not constant ({away} rows differ by up to {spread:.3} A from its mean): \
             the surrogate takes it as its problem file states it"
        ));
    }
    Ok(rows)
}

/// At most `most` rows at equal distances, both ends among them.
pub fn thinned(mut rows: Rows, most: usize, notes: &mut Vec<String>) -> Rows {
    let n = rows.times.len();
    if n > most {
        let kept: Vec<usize> = (0..most).map(|k| k * (n - 1) / (most - 1).max(1)).collect();
        rows.pick(&kept);
        notes.push(format!("thinned from {n} to {most} points (--points)"));
    }
    rows
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rows(times: &[f64], current: Option<&[f64]>) -> Rows {
        Rows {
            lines: (2..).take(times.len()).collect(),
            times: times.to_vec(),
            values: times.iter().map(|t| 4.0 - 0.1 * t).collect(),
            current: current.map(<[f64]>::to_vec),
        }
    }

    #[test]
    fn falling_times_are_refused_with_their_line_and_repeats_are_dropped() {
        let mut notes = Vec::new();
        let error = sound(rows(&[0.0, 2.0, 1.0], None), Path::new("a.csv"), &mut notes);
        assert!(error.unwrap_err().to_string().contains("a.csv, line 4"));
        let kept = sound(rows(&[0.0, 1.0, 1.0, 2.0], None), Path::new("a.csv"), &mut notes);
        assert_eq!(kept.unwrap().times, [0.0, 1.0, 2.0]);
        assert!(notes[0].contains("first in line 4"), "{notes:?}");
    }

    #[test]
    fn a_curve_that_stands_still_is_refused() {
        let mut measured = rows(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], None);
        measured.values.fill(3.7);
        let error = sound(measured.clone(), Path::new("a.csv"), &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("is 3.7 (SI) in all 6 rows"), "{error}");
        measured.values[5] = 3.69;
        assert!(sound(measured, Path::new("a.csv"), &mut Vec::new()).is_ok());
    }

    #[test]
    fn rows_after_the_end_are_no_holes() {
        let mut measured = rows(&[0.0, 1.0, 2.0, 3.0, 4.0], None);
        measured.values[2..].fill(f64::NAN);
        let mut notes = Vec::new();
        let kept = sound(measured, Path::new("a.csv"), &mut notes).unwrap();
        assert_eq!(kept.times, [0.0, 1.0]);
        assert_eq!(notes, ["3 rows after the last number are left out"]);
    }

    #[test]
    fn rests_go_and_time_counts_from_the_load() {
        let mut notes = Vec::new();
        let times = [0.0, 10.0, 11.0, 12.0, 13.0];
        let measured = rows(&times, Some(&[0.0, 0.001, -5.0, -5.0, 0.0]));
        let kept = under_load(measured, Path::new("a.csv"), &mut notes).unwrap();
        assert_eq!(kept.times, [1.0, 2.0]);
        assert!(notes.iter().any(|n| n.contains("positive on charge")), "{notes:?}");
    }

    #[test]
    fn thinning_keeps_both_ends() {
        let times: Vec<f64> = (0..1000).map(f64::from).collect();
        let kept = thinned(rows(&times, None), 7, &mut Vec::new());
        assert_eq!((kept.times.len(), kept.times[0], kept.times[6]), (7, 0.0, 999.0));
    }
}
