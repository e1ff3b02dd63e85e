//! PANalytical XRDML: the first scan of a measurement.
//!
//! Only four elements are looked for: the wavelengths, the 2 theta positions, the intensities, the
//! counting time. The file is searched as text; entities and namespaces do not occur in numbers.

use super::Pattern;
use super::read::{Axis, PatternError, finish};
use crate::diffraction::{Line, Radiation};

/// Reads an XRDML file; angles and wavelengths are those that it states.
///
/// # Errors
///
/// Files without wavelength, 2 theta positions or intensities, and what makes no pattern.
pub fn read_xrdml(text: &str) -> Result<Pattern, PatternError> {
    let missing = |what: &str| PatternError::Xrdml(format!("it has no {what}"));
    let number = |text: &str, what: &str| {
        let value = text.trim().parse::<f64>().ok().filter(|v| v.is_finite());
        value.ok_or_else(|| PatternError::Xrdml(format!("its {what} is no number")))
    };
    let first = number(element(text, "kAlpha1").ok_or_else(|| missing("kAlpha1"))?.1, "kAlpha1")?;
    let mut lines = vec![Line { wavelength: first, weight: 1.0 }];
    if let (Some((_, second)), Some((_, ratio))) =
        (element(text, "kAlpha2"), element(text, "ratioKAlpha2KAlpha1"))
    {
        let (wavelength, weight) = (number(second, "kAlpha2")?, number(ratio, "ratio")?);
        if weight > 0.0 && wavelength > 0.0 {
            lines.push(Line { wavelength, weight });
        }
    }
    if lines[0].wavelength <= 0.0 {
        return Err(PatternError::Xrdml("its wavelength is not positive".to_string()));
    }
    let positions = positions(text).ok_or_else(|| missing("positions of the axis 2Theta"))?;
    let counts = element(text, "counts").or_else(|| element(text, "intensities"));
    let counts = counts.ok_or_else(|| missing("counts or intensities"))?.1;
    let values: Vec<f64> =
        counts.split_whitespace().map(|t| number(t, "counts")).collect::<Result<_, _>>()?;
    let n = values.len();
    let listed: Option<Vec<f64>> = element(positions, "listPositions")
        .map(|(_, list)| list.split_whitespace().map(|t| number(t, "positions")).collect())
        .transpose()?;
    let places = if let Some(listed) = listed {
        listed
    } else {
        let start = element(positions, "startPosition").ok_or_else(|| missing("startPosition"))?.1;
        let end = element(positions, "endPosition").ok_or_else(|| missing("endPosition"))?.1;
        let (start, end) = (number(start, "startPosition")?, number(end, "endPosition")?);
        let step = (end - start) / (n.max(2) - 1) as f64;
        (0..n).map(|k| start + step * k as f64).collect()
    };
    if places.len() != n {
        let found = format!("it has {} positions and {n} intensities", places.len());
        return Err(PatternError::Xrdml(found));
    }
    let rows = places.into_iter().zip(values).map(|(x, i)| (0, [x, i, f64::NAN])).collect();
    finish(rows, Axis::TwoThetaDeg, Radiation { lines }, false)
}

/// The first element of a name: its attributes and what it holds.
fn element<'a>(text: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let open = format!("<{name}");
    let mut from = 0;
    loop {
        let at = from + text[from..].find(&open)?;
        let rest = &text[at + open.len()..];
        from = at + open.len();
        if rest.starts_with(|c: char| c.is_whitespace() || c == '>') {
            let end = rest.find('>')?;
            let inner = &rest[end + 1..];
            let close = inner.find(&format!("</{name}"))?;
            return Some((&rest[..end], &inner[..close]));
        }
    }
}

/// What the element `positions` of the axis 2Theta holds.
fn positions(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        let (attributes, inner) = element(rest, "positions")?;
        if attributes.contains("\"2Theta\"") {
            return Some(inner);
        }
        let after = inner.as_ptr() as usize - rest.as_ptr() as usize + inner.len();
        rest = &rest[after..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> String {
        let counts: Vec<String> = (0..101).map(|k| (k % 9 * 10).to_string()).collect();
        format!(
            "<xrdMeasurements><usedWavelength intended=\"K-Alpha\"><kAlpha1 unit=\"Angstrom\">1.5405980\
             </kAlpha1><kAlpha2 unit=\"Angstrom\">1.5444260</kAlpha2><ratioKAlpha2KAlpha1>0.5000\
             </ratioKAlpha2KAlpha1></usedWavelength><scan><dataPoints><positions axis=\"Omega\" \
             unit=\"deg\"><startPosition>5</startPosition><endPosition>30</endPosition></positions>\
             <positions axis=\"2Theta\" unit=\"deg\"><startPosition>10.0</startPosition><endPosition>\
             60.0</endPosition></positions><counts unit=\"counts\">{}</counts></dataPoints></scan>\
             </xrdMeasurements>",
            counts.join(" ")
        )
    }

    #[test]
    fn a_scan_is_read_with_its_wavelengths() {
        let pattern = read_xrdml(&file()).unwrap();
        assert_eq!(pattern.two_theta_deg.len(), 101);
        assert!((pattern.two_theta_deg[50] - 35.0).abs() < 1e-9);
        assert_eq!(pattern.radiation.lines.len(), 2);
    }

    #[test]
    fn missing_parts_are_named() {
        for part in ["kAlpha1", "counts", "\"2Theta\"", "startPosition"] {
            let broken = file().replace(part, "other");
            assert!(matches!(read_xrdml(&broken), Err(PatternError::Xrdml(_))), "{part}");
        }
        assert!(read_xrdml("<a>").is_err());
    }
}
