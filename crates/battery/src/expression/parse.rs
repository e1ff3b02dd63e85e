//! From text to the program of an expression, by recursive descent.

use super::{Call, DEEPEST, FUNCTIONS, Step};

/// Why a text is no expression; columns are counted in characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// Nothing but white space.
    #[error("the expression is empty: write a number or a formula in x")]
    Empty,
    /// The text ends where something should follow.
    #[error("column {column}: the expression ends where a number, x or a bracket should follow")]
    Unfinished {
        /// Where the text ends.
        column: usize,
    },
    /// A character that cannot stand here.
    #[error("column {column}: `{found}` cannot stand here")]
    Unexpected {
        /// Where it stands.
        column: usize,
        /// What stands there.
        found: String,
    },
    /// A bracket that is never closed.
    #[error("column {column}: this bracket is never closed")]
    Unclosed {
        /// Where the bracket opens.
        column: usize,
    },
    /// Not a number, although it begins like one.
    #[error("column {column}: `{found}` is not a number")]
    BadNumber {
        /// Where it begins.
        column: usize,
        /// What stands there.
        found: String,
    },
    /// A name that is neither x nor a known function.
    #[error("column {column}: unknown name `{name}`; there are x and the functions {}", FUNCTIONS.join(", "))]
    UnknownName {
        /// Where it begins.
        column: usize,
        /// The name.
        name: String,
    },
    /// Nested deeper than any formula of a published cell.
    #[error("column {column}: nested more than {DEEPEST} deep")]
    TooDeep {
        /// Where the limit is passed.
        column: usize,
    },
}

/// Program of a whole text.
pub(super) fn program(source: &str) -> Result<Vec<Step>, ExpressionError> {
    let mut parser = Parser { text: source.chars().collect(), at: 0, depth: 0, program: vec![] };
    parser.skip_space();
    if parser.peek().is_none() {
        return Err(ExpressionError::Empty);
    }
    parser.sum()?;
    match parser.peek() {
        None => Ok(parser.program),
        Some(_) => Err(parser.unexpected()),
    }
}

/// The text, the place in it, and the program so far.
struct Parser {
    text: Vec<char>,
    at: usize,
    depth: usize,
    program: Vec<Step>,
}

type Parsed = Result<(), ExpressionError>;

impl Parser {
    /// sum := product (("+" | "-") product)*
    fn sum(&mut self) -> Parsed {
        self.descend()?;
        self.product()?;
        loop {
            let step = match self.peek() {
                Some('+') => Step::Add,
                Some('-') => Step::Subtract,
                _ => break,
            };
            self.advance(1);
            self.product()?;
            self.program.push(step);
        }
        self.depth -= 1;
        Ok(())
    }

    /// product := signed (("*" | "/") signed)*
    fn product(&mut self) -> Parsed {
        self.signed()?;
        loop {
            let step = match self.peek() {
                Some('*') if !self.at_power() => Step::Multiply,
                Some('/') => Step::Divide,
                _ => return Ok(()),
            };
            self.advance(1);
            self.signed()?;
            self.program.push(step);
        }
    }

    /// signed := ("+" | "-")* power
    fn signed(&mut self) -> Parsed {
        let mut negative = false;
        while let Some(sign @ ('+' | '-')) = self.peek() {
            negative ^= sign == '-';
            self.advance(1);
        }
        self.power()?;
        if negative {
            // a term that ends in a number is that number: every other ends in an operation
            match self.program.last_mut() {
                Some(Step::Number(number)) => *number = -*number,
                _ => self.program.push(Step::Negate),
            }
        }
        Ok(())
    }

    /// power := atom ("**" signed)?
    fn power(&mut self) -> Parsed {
        self.atom()?;
        if !self.at_power() {
            return Ok(());
        }
        let width = if self.peek() == Some('^') { 1 } else { 2 };
        self.advance(width);
        self.descend()?;
        let before = self.program.len();
        self.signed()?;
        self.depth -= 1;
        match self.program[before..] {
            [Step::Number(exponent)] => {
                self.program.truncate(before);
                self.program.push(constant_power(exponent));
            }
            _ => self.program.push(Step::Power),
        }
        Ok(())
    }

    /// atom := number | "x" | name "(" sum ")" | "(" sum ")"
    fn atom(&mut self) -> Parsed {
        match self.peek() {
            None => Err(ExpressionError::Unfinished { column: self.column() }),
            Some('(') => self.bracket(),
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_ascii_alphabetic() || c == '_' => self.name(),
            Some(_) => Err(self.unexpected()),
        }
    }

