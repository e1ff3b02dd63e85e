//! Expression graphs: the algebra in which a problem's physics is written once.
//!
//! A [`Graph`] holds hash-consed expressions over symbols (coordinates, parameters, unknown
//! scalars) and jets (derivatives of unknown functions: fields or network outputs). It
//! differentiates and substitutes exactly, cancels common factors (`D(c)/D(c) = 1`), and compiles
//! to the straight-line programs of [`surrogate_jet::tape`]. It is deliberately not a general
//! computer-algebra system: sums and products are kept in one normal form and nothing else is
//! rewritten.

mod compile;
mod derivative;
mod evaluate;
mod expr;
mod graph;
mod substitute;
mod switches;

pub use compile::{CompileError, compile};
pub use evaluate::{Environment, gauss_legendre};
pub use expr::{
    Call, Expr, FunctionId, IntegralSpec, Jet, JetId, MultiIndex, Node, PolynomialId, SymbolId,
    TableDerivative, TableId,
};
pub use graph::Graph;
pub use switches::Switch;
