//! Text to [`Expr`]: a hand-written precedence parser.
//!
//! Binding, weak to strong: `+ -`, `* /`, unary `-`, `| x = value`, `^` (from the right), calls.
//! The value of a place takes a whole product: `2*u | x = 0.5*L + b` is `2*(u | x = (0.5*L)) + b`.

use std::ops::Range;

use crate::ast::{Equation, Expr, Kind, Place};
use crate::source::Text;

/// Deepest nesting of brackets, powers and calls.
const MAX_DEPTH: usize = 64;

const SUM: u8 = 10;
const PRODUCT: u8 = 20;
const NEGATIVE: u8 = 22;
const BAR: u8 = 25;
const POWER: u8 = 30;

/// An expression that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParseError {
    /// What is wrong.
    pub(crate) message: String,
    /// Words at the place.
    pub(crate) label: String,
    /// A way out.
    pub(crate) help: Option<String>,
    /// Bytes of the string.
    pub(crate) range: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Name(String),
    Sign(char),
    End,
}

/// Reads an expression.
///
/// # Errors
/// The first mistake.
pub(crate) fn parse_expression(text: &Text) -> Result<Expr, ParseError> {
    let mut parser = Parser::new(text)?;
    let expr = parser.expression(0)?;
    if parser.token == Token::Sign('=') {
        let help = "an equation stands in [[equations]], [[conditions]] or [[integrals]]";
        return Err(parser.unexpected("an operator or the end", Some(help)));
    }
    parser.end()?;
    Ok(expr)
}

/// Reads `left = right`.
///
/// # Errors
/// The first mistake.
pub(crate) fn parse_equation(text: &Text) -> Result<Equation, ParseError> {
    let mut parser = Parser::new(text)?;
    let left = parser.expression(0)?;
    if parser.token == Token::End {
        return Err(ParseError {
            message: "an equation needs `=`".to_string(),
            label: "there is no `=`".to_string(),
            help: Some("write `left = right`, for example `u = 0`".to_string()),
            range: 0..text.string.len(),
        });
    }
    parser.sign('=', "`=`")?;
    let right = parser.expression(0)?;
    parser.end()?;
    Ok(Equation { left, right })
}

/// Reads the head of a function, `f(x, y)`: its name and arguments with their places.
///
/// # Errors
/// If the text is not a name or a name with arguments.
pub(crate) fn parse_head(text: &Text) -> Result<(String, Option<Vec<String>>), ParseError> {
    let mut parser = Parser::new(text)?;
    let name = parser.name("a function name")?;
    if parser.token == Token::End {
        return Ok((name, None));
    }
    parser.sign('(', "`(`")?;
    let mut arguments = Vec::new();
    loop {
        arguments.push(parser.name("an argument name")?);
        if parser.token != Token::Sign(',') {
            break;
        }
        parser.advance()?;
    }
    parser.sign(')', "`)`")?;
    parser.end()?;
    Ok((name, Some(arguments)))
}

/// True if the text is a name that expressions can use.
pub(crate) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(starts_name) && chars.all(continues_name)
}

fn starts_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn continues_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

struct Parser<'a> {
    text: &'a Text,
    /// End of the current token.
    at: usize,
    token: Token,
    /// Start of the current token.
    start: usize,
    /// End of the token before it.
    last: usize,
    depth: usize,
    /// Inside the value of a place and no bracket: a bar begins the next place.
    in_place: bool,
}

impl<'a> Parser<'a> {
    fn new(text: &'a Text) -> Result<Self, ParseError> {
        let mut parser =
            Parser { text, at: 0, token: Token::End, start: 0, last: 0, depth: 0, in_place: false };
        parser.advance()?;
        if parser.token == Token::End {
            return Err(ParseError {
                message: "the expression is empty".to_string(),
                label: "nothing here".to_string(),
                help: None,
                range: 0..text.string.len(),
            });
        }
        Ok(parser)
    }

