//! Protocols in words, as PyBaMM's experiments have them.
//!
//! ```text
//! Discharge at 1C until 2.5 V; Rest for 1 hour; Charge at C/3 for 2 hours or until 4.2 V; Hold at 4.2 V until 50 mA
//! ```
//!
//! Steps are parted by semicolons or ends of lines. Where a discharge or charge names no voltage, it ends at the
//! cut-off of the cell.

use thiserror::Error;

use super::protocol::{Control, ProtocolStep};
use crate::Cell;

/// Why words are no protocol.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("step {step}, `{text}`: {reason}")]
pub struct WordsError {
    /// Its number, from 1.
    pub step: usize,
    /// What stands there.
    pub text: String,
    /// What is wrong.
    pub reason: String,
}

/// A step with its words.
#[derive(Debug, Clone, PartialEq)]
pub struct WordedStep {
    /// As it was written.
    pub text: String,
    /// What is done.
    pub step: ProtocolStep,
}

/// The steps of a protocol in words, for a cell: its nominal capacity gives C-rates, its cut-offs the ends that
/// are not named.
///
/// # Errors
/// A step that cannot be read, with the reason; a protocol without any.
pub fn protocol_of_words(text: &str, cell: &Cell) -> Result<Vec<WordedStep>, WordsError> {
    let parts = text.split([';', '\n']).map(str::trim).filter(|part| !part.is_empty());
    let mut steps = Vec::new();
    for (k, part) in parts.enumerate() {
        let step = step(part, cell).map_err(|reason| {
            let text = part.chars().take(60).collect();
            WordsError { step: k + 1, text, reason }
        })?;
        steps.push(WordedStep { text: part.to_string(), step });
    }
    if steps.is_empty() {
        let reason = "there is no step, such as `Discharge at 1C until 2.5 V`".to_string();
        return Err(WordsError { step: 1, text: String::new(), reason });
    }
    Ok(steps)
}

fn step(text: &str, cell: &Cell) -> Result<ProtocolStep, String> {
    let lower = text.to_lowercase();
    let (first, rest) = lower.split_once(char::is_whitespace).unwrap_or((&lower, ""));
    // what is held, how long, and until when
    let rest = format!(" {rest} ");
    let rest = rest.replace(" or until ", " until ").replace(" or for ", " for ");
    let mut until = None;
    let mut duration = None;
    let mut held = rest.as_str();
    // the last of both first, in any order
    while let Some((place, word)) = last_of(held, [" until ", " for "]) {
        let value = held[place + word.len()..].trim();
        let slot = if word == " until " { &mut until } else { &mut duration };
        if slot.replace(value.to_string()).is_some() {
            return Err(format!("`{}` stands twice", word.trim()));
        }
        held = &held[..place];
    }
    let held = held.trim();
    let held = held.strip_prefix("at ").unwrap_or(held).trim();
    let quantity = |text: &str| Quantity::read(text, cell);
    let mut step = match first {
        "discharge" | "charge" => {
            let sign = if first == "charge" { -1.0 } else { 1.0 };
            match quantity(held)? {
                Quantity::Current(a) => ProtocolStep::new(Control::Current(sign * a)),
                Quantity::Power(w) => ProtocolStep::new(Control::Power(sign * w)),
                _ => return Err(format!("`{held}` is no C-rate, current or power")),
            }
        }
        "hold" => match quantity(held)? {
            Quantity::Voltage(v) => ProtocolStep::new(Control::Voltage(v)),
            _ => return Err(format!("`{held}` is no voltage")),
        },
        "rest" if held.is_empty() => ProtocolStep::new(Control::Current(0.0)),
        _ => return Err("a step begins with Discharge at, Charge at, Hold at, or Rest for".into()),
    };
    if let Some(text) = duration {
        match quantity(&text)? {
            Quantity::Time(s) => step.duration_s = Some(s),
            _ => return Err(format!("`{text}` is no time, such as 30 minutes")),
        }
    }
    match (first, until.as_deref().map(quantity).transpose()?) {
        ("discharge", None) => step.lower_v = Some(cell.lower_cutoff_v),
        ("charge", None) => step.upper_v = Some(cell.upper_cutoff_v),
        ("discharge", Some(Quantity::Voltage(v))) => step.lower_v = Some(v),
        ("charge", Some(Quantity::Voltage(v))) => step.upper_v = Some(v),
        ("hold", Some(Quantity::Current(a))) => step.current_below_a = Some(a),
        (_, Some(_)) => {
            return Err("a discharge or charge ends at a voltage, a hold at a current".into());
        }
        _ => {}
    }
    let ends = [step.duration_s, step.lower_v, step.upper_v, step.current_below_a];
    if ends.iter().all(Option::is_none) {
        return Err("nothing ends it: say `for` a time, or until when".into());
    }
    Ok(step)
}

