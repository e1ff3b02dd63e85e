//! Expressions in one variable `x`, as published parameter files write them.
//!
//! Numbers, `x`, `+ - * /`, `**` (also `^`), unary signs, brackets, and the functions of
//! [`FUNCTIONS`]. Powers bind to the right and tighter than a sign before them: `-x**2` is `-(x**2)`
//! and `2**3**2` is `2**9`. An expression is parsed once into a straight program for a stack machine,
//! and evaluated in f64 with its exact derivative. Not a general language: one variable, no names.

mod parse;

pub use parse::ExpressionError;

/// Names that may be called, each with one argument.
pub const FUNCTIONS: [&str; 10] =
    ["exp", "tanh", "cosh", "sinh", "log", "ln", "sqrt", "abs", "sin", "cos"];

/// Deepest nesting of brackets and exponents that is accepted.
const DEEPEST: usize = 30;

/// Operands that wait at most: a left summand and a left factor for each level, and the last.
const STACK: usize = 2 * DEEPEST + 1;

/// Stack of nearly every published formula, for which evaluation clears less memory.
const SMALL_STACK: usize = 8;

/// One step of the program; operands are taken from the stack, the result is put there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// A number.
    Number(f64),
    /// The variable.
    X,
    /// The last operand with the other sign.
    Negate,
    /// The last two operands, added.
    Add,
    /// The last operand taken from the one before it.
    Subtract,
    /// The last two operands, multiplied.
    Multiply,
    /// The last operand but one over the last.
    Divide,
    /// Power with a whole constant exponent.
    WholePower(i32),
    /// Power with another constant exponent.
    ConstantPower(f64),
    /// The last operand but one to the power of the last.
    Power,
    /// A function of the last operand.
    Call(Call),
}

/// A function of one argument.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Call {
    /// Exponential.
    Exp,
    /// Hyperbolic tangent.
    Tanh,
    /// Hyperbolic cosine.
    Cosh,
    /// Hyperbolic sine.
    Sinh,
    /// Natural logarithm.
    Log,
    /// Square root.
    Sqrt,
    /// Absolute value.
    Abs,
    /// Sine.
    Sin,
    /// Cosine.
    Cos,
}

/// An expression in `x`, ready to be evaluated.
///
/// ```
/// use surrogate_battery::Expression;
/// let power = Expression::parse("-2 * x ** 2").unwrap();
/// assert_eq!(power.value_and_derivative(3.0), (-18.0, -12.0));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    source: String,
    program: Vec<Step>,
    /// Operands that wait at most in this program.
    height: usize,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`ExpressionError`], with the column (counted from 1) where reading stopped.
    pub fn parse(source: &str) -> Result<Self, ExpressionError> {
        let program = parse::program(source)?;
        let height = height(&program);
        Ok(Self { source: source.to_string(), program, height })
    }

    /// The expression as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its program, for those who evaluate many places at once: the stack holds the result in the end.
    pub fn steps(&self) -> &[Step] {
        &self.program
    }

    /// The value that the expression has for every `x`, where it does not contain `x`.
    pub fn constant(&self) -> Option<f64> {
        let free = !self.program.contains(&Step::X);
        free.then(|| self.value(0.0))
    }

    /// Value at `x`; not finite where the expression has none (as `1/x` at zero).
    pub fn value(&self, x: f64) -> f64 {
        self.value_and_derivative(x).0
    }

    /// Value and derivative at `x`. Cost: one pass over the program, no allocation.
    pub fn value_and_derivative(&self, x: f64) -> (f64, f64) {
        match self.height {
            ..=SMALL_STACK => self.run::<SMALL_STACK>(x),
            _ => self.run::<STACK>(x),
        }
    }

    /// One pass over the program with a stack of `N` operands.
    #[inline]
    fn run<const N: usize>(&self, x: f64) -> (f64, f64) {
        let mut stack = [(0.0, 0.0); N];
        let mut top = 0;
        for step in &self.program {
            match *step {
                Step::Number(number) => {
                    stack[top] = (number, 0.0);
                    top += 1;
                }
                Step::X => {
                    stack[top] = (x, 1.0);
                    top += 1;
                }
                Step::Add | Step::Subtract | Step::Multiply | Step::Divide | Step::Power => {
                    top -= 1;
                    stack[top - 1] = binary(*step, stack[top - 1], stack[top]);
                }
                _ => stack[top - 1] = unary(*step, stack[top - 1]),
            }
        }
        stack[0]
    }
}

/// Operands that wait at most while a program runs.
fn height(program: &[Step]) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    for step in program {
        match step {
            Step::Number(_) | Step::X => now += 1,
            Step::Add | Step::Subtract | Step::Multiply | Step::Divide | Step::Power => now -= 1,
            _ => {}
        }
        most = most.max(now);
    }
    most
}

/// Result of a step with two operands, each a value and its derivative.
#[inline]
fn binary(step: Step, (a, da): (f64, f64), (b, db): (f64, f64)) -> (f64, f64) {
    match step {
        Step::Add => (a + b, da + db),
        Step::Subtract => (a - b, da - db),
        Step::Multiply => (a * b, da * b + a * db),
        Step::Divide => (a / b, (da - a / b * db) / b),
        _ => {
            let power = a.powf(b);
            let by_base = if da == 0.0 { 0.0 } else { b * a.powf(b - 1.0) * da };
            let by_exponent = if db == 0.0 { 0.0 } else { power * a.ln() * db };
            (power, by_base + by_exponent)
        }
    }
}