    fn bracket(&mut self) -> Parsed {
        let open = self.column();
        self.advance(1);
        self.sum()?;
        match self.peek() {
            Some(')') => {
                self.advance(1);
                Ok(())
            }
            None => Err(ExpressionError::Unclosed { column: open }),
            Some(_) => Err(self.unexpected()),
        }
    }

    fn number(&mut self) -> Parsed {
        let (start, column) = (self.at, self.column());
        let mut end = start;
        while let Some(&c) = self.text.get(end) {
            let after_exponent = end > start && matches!(self.text[end - 1], 'e' | 'E');
            let part = c.is_ascii_alphanumeric() || c == '.' || c == '_';
            if !(part || (matches!(c, '+' | '-') && after_exponent)) {
                break;
            }
            end += 1;
        }
        let found: String = self.text[start..end].iter().collect();
        match found.parse::<f64>() {
            Ok(number) if number.is_finite() => {
                self.advance(end - start);
                self.program.push(Step::Number(number));
                Ok(())
            }
            _ => Err(ExpressionError::BadNumber { column, found }),
        }
    }

    fn name(&mut self) -> Parsed {
        let (start, column) = (self.at, self.column());
        let rest = self.text[start..].iter();
        let length = rest.take_while(|c| c.is_ascii_alphanumeric() || **c == '_').count();
        let name: String = self.text[start..start + length].iter().collect();
        self.advance(length);
        if name == "x" {
            self.program.push(Step::X);
            return Ok(());
        }
        let call = Call::named(&name).ok_or(ExpressionError::UnknownName { column, name })?;
        match self.peek() {
            Some('(') => self.bracket()?,
            None => return Err(ExpressionError::Unfinished { column: self.column() }),
            Some(_) => return Err(self.unexpected()),
        }
        self.program.push(Step::Call(call));
        Ok(())
    }

    /// Counts one level of nesting; the caller takes it back.
    fn descend(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(ExpressionError::TooDeep { column: self.column() });
        }
        Ok(())
    }

    fn at_power(&self) -> bool {
        let two = (self.peek(), self.text.get(self.at + 1));
        two.0 == Some('^') || two == (Some('*'), Some(&'*'))
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn advance(&mut self, characters: usize) {
        self.at += characters;
        self.skip_space();
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn column(&self) -> usize {
        self.at + 1
    }

    fn unexpected(&self) -> ExpressionError {
        let found = self.peek().map(String::from).unwrap_or_default();
        ExpressionError::Unexpected { column: self.column(), found }
    }
}

/// Power with a constant exponent: by multiplication where the exponent is whole.
fn constant_power(exponent: f64) -> Step {
    if exponent.fract() == 0.0 && exponent.abs() <= 64.0 {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number of at most 64")]
        return Step::WholePower(exponent as i32);
    }
    Step::ConstantPower(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(source: &str) -> ExpressionError {
        program(source).unwrap_err()
    }

    #[test]
    fn mistakes_are_told_with_their_column() {
        assert_eq!(error("  "), ExpressionError::Empty);
        assert_eq!(error("1 + "), ExpressionError::Unfinished { column: 5 });
        assert_eq!(error("2 x"), ExpressionError::Unexpected { column: 3, found: "x".into() });
        assert_eq!(error("1 + (2 * x"), ExpressionError::Unclosed { column: 5 });
        assert_eq!(error("1.2.3"), ExpressionError::BadNumber { column: 1, found: "1.2.3".into() });
        assert_eq!(
            error("1 + soc"),
            ExpressionError::UnknownName { column: 5, name: "soc".into() }
        );
        assert_eq!(error("exp x"), ExpressionError::Unexpected { column: 5, found: "x".into() });
        assert_eq!(error("x)"), ExpressionError::Unexpected { column: 2, found: ")".into() });
        assert_eq!(
            error("tanh(x, 1)"),
            ExpressionError::Unexpected { column: 7, found: ",".into() }
        );
        assert_eq!(error("1e999"), ExpressionError::BadNumber { column: 1, found: "1e999".into() });
    }

    #[test]
    fn nesting_has_a_limit_and_no_stack_overflows() {
        let deep = "(".repeat(100_000) + "x";
        assert!(matches!(error(&deep), ExpressionError::TooDeep { .. }));
        let tower = "x**".repeat(100_000) + "x";
        assert!(matches!(error(&tower), ExpressionError::TooDeep { .. }));
        assert!(program(&("-".repeat(100_000) + "x")).is_ok());
    }
}
