//! The repository keeps its own rules: sources of formulas, links of documents, portable files.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use surrogate_tests::{files, root, text};

/// Name, year and title of the entries of docs/references.bib.
fn references() -> Vec<(String, String, String)> {
    let mut entries = Vec::new();
    for entry in text("docs/references.bib").split("\n@").skip(1) {
        let key = entry.split_once('{').unwrap().1.split(',').next().unwrap().trim();
        let at = key.find(|c: char| c.is_ascii_digit()).unwrap_or_else(|| panic!("key `{key}`"));
        let (name, year) = key.split_at(at);
        assert_eq!(year.len(), 4, "key `{key}` is not NameYEAR");
        let title = entry.lines().find(|l| l.trim_start().starts_with("title")).unwrap();
        let title: String = title.split_once('=').unwrap().1.replace(['{', '}', ','], "");
        entries.push((name.to_string(), year.to_string(), title.trim().to_string()));
    }
    entries
}

/// Paragraphs of comments that begin with a source, with their place.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in files("crates", ".rs") {
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (k, line) in lines.iter().enumerate() {
            let line = line.trim_start();
            let Some(begin) = line.find("Source: ").filter(|_| line.starts_with("//")) else {
                continue;
            };
            let more = lines[k + 1..].iter().map(|l| l.trim_start());
            let more = more.take_while(|l| l.starts_with("//") && l.len() > 3).take(3);
            let words: Vec<&str> = more.map(|l| l.trim_start_matches(['/', '!', ' '])).collect();
            let place = path.strip_prefix(root()).unwrap().display();
            let all = format!("{} {}", &line[begin..], words.join(" "));
            found.push((format!("{place}:{}", k + 1), all));
        }
    }
    found
}

#[test]
fn every_source_in_a_comment_is_in_the_bibliography() {
    let references = references();
    let sources = sources();
    assert!(sources.len() >= 10, "only {} sources found", sources.len());
    let plain = |text: &str| text.replace('-', "");
    for (place, comment) in sources {
        let known = references.iter().any(|(name, year, title)| {
            let named = plain(&comment).contains(name.as_str());
            named && (comment.contains(year.as_str()) || comment.contains(title.as_str()))
        });
        assert!(known, "{place}: no entry in docs/references.bib for: {comment}");
    }
}

#[test]
fn links_of_documents_lead_somewhere() {
    let mut documents = files("docs", ".md");
    documents.extend(files("benches", ".md"));
    documents.extend(files("notebooks", ".md"));
    documents.extend(files("data", ".md"));
    documents.extend(["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(|n| root().join(n)));
    for path in documents {
        let text = fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.contains(' ') {
                continue;
            }
            let full = path.parent().unwrap_or(Path::new("")).join(target);
            assert!(full.exists(), "{}: `{link}` leads nowhere", path.display());
        }
    }
}

#[test]
fn files_hold_no_path_of_a_machine() {
    // written in parts so that this file does not hold them
    let paths = ["/ho".to_string() + "me/", "/wo".to_string() + "rk/", "/ro".to_string() + "ot/"];
    for folder in ["crates", "problems", "docs", "benches", "notebooks", "data", "tests"] {
        for ending in [".rs", ".toml", ".md", ".sh", ".py", ".ipynb", ".json", ".bib"] {
            for file in files(folder, ending) {
                let text = fs::read_to_string(&file).unwrap();
                for path in &paths {
                    let at = text.find(path.as_str());
                    assert!(at.is_none(), "{} holds `{path}`", file.display());
                }
            }
        }
    }
}
