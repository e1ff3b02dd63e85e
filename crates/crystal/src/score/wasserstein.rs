//! Distance of two lists of peaks.

/// How far intensity has to be moved along Q, in 1/angstrom, to make one list of peaks
/// `(q, intensity)` of another, intensities of each adding up to 1. None if a list has none.
///
/// The integral of the difference of both cumulated distributions.
#[must_use]
pub fn wasserstein(a: &[(f64, f64)], b: &[(f64, f64)]) -> Option<f64> {
    let total = |peaks: &[(f64, f64)]| peaks.iter().map(|p| p.1).sum::<f64>();
    let (sum_a, sum_b) = (total(a), total(b));
    if !(sum_a.is_finite() && sum_b.is_finite() && sum_a > 0.0 && sum_b > 0.0) {
        return None;
    }
    let of_a = a.iter().map(|&(q, i)| (q, i / sum_a));
    let of_b = b.iter().map(|&(q, i)| (q, -i / sum_b));
    let mut steps: Vec<(f64, f64)> = of_a.chain(of_b).collect();
    steps.sort_by(|x, y| x.0.total_cmp(&y.0));
    let (mut height, mut sum) = (0.0_f64, 0.0);
    for pair in steps.windows(2) {
        height += pair[0].1;
        sum += height.abs() * (pair[1].0 - pair[0].0);
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moved_intensity_is_counted_by_its_way() {
        let a = [(1.0, 2.0), (3.0, 2.0)];
        assert_eq!(wasserstein(&a, &a), Some(0.0));
        // half of the intensity goes from 3 to 4, whatever the units of intensity
        assert_eq!(wasserstein(&a, &[(1.0, 7.0), (4.0, 7.0)]), Some(0.5));
        // a quarter goes from 1 to 3
        assert_eq!(wasserstein(&a, &[(3.0, 3.0), (1.0, 1.0)]), Some(0.5));
        assert_eq!(wasserstein(&a, &[]), None);
        assert_eq!(wasserstein(&[(1.0, 0.0)], &a), None);
    }
}
