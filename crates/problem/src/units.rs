//! Units and dimensions: quantity strings in, SI numbers out, and dimensions in words.
//!
//! Units are products and quotients of the names in [`NAMES`], read from left to right:
//! `J/mol K` is `(J/mol) K`; write `J/(mol K)` for the other.

use std::fmt;

use crate::model::Unit;

/// Powers of the SI base units, in the order m, kg, s, A, K, mol, cd.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dimension {
    /// Powers of m, kg, s, A, K, mol, cd.
    pub powers: [f64; 7],
}

/// Powers closer than this are equal (`0.1 + 0.2` and `0.3`).
const SAME_POWER: f64 = 1e-9;

impl PartialEq for Dimension {
    fn eq(&self, other: &Self) -> bool {
        self.powers.iter().zip(&other.powers).all(|(a, b)| (a - b).abs() < SAME_POWER)
    }
}

impl Dimension {
    /// No unit.
    pub const ONE: Self = Self { powers: [0.0; 7] };

    /// Powers from whole numbers.
    const fn of(p: [i8; 7]) -> Self {
        let mut powers = [0.0; 7];
        let mut i = 0;
        while i < 7 {
            powers[i] = p[i] as f64;
            i += 1;
        }
        Self { powers }
    }

    /// True for plain numbers.
    pub fn is_one(&self) -> bool {
        *self == Self::ONE
    }

    /// Dimension of a product.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        self.combined(other, 1.0)
    }

    /// Dimension of a quotient.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        self.combined(other, -1.0)
    }

    /// Dimension of a power.
    #[must_use]
    pub fn power(&self, exponent: f64) -> Self {
        Self { powers: self.powers.map(|p| p * exponent) }
    }

    fn combined(&self, other: &Self, exponent: f64) -> Self {
        let mut powers = self.powers;
        for (p, q) in powers.iter_mut().zip(&other.powers) {
            *p += exponent * q;
        }
        Self { powers }
    }

    /// Symbols with their powers: derived units where they make it shorter (`V m^-1`).
    fn symbols(&self) -> Vec<(&'static str, f64)> {
        // amounts before lengths before times, as chemists write: mol m^-3 s^-1
        const ORDER: [usize; 7] = [1, 3, 5, 4, 6, 0, 2];
        const BASE: [&str; 7] = ["m", "kg", "s", "A", "K", "mol", "cd"];
        let plain = |d: &Dimension| -> Vec<(&'static str, f64)> {
            let used = ORDER.iter().filter(|&&i| d.powers[i].abs() > SAME_POWER);
            used.map(|&i| (BASE[i], d.powers[i])).collect()
        };
        let weight = |list: &[(&str, f64)]| -> f64 {
            list.iter().map(|(_, p)| 1.0 + 0.1 * p.abs() + 0.2 * p.fract().abs()).sum()
        };
        let mut best = plain(self);
        for name in ["V", "J", "W", "N", "Pa", "C", "F", "ohm", "S"] {
            let Some(entry) = NAMES.iter().find(|n| n.name == name) else {
                continue;
            };
            for exponent in [1.0, -1.0] {
                let mut list = vec![(name, exponent)];
                list.extend(plain(&self.over(&Dimension::of(entry.powers).power(exponent))));
                if weight(&list) < weight(&best) - 0.5 {
                    best = list;
                }
            }
        }
        best
    }

    /// As a factor in words: `1/m`, `m^2/s`.
    pub fn as_factor(&self) -> String {
        let symbols = self.symbols();
        let side = |sign: f64| -> Vec<String> {
            let list = symbols.iter().filter(|(_, p)| p * sign > 0.0);
            list.map(|&(s, p)| with_power(s, p * sign)).collect()
        };
        let (top, bottom) = (side(1.0), side(-1.0));
        let top = if top.is_empty() { "1".to_string() } else { top.join(" ") };
        match bottom.as_slice() {
            [] => top,
            [one] => format!("{top}/{one}"),
            many => format!("{top}/({})", many.join(" ")),
        }
    }
}

fn with_power(symbol: &str, power: f64) -> String {
    let rounded = (power * 1e6).round() / 1e6;
    if (power - 1.0).abs() < SAME_POWER {
        symbol.to_string()
    } else {
        format!("{symbol}^{rounded}")
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let symbols = self.symbols();
        if symbols.is_empty() {
            return write!(f, "no unit");
        }
        let words: Vec<String> = symbols.iter().map(|&(s, p)| with_power(s, p)).collect();
        write!(f, "{}", words.join(" "))
    }
}

