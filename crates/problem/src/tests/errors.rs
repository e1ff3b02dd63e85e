//! What is said about mistakes: helpers, and mistakes in keys, values, ranges, units and names.

use super::{no_files, rendered};
use crate::load_text;

pub(super) fn files(name: &str) -> std::io::Result<String> {
    match name {
        "loop.toml" => Ok("extends = \"loop.toml\"".to_string()),
        "base.toml" => Ok(BASE.replace("d(u, x, 2)", "d(v, x, 2)")),
        "bad.csv" => Ok("t,x,temperature\n0,0.5,1\n1,0.5,one\n".to_string()),
        "back.csv" => Ok("x,f\n0,1\n2,2\n1,3\n".to_string()),
        _ => no_files(name),
    }
}

/// A file without mistakes, to which they are added.
pub(super) const BASE: &str = r#"[coordinates]
t = "0 s .. 10 s"
x = "0 m .. 1 m"
[constants]
T0 = "10 K"
D = "0.1 m^2/s"
L = "1 m"
[fields.u]
unit = "K"
of = ["t", "x"]
description = "temperature"
[[equations]]
equation = "d(u, t) = D * d(u, x, 2)"
"#;

/// All mistakes of a file, as people see them.
pub(super) fn mistakes(text: &str) -> String {
    rendered(load_text("test.toml", text, &[], &files))
}

/// All mistakes of [`BASE`] with more lines after it.
pub(super) fn mistakes_after(more: &str) -> String {
    mistakes(&format!("{BASE}{more}"))
}

/// All mistakes of [`BASE`] with one line replaced and more lines after it.
pub(super) fn mistakes_with(line: &str, by: &str, more: &str) -> String {
    mistakes(&format!("{}{more}", BASE.replace(line, by)))
}

