//! The problem as discrete laws, before any mesh: which states there are, and which expression
//! determines each of them where.
//!
//! - A field whose equation is `capacity · d(u, t) = div(flux) + source` with first derivatives in
//!   the flux lives in *cells*: the law is the flux through faces, and each end has an unknown
//!   boundary value determined by its condition.
//! - Any other field in space lives on *nodes*; conditions replace the equation next to the ends.
//! - A field of time only is a *scalar*.
//!
//! A field of second or higher order in time has one state per lower time derivative. Fields that
//! share a row form a component; components are integrated separately.

use surrogate_problem::model::{Geometry, Problem, RowKind};
use surrogate_symbolic::Node;

use crate::assign::{self, Assignment};
use crate::error::SolveError;
use crate::law::{Input, Law, Leaf};
use crate::lower::{Integral, Lowering};
use crate::mesh::Refined;

/// Where a state lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// Field of time only.
    Scalar,
    /// Point values on nodes.
    Nodes,
    /// Cell averages, and a boundary value at each end that has a condition.
    Cells { lower: bool, upper: bool },
}

/// One discrete state.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) field: usize,
    /// Time derivative of the field that this state is.
    pub(crate) order: usize,
    /// Space coordinate.
    pub(crate) line: Option<usize>,
    pub(crate) home: Home,
    /// Initial value and its space derivatives; empty for an algebraic state without a guess.
    pub(crate) initial: Vec<Law>,
    /// Smallest magnitude for the error control.
    pub(crate) floor: f64,
}

/// Where a law holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// Flux through the inner faces of cells.
    Flux,
    /// Flux through an end.
    EndFlux { upper: bool },
    /// Source in cells.
    Source,
    /// At nodes that no condition takes.
    Node,
    /// Condition: the boundary value of cells, or node number `slot` from the end.
    End { upper: bool, slot: usize },
    /// Determines a scalar; the row's fixed place on the line, if it has one.
    Scalar { at: Option<usize> },
}

/// A law that determines (or contributes to the rate of) a state.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) site: Site,
    pub(crate) state: usize,
    pub(crate) law: Law,
    /// The law is a rate; else it is a residual.
    pub(crate) differential: bool,
    /// Fixed place of `End` and `Scalar` laws.
    pub(crate) place: f64,
}

/// States and laws that have to be solved together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Component {
    pub(crate) states: Vec<usize>,
    pub(crate) rows: Vec<Row>,
    /// No field depends on time.
    pub(crate) steady: bool,
    /// An end condition contradicts the initial condition.
    pub(crate) abrupt: bool,
}

/// A space coordinate.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    /// Weight of the volume element, `r^power`.
    pub(crate) power: i32,
    pub(crate) periodic: bool,
    pub(crate) refined: Refined,
    /// Highest derivative on nodes.
    pub(crate) order: usize,
    /// Some field lives in cells of it.
    pub(crate) cells: bool,
    /// Nodes per finite difference. Waves take fewer: wide one-sided differences let them grow.
    pub(crate) window: usize,
}

impl Line {
    /// The lower end is the centre of a cylinder or sphere: nothing flows through it.
    pub(crate) fn centred(&self) -> bool {
        self.power > 0 && self.lower == 0.0
    }
}

/// The whole problem.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) states: Vec<State>,
    pub(crate) lines: Vec<Line>,
    pub(crate) components: Vec<Component>,
    pub(crate) integrals: Vec<Integral>,
    /// Outputs of time only, and why the others are not computed.
    pub(crate) outputs: Vec<Result<Law, String>>,
    /// Component of each state.
    pub(crate) component_of: Vec<usize>,
    /// State of each field.
    pub(crate) first_state: Vec<usize>,
    /// Position of time among the coordinates.
    pub(crate) time: Option<usize>,
    /// Lower end of time.
    pub(crate) start: f64,
    pub(crate) parameters: usize,
}

/// Rows of the problem with unknown scalars put in, lowered as far as sites are known.
pub(crate) struct Builder<'a> {
    pub(crate) problem: &'a Problem,
    pub(crate) low: Lowering,
    pub(crate) lines: Vec<Line>,
    /// Residual of each row with unknown scalars at their initial value.
    pub(crate) residuals: Vec<Node>,
    pub(crate) homes: Vec<Home>,
    /// Row that governs each differential field.
    pub(crate) governing: Vec<Option<usize>>,
}

