//! Regions of coordinates and parameters, and quasi-random points in them.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use surrogate_problem::model::{Problem, Role, Spread};
use surrogate_symbolic::SymbolId;

/// How a field behaves at the start of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// Like a polynomial.
    Regular,
    /// Like the square root of time, away from the very start.
    SquareRoot,
    /// Over many decades of time, from the shortest time constant (s) on.
    Logarithmic {
        /// Shortest time constant, s.
        shortest: f64,
    },
}

/// One axis of a region.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Lower end, SI.
    pub lower: f64,
    /// Upper end, SI.
    pub upper: f64,
    /// How points are spread.
    pub spread: Spread,
    /// Added to the place before a logarithmic spread takes its logarithm.
    pub shift: f64,
    /// Points stay this fraction of the range away from the ends (a radius of zero is singular).
    pub margin: f64,
}

impl Axis {
    /// The place at a fraction of the axis.
    pub fn place(&self, fraction: f64) -> f64 {
        let q = self.margin + (1.0 - 2.0 * self.margin) * fraction;
        match self.spread {
            Spread::Uniform => self.lower + (self.upper - self.lower) * q,
            Spread::SquareRoot => {
                // uniform in sqrt(x) where the range is positive, else in sqrt(x - lower)
                let zero = if self.lower > 0.0 { 0.0 } else { self.lower };
                let (a, b) = ((self.lower - zero).sqrt(), (self.upper - zero).sqrt());
                zero + (a + (b - a) * q).powi(2)
            }
            Spread::End => self.upper - (self.upper - self.lower) * (1.0 - q).powi(2),
            Spread::Ends => self.lower + (self.upper - self.lower) * q * q * (3.0 - 2.0 * q),
            Spread::Logarithmic => {
                let (a, b) = ((self.lower + self.shift).ln(), (self.upper + self.shift).ln());
                (a + (b - a) * q).exp() - self.shift
            }
        }
    }
}

/// A box of symbols.
#[derive(Clone, Debug)]
pub struct Region {
    /// Symbols in column order.
    pub symbols: Vec<SymbolId>,
    /// Their axes.
    pub axes: Vec<Axis>,
}

/// The axis of a symbol, for training points.
pub fn axis(problem: &Problem, symbol: SymbolId) -> Option<Axis> {
    if let Some(c) = problem.coordinates.iter().find(|c| c.symbol == symbol) {
        return Some(Axis {
            lower: c.sampled.0,
            upper: c.sampled.1,
            spread: c.spread,
            shift: 0.0,
            margin: 1e-6,
        });
    }
    problem.parameters.iter().find(|p| p.symbol == symbol).map(|p| Axis {
        lower: p.lower,
        upper: p.upper,
        spread: if p.logarithmic { Spread::Logarithmic } else { Spread::Uniform },
        shift: 0.0,
        margin: 0.0,
    })
}

impl Region {
    /// The box of some symbols; those that are neither coordinates nor parameters are left out.
    pub fn of_symbols(problem: &Problem, symbols: &[SymbolId]) -> Self {
        let found: Vec<(SymbolId, Axis)> =
            symbols.iter().filter_map(|&s| Some((s, axis(problem, s)?))).collect();
        let (symbols, axes) = found.into_iter().unzip();
        Self { symbols, axes }
    }

    /// The box that a field lives in.
    pub fn of_field(problem: &Problem, field: usize) -> Self {
        let f = &problem.fields[field];
        let mut symbols: Vec<SymbolId> =
            f.coordinates.iter().map(|&c| problem.coordinates[c].symbol).collect();
        symbols.extend(f.parameters.iter().map(|&p| problem.parameters[p].symbol));
        Self::of_symbols(problem, &symbols)
    }

    /// The whole ranges of some coordinates and parameters, spread uniformly (parameters on their
    /// own scale).
    pub fn of_coordinates(problem: &Problem, symbols: &[SymbolId]) -> Self {
        let mut region = Self::of_symbols(problem, symbols);
        for (symbol, axis) in region.symbols.iter().zip(&mut region.axes) {
            if let Some(c) = problem.coordinates.iter().find(|c| c.symbol == *symbol) {
                let (lower, upper) = (c.lower, c.upper);
                *axis = Axis { lower, upper, spread: Spread::Uniform, shift: 0.0, margin: 0.0 };
            }
        }
        region
    }

