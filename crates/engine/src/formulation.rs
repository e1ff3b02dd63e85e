//! How each field is made of its network: ansatz, inputs, weights.

use surrogate_jet::{Activation, Mlp};
use surrogate_problem::model::{self, Problem};
use surrogate_symbolic::{FunctionId, Graph, Node, SymbolId};

use crate::columns;
use crate::error::EngineError;
use crate::kinetics::Kinetics;
use crate::sampling::{Region, Start};
use crate::structure;

/// A field around its network.
#[derive(Clone, Debug)]
pub struct FieldForm {
    /// Name.
    pub name: String,
    /// The field as an unknown function.
    pub function: FunctionId,
    /// Its network as an unknown function.
    pub network_function: FunctionId,
    /// The field (SI) around the network.
    pub ansatz: Node,
    /// Network inputs, mapped to [-1, 1] over the box.
    pub inputs: Vec<Node>,
    /// Shape of the network.
    pub mlp: Mlp,
    /// Symbols the field depends on (coordinates and parameters).
    pub symbols: Vec<SymbolId>,
    /// Factor on the residuals of the field's equations, where the ansatz was chosen for the author
    /// and starts singular.
    pub residual_factor: Option<Node>,
    /// How the field starts, where its ansatz was chosen for the author: points crowd there.
    pub start: Start,
    /// Ends of space at which a layer begins (coordinate position, upper end), likewise.
    pub layers: Vec<(usize, bool)>,
    /// What was chosen for the author, in words.
    pub notes: Vec<String>,
}

/// An unknown scalar and its trained variable.
#[derive(Clone, Debug)]
pub struct UnknownForm {
    /// Name.
    pub name: String,
    /// The scalar as it stands in the physics.
    pub physical: SymbolId,
    /// The trained variable; zero is the initial value.
    pub symbol: SymbolId,
    /// The scalar as an expression of the trained variable.
    pub value: Node,
    /// Starting value, SI.
    pub initial: f64,
    /// Trained through its logarithm.
    pub logarithmic: bool,
}

impl UnknownForm {
    /// SI value for a trained variable.
    pub fn physical_value(&self, trained: f64) -> f64 {
        if self.logarithmic {
            self.initial * trained.exp()
        } else {
            self.initial + magnitude(self.initial) * trained
        }
    }
}

fn magnitude(initial: f64) -> f64 {
    if initial == 0.0 { 1.0 } else { initial.abs() }
}

/// All fields and unknowns of a problem, with a graph of their own.
pub struct Formulation {
    /// The problem's graph, extended.
    pub graph: Graph,
    /// Fields in problem order.
    pub fields: Vec<FieldForm>,
    /// Unknown scalars in problem order.
    pub unknowns: Vec<UnknownForm>,
    /// Weighted sums of fields that their laws do not change.
    pub(crate) invariants: Vec<Vec<(usize, f64)>>,
}

impl Formulation {
    /// Makes the formulation: declared ansatz and inputs where the file has them, otherwise what
    /// [`structure`] finds.
    ///
    /// # Errors
    /// [`EngineError::BadInput`] for inputs that are constant or not finite over the box.
    pub fn new(problem: &Problem) -> Result<Self, EngineError> {
        let mut graph = problem.graph.clone();
        let kinetics = Kinetics::of(problem, &mut graph)?;
        let mut fields = Vec::new();
        for (k, field) in problem.fields.iter().enumerate() {
            let defaults = structure::defaults(problem, &mut graph, k, &kinetics)?;
            let mut notes = Vec::new();
            let (mut residual_factor, mut start, mut layers) = (None, Start::Regular, Vec::new());
            let ansatz = field.ansatz.unwrap_or_else(|| {
                notes.push(defaults.ansatz_note.clone());
                residual_factor = defaults.residual_factor;
                start = defaults.start;
                layers = defaults.layers;
                defaults.ansatz
            });
            let inputs = match &field.inputs {
                Some(list) => list.clone(),
                None => defaults.inputs,
            };
            let region = Region::of_field(problem, k);
            let inputs = normalise(&mut graph, &region, &field.name, &inputs)?;
            let mlp = network(problem, field, inputs.len());
            fields.push(FieldForm {
                name: field.name.clone(),
                function: field.function,
                network_function: field.network_function,
                ansatz,
                inputs,
                mlp,
                symbols: region.symbols.clone(),
                start,
                layers,
                residual_factor,
                notes,
            });
        }
        let unknowns = problem.unknowns.iter().map(|u| unknown(&mut graph, u)).collect();
        Ok(Self { graph, fields, unknowns, invariants: kinetics.invariants })
    }

