//! Straight-line programs over columns of points: a forward sweep and the reverse sweep of its
//! derivatives, with one vectorised loop per instruction.
//!
//! A [`Program`] is a list of instructions in which each names the registers of earlier ones; a
//! [`Plan`] is a program with the storage laid out for given inputs of interest. Each instruction
//! handles a whole tile before the next, so the interpretation costs little. No control flow, no
//! higher derivatives: the caller builds those as further instructions.
//!
//! Legend of shapes: `tile` points per call, a positive multiple of 8; `[a][tile]` row-major.

mod forward;
mod plan;
mod registers;
mod reverse;
mod rules;

pub use plan::Plan;
pub use registers::Registers;

use crate::table::Table;
use crate::vmath::{Function, integer_exponent};
use std::fmt;
use std::sync::Arc;

/// Register of the instruction with this index.
pub type Reg = u32;

/// Instruction of a [`Program`]; registers name the results of earlier instructions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// The same number at all points.
    Const(f64),
    /// Column k of the inputs.
    Input(u32),
    /// a + b
    Add(Reg, Reg),
    /// a - b
    Sub(Reg, Reg),
    /// a b
    Mul(Reg, Reg),
    /// a / b
    Div(Reg, Reg),
    /// a b + c
    Fma(Reg, Reg, Reg),
    /// a c for a number c
    Scale(Reg, f64),
    /// a + c for a number c
    Shift(Reg, f64),
    /// c a + b for a number c
    Axpy(Reg, f64, Reg),
    /// 1 / a
    Recip(Reg),
    /// a^n by repeated multiplication; exponents beyond a few hundred lose digits.
    Powi(Reg, i32),
    /// a^c; NaN for a < 0 unless c is an integer.
    Powf(Reg, f64),
    /// Square root; its derivative at zero is infinite.
    Sqrt(Reg),
    /// A function of one argument; the derivative of [`Function::Abs`] is the sign, those of
    /// [`Function::Sign`] and [`Function::Step`] are zero.
    Unary(Function, Reg),
    /// a <= b ? a : b, so b where either is NaN; the derivative follows the value.
    Min(Reg, Reg),
    /// a >= b ? a : b, so b where either is NaN; the derivative follows the value.
    Max(Reg, Reg),
    /// a limited to [lo, hi]; the derivative is 1 at both limits and 0 outside.
    Clip(Reg, f64, f64),
    /// condition > 0 ? a : b; the derivative by the condition is zero.
    Select(Reg, Reg, Reg),
    /// Polynomial of a, an index into [`Program::polynomials`].
    Poly(Reg, u32),
    /// Piecewise polynomial of a, an index into [`Program::tables`].
    Table(Reg, u32),
}

/// Instructions in order of evaluation, and the data which they share.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Instruction i writes register i.
    pub ops: Vec<Op>,
    /// Coefficients, highest power first; not empty.
    pub polynomials: Vec<Arc<[f64]>>,
    /// Piecewise polynomials.
    pub tables: Vec<Arc<Table>>,
    /// Registers that are the results.
    pub outputs: Vec<Reg>,
    /// Number of input columns.
    pub inputs: usize,
}

/// Why a [`Program`] is not well formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramError {
    /// An instruction reads a register which is not yet written.
    NotYetWritten {
        /// Index of the instruction.
        op: usize,
        /// Register that it reads.
        register: Reg,
    },
    /// An instruction names an input, polynomial or table that does not exist.
    NoSuchOperand {
        /// Index of the instruction.
        op: usize,
        /// Index that it names.
        index: u32,
    },
    /// An output names a register that does not exist.
    NoSuchOutput {
        /// Index of the output.
        output: usize,
        /// Register that it names.
        register: Reg,
    },
    /// A polynomial has no coefficients.
    EmptyPolynomial {
        /// Its index.
        index: usize,
    },
    /// The list of wanted inputs has the wrong length.
    WantedLength {
        /// Number of inputs.
        expected: usize,
        /// Length given.
        found: usize,
    },
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYetWritten { op, register } => {
                write!(f, "instruction {op} reads register {register} before it is written")
            }
            Self::NoSuchOperand { op, index } => {
                write!(f, "instruction {op} names input, polynomial or table {index}, not there")
            }
            Self::NoSuchOutput { output, register } => {
                write!(f, "output {output} names register {register}, which is not there")
            }
            Self::EmptyPolynomial { index } => write!(f, "polynomial {index} is empty"),
            Self::WantedLength { expected, found } => {
                write!(f, "the program has {expected} inputs, the list of wanted ones {found}")
            }
        }
    }
}

impl std::error::Error for ProgramError {}

