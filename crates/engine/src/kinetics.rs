//! Scales and rates of systems in time alone, read from their laws before anything is trained.
//!
//! Stiff kinetics mix fields of very different size and times of very different length. The size of
//! a field that starts at zero follows from dominant balance: it grows until the terms of its law
//! that hold it are as large as those that feed it. The rate at which a field forgets its state is
//! the derivative of its law by itself. If the fastest rate is short against the range of time,
//! time is best seen through its logarithm. Sums of fields whose laws cancel stay what they were.

use std::collections::BTreeMap;

use surrogate_jet::tape::Plan;
use surrogate_problem::model::{Problem, Role};
use surrogate_symbolic::{Expr, Graph, Node, SymbolId, compile};

use crate::columns;
use crate::error::EngineError;
use crate::sampling::Region;
use crate::structure;

/// Range of time over the shortest time constant above which a system is stiff.
const STIFF: f64 = 1e4;
/// Least time constant of growth, as a fraction of the range of time.
const FASTEST: f64 = 1e-3;
/// Most summands into which a law is multiplied out.
const MOST_TERMS: usize = 200;
/// Points of the parameter box at which magnitudes are taken.
const PROBES: usize = 64;

/// What the laws of a system in time say about its fields.
#[derive(Debug, Default)]
pub(crate) struct Kinetics {
    /// By field position: largest magnitude, of fields that start at zero.
    pub(crate) scales: Vec<Option<f64>>,
    /// Of a stiff system.
    pub(crate) stiff: Option<Stiff>,
    /// By field position: of fields of a system that is not stiff whose law is proportional to
    /// themselves. They keep their sign.
    pub(crate) growth: Vec<Option<Growth>>,
    /// Weighted sums of fields that do not change: field position and weight.
    pub(crate) invariants: Vec<Vec<(usize, f64)>>,
}

/// How the logarithm of a field moves: `d(ln u, t)` is bounded where `d(u, t)` spans decades.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth {
    /// Time constant, s.
    pub(crate) time: f64,
    /// Typical change of the logarithm.
    pub(crate) size: f64,
}

/// Rates of a stiff system.
#[derive(Debug)]
pub(crate) struct Stiff {
    /// Shortest time constant, s.
    pub(crate) shortest: f64,
    /// By field position: rate at which the field forgets its state, 1/s.
    pub(crate) rates: Vec<f64>,
}

/// `d(field, t) = rate`, with a symbol in place of each field.
struct Law {
    field: usize,
    rate: Node,
    terms: Vec<Term>,
}

/// A summand of a rate.
struct Term {
    node: Node,
    coefficient: f64,
    /// Positions of the fields it holds.
    holds: Vec<usize>,
}

impl Kinetics {
    /// Analyses a problem all of whose fields depend on time alone (and parameters), each with a
    /// law and an initial value. Any other problem is left as it is.
    ///
    /// # Errors
    /// If a law cannot be compiled.
    pub(crate) fn of(problem: &Problem, graph: &mut Graph) -> Result<Self, EngineError> {
        let none = problem.fields.len();
        let nothing =
            Self { scales: vec![None; none], growth: vec![None; none], ..Self::default() };
        let Some((time, laws, magnitudes)) = laws(problem, graph) else {
            return Ok(nothing);
        };
        let c = &problem.coordinates[time];
        let range = c.upper - c.lower;
        let system = System::new(problem, graph, &laws, &magnitudes)?;
        let initial = initial_magnitudes(problem, graph, &laws)?;
        let mut out = nothing;
        out.invariants = invariants(&laws);
        let most: Vec<f64> = (0..laws.len()).map(|k| bound(&out.invariants, k, &initial)).collect();
        let grown = grown(&system, &initial, range, &most);
        let known = balance(&system, &laws, &grown, range, &most);
        for (law, (scale, start)) in laws.iter().zip(known.iter().zip(&initial)) {
            if scale.is_some_and(|s| s > *start) {
                out.scales[law.field] = *scale;
            }
        }
        let sizes: Vec<f64> = known.iter().map(|k| k.unwrap_or(0.0)).collect();
        let decay = system.decay(&sizes);
        let fastest = decay.iter().copied().fold(0.0, f64::max);
        if fastest.is_finite() && fastest * range > STIFF {
            let mut rates = vec![0.0; problem.fields.len()];
            laws.iter().zip(&decay).for_each(|(l, &d)| rates[l.field] = d);
            out.stiff = Some(Stiff { shortest: 1.0 / fastest, rates });
            return Ok(out);
        }
        for (k, law) in laws.iter().enumerate() {
            if proportional(graph, law, magnitudes[k]) && keeps_sign(problem, graph, law.field)? {
                let every = vec![true; law.terms.len()];
                let fastest = system.sum(k, &every, &sizes) / sizes[k];
                let time = (1.0 / fastest).clamp(range * FASTEST, range);
                let size = (fastest * range).min(1.0);
                out.growth[law.field] = size.is_normal().then_some(Growth { time, size });
            }
        }
        Ok(out)
    }
}

