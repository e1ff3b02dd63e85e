//! Where cells and nodes lie along one coordinate.
//!
//! Towards a refined end the cells shrink in a geometric series over uniform ones: with the
//! distance `d` from the end in units of the line, the number of cells below `d` is
//!
//! ```text
//! N(d) = n [ (1 - w) ln(1 + d (e^a - 1)) / a + w d ],   w = EVEN
//! ```
//!
//! `a` is chosen so that the first cell is [`FINE`] times an even one: meshes of different `n` are
//! alike. Towards both ends the two halves are
//! mirror images.

/// Share of the cells that is spread evenly.
const EVEN: f64 = 0.3;
/// Width of the cell at a refined end relative to an even one.
const FINE: f64 = 0.064;

/// Fewest intervals between two breaks.
const FEWEST: usize = 8;

/// Which ends need fine cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refined {
    pub(crate) lower: bool,
    pub(crate) upper: bool,
}

/// `n + 1` increasing places from `lower` to `upper`.
pub(crate) fn places(lower: f64, upper: f64, n: usize, refined: Refined) -> Vec<f64> {
    let length = upper - lower;
    let unit: Vec<f64> = match (refined.lower, refined.upper) {
        (false, false) => (0..=n).map(|k| k as f64 / n as f64).collect(),
        (true, false) => one_sided(n),
        (false, true) => one_sided(n).into_iter().rev().map(|x| 1.0 - x).collect(),
        (true, true) => {
            let a = steepness(FINE);
            let half = |xi: f64| 0.5 * stretch(a, 2.0 * xi);
            let place = |k: usize| {
                let xi = k as f64 / n as f64;
                if xi <= 0.5 { half(xi) } else { 1.0 - half(1.0 - xi) }
            };
            (0..=n).map(place).collect()
        }
    };
    let mut out: Vec<f64> = unit.into_iter().map(|x| lower + length * x).collect();
    out[0] = lower;
    out[n] = upper;
    out
}

fn one_sided(n: usize) -> Vec<f64> {
    let a = steepness(FINE);
    (0..=n).map(|k| stretch(a, k as f64 / n as f64)).collect()
}

/// The distance below which the share `xi` of the cells lies, by bisection.
fn stretch(a: f64, xi: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let d = 0.5 * (low + high);
        if share(a, d) < xi {
            low = d;
        } else {
            high = d;
        }
    }
    0.5 * (low + high)
}

fn share(a: f64, d: f64) -> f64 {
    let graded = if a < 1e-6 { d } else { (d * a.exp_m1()).ln_1p() / a };
    (1.0 - EVEN) * graded + EVEN * d
}

/// `a` for which the density of cells at the end is `1 / ratio` (zero if a uniform mesh will do).
fn steepness(ratio: f64) -> f64 {
    let (mut low, mut high) = (0.0, 16.0);
    if ratio >= 1.0 {
        return 0.0;
    }
    for _ in 0..60 {
        let a: f64 = 0.5 * (low + high);
        if ((1.0 - EVEN) * a.exp_m1() / a + EVEN) * ratio < 1.0 {
            low = a;
        } else {
            high = a;
        }
    }
    0.5 * (low + high)
}

/// `n + 1` places that share the integral of `density` (piecewise linear on `x`) equally.
pub(crate) fn equidistributed(x: &[f64], density: &[f64], n: usize) -> Vec<f64> {
    let mut total = vec![0.0; x.len()];
    for k in 1..x.len() {
        total[k] = total[k - 1] + 0.5 * (density[k] + density[k - 1]) * (x[k] - x[k - 1]);
    }
    let sum = total[x.len() - 1];
    let mut out = Vec::with_capacity(n + 1);
    let mut k = 1;
    for i in 0..=n {
        let wanted = sum * i as f64 / n as f64;
        while k < x.len() - 1 && total[k] < wanted {
            k += 1;
        }
        let h = x[k] - x[k - 1];
        let (a, b, rest) = (density[k - 1], density[k], wanted - total[k - 1]);
        // a q + (b - a) q^2 / (2 h) = rest, the root in the stable form
        let slope = (b - a) / h;
        let q = 2.0 * rest / (a + (a * a + 2.0 * slope * rest).max(0.0).sqrt());
        out.push(x[k - 1] + q.clamp(0.0, h));
    }
    out[0] = x[0];
    out[n] = x[x.len() - 1];
    out
}

/// The places with `breaks` (increasing, inside the range) among them, instead of those nearer than half
/// an interval, and at least [`FEWEST`] intervals between any two breaks or ends.
pub(crate) fn with_breaks(places: Vec<f64>, breaks: &[f64]) -> Vec<f64> {
    if breaks.is_empty() {
        return places;
    }
    let last = places.len() - 1;
    let ends: Vec<f64> =
        [places[0]].into_iter().chain(breaks.iter().copied()).chain([places[last]]).collect();
    let mut out = vec![places[0]];
    for part in ends.windows(2) {
        let (a, b) = (part[0], part[1]);
        let room = |x: f64| {
            let k = places.partition_point(|p| *p < x).clamp(1, last);
            0.5 * (places[k] - places[k - 1])
        };
        let (from, to) = (a + room(a), b - room(b));
        let inner: Vec<f64> = places.iter().copied().filter(|x| *x > from && *x < to).collect();
        if inner.len() + 1 < FEWEST {
            let width = (b - a) / FEWEST as f64;
            out.extend((1..FEWEST).map(|k| a + width * k as f64));
        } else {
            out.extend(inner);
        }
        out.push(b);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graded_places_have_the_first_width_and_reach_both_ends() {
        for (lower, upper) in [(true, false), (false, true), (true, true)] {
            let x = places(2.0, 4.0, 40, Refined { lower, upper });
            assert_eq!((x[0], x[40]), (2.0, 4.0));
            assert!(x.windows(2).all(|w| w[1] > w[0]));
            let at_end = if lower { x[1] - x[0] } else { x[40] - x[39] };
            assert!(at_end > 1.0 * FINE * 0.05 && at_end < 1.3 * FINE * 0.05, "{at_end}");
        }
    }

    #[test]
    fn breaks_are_places_and_thin_parts_are_resolved() {
        let x = with_breaks(places(0.0, 1.0, 10, Refined::default()), &[0.401, 0.403]);
        assert!(x.windows(2).all(|w| w[1] > w[0]));
        assert!(x.contains(&0.401) && x.contains(&0.403) && !x.contains(&0.4));
        assert_eq!(x.iter().filter(|x| **x > 0.401 && **x < 0.403).count(), FEWEST - 1);
        assert_eq!((x[0], x[x.len() - 1]), (0.0, 1.0));
    }

    #[test]
    fn equal_density_gives_equal_cells() {
        let x = equidistributed(&[0.0, 0.2, 1.0], &[3.0, 3.0, 3.0], 5);
        for (k, x) in x.iter().enumerate() {
            assert!((x - 0.2 * k as f64).abs() < 1e-14);
        }
    }
}
