//! From peaks to what the network reads.
//!
//! Positions are given to the network relative to the size
//! of the atoms, as `ln(Q size)` and `(Q size)^2`, in waves of many lengths: the squares of the Q of a
//! crystal's reflections are sums of whole multiples of few numbers.

pub use surrogate_crystal::pattern::{Maximum as Peak, PeakFinder};

/// Most peaks of a pattern that become tokens: those at the smallest Q.
pub const MOST_PEAKS: usize = 40;

/// Waves of the logarithm of Q, and of its square, each with a sine and a cosine.
const LOG_WAVES: usize = 14;
const SQUARE_WAVES: usize = 12;

/// Numbers of a peak's token.
pub const PEAK_NUMBERS: usize = 2 * (LOG_WAVES + SQUARE_WAVES) + 6;

/// Numbers of a peak's token for atoms of a `size` in angstrom; `known` says whether the size is that of
/// the composition or a common one.
pub fn numbers(peak: Peak, size: f64, known: bool, out: &mut Vec<f32>) {
    let q = peak.q * size;
    let waves = |x: f64, longest: f64, shortest: f64, count: usize, out: &mut Vec<f32>| {
        for k in 0..count {
            let share = k as f64 / (count - 1) as f64;
            let length = longest * (shortest / longest).powf(share);
            let (sine, cosine) = (std::f64::consts::TAU * x / length).sin_cos();
            out.push(sine as f32);
            out.push(cosine as f32);
        }
    };
    waves(q.ln(), 6.0, 0.015, LOG_WAVES, out);
    waves(q * q, 400.0, 0.8, SQUARE_WAVES, out);
    let height = peak.height.max(1e-4);
    out.push(1.0);
    out.push(if known { 1.0 } else { 0.0 });
    out.push((height.ln() / 3.0 + 1.0) as f32);
    out.push(height as f32);
    out.push(height.sqrt() as f32);
    out.push((q / 10.0) as f32);
}
