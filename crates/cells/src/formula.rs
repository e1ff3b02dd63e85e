//! Programs of the kernels in the making, and functions of one variable as their instructions.

use std::sync::Arc;

use surrogate_battery::expression::{Call, Step};
use surrogate_battery::{Expression, Function};
use surrogate_jet::{Extrapolate, Function as Kernel, Op, Program, Reg, Table};

/// A program in the making.
#[derive(Default)]
pub(crate) struct Formula {
    program: Program,
}

impl Formula {
    /// A formula of `inputs` columns, and their registers.
    pub(crate) fn of<const INPUTS: usize>() -> (Self, [Reg; INPUTS]) {
        let mut formula = Self::default();
        formula.program.inputs = INPUTS;
        let registers = std::array::from_fn(|k| formula.push(Op::Input(k as u32)));
        (formula, registers)
    }

    /// Adds an instruction; its register.
    pub(crate) fn push(&mut self, op: Op) -> Reg {
        self.program.ops.push(op);
        (self.program.ops.len() - 1) as Reg
    }

    /// A function of the kernels.
    pub(crate) fn call(&mut self, function: Kernel, x: Reg) -> Reg {
        self.push(Op::Unary(function, x))
    }

    /// A table of the kernels.
    pub(crate) fn table(&mut self, table: Table, x: Reg) -> Reg {
        self.program.tables.push(Arc::new(table));
        self.push(Op::Table(x, (self.program.tables.len() - 1) as u32))
    }

    /// A property of a cell at a register.
    pub(crate) fn function(&mut self, function: &Function, x: Reg) -> Reg {
        match function {
            Function::Constant(value) => self.push(Op::Const(*value)),
            Function::Expression(expression) => self.expression(expression, x),
            Function::Table(table) => {
                let line = |y: &[f64]| [0.5 * (y[1] - y[0]), 0.5 * (y[0] + y[1])];
                let lines: Vec<f64> = table.y().windows(2).flat_map(line).collect();
                let lines = Table::sorted(table.x(), 1, &lines, Extrapolate::Clamp);
                self.table(lines.expect("points of a table increase and are finite"), x)
            }
            Function::Polynomial(coefficients) if coefficients.is_empty() => {
                self.push(Op::Const(0.0))
            }
            Function::Polynomial(coefficients) => {
                self.program.polynomials.push(coefficients.as_slice().into());
                self.push(Op::Poly(x, (self.program.polynomials.len() - 1) as u32))
            }
            Function::Clipped { function, low, high } => {
                let inside = self.push(Op::Clip(x, *low, *high));
                self.function(function, inside)
            }
        }
    }

    /// The steps of an expression, its stack of registers.
    fn expression(&mut self, expression: &Expression, x: Reg) -> Reg {
        let mut stack: Vec<Reg> = vec![];
        for step in expression.steps() {
            let mut take = || stack.pop().expect("an expression never takes what it has not put");
            let result = match *step {
                Step::Number(number) => self.push(Op::Const(number)),
                Step::X => x,
                Step::Negate => self.push(Op::Scale(take(), -1.0)),
                Step::WholePower(n) => self.push(Op::Powi(take(), n)),
                Step::ConstantPower(n) => self.push(Op::Powf(take(), n)),
                Step::Call(call) => {
                    let a = take();
                    match kernel(call) {
                        Some(function) => self.call(function, a),
                        None => self.push(Op::Sqrt(a)),
                    }
                }
                Step::Add | Step::Subtract | Step::Multiply | Step::Divide | Step::Power => {
                    let (b, a) = (take(), take());
                    self.both(*step, a, b)
                }
            };
            stack.push(result);
        }
        stack[0]
    }

    /// A step with two operands.
    fn both(&mut self, step: Step, a: Reg, b: Reg) -> Reg {
        match step {
            Step::Add => self.push(Op::Add(a, b)),
            Step::Subtract => self.push(Op::Sub(a, b)),
            Step::Multiply => self.push(Op::Mul(a, b)),
            Step::Divide => self.push(Op::Div(a, b)),
            _ => {
                let logarithm = self.call(Kernel::Ln, a);
                let exponent = self.push(Op::Mul(b, logarithm));
                self.call(Kernel::Exp, exponent)
            }
        }
    }

    /// The program, with its results.
    pub(crate) fn finished(mut self, outputs: &[Reg]) -> Program {
        self.program.outputs = outputs.to_vec();
        self.program
    }
}

/// The function of the kernels for one of an expression; none for the square root, an instruction of its own.
fn kernel(call: Call) -> Option<Kernel> {
    Some(match call {
        Call::Exp => Kernel::Exp,
        Call::Tanh => Kernel::Tanh,
        Call::Cosh => Kernel::Cosh,
        Call::Sinh => Kernel::Sinh,
        Call::Log => Kernel::Ln,
        Call::Abs => Kernel::Abs,
        Call::Sin => Kernel::Sin,
        Call::Cos => Kernel::Cos,
        Call::Sqrt => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(function: &Function, x: f64) -> f64 {
        let (mut formula, [input]) = Formula::of::<1>();
        let out = formula.function(function, input);
        formula.finished(&[out]).outputs_at(&[x])[0]
    }

    #[test]
    fn functions_of_cells_are_the_same_in_the_kernels() {
        let source = "-0.8 * x + 4.5 - 0.04 * tanh(18 * (x - 0.55)) ** 2 / cosh(x) + x ** 1.5 - x ** x \
                      + sqrt(x) * log(x) - sinh(2 * x) + abs(x - 0.5) + sin(x) * cos(x) - -exp(-39 * x)";
        let expression = Function::Expression(Expression::parse(source).unwrap());
        let table = surrogate_battery::Table::new(&[0.1, 0.3, 0.9], &[1.0, 3.0, -2.0]).unwrap();
        let table = Function::Table(table);
        let clipped = Function::Polynomial(vec![2.0, -1.0, 0.5]).clipped(0.2, 0.8);
        for function in [expression, table, clipped, Function::Constant(3.0)] {
            for x in [0.05, 0.1, 0.2, 0.47, 0.8, 0.9, 0.97] {
                let (found, exact) = (at(&function, x), function.value(x));
                assert!((found - exact).abs() < 4e-15 * (1.0 + exact.abs()), "{function:?} at {x}");
            }
        }
    }
}
