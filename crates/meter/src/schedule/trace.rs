//! A series of carbon intensities in equal slots of time, read from CSV.

/// Grams of CO2e per kWh, slot by slot.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// Length of a slot, h.
    pub slot_h: f64,
    /// Intensity of each slot, gCO2e/kWh.
    pub g_per_kwh: Vec<f64>,
    /// Start of each slot as written in the file; empty if the file has no times.
    pub times: Vec<String>,
}

/// Why a trace cannot be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TraceError {
    /// No column holds the intensity.
    #[error(
        "no column of carbon intensity: wanted is one named gco2e_per_kwh, carbon_intensity, \
         intensity or g_per_kwh; the file has {columns}"
    )]
    NoColumn {
        /// Names of the columns.
        columns: String,
    },
    /// A row's intensity is no number, or is negative.
    #[error("line {line}: {text:?} is no carbon intensity (a number of g/kWh, 0 or more)")]
    NotANumber {
        /// Line of the file, the header being 1.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// A row's time does not follow the one before by one slot.
    #[error("line {line}: {found:?} does not follow {before:?} by one slot of {slot_h} h")]
    Gap {
        /// Line of the file, the header being 1.
        line: usize,
        /// Time of the row before.
        before: String,
        /// Time of this row.
        found: String,
        /// Slot length of the first two rows, h.
        slot_h: f64,
    },
    /// Fewer than two rows.
    #[error("the trace has {rows} rows; at least 2 are needed")]
    TooShort {
        /// Number of rows.
        rows: usize,
    },
}

impl Trace {
    /// Hourly intensities.
    #[must_use]
    pub fn hourly(g_per_kwh: Vec<f64>) -> Self {
        Self { slot_h: 1.0, g_per_kwh, times: Vec::new() }
    }

    /// Reads CSV with a header. Columns: the intensity (`gco2e_per_kwh`, `carbon_intensity`,
    /// `intensity` or `g_per_kwh`) and, if there is one, `time` (or `timestamp`, `datetime`,
    /// `from`), as `2020-01-01T00:00` with or without seconds and zone. The slot length follows from
    /// the first two times; without times a slot is an hour.
    ///
    /// # Errors
    /// [`TraceError`], with the line.
    pub fn parse(csv: &str) -> Result<Self, TraceError> {
        let mut lines = csv.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let header = lines.next().map_or("", |(_, line)| line);
        let columns: Vec<String> =
            header.trim_start_matches('\u{feff}').split(',').map(plain).collect();
        let place = |names: &[&str]| columns.iter().position(|c| names.contains(&c.as_str()));
        let intensity = place(&["gco2e_per_kwh", "carbon_intensity", "intensity", "g_per_kwh"])
            .ok_or_else(|| TraceError::NoColumn { columns: columns.join(", ") })?;
        let time = place(&["time", "timestamp", "datetime", "from"]);
        let mut trace = Self::hourly(Vec::new());
        let mut minutes: Vec<(usize, i64)> = Vec::new();
        for (at, line) in lines {
            let fields: Vec<&str> = line.split(',').collect();
            let text = fields.get(intensity).copied().unwrap_or("").trim();
            let value: Option<f64> = text.parse().ok();
            let value = value.filter(|g: &f64| g.is_finite() && *g >= 0.0);
            let text = text.to_owned();
            let value = value.ok_or(TraceError::NotANumber { line: at + 1, text })?;
            trace.g_per_kwh.push(value);
            if let Some(text) = time.and_then(|t| fields.get(t)) {
                trace.times.push(text.trim().trim_matches('"').to_owned());
                minutes.extend(minute_of(&trace.times[trace.times.len() - 1]).map(|m| (at + 1, m)));
            }
        }
        let rows = trace.g_per_kwh.len();
        if rows < 2 {
            return Err(TraceError::TooShort { rows });
        }
        if minutes.len() == rows {
            trace.slots(&minutes)?;
        }
        Ok(trace)
    }

    /// Takes the slot length from the times and checks that there is no gap.
    fn slots(&mut self, minutes: &[(usize, i64)]) -> Result<(), TraceError> {
        let step = minutes[1].1 - minutes[0].1;
        self.slot_h = step as f64 / 60.0;
        for (row, pair) in minutes.windows(2).enumerate() {
            if step <= 0 || pair[1].1 - pair[0].1 != step {
                return Err(TraceError::Gap {
                    line: pair[1].0,
                    before: self.times[row].clone(),
                    found: self.times[row + 1].clone(),
                    slot_h: self.slot_h,
                });
            }
        }
        Ok(())
    }

    /// Slots that a time takes, rounded up; at least 1 for a time above 0.
    #[must_use]
    pub fn slots_of(&self, hours: f64) -> usize {
        // a time that is a whole number of slots up to rounding is that number
        (hours / self.slot_h - 1e-9).ceil().max(0.0) as usize
    }

    /// A moment (s since 1970, UTC) in hours since the start of the trace; negative before it.
    /// `None` if the trace has no times. Times without a zone are UTC.
    #[must_use]
    pub fn hours_at(&self, unix_s: f64) -> Option<f64> {
        let first = self.times.first()?;
        let epoch = minute_of("1970-01-01T00:00")?;
        let start_min = (minute_of(first)? - epoch - zone_minutes(first)) as f64;
        Some(unix_s / 3_600.0 - start_min / 60.0)
    }

