//! Removal of a smooth background.

use super::Pattern;

/// Background under the peaks by repeated clipping: each value is lowered to the mean of its neighbours
/// at a distance that grows to `width_deg` (several times the width of a peak) and shrinks again. The
/// clipping works on the logarithm of the logarithm of the square root of the intensities, so that
/// strong peaks do not raise it.
///
/// Source: Ryan et al. (1988), SNIP, a statistics-sensitive background treatment.
#[must_use]
pub fn background(pattern: &Pattern, width_deg: f64) -> Vec<f64> {
    let lowest = pattern.intensity.iter().copied().fold(f64::INFINITY, f64::min);
    let compress = |i: f64| (((i - lowest + 1.0).sqrt() + 1.0).ln() + 1.0).ln();
    let expand = |v: f64| ((v.exp() - 1.0).exp() - 1.0).powi(2) - 1.0 + lowest;
    let mut values: Vec<f64> = pattern.intensity.iter().map(|&i| compress(i)).collect();
    let n = values.len();
    let range = pattern.two_theta_deg.last().unwrap_or(&1.0)
        - pattern.two_theta_deg.first().unwrap_or(&0.0);
    let step = (range / n.max(1) as f64).max(f64::MIN_POSITIVE);
    let most = ((width_deg / step).ceil() as usize).clamp(1, (n / 2).max(1));
    // 1, 2, 4 … most steps cost a hundredth of every distance and smooth as well
    let mut distances = Vec::new();
    let mut distance = 1.0_f64;
    while (distance as usize) < most {
        distances.push(distance as usize);
        distance = (distance * 1.3).max(distance + 1.0);
    }
    distances.push(most);
    let down: Vec<usize> = distances.iter().rev().copied().collect();
    let mut next = values.clone();
    for distance in distances.into_iter().chain(down) {
        for i in distance..n.saturating_sub(distance) {
            let mean = f64::midpoint(values[i - distance], values[i + distance]);
            next[i] = values[i].min(mean);
        }
        values.copy_from_slice(&next);
    }
    values.into_iter().map(expand).collect()
}

/// The pattern without its [`background`].
#[must_use]
pub fn without_background(pattern: &Pattern, width_deg: f64) -> Pattern {
    let base = background(pattern, width_deg);
    let intensity = pattern.intensity.iter().zip(base).map(|(i, b)| i - b).collect();
    Pattern { intensity, ..pattern.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffraction::Radiation;

    #[test]
    fn peaks_stay_and_the_slope_below_them_goes() {
        let angles: Vec<f64> = (0..4000).map(|k| 10.0 + f64::from(k) * 0.02).collect();
        let peak = |x: f64, at: f64, height: f64| height * (-((x - at) / 0.1).powi(2)).exp();
        let peaks = |x: f64| peak(x, 30.0, 1000.0) + peak(x, 45.0, 300.0) + peak(x, 46.0, 80.0);
        let slope = |x: f64| 200.0 - x + 500.0 * (-x / 20.0).exp();
        let pattern = Pattern {
            intensity: angles.iter().map(|&x| peaks(x) + slope(x)).collect(),
            two_theta_deg: angles.clone(),
            sigma: None,
            radiation: Radiation::parse("CuKa").unwrap(),
        };
        let bare = without_background(&pattern, 2.0);
        for (x, i) in angles.iter().zip(&bare.intensity) {
            assert!((i - peaks(*x)).abs() < 8.0, "{x}: {i} for {}", peaks(*x));
        }
    }
}
