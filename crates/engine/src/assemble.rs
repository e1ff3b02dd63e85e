//! From a problem to components with blocks: grouping, automatic scales, rows exact by
//! construction.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use surrogate_problem::model::{Graded, Place, Problem, Role, Row, RowKind};
use surrogate_symbolic::{Expr, Graph, Node, SymbolId};

use crate::block::{Block, PointSet, RowForm, Worker};
use crate::component::{BlockForm, Component, Points};
use crate::conservation::{self, Balance};
use crate::error::EngineError;
use crate::formulation::Formulation;
use crate::lower::{QuadratureRule, lower};
use crate::sampling::{Region, Start};
use crate::structure;

/// Random starting networks used to find scales and rows that hold by construction.
const TRIALS: u64 = 4;
/// A row whose residual is below this fraction of its largest term (or of its declared scale) holds
/// by construction.
const EXACT: f64 = 1e-9;

/// Everything that training needs.
pub struct Model {
    /// Fields, networks, expressions.
    pub form: Formulation,
    /// Independent parts.
    pub components: Vec<Component>,
    /// Rows that hold by construction and are not trained.
    pub exact: Vec<String>,
}

/// A row on its way to a block.
#[derive(Clone)]
struct Draft {
    name: String,
    expression: Node,
    /// Its terms as the file writes them (a field is one term), at the fixed place and all over: a
    /// field that vanishes there is no smaller for it.
    terms: Vec<Node>,
    weight: f64,
    scale: Option<f64>,
    kind: RowKind,
    at: Vec<(usize, f64)>,
    n: usize,
    rule: QuadratureRule,
    symbols: Vec<SymbolId>,
    fields: Vec<usize>,
    unknowns: Vec<usize>,
    fixed: Option<Vec<Vec<f64>>>,
}

impl Model {
    /// Builds the model of a problem.
    ///
    /// # Errors
    /// Whatever a row's expression does not allow; rows that are not numbers at the start.
    pub fn new(problem: &Problem) -> Result<Self, EngineError> {
        let mut form = Formulation::new(problem)?;
        let mut drafts = Vec::new();
        for row in &problem.rows {
            drafts.push(draft_row(problem, &mut form, row)?);
        }
        for balance in balances(problem, &mut form) {
            drafts.push(draft_balance(problem, &mut form, &balance));
        }
        for weights in form.invariants.clone() {
            drafts.push(draft_invariant(problem, &mut form, &weights));
        }
        for k in 0..problem.data.len() {
            drafts.push(draft_measurements(problem, &mut form, k)?);
        }
        let groups = connected(&drafts, problem.fields.len(), problem.unknowns.len());
        let mut model = Self { form, components: Vec::new(), exact: Vec::new() };
        for draft in drafts.iter().filter(|d| d.fields.is_empty()) {
            model.check_fixed(problem, draft)?;
        }
        for (fields, unknowns) in groups {
            let (own, rest): (Vec<Draft>, Vec<Draft>) =
                drafts.into_iter().partition(|d| d.fields.iter().any(|f| fields.contains(f)));
            drafts = rest;
            let component = model.component(problem, fields, unknowns, own)?;
            model.components.push(component);
        }
        Ok(model)
    }

    /// A row in which no network is left must hold as it stands.
    fn check_fixed(&mut self, problem: &Problem, draft: &Draft) -> Result<(), EngineError> {
        // its terms may hold any network, away from its place
        let (fields, unknowns) = (self.form.fields.len(), self.form.unknowns.len());
        let every = Component::new(
            (0..fields).collect(),
            (0..unknowns).collect(),
            Vec::new(),
            &self.form.fields,
            unknowns,
        );
        let form = make_block(problem, &mut self.form, std::slice::from_ref(draft))?;
        let residual = typical_residuals(&self.form, &every, &form)[0];
        let size = match draft.scale {
            Some(_) => 1.0,
            None => self.largest_term(problem, &every, draft)?,
        };
        // an ansatz may carry a small constant that keeps a corner finite
        if residual <= 1e-6 * size || residual == 0.0 {
            self.exact.push(draft.name.clone());
            return Ok(());
        }
        Err(EngineError::Contradiction { row: draft.name.clone(), residual: residual / size })
    }

