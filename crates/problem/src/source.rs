//! Texts that a problem is made of, and places in them.

use std::ops::Range;

/// A text with the name under which messages show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As the user wrote the path.
    pub name: String,
    /// The text.
    pub text: String,
}

/// A place in one of the [`Source`]s of a problem (bytes).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Span {
    /// Position in the list of sources.
    pub source: u32,
    /// First byte.
    pub(crate) start: u32,
    /// Byte after the last.
    pub(crate) end: u32,
}

impl Span {
    /// A place from byte positions.
    pub(crate) fn new(source: u32, range: Range<usize>) -> Self {
        Self { source, start: range.start as u32, end: range.end as u32 }
    }

    /// From the start of one place to the end of another in the same text.
    #[must_use]
    pub(crate) fn to(self, end: Self) -> Self {
        Self { end: end.end.max(self.start), ..self }
    }
}

/// A string of a file, with the place of its characters if they stand there one to one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Text {
    /// The string.
    pub(crate) string: String,
    /// Place of the whole value, quotes included.
    pub(crate) span: Span,
    /// Position of the string's first byte in the source, unless escapes intervene.
    pub(crate) first: Option<u32>,
}

impl Text {
    /// Finds `string` in the source text of its value.
    pub(crate) fn locate(string: &str, span: Span, source: &str) -> Self {
        let raw = source.get(span.start as usize..span.end as usize).unwrap_or("");
        let first = raw.find(string).map(|at| span.start + at as u32);
        Self { string: string.to_string(), span, first }
    }

    /// The place of some bytes of the string; the whole value if that is not known.
    pub(crate) fn part(&self, range: Range<usize>) -> Span {
        match self.first {
            Some(first) => Span {
                source: self.span.source,
                start: first + range.start as u32,
                end: first + range.end.max(range.start) as u32,
            },
            None => self.span,
        }
    }

    /// A part of the string as a text of its own.
    pub(crate) fn slice(&self, range: Range<usize>) -> Self {
        let string = self.string.get(range.clone()).unwrap_or("").to_string();
        match self.first {
            Some(first) => Self {
                string,
                span: self.part(range.clone()),
                first: Some(first + range.start as u32),
            },
            None => Self { string, span: self.span, first: None },
        }
    }

    /// The place of the whole string, without quotes where possible.
    pub(crate) fn whole(&self) -> Span {
        self.part(0..self.string.len())
    }
}