/// Result of a step with one operand.
#[inline]
fn unary(step: Step, (a, da): (f64, f64)) -> (f64, f64) {
    match step {
        Step::Negate => (-a, -da),
        Step::WholePower(0) => (1.0, 0.0),
        Step::WholePower(n) => {
            let below = a.powi(n - 1);
            (below * a, f64::from(n) * below * da)
        }
        Step::ConstantPower(n) => {
            let below = if n == 1.5 { a.sqrt() } else { a.powf(n - 1.0) };
            let value = if a == 0.0 { a.powf(n) } else { below * a };
            (value, if da == 0.0 { 0.0 } else { n * below * da })
        }
        Step::Call(call) => {
            let (value, slope) = call.value_and_slope(a);
            (value, if da == 0.0 { 0.0 } else { slope * da })
        }
        _ => (a, da),
    }
}

impl Call {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "exp" => Self::Exp,
            "tanh" => Self::Tanh,
            "cosh" => Self::Cosh,
            "sinh" => Self::Sinh,
            "log" | "ln" => Self::Log,
            "sqrt" => Self::Sqrt,
            "abs" => Self::Abs,
            "sin" => Self::Sin,
            "cos" => Self::Cos,
            _ => return None,
        })
    }

    fn value_and_slope(self, a: f64) -> (f64, f64) {
        match self {
            Self::Exp => {
                let value = a.exp();
                (value, value)
            }
            Self::Tanh => {
                let value = tanh(a);
                (value, 1.0 - value * value)
            }
            Self::Cosh => (a.cosh(), a.sinh()),
            Self::Sinh => (a.sinh(), a.cosh()),
            Self::Log => (a.ln(), 1.0 / a),
            Self::Sqrt => {
                let value = a.sqrt();
                (value, 0.5 / value)
            }
            Self::Abs => (a.abs(), a.signum()),
            Self::Sin => (a.sin(), a.cos()),
            Self::Cos => (a.cos(), -a.sin()),
        }
    }
}

/// Hyperbolic tangent to 2 units in the last place; one exponential instead of the four steps of the
/// C library, since potentials consist of little else.
fn tanh(a: f64) -> f64 {
    if a.abs() < 0.5 { a.tanh() } else { 1.0 - 2.0 / ((2.0 * a).exp() + 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(source: &str, x: f64) -> f64 {
        Expression::parse(source).unwrap().value(x)
    }

    #[test]
    fn powers_bind_to_the_right_and_tighter_than_signs() {
        assert_eq!(value("2 ** 3 ** 2", 0.0), 512.0);
        assert_eq!(value("-x ** 2", 3.0), -9.0);
        assert_eq!(value("2 ** -1", 0.0), 0.5);
        assert_eq!(value("(-x) ** 2", 3.0), 9.0);
        assert_eq!(value("2 * x ** 2 / 4", 2.0), 2.0);
        assert_eq!(value("--x - -1", 2.0), 3.0);
    }

    #[test]
    fn sums_and_products_are_read_from_the_left() {
        assert_eq!(value("10 - 4 - 3", 0.0), 3.0);
        assert_eq!(value("16 / 4 / 2", 0.0), 2.0);
        assert_eq!(value("1.5e-3*1E3 + .5 + 2.", 0.0), 4.0);
    }

    #[test]
    fn derivatives_are_those_of_difference_quotients() {
        let sources = [
            "exp(-39.3631 * x) + 0.2482 - 0.0909 * tanh(29.8538 * (x - 0.1234))",
            "x ** 1.5 - 2.51 * x ** 3 + cosh(x) / (1 + x)",
            "2 ** x + x ** x + sqrt(x) * log(x) - sinh(2 * x) + abs(-x)",
            "sin(3 * x) * cos(x) ** 2",
        ];
        for source in sources {
            let expression = Expression::parse(source).unwrap();
            for x in [0.11, 0.4, 0.93] {
                let h = 1e-5;
                let quotient = (expression.value(x + h) - expression.value(x - h)) / (2.0 * h);
                let (_, derivative) = expression.value_and_derivative(x);
                let error = (derivative - quotient).abs() / (1.0 + quotient.abs());
                assert!(error < 1e-7, "{source} at {x}: {derivative} against {quotient}");
            }
        }
    }

    #[test]
    fn the_value_does_not_drift_where_large_terms_cancel() {
        // two tanh near -1 of weight 1e4 leave 1e4 * (1 - tanh): compared with its exponential form
        let x: f64 = 0.3;
        let exact = 2e4 * (-2.0 * (x + 3.0)).exp() / (1.0 + (-2.0 * (x + 3.0)).exp());
        assert!((value("1e4 - 1e4 * tanh(x + 3)", x) - exact).abs() < 1e-11);
    }

    #[test]
    fn the_hyperbolic_tangent_is_that_of_the_library() {
        for k in -4000..=4000 {
            let x = f64::from(k) * 0.0123;
            let exact = x.tanh();
            assert!((tanh(x) - exact).abs() <= 4.5e-16 * exact.abs(), "{x}");
        }
        assert_eq!((tanh(800.0), tanh(-800.0)), (1.0, -1.0));
    }

    #[test]
    fn an_expression_without_x_is_a_constant() {
        assert_eq!(Expression::parse("3.3e-14 * 2").unwrap().constant(), Some(6.6e-14));
        assert_eq!(Expression::parse("0 * x").unwrap().constant(), None);
    }
}
