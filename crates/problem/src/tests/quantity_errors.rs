//! What is said about degrees Celsius, huge numbers and huge counts, where the words matter less
//! than that nothing is taken silently.

use super::errors::{mistakes_after, mistakes_with};

/// One line, whatever the width of the page.
#[track_caller]
fn says(found: &str, words: &[&str]) {
    let flat = found.split_whitespace().collect::<Vec<_>>().join(" ");
    for word in words {
        assert!(flat.contains(word), "`{word}` is not in\n{found}");
    }
}

#[test]
fn a_plain_end_beside_degrees_celsius_is_refused() {
    says(&mistakes_after("[parameters]\na = \"0 .. 40 degC\"\n"), &["0 degC .. 40 degC"]);
    says(&mistakes_after("[parameters]\na = \"10 degC .. 40\"\n"), &["0 degC .. 40 degC"]);
    let both = "[parameters]\na = \"10 degC .. 40 degC\"\n[goal]\nu = { rms = \"0.1 K\" }\n";
    let found = mistakes_after(both);
    assert!(!found.contains("degC"), "{found}");
}

#[test]
fn differences_are_not_in_degrees_celsius() {
    let found = mistakes_after("[goal]\nu = { rms = \"0.5 degC\" }\n");
    says(&found, &["`rms` is a difference and cannot be in degC", "1 degC is 1 K"]);
}

#[test]
fn outputs_in_degrees_celsius_are_refused_with_what_to_write() {
    let output = "[outputs]\na = { expression = \"u\", unit = \"degC\" }\n";
    says(&mistakes_after(output), &["its zero is not that of K", "`T - ice`", "ice = \"0 degC\""]);
}

#[test]
fn numbers_beyond_what_a_number_holds_are_refused() {
    says(&mistakes_after("[parameters]\na = \"1 K .. 1e999 K\"\n"), &["`1e999` is beyond"]);
}

#[test]
fn counts_that_no_memory_holds_are_refused() {
    let huge = "[sampling]\ninterior = 100000000000\n[network]\nwidth = 1000000\ndepth = 0\n";
    let found = mistakes_after(huge);
    says(&found, &["`interior` must be at most 1000000", "`width` must be at most 1024"]);
    says(&found, &["`depth` must be at least 1"]);
}

#[test]
fn orders_of_derivatives_have_a_limit() {
    let line = r#"equation = "d(u, t) = D * d(u, x, 2)""#;
    let found = mistakes_with(line, r#"equation = "d(u, t) = D * d(u, x, 50)""#, "");
    says(&found, &["orders are 1 to 8"]);
}