impl Model {
    /// Reads a problem.
    ///
    /// # Errors
    /// [`SolveError::Unsupported`].
    pub(crate) fn new(problem: &Problem) -> Result<Self, SolveError> {
        if problem.fields.is_empty() {
            return Err(SolveError::unsupported("there are no fields"));
        }
        let mut builder = Builder::new(problem)?;
        let assignment = assign::assign(&mut builder)?;
        let mut states = builder.states()?;
        let rows = builder.rows(&assignment)?;
        builder.initial_values(&mut states, &rows)?;
        let (mut components, component_of) = builder.components(rows);
        let outputs = builder.outputs();
        let start = builder.low.time.map_or(0.0, |t| problem.coordinates[t].lower);
        components.iter_mut().for_each(|c| {
            c.steady = c.states.iter().all(|&s| {
                let field = &problem.fields[builder.low.states[s].field];
                !field.coordinates.iter().any(|c| Some(*c) == builder.low.time)
            });
        });
        let mut model = Self {
            states,
            lines: builder.lines,
            components,
            integrals: builder.low.integrals,
            outputs,
            component_of,
            first_state: builder.low.first_state,
            time: builder.low.time,
            start,
            parameters: problem.parameters.len(),
        };
        crate::corner::mark(&mut model, problem);
        Ok(model)
    }
}

impl<'a> Builder<'a> {
    fn new(problem: &'a Problem) -> Result<Self, SolveError> {
        let mut graph = problem.graph.clone();
        let unknowns: Vec<_> =
            problem.unknowns.iter().map(|u| (u.symbol, graph.constant(u.initial))).collect();
        let residuals =
            problem.rows.iter().map(|r| graph.substitute(r.residual, &unknowns)).collect();
        let low = Lowering::new(problem, graph)?;
        let lines = problem.coordinates.iter().map(|c| Line {
            lower: c.lower,
            upper: c.upper,
            power: match c.geometry {
                Geometry::Cartesian => 0,
                Geometry::Cylinder => 1,
                Geometry::Sphere => 2,
            },
            periodic: c.periodic,
            refined: Refined::default(),
            order: 1,
            cells: false,
            window: 7,
        });
        let mut builder = Self {
            problem,
            lines: lines.collect(),
            residuals,
            homes: vec![Home::Scalar; problem.fields.len()],
            governing: vec![None; problem.fields.len()],
            low,
        };
        builder.find_governing()?;
        builder.find_homes();
        Ok(builder)
    }

    fn put_unknowns(&mut self, node: Node) -> Node {
        let unknowns: Vec<_> = self
            .problem
            .unknowns
            .iter()
            .map(|u| (u.symbol, self.low.graph.constant(u.initial)))
            .collect();
        self.low.graph.substitute(node, &unknowns)
    }

    /// The one equation with the highest time derivative of each field.
    fn find_governing(&mut self) -> Result<(), SolveError> {
        for (index, row) in self.problem.rows.iter().enumerate() {
            if row.kind != RowKind::Equation {
                continue;
            }
            let field = match &row.evolution {
                Some(evolution) => Some(evolution.field),
                None => {
                    let found = self.evolving_fields(self.residuals[index]);
                    if found.len() > 1 {
                        let reason = format!(
                            "`{}` holds the time derivatives of several fields",
                            row.name
                        );
                        return Err(SolveError::Unsupported { reason });
                    }
                    found.first().copied()
                }
            };
            let Some(field) = field else { continue };
            if self.governing[field].is_some() {
                let name = &self.problem.fields[field].name;
                let reason = format!("two equations give the rate of `{name}`");
                return Err(SolveError::Unsupported { reason });
            }
            self.governing[field] = Some(index);
        }
        for (field, order) in self.low.time_order.iter().enumerate() {
            if *order > 0 && self.governing[field].is_none() {
                let name = &self.problem.fields[field].name;
                let reason = format!("no single equation gives the rate of `{name}`");
                return Err(SolveError::Unsupported { reason });
            }
        }
        Ok(())
    }

