//! The surface form of expressions: what the author wrote, with places, before any meaning.

use std::fmt;

use crate::source::Span;

/// Stronger than every expression: always bracketed.
const BRACKETS: u8 = u8::MAX;

/// An expression with its place in a file.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    /// What it is.
    pub(crate) kind: Kind,
    /// Where it is written.
    pub(crate) span: Span,
}

/// Kinds of expressions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// A number.
    Number(f64),
    /// A name.
    Name(String),
    /// `-a`.
    Negative(Box<Expr>),
    /// `a + b - c`: true marks a subtracted term.
    Sum(Vec<(bool, Expr)>),
    /// `a * b / c`: true marks a divisor.
    Product(Vec<(bool, Expr)>),
    /// `a ^ b`.
    Power(Box<Expr>, Box<Expr>),
    /// `name(a, b)`.
    Call(String, Vec<Expr>),
    /// `a | x = 0 | t = 1`.
    At(Box<Expr>, Vec<Place>),
}

/// One `x = value` after a bar.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The coordinate's name.
    pub(crate) name: String,
    /// Place of the name.
    pub(crate) span: Span,
    /// The value.
    pub(crate) value: Expr,
}

/// Equal if written alike, wherever it stands.
impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

/// Equal if written alike, wherever it stands.
impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.value == other.value
    }
}

/// `left = right`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Equation {
    /// Left side.
    pub(crate) left: Expr,
    /// Right side.
    pub(crate) right: Expr,
}

impl Expr {
    /// The name, if the expression is one.
    pub(crate) fn as_name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Name(name) => Some(name),
            _ => None,
        }
    }

    /// Visits this expression and all below it.
    pub(crate) fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        visit(self);
        match &self.kind {
            Kind::Number(_) | Kind::Name(_) => {}
            Kind::Negative(a) => a.walk(visit),
            Kind::Sum(list) | Kind::Product(list) => {
                list.iter().for_each(|(_, e)| e.walk(visit));
            }
            Kind::Power(a, b) => {
                a.walk(visit);
                b.walk(visit);
            }
            Kind::Call(_, arguments) => arguments.iter().for_each(|e| e.walk(visit)),
            Kind::At(a, places) => {
                a.walk(visit);
                places.iter().for_each(|p| p.value.walk(visit));
            }
        }
    }

    /// Binding strength, as in the parser.
    fn strength(&self) -> u8 {
        match &self.kind {
            Kind::Sum(_) => 10,
            Kind::Product(_) => 20,
            Kind::Negative(_) => 22,
            Kind::At(..) => 25,
            Kind::Power(..) => 30,
            Kind::Number(_) | Kind::Name(_) | Kind::Call(..) => 40,
        }
    }

    /// True if it is written with a bar outside of brackets: its last place would swallow a factor
    /// after it, and in the value of a place the bar would begin the next place.
    fn has_bar(&self) -> bool {
        match &self.kind {
            Kind::At(..) => true,
            Kind::Negative(a) => a.has_bar(),
            Kind::Sum(list) | Kind::Product(list) => list.iter().any(|(_, e)| e.has_bar()),
            _ => false,
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, least: u8) -> fmt::Result {
        if self.strength() < least { write!(f, "({self})") } else { write!(f, "{self}") }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Number(value) => {
                let plain = *value == 0.0 || (1e-4..1e7).contains(value);
                if plain { write!(f, "{value}") } else { write!(f, "{value:e}") }
            }
            Kind::Name(name) => write!(f, "{name}"),
            Kind::Negative(a) => {
                write!(f, "-")?;
                a.write(f, 23)
            }
            Kind::Sum(terms) => {
                for (k, (minus, term)) in terms.iter().enumerate() {
                    match (k, minus) {
                        (0, _) => {}
                        (_, false) => write!(f, " + ")?,
                        (_, true) => write!(f, " - ")?,
                    }
                    term.write(f, 11)?;
                }
                Ok(())
            }
            Kind::Product(factors) => {
                for (k, (divide, factor)) in factors.iter().enumerate() {
                    match (k, divide) {
                        (0, _) => {}
                        (_, false) => write!(f, "*")?,
                        (_, true) => write!(f, "/")?,
                    }
                    let swallows = factor.has_bar() && k + 1 < factors.len();
                    factor.write(f, if swallows { BRACKETS } else { 21 })?;
                }
                Ok(())
            }
            Kind::Power(a, b) => {
                a.write(f, 31)?;
                write!(f, "^")?;
                b.write(f, 30)
            }
            Kind::Call(name, arguments) => {
                write!(f, "{name}(")?;
                for (k, a) in arguments.iter().enumerate() {
                    write!(f, "{}{a}", if k == 0 { "" } else { ", " })?;
                }
                write!(f, ")")
            }
            Kind::At(a, places) => {
                a.write(f, 26)?;
                for p in places {
                    write!(f, " | {} = ", p.name)?;
                    p.value.write(f, if p.value.has_bar() { BRACKETS } else { 20 })?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Equation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.left, self.right)
    }
}
