//! What expressions are made of: nodes, symbols, unknown functions and their jets.

/// One expression in a [`Graph`]. Equal expressions have equal nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node(pub(crate) u32);

impl Node {
    /// Position of the node in its graph; arguments always have smaller positions.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);
        impl $name {
            /// Position in the graph's list of such items.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}
id!(
    /// A scalar symbol: coordinate, parameter, or unknown scalar.
    SymbolId
);
id!(
    /// An unknown function of some symbols: a field, or one output of a network.
    FunctionId
);
id!(
    /// A derivative of an unknown function at a place; see [`Expr::Jet`].
    JetId
);
id!(
    /// A polynomial in one variable, coefficients with the highest power first.
    PolynomialId
);
id!(
    /// A tabulated function of one variable.
    TableId
);

/// Elementary functions of one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Call {
    Exp,
    Ln,
    Sin,
    Cos,
    Tan,
    Sinh,
    Cosh,
    Tanh,
    Asinh,
    Atan,
    Erf,
    Abs,
    Sign,
    /// 1 where the argument is positive, else 0.
    Step,
}

/// Orders of differentiation by symbol, sorted by symbol, no zero order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MultiIndex(pub Vec<(SymbolId, u8)>);

impl MultiIndex {
    /// Total order of differentiation.
    pub fn order(&self) -> u32 {
        self.0.iter().map(|&(_, k)| u32::from(k)).sum()
    }
    /// Order in one symbol.
    pub fn of(&self, symbol: SymbolId) -> u8 {
        self.0.iter().find(|(s, _)| *s == symbol).map_or(0, |&(_, k)| k)
    }
    /// The index raised by one in `symbol`.
    #[must_use]
    pub fn raised(&self, symbol: SymbolId) -> Self {
        let mut out = self.clone();
        match out.0.binary_search_by_key(&symbol, |&(s, _)| s) {
            Ok(i) => out.0[i].1 = out.0[i].1.saturating_add(1),
            Err(i) => out.0.insert(i, (symbol, 1)),
        }
        out
    }
}

/// A derivative of an unknown function, evaluated where some of its symbols take other values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Jet {
    /// The unknown function.
    pub function: FunctionId,
    /// Which derivative.
    pub order: MultiIndex,
    /// Symbols replaced *after* differentiation (`c | r = R` has `[(r, R)]`), sorted by symbol.
    pub at: Vec<(SymbolId, Node)>,
}

/// A definite integral over one symbol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IntegralSpec {
    /// The integrand (any weight such as `r^2` included).
    pub body: Node,
    /// The symbol integrated over; not free in the result.
    pub symbol: SymbolId,
    /// Lower limit.
    pub lower: Node,
    /// Upper limit.
    pub upper: Node,
}

/// How one node is made from others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Expr {
    Constant(u64),
    Symbol(SymbolId),
    Jet(JetId),
    /// `constant + Σ coefficient·node` (bits of f64).
    Sum(u64, Vec<(Node, u64)>),
    /// `Π node^exponent` (bits of f64).
    Product(Vec<(Node, u64)>),
    Call(Call, Node),
    Min(Node, Node),
    Max(Node, Node),
    /// `if condition > 0 { a } else { b }`.
    Select(Node, Node, Node),
    /// Argument limited to `[low, high]` (bits of f64).
    Clip(Node, u64, u64),
    Polynomial(Node, PolynomialId),
    Table(Node, TableId),
    Integral(Box<IntegralSpec>),
}

/// How a tabulated function is differentiated.
#[derive(Clone, Debug)]
pub enum TableDerivative {
    /// The derivative is another table.
    Table(TableId),
    /// The derivative is `body` with `argument` replaced by the table's argument.
    Expression {
        /// Placeholder symbol inside `body`.
        argument: SymbolId,
        /// Derivative as an expression of the placeholder.
        body: Node,
    },
}
