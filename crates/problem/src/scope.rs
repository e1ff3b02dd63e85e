//! What names mean, and the state of a file while it is turned into a problem.

use std::collections::{HashMap, HashSet};

use surrogate_symbolic::{FunctionId, Graph, Node, SymbolId};

use crate::ast::Expr;
use crate::diagnose::{ErrorKind, Mistake, Reporter};
use crate::functions::{Built, Function};
use crate::model::{Coordinate, Parameter, Unknown};
use crate::source::Span;
use crate::units::{Dimension, Quantity};

/// Names that the language has taken.
pub(crate) const RESERVED: [&str; 35] = [
    "N", "pi", "exp", "log", "log10", "sqrt", "abs", "sign", "sin", "cos", "tan", "sinh", "cosh",
    "tanh", "asinh", "atan", "erf", "min", "max", "clip", "step", "if", "d", "grad", "div", "lap",
    "mean", "int", "ln", "asin", "acos", "and", "or", "not", "else",
];

/// What a name stands for, by position in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Entity {
    Coordinate(usize),
    Parameter(usize),
    Unknown(usize),
    Constant(usize),
    Definition(usize),
    Function(usize),
    Field(usize),
}

/// An expression in the graph with its unit. No unit: it fits every unit (the number 0, or a part
/// in which a mistake was already reported).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Typed {
    pub(crate) node: Node,
    pub(crate) unit: Option<Dimension>,
}

/// A constant before its value is known.
#[derive(Clone, Debug)]
pub(crate) enum ConstantBody {
    Quantity(Quantity),
    Expression(Expr),
    /// Its mistake has been reported.
    Broken,
}

pub(crate) struct ConstantEntry {
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) body: ConstantBody,
    /// Value once computed; `Some(None)` if that failed.
    pub(crate) value: Option<Option<Typed>>,
}

pub(crate) struct DefinitionEntry {
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) body: Option<Expr>,
}

pub(crate) struct FunctionEntry {
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) body: Option<Function>,
    /// Polynomial or table once made; `Some(None)` if that failed.
    pub(crate) built: Option<Option<Built>>,
}

/// A field as far as expressions need it.
pub(crate) struct FieldEntry {
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) unit: Option<Dimension>,
    pub(crate) coordinates: Vec<usize>,
    pub(crate) description: String,
    /// Known once the parameters of the fields are found.
    pub(crate) functions: Option<(FunctionId, FunctionId)>,
}

/// Which symbols an expression may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    /// Constants only.
    Constant,
    /// Constants and the argument, inside an integrated function.
    Integrand,
    /// Coordinates and parameters.
    Inputs,
    /// Coordinates, parameters and the network of one field.
    Ansatz(usize),
    /// Everything but networks.
    Physics,
}

/// A value of a coordinate, parameter or unknown: symbol and unit, even if its range is broken.
#[derive(Clone, Debug)]
pub(crate) struct SymbolEntry {
    pub(crate) name: String,
    pub(crate) symbol: SymbolId,
    pub(crate) unit: Option<Dimension>,
}

/// Everything known while a file is loaded.
#[derive(Default)]
pub(crate) struct Session {
    /// The physics is that of a cell: fields need no rows.
    pub(crate) of_cell: bool,
    /// The file has a table `[crystal]`.
    pub(crate) of_crystal: bool,
    pub(crate) graph: Graph,
    pub(crate) reporter: Reporter,
    pub(crate) names: HashMap<String, (Entity, Span)>,
    pub(crate) coordinates: Vec<SymbolEntry>,
    /// Resolved coordinates, by position; `None` if a mistake was reported.
    pub(crate) resolved: Vec<Option<Coordinate>>,
    pub(crate) parameters: Vec<SymbolEntry>,
    pub(crate) resolved_parameters: Vec<Option<Parameter>>,
    pub(crate) unknowns: Vec<SymbolEntry>,
    pub(crate) resolved_unknowns: Vec<Option<Unknown>>,
    pub(crate) constants: Vec<ConstantEntry>,
    pub(crate) definitions: Vec<DefinitionEntry>,
    pub(crate) functions: Vec<FunctionEntry>,
    pub(crate) fields: Vec<FieldEntry>,
    /// Names that some expression has used.
    pub(crate) used: HashSet<String>,
    /// Names being worked out, to find cycles.
    pub(crate) stack: Vec<String>,
    pub(crate) depth: usize,
    /// Deepest level reached since it was last reset; see [`Session::measured`].
    pub(crate) deepest: usize,
    pub(crate) memo: HashMap<(String, Mode), Known>,
    pub(crate) calls: HashMap<CallKey, Known>,
    /// What was taken for granted.
    pub(crate) notes: Vec<String>,
}