    fn evolving_fields(&self, residual: Node) -> Vec<usize> {
        let graph = &self.low.graph;
        let Some(time) = self.low.time.map(|t| self.low.coordinate(t)) else { return Vec::new() };
        let mut found: Vec<usize> = (0..self.problem.fields.len())
            .filter(|&f| {
                let order = self.low.time_order[f];
                order > 0
                    && graph.jets_in(&[residual]).into_iter().any(|id| {
                        let jet = graph.jet(id);
                        jet.function == self.problem.fields[f].function
                            && usize::from(jet.order.of(time)) == order
                    })
            })
            .collect();
        found.dedup();
        found
    }

    fn find_homes(&mut self) {
        for field in 0..self.problem.fields.len() {
            let Some(line) = self.low.space[field] else { continue };
            self.homes[field] = if self.suits_cells(field, line) {
                self.lines[line].cells = true;
                Home::Cells { lower: !self.lines[line].centred(), upper: true }
            } else {
                Home::Nodes
            };
        }
        for (index, row) in self.problem.rows.iter().enumerate() {
            if row.kind == RowKind::Equation {
                for field in self.low.fields_in(self.residuals[index]) {
                    let order = self.low.local_order(self.residuals[index], field);
                    if let (Some(line), Some(order)) = (self.low.space[field], order) {
                        self.lines[line].order = self.lines[line].order.max(order);
                    }
                }
            }
        }
        for (index, line) in self.lines.iter_mut().enumerate() {
            let waves = (0..self.problem.fields.len())
                .any(|f| self.low.space[f] == Some(index) && self.low.time_order[f] > 1);
            line.window = match (line.periodic, line.order) {
                (true, _) | (false, 3..) => 9,
                (false, 2) if !waves => 7,
                _ => 5,
            };
        }
    }

    fn suits_cells(&self, field: usize, line: usize) -> bool {
        let row = self.governing[field].map(|r| &self.problem.rows[r]);
        let Some(evolution) = row.and_then(|r| r.evolution.as_ref()) else { return false };
        let low = &self.low;
        let graph = &low.graph;
        let symbol = low.coordinate(line);
        let flat = |node: Node| {
            graph.jets_in(&[node]).is_empty() && !graph.free_symbols(&[node]).contains(&symbol)
        };
        let slopes = |node: Node| {
            low.fields_in(node).into_iter().filter_map(|f| low.local_order(node, f)).max()
        };
        !self.lines[line].periodic
            && low.time_order[field] == 1
            && !evolution.divergences.is_empty()
            && evolution.divergences.iter().all(|&(c, _)| c == line)
            && flat(evolution.capacity)
            && evolution.divergences.iter().all(|&(_, flux)| slopes(flux) <= Some(1))
            && (self.lines[line].power > 0 || slopes(evolution.source) <= Some(0))
    }

    fn states(&mut self) -> Result<Vec<State>, SolveError> {
        let keys = self.low.states.clone();
        let make = |key: &crate::lower::StateKey| State {
            field: key.field,
            order: key.order,
            line: self.low.space[key.field],
            home: self.homes[key.field],
            initial: Vec::new(),
            floor: 0.0,
        };
        Ok(keys.iter().map(make).collect())
    }

