//! A trained surrogate at the same points for many parameter rows: curves.
//!
//! Points (times) and rows (parameter vectors) form a rectangle. What depends on the points alone
//! (whole networks included) is evaluated once and for all, what depends on a row alone
//! once a row, and only the rest everywhere. Shapes: `T` points, `R` rows, results `[R * T]`.

use surrogate_jet::tape::{Plan, Registers};
use surrogate_symbolic::{Expr, Node, SymbolId};

use crate::assemble::Model;
use crate::block::{Runner, Weights};
use crate::columns;
use crate::error::EngineError;
use crate::formulation::Formulation;
use crate::lower::{Lowered, Placed, Site, assemble, place_networks};
use crate::split::Splitter;
use crate::surrogate::{PointProgram, Predictor, TrainedValues, with_derivatives};

/// Expressions compiled for prediction at fixed points.
pub struct CurvePredictor {
    points: usize,
    row_symbols: Vec<SymbolId>,
    form: Form,
}

enum Form {
    Rectangle(Box<Rectangle>),
    /// Expressions with integrals: every point on its own.
    Plain {
        predictor: Box<Predictor>,
        /// For each of the predictor's symbols: a row symbol, or values at the points.
        sources: Vec<Source>,
    },
}

enum Source {
    Row(usize),
    Points(Vec<f64>),
}

struct Rectangle {
    trained: TrainedValues,
    /// What depends on the points alone, `[column][point]`.
    point_values: Vec<Vec<f64>>,
    at_rows: PointProgram,
    rest: Rest,
}

impl CurvePredictor {
    /// Compiles expressions of fields (SI) and their derivatives by `by`, in the order of
    /// [`Predictor::new`], for the points `[symbol][point]`. Every other symbol belongs to a row.
    ///
    /// # Errors
    /// If an expression cannot be compiled.
    ///
    /// # Panics
    /// If there is no point.
    pub fn new(
        model: &mut Model,
        trained: &[Vec<f64>],
        expressions: &[Node],
        by: &[SymbolId],
        points: &[(SymbolId, Vec<f64>)],
    ) -> Result<Self, EngineError> {
        let n = points.first().map_or(0, |(_, column)| column.len());
        assert!(n > 0, "a curve has at least one point");
        let all = with_derivatives(&mut model.form, expressions, by);
        let of_points = |s: SymbolId| points.iter().position(|(p, _)| *p == s);
        if has_integral(&model.form, &all) {
            let predictor = Predictor::new(model, trained, expressions, by)?;
            let mut row_symbols = Vec::new();
            let sources = predictor
                .symbols()
                .iter()
                .map(|&s| {
                    if let Some(k) = of_points(s) {
                        return Source::Points(points[k].1.clone());
                    }
                    row_symbols.push(s);
                    Source::Row(row_symbols.len() - 1)
                })
                .collect();
            let form = Form::Plain { predictor: Box::new(predictor), sources };
            return Ok(Self { points: n, row_symbols, form });
        }
        let symbols: Vec<SymbolId> = points.iter().map(|(s, _)| *s).collect();
        let parts = factor(&mut model.form, &all, &symbols)?;
        let row_symbols = parts.rows.symbols.clone();
        let trained = TrainedValues::new(model, trained);
        let mut at_points = PointProgram::new(parts.points, &trained)?;
        let at_rows = PointProgram::new(parts.rows, &trained)?;
        let point_columns: Vec<Vec<f64>> =
            points.iter().map(|(_, column)| column.clone()).collect();
        let point_values = at_points.evaluate(&trained.weights(), &point_columns, n);
        let rest = Rest::new(parts.rest, parts.point_values, &trained, n)?;
        let rectangle = Rectangle { trained, point_values, at_rows, rest };
        Ok(Self { points: n, row_symbols, form: Form::Rectangle(Box::new(rectangle)) })
    }

    /// Symbols that a row must give, in column order.
    pub fn symbols(&self) -> &[SymbolId] {
        &self.row_symbols
    }

    /// Points of a curve.
    pub fn points(&self) -> usize {
        self.points
    }

