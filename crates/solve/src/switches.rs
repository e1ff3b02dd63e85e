//! Where the equations switch: places that become interfaces of the mesh, and times that become borders
//! of the integration. Both may depend on the parameters.

use std::fmt;
use std::sync::Arc;

use surrogate_problem::model::RowKind;
use surrogate_symbolic::{Graph, Node, Switch, SymbolId};

use crate::builder::Builder;

/// Switches of all coordinates, and what evaluates them.
#[derive(Clone)]
pub(crate) struct Switches {
    graph: Arc<Graph>,
    parameters: Vec<SymbolId>,
    /// Per coordinate: symbol, range and switches.
    lines: Vec<(SymbolId, (f64, f64), Vec<Switch>)>,
}

impl Builder<'_> {
    /// Switches of time and of the lines whose fluxes switch.
    pub(crate) fn switches(&mut self) -> Switches {
        let problem = self.problem;
        let mut lines = Vec::new();
        let parameters: Vec<SymbolId> = problem.parameters.iter().map(|p| p.symbol).collect();
        for (c, coordinate) in problem.coordinates.iter().enumerate() {
            let time = Some(c) == self.low.time;
            let mut found = Vec::new();
            if time || self.lines[c].split {
                let nodes: Vec<Node> = (problem.rows.iter().zip(&self.residuals))
                    .filter(|(row, _)| row.kind != RowKind::Integral)
                    .map(|(_, &residual)| residual)
                    .collect();
                let known = |s: SymbolId| parameters.contains(&s);
                found = self.low.graph.switches(&nodes, coordinate.symbol, &known);
                if time {
                    found.extend(self.low.graph.corners(&nodes, coordinate.symbol, &known));
                }
            }
            lines.push((coordinate.symbol, (coordinate.lower, coordinate.upper), found));
        }
        Switches { graph: Arc::new(self.low.graph.clone()), parameters, lines }
    }
}

impl fmt::Debug for Switches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switches").field("lines", &self.lines).finish_non_exhaustive()
    }
}

impl Switches {
    /// Increasing places inside the range of a coordinate at which something switches.
    pub(crate) fn breaks(&self, coordinate: usize, parameters: &[f64]) -> Vec<f64> {
        let (symbol, range, switches) = &self.lines[coordinate];
        let value = |s: SymbolId| {
            let position = self.parameters.iter().position(|p| *p == s);
            position.map_or(f64::NAN, |p| parameters[p])
        };
        let mut places = self.graph.breaks(switches, *symbol, *range, &value);
        // what differs by rounding is one place, and so are an end and what lies on it
        let near = 1e-9 * (range.1 - range.0);
        places.retain(|x| x - range.0 > near && range.1 - x > near);
        places.dedup_by(|b, a| *b - *a < near);
        places
    }

    /// Interfaces of all lines: none along time.
    pub(crate) fn interfaces(&self, time: Option<usize>, parameters: &[f64]) -> Vec<Vec<f64>> {
        let along = |c| if Some(c) == time { Vec::new() } else { self.breaks(c, parameters) };
        (0..self.lines.len()).map(along).collect()
    }
}