    fn rows(&mut self, assignment: &Assignment) -> Result<Vec<Row>, SolveError> {
        let mut rows = Vec::new();
        for field in 0..self.problem.fields.len() {
            let line = self.low.space[field];
            let last = self.low.first_state[field] + self.low.time_order[field].max(1) - 1;
            match (self.governing[field], self.homes[field]) {
                (Some(row), Home::Cells { .. }) => {
                    self.cell_rows(field, row, assignment, &mut rows)?;
                    continue;
                }
                (Some(row), home) => {
                    let rate = self.rate(self.residuals[row], field, line)?;
                    let law = self.low.compile(rate, line)?;
                    let site =
                        if home == Home::Scalar { Site::Scalar { at: None } } else { Site::Node };
                    rows.push(Row { site, state: last, law, differential: true, place: 0.0 });
                }
                (None, Home::Scalar) => {
                    let given = assignment.scalars[field];
                    let row = &self.problem.rows[given];
                    let at = row.at.iter().find(|(c, _)| Some(*c) != self.low.time).copied();
                    let line = at.map(|(c, _)| c);
                    let node = self.low.lower(self.residuals[given], line)?;
                    let law = self.low.compile(node, line)?;
                    let place = at.map_or(0.0, |(_, x)| x);
                    let site = Site::Scalar { at: line };
                    rows.push(Row { site, state: last, law, differential: false, place });
                }
                (None, _) => {
                    let node = self.low.lower(self.residuals[assignment.scalars[field]], line)?;
                    let law = self.low.compile(node, line)?;
                    let site = Site::Node;
                    rows.push(Row { site, state: last, law, differential: false, place: 0.0 });
                }
            }
            for lower in self.low.first_state[field]..last {
                let higher = lower + 1;
                let leaf = match line {
                    Some(_) => Leaf::Local { state: higher, order: 0 },
                    None => Leaf::Scalar { state: higher },
                };
                let symbol = self.low.leaf(leaf);
                let node = self.low.graph.symbol(symbol);
                let law = self.low.compile(node, line)?;
                let site = if line.is_some() { Site::Node } else { Site::Scalar { at: None } };
                rows.push(Row { site, state: lower, law, differential: true, place: 0.0 });
            }
            for upper in [false, true] {
                for (slot, &row) in assignment.end(field, upper).iter().enumerate() {
                    self.node_condition(field, row, upper, slot, &mut rows)?;
                }
            }
        }
        Ok(rows)
    }

    /// A condition of a field on nodes, and its time derivatives for the higher states.
    fn node_condition(
        &mut self,
        field: usize,
        row: usize,
        upper: bool,
        slot: usize,
        rows: &mut Vec<Row>,
    ) -> Result<(), SolveError> {
        let line = self.low.space[field];
        let place = self.end_place(field, upper);
        let mut residual = self.residuals[row];
        let first = self.low.first_state[field];
        for order in 0..self.low.time_order[field].max(1) {
            let lowered = self.low.lower(residual, line)?;
            let leaves = self.low.leaves_of(lowered);
            let differential = leaves.iter().any(|l| matches!(l, Leaf::Rate { .. }));
            let node =
                if differential { self.rate(residual, field, line)? } else { lowered };
            let law = self.low.compile(node, line)?;
            let site = Site::End { upper, slot };
            rows.push(Row { site, state: first + order, law, differential, place });
            if let Some(time) = self.low.time.filter(|_| order + 1 < self.low.time_order[field]) {
                let symbol = self.low.coordinate(time);
                residual = self.low.graph.diff(residual, symbol);
            }
        }
        Ok(())
    }

    fn end_place(&self, field: usize, upper: bool) -> f64 {
        let line = self.low.space[field].map(|c| &self.lines[c]);
        line.map_or(0.0, |l| if upper { l.upper } else { l.lower })
    }

    /// Face fluxes, sources and conditions of a field in cells.
    fn cell_rows(
        &mut self,
        field: usize,
        row: usize,
        assignment: &Assignment,
        rows: &mut Vec<Row>,
    ) -> Result<(), SolveError> {
        let line = self.low.space[field];
        let state = self.low.first_state[field];
        let Some(evolution) = self.problem.rows[row].evolution.clone() else { return Ok(()) };
        let capacity = self.put_unknowns(evolution.capacity);
        let fluxes: Vec<Node> = evolution.divergences.iter().map(|&(_, f)| f).collect();
        let total = self.low.graph.sum(&fluxes);
        let total = self.put_unknowns(total);
        let total = self.low.graph.product(&[(total, 1.0), (capacity, -1.0)]);
        let flux = self.low.lower(total, line)?;
        let source = self.put_unknowns(evolution.source);
        let source = self.low.graph.product(&[(source, 1.0), (capacity, -1.0)]);
        let source = self.low.lower(source, line)?;
        let mut push = |low: &mut Lowering, site, node, differential, place| {
            let law = low.compile(node, line)?;
            rows.push(Row { site, state, law, differential, place });
            Ok::<(), SolveError>(())
        };
        push(&mut self.low, Site::Flux, flux, true, 0.0)?;
        if !self.low.graph.is_zero(source) {
            push(&mut self.low, Site::Source, source, true, 0.0)?;
        }
        let slope = self.low.leaf(Leaf::Local { state, order: 1 });
        for upper in [false, true] {
            let place = self.end_place(field, upper);
            let Some(&given) = assignment.end(field, upper).first() else { continue };
            let condition = self.low.lower(self.residuals[given], line)?;
            let leaves = self.low.leaves_of(condition);
            let differential = leaves.iter().any(|l| matches!(l, Leaf::Rate { .. }));
            let through = if differential {
                flux
            } else {
                self.flux_from_condition(flux, condition, slope)
            };
            push(&mut self.low, Site::EndFlux { upper }, through, true, place)?;
            let node = if differential {
                self.rate(self.residuals[given], field, line)?
            } else {
                condition
            };
            push(&mut self.low, Site::End { upper, slot: 0 }, node, differential, place)?;
        }
        Ok(())
    }

