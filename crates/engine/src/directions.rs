//! Mixed derivatives from directional ones.
//!
//! The network kernel propagates univariate Taylor streams along directions. A derivative
//! `∂^α` of total order k is an exact linear combination of k-th directional derivatives, since
//! `D_v^k = Σ_{|β|=k} (k!/β!) v^β ∂^β` (polarisation). This module picks few integer directions.

use surrogate_symbolic::{MultiIndex, SymbolId};

/// A direction in the space of symbols, and the highest order needed along it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Direction {
    /// Components, only non-zero ones, sorted by symbol.
    pub components: Vec<(SymbolId, i32)>,
    /// Highest order.
    pub order: u8,
}

/// Directions, and every wanted derivative as a combination of their streams.
#[derive(Clone, Debug, Default)]
pub(crate) struct DirectionPlan {
    /// Directions in stream order.
    pub directions: Vec<Direction>,
    /// What each wanted index is a combination of.
    pub combinations: Vec<(MultiIndex, Combination)>,
}

/// Terms of (direction, order, coefficient).
type Combination = Vec<(usize, u8, f64)>;

impl DirectionPlan {
    /// Orders by direction, as the kernel wants them.
    pub(crate) fn orders(&self) -> Vec<u8> {
        self.directions.iter().map(|d| d.order).collect()
    }

    /// Stream of order `order >= 1` along direction `direction`; the value is stream 0.
    pub(crate) fn stream(&self, direction: usize, order: u8) -> usize {
        let before: usize = self.directions[..direction].iter().map(|d| d.order as usize).sum();
        before + order as usize
    }
}

/// Plans the streams for a set of derivatives (the value is always there).
pub(crate) fn plan(wanted: &[MultiIndex]) -> DirectionPlan {
    let mut out = DirectionPlan::default();
    let mut wanted: Vec<MultiIndex> = wanted.iter().filter(|m| m.order() > 0).cloned().collect();
    wanted.sort();
    wanted.dedup();
    for index in wanted.iter().filter(|m| m.0.len() == 1) {
        let (symbol, k) = index.0[0];
        let d = require(&mut out.directions, &[(symbol, 1)], k);
        out.combinations.push((index.clone(), vec![(d, k, 1.0)]));
    }
    // highest orders first, so that lower ones find directions in place
    let mut mixed: Vec<&MultiIndex> = wanted.iter().filter(|m| m.0.len() > 1).collect();
    mixed.sort_by_key(|m| std::cmp::Reverse(m.order()));
    for index in mixed {
        let combination = polarise(&mut out.directions, index);
        out.combinations.push((index.clone(), combination));
    }
    out
}

fn require(directions: &mut Vec<Direction>, components: &[(SymbolId, i32)], order: u8) -> usize {
    if let Some(i) = directions.iter().position(|d| d.components == components) {
        directions[i].order = directions[i].order.max(order);
        return i;
    }
    directions.push(Direction { components: components.to_vec(), order });
    directions.len() - 1
}

fn polarise(directions: &mut Vec<Direction>, index: &MultiIndex) -> Vec<(usize, u8, f64)> {
    let symbols: Vec<SymbolId> = index.0.iter().map(|&(s, _)| s).collect();
    let k = index.order() as u8;
    let betas = compositions(k, symbols.len());
    let target: Vec<f64> = betas
        .iter()
        .map(|b| f64::from(u8::from(b.iter().zip(&index.0).all(|(x, &(_, y))| *x == y))))
        .collect();
    let candidates = candidates(symbols.len());
    let column = |v: &[i32]| -> Vec<f64> {
        betas
            .iter()
            .map(|b| {
                let mut value = factorial(k);
                for (&power, &component) in b.iter().zip(v) {
                    value *= f64::from(component).powi(i32::from(power)) / factorial(power);
                }
                value
            })
            .collect()
    };
    let free: Vec<usize> = (0..candidates.len())
        .filter(|&i| {
            let components = named(&candidates[i], &symbols);
            directions.iter().any(|d| d.components == components && d.order >= k)
        })
        .collect();
    let mut best: Option<(Vec<usize>, Vec<f64>)> = None;
    for size in 0..=4usize {
        for subset in subsets(candidates.len(), size) {
            let mut chosen = free.clone();
            chosen.extend(subset.iter().filter(|i| !free.contains(i)));
            let columns: Vec<Vec<f64>> = chosen.iter().map(|&i| column(&candidates[i])).collect();
            if let Some(c) = solve_exactly(&columns, &target) {
                best = Some((chosen, c));
                break;
            }
        }
        if best.is_some() {
            break;
        }
    }
    let (chosen, coefficients) = best.unwrap_or_else(|| {
        let columns: Vec<Vec<f64>> = candidates.iter().map(|v| column(v)).collect();
        let c = solve_exactly(&columns, &target).unwrap_or_default();
        ((0..candidates.len()).collect(), c)
    });
    let mut out = Vec::new();
    for (&i, &c) in chosen.iter().zip(&coefficients) {
        if c.abs() > 1e-14 {
            let d = require(directions, &named(&candidates[i], &symbols), k);
            out.push((d, k, c));
        }
    }
    out
}

fn named(v: &[i32], symbols: &[SymbolId]) -> Vec<(SymbolId, i32)> {
    symbols.iter().copied().zip(v.iter().copied()).filter(|&(_, c)| c != 0).collect()
}