    /// Values `[expression][row * T + point]` for `n` rows given as `[symbol][row]`.
    pub fn evaluate(&mut self, rows: &[Vec<f64>], n: usize) -> Vec<Vec<f64>> {
        match &mut self.form {
            Form::Rectangle(r) => r.evaluate(rows, n, self.points),
            Form::Plain { predictor, sources } => {
                let total = n * self.points;
                let column = |source: &Source| match source {
                    Source::Row(k) => (0..total).map(|i| rows[*k][i / self.points]).collect(),
                    Source::Points(values) => values.repeat(n),
                };
                let columns: Vec<Vec<f64>> = sources.iter().map(column).collect();
                predictor.evaluate(&columns, total)
            }
        }
    }
}

impl Rectangle {
    fn evaluate(&mut self, rows: &[Vec<f64>], n: usize, points: usize) -> Vec<Vec<f64>> {
        let weights = self.trained.weights();
        let row_values = self.at_rows.evaluate(&weights, rows, n);
        let total = n * points;
        let mut out = vec![Vec::with_capacity(total); self.rest.main.outputs()];
        let mut start = 0;
        while start < total {
            let count = self.rest.tile.min(total - start);
            self.rest.fill(&self.point_values, &row_values, start, count);
            self.rest.forward(&weights);
            for (k, column) in out.iter_mut().enumerate() {
                column.extend_from_slice(&self.rest.runner.output(k)[..count]);
            }
            start += count;
        }
        out
    }
}

/// Expressions taken apart by what they depend on.
struct Parts {
    points: Lowered,
    rows: Lowered,
    /// Reads the values of the first, then of the second.
    rest: Lowered,
    /// How many are of the first.
    point_values: usize,
}

/// What a symbol or expression depends on.
#[derive(Clone, Copy, Default)]
struct Dependence {
    point: bool,
    row: bool,
}

impl Dependence {
    fn or(self, other: Self) -> Self {
        Self { point: self.point || other.point, row: self.row || other.row }
    }
}

fn factor(
    form: &mut Formulation,
    expressions: &[Node],
    points: &[SymbolId],
) -> Result<Parts, EngineError> {
    let Placed { expressions, sites } = place_networks(form, expressions)?;
    let mut streams: Vec<(SymbolId, Dependence)> = Vec::new();
    let (mut at_points, mut at_rows, mut mixed) = (Vec::new(), Vec::new(), Vec::new());
    for site in sites {
        let free = form.graph.free_symbols(&site.features);
        let depends = free
            .iter()
            .map(|s| Dependence { point: points.contains(s), row: !points.contains(s) })
            .fold(Dependence::default(), Dependence::or);
        streams.extend(site.symbols.iter().map(|&s| (s, depends)));
        match depends {
            Dependence { row: false, .. } => at_points.push(site),
            Dependence { point: false, .. } => at_rows.push(site),
            _ => mixed.push(site),
        }
    }
    let depends = |form: &Formulation, s: SymbolId| {
        if let Some((_, d)) = streams.iter().find(|(t, _)| *t == s) {
            return *d;
        }
        let row = !points.contains(&s) && !form.is_trained(s);
        Dependence { point: points.contains(&s), row }
    };
    let mut nodes: Vec<Node> = mixed.iter().flat_map(|s: &Site| s.features.clone()).collect();
    nodes.extend(&expressions);

    let of_points = separate(form, &mut nodes, &|form, s| depends(form, s).row);
    let fresh = of_points.symbols.clone();
    let of_rows =
        separate(form, &mut nodes, &|form, s| fresh.contains(&s) || depends(form, s).point);

    let mut left = nodes.as_slice();
    for site in &mut mixed {
        let (features, others) = left.split_at(site.features.len());
        site.features = features.to_vec();
        left = others;
    }
    let outputs = left.to_vec();
    let mut row_symbols = form.graph.free_symbols(&of_rows.fixed);
    row_symbols.extend(at_rows.iter().flat_map(|s: &Site| form.graph.free_symbols(&s.features)));
    row_symbols.retain(|s| streams.iter().all(|(t, _)| t != s) && !form.is_trained(*s));
    row_symbols.sort_unstable();
    row_symbols.dedup();
    let mut values = of_points.symbols.clone();
    values.extend(&of_rows.symbols);
    Ok(Parts {
        points: assemble(form, &of_points.fixed, at_points, Vec::new(), points.to_vec())?,
        rows: assemble(form, &of_rows.fixed, at_rows, Vec::new(), row_symbols)?,
        rest: assemble(form, &outputs, mixed, Vec::new(), values)?,
        point_values: of_points.symbols.len(),
    })
}