    /// The flux with the slope `s` taken from a condition `A + B s = 0` (unchanged if the condition
    /// does not hold the slope, or not linearly).
    fn flux_from_condition(
        &mut self,
        flux: Node,
        condition: Node,
        slope: surrogate_symbolic::SymbolId,
    ) -> Node {
        let graph = &mut self.low.graph;
        let factor = graph.diff(condition, slope);
        if graph.is_zero(factor) || graph.free_symbols(&[factor]).contains(&slope) {
            return flux;
        }
        let zero = graph.constant(0.0);
        let rest = graph.substitute(condition, &[(slope, zero)]);
        let quotient = graph.product(&[(rest, 1.0), (factor, -1.0)]);
        let value = graph.neg(quotient);
        graph.substitute(flux, &[(slope, value)])
    }

    /// `-b / a` for a residual `a · d^k u/dt^k + b`.
    fn rate(
        &mut self,
        residual: Node,
        field: usize,
        line: Option<usize>,
    ) -> Result<Node, SolveError> {
        let node = self.low.lower(residual, line)?;
        let leaves = self.low.leaves_of(node);
        let rates: Vec<Leaf> =
            leaves.into_iter().filter(|l| matches!(l, Leaf::Rate { .. })).collect();
        let name = &self.problem.fields[field].name;
        if rates != [Leaf::Rate { field, order: 0 }] {
            let reason =
                format!("the equation of `{name}` holds other time derivatives than its own");
            return Err(SolveError::Unsupported { reason });
        }
        let symbol = self.low.leaf(rates[0]);
        let graph = &mut self.low.graph;
        let factor = graph.diff(node, symbol);
        if graph.free_symbols(&[factor]).contains(&symbol) {
            let reason = format!("the equation of `{name}` is not linear in its time derivative");
            return Err(SolveError::Unsupported { reason });
        }
        let zero = graph.constant(0.0);
        let rest = graph.substitute(node, &[(symbol, zero)]);
        let quotient = graph.product(&[(rest, 1.0), (factor, -1.0)]);
        Ok(graph.neg(quotient))
    }

    /// Initial conditions solved for their state, with the space derivatives that conditions read.
    fn initial_values(&mut self, states: &mut [State], rows: &[Row]) -> Result<(), SolveError> {
        let time = self.low.time;
        for index in 0..self.problem.rows.len() {
            let row = &self.problem.rows[index];
            let Some(&(_, when)) = row.at.iter().find(|(c, _)| Some(*c) == time) else { continue };
            if row.kind != RowKind::Condition {
                continue;
            }
            let start = time.map_or(0.0, |t| self.lines[t].lower);
            if when != start || row.at.len() > 1 {
                let reason = format!("`{}` is given at t = {when}, not at the start", row.name);
                return Err(SolveError::Unsupported { reason });
            }
            self.initial_value(index, states)?;
        }
        for (k, state) in states.iter_mut().enumerate() {
            let differential = self.low.time_order[state.field] > 0;
            if differential && state.initial.is_empty() {
                let name = &self.problem.fields[state.field].name;
                let reason = match state.order {
                    0 => format!("`{name}` has no initial condition"),
                    n => format!("time derivative {n} of `{name}` has no initial condition"),
                };
                return Err(SolveError::Unsupported { reason });
            }
            let scale = self.problem.fields[state.field].scale.unwrap_or(0.0).abs();
            if state.order == 0 {
                state.floor = scale;
            }
            debug_assert!(rows.iter().any(|r| r.state == k));
        }
        Ok(())
    }

