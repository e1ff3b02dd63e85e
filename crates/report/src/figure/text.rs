//! Numbers, units and widths of text.

/// Escapes text for XML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Width of text in a font like Helvetica, px; a little too wide rather than too narrow.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.25,
        ' ' | 'f' | 't' | 'I' | '/' | '-' | '(' | ')' | '[' | ']' | 'r' => 0.32,
        'm' | 'M' | 'W' | 'w' | '%' | '@' => 0.86,
        '×' | '→' | '=' | '+' | '−' | '±' | '–' => 0.59,
        '⁰'..='⁹' | '⁻' | '²' | '³' | '¹' => 0.42,
        c if c.is_ascii_uppercase() => 0.70,
        _ => 0.56,
    };
    text.chars().map(em).sum::<f64>() * size
}

/// A whole number as a superscript.
pub(crate) fn superscript(number: i32) -> String {
    number
        .to_string()
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            '0' => '⁰',
            digit => char::from_u32('⁰' as u32 + digit as u32 - '0' as u32).unwrap_or(digit),
        })
        .collect()
}

/// A unit of a problem file as print: `mol m^-3` is `mol m⁻³`.
pub(crate) fn pretty_unit(unit: &str) -> String {
    if unit == "1" {
        return String::new();
    }
    let mut text = String::new();
    for (place, word) in unit.split(' ').filter(|word| !word.is_empty()).enumerate() {
        if place > 0 {
            text.push('\u{a0}');
        }
        let mut parts = word.split('^');
        text.push_str(parts.next().unwrap_or_default());
        for power in parts {
            let digits =
                power.find(|c: char| c != '-' && !c.is_ascii_digit()).unwrap_or(power.len());
            let (number, rest) = power.split_at(digits);
            match number.parse() {
                Ok(number) if !rest.starts_with('.') => text.push_str(&superscript(number)),
                _ => text.push_str(&format!("^{number}")),
            }
            text.push_str(rest);
        }
    }
    let word = |text: String, from: &str, to: &str| if text == from { to.to_owned() } else { text };
    let text = word(text, "degC", "°C");
    let text = word(text, "deg", "°");
    let text = word(text, "ohm", "Ω");
    word(text, "um", "µm").replace('*', "·")
}

/// `name (unit)`, or the name alone.
pub(crate) fn with_unit(name: &str, unit: &str) -> String {
    if unit.is_empty() { name.to_owned() } else { format!("{name} ({unit})") }
}

/// A number with `digits` significant digits, in powers of ten where plain digits are unreadable.
pub(crate) fn number(value: f64, digits: usize) -> String {
    if value.is_nan() {
        return "not a number".to_owned();
    }
    if value == 0.0 || value.is_infinite() {
        return format!("{value}").replace('-', "−");
    }
    let text = format!("{:.*e}", digits.saturating_sub(1), value);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-3..6).contains(&exponent) {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        format!("{value:.decimals$}").replace('-', "−")
    } else {
        let mantissa = if mantissa.contains('.') {
            mantissa.trim_end_matches('0').trim_end_matches('.')
        } else {
            mantissa
        };
        format!("{mantissa} × 10{}", superscript(exponent)).replacen('-', "−", 1)
    }
}

/// Units that take a prefix when they stand alone.
const TAKE_PREFIX: [&str; 13] = ["V", "A", "W", "J", "s", "m", "Pa", "K", "N", "Hz", "g", "L", "B"];

