//! A property as a function of one variable: a number, a formula, a table or a polynomial.

use crate::{Expression, Table};

/// Function of one variable with its exact derivative.
///
/// The variable is a stoichiometry for properties of particles, and a concentration in mol m-3 for
/// those of the electrolyte.
#[derive(Debug, Clone, PartialEq)]
pub enum Function {
    /// The same value everywhere.
    Constant(f64),
    /// A formula in x.
    Expression(Expression),
    /// Straight lines between points.
    Table(Table),
    /// Coefficients, highest power first.
    Polynomial(Vec<f64>),
    /// A function that keeps its end values outside a range of its variable.
    Clipped {
        /// The function inside.
        function: Box<Function>,
        /// Lower end of the range.
        low: f64,
        /// Upper end of the range.
        high: f64,
    },
}

impl Function {
    /// The function, with its end values outside `low..=high`.
    pub fn clipped(self, low: f64, high: f64) -> Self {
        Self::Clipped { function: Box::new(self), low, high }
    }

    /// The value, where it is the same for every variable.
    pub fn constant(&self) -> Option<f64> {
        match self {
            Self::Constant(value) => Some(*value),
            Self::Expression(expression) => expression.constant(),
            Self::Table(table) => {
                let first = table.y()[0];
                table.y().iter().all(|y| *y == first).then_some(first)
            }
            Self::Polynomial(coefficients) => match coefficients.as_slice() {
                [] => Some(0.0),
                [only] => Some(*only),
                _ => None,
            },
            Self::Clipped { function, .. } => function.constant(),
        }
    }

    /// Value at `x`.
    pub fn value(&self, x: f64) -> f64 {
        self.value_and_derivative(x).0
    }

    /// Value and derivative at `x`.
    pub fn value_and_derivative(&self, x: f64) -> (f64, f64) {
        match self {
            Self::Constant(value) => (*value, 0.0),
            Self::Expression(expression) => expression.value_and_derivative(x),
            Self::Table(table) => table.value_and_derivative(x),
            Self::Polynomial(coefficients) => {
                let horner = |(p, dp), c: &f64| (p * x + c, dp * x + p);
                coefficients.iter().fold((0.0, 0.0), horner)
            }
            Self::Clipped { function, low, high } => {
                let (value, slope) = function.value_and_derivative(x.max(*low).min(*high));
                let inside = (*low..=*high).contains(&x);
                (value, if inside { slope } else { 0.0 })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_and_their_slopes() {
        let cubic = Function::Polynomial(vec![2.0, -1.0, 0.0, 5.0]);
        assert_eq!(cubic.value_and_derivative(3.0), (50.0, 48.0));
        assert_eq!(cubic.clone().clipped(0.0, 2.0).value_and_derivative(3.0), (17.0, 0.0));
        assert_eq!(cubic.constant(), None);
    }

    #[test]
    fn constants_are_recognised_however_they_are_written() {
        let table = Table::new(&[0.0, 1.0], &[2.0, 2.0]).unwrap();
        assert_eq!(Function::Table(table).constant(), Some(2.0));
        assert_eq!(Function::Expression(Expression::parse("1 + 1").unwrap()).constant(), Some(2.0));
    }
}
