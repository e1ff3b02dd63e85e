//! Problems written by hand, as the loader would make them.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

pub mod spm;

use surrogate_problem::Problem;
use surrogate_problem::model::{
    Activation, Coordinate, Evolution, Field, Geometry, Graded, Limits, Network, Output, Parameter,
    Reference, ReferenceKind, Role, Row, RowKind, Sampling, Spread, Train, Unit,
};
use surrogate_problem::units::Dimension;
use surrogate_symbolic::{Graph, IntegralSpec, Node};

fn unit() -> Unit {
    Unit { text: "1".into(), factor: 1.0, dimension: Dimension::default() }
}

const NETWORK: Network = Network { width: None, depth: None, activation: Activation::Tanh };

/// Builds a [`Problem`].
pub struct Make {
    pub problem: Problem,
}

impl Make {
    pub fn new() -> Self {
        let train = Train {
            stages: vec![],
            seed: 0,
            resample_every: None,
            max_time_s: None,
            target_loss: None,
        };
        let sampling = Sampling {
            interior: None,
            boundary: None,
            integral: None,
            held_out: None,
            adaptive: false,
        };
        let problem = Problem {
            name: "test".into(),
            title: String::new(),
            description: String::new(),
            graph: Graph::new(),
            coordinates: vec![],
            parameters: vec![],
            unknowns: vec![],
            constants: vec![],
            fields: vec![],
            rows: vec![],
            outputs: vec![],
            data: vec![],
            network: NETWORK,
            train,
            sampling,
            reference: Reference { kind: ReferenceKind::Automatic, cells: None, tolerance: None },
            goals: vec![],
            cell: None,
            crystal: None,
            resolved: String::new(),
            warnings: vec![],
        };
        Self { problem }
    }

    pub fn g(&mut self) -> &mut Graph {
        &mut self.problem.graph
    }

    pub fn c(&mut self, value: f64) -> Node {
        self.g().constant(value)
    }

    fn coordinate(&mut self, name: &str, range: (f64, f64), role: Role) -> usize {
        let symbol = self.g().add_symbol(name);
        self.problem.coordinates.push(Coordinate {
            name: name.into(),
            symbol,
            unit: unit(),
            lower: range.0,
            upper: range.1,
            role,
            geometry: Geometry::Cartesian,
            periodic: false,
            spread: Spread::Uniform,
            sampled: range,
            description: String::new(),
        });
        self.problem.coordinates.len() - 1
    }

    pub fn time(&mut self, lower: f64, upper: f64) -> usize {
        self.coordinate("t", (lower, upper), Role::Time)
    }

    pub fn space(&mut self, name: &str, lower: f64, upper: f64, geometry: Geometry) -> usize {
        let c = self.coordinate(name, (lower, upper), Role::Space);
        self.problem.coordinates[c].geometry = geometry;
        c
    }

    /// A coordinate as an expression.
    pub fn x(&mut self, coordinate: usize) -> Node {
        let symbol = self.problem.coordinates[coordinate].symbol;
        self.g().symbol(symbol)
    }

    pub fn parameter(&mut self, name: &str, lower: f64, upper: f64, nominal: f64) -> Node {
        let symbol = self.g().add_symbol(name);
        self.problem.parameters.push(Parameter {
            name: name.into(),
            symbol,
            unit: unit(),
            lower,
            upper,
            logarithmic: false,
            nominal,
            description: String::new(),
        });
        self.g().symbol(symbol)
    }

    pub fn field(&mut self, name: &str, coordinates: &[usize], scale: Option<f64>) -> usize {
        let mut arguments: Vec<_> =
            coordinates.iter().map(|&c| self.problem.coordinates[c].symbol).collect();
        arguments.extend(self.problem.parameters.iter().map(|p| p.symbol));
        let function = self.g().add_function(name, &arguments);
        let network_function = self.g().add_function("N", &arguments);
        self.problem.fields.push(Field {
            name: name.into(),
            unit: unit(),
            description: String::new(),
            function,
            network_function,
            coordinates: coordinates.to_vec(),
            parameters: (0..self.problem.parameters.len()).collect(),
            scale,
            ansatz: None,
            inputs: None,
            network: NETWORK,
        });
        self.problem.fields.len() - 1
    }

