//! From a file name to one tree: reads the file, what it `extends`, and the overrides.

use std::io;
use std::path::Path;

use crate::diagnose::{ErrorKind, Mistake, Reporter, did_you_mean};
use crate::source::{Source, Span, Text};
use crate::tree::{self, Kind, Table, Value};

/// Longest chain of `extends`.
const MAX_CHAIN: usize = 16;

/// Reads files by path.
pub(crate) type ReadFile<'a> = &'a dyn Fn(&str) -> io::Result<String>;

/// Reads the main file, its bases and the overrides into one tree. File names inside bases are
/// rewritten to be relative to the main file.
///
/// Returns nothing if a file cannot be read at all.
pub(crate) fn gather(
    reporter: &mut Reporter,
    main: Source,
    overrides: &[String],
    read_file: ReadFile<'_>,
) -> Option<Table> {
    let mut chain = vec![file_name(&main.name)];
    reporter.sources.push(main);
    let mut table = read_layer(reporter, 0, "", &mut chain, read_file)?;
    for text in overrides {
        apply_override(reporter, &mut table, text);
    }
    Some(table)
}

fn file_name(path: &str) -> String {
    Path::new(path).file_name().map_or_else(|| path.to_string(), |n| n.to_string_lossy().into())
}

/// One file with all below it. `folder` is relative to the main file's folder.
fn read_layer(
    reporter: &mut Reporter,
    source: u32,
    folder: &str,
    chain: &mut Vec<String>,
    read_file: ReadFile<'_>,
) -> Option<Table> {
    let text = reporter.sources.get(source as usize)?.text.clone();
    let mut table = match tree::parse(&text, source) {
        Ok(table) => table,
        Err((message, span)) => {
            let help = "keys are `name = value`, tables `[name]`; see docs/problem-file.md";
            reporter.report(
                Mistake::new(ErrorKind::Toml, format!("the file is not valid TOML: {message}"))
                    .at(span, "here")
                    .help(help),
            );
            return None;
        }
    };
    for (_, value) in &mut table.entries {
        relocate(value, folder);
    }
    let Some((_, base)) = table.remove("extends") else {
        return Some(table);
    };
    let Kind::Text(base) = base.kind else {
        let message = format!("`extends` must be a file name, found {}", base.words());
        reporter.report(Mistake::new(ErrorKind::WrongType, message).at(base.span, ""));
        return Some(table);
    };
    let path = joined(folder, &base.string);
    if chain.contains(&path) || chain.len() >= MAX_CHAIN {
        let message = format!("`{path}` extends itself");
        let label = format!("through {} → {path}", chain.join(" → "));
        reporter.report(Mistake::new(ErrorKind::Cycle, message).at(base.whole(), label));
        return None;
    }
    let text = match read_file(&path) {
        Ok(text) => text,
        Err(e) => {
            let message = format!("cannot read `{path}`: {}", reason(&e));
            let help = "`extends` is relative to the file it stands in";
            reporter.report(
                Mistake::new(ErrorKind::File, message).at(base.whole(), "base file").help(help),
            );
            return None;
        }
    };
    let main = reporter.sources.first().map(|s| s.name.clone()).unwrap_or_default();
    let parent = Path::new(&main).parent().map(|p| p.to_string_lossy().into_owned());
    let name = joined(&parent.unwrap_or_default(), &path);
    reporter.sources.push(Source { name, text });
    let next = reporter.sources.len() as u32 - 1;
    let folder = Path::new(&path).parent().map(|p| p.to_string_lossy().into_owned());
    chain.push(path);
    let mut below = read_layer(reporter, next, &folder.unwrap_or_default(), chain, read_file)?;
    chain.pop();
    crate::cell::forget_other_cell(&mut below, &table);
    Some(tree::merge(below, table, true))
}

/// An input error in plain words.
pub(crate) fn reason(e: &io::Error) -> String {
    match e.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_string(),
        io::ErrorKind::PermissionDenied => "you may not read it".to_string(),
        io::ErrorKind::InvalidData => "it is not text".to_string(),
        _ => e.to_string(),
    }
}

fn joined(folder: &str, path: &str) -> String {
    if folder.is_empty() || Path::new(path).is_absolute() {
        return path.to_string();
    }
    format!("{}/{path}", folder.trim_end_matches('/'))
}

/// Makes the file names below a value relative to the main file.
fn relocate(value: &mut Value, folder: &str) {
    if folder.is_empty() {
        return;
    }
    match &mut value.kind {
        Kind::Table(table) => {
            for (key, inner) in &mut table.entries {
                match &mut inner.kind {
                    Kind::Text(text)
                        if ["file", "bpx", "library"].contains(&key.string.as_str()) =>
                    {
                        text.string = joined(folder, &text.string);
                        text.first = None;
                    }
                    _ => relocate(inner, folder),
                }
            }
        }
        Kind::List(list) => list.iter_mut().for_each(|v| relocate(v, folder)),
        _ => {}
    }
}

/// Tables whose keys are chosen by the author: an override may not invent one.
const NAMED: [&str; 8] = [
    "coordinates",
    "parameters",
    "unknowns",
    "constants",
    "definitions",
    "functions",
    "fields",
    "outputs",
];

