//! Equations and conditions as compiled laws with their sites.

use surrogate_symbolic::Node;

use crate::assign::Assignment;
use crate::builder::Builder;
use crate::error::SolveError;
use crate::law::Leaf;
use crate::lower::Lowering;
use crate::model::{Home, Row, Site};

impl Builder<'_> {
    /// All laws.
    pub(crate) fn rows(&mut self, assignment: &Assignment) -> Result<Vec<Row>, SolveError> {
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
            let node = if differential { self.rate(residual, field, line)? } else { lowered };
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
        let problem = self.problem;
        let row = &problem.rows[row];
        let (divergences, capacity, source) = match (&row.evolution, &row.balance) {
            (Some(e), _) => (&e.divergences, Some(e.capacity), e.source),
            (None, Some(b)) => (&b.divergences, None, b.source),
            (None, None) => return Ok(()),
        };
        let evolves = capacity.is_some();
        let capacity = match capacity {
            Some(capacity) => self.put_unknowns(capacity),
            None => self.low.graph.constant(1.0),
        };
        let fluxes: Vec<Node> = divergences.iter().map(|&(_, f)| f).collect();
        let total = self.low.graph.sum(&fluxes);
        let total = self.put_unknowns(total);
        let source = self.put_unknowns(source);
        // div(F) / C = div(F / C) + F dC/dx / C^2
        let thinning = match line {
            Some(c) => self.low.graph.diff(capacity, self.low.coordinate(c)),
            None => self.low.graph.constant(0.0),
        };
        let divided = self.low.graph.product(&[(total, 1.0), (capacity, -1.0)]);
        let thinned = self.low.graph.product(&[(total, 1.0), (thinning, 1.0), (capacity, -2.0)]);
        let source = self.low.graph.product(&[(source, 1.0), (capacity, -1.0)]);
        let source = self.low.graph.add(source, thinned);
        let flux = self.low.lower(divided, line)?;
        let source = self.low.lower(source, line)?;
        let mut push = |low: &mut Lowering, site, node, differential, place| {
            let law = low.compile(node, line)?;
            rows.push(Row { site, state, law, differential, place });
            Ok::<(), SolveError>(())
        };
        push(&mut self.low, Site::Flux, flux, evolves, 0.0)?;
        if !self.low.graph.is_zero(source) {
            push(&mut self.low, Site::Source, source, evolves, 0.0)?;
        }
        if matches!(self.homes[field], Home::Cells { split: true, .. }) {
            let total = self.low.lower(total, line)?;
            push(&mut self.low, Site::Interface, total, false, 0.0)?;
        }
        let slope = self.low.leaf(Leaf::Local { state, order: 1 });
        for upper in [false, true] {
            let place = self.end_place(field, upper);
            let Some(&given) = assignment.end(field, upper).first() else {
                continue;
            };
            let condition = self.low.lower(self.residuals[given], line)?;
            let leaves = self.low.leaves_of(condition);
            let differential = leaves.iter().any(|l| matches!(l, Leaf::Rate { .. }));
            let through =
                if differential { flux } else { self.flux_from_condition(flux, condition, slope) };
            push(&mut self.low, Site::EndFlux { upper }, through, evolves, place)?;
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
}
