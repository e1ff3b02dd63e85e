//! Reads a problem: which equation governs which field, where fields live, which states belong
//! together, and what the outputs read.

use surrogate_problem::model::{Geometry, Problem, RowKind};
use surrogate_symbolic::{Call, Expr, Node};

use crate::error::SolveError;
use crate::law::{Input, Law, Leaf};
use crate::lower::Lowering;
use crate::mesh::Refined;
use crate::model::{Component, Home, Line, Row, State};

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

impl<'a> Builder<'a> {
    pub(crate) fn new(problem: &'a Problem) -> Result<Self, SolveError> {
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
            split: false,
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
        builder.refuse_lost_jumps()?;
        Ok(builder)
    }

    pub(crate) fn put_unknowns(&mut self, node: Node) -> Node {
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
                        let reason =
                            format!("`{}` holds the time derivatives of several fields", row.name);
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
        for index in 0..self.problem.rows.len() {
            if let Some(field) = self.balanced(index)
                && self.governing[field].is_none()
            {
                self.governing[field] = Some(index);
            }
        }
        Ok(())
    }

    /// The field without time derivative whose switching flux an equation balances: the only one with a
    /// slope in the flux.
    fn balanced(&self, row: usize) -> Option<usize> {
        let balance = self.problem.rows[row].balance.as_ref()?;
        let fluxes: Vec<Node> = balance.divergences.iter().map(|&(_, f)| f).collect();
        let mut sloping = (0..self.problem.fields.len())
            .filter(|&f| fluxes.iter().any(|&n| self.low.local_order(n, f) > Some(0)));
        let field = sloping.next().filter(|_| sloping.next().is_none())?;
        let line = self.low.space[field]?;
        let suits = self.low.time_order[field] == 0
            && self.switching(&fluxes, line)
            && self.keeps(line, &balance.divergences);
        suits.then_some(field)
    }

    fn evolving_fields(&self, residual: Node) -> Vec<usize> {
        let graph = &self.low.graph;
        let Some(time) = self.low.time.map(|t| self.low.coordinate(t)) else {
            return Vec::new();
        };
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
            let Some(line) = self.low.space[field] else {
                continue;
            };
            self.homes[field] = match self.suited_cells(field, line) {
                Some(split) => {
                    self.lines[line].cells = true;
                    self.lines[line].split |= split;
                    Home::Cells { lower: !self.lines[line].centred(), upper: true, split }
                }
                None => Home::Nodes,
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
                (true, _) => 9,
                // no more than the derivative needs: it is then centred wherever it is used
                (false, order) if waves => (order | 1).max(5),
                (false, 3..) => 9,
                (false, 2) => 7,
                _ => 5,
            };
        }
    }

    /// Whether a field can live in cells, and if so, whether they are split where its flux jumps.
    fn suited_cells(&self, field: usize, line: usize) -> Option<bool> {
        let row = &self.problem.rows[self.governing[field]?];
        let (divergences, capacity, source) = match (&row.evolution, &row.balance) {
            (Some(e), _) => (&e.divergences, Some(e.capacity), e.source),
            (None, Some(b)) => (&b.divergences, None, b.source),
            (None, None) => return None,
        };
        let low = &self.low;
        let graph = &low.graph;
        if low.time_order[field] != usize::from(capacity.is_some())
            || !self.keeps(line, divergences)
        {
            return None;
        }
        let holds_fields = |node: Node| !graph.jets_in(&[node]).is_empty();
        let fluxes: Vec<Node> = divergences.iter().map(|&(_, f)| f).chain(capacity).collect();
        let sloping = divergences.iter().any(|&(_, f)| low.local_order(f, field) == Some(1));
        if sloping && !capacity.is_some_and(holds_fields) && self.switching(&fluxes, line) {
            return Some(true);
        }
        let flat = |node: Node| {
            !holds_fields(node) && !graph.free_symbols(&[node]).contains(&low.coordinate(line))
        };
        let plain = capacity.is_some_and(flat)
            && (self.lines[line].power > 0 || self.slopes(source) <= Some(0));
        plain.then_some(false)
    }

    /// Whether cells of a line can keep fluxes whole.
    fn keeps(&self, line: usize, divergences: &[(usize, Node)]) -> bool {
        !self.lines[line].periodic
            && !divergences.is_empty()
            && divergences.iter().all(|&(c, flux)| c == line && self.slopes(flux) <= Some(1))
    }

    /// Highest space derivative of any field.
    fn slopes(&self, node: Node) -> Option<usize> {
        let fields = self.low.fields_in(node).into_iter();
        fields.filter_map(|f| self.low.local_order(node, f)).max()
    }

    /// Whether expressions may jump along a line: where `if`, `step` or `sign` depend on the place or on
    /// a field.
    fn switching(&self, nodes: &[Node], line: usize) -> bool {
        let graph = &self.low.graph;
        let place = self.low.coordinate(line);
        let varies = |n: Node| graph.free_symbols(&[n]).contains(&place);
        graph.reachable(nodes).into_iter().any(|n| match *graph.expr(n) {
            Expr::Select(c, _, _) => varies(c),
            Expr::Call(Call::Step | Call::Sign, a) => varies(a),
            _ => false,
        })
    }

    /// What differentiates jumps must be kept whole in cells: elsewhere the jump would be lost.
    fn refuse_lost_jumps(&self) -> Result<(), SolveError> {
        for (index, row) in self.problem.rows.iter().enumerate() {
            let whole = (0..self.homes.len()).any(|f| {
                self.governing[f] == Some(index)
                    && matches!(self.homes[f], Home::Cells { split: true, .. })
            });
            if let Some(jump) = row.jumps.iter().find(|jump| !(whole && jump.kept)) {
                let c = &self.problem.coordinates[jump.coordinate];
                let reason = format!(
                    "`{}` takes a derivative of something that jumps at {} = {}, which only fluxes in \
                     `div(flux)` keep, in equations `capacity * d(u, t) = div(flux) + source` or \
                     `div(flux) + source = 0` along a line that is not periodic",
                    row.name,
                    c.name,
                    c.unit.said(jump.place)
                );
                return Err(SolveError::Unsupported { reason });
            }
        }
        Ok(())
    }

    pub(crate) fn states(&mut self) -> Result<Vec<State>, SolveError> {
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

    /// States connected through rows.
    pub(crate) fn components(&self, rows: Vec<Row>) -> (Vec<Component>, Vec<usize>) {
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

    pub(crate) fn outputs(&mut self) -> Vec<Result<Law, String>> {
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