    /// An expression of fields, in terms of network jets and trained variables.
    pub fn expand(&mut self, expression: Node) -> Node {
        let fields: Vec<(FunctionId, Node)> =
            self.fields.iter().map(|f| (f.function, f.ansatz)).collect();
        let expanded = self.graph.replace_jets(expression, &mut |graph, jet| {
            let ansatz = fields.iter().find(|(f, _)| *f == jet.function)?.1;
            Some(graph.diff_by(ansatz, &jet.order))
        });
        let map: Vec<(SymbolId, Node)> =
            self.unknowns.iter().map(|u| (u.physical, u.value)).collect();
        self.graph.substitute(expanded, &map)
    }

    /// The field whose network is `function`.
    pub fn field_of_network(&self, function: FunctionId) -> Option<usize> {
        self.fields.iter().position(|f| f.network_function == function)
    }

    /// True for trained variables.
    pub fn is_trained(&self, symbol: SymbolId) -> bool {
        self.unknowns.iter().any(|u| u.symbol == symbol)
    }
}

fn unknown(graph: &mut Graph, u: &model::Unknown) -> UnknownForm {
    let symbol = graph.add_symbol(&format!("trained {}", u.name));
    let trained = graph.symbol(symbol);
    let value = if u.logarithmic {
        let exp = graph.call(surrogate_symbolic::Call::Exp, trained);
        graph.scale(u.initial, exp)
    } else {
        graph.linear(u.initial, &[(trained, magnitude(u.initial))])
    };
    UnknownForm {
        name: u.name.clone(),
        physical: u.symbol,
        symbol,
        value,
        initial: u.initial,
        logarithmic: u.logarithmic,
    }
}

fn network(problem: &Problem, field: &model::Field, inputs: usize) -> Mlp {
    let several = field.coordinates.len() + field.parameters.len() > 1;
    // fields trained together share one dense metric: keep their sum affordable
    let (width, depth) = match (several, problem.fields.len()) {
        (false, 1) => (20, 3),
        (false, 2..=4) => (16, 3),
        (false, _) => (10, 3),
        (true, 1) => (24, 3),
        (true, 2) => (20, 3),
        (true, 3..=4) => (16, 3),
        (true, _) => (12, 3),
    };
    let width = field.network.width.or(problem.network.width).unwrap_or(width);
    let depth = field.network.depth.or(problem.network.depth).unwrap_or(depth);
    let activation = match field.network.activation {
        model::Activation::Tanh => Activation::Tanh,
        model::Activation::Sin => Activation::Sin,
    };
    Mlp { inputs, hidden: vec![width; depth], outputs: 1, activation }
}

/// Maps each input affinely to [-1, 1] over the region.
fn normalise(
    graph: &mut Graph,
    region: &Region,
    field: &str,
    inputs: &[model::Input],
) -> Result<Vec<Node>, EngineError> {
    let points = region.probe(4096);
    let nodes: Vec<Node> = inputs.iter().map(|i| i.node).collect();
    let values = columns::evaluate(graph, &nodes, &region.symbols, &points)?;
    let mut out = Vec::new();
    for (input, column) in inputs.iter().zip(&values) {
        let low = column.iter().copied().fold(f64::INFINITY, f64::min);
        let high = column.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let bad = |what: &str| EngineError::BadInput {
            field: field.to_string(),
            input: input.text.clone(),
            what: what.to_string(),
        };
        if !(low.is_finite() && high.is_finite()) || column.iter().any(|v| v.is_nan()) {
            return Err(bad("not a number somewhere"));
        }
        let half = 0.5 * (high - low);
        if half <= 1e-12 * low.abs().max(high.abs()) {
            return Err(bad("constant"));
        }
        out.push(graph.linear(-0.5 * (low + high) / half, &[(input.node, 1.0 / half)]));
    }
    Ok(out)
}
