//! From text to words: tags, values, reserved words and where they stand.

use super::CifError;

/// A word of a CIF.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Word<'a> {
    /// `data_NAME`, with the name.
    Data(&'a str),
    /// `loop_`.
    Loop,
    /// `save_…`, `global_` or `stop_`.
    Reserved(&'a str),
    /// `_tag`.
    Tag(&'a str),
    /// A bare word: may be `?`, `.` or a number.
    Bare(&'a str),
    /// A quoted string or text field: always text.
    Quoted(&'a str),
}

/// Words of a text, one at a time, each with its line.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    /// Whether the text says that it is CIF 2.0.
    version_2: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // files of DOS may end with a mark of their end
        let text = text.trim_end_matches(['\u{1a}', '\0', '\r', '\n']);
        Self { text, at: 0, line: 1, version_2: text.starts_with("#\\#CIF_2") }
    }

    /// The next word with its line, or none at the end.
    pub(super) fn next(&mut self) -> Result<Option<(Word<'a>, usize)>, CifError> {
        self.skip_blanks();
        let line = self.line;
        let bytes = self.text.as_bytes();
        let Some(&first) = bytes.get(self.at) else {
            return Ok(None);
        };
        let of_version_2 = ["[", "{", "\"\"\"", "'''"];
        if self.version_2
            && of_version_2.iter().any(|begin| self.text[self.at..].starts_with(begin))
        {
            return Err(CifError::Version2 { line });
        }
        let word = match first {
            b';' if self.at == 0 || bytes[self.at - 1] == b'\n' => Word::Quoted(self.text_field()?),
            b'\'' | b'"' => Word::Quoted(self.quoted(first)?),
            _ => classify(self.bare()),
        };
        Ok(Some((word, line)))
    }

    /// Moves over blanks, line ends and comments.
    fn skip_blanks(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b'\n' => self.line += 1,
                b'#' => {
                    while bytes.get(self.at + 1).is_some_and(|&b| b != b'\n') {
                        self.at += 1;
                    }
                }
                b if b.is_ascii_whitespace() => {}
                _ => break,
            }
            self.at += 1;
        }
    }

    /// Lines between semicolons at the beginning of lines.
    fn text_field(&mut self) -> Result<&'a str, CifError> {
        let begin = self.at + 1;
        let Some(length) = self.text[begin..].find("\n;") else {
            return Err(CifError::Unclosed { line: self.line, what: "text field" });
        };
        let field = &self.text[begin..begin + length];
        self.line += field.matches('\n').count() + 1;
        self.at = begin + length + 2;
        Ok(field)
    }

    /// A string that ends where its quote is followed by a blank.
    fn quoted(&mut self, quote: u8) -> Result<&'a str, CifError> {
        let bytes = self.text.as_bytes();
        let begin = self.at + 1;
        let mut end = begin;
        loop {
            match bytes.get(end) {
                None | Some(b'\n') => {
                    return Err(CifError::Unclosed { line: self.line, what: "quoted string" });
                }
                Some(&b) if b == quote => {
                    if bytes.get(end + 1).is_none_or(u8::is_ascii_whitespace) {
                        break;
                    }
                }
                Some(_) => {}
            }
            end += 1;
        }
        self.at = end + 1;
        Ok(&self.text[begin..end])
    }

    /// Everything up to the next blank.
    fn bare(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let length = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }
}

/// What a bare word is.
fn classify(word: &str) -> Word<'_> {
    let begins = |prefix: &str| {
        word.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
    };
    if word.starts_with('_') {
        Word::Tag(word)
    } else if begins("data_") {
        Word::Data(&word[5..])
    } else if word.eq_ignore_ascii_case("loop_") {
        Word::Loop
    } else if begins("save_")
        || word.eq_ignore_ascii_case("global_")
        || word.eq_ignore_ascii_case("stop_")
    {
        Word::Reserved(word)
    } else {
        Word::Bare(word)
    }
}
