//! Removal of a smooth background.

use super::Pattern;

/// Part of the highest intensity that counts as one: strong peaks are the same in any unit.
const UNIT: f64 = 1e-4;
/// Width of the mean over which noise is smoothed, in widths of the clipping: clipping goes along the lower edge
/// of what it sees.
const SMOOTHED: f64 = 0.15;
/// How many standard deviations of the smoothed noise clipping comes to lie low: measured on even noise.
const LOW: f64 = 2.0;

/// Background under the peaks by repeated clipping: each value is lowered to the mean of its neighbours
/// at a distance that grows to `width_deg` (several times the width of a peak) and shrinks again. The
/// clipping works on the logarithm of the logarithm of the square root of the smoothed intensities, so that
/// strong peaks do not raise it.
///
/// Source: Ryan et al. (1988), SNIP, a statistics-sensitive background treatment.
#[must_use]
pub fn background(pattern: &Pattern, width_deg: f64) -> Vec<f64> {
    let n = pattern.intensity.len();
    let range = pattern.two_theta_deg.last().unwrap_or(&1.0)
        - pattern.two_theta_deg.first().unwrap_or(&0.0);
    let step = (range / n.max(1) as f64).max(f64::MIN_POSITIVE);
    let most = ((width_deg / step).ceil() as usize).clamp(1, (n / 2).max(1));
    let reach = (SMOOTHED * width_deg / step / 2.0) as usize;
    let smooth = smoothed(&pattern.intensity, reach);
    let raised = LOW * noise(&pattern.intensity) / ((2 * reach + 1) as f64).sqrt();
    let lowest = smooth.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = smooth.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let unit = (UNIT * (highest - lowest)).max(f64::MIN_POSITIVE);
    let compress = |i: f64| ((((i - lowest) / unit + 1.0).sqrt() + 1.0).ln() + 1.0).ln();
    let expand = |v: f64| (((v.exp() - 1.0).exp() - 1.0).powi(2) - 1.0) * unit + lowest;
    let mut values: Vec<f64> = smooth.into_iter().map(compress).collect();
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
    values.into_iter().map(|v| expand(v) + raised).collect()
}

/// Standard deviation of noise that differs from point to point: of half of all neighbours, which no peak parts.
pub(crate) fn noise(values: &[f64]) -> f64 {
    let mut steps: Vec<f64> = values.windows(2).map(|w| (w[1] - w[0]).abs()).collect();
    steps.sort_by(f64::total_cmp);
    // the median of the size of a normal number is 0.6745 of its standard deviation
    steps.get(steps.len() / 2).map_or(0.0, |middle| middle / (0.6745 * 2.0_f64.sqrt()))
}

/// Means over each value and `reach` neighbours on both sides, fewer at the ends.
fn smoothed(values: &[f64], reach: usize) -> Vec<f64> {
    let mean = |k: usize| {
        let reach = reach.min(k).min(values.len() - 1 - k);
        let near = &values[k - reach..=k + reach];
        near.iter().sum::<f64>() / near.len() as f64
    };
    (0..values.len()).map(mean).collect()
}

/// The pattern without its [`background`]: noise lies about zero.
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
        // the same in another unit
        let scaled: Vec<f64> = pattern.intensity.iter().map(|i| i / 1500.0).collect();
        let other = without_background(&Pattern { intensity: scaled, ..pattern }, 2.0);
        for (a, b) in bare.intensity.iter().zip(&other.intensity) {
            assert!((a - 1500.0 * b).abs() < 1e-6, "{a} {b}");
        }
    }

    #[test]
    fn noise_on_a_background_lies_about_zero_afterwards() {
        let angles: Vec<f64> = (0..4000).map(|k| 10.0 + f64::from(k) * 0.02).collect();
        // even noise of standard deviation 6 about 40, as of few counts
        let mut state = 1_u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((state >> 33) as f64 / f64::from(1_u32 << 31) - 0.5) * 6.0 * 12.0_f64.sqrt()
        };
        let peak = |x: f64| 200.0 * (-((x - 45.0) / 0.1).powi(2)).exp();
        let pattern = Pattern {
            intensity: angles.iter().map(|&x| peak(x) + 40.0 + noise()).collect(),
            two_theta_deg: angles.clone(),
            sigma: None,
            radiation: Radiation::parse("CuKa").unwrap(),
        };
        let bare = without_background(&pattern, 2.0);
        let off = angles.iter().zip(&bare.intensity).filter(|(x, _)| (**x - 45.0).abs() > 1.0);
        let (sum, count) = off.fold((0.0, 0), |(sum, count), (_, i)| (sum + i, count + 1));
        assert!((sum / f64::from(count)).abs() < 2.0, "{}", sum / f64::from(count));
    }
}