/// The last place of some words.
fn last_of<'a>(text: &str, words: [&'a str; 2]) -> Option<(usize, &'a str)> {
    words.into_iter().filter_map(|word| Some((text.rfind(word)?, word))).max_by_key(|found| found.0)
}

/// A number with its unit.
enum Quantity {
    /// A.
    Current(f64),
    /// W.
    Power(f64),
    /// V.
    Voltage(f64),
    /// s.
    Time(f64),
}

impl Quantity {
    /// From lower-case words, such as `1c`, `c/3`, `50 ma`, `2 hours`.
    fn read(text: &str, cell: &Cell) -> Result<Self, String> {
        let one = cell.nominal_capacity_a_h;
        if let Some(hours) = text.strip_prefix("c/") {
            let hours = number(hours, text)?;
            return Ok(Self::Current(one / hours));
        }
        let unit = text.find(|c: char| c.is_alphabetic() && c != 'e').unwrap_or(text.len());
        let (value, unit) = (number(&text[..unit], text)?, text[unit..].trim());
        Ok(match unit {
            "c" => Self::Current(value * one),
            "a" | "amps" => Self::Current(value),
            "ma" => Self::Current(1e-3 * value),
            "w" => Self::Power(value),
            "mw" => Self::Power(1e-3 * value),
            "kw" => Self::Power(1e3 * value),
            "v" | "volts" => Self::Voltage(value),
            "mv" => Self::Voltage(1e-3 * value),
            "s" | "sec" | "second" | "seconds" => Self::Time(value),
            "min" | "minute" | "minutes" => Self::Time(60.0 * value),
            "h" | "hour" | "hours" => Self::Time(3600.0 * value),
            _ => return Err(format!("`{text}` has none of the units C, A, W, V, s, min, h")),
        })
    }
}

/// A positive number.
fn number(text: &str, of: &str) -> Result<f64, String> {
    let value: f64 = text.trim().parse().map_err(|_| format!("`{of}` holds no number"))?;
    if value > 0.0 && value.is_finite() {
        return Ok(value);
    }
    Err(format!("`{of}` must be positive: the verb says which way it goes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::sets;

    fn cell() -> Cell {
        sets::named("Chen2020").unwrap()
    }

    fn read(text: &str) -> Vec<ProtocolStep> {
        let steps = protocol_of_words(text, &cell()).unwrap();
        steps.into_iter().map(|worded| worded.step).collect()
    }

    #[test]
    fn words_are_steps() {
        let cell = cell();
        let one = cell.nominal_capacity_a_h;
        let text = "Discharge at 1C until 2.5 V; Rest for 1 hour\ncharge at c/3\n\
                    Hold at 4.2 V until 50 mA; Discharge at 10 W for 30 minutes or until 3V";
        let new = ProtocolStep::new;
        let expected = [
            ProtocolStep { lower_v: Some(2.5), ..new(Control::Current(one)) },
            ProtocolStep::rest(3600.0),
            ProtocolStep {
                upper_v: Some(cell.upper_cutoff_v),
                ..new(Control::Current(-one / 3.0))
            },
            ProtocolStep { current_below_a: Some(0.05), ..new(Control::Voltage(4.2)) },
            ProtocolStep {
                duration_s: Some(1800.0),
                lower_v: Some(3.0),
                ..new(Control::Power(10.0))
            },
        ];
        assert_eq!(read(text), expected);
        let (a, b) = (
            read("Charge at 2 A until 4 V for 1e3 s"),
            read("charge at 2A for 1000 sec or until 4V"),
        );
        assert_eq!(a, b);
    }

    #[test]
    fn what_is_no_step_is_named() {
        for (text, reason) in [
            ("", "no step"),
            ("Sleep for 1 h", "begins with"),
            ("Rest", "nothing ends it"),
            ("Hold at 4.2 V", "nothing ends it"),
            ("Hold at 1C for 1 h", "no voltage"),
            ("Discharge at 4 V", "no C-rate"),
            ("Discharge at -1C", "positive"),
            ("Discharge at 1C until 2 h", "at a voltage"),
            ("Discharge at 1C for 3 V", "no time"),
            ("Discharge at 1C for 1 h for 2 h", "twice"),
            ("Charge at 1 furlong", "units"),
            ("Discharge at c/", "no number"),
            ("Rest for \u{e4} h", "no number"),
        ] {
            let error = protocol_of_words(text, &cell()).unwrap_err();
            assert!(error.to_string().contains(reason), "{text}: {error}");
        }
        let second = protocol_of_words("Rest for 1 h; Rest", &cell()).unwrap_err();
        assert_eq!(second.step, 2);
    }
}