fn apply_override(reporter: &mut Reporter, table: &mut Table, text: &str) {
    let source = reporter.sources.len() as u32;
    reporter.sources.push(Source { name: "--set".to_string(), text: text.to_string() });
    let whole = Span::new(source, 0..text.len());
    let Some(equals) = text.find('=') else {
        reporter.report(
            Mistake::new(ErrorKind::Override, "an override needs `=`")
                .at(whole, "")
                .help("write KEY=VALUE, for example --set network.width=32"),
        );
        return;
    };
    let raw = &text[equals + 1..];
    let lead = raw.len() - raw.trim_start().len();
    let value = tree::parse_override(raw.trim(), source, equals + 1 + lead, text);
    let mut parts: Vec<Text> = Vec::new();
    let mut start = 0;
    for part in text[..equals].split('.') {
        let trimmed = part.trim().trim_matches('"');
        let at = start + part.find(trimmed).unwrap_or(0);
        let span = Span::new(source, at..at + trimmed.len());
        parts.push(Text { string: trimmed.to_string(), span, first: Some(at as u32) });
        start += part.len() + 1;
    }
    let named = parts.len() > 1 && NAMED.contains(&parts[0].string.as_str());
    let result = if named && table.get(&parts[0].string).is_none() {
        Err(Mistake::new(ErrorKind::Override, format!("the file has no [{}]", parts[0].string))
            .at(parts[0].span, "not in the file"))
    } else {
        let section = parts[0].string.clone();
        put(table, &parts, value, &section, 0)
    };
    if let Err(mistake) = result {
        reporter.report(mistake);
    }
}

fn put(
    table: &mut Table,
    path: &[Text],
    value: Value,
    section: &str,
    level: usize,
) -> Result<(), Mistake> {
    let named = NAMED.contains(&section);
    let Some((key, rest)) = path.split_first() else {
        return Ok(());
    };
    if table.get(&key.string).is_none() {
        if level == 1 && named {
            let keys: Vec<&str> = table.keys();
            let message = format!("the file has no `{}` to override", key.string);
            return Err(Mistake::new(ErrorKind::Override, message)
                .at(key.span, "not in the file")
                .maybe_help(did_you_mean(&key.string, &keys)));
        }
        let fresh = match rest {
            [] => value.clone(),
            _ => Value { kind: Kind::Table(Table::default()), span: key.span },
        };
        table.entries.push((key.clone(), fresh));
    }
    let Some(slot) = table.get_mut(&key.string) else {
        return Ok(());
    };
    if rest.is_empty() {
        *slot = value;
        return Ok(());
    }
    match &mut slot.kind {
        Kind::Table(inner) => put(inner, rest, value, section, level + 1),
        Kind::List(rows) => put_row(rows, rest, value),
        // a short form such as `D = "1 m .. 2 m"`, made long
        _ if level == 1 && named => {
            let Some(long) = long_key(section) else {
                let message = format!("`{}` is not a table", key.string);
                return Err(
                    Mistake::new(ErrorKind::Override, message).at(key.span, "has no keys below it")
                );
            };
            let mut inner = Table::default();
            inner.entries.push((Text { string: long.into(), ..key.clone() }, slot.clone()));
            let result = put(&mut inner, rest, value, section, level + 1);
            slot.kind = Kind::Table(inner);
            result
        }
        _ => Err(Mistake::new(ErrorKind::Override, format!("`{}` is not a table", key.string))
            .at(key.span, "has no keys below it")),
    }
}

/// The key that a short form stands for.
fn long_key(section: &str) -> Option<&'static str> {
    match section {
        "coordinates" | "parameters" => Some("range"),
        "unknowns" => Some("initial"),
        "functions" | "outputs" => Some("expression"),
        _ => None,
    }
}

fn put_row(rows: &mut [Value], path: &[Text], value: Value) -> Result<(), Mistake> {
    let Some((key, rest)) = path.split_first() else {
        return Ok(());
    };
    let name = |v: &Value| -> Option<String> {
        Some(v.as_table()?.get("name")?.as_text()?.string.clone())
    };
    let index: Option<usize> = key.string.parse().ok();
    let at = index.filter(|&i| i < rows.len());
    let at = at.or_else(|| rows.iter().position(|r| name(r).as_ref() == Some(&key.string)));
    let count = rows.len();
    match at.and_then(|i| rows.get_mut(i)) {
        Some(Value { kind: Kind::Table(inner), .. }) if !rest.is_empty() => {
            put(inner, rest, value, "", 2)
        }
        Some(slot) if rest.is_empty() => {
            *slot = value;
            Ok(())
        }
        _ => {
            let names: Vec<String> = rows.iter().filter_map(name).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let counted = match count {
                1 => "entries are named, or numbered: the only one is 0".to_string(),
                _ => format!("entries are named, or numbered 0 to {}", count.max(1) - 1),
            };
            Err(Mistake::new(ErrorKind::Override, format!("there is no entry `{}`", key.string))
                .at(key.span, "not in the file")
                .help(did_you_mean(&key.string, &names).unwrap_or(counted)))
        }
    }
}