    fn component(
        &mut self,
        problem: &Problem,
        fields: Vec<usize>,
        unknowns: Vec<usize>,
        drafts: Vec<Draft>,
    ) -> Result<Component, EngineError> {
        let mut component =
            Component::new(fields, unknowns, Vec::new(), &self.form.fields, problem.unknowns.len());
        let mut groups: Vec<Vec<Draft>> = Vec::new();
        for draft in drafts {
            let same = |g: &&mut Vec<Draft>| {
                let h = &g[0];
                draft.fixed.is_none()
                    && h.fixed.is_none()
                    && (h.kind, h.n, &h.symbols, &h.at)
                        == (draft.kind, draft.n, &draft.symbols, &draft.at)
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.push(draft),
                None => groups.push(vec![draft]),
            }
        }
        for group in groups {
            if let Some(block) = self.block(problem, &component, group)? {
                component.blocks.push(block);
            }
        }
        let time = problem.coordinates.iter().find(|c| c.role == Role::Time).map(|c| c.symbol);
        let sampled = component.blocks.iter().all(|b| matches!(b.points, Points::Region(_)));
        let evolves = component.blocks.iter().any(|b| match (&b.points, time) {
            (Points::Region(region), Some(t)) => region.symbols.contains(&t),
            _ => false,
        });
        let regular = |&f: &usize| self.form.fields[f].start == Start::Regular;
        let singular = !component.fields.iter().all(regular);
        component.marches = time.filter(|_| sampled && evolves && !singular);
        Ok(component)
    }

    /// Lowers a group of rows; finds scales; drops rows that hold by construction.
    fn block(
        &mut self,
        problem: &Problem,
        component: &Component,
        mut group: Vec<Draft>,
    ) -> Result<Option<BlockForm>, EngineError> {
        let mut form = make_block(problem, &mut self.form, &group)?;
        let rms = typical_residuals(&self.form, component, &form);
        let mut kept = vec![true; group.len()];
        for (k, draft) in group.iter_mut().enumerate() {
            let typical = rms[k];
            if !typical.is_finite() {
                let place = "at one of the sampled points".to_string();
                return Err(EngineError::NotFinite { row: draft.name.clone(), place });
            }
            let size = match draft.scale {
                Some(_) if draft.fixed.is_none() => 1.0,
                _ => self.largest_term(problem, component, draft)?,
            };
            if typical <= EXACT * size {
                kept[k] = false;
                self.exact.push(draft.name.clone());
            }
            draft.scale.get_or_insert(typical);
        }
        if !kept.iter().all(|&k| k) {
            let mut keep = kept.iter();
            group.retain(|_| *keep.next().unwrap_or(&true));
            if group.is_empty() {
                return Ok(None);
            }
            form = make_block(problem, &mut self.form, &group)?;
        }
        for (row, draft) in form.block.rows.iter_mut().zip(&group) {
            row.scale = draft.scale.unwrap_or(1.0);
        }
        Ok(Some(form))
    }

    /// Root mean square of the largest term of a row, over random starting networks.
    fn largest_term(
        &mut self,
        problem: &Problem,
        component: &Component,
        draft: &Draft,
    ) -> Result<f64, EngineError> {
        let terms: Vec<Draft> =
            draft.terms.iter().map(|&t| Draft { expression: t, ..draft.clone() }).collect();
        if terms.is_empty() {
            return Ok(0.0);
        }
        let form = make_block(problem, &mut self.form, &terms)?;
        let rms = typical_residuals(&self.form, component, &form);
        Ok(rms.into_iter().fold(0.0, f64::max))
    }
}

fn make_block(
    problem: &Problem,
    form: &mut Formulation,
    group: &[Draft],
) -> Result<BlockForm, EngineError> {
    let expressions: Vec<Node> = group.iter().map(|d| d.expression).collect();
    let lowered = lower(form, &expressions, group[0].rule, true)?;
    let rows = group
        .iter()
        .map(|d| RowForm { name: d.name.clone(), weight: d.weight, scale: 1.0 })
        .collect();
    let points = match &group[0].fixed {
        Some(columns) => {
            let wanted = lowered.symbols.iter();
            let place = |s: &SymbolId| group[0].symbols.iter().position(|t| t == s);
            Points::Fixed(wanted.filter_map(|s| Some(columns[place(s)?].clone())).collect())
        }
        None => {
            let mut region = Region::of_symbols(problem, &lowered.symbols);
            for field in group.iter().flat_map(|d| &d.fields).map(|&f| &form.fields[f]) {
                region.crowd_at_start(problem, field.start, &field.layers);
            }
            Points::Region(region)
        }
    };
    let n = group[0].n;
    let held_out = match points {
        Points::Fixed(_) => 0,
        Points::Region(_) => problem.sampling.held_out.unwrap_or(512).min(n.max(1)),
    };
    let adaptive = problem.sampling.adaptive && group[0].kind == RowKind::Equation;
    Ok(BlockForm { block: Block::new(rows, lowered)?, points, n, held_out, adaptive })
}

