//! Legendre-Gauss-Lobatto elements on [0, 1]: nodes, weights, differentiation, integration.
//!
//! Source: Canuto et al. (2006), chapter 2 (nodes, weights, differentiation matrix).

/// An element with `n` nodes; matrices are row-major, `n` by `n`.
#[derive(Debug, Clone)]
pub(super) struct Lobatto {
    pub(super) n: usize,
    /// Weights of the quadrature, sum 1.
    pub(super) w: Vec<f64>,
    /// Differentiation: values at nodes to slopes at nodes.
    pub(super) d: Vec<f64>,
    /// Integration: values at nodes to integrals from 0 to the nodes.
    pub(super) b: Vec<f64>,
}

/// Legendre polynomials of degrees `n` and `n - 1` at `x`.
fn legendre(n: usize, x: f64) -> (f64, f64) {
    let (mut below, mut now) = (0.0, 1.0);
    for k in 0..n {
        let degree = k as f64;
        let next = ((2.0 * degree + 1.0) * x * now - degree * below) / (degree + 1.0);
        (below, now) = (now, next);
    }
    (now, below)
}

/// Inner nodes are the zeros of the slope of the Legendre polynomial of degree `p`, by Newton.
fn node(p: usize, i: usize) -> f64 {
    let (degree, mut z) = (p as f64, -(std::f64::consts::PI * i as f64 / p as f64).cos());
    if i == 0 || i == p {
        return z;
    }
    for _ in 0..50 {
        let (value, below) = legendre(p, z);
        let slope = degree * (below - z * value) / (1.0 - z * z);
        let curvature = (2.0 * z * slope - degree * (degree + 1.0) * value) / (1.0 - z * z);
        let change = slope / curvature;
        z -= change;
        if change.abs() < 1e-15 {
            break;
        }
    }
    z
}

/// Nodes and weights of `n` points on [-1, 1], exact to degree 2 n - 3.
pub(super) fn rule(n: usize) -> (Vec<f64>, Vec<f64>) {
    let p = n - 1;
    let z: Vec<f64> = (0..n).map(|i| node(p, i)).collect();
    let weight = |z: &f64| 2.0 / ((p * n) as f64 * legendre(p, *z).0.powi(2));
    let w = z.iter().map(weight).collect();
    (z, w)
}

impl Lobatto {
    /// One node that stands for the whole element: quantities that are the same everywhere.
    pub(super) fn point() -> Self {
        Self { n: 1, w: vec![1.0], d: vec![0.0], b: vec![0.5] }
    }

    /// An element of `n` nodes, at least 2.
    pub(super) fn new(n: usize) -> Self {
        let p = n - 1;
        let corner = (p * (p + 1)) as f64;
        let (z, w) = rule(n);
        let high: Vec<f64> = z.iter().map(|&z| legendre(p, z).0).collect();
        let mut d = vec![0.0; n * n];
        for i in 0..n {
            for j in (0..n).filter(|&j| j != i) {
                d[i * n + j] = high[i] / (high[j] * (z[i] - z[j]));
            }
        }
        (d[0], d[n * n - 1]) = (-corner / 4.0, corner / 4.0);
        let b = integration(p, &z, &w);
        Self {
            n,
            w: w.iter().map(|w| w / 2.0).collect(),
            d: d.iter().map(|d| d * 2.0).collect(),
            b: b.iter().map(|b| b / 2.0).collect(),
        }
    }
}

/// Integrals over [-1, z_i] of the polynomials that are 1 at one node, by their Legendre series.
fn integration(p: usize, z: &[f64], w: &[f64]) -> Vec<f64> {
    let n = p + 1;
    // degrees 0 to p + 1 at every node
    let table: Vec<Vec<f64>> =
        (0..=n).map(|k| z.iter().map(|&z| legendre(k, z).0).collect()).collect();
    let mut b = vec![0.0; n * n];
    for k in 0..n {
        let odd = (2 * k + 1) as f64;
        let norm = if k == p { 2.0 / p as f64 } else { 2.0 / odd };
        for i in 0..n {
            let integral = match k {
                0 => z[i] + 1.0,
                _ => (table[k + 1][i] - table[k - 1][i]) / odd,
            };
            for j in 0..n {
                b[i * n + j] += w[j] * table[k][j] / norm * integral;
            }
        }
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_differentiated_and_integrated_exactly() {
        for n in 2..10 {
            let element = Lobatto::new(n);
            let nodes: Vec<f64> = rule(n).0.iter().map(|z| 0.5 * (z + 1.0)).collect();
            let f = |x: f64| x.powi(n as i32 - 1);
            for i in 0..n {
                let x = nodes[i];
                let row = |m: &[f64]| (0..n).map(|j| m[i * n + j] * f(nodes[j])).sum::<f64>();
                let slope = (n as f64 - 1.0) * x.powi(n as i32 - 2);
                assert!((row(&element.d) - slope).abs() < 1e-11, "n {n}");
                assert!((row(&element.b) - x * f(x) / n as f64).abs() < 1e-13, "n {n}");
            }
            let weights: f64 = element.w.iter().sum();
            assert!((weights - 1.0).abs() < 1e-14);
        }
    }
}