impl Unit {
    /// The unit of plain numbers.
    pub fn one() -> Self {
        Self { text: "1".to_string(), factor: 1.0, dimension: Dimension::ONE }
    }

    /// The SI unit of a dimension.
    pub fn si(dimension: Dimension) -> Self {
        let text = if dimension.is_one() { "1".to_string() } else { dimension.to_string() };
        Self { text, factor: 1.0, dimension }
    }
}

struct Named {
    name: &'static str,
    factor: f64,
    powers: [i8; 7],
    prefixes: bool,
}

const fn unit(name: &'static str, factor: f64, powers: [i8; 7], prefixes: bool) -> Named {
    Named { name, factor, powers, prefixes }
}

/// All unit names; `prefixes` tells whether `k`, `m`, `u`, … may stand before.
const NAMES: &[Named] = &[
    unit("m", 1.0, [1, 0, 0, 0, 0, 0, 0], true),
    unit("g", 1e-3, [0, 1, 0, 0, 0, 0, 0], true),
    unit("s", 1.0, [0, 0, 1, 0, 0, 0, 0], true),
    unit("A", 1.0, [0, 0, 0, 1, 0, 0, 0], true),
    unit("K", 1.0, [0, 0, 0, 0, 1, 0, 0], true),
    unit("mol", 1.0, [0, 0, 0, 0, 0, 1, 0], true),
    unit("cd", 1.0, [0, 0, 0, 0, 0, 0, 1], true),
    unit("Hz", 1.0, [0, 0, -1, 0, 0, 0, 0], true),
    unit("N", 1.0, [1, 1, -2, 0, 0, 0, 0], true),
    unit("Pa", 1.0, [-1, 1, -2, 0, 0, 0, 0], true),
    unit("J", 1.0, [2, 1, -2, 0, 0, 0, 0], true),
    unit("W", 1.0, [2, 1, -3, 0, 0, 0, 0], true),
    unit("C", 1.0, [0, 0, 1, 1, 0, 0, 0], true),
    unit("V", 1.0, [2, 1, -3, -1, 0, 0, 0], true),
    unit("F", 1.0, [-2, -1, 4, 2, 0, 0, 0], true),
    unit("ohm", 1.0, [2, 1, -3, -2, 0, 0, 0], true),
    unit("Ω", 1.0, [2, 1, -3, -2, 0, 0, 0], true),
    unit("S", 1.0, [-2, -1, 3, 2, 0, 0, 0], true),
    unit("L", 1e-3, [3, 0, 0, 0, 0, 0, 0], true),
    unit("M", 1e3, [-3, 0, 0, 0, 0, 1, 0], true),
    unit("h", 3600.0, [0, 0, 1, 0, 0, 0, 0], false),
    unit("min", 60.0, [0, 0, 1, 0, 0, 0, 0], false),
    unit("day", 86400.0, [0, 0, 1, 0, 0, 0, 0], false),
    unit("bar", 1e5, [-1, 1, -2, 0, 0, 0, 0], true),
    unit("eV", 1.602_176_634e-19, [2, 1, -2, 0, 0, 0, 0], true),
    unit("rad", 1.0, [0; 7], true),
    unit("deg", std::f64::consts::PI / 180.0, [0; 7], false),
    unit("%", 0.01, [0; 7], false),
];

const PREFIXES: &[(&str, f64)] = &[
    ("f", 1e-15),
    ("p", 1e-12),
    ("n", 1e-9),
    ("u", 1e-6),
    ("µ", 1e-6),
    ("μ", 1e-6),
    ("m", 1e-3),
    ("c", 1e-2),
    ("d", 1e-1),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
];

/// 0 degC in K.
const ICE_K: f64 = 273.15;

/// A number with its unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// SI value.
    pub value: f64,
    /// The unit as written (`K` for `degC`).
    pub unit: Unit,
    /// Written without a unit: takes the unit its place expects.
    pub plain: bool,
    /// Written in degC: a place on the scale of temperatures, not a difference.
    pub celsius: bool,
}

impl Quantity {
    /// A number without a unit.
    pub fn number(value: f64) -> Self {
        Self { value, unit: Unit::one(), plain: true, celsius: false }
    }
}

/// What is wrong with a unit, and where in the string (bytes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitError {
    /// What is wrong.
    pub message: String,
    /// A way out.
    pub help: Option<String>,
    /// First byte of the place.
    pub start: usize,
    /// Byte after the place.
    pub end: usize,
}