    fn initial_value(&mut self, index: usize, states: &mut [State]) -> Result<(), SolveError> {
        let name = self.problem.rows[index].name.clone();
        let fields = self.low.fields_in(self.residuals[index]);
        let unsupported = |why: &str| {
            let reason = format!("the initial condition `{name}` {why}");
            Err(SolveError::Unsupported { reason })
        };
        let [field] = fields[..] else {
            return unsupported("does not give exactly one field");
        };
        let line = self.low.space[field];
        let node = self.low.lower(self.residuals[index], line)?;
        let leaves = self.low.leaves_of(node);
        let state = match leaves[..] {
            [Leaf::Local { state, order: 0 }] | [Leaf::Scalar { state }] => state,
            _ => return unsupported("is not an expression for the field or its rate"),
        };
        let symbol = self.low.leaf(leaves[0]);
        let graph = &mut self.low.graph;
        let factor = graph.diff(node, symbol);
        if graph.free_symbols(&[factor]).contains(&symbol) {
            return unsupported("is not linear in the field");
        }
        let zero = graph.constant(0.0);
        let rest = graph.substitute(node, &[(symbol, zero)]);
        let quotient = graph.product(&[(rest, 1.0), (factor, -1.0)]);
        let mut value = graph.neg(quotient);
        let time = self.low.time.map(|t| self.low.coordinate(t));
        if let (Some(t), Some(c)) = (time, self.low.time) {
            let start = self.low.graph.constant(self.lines[c].lower);
            value = self.low.graph.substitute(value, &[(t, start)]);
        }
        let orders = line.map_or(1, |c| self.lines[c].order + 1);
        for _ in 0..orders {
            let law = self.low.compile(value, line)?;
            states[state].initial.push(law);
            if let Some(c) = line {
                let symbol = self.low.coordinate(c);
                value = self.low.graph.diff(value, symbol);
            }
        }
        Ok(())
    }

    /// States connected through rows.
    fn components(&self, rows: Vec<Row>) -> (Vec<Component>, Vec<usize>) {
        let count = self.low.states.len();
        let mut group: Vec<usize> = (0..count).collect();
        let mut join = |a: usize, b: usize| {
            let (a, b) = (group[a], group[b]);
            group.iter_mut().filter(|g| **g == b).for_each(|g| *g = a);
        };
        let touched = |law: &Law| -> Vec<usize> {
            law.inputs
                .iter()
                .filter_map(|i| match *i {
                    Input::Leaf(
                        Leaf::Local { state, .. } | Leaf::At { state, .. } | Leaf::Scalar { state },
                    ) => Some(state),
                    _ => None,
                })
                .collect()
        };
        for (k, key) in self.low.states.iter().enumerate() {
            join(self.low.first_state[key.field], k);
        }
        for row in &rows {
            touched(&row.law).into_iter().for_each(|s| join(row.state, s));
            for input in &row.law.inputs {
                if let Input::Leaf(Leaf::Integral(k)) = input {
                    let body = &self.low.integrals[*k].body;
                    touched(body).into_iter().for_each(|s| join(row.state, s));
                }
            }
        }
        let mut names = Vec::new();
        let mut component_of = Vec::new();
        for &g in &group {
            let position = names.iter().position(|&n| n == g).unwrap_or_else(|| {
                names.push(g);
                names.len() - 1
            });
            component_of.push(position);
        }
        let mut components = vec![Component::default(); names.len()];
        for (state, &c) in component_of.iter().enumerate() {
            components[c].states.push(state);
        }
        for row in rows {
            components[component_of[row.state]].rows.push(row);
        }
        (components, component_of)
    }

    fn outputs(&mut self) -> Vec<Result<Law, String>> {
        let problem = self.problem;
        let each = problem.outputs.iter().map(|output| {
            if output.coordinates.iter().any(|c| Some(*c) != self.low.time) {
                return Err(format!("output `{}` depends on a place", output.name));
            }
            let node = self.put_unknowns(output.value);
            let node = self.low.lower(node, None).map_err(|e| e.to_string())?;
            if self.low.leaves_of(node).iter().any(|l| matches!(l, Leaf::Rate { .. })) {
                return Err(format!("output `{}` holds a time derivative", output.name));
            }
            self.low.compile(node, None).map_err(|e| e.to_string())
        });
        each.collect()
    }
}
