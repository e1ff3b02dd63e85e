//! Symmetry operations as text: `-x, y+1/2, z`.

use std::fmt;

use nalgebra::{Matrix3, Vector3};

/// A symmetry operation x' = rotation x + translation in fractional coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Operation {
    /// Its linear part.
    pub rotation: Matrix3<i32>,
    /// Its translation.
    pub translation: Vector3<f64>,
}

impl Operation {
    /// The operation that moves nothing.
    #[must_use]
    pub fn identity() -> Self {
        Self { rotation: Matrix3::identity(), translation: Vector3::zeros() }
    }

    /// Image of a position.
    #[must_use]
    pub fn apply(&self, position: &Vector3<f64>) -> Vector3<f64> {
        self.rotation.map(f64::from) * position + self.translation
    }
}

impl fmt::Display for Operation {
    /// `-x, y+1/2, z`; translations that are no twelfths or eighths have six decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in 0..3 {
            if row > 0 {
                f.write_str(", ")?;
            }
            let mut first = true;
            for (column, name) in ["x", "y", "z"].iter().enumerate() {
                match self.rotation[(row, column)] {
                    0 => continue,
                    1 if first => write!(f, "{name}")?,
                    1 => write!(f, "+{name}")?,
                    -1 => write!(f, "-{name}")?,
                    n => write!(f, "{n:+}{name}")?,
                }
                first = false;
            }
            shift(f, self.translation[row])?;
        }
        Ok(())
    }
}

/// A translation as a fraction.
fn shift(f: &mut fmt::Formatter<'_>, value: f64) -> fmt::Result {
    let twentyfourths = (value * 24.0).round();
    if twentyfourths == 0.0 && value.abs() < 1e-9 {
        return Ok(());
    }
    if (value * 24.0 - twentyfourths).abs() > 1e-6 {
        return write!(f, "{value:+.6}");
    }
    let (mut over, mut under) = (twentyfourths as i64, 24_i64);
    for divisor in [2, 2, 2, 3] {
        if over % divisor == 0 && under % divisor == 0 {
            (over, under) = (over / divisor, under / divisor);
        }
    }
    write!(f, "{over:+}/{under}")
}

/// Reads an operation such as `-x, y+1/2, z` or `1/2-X,Y,0.25+Z`. None where it is none: an unknown
/// character, a number of terms other than three, or a linear part that is not unimodular.
#[must_use]
pub fn parse_operation(text: &str) -> Option<Operation> {
    let mut operation = Operation { rotation: Matrix3::zeros(), translation: Vector3::zeros() };
    let mut terms = text.split(',');
    for row in 0..3 {
        let (linear, shift) = parse_row(terms.next()?)?;
        for (column, value) in linear.into_iter().enumerate() {
            operation.rotation[(row, column)] = value;
        }
        operation.translation[row] = shift;
    }
    let unimodular = operation.rotation.map(f64::from).determinant().abs() - 1.0;
    (terms.next().is_none() && unimodular.abs() < 1e-9).then_some(operation)
}

/// Coefficients of x, y, z and the constant of one coordinate.
fn parse_row(text: &str) -> Option<([i32; 3], f64)> {
    let mut linear = [0; 3];
    let mut shift = 0.0;
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let mut rest = compact.as_str();
    if rest.is_empty() || rest.len() > 40 {
        return None;
    }
    let mut first = true;
    while !rest.is_empty() {
        let sign = match rest.as_bytes()[0] {
            b'+' => 1.0,
            b'-' => -1.0,
            _ if first => 1.0,
            _ => return None,
        };
        rest = rest.strip_prefix(['+', '-']).unwrap_or(rest);
        first = false;
        let length = rest.find(['+', '-']).unwrap_or(rest.len());
        let (term, tail) = rest.split_at(length);
        rest = tail;
        match term.trim_end_matches('*').to_ascii_lowercase().as_str() {
            "x" => linear[0] += sign as i32,
            "y" => linear[1] += sign as i32,
            "z" => linear[2] += sign as i32,
            number => shift += sign * fraction(number)?,
        }
    }
    Some((linear, shift))
}

/// A number such as `1/2` or `0.25`.
fn fraction(text: &str) -> Option<f64> {
    let plain = |t: &str| {
        let digits = !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if digits { t.parse::<f64>().ok() } else { None }
    };
    let value = match text.split_once('/') {
        Some((over, under)) => plain(over)? / plain(under)?,
        None => plain(text)?,
    };
    // thirds are often written with few digits
    let sixths = (value * 24.0).round() / 24.0;
    let value = if (value - sixths).abs() < 5e-4 { sixths } else { value };
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_read_in_their_usual_spellings() {
        for text in ["-x, y+1/2, z", "-X,1/2+Y,Z", " - x , +y + 0.5, z"] {
            let operation = parse_operation(text).unwrap();
            let image = operation.apply(&Vector3::new(0.1, 0.2, 0.3));
            assert!((image - Vector3::new(-0.1, 0.7, 0.3)).norm() < 1e-12, "{text}");
        }
        let hexagonal = parse_operation("x-y,x,z+0.3333").unwrap();
        assert_eq!(hexagonal.rotation[(0, 1)], -1);
        assert!((hexagonal.translation[2] - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn other_texts_are_no_operations() {
        for text in
            ["", "x,y", "x,y,z,x", "x,y,q", "x,x,z", "x,y,1/0+z", "x+,y,z", "xy,y,z", "x,y,2"]
        {
            assert_eq!(parse_operation(text), None, "{text}");
        }
    }
}
