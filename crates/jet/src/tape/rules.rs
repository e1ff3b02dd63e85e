//! Derivative rules: what an instruction adds to the adjoints of its operands.

use super::{Op, Reg};
use crate::vmath::{Function, integer_exponent};

/// One term of the reverse sweep; g is the adjoint of the instruction's result, and registers name
/// values of the forward sweep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rule {
    /// The given adjoint of output k (no g).
    Seed(u32),
    /// g goes to input k.
    Input(u32),
    /// g
    Plus,
    /// -g
    Minus,
    /// c g
    Scaled(f64),
    /// g a
    Times(Reg),
    /// -g a
    MinusTimes(Reg),
    /// -g a^2
    MinusTimesSquare(Reg),
    /// g / a
    Over(Reg),
    /// g / (2 a), where a is the square root
    HalfOver(Reg),
    /// n g a^(n-1)
    Powi(Reg, i32),
    /// c g b / a, where b = a^c
    Powf(Reg, Reg, f64),
    /// g f'(a), where the second register is f(a)
    Unary(Function, Reg, Reg),
    /// a <= b ? g : 0
    IfAtMost(Reg, Reg),
    /// a <= b ? 0 : g
    UnlessAtMost(Reg, Reg),
    /// lo <= a <= hi ? g : 0
    IfWithin(Reg, f64, f64),
    /// a > 0 ? g : 0
    IfPositive(Reg),
    /// a > 0 ? 0 : g
    UnlessPositive(Reg),
    /// g p'(a), an index into the derivatives of the polynomials
    Poly(Reg, u32),
    /// g t'(a), an index into the derivatives of the tables
    Table(Reg, u32),
}

impl Rule {
    /// The same rule with its registers replaced.
    pub(super) fn map(self, mut f: impl FnMut(Reg) -> Reg) -> Self {
        match self {
            Self::Seed(_) | Self::Input(_) | Self::Plus | Self::Minus | Self::Scaled(_) => self,
            Self::Times(a) => Self::Times(f(a)),
            Self::MinusTimes(a) => Self::MinusTimes(f(a)),
            Self::MinusTimesSquare(a) => Self::MinusTimesSquare(f(a)),
            Self::Over(a) => Self::Over(f(a)),
            Self::HalfOver(a) => Self::HalfOver(f(a)),
            Self::Powi(a, n) => Self::Powi(f(a), n),
            Self::Powf(a, b, c) => Self::Powf(f(a), f(b), c),
            Self::Unary(function, a, b) => Self::Unary(function, f(a), f(b)),
            Self::IfAtMost(a, b) => Self::IfAtMost(f(a), f(b)),
            Self::UnlessAtMost(a, b) => Self::UnlessAtMost(f(a), f(b)),
            Self::IfWithin(a, lo, hi) => Self::IfWithin(f(a), lo, hi),
            Self::IfPositive(a) => Self::IfPositive(f(a)),
            Self::UnlessPositive(a) => Self::UnlessPositive(f(a)),
            Self::Poly(a, k) => Self::Poly(f(a), k),
            Self::Table(a, k) => Self::Table(f(a), k),
        }
    }
}

/// Where a term goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Replaces g itself, for the terms which follow.
    Itself,
    /// Adds to the adjoint of a register.
    Register(Reg),
}

/// Terms of the instruction `op` that writes register `r`, for the operands that are `active`.
pub(super) fn terms(op: Op, r: Reg, active: impl Fn(Reg) -> bool) -> Vec<(Rule, Target)> {
    let mut terms = Vec::with_capacity(3);
    let mut term = |rule: Rule, operand: Reg| {
        if active(operand) {
            terms.push((rule, Target::Register(operand)));
        }
    };
    match op {
        Op::Const(_) | Op::Input(_) => {}
        Op::Add(a, b) => {
            term(Rule::Plus, a);
            term(Rule::Plus, b);
        }
        Op::Sub(a, b) => {
            term(Rule::Plus, a);
            term(Rule::Minus, b);
        }
        Op::Mul(a, b) => {
            term(Rule::Times(b), a);
            term(Rule::Times(a), b);
        }
        Op::Div(a, b) if active(b) => {
            term(Rule::Plus, a);
            term(Rule::MinusTimes(r), b);
            terms.insert(0, (Rule::Over(b), Target::Itself));
        }
        Op::Div(a, b) => term(Rule::Over(b), a),
        Op::Fma(a, b, c) => {
            term(Rule::Times(b), a);
            term(Rule::Times(a), b);
            term(Rule::Plus, c);
        }
        Op::Scale(a, c) => term(Rule::Scaled(c), a),
        Op::Shift(a, _) => term(Rule::Plus, a),
        Op::Axpy(a, c, b) => {
            term(Rule::Scaled(c), a);
            term(Rule::Plus, b);
        }
        Op::Recip(a) => term(Rule::MinusTimesSquare(r), a),
        Op::Powi(a, n) => power(a, n, &mut term),
        Op::Powf(a, c) => match integer_exponent(c) {
            Some(n) => power(a, n, &mut term),
            None => term(Rule::Powf(a, r, c), a),
        },
        Op::Sqrt(a) => term(Rule::HalfOver(r), a),
        Op::Unary(function, a) => match function {
            Function::Exp => term(Rule::Times(r), a),
            Function::Ln => term(Rule::Over(a), a),
            Function::Sign | Function::Step => {}
            _ => term(Rule::Unary(function, a, r), a),
        },
        Op::Min(a, b) => {
            term(Rule::IfAtMost(a, b), a);
            term(Rule::UnlessAtMost(a, b), b);
        }
        Op::Max(a, b) => {
            term(Rule::IfAtMost(b, a), a);
            term(Rule::UnlessAtMost(b, a), b);
        }
        Op::Clip(a, lo, hi) => term(Rule::IfWithin(a, lo, hi), a),
        Op::Select(c, a, b) => {
            term(Rule::IfPositive(c), a);
            term(Rule::UnlessPositive(c), b);
        }
        Op::Poly(a, k) => term(Rule::Poly(a, k), a),
        Op::Table(a, k) => term(Rule::Table(a, k), a),
    }
    terms
}

fn power(a: Reg, n: i32, term: &mut impl FnMut(Rule, Reg)) {
    match n {
        0 => {}
        1 => term(Rule::Plus, a),
        _ => term(Rule::Powi(a, n), a),
    }
}