impl Op {
    /// The same instruction with its registers replaced.
    #[must_use]
    pub fn map(self, mut f: impl FnMut(Reg) -> Reg) -> Self {
        match self {
            Self::Const(_) | Self::Input(_) => self,
            Self::Add(a, b) => Self::Add(f(a), f(b)),
            Self::Sub(a, b) => Self::Sub(f(a), f(b)),
            Self::Mul(a, b) => Self::Mul(f(a), f(b)),
            Self::Div(a, b) => Self::Div(f(a), f(b)),
            Self::Fma(a, b, c) => Self::Fma(f(a), f(b), f(c)),
            Self::Scale(a, c) => Self::Scale(f(a), c),
            Self::Shift(a, c) => Self::Shift(f(a), c),
            Self::Axpy(a, c, b) => Self::Axpy(f(a), c, f(b)),
            Self::Recip(a) => Self::Recip(f(a)),
            Self::Powi(a, n) => Self::Powi(f(a), n),
            Self::Powf(a, c) => Self::Powf(f(a), c),
            Self::Sqrt(a) => Self::Sqrt(f(a)),
            Self::Unary(function, a) => Self::Unary(function, f(a)),
            Self::Min(a, b) => Self::Min(f(a), f(b)),
            Self::Max(a, b) => Self::Max(f(a), f(b)),
            Self::Clip(a, lo, hi) => Self::Clip(f(a), lo, hi),
            Self::Select(c, a, b) => Self::Select(f(c), f(a), f(b)),
            Self::Poly(a, k) => Self::Poly(f(a), k),
            Self::Table(a, k) => Self::Table(f(a), k),
        }
    }

    /// Calls `f` for each register that the instruction reads.
    pub fn for_each_operand(self, mut f: impl FnMut(Reg)) {
        let _ = self.map(|r| {
            f(r);
            r
        });
    }
}

impl Program {
    /// Whether every instruction reads earlier registers and existing data.
    ///
    /// # Errors
    /// The first fault found.
    pub fn check(&self) -> Result<(), ProgramError> {
        for (op, instruction) in self.ops.iter().enumerate() {
            let mut fault = None;
            instruction.for_each_operand(|register| {
                if register as usize >= op {
                    fault = Some(ProgramError::NotYetWritten { op, register });
                }
            });
            let (index, count) = match *instruction {
                Op::Input(k) => (k, self.inputs),
                Op::Poly(_, k) => (k, self.polynomials.len()),
                Op::Table(_, k) => (k, self.tables.len()),
                _ => (0, 1),
            };
            if index as usize >= count {
                fault = Some(ProgramError::NoSuchOperand { op, index });
            }
            if let Some(fault) = fault {
                return Err(fault);
            }
        }
        for (output, register) in self.outputs.iter().enumerate() {
            if *register as usize >= self.ops.len() {
                return Err(ProgramError::NoSuchOutput { output, register: *register });
            }
        }
        match self.polynomials.iter().position(|p| p.is_empty()) {
            Some(index) => Err(ProgramError::EmptyPolynomial { index }),
            None => Ok(()),
        }
    }

    /// Outputs at one point by plain scalar code, the oracle of the vectorised sweeps.
    ///
    /// # Panics
    /// If the program fails [`Program::check`] or the point is too short.
    #[must_use]
    pub fn outputs_at(&self, point: &[f64]) -> Vec<f64> {
        let mut r: Vec<f64> = Vec::with_capacity(self.ops.len());
        for op in &self.ops {
            let v = |register: Reg| r[register as usize];
            let value = match *op {
                Op::Const(c) => c,
                Op::Input(k) => point[k as usize],
                Op::Add(a, b) => v(a) + v(b),
                Op::Sub(a, b) => v(a) - v(b),
                Op::Mul(a, b) => v(a) * v(b),
                Op::Div(a, b) => v(a) / v(b),
                Op::Fma(a, b, c) => v(a).mul_add(v(b), v(c)),
                Op::Scale(a, c) => v(a) * c,
                Op::Shift(a, c) => v(a) + c,
                Op::Axpy(a, c, b) => c.mul_add(v(a), v(b)),
                Op::Recip(a) => 1.0 / v(a),
                Op::Powi(a, n) => v(a).powi(n),
                Op::Powf(a, c) => match integer_exponent(c) {
                    Some(n) => v(a).powi(n),
                    None if v(a) < 0.0 => f64::NAN,
                    None => v(a).powf(c),
                },
                Op::Sqrt(a) => v(a).sqrt(),
                Op::Unary(function, a) => scalar(function, v(a)),
                Op::Min(a, b) => {
                    if v(a) <= v(b) {
                        v(a)
                    } else {
                        v(b)
                    }
                }
                Op::Max(a, b) => {
                    if v(a) >= v(b) {
                        v(a)
                    } else {
                        v(b)
                    }
                }
                Op::Clip(a, lo, hi) => {
                    if v(a) < lo {
                        lo
                    } else if v(a) > hi {
                        hi
                    } else {
                        v(a)
                    }
                }
                Op::Select(c, a, b) => {
                    if v(c) > 0.0 {
                        v(a)
                    } else {
                        v(b)
                    }
                }
                Op::Poly(a, k) => {
                    self.polynomials[k as usize].iter().fold(0.0, |sum, c| sum * v(a) + c)
                }
                Op::Table(a, k) => self.tables[k as usize].value(v(a)),
            };
            r.push(value);
        }
        self.outputs.iter().map(|o| r[*o as usize]).collect()
    }
}

fn scalar(function: Function, x: f64) -> f64 {
    match function {
        Function::Exp => x.exp(),
        Function::Ln => x.ln(),
        Function::Sin => x.sin(),
        Function::Cos => x.cos(),
        Function::Tan => x.tan(),
        Function::Sinh => x.sinh(),
        Function::Cosh => x.cosh(),
        Function::Tanh => x.tanh(),
        Function::Asinh => x.asinh(),
        Function::Atan => x.atan(),
        Function::Abs => x.abs(),
        // The standard library has none of these, or with another convention.
        Function::Erf | Function::Sign | Function::Step => function.value(x),
    }
}