/// Root mean square of each row's residual over random starting networks.
fn typical_residuals(form: &Formulation, component: &Component, block: &BlockForm) -> Vec<f64> {
    let points = block.draw(block.n.min(512), 1, None);
    let rows = block.block.rows.len();
    let mut squares = vec![0.0; rows];
    let mut worker = Worker::new(&block.block, &form.fields, form.unknowns.len());
    for trial in 0..TRIALS {
        let x = initial(component, form, 1000 + trial);
        let weights = component.weights(&x, &form.fields);
        for t in 0..points.tiles(&block.block) {
            worker.accumulate(&block.block, &points, t, &weights, false, &mut squares);
        }
    }
    let count = points.n as f64 * TRIALS as f64;
    squares.iter().map(|s| (s / count).sqrt()).collect()
}

/// Starting variables of a component: Glorot weights, unknowns at their initial values.
pub fn initial(component: &Component, form: &Formulation, seed: u64) -> Vec<f64> {
    let mut x = Vec::with_capacity(component.n);
    for &f in &component.fields {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(f as u64 + 1);
        let mut normal = || StandardNormal.sample(&mut rng);
        x.extend(form.fields[f].mlp.glorot(&mut normal));
    }
    x.resize(component.n, 0.0);
    x
}

fn draft_row(problem: &Problem, form: &mut Formulation, row: &Row) -> Result<Draft, EngineError> {
    let graph = &mut form.graph;
    let mut factors = Vec::new();
    match row.multiply_by {
        Some(m) => factors.push((m, 1.0)),
        None if row.kind == RowKind::Equation => {
            let own = row.evolution.as_ref().and_then(|e| form.fields[e.field].residual_factor);
            factors.extend(own.map(|f| (f, 1.0)));
        }
        None => {}
    }
    factors.extend(row.scale.map(|s| (s, -1.0)));
    let at: Vec<(SymbolId, Node)> =
        row.at.iter().map(|&(c, v)| (problem.coordinates[c].symbol, graph.constant(v))).collect();
    let terms = terms_of(graph, row.residual);
    let mut placed = |node: Node, at: &[(SymbolId, Node)]| {
        let mut list = factors.clone();
        list.push((node, 1.0));
        let product = form.graph.product(&list);
        let there = form.graph.substitute(product, at);
        form.expand(there)
    };
    let expression = placed(row.residual, &at);
    let mut sizes: Vec<Node> = terms.iter().map(|&term| placed(term, &at)).collect();
    if !at.is_empty() {
        sizes.extend(terms.iter().map(|&term| placed(term, &[])));
    }
    let symbols = point_symbols(form, expression);
    let d = symbols.len();
    let n = row.points.unwrap_or_else(|| default_points(problem, row.kind, d));
    let weight = row.weight.unwrap_or(match row.kind {
        RowKind::Equation => 1.0,
        RowKind::Condition | RowKind::Integral => 10.0,
    });
    let (fields, unknowns) = members(form, expression);
    Ok(Draft {
        name: row.name.clone(),
        expression,
        terms: sizes,
        weight,
        scale: row.scale.map(|_| 1.0),
        kind: row.kind,
        at: row.at.clone(),
        n: if d == 0 { 1 } else { n },
        rule: QuadratureRule { nodes: row.nodes, graded: row.graded },
        symbols,
        fields,
        unknowns,
        fixed: None,
    })
}

