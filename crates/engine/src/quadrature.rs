//! Gauss-Legendre rules on [0, 1], plain or crowded towards an end.

use surrogate_problem::model::Graded;
use surrogate_symbolic::gauss_legendre;

/// Nodes and weights on [0, 1].
///
/// `End` maps `x = 1 - (1 - q)^2` (nodes crowd at 1), `Both` maps `x = q^2 (3 - 2 q)`; the
/// Jacobian is part of the weights. Exact for polynomials of degree `n - 1` or more.
pub(crate) fn graded(n: usize, graded: Graded) -> (Vec<f64>, Vec<f64>) {
    let (nodes, weights) = gauss_legendre(n);
    let map = |q: f64| match graded {
        Graded::No => (q, 1.0),
        Graded::End => (1.0 - (1.0 - q) * (1.0 - q), 2.0 * (1.0 - q)),
        Graded::Both => (q * q * (3.0 - 2.0 * q), 6.0 * q * (1.0 - q)),
    };
    nodes.iter().zip(&weights).map(|(&q, &w)| (map(q).0, w * map(q).1)).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_integrate_polynomials_exactly() {
        for kind in [Graded::No, Graded::End, Graded::Both] {
            let (x, w) = graded(12, kind);
            for power in 0..6 {
                let sum: f64 = x.iter().zip(&w).map(|(x, w)| w * x.powi(power)).sum();
                assert!((sum - 1.0 / f64::from(power + 1)).abs() < 1e-14, "{kind:?} {power}");
            }
        }
    }
}