/// Factor and printed unit that bring `size` (in `unit`) between 1 and 1000.
///
/// Units that stand alone take a prefix (`V` becomes `mV`), others a power of ten.
pub(crate) fn scaled_unit(unit: &str, size: f64) -> (f64, String) {
    let plain = pretty_unit(unit);
    if !(size.is_finite() && size > 0.0) {
        return (1.0, plain);
    }
    let thousands = (size.log10() / 3.0 + 1e-9).floor() as i32;
    if thousands == 0 || (thousands == 1 && size < 1e4 && unit != "J") {
        return (1.0, plain);
    }
    let prefix = match thousands {
        -5 => Some("f"),
        -4 => Some("p"),
        -3 => Some("n"),
        -2 => Some("µ"),
        -1 => Some("m"),
        1 => Some("k"),
        2 => Some("M"),
        3 => Some("G"),
        _ => None,
    };
    let small_only = matches!(unit, "s" | "m" | "K");
    match prefix {
        Some(prefix) if TAKE_PREFIX.contains(&unit) && !(small_only && thousands > 0) => {
            (10_f64.powi(-3 * thousands), format!("{prefix}{unit}"))
        }
        _ => {
            let power = size.log10().floor() as i32;
            if (-1..4).contains(&power) {
                return (1.0, plain);
            }
            let separator = if plain.is_empty() { "" } else { "\u{a0}" };
            (10_f64.powi(-power), format!("10{}{separator}{plain}", superscript(power)))
        }
    }
}

/// A value with its unit, scaled: `42.1 µV`.
pub(crate) fn quantity(value: f64, unit: &str, digits: usize) -> String {
    let plain = pretty_unit(unit);
    let (factor, scaled) = scaled_unit(unit, value.abs());
    if scaled.starts_with("10") || scaled == plain {
        let space = if plain.is_empty() { "" } else { "\u{a0}" };
        return format!("{}{space}{plain}", number(value, digits));
    }
    format!("{}\u{a0}{scaled}", number(value * factor, digits))
}

/// A duration: `42.1 s`, `4 min 02 s`, `2 h 05 min`.
pub(crate) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 120.0 {
        return quantity(seconds, "s", 3);
    }
    let whole = seconds.round() as u64;
    if whole < 7200 {
        format!("{}\u{a0}min {:02}\u{a0}s", whole / 60, whole % 60)
    } else {
        let minutes = whole.div_ceil(60);
        format!("{}\u{a0}h {:02}\u{a0}min", minutes / 60, minutes % 60)
    }
}

/// A count with narrow spaces between thousands: `17 409`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) && digits.len() > 4 {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_printed() {
        assert_eq!(pretty_unit("mol m^-3"), "mol\u{a0}m⁻³");
        assert_eq!(pretty_unit("m^2/s"), "m²/s");
        assert_eq!(pretty_unit("m^2.5"), "m^2.5");
        assert_eq!(pretty_unit("degC"), "°C");
        assert_eq!(pretty_unit("1"), "");
    }

    #[test]
    fn numbers_keep_their_digits() {
        assert_eq!(number(0.042, 3), "0.0420");
        assert_eq!(number(1.0e-14, 3), "1 × 10⁻¹⁴");
        assert_eq!(number(-3.14e-7, 3), "−3.14 × 10⁻⁷");
        assert_eq!(number(1234.5, 3), "1234");
        assert_eq!(number(0.0, 3), "0");
    }

    #[test]
    fn quantities_take_prefixes_or_powers() {
        assert_eq!(quantity(4.21e-5, "V", 3), "42.1\u{a0}µV");
        assert_eq!(quantity(1840.0, "J", 3), "1.84\u{a0}kJ");
        assert_eq!(quantity(3.2e-5, "mol m^-3", 2), "3.2 × 10⁻⁵\u{a0}mol\u{a0}m⁻³");
        assert_eq!(quantity(0.5, "", 2), "0.50");
        assert_eq!(scaled_unit("", 3e-5).1, "10⁻⁵");
        assert_eq!(scaled_unit("s", 3600.0), (1.0, "s".to_owned()));
    }

    #[test]
    fn durations_and_counts() {
        assert_eq!(duration(242.0), "4\u{a0}min 02\u{a0}s");
        assert_eq!(duration(7500.0), "2\u{a0}h 05\u{a0}min");
        assert_eq!(count(1234567), "1\u{202f}234\u{202f}567");
        assert_eq!(count(590), "590");
    }
}