/// Summands of a residual before its fields are expanded.
fn terms_of(graph: &mut Graph, residual: Node) -> Vec<Node> {
    match graph.expr(residual).clone() {
        Expr::Sum(constant, terms) => {
            let numbers = terms.iter().map(|&(n, c)| (n, f64::from_bits(c)));
            let mut out: Vec<Node> = numbers.map(|(n, c)| graph.scale(c, n)).collect();
            out.push(graph.constant(f64::from_bits(constant)));
            out
        }
        _ => vec![residual],
    }
}

fn balances(problem: &Problem, form: &mut Formulation) -> Vec<Balance> {
    conservation::balances(problem, &mut form.graph, &mut |graph, field| {
        structure::initial_value(problem, graph, field)
    })
}

fn draft_balance(problem: &Problem, form: &mut Formulation, balance: &Balance) -> Draft {
    let expression = form.expand(balance.residual);
    // the drift grows like the factor that starts the field, so divide by it
    let expression = match form.fields[balance.field].residual_factor {
        Some(factor) => form.graph.div(expression, factor),
        None => expression,
    };
    let points = problem.sampling.integral.unwrap_or(48);
    draft_law(form, balance.name.clone(), expression, RowKind::Integral, points)
}

/// A weighted sum of fields is what it was at the start.
fn draft_invariant(problem: &Problem, form: &mut Formulation, weights: &[(usize, f64)]) -> Draft {
    let mut terms = Vec::new();
    for &(field, weight) in weights {
        let value = form.graph.function_value(problem.fields[field].function);
        terms.push((value, weight));
        if let Some(start) = structure::initial_value(problem, &mut form.graph, field) {
            terms.push((start, -weight));
        }
    }
    let change = form.graph.linear(0.0, &terms);
    let expression = form.expand(change);
    let names: Vec<&str> = weights.iter().map(|&(f, _)| problem.fields[f].name.as_str()).collect();
    let name = format!("conservation of {}", names.join(", "));
    draft_law(form, name, expression, RowKind::Condition, 256)
}

/// A row that the file implies.
fn draft_law(
    form: &Formulation,
    name: String,
    expression: Node,
    kind: RowKind,
    points: usize,
) -> Draft {
    let symbols = point_symbols(form, expression);
    let (fields, unknowns) = members(form, expression);
    Draft {
        name,
        expression,
        terms: Vec::new(),
        weight: 10.0,
        scale: None,
        kind,
        at: Vec::new(),
        n: if symbols.is_empty() { 1 } else { points },
        rule: QuadratureRule { nodes: 32, graded: Graded::Both },
        symbols,
        fields,
        unknowns,
        fixed: None,
    }
}

fn default_points(problem: &Problem, kind: RowKind, dimensions: usize) -> usize {
    let s = &problem.sampling;
    match kind {
        RowKind::Equation => s.interior.unwrap_or(match dimensions {
            0 => 1,
            1 => 2048,
            2 => 2000,
            _ => 3000,
        }),
        RowKind::Condition => s.boundary.unwrap_or(match dimensions {
            0 => 1,
            1 => 128,
            2 => 256,
            _ => 384,
        }),
        RowKind::Integral => s.integral.unwrap_or(48),
    }
}

fn draft_measurements(
    problem: &Problem,
    form: &mut Formulation,
    k: usize,
) -> Result<Draft, EngineError> {
    let data = &problem.data[k];
    let measured = form.graph.add_symbol("measured");
    let node = form.graph.symbol(measured);
    let difference = form.graph.sub(data.observed, node);
    let expression = form.expand(difference);
    let mut symbols: Vec<SymbolId> = data
        .places
        .iter()
        .map(|p| match p {
            Place::Coordinate(c) => problem.coordinates[*c].symbol,
            Place::Parameter(p) => problem.parameters[*p].symbol,
        })
        .collect();
    symbols.push(measured);
    let mut columns: Vec<Vec<f64>> =
        (0..symbols.len()).map(|j| data.rows.iter().map(|r| r[j]).collect()).collect();
    // parameters that the data do not mention are at their nominal values
    for p in &problem.parameters {
        if !symbols.contains(&p.symbol) {
            symbols.push(p.symbol);
            columns.push(vec![p.nominal; data.rows.len()]);
        }
    }
    for s in point_symbols(form, expression) {
        if !symbols.contains(&s) {
            return Err(EngineError::Prediction(format!(
                "data `{}` give no column for `{}`",
                data.name,
                form.graph.symbol_name(s)
            )));
        }
    }
    let values = columns[data.places.len()].clone();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let spread = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
    let size = if spread > 0.0 { spread.sqrt() } else { mean.abs().max(1e-300) };
    let (fields, unknowns) = members(form, expression);
    Ok(Draft {
        name: data.name.clone(),
        expression,
        terms: Vec::new(),
        weight: data.weight * data_weight(data.noise, size),
        scale: Some(size),
        kind: RowKind::Condition,
        at: Vec::new(),
        n: data.rows.len(),
        rule: QuadratureRule { nodes: 16, graded: Graded::No },
        symbols,
        fields,
        unknowns,
        fixed: Some(columns),
    })
}

