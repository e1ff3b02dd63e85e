//! Wavelengths of X-rays.

/// One wavelength and its share of the beam.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Wavelength in angstrom.
    pub wavelength: f64,
    /// Intensity relative to the strongest line.
    pub weight: f64,
}

/// The wavelengths of a beam, the strongest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Radiation {
    /// Its lines; at least one.
    pub lines: Vec<Line>,
}

/// Anode, K-alpha 1, K-alpha 2, their mean, K-beta 1, in angstrom, as pymatgen has them.
const ANODES: [(&str, [f64; 4]); 6] = [
    ("Cu", [1.54056, 1.54439, 1.54184, 1.39222]),
    ("Mo", [0.70930, 0.71359, 0.71073, 0.63229]),
    ("Cr", [2.28970, 2.29361, 2.29100, 2.08487]),
    ("Fe", [1.93604, 1.93998, 1.93735, 1.75661]),
    ("Co", [1.78896, 1.79285, 1.79026, 1.63079]),
    ("Ag", [0.559421, 0.563813, 0.560885, 0.497082]),
];

impl Radiation {
    /// A single wavelength in angstrom. None if it is not positive and finite.
    #[must_use]
    pub fn monochromatic(wavelength: f64) -> Option<Self> {
        let line = Line { wavelength, weight: 1.0 };
        (wavelength.is_finite() && wavelength > 0.0).then(|| Self { lines: vec![line] })
    }

    /// Radiation by name or wavelength: `CuKa` (the mean of both lines), `CuKa1`, `CuKa2`, `CuKb1`,
    /// `CuKa12` (the doublet, 2 : 1), the same for Mo, Cr, Fe, Co and Ag, or a number in angstrom.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(wavelength) = text.parse() {
            return Self::monochromatic(wavelength);
        }
        let (_, [first, second, mean, beta]) = ANODES
            .iter()
            .find(|(anode, _)| text.get(..2).is_some_and(|t| t.eq_ignore_ascii_case(anode)))?;
        match text[2..].to_ascii_lowercase().as_str() {
            "ka" => Self::monochromatic(*mean),
            "ka1" => Self::monochromatic(*first),
            "ka2" => Self::monochromatic(*second),
            "kb" | "kb1" => Self::monochromatic(*beta),
            "ka12" => Some(Self {
                lines: vec![
                    Line { wavelength: *first, weight: 1.0 },
                    Line { wavelength: *second, weight: 0.5 },
                ],
            }),
            _ => None,
        }
    }

    /// Wavelength in angstrom of the strongest line.
    #[must_use]
    pub fn wavelength(&self) -> f64 {
        self.lines.first().map_or(f64::NAN, |line| line.wavelength)
    }
}
