use super::{no_files, rendered};
use crate::load_text;

fn files(name: &str) -> std::io::Result<String> {
    match name {
        "loop.toml" => Ok("extends = \"loop.toml\"".to_string()),
        "base.toml" => Ok(BASE.replace("d(u, x, 2)", "d(v, x, 2)")),
        "bad.csv" => Ok("t,x,temperature\n0,0.5,1\n1,0.5,one\n".to_string()),
        "back.csv" => Ok("x,f\n0,1\n2,2\n1,3\n".to_string()),
        _ => no_files(name),
    }
}

const BASE: &str = r#"[coordinates]
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
fn mistakes(text: &str) -> String {
    rendered(load_text("test.toml", text, &[], &files))
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
    let found = mistakes(
        r#"[coordinates]
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
[network]
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
    let found = mistakes(
        r#"[coordinates]
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
[network]
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
    let found = mistakes(
        r#"[coordinates]
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
[parameters]
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
    let found = mistakes(
        r#"[coordinates]
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
[parameters]
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
fn unknown_symbols() {
    let found = mistakes(
        r#"[coordinates]
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
equation = "d(u, t) = D * d(U0, x, 2) + lapp(u) + u(0) + ln(2)"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::unknown_symbol

      × `U0` is not defined
        ╭─[test.toml:13:29]
     12 │ [[equations]]
     13 │ equation = "d(u, t) = D * d(U0, x, 2) + lapp(u) + u(0) + ln(2)"
        ·                             ─┬
        ·                              ╰── unknown
        ╰────
      help: did you mean `u` (temperature, K)?
    problem::unknown_symbol

      × `lapp` is not a function
        ╭─[test.toml:13:41]
     12 │ [[equations]]
     13 │ equation = "d(u, t) = D * d(U0, x, 2) + lapp(u) + u(0) + ln(2)"
        ·                                         ──┬─
        ·                                           ╰── unknown
        ╰────
      help: did you mean `lap`?
    problem::unknown_symbol

      × `u` is not a function
        ╭─[test.toml:13:51]
     12 │ [[equations]]
     13 │ equation = "d(u, t) = D * d(U0, x, 2) + lapp(u) + u(0) + ln(2)"
        ·                                                   ┬
        ·                                                   ╰── unknown
        ╰────
      help: `u` is a field; its value at a place is `u | x = 0`
    problem::unknown_symbol

      × `ln` is not a function
        ╭─[test.toml:13:58]
     12 │ [[equations]]
     13 │ equation = "d(u, t) = D * d(U0, x, 2) + lapp(u) + u(0) + ln(2)"
        ·                                                          ─┬
        ·                                                           ╰── unknown
        ╰────
      help: the natural logarithm is written `log`
    "##);
}

#[test]
fn left_and_right_in_different_units() {
    let found = mistakes(
        r#"[coordinates]
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
equation = "d(u, t) = D * d(u, x)"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::units

      × left and right side have different units
        ╭─[test.toml:13:13]
     12 │ [[equations]]
     13 │ equation = "d(u, t) = D * d(u, x)"
        ·             ───┬───   ─────┬─────
        ·                │           ╰── K m s^-1
        ·                ╰── K s^-1
        ╰────
      help: a factor 1/m is missing on the right
    "##);
}

#[test]
fn numbers_where_quantities_belong() {
    let found = mistakes(
        r#"[coordinates]
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
[[conditions]]
at = "t = 0"
equation = "u = 10 + 3*x"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::units

      × terms with different units are added
        ╭─[test.toml:16:17]
     15 │ at = "t = 0"
     16 │ equation = "u = 10 + 3*x"
        ·                 ─┬   ─┬─
        ·                  │    ╰── m
        ·                  ╰── no unit
        ╰────
      help: numbers have no unit: name a constant, as in [constants] a = "1 m"
    "##);
}

#[test]
fn arguments_with_units() {
    let found = mistakes(
        r#"[coordinates]
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
[[conditions]]
at = "t = 0"
equation = "u = T0 * sin(x) + T0 * 2^(x) + T0*D"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::units

      × the argument of `sin` must have no unit
        ╭─[test.toml:16:26]
     15 │ at = "t = 0"
     16 │ equation = "u = T0 * sin(x) + T0 * 2^(x) + T0*D"
        ·                          ┬
        ·                          ╰── m
        ╰────
      help: divide it by something in m
    problem::units

      × an exponent must have no unit
        ╭─[test.toml:16:38]
     15 │ at = "t = 0"
     16 │ equation = "u = T0 * sin(x) + T0 * 2^(x) + T0*D"
        ·                                      ─┬─
        ·                                       ╰── m
        ╰────
      help: divide it by something in m
    "##);
}

#[test]
fn functions_are_checked_where_they_are_called() {
    let found = mistakes(
        r#"[coordinates]
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
[functions]
"f(s)" = "s + L"
"g(s)" = { expression = "s", clip = ["0 m", "1 m"] }
U = { polynomial = [1, 2], argument_unit = "m" }
"h(s)" = { expression = "s*L", unit = "V" }
[outputs]
a = "f(t)"
b = "g(t)"
c = "U(t)"
e = "f(x, t)"
k = "h(1)"
l = "f"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::units

      × terms with different units are added
        ╭─[test.toml:15:11]
     14 │ [functions]
     15 │ "f(s)" = "s + L"
        ·           ┬   ┬
        ·           │   ╰── m
        ·           ╰── s
     16 │ "g(s)" = { expression = "s", clip = ["0 m", "1 m"] }
        ╰────
      help: a factor s/m is missing on the right
    problem::units

      × the argument has another unit than its `clip` limits
        ╭─[test.toml:21:8]
     20 │ a = "f(t)"
     21 │ b = "g(t)"
        ·        ┬
        ·        ╰── s, but the limits are in m
     22 │ c = "U(t)"
        ╰────
    problem::units

      × the argument of `U` has another unit
        ╭─[test.toml:22:8]
     21 │ b = "g(t)"
     22 │ c = "U(t)"
        ·        ┬
        ·        ╰── s, but `U` takes m
     23 │ e = "f(x, t)"
        ╰────
    problem::arguments

      × `f` takes 1 argument, found 2
        ╭─[test.toml:23:6]
     22 │ c = "U(t)"
     23 │ e = "f(x, t)"
        ·      ───────
     24 │ k = "h(1)"
        ╰────
    problem::units

      × the function has another unit than it declares
        ╭─[test.toml:18:26]
     17 │ U = { polynomial = [1, 2], argument_unit = "m" }
     18 │ "h(s)" = { expression = "s*L", unit = "V" }
        ·                          ─┬─
        ·                           ╰── m, declared V
     19 │ [outputs]
        ╰────
    problem::arguments

      × `f` is a function and needs arguments
        ╭─[test.toml:25:6]
     24 │ k = "h(1)"
     25 │ l = "f"
        ·      ┬
        ·      ╰── no arguments
        ╰────
      help: write `f(…)`
    "##);
}

#[test]
fn expressions_that_cannot_be_read() {
    let found = mistakes(
        r#"[coordinates]
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
equation = "d(u, t) = D * d(u, x, 2"
[[equations]]
equation = "u"
[[equations]]
equation = "2 u = 0"
[[equations]]
equation = "u == 0"
[[equations]]
equation = "u = [1]"
[[equations]]
equation = ""
[outputs]
y = "u = 3"
z = "u **2"
w = "u +"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::expression

      × the expression ends, but `,` or `)` is missing
        ╭─[test.toml:13:35]
     12 │ [[equations]]
     13 │ equation = "d(u, t) = D * d(u, x, 2"
        ·                                   ┬
        ·                                   ╰── expected `,` or `)` after this
     14 │ [[equations]]
        ╰────
    problem::expression

      × an equation needs `=`
        ╭─[test.toml:15:13]
     14 │ [[equations]]
     15 │ equation = "u"
        ·             ┬
        ·             ╰── there is no `=`
     16 │ [[equations]]
        ╰────
      help: write `left = right`, for example `u = 0`
    problem::expression

      × unexpected `u`
        ╭─[test.toml:17:15]
     16 │ [[equations]]
     17 │ equation = "2 u = 0"
        ·               ┬
        ·               ╰── expected `=`
     18 │ [[equations]]
        ╰────
    problem::expression

      × unexpected `=`
        ╭─[test.toml:19:16]
     18 │ [[equations]]
     19 │ equation = "u == 0"
        ·                ┬
        ·                ╰── expected a number, a name or `(`
     20 │ [[equations]]
        ╰────
    problem::expression

      × `[` has no meaning in an expression
        ╭─[test.toml:21:17]
     20 │ [[equations]]
     21 │ equation = "u = [1]"
        ·                 ┬
        ·                 ╰── not understood
     22 │ [[equations]]
        ╰────
      help: use round brackets
    problem::expression

      × the expression is empty
        ╭─[test.toml:23:12]
     22 │ [[equations]]
     23 │ equation = ""
        ·            ▲
        ·            ╰── nothing here
     24 │ [outputs]
        ╰────
    problem::field_without_row

      × nothing determines the field `u`
       ╭─[test.toml:8:9]
     7 │ L = "1 m"
     8 │ [fields.u]
       ·         ┬
       ·         ╰── in no equation, condition or integral
     9 │ unit = "K"
       ╰────
      help: add an [[equations]] entry that holds it
    problem::expression

      × unexpected `=`
        ╭─[test.toml:25:8]
     24 │ [outputs]
     25 │ y = "u = 3"
        ·        ┬
        ·        ╰── expected an operator or the end
     26 │ z = "u **2"
        ╰────
      help: an equation stands in [[equations]], [[conditions]] or [[integrals]]
    problem::expression

      × powers are written `^`
        ╭─[test.toml:26:8]
     25 │ y = "u = 3"
     26 │ z = "u **2"
        ·        ┬
        ·        ╰── not an operator
     27 │ w = "u +"
        ╰────
    problem::expression

      × the expression ends, but a number, a name or `(` is missing
        ╭─[test.toml:27:8]
     26 │ z = "u **2"
     27 │ w = "u +"
        ·        ┬
        ·        ╰── expected a number, a name or `(` after this
        ╰────
    "##);
}

#[test]
fn places_in_escaped_strings() {
    let found = mistakes(
        r#"[coordinates]
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
equation = "d(u, t) =\t D * dd"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::unknown_symbol

      × `dd` is not defined
        ╭─[test.toml:13:12]
     12 │ [[equations]]
     13 │ equation = "d(u, t) =\t D * dd"
        ·            ──────────┬─────────
        ·                      ╰── unknown
        ╰────
      help: did you mean `D` (a constant)?
    "##);
}

#[test]
fn derivatives_by_what_a_field_does_not_have() {
    let found = mistakes(
        r#"[coordinates]
t = "0 s .. 10 s"
x = "0 m .. 1 m"
[constants]
T0 = "10 K"
D = "0.1 m^2/s"
L = "1 m"
[fields.u]
unit = "K"
of = ["t"]
description = "temperature"
[[equations]]
equation = "d(u, t) = D * d(u, x, 2)"
[[conditions]]
at = "x = 0"
equation = "u = 0"
[outputs]
a = "u | x = 0"
b = "mean(u, x)"
c = "d(u, q)"
e = "d(u, T0)"
f = "grad(u)"
g = "d(u)"
h = "d(u, t, u^2)"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::dependence

      × this does not depend on `x`
        ╭─[test.toml:13:29]
     12 │ [[equations]]
     13 │ equation = "d(u, t) = D * d(u, x, 2)"
        ·                             ┬  ─
        ·                             ╰── does not depend on `x`
     14 │ [[conditions]]
        ╰────
      help: it depends on t
    problem::dependence

      × the fields here do not depend on `x`
        ╭─[test.toml:15:7]
     14 │ [[conditions]]
     15 │ at = "x = 0"
        ·       ──┬──
        ·         ╰── cannot be fixed
     16 │ equation = "u = 0"
        ·             ──┬──
        ·               ╰── does not depend on `x`
     17 │ [outputs]
        ╰────
    problem::dependence

      × this does not depend on `x`
        ╭─[test.toml:18:6]
     17 │ [outputs]
     18 │ a = "u | x = 0"
        ·      ┬   ─
        ·      ╰── does not depend on `x`
     19 │ b = "mean(u, x)"
        ╰────
      help: it depends on t
    problem::dependence

      × this does not depend on `x`
        ╭─[test.toml:19:11]
     18 │ a = "u | x = 0"
     19 │ b = "mean(u, x)"
        ·           ┬  ─
        ·           ╰── does not depend on `x`
     20 │ c = "d(u, q)"
        ╰────
      help: it depends on t
    problem::unknown_symbol

      × `q` is not a coordinate
        ╭─[test.toml:20:11]
     19 │ b = "mean(u, x)"
     20 │ c = "d(u, q)"
        ·           ┬
        ·           ╰── unknown
     21 │ e = "d(u, T0)"
        ╰────
      help: coordinates: t, x
    problem::dependence

      × `T0` is a constant, not a coordinate
        ╭─[test.toml:21:11]
     20 │ c = "d(u, q)"
     21 │ e = "d(u, T0)"
        ·           ──
     22 │ f = "grad(u)"
        ╰────
    problem::dependence

      × `grad` needs an expression of a space coordinate
        ╭─[test.toml:22:11]
     21 │ e = "d(u, T0)"
     22 │ f = "grad(u)"
        ·           ┬
        ·           ╰── the same everywhere in space
     23 │ g = "d(u)"
        ╰────
    problem::arguments

      × `d` needs a coordinate
        ╭─[test.toml:23:6]
     22 │ f = "grad(u)"
     23 │ g = "d(u)"
        ·      ────
     24 │ h = "d(u, t, u^2)"
        ╰────
      help: write `d(u, x)`, `d(u, x, 2)` or `d(u, x, t)`
    problem::arguments

      × after the expression, `d` takes coordinates and orders
        ╭─[test.toml:24:14]
     23 │ g = "d(u)"
     24 │ h = "d(u, t, u^2)"
        ·              ─┬─
        ·               ╰── neither a coordinate nor a small order
        ╰────
      help: write `d(u, x)`, `d(u, x, 2)` or `d(u, x, t)`
    "##);
}

#[test]
fn places_outside_the_box() {
    let found = mistakes(
        r#"[coordinates]
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
[[conditions]]
at = "x = 2 m"
equation = "u = 0"
[[conditions]]
at = "y = 0"
equation = "u = 0"
[[conditions]]
at = "x = 1 s"
equation = "u = 0"
[[conditions]]
at = "x"
equation = "u = 0"
[[conditions]]
equation = "u = 0"
[outputs]
a = "u | x = 2*L"
b = "u | x = T0"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::missing_key

      × [[conditions]] needs `at`
        ╭─[test.toml:26:1]
     25 │ equation = "u = 0"
     26 │ [[conditions]]
        · ───────┬──────
        ·        ╰── not given
     27 │ equation = "u = 0"
        ╰────
    problem::place

      × `x` runs from 0 to 1 m
        ╭─[test.toml:15:11]
     14 │ [[conditions]]
     15 │ at = "x = 2 m"
        ·           ─┬─
        ·            ╰── 2 is outside
     16 │ equation = "u = 0"
        ╰────
    problem::unknown_symbol

      × `y` is not a coordinate
        ╭─[test.toml:18:7]
     17 │ [[conditions]]
     18 │ at = "y = 0"
        ·       ┬
        ·       ╰── unknown
     19 │ equation = "u = 0"
        ╰────
      help: coordinates: t, x
    problem::units

      × the place of `x` has the wrong unit
        ╭─[test.toml:21:11]
     20 │ [[conditions]]
     21 │ at = "x = 1 s"
        ·           ─┬─
        ·            ╰── s, expected m
     22 │ equation = "u = 0"
        ╰────
      help: write for example `x = 1 m` or name a constant
    problem::place

      × a place is written `coordinate = value`
        ╭─[test.toml:24:7]
     23 │ [[conditions]]
     24 │ at = "x"
        ·       ─
     25 │ equation = "u = 0"
        ╰────
      help: for example at = "x = 0"
    problem::units

      × the place of `x` has another unit
        ╭─[test.toml:29:10]
     28 │ [outputs]
     29 │ a = "u | x = 2*L"
        ·          ┬   ┬
        ·          │   ╰── no unit
        ·          ╰── m
     30 │ b = "u | x = T0"
        ╰────
      help: numbers have no unit: name a constant, as in [constants] a = "1 m"
    problem::units

      × the place of `x` has another unit
        ╭─[test.toml:30:10]
     29 │ a = "u | x = 2*L"
     30 │ b = "u | x = T0"
        ·          ┬   ─┬
        ·          │    ╰── K
        ·          ╰── m
        ╰────
      help: a factor m/K is missing on the right
    "##);
}

#[test]
fn fields_and_rows_need_each_other() {
    let found = mistakes(
        r#"[coordinates]
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
[fields.v]
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

#[test]
fn rounds_of_definitions() {
    let found = mistakes(
        r#"[coordinates]
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
[definitions]
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
    let found = mistakes(
        r#"[coordinates]
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
[functions]
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
    let found = mistakes(
        r#"[coordinates]
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
[functions]
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
    let found = mistakes(
        r#"[coordinates]
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
[functions]
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
fn symbols_in_the_wrong_place() {
    let found = mistakes(
        r#"[coordinates]
t = "0 s .. 10 s"
x = "0 m .. 1 m"
[constants]
T0 = "10 K"
D = "0.1 m^2/s"
L = "1 m"
[fields.u]
unit = "K"
of = ["t", "x"]
ansatz = "u + T0*x/L"
inputs = ["u", "N"]
[[equations]]
equation = "d(u, t) = D * d(u, x, 2)"
[outputs]
y = "N"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::not_allowed

      × `u` may not stand here
        ╭─[test.toml:11:11]
     10 │ of = ["t", "x"]
     11 │ ansatz = "u + T0*x/L"
        ·           ┬
        ·           ╰── a field
     12 │ inputs = ["u", "N"]
        ╰────
      help: an ansatz is made of coordinates, parameters and the network `N`
    problem::not_allowed

      × `u` may not stand here
        ╭─[test.toml:12:12]
     11 │ ansatz = "u + T0*x/L"
     12 │ inputs = ["u", "N"]
        ·            ┬
        ·            ╰── a field
     13 │ [[equations]]
        ╰────
      help: only coordinates, parameters and constants can stand here
    problem::not_allowed

      × the network `N` stands in an `ansatz` only
        ╭─[test.toml:12:17]
     11 │ ansatz = "u + T0*x/L"
     12 │ inputs = ["u", "N"]
        ·                 ┬
        ·                 ╰── not an ansatz
     13 │ [[equations]]
        ╰────
    problem::not_allowed

      × the network `N` stands in an `ansatz` only
        ╭─[test.toml:16:6]
     15 │ [outputs]
     16 │ y = "N"
        ·      ┬
        ·      ╰── not an ansatz
        ╰────
    "##);
}

#[test]
fn an_ansatz_must_fit_its_field() {
    let found = mistakes(
        r#"[coordinates]
t = "0 s .. 10 s"
x = "0 m .. 1 m"
[constants]
T0 = "10 K"
D = "0.1 m^2/s"
L = "1 m"
[fields.u]
unit = "K"
of = ["t", "x"]
ansatz = "x*N"
[[equations]]
equation = "d(u, t) = D * d(u, x, 2)"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::units

      × the ansatz has another unit than its field
        ╭─[test.toml:11:11]
     10 │ of = ["t", "x"]
     11 │ ansatz = "x*N"
        ·           ─┬─
        ·            ╰── m, the field is in K
     12 │ [[equations]]
        ╰────
      help: a factor K/m is missing (`N` has no unit)
    "##);
}

#[test]
fn an_ansatz_needs_its_network() {
    let found = mistakes(
        r#"[coordinates]
t = "0 s .. 10 s"
x = "0 m .. 1 m"
[constants]
T0 = "10 K"
D = "0.1 m^2/s"
L = "1 m"
[fields.u]
unit = "K"
of = ["t", "x"]
ansatz = "T0*x/L"
[[equations]]
equation = "d(u, t) = D * d(u, x, 2)"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::not_allowed

      × the ansatz does not use the network `N`
        ╭─[test.toml:11:11]
     10 │ of = ["t", "x"]
     11 │ ansatz = "T0*x/L"
        ·           ──────
     12 │ [[equations]]
        ╰────
    "##);
}

#[test]
fn overrides_with_mistakes() {
    let overrides = ["network.widht=32".to_string(), "constants.T1=3 K".to_string(), "constants.T0=3 m".to_string(), "width".to_string(), "equations.5.weight=2".to_string(), "goal.u.rms=1".to_string()];
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
    let found = mistakes(
        r#"[coordinates]
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
[train]
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