    /// Spreads coordinates that the file leaves uniform as the start of a field asks for: towards
    /// the start of time, and towards the ends of space at which a layer begins.
    pub(crate) fn crowd_at_start(
        &mut self,
        problem: &Problem,
        start: Start,
        layers: &[(usize, bool)],
    ) {
        for (symbol, axis) in self.symbols.iter().zip(&mut self.axes) {
            let found = problem.coordinates.iter().position(|c| c.symbol == *symbol);
            let free = |k: &usize| problem.coordinates[*k].spread == Spread::Uniform;
            let Some(k) = found.filter(free) else {
                continue;
            };
            if problem.coordinates[k].role != Role::Time {
                let (lower, upper) = (layers.contains(&(k, false)), layers.contains(&(k, true)));
                axis.spread = match (lower, upper) {
                    (false, false) => continue,
                    (true, false) => Spread::SquareRoot,
                    (false, true) => Spread::End,
                    (true, true) => Spread::Ends,
                };
                continue;
            }
            match start {
                Start::Regular => {}
                Start::SquareRoot => {
                    axis.spread = Spread::SquareRoot;
                    axis.margin = axis.margin.max(1e-3);
                }
                Start::Logarithmic { shortest } => {
                    axis.spread = Spread::Logarithmic;
                    axis.shift = shortest - axis.lower;
                    axis.margin = 0.0;
                }
            }
        }
    }

    /// The region with one symbol limited to the first `fraction` of its range.
    pub(crate) fn first_part(&self, symbol: SymbolId, fraction: f64) -> Self {
        let mut out = self.clone();
        for (s, axis) in out.symbols.iter().zip(&mut out.axes) {
            if *s == symbol {
                axis.upper = axis.lower + fraction * (axis.upper - axis.lower);
            }
        }
        out
    }

    /// `n` independent random points: `[symbol][point]`.
    pub fn random(&self, n: usize, seed: u64) -> Vec<Vec<f64>> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut out = vec![Vec::with_capacity(n); self.axes.len()];
        for _ in 0..n {
            for (axis, column) in self.axes.iter().zip(&mut out) {
                column.push(axis.place(rng.random()));
            }
        }
        out
    }

    /// `n` scrambled Sobol points: `[symbol][point]`.
    pub fn sobol(&self, n: usize, seed: u32) -> Vec<Vec<f64>> {
        let n = n as u32;
        self.axes
            .iter()
            .enumerate()
            .map(|(k, axis)| {
                let unit = |i| f64::from(sobol_burley::sample(i, k as u32, seed));
                (0..n).map(|i| axis.place(unit(i))).collect()
            })
            .collect()
    }

    /// Points that cover the box with its corners and edges, for finding ranges.
    pub fn probe(&self, n: usize) -> Vec<Vec<f64>> {
        let d = self.axes.len();
        if d == 0 {
            return Vec::new();
        }
        let mut points = self.sobol(n, 0);
        let corners = if d <= 12 { 1usize << d } else { 0 };
        for code in 0..corners {
            for (k, axis) in self.axes.iter().enumerate() {
                points[k].push(if code >> k & 1 == 0 { axis.place(0.0) } else { axis.place(1.0) });
            }
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(spread: Spread) -> Axis {
        Axis { lower: 1.0, upper: 100.0, spread, shift: 0.0, margin: 0.0 }
    }

    #[test]
    fn spreads_reach_both_ends() {
        let spreads =
            [Spread::Uniform, Spread::SquareRoot, Spread::End, Spread::Ends, Spread::Logarithmic];
        for spread in spreads {
            assert!((axis(spread).place(0.0) - 1.0).abs() < 1e-12);
            assert!((axis(spread).place(1.0) - 100.0).abs() < 1e-10);
        }
        assert!((axis(Spread::Logarithmic).place(0.5) - 10.0).abs() < 1e-12);
        assert!((axis(Spread::End).place(0.9) - 99.01).abs() < 1e-12);
        assert!((axis(Spread::Ends).place(0.5) - 50.5).abs() < 1e-12);
    }

    #[test]
    fn points_repeat_for_one_seed_and_differ_for_another() {
        let region = Region {
            symbols: vec![SymbolId(0), SymbolId(1)],
            axes: vec![axis(Spread::Uniform), axis(Spread::Logarithmic)],
        };
        assert_eq!(region.sobol(64, 3), region.sobol(64, 3));
        assert_ne!(region.sobol(64, 3), region.sobol(64, 4));
    }
}