/// True if the law of a field vanishes with the field.
fn proportional(graph: &mut Graph, law: &Law, own: SymbolId) -> bool {
    let zero = graph.constant(0.0);
    let there = graph.substitute(law.rate, &[(own, zero)]);
    graph.is_zero(there)
}

/// True if the initial value of a field is nowhere zero and has one sign.
fn keeps_sign(problem: &Problem, graph: &mut Graph, field: usize) -> Result<bool, EngineError> {
    let Some(start) = structure::initial_value(problem, graph, field) else {
        return Ok(false);
    };
    let region = Region::of_field(problem, field);
    let values = columns::probe(problem, graph, &[start], &region, PROBES)?.remove(0);
    Ok(values.iter().all(|&v| v > 0.0) || values.iter().all(|&v| v < 0.0))
}

/// Initial magnitudes; of fields that grow from there, what they reach at that rate if an invariant
/// bounds it.
fn grown(system: &System, initial: &[f64], range: f64, most: &[f64]) -> Vec<f64> {
    let rates = system.growth(initial);
    let reached = initial.iter().zip(rates).zip(most).map(|((&start, rate), &most)| {
        let free = start * (rate * range).max(0.0).exp();
        if most.is_finite() { free.min(most).max(start) } else { start }
    });
    reached.collect()
}

/// Time, the law of every field, and the symbols that stand for the fields.
fn laws(problem: &Problem, graph: &mut Graph) -> Option<(usize, Vec<Law>, Vec<SymbolId>)> {
    let time = problem.coordinates.iter().position(|c| c.role == Role::Time)?;
    let magnitudes: Vec<SymbolId> =
        problem.fields.iter().map(|_| graph.add_symbol("magnitude")).collect();
    let nodes: Vec<Node> = magnitudes.iter().map(|&s| graph.symbol(s)).collect();
    let guesses: Vec<(SymbolId, Node)> =
        problem.unknowns.iter().map(|u| (u.symbol, graph.constant(u.initial))).collect();
    let mut out = Vec::new();
    for (field, f) in problem.fields.iter().enumerate() {
        if f.coordinates != [time] {
            return None;
        }
        let own = |e: &&surrogate_problem::model::Evolution| e.field == field;
        let law = problem.rows.iter().filter_map(|r| r.evolution.as_ref()).find(own)?;
        if !law.divergences.is_empty() {
            return None;
        }
        let quotient = graph.div(law.source, law.capacity);
        let mut plain = true;
        let rate = graph.replace_jets(quotient, &mut |_, jet| {
            let of = problem.fields.iter().position(|f| f.function == jet.function);
            plain &= of.is_some() && jet.order.order() == 0 && jet.at.is_empty();
            of.map(|k| nodes[k])
        });
        if !plain {
            return None;
        }
        let rate = graph.substitute(rate, &guesses);
        let terms = expanded(graph, rate)
            .into_iter()
            .map(|(node, coefficient)| {
                let free = graph.free_symbols(&[node]);
                let held = |k: &usize| free.contains(&magnitudes[*k]);
                Term { node, coefficient, holds: (0..magnitudes.len()).filter(held).collect() }
            })
            .collect();
        out.push(Law { field, rate, terms });
    }
    Some((time, out, magnitudes))
}