    fn rest(&self) -> &'a str {
        &self.text.string[self.at..]
    }

    fn advance(&mut self) -> Result<(), ParseError> {
        self.last = self.at;
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        self.start = self.at;
        let rest = self.rest();
        let Some(c) = rest.chars().next() else {
            self.token = Token::End;
            return Ok(());
        };
        if c.is_ascii_digit() || c == '.' {
            return self.number(rest);
        }
        if starts_name(c) {
            let end = rest.find(|c| !continues_name(c)).unwrap_or(rest.len());
            self.at += end;
            self.token = Token::Name(rest[..end].to_string());
            return Ok(());
        }
        self.at += c.len_utf8();
        if "+-*/^()|,=".contains(c) {
            self.token = Token::Sign(c);
            if rest.starts_with("**") {
                return Err(self.here("powers are written `^`", "not an operator", None));
            }
            return Ok(());
        }
        let help = match c {
            '{' | '[' => Some("use round brackets"),
            '×' | '·' => Some("multiplication is written `*`"),
            '−' | '–' => Some("minus is written `-`"),
            '<' | '>' => Some("comparisons are written `step(x)` or `if(c, a, b)`, a where c > 0"),
            _ => None,
        };
        Err(self.here(&format!("`{c}` has no meaning in an expression"), "not understood", help))
    }

    fn number(&mut self, rest: &str) -> Result<(), ParseError> {
        let bytes = rest.as_bytes();
        let mut i = 0;
        while i < bytes.len() && (bytes[i].is_ascii_digit() || bytes[i] == b'.') {
            i += 1;
        }
        if matches!(bytes.get(i), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(i + 1), Some(b'+' | b'-')));
            if bytes.get(i + 1 + sign).is_some_and(u8::is_ascii_digit) {
                i += 2 + sign;
                while i < bytes.len() && bytes[i].is_ascii_digit() {
                    i += 1;
                }
            }
        }
        self.at += i;
        match rest[..i].parse::<f64>() {
            Ok(value) if value.is_finite() => {
                self.token = Token::Number(value);
                Ok(())
            }
            _ => Err(self.here(&format!("`{}` is not a number", &rest[..i]), "", None)),
        }
    }

    fn here(&self, message: &str, label: &str, help: Option<&str>) -> ParseError {
        ParseError {
            message: message.to_string(),
            label: label.to_string(),
            help: help.map(str::to_string),
            range: self.start..self.at.max(self.start),
        }
    }

    fn unexpected(&self, wanted: &str, help: Option<&str>) -> ParseError {
        let found = match &self.token {
            Token::End => {
                let mut error =
                    self.here(&format!("the expression ends, but {wanted} is missing"), "", help);
                let end = self.text.string.len();
                error.range = end.saturating_sub(1).min(self.last)..end;
                error.label = format!("expected {wanted} after this");
                if !self.text.string.is_char_boundary(error.range.start) {
                    error.range = 0..end;
                }
                return error;
            }
            Token::Number(_) => format!("number `{}`", &self.text.string[self.start..self.at]),
            Token::Name(name) => format!("`{name}`"),
            Token::Sign(c) => format!("`{c}`"),
        };
        self.here(&format!("unexpected {found}"), &format!("expected {wanted}"), help)
    }

    fn sign(&mut self, c: char, wanted: &str) -> Result<(), ParseError> {
        if self.token == Token::Sign(c) {
            return self.advance();
        }
        Err(self.unexpected(wanted, None))
    }

    fn name(&mut self, wanted: &str) -> Result<String, ParseError> {
        match std::mem::replace(&mut self.token, Token::End) {
            Token::Name(name) => {
                self.advance()?;
                Ok(name)
            }
            other => {
                self.token = other;
                Err(self.unexpected(wanted, None))
            }
        }
    }

    fn end(&self) -> Result<(), ParseError> {
        let help = match &self.token {
            Token::End => return Ok(()),
            Token::Number(_) | Token::Name(_) | Token::Sign('(') => {
                Some("products need a sign: `2 * x`; quantities with units are [constants]")
            }
            _ => None,
        };
        Err(self.unexpected("an operator or the end", help))
    }

    fn make(&self, kind: Kind, start: usize) -> Expr {
        Expr { kind, span: self.text.part(start..self.last.max(start)) }
    }

    fn expression(&mut self, least: u8) -> Result<Expr, ParseError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ParseError {
                message: "the expression is nested too deeply".to_string(),
                label: format!("more than {MAX_DEPTH} levels"),
                help: Some("give names to its parts in [definitions]".to_string()),
                range: self.start..self.at,
            });
        }
        let start = self.start;
        let mut left = self.operand(least)?;
        while let Token::Sign(c) = self.token {
            left = match c {
                '+' | '-' if SUM >= least => self.chain(left, start, SUM)?,
                '*' | '/' if PRODUCT >= least => self.chain(left, start, PRODUCT)?,
                '|' if BAR >= least && !self.in_place => self.places(left, start)?,
                '^' if POWER >= least => {
                    self.advance()?;
                    let exponent = self.expression(POWER)?;
                    self.make(Kind::Power(Box::new(left), Box::new(exponent)), start)
                }
                _ => break,
            };
        }
        self.depth -= 1;
        Ok(left)
    }

    /// What stands in brackets or is an argument.
    fn bracketed(&mut self) -> Result<Expr, ParseError> {
        let in_place = std::mem::replace(&mut self.in_place, false);
        let inner = self.expression(0)?;
        self.in_place = in_place;
        Ok(inner)
    }

    /// All further terms of a sum, or factors of a product.
    fn chain(&mut self, first: Expr, start: usize, strength: u8) -> Result<Expr, ParseError> {
        let (plus, minus) = if strength == SUM { ('+', '-') } else { ('*', '/') };
        let mut list = vec![(false, first)];
        loop {
            let inverse = match self.token {
                Token::Sign(c) if c == plus => false,
                Token::Sign(c) if c == minus => true,
                _ => break,
            };
            self.advance()?;
            list.push((inverse, self.expression(strength + 1)?));
        }
        let kind = if strength == SUM { Kind::Sum(list) } else { Kind::Product(list) };
        Ok(self.make(kind, start))
    }

    fn places(&mut self, inner: Expr, start: usize) -> Result<Expr, ParseError> {
        let mut places = Vec::new();
        while self.token == Token::Sign('|') {
            self.advance()?;
            let from = self.start;
            let name = self.name("a coordinate")?;
            let span = self.text.part(from..from + name.len());
            self.sign('=', "`=`")?;
            self.in_place = true;
            let value = self.expression(PRODUCT)?;
            self.in_place = false;
            places.push(Place { name, span, value });
        }
        Ok(self.make(Kind::At(Box::new(inner), places), start))
    }

    fn operand(&mut self, least: u8) -> Result<Expr, ParseError> {
        let start = self.start;
        match std::mem::replace(&mut self.token, Token::End) {
            Token::Number(value) => {
                self.advance()?;
                Ok(self.make(Kind::Number(value), start))
            }
            Token::Name(name) => {
                self.advance()?;
                if self.token == Token::Sign('(') {
                    return self.call(name, start);
                }
                Ok(self.make(Kind::Name(name), start))
            }
            Token::Sign('-') => {
                self.advance()?;
                let inner = self.expression(NEGATIVE.max(least))?;
                Ok(self.make(Kind::Negative(Box::new(inner)), start))
            }
            Token::Sign('+') => {
                self.advance()?;
                self.expression(NEGATIVE.max(least))
            }
            Token::Sign('(') => {
                self.advance()?;
                let mut inner = self.bracketed()?;
                if self.token != Token::Sign(')') {
                    return Err(self.unexpected("`)`", None));
                }
                self.advance()?;
                inner.span = self.text.part(start..self.last);
                Ok(inner)
            }
            other => {
                self.token = other;
                Err(self.unexpected("a number, a name or `(`", None))
            }
        }
    }

    fn call(&mut self, name: String, start: usize) -> Result<Expr, ParseError> {
        self.advance()?;
        let mut arguments = Vec::new();
        if self.token != Token::Sign(')') {
            loop {
                arguments.push(self.bracketed()?);
                if self.token != Token::Sign(',') {
                    break;
                }
                self.advance()?;
            }
        }
        if self.token != Token::Sign(')') {
            return Err(self.unexpected("`,` or `)`", None));
        }
        self.advance()?;
        Ok(self.make(Kind::Call(name, arguments), start))
    }
}
