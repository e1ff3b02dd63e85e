//! Powder diffraction of X-rays.
//!
//! Legend: s = sin(theta) / lambda = |G| / 2, Q = 4 pi s, in 1/angstrom; angles 2 theta in degrees.
//! Intensity of a reflection: multiplicity x |F|^2 x Lorentz-polarisation factor of an unpolarised
//! beam without monochromator, (1 + cos^2 2 theta) / (sin^2 theta cos theta). Anomalous scattering
//! and absorption are left out.

mod broadening;
mod form_factor;
mod form_factor_table;
mod instrument;
mod model;
mod peaks;
mod phases;
mod radiation;
mod texture;

pub use broadening::{Broadening, BroadeningError, QGrid, r_wp};
pub use form_factor::FormFactor;
pub use instrument::{INSTRUMENT_PARAMETERS, Instrument};
pub use model::{Gradient, PowderModel};
pub use peaks::{DiffractionError, Peak, Reflection, peaks, reflections};
pub use radiation::{Line, Radiation};
pub use texture::Texture;

/// Lorentz-polarisation factor at sin^2(theta), and its derivative by sin^2(theta).
///
/// Infinite at 0 and 1; callers stay between.
#[inline]
fn lorentz_polarisation(sin2: f64) -> (f64, f64) {
    let cos2 = 1.0 - sin2;
    let cos = cos2.sqrt();
    let cos_double = 1.0 - 2.0 * sin2;
    let over = 1.0 + cos_double * cos_double;
    let value = over / (sin2 * cos);
    // d ln(value) / d sin2
    let slope = -4.0 * cos_double / over - 1.0 / sin2 + 0.5 / cos2;
    (value, value * slope)
}