fn factorial(k: u8) -> f64 {
    (1..=k).map(f64::from).product()
}

/// All ways to write `k` as an ordered sum of `m` non-negative parts.
fn compositions(k: u8, m: usize) -> Vec<Vec<u8>> {
    if m == 1 {
        return vec![vec![k]];
    }
    let mut out = Vec::new();
    for first in 0..=k {
        for mut rest in compositions(k - first, m - 1) {
            rest.insert(0, first);
            out.push(rest);
        }
    }
    out
}

/// Integer vectors up to sign: axes first, then entries in -1..1, then a few with a 2.
fn candidates(m: usize) -> Vec<Vec<i32>> {
    let mut out: Vec<Vec<i32>> = Vec::new();
    let mut push_all = |limit: i32| {
        let base = (2 * limit + 1) as usize;
        for code in 0..base.pow(m as u32) {
            let mut v = vec![0; m];
            let mut rest = code;
            for entry in &mut v {
                *entry = (rest % base) as i32 - limit;
                rest /= base;
            }
            let first = v.iter().find(|&&c| c != 0);
            let primitive = v.iter().any(|c| c.abs() == 1);
            if first.is_some_and(|&c| c > 0) && primitive && !out.contains(&v) {
                out.push(v);
            }
        }
    };
    push_all(1);
    if m <= 2 {
        push_all(2);
    }
    out.sort_by_key(|v| (v.iter().map(|c| c.abs()).max(), v.iter().map(|c| c.abs()).sum::<i32>()));
    out
}

fn subsets(n: usize, size: usize) -> Vec<Vec<usize>> {
    if size == 0 {
        return vec![Vec::new()];
    }
    let mut out = Vec::new();
    for last in 0..n {
        for mut rest in subsets(last, size - 1) {
            rest.push(last);
            out.push(rest);
        }
    }
    out
}

/// Solves `Σ c_j columns[j] = target` exactly, `None` if it has no solution.
fn solve_exactly(columns: &[Vec<f64>], target: &[f64]) -> Option<Vec<f64>> {
    let (rows, n) = (target.len(), columns.len());
    let mut a: Vec<Vec<f64>> = (0..rows)
        .map(|i| columns.iter().map(|c| c[i]).chain(std::iter::once(target[i])).collect())
        .collect();
    let mut pivot_of = vec![usize::MAX; n];
    let mut row = 0;
    for j in 0..n {
        let Some(best) = (row..rows).max_by(|&x, &y| a[x][j].abs().total_cmp(&a[y][j].abs()))
        else {
            break;
        };
        if a[best][j].abs() < 1e-10 {
            continue;
        }
        a.swap(row, best);
        let pivot = a[row].clone();
        for (i, line) in a.iter_mut().enumerate() {
            if i != row {
                let factor = line[j] / pivot[j];
                line.iter_mut().zip(&pivot).for_each(|(x, p)| *x -= factor * p);
            }
        }
        pivot_of[j] = row;
        row += 1;
    }
    if a[row..].iter().any(|line| line[n].abs() > 1e-10) {
        return None;
    }
    let value = |j: usize| {
        if pivot_of[j] == usize::MAX { 0.0 } else { a[pivot_of[j]][n] / a[pivot_of[j]][j] }
    };
    Some((0..n).map(value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(parts: &[(u32, u8)]) -> MultiIndex {
        MultiIndex(parts.iter().map(|&(s, k)| (SymbolId(s), k)).collect())
    }

    /// `D_v^k` of the monomial `x^p` at the origin is `k! v^p` if |p| = k.
    fn directional(v: &[(SymbolId, i32)], k: u8, p: &MultiIndex) -> f64 {
        if u32::from(k) != p.order() {
            return 0.0;
        }
        let component = |s| v.iter().find(|(t, _)| *t == s).map_or(0, |&(_, c)| c);
        p.0.iter().map(|&(s, e)| f64::from(component(s)).powi(i32::from(e))).product::<f64>()
            * factorial(k)
    }

    #[test]
    fn combinations_reproduce_every_monomial() {
        let wanted = [
            index(&[(0, 1), (1, 1)]),
            index(&[(0, 2)]),
            index(&[(0, 2), (1, 1)]),
            index(&[(0, 1), (1, 1), (2, 1)]),
            index(&[(0, 2), (1, 2)]),
            index(&[(1, 3)]),
        ];
        let plan = plan(&wanted);
        assert_eq!(plan.combinations.len(), wanted.len());
        for (alpha, combination) in &plan.combinations {
            for beta in &wanted {
                let value: f64 = combination
                    .iter()
                    .map(|&(d, k, c)| c * directional(&plan.directions[d].components, k, beta))
                    .sum();
                let factorials: f64 = beta.0.iter().map(|&(_, k)| factorial(k)).product();
                let expected = if alpha == beta { factorials } else { 0.0 };
                assert!((value - expected).abs() < 1e-9, "{alpha:?} {beta:?} {value}");
            }
        }
    }

    #[test]
    fn plain_axes_need_no_extra_direction() {
        let plan = plan(&[index(&[(0, 1)]), index(&[(1, 2)]), index(&[(1, 1)])]);
        assert_eq!(plan.directions.len(), 2);
        assert_eq!(plan.orders().iter().sum::<u8>(), 3);
    }
}