/// Replaces what has no moving symbol in `nodes`.
fn separate(
    form: &mut Formulation,
    nodes: &mut [Node],
    moves: &dyn Fn(&Formulation, SymbolId) -> bool,
) -> Splitter {
    let mut splitter = Splitter::new(&form.graph, nodes, &|s| moves(form, s));
    for node in nodes {
        *node = splitter.split(&mut form.graph, *node);
    }
    splitter
}

/// What depends on point and row together, one tile at a time.
struct Rest {
    lowered: Lowered,
    statics: Plan,
    main: Plan,
    runner: Runner,
    tile: usize,
    points: usize,
    point_columns: usize,
    /// Values at the points and of the rows, `[column][tile]`.
    inputs: Vec<f64>,
    /// Static columns of the tile.
    columns: Vec<f64>,
    registers: Registers,
}

impl Rest {
    fn new(
        lowered: Lowered,
        point_columns: usize,
        trained: &TrainedValues,
        points: usize,
    ) -> Result<Self, EngineError> {
        let tile = best_tile(points);
        let runner = Runner::new(&lowered, &trained.forms, tile);
        Ok(Self {
            statics: columns::values_only(&lowered.static_program)?,
            main: columns::values_only(&lowered.main)?,
            inputs: vec![0.0; lowered.symbols.len() * tile],
            columns: vec![0.0; lowered.static_columns() * tile],
            registers: Registers::new(),
            lowered,
            runner,
            tile,
            points,
            point_columns,
        })
    }

    /// Inputs of the elements `start .. start + count` of the rectangle.
    fn fill(&mut self, points: &[Vec<f64>], rows: &[Vec<f64>], start: usize, count: usize) {
        let length = self.points;
        let (at_points, at_rows) = self.inputs.split_at_mut(self.point_columns * self.tile);
        let mut done = 0;
        while done < count {
            let (row, point) = ((start + done) / length, (start + done) % length);
            let part = (length - point).min(count - done);
            for (tile, column) in at_points.chunks_exact_mut(self.tile).zip(points) {
                tile[done..done + part].copy_from_slice(&column[point..point + part]);
            }
            for (tile, column) in at_rows.chunks_exact_mut(self.tile).zip(rows) {
                tile[done..done + part].fill(column[row]);
            }
            done += part;
        }
        for tile in self.inputs.chunks_exact_mut(self.tile) {
            let last = tile[count - 1];
            tile[count..].fill(last);
        }
    }
}

impl Rest {
    /// All outputs on the tile that was filled.
    fn forward(&mut self, weights: &Weights<'_>) {
        self.statics.forward(&self.inputs, self.tile, &mut self.registers);
        for (k, column) in self.columns.chunks_exact_mut(self.tile).enumerate() {
            column.copy_from_slice(self.registers.output(k));
        }
        self.runner.networks(&self.lowered, &self.columns, weights);
        self.runner.forward(&self.main);
    }
}

/// The tile of 32 to 104 points that leaves the least of its last copy empty; the smallest of equals.
fn best_tile(points: usize) -> usize {
    let padded = |tile: usize| points.div_ceil(tile) * tile;
    (4..=13).map(|k| 8 * k).min_by_key(|&tile| padded(tile)).unwrap_or(32)
}

fn has_integral(form: &Formulation, nodes: &[Node]) -> bool {
    let graph = &form.graph;
    graph.reachable(nodes).iter().any(|&n| matches!(graph.expr(n), Expr::Integral(_)))
}
