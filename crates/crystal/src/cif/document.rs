//! From words to blocks of items and loops.

use std::collections::HashMap;

use super::CifError;
use super::lexer::{Lexer, Word};

/// A value and its line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Value<'a> {
    /// Its text, without quotes.
    pub text: &'a str,
    /// Its line, from 1.
    pub line: usize,
    /// Whether it was quoted: such a value is text even if it reads `?` or `.`.
    pub quoted: bool,
}

impl Value<'_> {
    /// Whether it says that nothing is known (`?`) or applicable (`.`).
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        !self.quoted && matches!(self.text, "?" | ".")
    }

    /// The number, without its uncertainty in brackets, as `5.431(2)`.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        let text = self.text.trim();
        let (digits, rest) = match text.split_once('(') {
            Some((digits, rest)) => (digits, Some(rest)),
            None => (text, None),
        };
        if let Some(uncertainty) = rest {
            let inner = uncertainty.strip_suffix(')')?;
            if inner.is_empty() || !inner.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
        }
        // words such as `inf` and `nan` are no numbers of a CIF
        let plain = digits.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
        let value: f64 = if plain { digits.parse().ok()? } else { return None };
        value.is_finite().then_some(value)
    }
}

/// A table of values.
#[derive(Debug, Clone, PartialEq)]
pub struct Loop<'a> {
    /// Line of `loop_`.
    pub line: usize,
    /// Its tags in lower case, dots of categories as underscores.
    pub tags: Vec<String>,
    /// Its values row after row.
    pub values: Vec<Value<'a>>,
}

impl<'a> Loop<'a> {
    /// Position of a column.
    #[must_use]
    pub fn column(&self, tag: &str) -> Option<usize> {
        self.tags.iter().position(|t| t == tag)
    }

    /// Its rows.
    pub fn rows(&self) -> impl Iterator<Item = &[Value<'a>]> {
        self.values.chunks_exact(self.tags.len())
    }
}

/// A data block.
#[derive(Debug, Clone, PartialEq)]
pub struct Block<'a> {
    /// What follows `data_`.
    pub name: &'a str,
    /// Single items by their tags, in lower case, dots of categories as underscores.
    pub items: HashMap<String, Value<'a>>,
    /// Loops in their order.
    pub loops: Vec<Loop<'a>>,
}

impl<'a> Block<'a> {
    /// The loop that has a column of this tag.
    #[must_use]
    pub fn loop_with(&self, tag: &str) -> Option<(&Loop<'a>, usize)> {
        self.loops.iter().find_map(|l| l.column(tag).map(|column| (l, column)))
    }

    /// Values of a tag, be it an item or a column of a loop; unknown ones are left out.
    #[must_use]
    pub fn values(&self, tag: &str) -> Vec<Value<'a>> {
        let single = self.items.get(tag).copied();
        let column = self.loop_with(tag);
        let many = column.into_iter().flat_map(|(l, column)| l.rows().map(move |row| row[column]));
        single.into_iter().chain(many).filter(|v| !v.is_unknown()).collect()
    }
}

/// A CIF: its data blocks.
#[derive(Debug, Clone, PartialEq)]
pub struct Document<'a> {
    /// Blocks in their order.
    pub blocks: Vec<Block<'a>>,
}

impl<'a> Document<'a> {
    /// Reads the items and loops of a text.
    ///
    /// # Errors
    ///
    /// What does not follow the grammar of the standard, with its line.
    pub fn parse(text: &'a str) -> Result<Self, CifError> {
        let mut reader = Reader { lexer: Lexer::new(text), ahead: None, blocks: Vec::new() };
        while let Some((word, line)) = reader.take()? {
            reader.statement(word, line)?;
        }
        Ok(Self { blocks: reader.blocks.into_iter().map(|open| open.block).collect() })
    }
}

/// A block that is being read, with the line of each tag.
struct Open<'a> {
    block: Block<'a>,
    lines: HashMap<String, usize>,
}

struct Reader<'a> {
    lexer: Lexer<'a>,
    ahead: Option<(Word<'a>, usize)>,
    blocks: Vec<Open<'a>>,
}

impl<'a> Reader<'a> {
    fn take(&mut self) -> Result<Option<(Word<'a>, usize)>, CifError> {
        match self.ahead.take() {
            Some(word) => Ok(Some(word)),
            None => self.lexer.next(),
        }
    }

    fn statement(&mut self, word: Word<'a>, line: usize) -> Result<(), CifError> {
        match word {
            Word::Data(name) => {
                let block = Block { name, items: HashMap::new(), loops: Vec::new() };
                self.blocks.push(Open { block, lines: HashMap::new() });
                Ok(())
            }
            Word::Reserved(word) => Err(CifError::Reserved { line, word: beginning(word) }),
            Word::Bare(text) | Word::Quoted(text) if self.blocks.is_empty() => {
                Err(CifError::OutsideBlock { line, text: beginning(text) })
            }
            Word::Bare(text) | Word::Quoted(text) => {
                Err(CifError::StrayValue { line, text: beginning(text) })
            }
            Word::Tag(tag) => {
                let key = self.declare(tag, line)?;
                let value = match self.take()? {
                    Some((Word::Bare(text), line)) => Value { text, line, quoted: false },
                    Some((Word::Quoted(text), line)) => Value { text, line, quoted: true },
                    _ => return Err(CifError::NoValue { line, tag: beginning(tag) }),
                };
                if let Some(open) = self.blocks.last_mut() {
                    open.block.items.insert(key, value);
                }
                Ok(())
            }
            Word::Loop => self.table(line),
        }
    }

    /// Takes note of a tag; its key.
    fn declare(&mut self, tag: &str, line: usize) -> Result<String, CifError> {
        let Some(open) = self.blocks.last_mut() else {
            return Err(CifError::OutsideBlock { line, text: beginning(tag) });
        };
        let key = tag.to_ascii_lowercase().replace('.', "_");
        match open.lines.insert(key.clone(), line) {
            Some(first) => Err(CifError::Twice { line, first, tag: beginning(tag) }),
            None => Ok(key),
        }
    }

    fn table(&mut self, line: usize) -> Result<(), CifError> {
        let mut tags = Vec::new();
        let mut values = Vec::new();
        while let Some((word, at)) = self.take()? {
            match word {
                Word::Tag(tag) if values.is_empty() => tags.push(self.declare(tag, at)?),
                Word::Bare(text) => values.push(Value { text, line: at, quoted: false }),
                Word::Quoted(text) => values.push(Value { text, line: at, quoted: true }),
                other => {
                    self.ahead = Some((other, at));
                    break;
                }
            }
        }
        if tags.is_empty() {
            return Err(CifError::EmptyLoop { line });
        }
        if !values.len().is_multiple_of(tags.len()) {
            return Err(CifError::RaggedLoop { line, columns: tags.len(), values: values.len() });
        }
        match self.blocks.last_mut() {
            Some(open) => open.block.loops.push(Loop { line, tags, values }),
            None => return Err(CifError::OutsideBlock { line, text: "loop_".to_string() }),
        }
        Ok(())
    }
}

/// The first characters of a text, for messages.
pub(super) fn beginning(text: &str) -> String {
    let mut short: String = text.trim().chars().take(40).collect();
    if short.len() < text.trim().len() {
        short.push('…');
    }
    short
}