    pub fn u(&mut self, field: usize) -> Node {
        let function = self.problem.fields[field].function;
        self.g().function_value(function)
    }

    pub fn d(&mut self, node: Node, coordinate: usize, order: usize) -> Node {
        let symbol = self.problem.coordinates[coordinate].symbol;
        (0..order).fold(node, |n, _| self.g().diff(n, symbol))
    }

    /// The value of an expression at a place.
    pub fn at(&mut self, node: Node, coordinate: usize, place: f64) -> Node {
        let symbol = self.problem.coordinates[coordinate].symbol;
        let place = self.c(place);
        self.g().substitute(node, &[(symbol, place)])
    }

    /// `Σ factor · node`.
    pub fn sum(&mut self, terms: &[(Node, f64)]) -> Node {
        self.g().linear(0.0, terms)
    }

    pub fn mul(&mut self, a: Node, b: Node) -> Node {
        self.g().product(&[(a, 1.0), (b, 1.0)])
    }

    /// Volume average.
    pub fn mean(&mut self, node: Node, coordinate: usize) -> Node {
        let c = self.problem.coordinates[coordinate].clone();
        let p = power(c.geometry);
        let r = self.x(coordinate);
        let body = self.g().product(&[(node, 1.0), (r, p)]);
        let volume = (c.upper.powf(p + 1.0) - c.lower.powf(p + 1.0)) / (p + 1.0);
        let (lower, upper) = (self.c(c.lower), self.c(c.upper));
        let integral = self.g().integral(IntegralSpec { body, symbol: c.symbol, lower, upper });
        self.sum(&[(integral, 1.0 / volume)])
    }

    pub fn row(&mut self, kind: RowKind, name: &str, at: &[(usize, f64)], residual: Node) {
        self.problem.rows.push(Row {
            name: name.into(),
            kind,
            text: String::new(),
            residual,
            dimension: Dimension::default(),
            at: at.to_vec(),
            multiply_by: None,
            scale: None,
            weight: None,
            points: None,
            nodes: 12,
            graded: Graded::No,
            evolution: None,
            balance: None,
            jumps: Vec::new(),
        });
    }

    pub fn equation(&mut self, residual: Node) {
        self.row(RowKind::Equation, "equation", &[], residual);
    }

    pub fn condition(&mut self, coordinate: usize, place: f64, residual: Node) {
        let name = format!("{} = {place}", self.problem.coordinates[coordinate].name);
        self.row(RowKind::Condition, &name, &[(coordinate, place)], residual);
    }

    /// `capacity d(u, t) = div(flux, x) + source` with its divergence kept.
    pub fn conserve(&mut self, field: usize, x: usize, capacity: Node, flux: Node, source: Node) {
        let t = self.problem.coordinates.iter().position(|c| c.role == Role::Time).unwrap();
        let p = power(self.problem.coordinates[x].geometry);
        let r = self.x(x);
        let through = self.g().product(&[(flux, 1.0), (r, p)]);
        let slope = self.d(through, x, 1);
        let divergence = self.g().product(&[(slope, 1.0), (r, -p)]);
        let u = self.u(field);
        let rate = self.d(u, t, 1);
        let rate = self.mul(capacity, rate);
        let residual = self.sum(&[(rate, 1.0), (divergence, -1.0), (source, -1.0)]);
        self.equation(residual);
        let row = self.problem.rows.last_mut().unwrap();
        row.evolution = Some(Evolution { field, capacity, divergences: vec![(x, flux)], source });
    }

    pub fn output(&mut self, name: &str, coordinates: &[usize], value: Node) {
        self.problem.outputs.push(Output {
            name: name.into(),
            unit: unit(),
            value,
            coordinates: coordinates.to_vec(),
            description: String::new(),
            limits: Limits::default(),
        });
    }
}

fn power(geometry: Geometry) -> f64 {
    match geometry {
        Geometry::Cartesian => 0.0,
        Geometry::Cylinder => 1.0,
        Geometry::Sphere => 2.0,
    }
}

/// Slope of log(error) over log(cells) between the first and the last mesh.
pub fn order(cells: &[usize], errors: &[f64]) -> f64 {
    let n = cells.len() - 1;
    (errors[0] / errors[n]).ln() / (cells[n] as f64 / cells[0] as f64).ln()
}