/// True if the string is meant as a number with or without unit, not as an expression.
pub fn looks_like_quantity(text: &str) -> bool {
    let text = text.trim();
    let Some(length) = number_length(text) else {
        return false;
    };
    let rest = &text[length..];
    let after = rest.trim_start();
    match after.chars().next() {
        None => true,
        Some('(' | '1') => after.len() < rest.len(),
        Some(c) => c.is_alphabetic() || c == '%' || c == '°',
    }
}

/// Reads `3.0e-14 m^2/s`.
///
/// # Errors
/// If the string has no number in front or the unit is not known.
pub fn parse_quantity(text: &str) -> Result<Quantity, UnitError> {
    let lead = text.len() - text.trim_start().len();
    let body = text.trim();
    let Some(length) = number_length(body) else {
        return Err(UnitError {
            message: "expected a number with a unit".to_string(),
            help: Some("for example `4 um` or `3.0e-14 m^2/s`".to_string()),
            start: 0,
            end: text.len(),
        });
    };
    let number: f64 = body[..length].replace('_', "").parse().unwrap_or(f64::NAN);
    if !number.is_finite() {
        return Err(UnitError {
            message: format!("`{}` is beyond what a number can hold", &body[..length]),
            help: Some("the largest is about 1.8e308".to_string()),
            start: lead,
            end: lead + length,
        });
    }
    let rest = &body[length..];
    let unit_text = rest.trim();
    if unit_text.is_empty() {
        return Ok(Quantity::number(number));
    }
    let offset = lead + length + (rest.len() - rest.trim_start().len());
    if matches!(unit_text, "degC" | "°C") {
        let kelvin = parse_unit("K")?;
        return Ok(Quantity { value: number + ICE_K, unit: kelvin, plain: false, celsius: true });
    }
    let unit = parse_unit(unit_text).map_err(|mut e| {
        e.start += offset;
        e.end += offset;
        e
    })?;
    Ok(Quantity { value: number * unit.factor, unit, plain: false, celsius: false })
}

/// Length in bytes of the number at the start, if there is one.
fn number_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut i = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let digits = |mut i: usize| {
        while i < bytes.len() && (bytes[i].is_ascii_digit() || bytes[i] == b'_') {
            i += 1;
        }
        i
    };
    let start = i;
    i = digits(i);
    let mut count = i - start;
    if bytes.get(i) == Some(&b'.') && bytes.get(i + 1) != Some(&b'.') {
        let end = digits(i + 1);
        count += end - i - 1;
        i = end;
    }
    if count == 0 || bytes.get(start) == Some(&b'_') {
        return None;
    }
    if matches!(bytes.get(i), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(i + 1), Some(b'+' | b'-')));
        if bytes.get(i + 1 + sign).is_some_and(u8::is_ascii_digit) {
            i = digits(i + 1 + sign);
        }
    }
    Some(i)
}

/// Reads a unit such as `A m^-2 (mol m^-3)^-1.5`.
///
/// # Errors
/// If a name is not a unit or the text is not a product of units.
pub fn parse_unit(text: &str) -> Result<Unit, UnitError> {
    if matches!(text.trim(), "degC" | "°C") {
        let help = "write K; for values in degC subtract a constant, as in `T - ice` with \
                    [constants] ice = \"0 degC\"";
        return Err(UnitError {
            message: "degC cannot be the unit of a result: its zero is not that of K".to_string(),
            help: Some(help.to_string()),
            start: 0,
            end: text.len(),
        });
    }
    let mut reader = UnitReader { text, at: 0, depth: 0 };
    let (factor, dimension) = reader.product()?;
    reader.space();
    if reader.at < text.len() {
        return Err(reader.error("expected a unit here", None, reader.at, text.len()));
    }
    Ok(Unit { text: text.trim().to_string(), factor, dimension })
}