/// An expression as a sum of products with numbers in front, products of sums multiplied out.
fn expanded(graph: &mut Graph, node: Node) -> Vec<(Node, f64)> {
    let mut sum: BTreeMap<Node, f64> = BTreeMap::new();
    let one = graph.constant(1.0);
    match graph.expr(node).clone() {
        Expr::Constant(bits) => {
            sum.insert(one, f64::from_bits(bits));
        }
        Expr::Sum(constant, terms) => {
            sum.insert(one, f64::from_bits(constant));
            for (term, c) in terms {
                for (n, b) in expanded(graph, term) {
                    *sum.entry(n).or_default() += f64::from_bits(c) * b;
                }
            }
        }
        Expr::Product(factors) => {
            let mut products = vec![(one, 1.0)];
            for (base, e) in factors {
                let e = f64::from_bits(e);
                let parts = expanded(graph, base);
                let open = e.fract() == 0.0 && (1.0..=3.0).contains(&e);
                let (parts, times) =
                    if open { (parts, e as usize) } else { (vec![(graph.powf(base, e), 1.0)], 1) };
                for _ in 0..times {
                    if products.len() * parts.len() > MOST_TERMS {
                        return vec![(node, 1.0)];
                    }
                    let mut next = Vec::with_capacity(products.len() * parts.len());
                    for &(a, x) in &products {
                        next.extend(parts.iter().map(|&(b, y)| (graph.mul(a, b), x * y)));
                    }
                    products = next;
                }
            }
            for (n, c) in products {
                *sum.entry(n).or_default() += c;
            }
        }
        _ => {
            sum.insert(node, 1.0);
        }
    }
    sum.retain(|_, c| *c != 0.0);
    sum.into_iter().collect()
}

/// Weights of fields whose laws cancel: a basis of the null space of the matrix that says how often
/// each product stands in each law, by elimination.
fn invariants(laws: &[Law]) -> Vec<Vec<(usize, f64)>> {
    let mut columns: BTreeMap<Node, Vec<f64>> = BTreeMap::new();
    for (k, law) in laws.iter().enumerate() {
        for term in &law.terms {
            columns.entry(term.node).or_insert_with(|| vec![0.0; laws.len()])[k] +=
                term.coefficient;
        }
    }
    let mut rows: Vec<Vec<f64>> = columns.into_values().collect();
    for row in &mut rows {
        let size = largest(row);
        row.iter_mut().for_each(|v| *v /= size);
    }
    let mut pivots: Vec<usize> = Vec::new();
    for k in 0..laws.len() {
        let done = pivots.len();
        let best =
            (done..rows.len()).max_by(|&a, &b| rows[a][k].abs().total_cmp(&rows[b][k].abs()));
        let Some(best) = best.filter(|&b| rows[b][k].abs() > 1e-10) else {
            continue;
        };
        rows.swap(done, best);
        let pivot = rows[done].clone();
        for (j, row) in rows.iter_mut().enumerate() {
            if j != done {
                let factor = row[k] / pivot[k];
                row.iter_mut().zip(&pivot).for_each(|(v, p)| *v -= factor * p);
            }
        }
        pivots.push(k);
    }
    let free = (0..laws.len()).filter(|k| !pivots.contains(k));
    free.map(|k| {
        let mut weights = vec![(k, 1.0)];
        for (row, &pivot) in rows.iter().zip(&pivots) {
            let weight = -row[k] / row[pivot];
            if weight.abs() > 1e-10 {
                weights.push((pivot, weight));
            }
        }
        weights.sort_unstable_by_key(|w| w.0);
        weights
    })
    .filter(|weights| weights.len() > 1)
    .collect()
}

/// What an invariant with positive weights leaves at most for field `k`, if none is negative.
fn bound(invariants: &[Vec<(usize, f64)>], k: usize, initial: &[f64]) -> f64 {
    let mut out = f64::INFINITY;
    for weights in invariants.iter().filter(|w| w.iter().all(|&(_, w)| w > 0.0)) {
        if let Some((_, own)) = weights.iter().find(|(j, _)| *j == k) {
            let total: f64 = weights.iter().map(|&(j, w)| w * initial[j]).sum();
            out = out.min(total / own);
        }
    }
    out
}

/// Largest magnitude of each field's initial value over the box.
fn initial_magnitudes(
    problem: &Problem,
    graph: &mut Graph,
    laws: &[Law],
) -> Result<Vec<f64>, EngineError> {
    let mut out = Vec::new();
    for law in laws {
        let region = Region::of_field(problem, law.field);
        let start = structure::initial_value(problem, graph, law.field);
        let start = start.unwrap_or_else(|| graph.constant(0.0));
        let values = columns::probe(problem, graph, &[start], &region, PROBES)?;
        out.push(largest(&values[0]));
    }
    Ok(out)
}

