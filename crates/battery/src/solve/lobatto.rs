//! Legendre-Gauss-Lobatto elements on [0, 1]: weights, differentiation, integration.
//!
//! One element of many nodes is exact to rounding for smooth profiles; many elements of few nodes
//! follow fronts. Neighbours share a node.
//! Source: Canuto et al. (2006), chapter 2 (nodes, weights, differentiation matrix).

/// A layer divided into equal elements, with `n` nodes in all.
#[derive(Debug, Clone)]
pub(super) struct Lobatto {
    pub(super) n: usize,
    /// Places of the nodes, from 0 to 1.
    pub(super) x: Vec<f64>,
    /// Weights of the quadrature at the nodes, sum 1.
    pub(super) w: Vec<f64>,
    /// Integration: values at nodes to integrals from 0 to the nodes, `[n, n]`.
    pub(super) b: Vec<f64>,
    /// Points at which slopes are taken; a node between elements is two of them.
    pub(super) points: Vec<SlopePoint>,
}

/// A node of an element, seen from inside.
#[derive(Debug, Clone)]
pub(super) struct SlopePoint {
    /// The node.
    pub(super) node: usize,
    /// Its weight in the element.
    pub(super) w: f64,
    /// First node of the element.
    pub(super) first: usize,
    /// Values at the nodes of the element to the slope here.
    pub(super) d: Vec<f64>,
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

/// Legendre-Gauss-Lobatto nodes and weights of `n` points on [-1, 1], exact to degree 2 n - 3: the places
/// of [`Fields`](super::Fields) in a layer of one element.
pub fn rule(n: usize) -> (Vec<f64>, Vec<f64>) {
    let p = n - 1;
    let z: Vec<f64> = (0..n).map(|i| node(p, i)).collect();
    let weight = |z: &f64| 2.0 / ((p * n) as f64 * legendre(p, *z).0.powi(2));
    let w = z.iter().map(weight).collect();
    (z, w)
}

impl Lobatto {
    /// One node that stands for the whole layer: quantities that are the same everywhere.
    pub(super) fn point() -> Self {
        Self { n: 1, x: vec![0.5], w: vec![1.0], b: vec![0.5], points: vec![] }
    }

    /// Whether its elements are linear, of two nodes each.
    pub(super) fn linear(&self) -> bool {
        self.points.first().is_some_and(|point| point.d.len() == 2)
    }

    /// Equal elements of `nodes` nodes each, at least 2.
    pub(super) fn new(elements: usize, nodes: usize) -> Self {
        let p = nodes - 1;
        let (n, width) = (elements * p + 1, 1.0 / elements as f64);
        let (z, w) = rule(nodes);
        let (d, b) = (differentiation(&z), integration(p, &z, &w));
        let mut layer =
            Self { n, x: vec![0.0; n], w: vec![0.0; n], b: vec![0.0; n * n], points: vec![] };
        for e in 0..elements {
            let first = e * p;
            for i in 0..nodes {
                let weight = 0.5 * width * w[i];
                layer.w[first + i] += weight;
                layer.x[first + i] = (e as f64 + 0.5 * (z[i] + 1.0)) * width;
                let d = d[i * nodes..(i + 1) * nodes].iter().map(|d| 2.0 * d / width).collect();
                layer.points.push(SlopePoint { node: first + i, w: weight, first, d });
            }
            // up to a node of this element: all elements before, then the part inside
            for i in 1..nodes {
                for j in 0..nodes {
                    let inside = 0.5 * width * b[i * nodes + j];
                    layer.b[(first + i) * n + first + j] += inside;
                }
            }
            for after in first + p + 1..n {
                for (j, w) in w.iter().enumerate() {
                    layer.b[after * n + first + j] += 0.5 * width * w;
                }
            }
        }
        layer
    }
}

/// Values at the nodes of one element on [-1, 1] to slopes there.
fn differentiation(z: &[f64]) -> Vec<f64> {
    let n = z.len();
    let p = n - 1;
    let high: Vec<f64> = z.iter().map(|&z| legendre(p, z).0).collect();
    let mut d = vec![0.0; n * n];
    for i in 0..n {
        for j in (0..n).filter(|&j| j != i) {
            d[i * n + j] = high[i] / (high[j] * (z[i] - z[j]));
        }
    }
    let corner = (p * (p + 1)) as f64 / 4.0;
    (d[0], d[n * n - 1]) = (-corner, corner);
    d
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
        for (elements, nodes) in [(1, 2), (1, 5), (1, 9), (3, 4), (7, 2)] {
            let layer = Lobatto::new(elements, nodes);
            let place = |k: usize| layer.x[k];
            let power = nodes as i32 - 1;
            let f = |k: usize| place(k).powi(power);
            for point in &layer.points {
                let slope: f64 =
                    point.d.iter().enumerate().map(|(j, d)| d * f(point.first + j)).sum();
                let exact = f64::from(power) * place(point.node).powi(power - 1);
                assert!((slope - exact).abs() < 1e-11, "{elements} of {nodes}");
            }
            for i in 0..layer.n {
                let integral: f64 = (0..layer.n).map(|j| layer.b[i * layer.n + j] * f(j)).sum();
                let exact = place(i).powi(power + 1) / f64::from(power + 1);
                assert!((integral - exact).abs() < 1e-13, "{elements} of {nodes}");
            }
            let weights: f64 = layer.w.iter().sum();
            assert!((weights - 1.0).abs() < 1e-14);
        }
    }
}
