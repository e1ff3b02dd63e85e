//! Every problem file of the repository loads, can be trained, and says the same when resolved.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use surrogate_engine::Model;
use surrogate_tests::{files, text};

#[test]
fn every_problem_file_loads_and_can_be_trained() {
    let all = files("problems", ".toml");
    assert!(all.len() >= 5, "only {} problem files", all.len());
    // what a cell is, the command knows: its own tests check these
    let of_cell = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("p2d");
    for path in all.into_iter().filter(|path| !of_cell(path)) {
        let problem = surrogate_problem::load(&path, &[])
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(!problem.title.is_empty(), "{} has no title", path.display());
        if problem.crystal.is_some() {
            continue;
        }
        let model = Model::new(&problem).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(!model.components.is_empty(), "{}: nothing to train", path.display());
    }
}

#[test]
fn every_complete_file_of_the_language_guide_loads() {
    let guide = text("docs/problem-file.md");
    let mut count = 0;
    for block in guide.split("```toml\n").skip(1) {
        let block = block.split("```").next().unwrap();
        if block.contains("[coordinates]") && block.contains("[[equations]]") {
            let none = |name: &str| panic!("the guide's file reads `{name}`");
            surrogate_problem::load_text("docs/problem-file.md", block, &[], &none)
                .unwrap_or_else(|e| panic!("{e}\n{block}"));
            count += 1;
        }
    }
    assert!(count > 0, "the guide shows no complete file");
}