#[test]
fn toml_mistakes_are_shown_in_place() {
    let found = mistakes(
        r#"[coordinates]
t = "0 s .. 10 s
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::toml

      × the file is not valid TOML: invalid basic string, expected `"`
       ╭─[test.toml:2:17]
     1 │ [coordinates]
     2 │ t = "0 s .. 10 s
       ·                 ▲
       ·                 ╰── here
       ╰────
      help: keys are `name = value`, tables `[name]`; see docs/problem-file.md
    "##);
}

#[test]
fn unknown_keys() {
    let found = mistakes_after(
        r#"[network]
widht = 64
[train]
steps = 3
[netwrk]
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::unknown_key

      × unknown key `netwrk` in the file
        ╭─[test.toml:18:2]
     17 │ steps = 3
     18 │ [netwrk]
        ·  ───┬──
        ·     ╰── did you mean `network`?
        ╰────
    problem::unknown_key

      × unknown key `widht` in [network]
        ╭─[test.toml:15:1]
     14 │ [network]
     15 │ widht = 64
        · ──┬──
        ·   ╰── did you mean `width`?
     16 │ [train]
        ╰────
    problem::unknown_key

      × unknown key `steps` in [train]
        ╭─[test.toml:17:1]
     16 │ [train]
     17 │ steps = 3
        · ──┬──
        ·   ╰── did you mean `stages`?
     18 │ [netwrk]
        ╰────
    "##);
}

#[test]
fn values_of_the_wrong_kind() {
    let found = mistakes_after(
        r#"[network]
width = "wide"
depth = 2.5
activation = "tahn"
[train]
seed = -1
stages = 3
[outputs]
y = true
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::wrong_type

      × `width` must be a whole number, found a string
        ╭─[test.toml:15:9]
     14 │ [network]
     15 │ width = "wide"
        ·         ───┬──
        ·            ╰── expected a whole number
     16 │ depth = 2.5
        ╰────
    problem::wrong_type

      × `depth` must be a whole number
        ╭─[test.toml:16:9]
     15 │ width = "wide"
     16 │ depth = 2.5
        ·         ───
     17 │ activation = "tahn"
        ╰────
    problem::unknown_choice

      × unknown activation `tahn`
        ╭─[test.toml:17:14]
     16 │ depth = 2.5
     17 │ activation = "tahn"
        ·              ───┬──
        ·                 ╰── not one of the choices for `activation`
     18 │ [train]
        ╰────
      help: did you mean `tanh`? known: tanh, sin
    problem::wrong_type

      × `y` must be an expression, found true or false
        ╭─[test.toml:22:5]
     21 │ [outputs]
     22 │ y = true
        ·     ──┬─
        ·       ╰── expected an expression
        ╰────
    problem::range

      × `seed` must be at least 0
        ╭─[test.toml:19:8]
     18 │ [train]
     19 │ seed = -1
        ·        ──
     20 │ stages = 3
        ╰────
    problem::wrong_type

      × `stages` must be a list of stages, found a number
        ╭─[test.toml:20:10]
     19 │ seed = -1
     20 │ stages = 3
        ·          ┬
        ·          ╰── expected a list of stages
     21 │ [outputs]
        ╰────
    "##);
}

#[test]
fn ranges_that_are_impossible() {
    let found = mistakes(
        r#"[coordinates]
t = "10 s .. 0 s"
x = "1 m .. 1 m"
y = { range = [0, inf] }
z = { range = "0 .. 1", spread = "log" }
w = { range = "0 .. 1", sampled = "0 .. 2" }
r = { range = "-1 .. 1", geometry = "sphere" }
v = 3
[parameters]
a = { range = "0 .. 1", scale = "log" }
b = { range = "1 .. 2 m", nominal = "3 m" }
[fields.u]
[[equations]]
equation = "u = 0"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::range

      × the range of `t` is reversed
       ╭─[test.toml:2:5]
     1 │ [coordinates]
     2 │ t = "10 s .. 0 s"
       ·     ─────────────
     3 │ x = "1 m .. 1 m"
       ╰────
      help: the lower end comes first: "0 s .. 10 s"
    problem::range

      × the range of `x` has no width
       ╭─[test.toml:3:5]
     2 │ t = "10 s .. 0 s"
     3 │ x = "1 m .. 1 m"
       ·     ────────────
     4 │ y = { range = [0, inf] }
       ╰────
      help: the lower end comes first: "0 s .. 10 s"
    problem::range

      × `y` must be finite
       ╭─[test.toml:4:19]
     3 │ x = "1 m .. 1 m"
     4 │ y = { range = [0, inf] }
       ·                   ───
     5 │ z = { range = "0 .. 1", spread = "log" }
       ╰────
    problem::range

      × `spread = "log"` needs a positive range of `z`
       ╭─[test.toml:5:34]
     4 │ y = { range = [0, inf] }
     5 │ z = { range = "0 .. 1", spread = "log" }
       ·                                  ─────
     6 │ w = { range = "0 .. 1", sampled = "0 .. 2" }
       ╰────
      help: add sampled = "… .. …" with a positive lower end: it is where points lie
    problem::range

      × `sampled` of `w` is outside its range
       ╭─[test.toml:6:35]
     5 │ z = { range = "0 .. 1", spread = "log" }
     6 │ w = { range = "0 .. 1", sampled = "0 .. 2" }
       ·                                   ────────
     7 │ r = { range = "-1 .. 1", geometry = "sphere" }
       ╰────
    problem::range

      × the radius `r` must not be negative
       ╭─[test.toml:7:15]
     6 │ w = { range = "0 .. 1", sampled = "0 .. 2" }
     7 │ r = { range = "-1 .. 1", geometry = "sphere" }
       ·               ─────────
     8 │ v = 3
       ╰────
    problem::wrong_type

      × `v` must be a range such as "0 .. 1" or [0, 1], found a number
       ╭─[test.toml:8:5]
     7 │ r = { range = "-1 .. 1", geometry = "sphere" }
     8 │ v = 3
       ·     ┬
       ·     ╰── expected a range such as "0 .. 1" or [0, 1]
     9 │ [parameters]
       ╰────
    problem::range

      × the logarithmic parameter `a` must be positive
        ╭─[test.toml:10:15]
      9 │ [parameters]
     10 │ a = { range = "0 .. 1", scale = "log" }
        ·               ────┬───
        ·                   ╰── reaches 0
     11 │ b = { range = "1 .. 2 m", nominal = "3 m" }
        ╰────
    problem::range

      × `nominal` of `b` is outside its range
        ╭─[test.toml:11:37]
     10 │ a = { range = "0 .. 1", scale = "log" }
     11 │ b = { range = "1 .. 2 m", nominal = "3 m" }
        ·                                     ─────
     12 │ [fields.u]
        ╰────
    problem::range

      × `u` depends on more than 3 coordinates
        ╭─[test.toml:12:9]
     11 │ b = { range = "1 .. 2 m", nominal = "3 m" }
     12 │ [fields.u]
        ·         ─
     13 │ [[equations]]
        ╰────
      help: name its coordinates, as in of = ["t", "x"]
    "##);
}

#[test]
fn units_that_cannot_be_read() {
    let found = mistakes_after(
        r#"[parameters]
a = "1 .. 2 parsec"
b = "1 .. 2 m^"
c = "20 degC/m .. 1 K/m"
e = "1 m .. 2 s"
f = { range = "1 .. 2", unit = "sec" }
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::quantity

      × `parsec` is not a unit
        ╭─[test.toml:15:13]
     14 │ [parameters]
     15 │ a = "1 .. 2 parsec"
        ·             ──────
     16 │ b = "1 .. 2 m^"
        ╰────
      help: units: m g s A K mol cd Hz N Pa J W C V F ohm S L M h min day degC bar eV rad deg %, with
            prefixes f p n u m c d k M G T
    problem::quantity

      × expected a power
        ╭─[test.toml:16:15]
     15 │ a = "1 .. 2 parsec"
     16 │ b = "1 .. 2 m^"
        ·               ▲
     17 │ c = "20 degC/m .. 1 K/m"
        ╰────
      help: powers are numbers: `m^2`, `s^-1`, `mol^(1/2)`
    problem::quantity

      × degC stands alone with a number only, as in `25 degC`
        ╭─[test.toml:17:9]
     16 │ b = "1 .. 2 m^"
     17 │ c = "20 degC/m .. 1 K/m"
        ·         ────
     18 │ e = "1 m .. 2 s"
        ╰────
      help: in compound units write K
    problem::units

      × `e` has the wrong unit
        ╭─[test.toml:18:6]
     17 │ c = "20 degC/m .. 1 K/m"
     18 │ e = "1 m .. 2 s"
        ·      ──┬─
        ·        ╰── m, expected s
     19 │ f = { range = "1 .. 2", unit = "sec" }
        ╰────
      help: m is the metre; minutes are `min`
    problem::quantity

      × `sec` is not a unit
        ╭─[test.toml:19:33]
     18 │ e = "1 m .. 2 s"
     19 │ f = { range = "1 .. 2", unit = "sec" }
        ·                                 ───
        ╰────
      help: did you mean `s`?
    "##);
}

#[test]
fn names_used_twice_or_taken() {
    let found = mistakes_after(
        r#"[parameters]
L = "1 .. 2"
N = "1 .. 2"
[definitions]
u = "1"
exp = "2"
"a b" = "3"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::name

      × the name `N` is taken by the expression language
        ╭─[test.toml:16:1]
     15 │ L = "1 .. 2"
     16 │ N = "1 .. 2"
        · ┬
        · ╰── choose another name
     17 │ [definitions]
        ╰────
    problem::name

      × the name `L` is used twice
        ╭─[test.toml:7:1]
      6 │ D = "0.1 m^2/s"
      7 │ L = "1 m"
        · ┬
        · ╰── here a constant
      8 │ [fields.u]
      9 │ unit = "K"
     10 │ of = ["t", "x"]
     11 │ description = "temperature"
     12 │ [[equations]]
     13 │ equation = "d(u, t) = D * d(u, x, 2)"
     14 │ [parameters]
     15 │ L = "1 .. 2"
        · ┬
        · ╰── here a parameter
     16 │ N = "1 .. 2"
        ╰────
      help: coordinates, parameters, constants, functions, … share one name space
    problem::name

      × the name `u` is used twice
       ╭─[test.toml:8:9]
     7 │ L = "1 m"
     8 │ [fields.u]
       ·         ┬
       ·         ╰── here a field
     9 │ unit = "K"
       ╰────
        ╭─[test.toml:18:1]
     17 │ [definitions]
     18 │ u = "1"
        · ┬
        · ╰── here a definition
     19 │ exp = "2"
        ╰────
      help: coordinates, parameters, constants, functions, … share one name space
    problem::name

      × the name `exp` is taken by the expression language
        ╭─[test.toml:19:1]
     18 │ u = "1"
     19 │ exp = "2"
        · ─┬─
        ·  ╰── choose another name
     20 │ "a b" = "3"
        ╰────
    problem::name

      × `a b` cannot be a name
        ╭─[test.toml:20:1]
     19 │ exp = "2"
     20 │ "a b" = "3"
        · ─────
        ╰────
      help: names start with a letter and go on with letters, digits and `_`
    "##);
}

#[test]
fn fields_and_rows_need_each_other() {
    let found = mistakes_after(
        r#"[fields.v]
of = ["t", "z"]
[[equations]]
equation = "x = 0"
[[equations]]
name = "empty"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::unknown_symbol

      × `z` is not a coordinate
        ╭─[test.toml:15:13]
     14 │ [fields.v]
     15 │ of = ["t", "z"]
        ·             ┬
        ·             ╰── unknown
     16 │ [[equations]]
        ╰────
      help: coordinates: t, x
    problem::missing_key

      × [[equations]] needs `equation`
        ╭─[test.toml:18:1]
     17 │ equation = "x = 0"
     18 │ [[equations]]
        · ──────┬──────
        ·       ╰── not given
     19 │ name = "empty"
        ╰────
    problem::field_without_row

      × nothing determines the field `v`
        ╭─[test.toml:14:9]
     13 │ equation = "d(u, t) = D * d(u, x, 2)"
     14 │ [fields.v]
        ·         ┬
        ·         ╰── in no equation, condition or integral
     15 │ of = ["t", "z"]
        ╰────
      help: add an [[equations]] entry that holds it
    problem::field_without_row

      × this statement holds no field
        ╭─[test.toml:17:13]
     16 │ [[equations]]
     17 │ equation = "x = 0"
        ·             ──┬──
        ·               ╰── nothing to find
     18 │ [[equations]]
        ╰────
    "##);
}
