//! Initial conditions, solved for the state that they give.

use surrogate_problem::model::RowKind;

use crate::builder::Builder;
use crate::error::SolveError;
use crate::law::Leaf;
use crate::model::{Row, State};

impl Builder<'_> {
    /// Initial conditions solved for their state, with the space derivatives that conditions read.
    pub(crate) fn initial_values(
        &mut self,
        states: &mut [State],
        rows: &[Row],
    ) -> Result<(), SolveError> {
        let time = self.low.time;
        for index in 0..self.problem.rows.len() {
            let row = &self.problem.rows[index];
            let Some(&(_, when)) = row.at.iter().find(|(c, _)| Some(*c) == time) else {
                continue;
            };
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
}