struct UnitReader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl UnitReader<'_> {
    fn error(&self, message: &str, help: Option<String>, start: usize, end: usize) -> UnitError {
        UnitError { message: message.to_string(), help, start, end: end.max(start) }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn space(&mut self) {
        while let Some(c) = self.peek().filter(|c| c.is_whitespace()) {
            self.at += c.len_utf8();
        }
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.space();
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn product(&mut self) -> Result<(f64, Dimension), UnitError> {
        let (mut factor, mut dimension) = self.power()?;
        loop {
            self.space();
            let divide = match self.peek() {
                None | Some(')') => return Ok((factor, dimension)),
                Some('/') => {
                    self.at += 1;
                    true
                }
                Some(c @ ('*' | '·')) => {
                    self.at += c.len_utf8();
                    false
                }
                Some(_) => false,
            };
            let (f, d) = self.power()?;
            factor = if divide { factor / f } else { factor * f };
            dimension = if divide { dimension.over(&d) } else { dimension.times(&d) };
        }
    }

    fn power(&mut self) -> Result<(f64, Dimension), UnitError> {
        self.space();
        let start = self.at;
        let (factor, dimension) = match self.peek() {
            Some('(') => {
                self.at += 1;
                self.depth += 1;
                if self.depth > 32 {
                    return Err(self.error("too many brackets", None, start, self.at));
                }
                let inner = self.product()?;
                self.depth -= 1;
                if !self.eat(')') {
                    return Err(self.error("this bracket is not closed", None, start, start + 1));
                }
                inner
            }
            Some('1') => {
                self.at += 1;
                (1.0, Dimension::ONE)
            }
            _ => self.name()?,
        };
        if !self.eat('^') {
            return Ok((factor, dimension));
        }
        let exponent = self.exponent()?;
        Ok((factor.powf(exponent), dimension.power(exponent)))
    }

    fn exponent(&mut self) -> Result<f64, UnitError> {
        self.space();
        let bracket = self.eat('(');
        let mut value = self.number()?;
        if bracket {
            if self.eat('/') {
                value /= self.number()?;
            }
            if !self.eat(')') {
                let at = self.at;
                return Err(self.error("expected `)` after the power", None, at, at + 1));
            }
        }
        Ok(value)
    }

    fn number(&mut self) -> Result<f64, UnitError> {
        self.space();
        let rest = &self.text[self.at..];
        let Some(length) = number_length(rest) else {
            let help = Some("powers are numbers: `m^2`, `s^-1`, `mol^(1/2)`".to_string());
            return Err(self.error("expected a power", help, self.at, self.text.len()));
        };
        self.at += length;
        Ok(rest[..length].parse().unwrap_or(f64::NAN))
    }

    fn name(&mut self) -> Result<(f64, Dimension), UnitError> {
        let start = self.at;
        while let Some(c) = self.peek().filter(|c| c.is_alphabetic() || matches!(c, '%' | '°')) {
            self.at += c.len_utf8();
        }
        let name = &self.text[start..self.at];
        if let Some(found) = look_up(name) {
            return Ok(found);
        }
        if matches!(name, "degC" | "°C") {
            let help = Some("in compound units write K".to_string());
            let message = "degC stands alone with a number only, as in `25 degC`";
            return Err(self.error(message, help, start, self.at));
        }
        let (message, help) = if name.is_empty() {
            ("expected a unit".to_string(), Some("for example `m^2/s`".to_string()))
        } else {
            (format!("`{name}` is not a unit"), unit_help(name))
        };
        let end = if name.is_empty() { self.text.len() } else { self.at };
        Err(self.error(&message, help, start, end))
    }
}

fn look_up(name: &str) -> Option<(f64, Dimension)> {
    let exact = NAMES.iter().find(|n| n.name == name);
    if let Some(n) = exact {
        return Some((n.factor, Dimension::of(n.powers)));
    }
    PREFIXES.iter().find_map(|(prefix, scale)| {
        let rest = name.strip_prefix(prefix)?;
        let n = NAMES.iter().find(|n| n.prefixes && n.name == rest)?;
        Some((scale * n.factor, Dimension::of(n.powers)))
    })
}

fn unit_help(name: &str) -> Option<String> {
    let common = match name.to_lowercase().as_str() {
        "sec" | "second" | "seconds" => "s",
        "hour" | "hours" | "hr" => "h",
        "minute" | "minutes" => "min",
        "meter" | "metre" | "meters" | "metres" => "m",
        "micron" | "microns" => "um",
        "kelvin" => "K",
        "celsius" => "degC",
        "volt" | "volts" => "V",
        "amp" | "amps" | "ampere" => "A",
        "days" | "d" => "day",
        "percent" => "%",
        _ => "",
    };
    if !common.is_empty() {
        return Some(format!("did you mean `{common}`?"));
    }
    if let Some(n) = NAMES.iter().find(|n| n.name.eq_ignore_ascii_case(name)) {
        return Some(format!("did you mean `{}`?", n.name));
    }
    Some(
        "units: m g s A K mol cd Hz N Pa J W C V F ohm S L M h min day degC bar eV rad deg %, \
         with prefixes f p n u m c d k M G T"
            .to_string(),
    )
}
