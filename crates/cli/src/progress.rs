//! Progress of a training: a bar on a terminal, a line every few seconds elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use surrogate_engine::Event;

use crate::terminal::Terminal;

/// Seconds between plain lines.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows events.
pub struct Progress<'a> {
    terminal: &'a Terminal,
    bar: Option<ProgressBar>,
    last_line: Instant,
    held_out: Option<f64>,
    /// Name, rms and unit of the last comparison with the reference, and when that was, s.
    error: Option<(String, f64)>,
    note: String,
    /// What all of training will take, in words.
    expected: Option<String>,
    planned: usize,
}

impl<'a> Progress<'a> {
    /// `planned` iterations over all components.
    pub fn new(terminal: &'a Terminal, planned: usize) -> Self {
        let bar = terminal.bars.then(|| {
            let bar = ProgressBar::new(planned as u64);
            let style = ProgressStyle::with_template(" {prefix:12} {wide_bar} {pos}/{len} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self {
            terminal,
            bar,
            last_line: Instant::now(),
            held_out: None,
            error: None,
            note: String::new(),
            expected: None,
            planned,
        }
    }

    /// The error of the first output against the reference, worked out after some seconds.
    pub fn error(&mut self, errors: &[(String, f64, String)], elapsed: f64) {
        if let Some((name, rms, unit)) = errors.first() {
            self.error = Some((format!("{name} {rms:.1e} {unit}"), elapsed));
        }
    }

    /// What goes wrong on the way; shown from here on.
    pub fn note(&mut self, note: &str) {
        self.note = format!("  {note}");
    }

    /// What all of training will take, in words; shown from here on.
    pub fn expect(&mut self, words: Option<String>) {
        self.expected = words;
    }

    /// One event, with the position over all components.
    pub fn show(&mut self, event: &Event, elapsed: f64, joules: f64, limit_s: Option<f64>) {
        self.held_out = event.held_out.or(self.held_out);
        let done = event.total;
        let rate = done as f64 / elapsed.max(1e-9);
        let left = self.planned.saturating_sub(done) as f64 / rate.max(1e-9);
        let left = limit_s.map_or(left, |limit| left.min(limit - elapsed)).max(0.0);
        let error = match &self.error {
            Some((words, at)) => format!("{words} ({} ago)  ", duration((elapsed - at).max(0.0))),
            None => String::new(),
        };
        let expected = self.expected.as_ref().map_or(String::new(), |words| format!(" of {words}"));
        // a stage of solver runs has neither
        let loss = match (event.loss.is_nan(), self.held_out) {
            (true, None) => String::new(),
            (_, None) => format!("loss {:.1e}  ", event.loss),
            (_, Some(h)) => format!("loss {:.1e}  held-out {h:.1e}  ", event.loss),
        };
        let text = format!(
            "{loss}{error}{joules:.0} J{expected}  at most {} left{}",
            duration(left),
            self.note
        );
        let fields = event.fields.join(",");
        if let Some(bar) = &self.bar {
            bar.set_prefix(format!("{} {fields}", event.stage));
            bar.set_position(done as u64);
            bar.set_message(text);
        } else if self.last_line.elapsed() >= LINE_EVERY || event.ended.is_some() {
            self.last_line = Instant::now();
            let at = format!("{elapsed:7.1} s  {:10} {fields:12}", event.stage);
            self.terminal.say(format!("{at} step {:6}  {text}", event.iteration));
        }
    }

    /// Removes the bar.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// `4 min 02 s`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "?".to_string();
    }
    let s = seconds.round() as u64;
    match s {
        _ if seconds < 10.0 => format!("{seconds:.1} s"),
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        _ => format!("{} h {:02} min", s / 3600, s / 60 % 60),
    }
}

/// A time such as `90s`, `30m`, `2h`, `1h30m`, or plain seconds.
pub fn parse_duration(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds > 0.0 && seconds.is_finite()).then_some(seconds);
    }
    let span: jiff::Span = text.parse().ok()?;
    let seconds = span.total(jiff::Unit::Second).ok()?;
    (seconds > 0.0).then_some(seconds)
}

/// An energy such as `500J`, `5Wh`, `0.2 kWh`, in joules.
pub fn parse_energy(text: &str) -> Option<f64> {
    let units =
        [("J", 1.0), ("kJ", 1e3), ("MJ", 1e6), ("mWh", 3.6), ("Wh", 3600.0), ("kWh", 3.6e6)];
    parse_with_unit(text, &units)
}

/// Carbon such as `5g`, `200 mg`, `1kg`, in gCO2e.
pub fn parse_carbon(text: &str) -> Option<f64> {
    parse_with_unit(text, &[("mg", 1e-3), ("g", 1.0), ("kg", 1e3)])
}

fn parse_with_unit(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_alphabetic() && c != 'e')?;
    let value: f64 = text[..split].trim().parse().ok()?;
    let unit = text[split..].trim();
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    (value > 0.0 && value.is_finite()).then_some(value * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_energies_are_read_with_their_units() {
        assert_eq!(parse_duration("30m"), Some(1800.0));
        assert_eq!(parse_duration("1h30m"), Some(5400.0));
        assert_eq!(parse_duration("12.5"), Some(12.5));
        assert_eq!(parse_duration("0s"), None);
        assert_eq!(parse_duration("fast"), None);
        assert_eq!(parse_energy("5Wh"), Some(18_000.0));
        assert_eq!(parse_energy("2e3 J"), Some(2000.0));
        assert_eq!(parse_energy("5"), None);
        assert_eq!(parse_energy("-1 J"), None);
        assert_eq!(parse_carbon("200 mg"), Some(0.2));
        assert_eq!(parse_carbon("5"), None);
    }

    #[test]
    fn durations_are_worded() {
        assert_eq!(duration(3.12), "3.1 s");
        assert_eq!(duration(125.0), "2 min 05 s");
        assert_eq!(duration(7500.0), "2 h 05 min");
    }
}
