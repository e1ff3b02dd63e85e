//! What is said about mistakes in functions, definitions, other files, settings and overrides.

use super::errors::{BASE, files, mistakes, mistakes_after};
use super::rendered;
use crate::load_text;

#[test]
fn rounds_of_definitions() {
    let found = mistakes_after(
        r#"[definitions]
a = "b + 1"
b = "2*a"
[functions]
"f(x)" = "g(x)"
"g(x)" = "f(x) + 1"
W = { inverse_of = "V" }
V = { inverse_of = "W" }
[outputs]
y = "a + f(x/L)"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::cycle

      × `a` is defined by itself
        ╭─[test.toml:15:1]
     14 │ [definitions]
     15 │ a = "b + 1"
        · ┬
        · ╰── a → b → a
     16 │ b = "2*a"
        ╰────
    problem::cycle

      × `f` is defined by itself
        ╭─[test.toml:18:1]
     17 │ [functions]
     18 │ "f(x)" = "g(x)"
        · ───┬──
        ·    ╰── f → g → f
     19 │ "g(x)" = "f(x) + 1"
        ╰────
    problem::cycle

      × `V` is defined by itself
        ╭─[test.toml:21:1]
     20 │ W = { inverse_of = "V" }
     21 │ V = { inverse_of = "W" }
        · ┬
        · ╰── W → V → W
     22 │ [outputs]
        ╰────
    "##);
}

#[test]
fn rounds_of_constants() {
    let found = mistakes(
        r#"[coordinates]
t = "0 s .. 10 s"
x = "0 m .. 1 m"
[constants]
T0 = "10 K"
D = "0.1 m^2/s"
L = "1 m"
c1 = "2*c2"
c2 = "c1 + 1"
c3 = "u"
c4 = "1/0"
c5 = "log(-1)"
[fields.u]
unit = "K"
of = ["t", "x"]
description = "temperature"
[[equations]]
equation = "d(u, t) = D * d(u, x, 2)"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::cycle

      × `c1` is defined by itself
       ╭─[test.toml:8:1]
     7 │ L = "1 m"
     8 │ c1 = "2*c2"
       · ─┬
       ·  ╰── c1 → c2 → c1
     9 │ c2 = "c1 + 1"
       ╰────
    problem::not_allowed

      × `u` may not stand here
        ╭─[test.toml:10:7]
      9 │ c2 = "c1 + 1"
     10 │ c3 = "u"
        ·       ┬
        ·       ╰── a field
     11 │ c4 = "1/0"
        ╰────
      help: a constant may only use numbers, constants and functions
    problem::range

      × division by zero
        ╭─[test.toml:11:9]
     10 │ c3 = "u"
     11 │ c4 = "1/0"
        ·         ┬
        ·         ╰── this is 0
     12 │ c5 = "log(-1)"
        ╰────
    problem::range

      × the constant `c5` is not a finite number
        ╭─[test.toml:12:7]
     11 │ c4 = "1/0"
     12 │ c5 = "log(-1)"
        ·       ───────
     13 │ [fields.u]
        ╰────
    "##);
}

#[test]
fn files_that_extend_themselves() {
    let found = mistakes(
        r#"extends = "loop.toml"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::cycle

      × `loop.toml` extends itself
       ╭─[loop.toml:1:12]
     1 │ extends = "loop.toml"
       ·            ────┬────
       ·                ╰── through test.toml → loop.toml → loop.toml
       ╰────
    "##);
}

#[test]
fn files_that_are_not_there() {
    let found = mistakes(
        r#"extends = "nowhere.toml"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::file

      × cannot read `nowhere.toml`: there is no such file
       ╭─[test.toml:1:12]
     1 │ extends = "nowhere.toml"
       ·            ──────┬─────
       ·                  ╰── base file
       ╰────
      help: `extends` is relative to the file it stands in
    "##);
}

#[test]
fn tables_and_data_that_are_not_there() {
    let found = mistakes_after(
        r#"[functions]
f = { file = "nowhere.csv" }
[[data]]
file = "missing.csv"
observe = "u"
[[data]]
file = "bad.csv"
observe = "u"
column = "temp"
[[data]]
file = "bad.csv"
observe = "u"
column = "temperature"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::file

      × cannot read `nowhere.csv`: there is no such file
        ╭─[test.toml:15:15]
     14 │ [functions]
     15 │ f = { file = "nowhere.csv" }
        ·               ───────────
     16 │ [[data]]
        ╰────
      help: file names are relative to the problem file
    problem::file

      × cannot read `missing.csv`: there is no such file
        ╭─[test.toml:17:9]
     16 │ [[data]]
     17 │ file = "missing.csv"
        ·         ───────────
     18 │ observe = "u"
        ╰────
      help: file names are relative to the problem file
    problem::csv

      × `bad.csv` has no column `temp`
        ╭─[test.toml:22:11]
     21 │ observe = "u"
     22 │ column = "temp"
        ·           ────
     23 │ [[data]]
        ╰────
      help: did you mean `temperature`? columns: t, x, temperature
    problem::csv

      × `one` in column `temperature` is not a finite number
       ╭─[bad.csv:3:1]
     2 │ 0,0.5,1
     3 │ 1,0.5,one
       · ─────────
       ╰────
    "##);
}

#[test]
fn tables_with_mistakes() {
    let found = mistakes_after(
        r#"[functions]
f = { file = "back.csv" }
g = { points = [[0, 1], [0, 2]] }
h = { points = [[0, 1], [1]] }
"k(x)" = { expression = "x", polynomial = [1] }
m = "2*x"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::csv

      × the arguments of a table must increase
       ╭─[back.csv:4:1]
     3 │ 2,2
     4 │ 1,3
       · ─┬─
       ·  ╰── 1 after 2
       ╰────
    problem::wrong_type

      × `points` are pairs [x, y]
        ╭─[test.toml:17:25]
     16 │ g = { points = [[0, 1], [0, 2]] }
     17 │ h = { points = [[0, 1], [1]] }
        ·                         ───
     18 │ "k(x)" = { expression = "x", polynomial = [1] }
        ╰────
    problem::missing_key

      × `k(x)` must be given in exactly one way
        ╭─[test.toml:18:1]
     17 │ h = { points = [[0, 1], [1]] }
     18 │ "k(x)" = { expression = "x", polynomial = [1] }
        · ──────
     19 │ m = "2*x"
        ╰────
      help: expression, polynomial, points, file, integral_of or inverse_of
    problem::arguments

      × the function `m` needs its arguments
        ╭─[test.toml:19:1]
     18 │ "k(x)" = { expression = "x", polynomial = [1] }
     19 │ m = "2*x"
        · ─
        ╰────
      help: write `"m(x)" = …`
    problem::function

      × `g` cannot be interpolated: abscissae must increase, but not from index 0 to the next
        ╭─[test.toml:16:16]
     15 │ f = { file = "back.csv" }
     16 │ g = { points = [[0, 1], [0, 2]] }
        ·                ────────────────
     17 │ h = { points = [[0, 1], [1]] }
        ╰────
    "##);
}

#[test]
fn functions_without_inverse() {
    let found = mistakes_after(
        r#"[functions]
"D1(x)" = "x - 0.5"
"D2(x)" = "x*alpha"
W = { integral_of = "D1", range = [0, 1] }
x_of = { inverse_of = "W" }
y_of = { inverse_of = "D1" }
V = { integral_of = "nope", range = [0, 1] }
Z = { integral_of = "D1", from = 2, range = [0, 1] }
Y = { integral_of = "DD", range = [0, 1] }
"DD(x)" = "x * u"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::unknown_symbol

      × `alpha` is not defined
        ╭─[test.toml:16:14]
     15 │ "D1(x)" = "x - 0.5"
     16 │ "D2(x)" = "x*alpha"
        ·              ──┬──
        ·                ╰── unknown
     17 │ W = { integral_of = "D1", range = [0, 1] }
        ╰────
      help: defined here: x, D, D1, D2, DD, L, T0, V, W, Y, Z, t, u, x_of, y_of
    problem::function

      × `W` has no inverse: it is not monotone
        ╭─[test.toml:18:23]
     17 │ W = { integral_of = "D1", range = [0, 1] }
     18 │ x_of = { inverse_of = "W" }
        ·                       ─┬─
        ·                        ╰── turns near 0.5000
     19 │ y_of = { inverse_of = "D1" }
        ╰────
      help: narrow its `range`
    problem::function

      × `y_of` can only invert an integral or a table
        ╭─[test.toml:19:23]
     18 │ x_of = { inverse_of = "W" }
     19 │ y_of = { inverse_of = "D1" }
        ·                       ──┬─
        ·                         ╰── neither `integral_of` nor points
     20 │ V = { integral_of = "nope", range = [0, 1] }
        ╰────
    problem::unknown_symbol

      × `nope` is not a function of this file
        ╭─[test.toml:20:21]
     19 │ y_of = { inverse_of = "D1" }
     20 │ V = { integral_of = "nope", range = [0, 1] }
        ·                     ───┬──
        ·                        ╰── unknown
     21 │ Z = { integral_of = "D1", from = 2, range = [0, 1] }
        ╰────
      help: known: D1, D2, W, x_of, y_of, V, Z, Y, DD
    problem::range

      × `from` of `Z` is outside its `range`
        ╭─[test.toml:21:5]
     20 │ V = { integral_of = "nope", range = [0, 1] }
     21 │ Z = { integral_of = "D1", from = 2, range = [0, 1] }
        ·     ────────────────────────────────────────────────
     22 │ Y = { integral_of = "DD", range = [0, 1] }
        ╰────
    problem::not_allowed

      × `u` may not stand here
        ╭─[test.toml:23:16]
     22 │ Y = { integral_of = "DD", range = [0, 1] }
     23 │ "DD(x)" = "x * u"
        ·                ┬
        ·                ╰── a field
        ╰────
      help: an integrated function may only use its argument
    "##);
}

#[test]
fn overrides_with_mistakes() {
    let overrides = [
        "network.widht=32".to_string(),
        "constants.T1=3 K".to_string(),
        "constants.T0=3 m".to_string(),
        "width".to_string(),
        "equations.5.weight=2".to_string(),
        "goal.u.rms=1".to_string(),
    ];
    let found = rendered(load_text("test.toml", BASE, &overrides, &files));
    insta::assert_snapshot!(found, @r##"
    problem::override

      × the file has no `T1` to override
       ╭─[--set:1:11]
     1 │ constants.T1=3 K
       ·           ─┬
       ·            ╰── not in the file
       ╰────
      help: known: T0, D, L
    problem::override

      × an override needs `=`
       ╭─[--set:1:1]
     1 │ width
       · ─────
       ╰────
      help: write KEY=VALUE, for example --set network.width=32
    problem::override

      × there is no entry `5`
       ╭─[--set:1:11]
     1 │ equations.5.weight=2
       ·           ┬
       ·           ╰── not in the file
       ╰────
      help: entries are named, or numbered: the only one is 0
    problem::unknown_key

      × unknown key `widht` in [network]
       ╭─[--set:1:9]
     1 │ network.widht=32
       ·         ──┬──
       ·           ╰── did you mean `width`?
       ╰────
    "##);
}

#[test]
fn settings_with_mistakes() {
    let found = mistakes_after(
        r#"[train]
stages = [{ optimizer = "adm" }, { iterations = 3 }]
max_time = "60 m"
[reference]
exact = { w = "0", u = "x" }
[goal]
u = { rms = "1 V" }
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::unknown_symbol

      × `w` is neither an output nor a field
        ╭─[test.toml:18:11]
     17 │ [reference]
     18 │ exact = { w = "0", u = "x" }
        ·           ┬
        ·           ╰── unknown
     19 │ [goal]
        ╰────
      help: known: u
    problem::units

      × the exact `u` has another unit
        ╭─[test.toml:18:25]
     17 │ [reference]
     18 │ exact = { w = "0", u = "x" }
        ·                         ┬
        ·                         ╰── m, expected K
     19 │ [goal]
        ╰────
    problem::units

      × `max_time` has the wrong unit
        ╭─[test.toml:16:13]
     15 │ stages = [{ optimizer = "adm" }, { iterations = 3 }]
     16 │ max_time = "60 m"
        ·             ──┬─
        ·               ╰── m, expected s
     17 │ [reference]
        ╰────
      help: m is the metre; minutes are `min`
    problem::unknown_choice

      × unknown optimizer `adm`
        ╭─[test.toml:15:25]
     14 │ [train]
     15 │ stages = [{ optimizer = "adm" }, { iterations = 3 }]
        ·                         ──┬──
        ·                           ╰── not one of the choices for `optimizer`
     16 │ max_time = "60 m"
        ╰────
      help: did you mean `adam`? known: ssbroyden, adam, lm, lbfgs
    problem::missing_key

      × a stage of [train] needs `optimizer`
        ╭─[test.toml:15:34]
     14 │ [train]
     15 │ stages = [{ optimizer = "adm" }, { iterations = 3 }]
        ·                                  ─────────┬────────
        ·                                           ╰── not given
     16 │ max_time = "60 m"
        ╰────
    problem::units

      × `rms` has the wrong unit
        ╭─[test.toml:20:14]
     19 │ [goal]
     20 │ u = { rms = "1 V" }
        ·              ─┬─
        ·               ╰── V, expected K
        ╰────
    "##);
}

#[test]
fn mistakes_in_a_base_file_are_shown_there() {
    let found = mistakes(
        r#"extends = "base.toml"
[network]
width = 0
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::unknown_symbol

      × `v` is not defined
        ╭─[base.toml:13:29]
     12 │ [[equations]]
     13 │ equation = "d(u, t) = D * d(v, x, 2)"
        ·                             ┬
        ·                             ╰── unknown
        ╰────
      help: defined here: D, L, T0, t, u, x
    problem::range

      × `width` must be at least 1
       ╭─[test.toml:3:9]
     2 │ [network]
     3 │ width = 0
       ·         ─
       ╰────
    "##);
}

#[test]
fn no_fields_at_all() {
    let found = mistakes(
        r#"title = 3
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::wrong_type

      × `title` must be a string, found a number
       ╭─[test.toml:1:9]
     1 │ title = 3
       ·         ┬
       ·         ╰── expected a string
       ╰────
    problem::missing_key

      × the file has no [coordinates]
       ╭─[test.toml:1:1]
     1 │ title = 3
       · ┬
       · ╰── in this file
       ╰────
    problem::missing_key

      × the file has no [fields]
       ╭─[test.toml:1:1]
     1 │ title = 3
       · ┬
       · ╰── in this file
       ╰────
    "##);
}

#[test]
fn tables_that_do_not_say_what_they_hold() {
    let found = mistakes_after(
        r#"[reference]
file = "bad.csv"
[[data]]
file = "bad.csv"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::missing_key

      × [[data]] needs `observe`
        ╭─[test.toml:16:1]
     15 │ file = "bad.csv"
     16 │ [[data]]
        · ────┬───
        ·     ╰── not given
     17 │ file = "bad.csv"
        ╰────
    problem::csv

      × `bad.csv` has no column of a field or output
        ╭─[test.toml:15:9]
     14 │ [reference]
     15 │ file = "bad.csv"
        ·         ───────
     16 │ [[data]]
        ╰────
      help: columns: t, x, temperature; fields and outputs: u. Rename a column, or add observe and
            column
    "##);
}