/// A definition or call worked out before, with its number of levels.
pub(crate) type Known = (Option<Typed>, usize);

/// A call of a user's function: which, with what arguments (nodes and unit bits), where allowed.
pub(crate) type CallKey = (usize, Vec<(Node, Option<[u64; 7]>)>, Mode);

impl Session {
    /// Notes a mistake.
    pub(crate) fn report(&mut self, mistake: Mistake) {
        self.reporter.report(mistake);
    }

    /// Enters a name; reports if it is taken.
    pub(crate) fn declare(&mut self, name: &str, span: Span, entity: Entity) {
        if !crate::parse::is_name(name) {
            let message = format!("`{name}` cannot be a name");
            let help = "names start with a letter and go on with letters, digits and `_`";
            self.report(Mistake::new(ErrorKind::Name, message).at(span, "").help(help));
            return;
        }
        if RESERVED.contains(&name) {
            let message = format!("the name `{name}` is taken by the expression language");
            let label = "choose another name";
            self.report(Mistake::new(ErrorKind::Name, message).at(span, label));
            return;
        }
        if let Some(&(old, first)) = self.names.get(name) {
            let message = format!("the name `{name}` is used twice");
            self.report(
                Mistake::new(ErrorKind::Name, message)
                    .at(span, format!("here {}", entity.words()))
                    .at(first, format!("here {}", old.words()))
                    .help("coordinates, parameters, constants, functions, … share one name space"),
            );
            return;
        }
        self.names.insert(name.to_string(), (entity, span));
    }

    /// All names that expressions can use, sorted.
    pub(crate) fn known_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.names.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }
}

impl Entity {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Coordinate(_) => "a coordinate",
            Self::Parameter(_) => "a parameter",
            Self::Unknown(_) => "an unknown",
            Self::Constant(_) => "a constant",
            Self::Definition(_) => "a definition",
            Self::Function(_) => "a function",
            Self::Field(_) => "a field",
        }
    }
}

impl Mode {
    /// Whether a name may stand in such an expression, and if not, why.
    pub(crate) fn forbids(self, entity: Entity) -> Option<&'static str> {
        match (self, entity) {
            (_, Entity::Constant(_) | Entity::Definition(_) | Entity::Function(_))
            | (Self::Physics, _) => None,
            (Self::Inputs | Self::Ansatz(_), Entity::Coordinate(_) | Entity::Parameter(_)) => None,
            (Self::Constant, _) => Some("a constant may only use numbers, constants and functions"),
            (Self::Integrand, _) => Some("an integrated function may only use its argument"),
            (Self::Inputs, _) => Some("only coordinates, parameters and constants can stand here"),
            (Self::Ansatz(_), Entity::Field(_)) => {
                Some("an ansatz is made of coordinates, parameters and the network `N`")
            }
            (Self::Ansatz(_), _) => Some("an ansatz may not use unknowns"),
        }
    }
}

impl Typed {
    pub(crate) fn new(node: Node, unit: Dimension) -> Self {
        Self { node, unit: Some(unit) }
    }
}
