//! Linear functionals on discrete lines: derivatives from point values on arbitrary nodes, and
//! point values and derivatives from cell averages.
//!
//! Sources: Fornberg (1988), Generation of finite difference formulas on arbitrarily spaced grids,
//! Math. Comp. 51, 699 (nodes); Shu (1998), ICASE 97-65, section 2.1 (reconstruction from
//! averages; here with the weight r^g of the geometry and boundary values as further data).

use crate::linear::{factor_dense, solve_dense};
use crate::quadrature::GAUSS_4;

/// Weights `w` with `Σ w_k u(x_k) ≈ u^(m)(z)`, exact for polynomials of degree `x.len() - 1`.
pub(crate) fn point_weights(z: f64, x: &[f64], m: usize) -> Vec<f64> {
    let n = x.len();
    let mut c = vec![vec![0.0; m + 1]; n];
    let (mut c1, mut c4) = (1.0, x[0] - z);
    c[0][0] = 1.0;
    for i in 1..n {
        let top = i.min(m);
        let (mut c2, c5) = (1.0, c4);
        c4 = x[i] - z;
        for j in 0..i {
            let c3 = x[i] - x[j];
            c2 *= c3;
            if j == i - 1 {
                for k in (1..=top).rev() {
                    c[i][k] = c1 * (k as f64 * c[i - 1][k - 1] - c5 * c[i - 1][k]) / c2;
                }
                c[i][0] = -c1 * c5 * c[i - 1][0] / c2;
            }
            for k in (1..=top).rev() {
                c[j][k] = (c4 * c[j][k] - k as f64 * c[j][k - 1]) / c3;
            }
            c[j][0] = c4 * c[j][0] / c3;
        }
        c1 = c2;
    }
    c.into_iter().map(|row| row[m]).collect()
}

/// One datum of a reconstruction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Datum {
    /// Average over a cell with the weight `|r|^power`.
    Average { from: f64, to: f64, power: i32 },
    /// Value at a place.
    Value(f64),
}

/// Weights `w` with `Σ w_k datum_k ≈ u^(m)(z)`, exact for polynomials of degree `data.len() - 1`.
pub(crate) fn data_weights(z: f64, data: &[Datum], m: usize) -> Vec<f64> {
    let n = data.len();
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for datum in data {
        let (a, b) = match *datum {
            Datum::Average { from, to, .. } => (from, to),
            Datum::Value(x) => (x, x),
        };
        low = low.min(a);
        high = high.max(b);
    }
    let (centre, half) = (0.5 * (low + high), 0.5 * (high - low));
    // matrix[k][j]: datum j of the polynomial ((x - centre) / half)^k
    let mut matrix = vec![0.0; n * n];
    for (j, datum) in data.iter().enumerate() {
        match *datum {
            Datum::Value(x) => {
                let mut term = 1.0;
                for k in 0..n {
                    matrix[k * n + j] = term;
                    term *= (x - centre) / half;
                }
            }
            Datum::Average { from, to, power } => {
                let mut volume = 0.0;
                for (q, w) in GAUSS_4 {
                    let x = from + (to - from) * q;
                    let mut term = w * x.abs().powi(power);
                    volume += term;
                    for k in 0..n {
                        matrix[k * n + j] += term;
                        term *= (x - centre) / half;
                    }
                }
                for k in 0..n {
                    matrix[k * n + j] /= volume;
                }
            }
        }
    }
    let mut weights: Vec<f64> = (0..n)
        .map(|k| {
            if k < m {
                return 0.0;
            }
            let falling: f64 = (0..m).map(|i| (k - i) as f64).product();
            falling * ((z - centre) / half).powi((k - m) as i32) / half.powi(m as i32)
        })
        .collect();
    let mut pivots = vec![0; n];
    factor_dense(&mut matrix, &mut pivots);
    solve_dense(&matrix, &pivots, &mut weights);
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn point_weights_are_exact_for_polynomials() {
        let x = [0.1, 0.15, 0.3, 0.32, 0.5, 0.61];
        for m in 0..=4 {
            let w = point_weights(0.27, &x, m);
            let value: f64 = w.iter().zip(x).map(|(w, x)| w * x.powi(5)).sum();
            let falling: f64 = (0..m).map(|i| 5.0 - i as f64).product();
            let exact = falling * 0.27_f64.powi(5 - m as i32);
            assert!((value - exact).abs() < 1e-10, "{m}: {value} {exact}");
        }
    }

    #[test]
    fn averages_and_values_reconstruct_cubics() {
        let average = |from: f64, to: f64| Datum::Average { from, to, power: 2 };
        let data = [average(0.4, 0.6), average(0.6, 0.9), average(0.9, 1.0), Datum::Value(1.0)];
        // mean of r^3 with weight r^2: (b^6 - a^6) / 6 over (b^3 - a^3) / 3
        let mean = |a: f64, b: f64| 0.5 * (b.powi(6) - a.powi(6)) / (b.powi(3) - a.powi(3));
        let given = [mean(0.4, 0.6), mean(0.6, 0.9), mean(0.9, 1.0), 1.0];
        for (m, exact) in [(0, 0.7_f64.powi(3)), (1, 3.0 * 0.49), (2, 4.2)] {
            let value: f64 =
                data_weights(0.7, &data, m).iter().zip(given).map(|(w, g)| w * g).sum();
            assert!((value - exact).abs() < 1e-11, "{m}: {value} {exact}");
        }
    }
}