/// Weight of measurements in the loss (their residuals are divided by their spread `size`).
///
/// Noise must not bend the field away from its equations: fitting it would lower the loss by about
/// a tenth of `weight (noise/size)²`, which is kept at the square of a relative residual of 1e-3.
fn data_weight(noise: Option<f64>, size: f64) -> f64 {
    match noise {
        Some(sd) if sd > 0.0 => (1e-5 * (size / sd).powi(2)).clamp(1e-4, 10.0),
        Some(_) => 10.0,
        None => 1e-2,
    }
}

/// Symbols that a point must give.
fn point_symbols(form: &Formulation, expression: Node) -> Vec<SymbolId> {
    let mut symbols = form.graph.free_symbols(&[expression]);
    symbols.retain(|&s| !form.is_trained(s));
    symbols
}

/// Fields and unknowns of an expression.
fn members(form: &Formulation, expression: Node) -> (Vec<usize>, Vec<usize>) {
    let graph = &form.graph;
    let mut fields: Vec<usize> = graph
        .jets_in(&[expression])
        .into_iter()
        .filter_map(|id| form.field_of_network(graph.jet(id).function))
        .collect();
    fields.sort_unstable();
    fields.dedup();
    let free = graph.free_symbols(&[expression]);
    let unknowns =
        (0..form.unknowns.len()).filter(|&k| free.contains(&form.unknowns[k].symbol)).collect();
    (fields, unknowns)
}

/// Groups of fields and unknowns that share rows.
fn connected(drafts: &[Draft], fields: usize, unknowns: usize) -> Vec<(Vec<usize>, Vec<usize>)> {
    let mut label: Vec<usize> = (0..fields + unknowns).collect();
    for draft in drafts {
        let members: Vec<usize> =
            draft.fields.iter().copied().chain(draft.unknowns.iter().map(|u| fields + u)).collect();
        let Some(lowest) = members.iter().map(|&m| label[m]).min() else {
            continue;
        };
        let merged: Vec<usize> = members.iter().map(|&m| label[m]).collect();
        label.iter_mut().filter(|l| merged.contains(l)).for_each(|l| *l = lowest);
    }
    let mut groups: Vec<usize> = label[..fields].to_vec();
    groups.sort_unstable();
    groups.dedup();
    groups
        .into_iter()
        .map(|g| {
            let own = |range: std::ops::Range<usize>, shift: usize| {
                range.filter(|&i| label[i] == g).map(|i| i - shift).collect::<Vec<_>>()
            };
            (own(0..fields, 0), own(fields..fields + unknowns, fields))
        })
        .collect()
}

/// A component's points for one round of training, in the first `window` of time.
/// Adaptive blocks get `factor` times the planned number.
pub fn draw_all(component: &Component, seed: u32, window: f64, factor: f64) -> Vec<PointSet> {
    let window = component.marches.filter(|_| window < 1.0).map(|t| (t, window));
    let seeds = (0u32..).map(|k| seed.wrapping_mul(0x9e37_79b9).wrapping_add(k));
    let count = |b: &BlockForm| {
        let factor = if b.adaptive { factor } else { 1.0 };
        (b.n as f64 * factor) as usize
    };
    component.blocks.iter().zip(seeds).map(|(b, s)| b.draw(count(b), s, window)).collect()
}

/// A component's held-out points.
pub fn draw_held_out(component: &Component) -> Vec<PointSet> {
    let seeds = (0u32..).map(|k| 0x5eed_0000 + k);
    component.blocks.iter().zip(seeds).map(|(b, s)| b.draw(b.held_out, s, None)).collect()
}