    /// The slot that begins at `time`, or that holds it; `None` if the trace does not reach it.
    #[must_use]
    pub fn slot_at(&self, time: &str) -> Option<usize> {
        let wanted = minute_of(time)?;
        let first = minute_of(self.times.first()?)?;
        let slot = (wanted - first) as f64 / 60.0 / self.slot_h;
        (slot >= 0.0 && (slot as usize) < self.g_per_kwh.len()).then_some(slot as usize)
    }
}

fn plain(column: &str) -> String {
    column.trim().trim_matches('"').to_lowercase()
}

/// Minutes since some fixed day of `2020-01-31T23:59…`; the zone is ignored (all rows have one).
fn minute_of(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let hour = number(11..13).unwrap_or(0);
    let minute = number(14..16).unwrap_or(0);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // days of the civil calendar, counted from March so that leap days come last
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day;
    Some((days * 24 + hour) * 60 + minute)
}

/// Minutes that the zone at the end of a time, such as `+01:00`, is ahead of UTC; 0 without one.
fn zone_minutes(text: &str) -> i64 {
    let Some((at, sign)) = text.char_indices().skip(11).find(|(_, c)| "+-".contains(*c)) else {
        return 0;
    };
    let digits: String = text[at + 1..].chars().filter(char::is_ascii_digit).collect();
    let number = |range: std::ops::Range<usize>| digits.get(range).and_then(|d| d.parse().ok());
    let minutes = 60 * number(0..2).unwrap_or(0) + number(2..4).unwrap_or(0);
    if sign == '-' { -minutes } else { minutes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_and_slots_by_time() {
        let csv = "hour_index,time,gco2e_per_kwh\n0,2020-02-28T23:30,10\n1,2020-02-29T00:00,20.5\n\
                   2,2020-02-29T00:30,30\n";
        let trace = Trace::parse(csv).unwrap();
        assert_eq!(trace.g_per_kwh, [10.0, 20.5, 30.0]);
        assert!((trace.slot_h - 0.5).abs() < 1e-12);
        assert_eq!(trace.slots_of(1.2), 3);
        assert_eq!(trace.slot_at("2020-02-29T00:10"), Some(1));
        assert_eq!(trace.slot_at("2020-03-01T00:00"), None);
    }

    #[test]
    fn a_moment_is_found_by_the_clock_and_the_zone() {
        let trace = |times: [&str; 2]| {
            let csv = format!("time,intensity\n{},1\n{},2\n", times[0], times[1]);
            Trace::parse(&csv).unwrap()
        };
        let noon = 1_000.0 * 86_400.0 + 43_200.0; // 1972-09-27T12:00Z
        let utc = trace(["1972-09-27T11:00", "1972-09-27T12:00"]);
        assert_eq!(utc.hours_at(noon + 1_800.0), Some(1.5));
        assert_eq!(
            trace(["1972-09-27 11:00:00Z", "1972-09-27 12:00:00Z"]).hours_at(noon),
            Some(1.0)
        );
        let berlin = trace(["1972-09-27T11:00:00+01:00", "1972-09-27T12:00:00+01:00"]);
        assert_eq!(berlin.hours_at(noon), Some(2.0));
        let india = trace(["1972-09-27T17:30+0530", "1972-09-27T18:30+0530"]);
        assert_eq!(india.hours_at(noon), Some(0.0));
        let newfoundland = trace(["1972-09-27T09:30-02:30", "1972-09-27T10:30-02:30"]);
        assert_eq!(newfoundland.hours_at(noon - 3_600.0), Some(-1.0));
        assert_eq!(Trace::hourly(vec![1.0]).hours_at(0.0), None);
    }

    #[test]
    fn a_whole_number_of_slots_is_not_rounded_up() {
        let trace = Trace { slot_h: 0.1, ..Trace::hourly(vec![1.0; 9]) };
        assert_eq!(trace.slots_of(0.3), 3);
        assert_eq!(trace.slots_of(0.0), 0);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let no_column = Trace::parse("time,price\n2020-01-01T00:00,3\n").unwrap_err();
        assert!(no_column.to_string().contains("time, price"));
        let number = Trace::parse("intensity\n5\n-2\n").unwrap_err();
        assert_eq!(number, TraceError::NotANumber { line: 3, text: "-2".to_owned() });
        let gap = "time,intensity\n2020-01-01T00:00,1\n2020-01-01T01:00,1\n2020-01-01T03:00,1\n";
        assert!(matches!(Trace::parse(gap), Err(TraceError::Gap { line: 4, .. })));
        assert!(matches!(Trace::parse("intensity\n1\n"), Err(TraceError::TooShort { rows: 1 })));
        assert!(Trace::parse("").is_err());
    }

    #[test]
    fn years_and_leap_days_follow_each_other() {
        let day = |text| minute_of(text).unwrap() / (24 * 60);
        assert_eq!(day("2021-01-01") - day("2020-12-31"), 1);
        assert_eq!(day("2020-03-01") - day("2020-02-28"), 2);
        assert_eq!(day("2021-03-01") - day("2021-02-28"), 1);
        assert_eq!(day("2021-01-01") - day("2020-01-01"), 366);
    }
}