/// Sizes of all fields: known from the start, or by dominant balance of their laws, at most `most`.
fn balance(
    system: &System,
    laws: &[Law],
    initial: &[f64],
    range: f64,
    most: &[f64],
) -> Vec<Option<f64>> {
    let mut known: Vec<Option<f64>> = initial.iter().map(|&m| (m > 0.0).then_some(m)).collect();
    // each sweep can make one more field known
    for _ in 0..laws.len() {
        for (k, law) in laws.iter().enumerate() {
            if known[k].is_some() {
                continue;
            }
            let usable = |t: &Term| t.holds.iter().all(|&j| j == k || known[j].is_some());
            let feeds: Vec<bool> =
                law.terms.iter().map(|t| usable(t) && !t.holds.contains(&k)).collect();
            let takes: Vec<bool> =
                law.terms.iter().map(|t| usable(t) && t.holds.contains(&k)).collect();
            let mut sizes: Vec<f64> = known.iter().map(|s| s.unwrap_or(0.0)).collect();
            let gain = system.sum(k, &feeds, &sizes);
            if !(gain > 0.0 && gain.is_finite()) {
                continue;
            }
            let mut loss = |s: f64| {
                sizes[k] = s;
                system.sum(k, &takes, &sizes)
            };
            let (mut high, mut low) = ((range * gain).min(most[k]), 0.0);
            if loss(high) > gain {
                low = high * 1e-30;
                while high > 1.01 * low {
                    let middle = (low * high).sqrt();
                    if loss(middle) > gain { high = middle } else { low = middle }
                }
            }
            known[k] = Some(if low > 0.0 { low } else { high });
        }
    }
    known
}

/// All terms and their derivatives, ready to be evaluated for sizes of the fields.
struct System {
    plan: Plan,
    points: Vec<Vec<f64>>,
    fields: usize,
    /// First term of each law.
    first: Vec<usize>,
    terms: usize,
}

impl System {
    fn new(
        problem: &Problem,
        graph: &mut Graph,
        laws: &[Law],
        magnitudes: &[SymbolId],
    ) -> Result<Self, EngineError> {
        let mut nodes = Vec::new();
        let mut first = Vec::new();
        for law in laws {
            first.push(nodes.len());
            nodes.extend(law.terms.iter().map(|t| graph.scale(t.coefficient, t.node)));
        }
        let terms = nodes.len();
        nodes.extend(laws.iter().map(|l| graph.diff(l.rate, magnitudes[l.field])));
        let mut symbols: Vec<SymbolId> = graph.free_symbols(&nodes);
        symbols.retain(|s| !magnitudes.contains(s));
        let region = Region::of_symbols(problem, &symbols);
        let inputs: Vec<Node> =
            region.symbols.iter().chain(magnitudes).map(|&s| graph.symbol(s)).collect();
        let plan = columns::values_only(&compile(graph, &nodes, &inputs)?)?;
        let points = region.probe(PROBES);
        Ok(Self { plan, points, fields: magnitudes.len(), first, terms })
    }

    fn values(&self, sizes: &[f64]) -> Vec<Vec<f64>> {
        let n = self.points.first().map_or(1, Vec::len);
        let mut inputs = self.points.clone();
        inputs.extend((0..self.fields).map(|k| vec![sizes[k]; n]));
        columns::run(&self.plan, &inputs, n)
    }

    fn run(&self, sizes: &[f64]) -> Vec<f64> {
        self.values(sizes).iter().map(|v| largest(v)).collect()
    }

    /// Largest rate at which each field grows by itself, 1/s.
    fn growth(&self, sizes: &[f64]) -> Vec<f64> {
        let own = self.values(sizes).split_off(self.terms);
        own.iter().map(|v| v.iter().copied().fold(f64::NEG_INFINITY, f64::max)).collect()
    }

    /// Sum of the magnitudes of some terms of law `k`.
    fn sum(&self, k: usize, chosen: &[bool], sizes: &[f64]) -> f64 {
        let values = self.run(sizes);
        let own = &values[self.first[k]..];
        own.iter().zip(chosen).filter(|(_, c)| **c).map(|(v, _)| v).sum()
    }

    /// Magnitude of the derivative of each law by its own field, 1/s.
    fn decay(&self, sizes: &[f64]) -> Vec<f64> {
        self.run(sizes).split_off(self.terms)
    }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |a, b| a.max(b.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The analysis of fields with laws and initial values, over `t` in `0 .. range`.
    fn analysis(range: f64, fields: &[(&str, &str, &str)]) -> Kinetics {
        let mut text =
            format!("title = \"test\"\n[coordinates]\nt = \"0 .. {range:e}\"\n[fields]\n");
        for (name, ..) in fields {
            text += &format!("{name} = {{}}\n");
        }
        for (name, rate, start) in fields {
            text += &format!("[[equations]]\nequation = \"d({name}, t) = {rate}\"\n");
            text += &format!("[[conditions]]\nat = \"t = 0\"\nequation = \"{name} = {start}\"\n");
        }
        let problem = surrogate_problem::load_text("test.toml", &text, &[], &|_| {
            Err(std::io::ErrorKind::NotFound.into())
        })
        .unwrap();
        Kinetics::of(&problem, &mut problem.graph.clone()).unwrap()
    }

    fn close(a: f64, b: f64, factor: f64) -> bool {
        a / b < factor && b / a < factor
    }

    #[test]
    fn robertson_is_stiff_and_its_sizes_follow_from_balance() {
        let k = analysis(
            1e3,
            &[
                ("a", "-0.04*a + 1e4*b*c", "1"),
                ("b", "0.04*a - 1e4*b*c - 3e7*b^2", "0"),
                ("c", "3e7*b^2", "0"),
            ],
        );
        assert_eq!(k.scales[0], None);
        assert!(close(k.scales[1].unwrap(), (0.04f64 / 3e7).sqrt(), 1.02), "{k:?}");
        assert!(close(k.scales[2].unwrap(), 1.0, 1.0001), "bounded by the invariant: {k:?}");
        assert_eq!(k.invariants, vec![vec![(0, 1.0), (1, 1.0), (2, 1.0)]]);
        let stiff = k.stiff.unwrap();
        let fastest = 1e4 + 6e7 * (0.04f64 / 3e7).sqrt();
        assert!(close(1.0 / stiff.shortest, fastest, 1.02));
        assert!(close(stiff.rates[0], 0.04, 1.0001));
    }

    #[test]
    fn products_of_sums_are_multiplied_out() {
        let k = analysis(
            600.0,
            &[
                ("s", "-1e3*(1e-3 - x)*s + 50*x", "1"),
                ("x", "1e3*(1e-3 - x)*s - 60*x", "0"),
                ("p", "10*x", "0"),
            ],
        );
        // x is at most the enzyme, 1e-3, times 1000/1060
        assert!(close(k.scales[1].unwrap(), 1e-3 * 1000.0 / 1060.0, 1.02), "{k:?}");
        let [weights] = k.invariants.as_slice() else { panic!("one invariant: {k:?}") };
        assert!(weights.len() == 3 && weights.iter().all(|w| (w.1 - 1.0).abs() < 1e-12));
    }

    #[test]
    fn an_oscillator_is_not_stiff_and_keeps_nothing_linear() {
        let k = analysis(1e6, &[("u", "v", "1"), ("v", "-u", "0")]);
        assert!(k.stiff.is_none() && k.invariants.is_empty());
    }

    #[test]
    fn an_epidemic_grows_to_what_its_invariant_allows() {
        let k = analysis(
            100.0,
            &[("s", "-0.5e-6*s*i", "1e6"), ("i", "0.5e-6*s*i - 0.1*i", "1"), ("r", "0.1*i", "0")],
        );
        assert!(close(k.scales[1].unwrap(), 1e6 + 1.0, 1.001), "{k:?}");
        assert!(close(k.scales[2].unwrap(), 1e6 + 1.0, 1.001), "{k:?}");
        assert!(k.growth[0].is_some() && k.growth[1].is_some() && k.growth[2].is_none(), "{k:?}");
        assert!(close(k.growth[1].unwrap().time, 1.0 / 0.6, 1.001), "{k:?}");
    }

    #[test]
    fn a_field_that_another_feeds_or_that_starts_at_zero_may_change_its_sign() {
        let k = analysis(10.0, &[("a", "b - a", "1"), ("b", "-b*a", "0")]);
        assert!(k.growth.iter().all(Option::is_none), "{k:?}");
    }

    #[test]
    fn stoichiometry_gives_weights() {
        // 2 a -> b
        let k = analysis(1.0, &[("a", "-2*a^2", "1"), ("b", "a^2", "0")]);
        let [weights] = k.invariants.as_slice() else { panic!("one invariant: {k:?}") };
        let ratio = weights[1].1 / weights[0].1;
        assert!((ratio - 2.0).abs() < 1e-12);
        assert!(close(k.scales[1].unwrap(), 0.5, 1.0001));
    }
}
