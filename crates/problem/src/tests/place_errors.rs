//! What is said about symbols and places where they cannot be.

use super::errors::{mistakes, mistakes_after, mistakes_with};

#[test]
fn derivatives_by_what_a_field_does_not_have() {
    let found = mistakes_with(
        r#"of = ["t", "x"]"#,
        r#"of = ["t"]"#,
        r#"[[conditions]]
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
      help: write `d(u, x)`, `d(u, x, 2)` or `d(u, x, t)`; orders are 1 to 8
    "##);
}

#[test]
fn places_outside_the_box() {
    let found = mistakes_after(
        r#"[[conditions]]
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
    problem::place

      × `x` runs from 0 to 1 m
        ╭─[test.toml:29:14]
     28 │ [outputs]
     29 │ a = "u | x = 2*L"
        ·              ─┬─
        ·               ╰── 2 is outside
     30 │ b = "u | x = T0"
        ╰────
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
    let found = mistakes_with(r#"description = "temperature""#, r#"ansatz = "x*N""#, r#""#);
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
    let found = mistakes_with(r#"description = "temperature""#, r#"ansatz = "T0*x/L""#, r#""#);
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
fn lists_of_places_report_once() {
    let found = mistakes_after(
        r#"[[conditions]]
at = "x = 0, x = L"
equation = "u = 0"
[[conditions]]
at = ["x = 0", "x = 2 m", "t = 0, y = 0"]
equation = "u = L"
[[conditions]]
at = []
equation = "u = 0"
"#,
    );
    insta::assert_snapshot!(found, @r##"
    problem::place

      × `at` names no place
        ╭─[test.toml:21:6]
     20 │ [[conditions]]
     21 │ at = []
        ·      ──
     22 │ equation = "u = 0"
        ╰────
    problem::place

      × the coordinate is fixed twice
        ╭─[test.toml:15:14]
     14 │ [[conditions]]
     15 │ at = "x = 0, x = L"
        ·              ─────
     16 │ equation = "u = 0"
        ╰────
    problem::units

      × left and right side have different units
        ╭─[test.toml:19:13]
     18 │ at = ["x = 0", "x = 2 m", "t = 0, y = 0"]
     19 │ equation = "u = L"
        ·             ┬   ┬
        ·             │   ╰── m
        ·             ╰── K
     20 │ [[conditions]]
        ╰────
      help: a factor K/m is missing on the right
    problem::place

      × `x` runs from 0 to 1 m
        ╭─[test.toml:18:21]
     17 │ [[conditions]]
     18 │ at = ["x = 0", "x = 2 m", "t = 0, y = 0"]
        ·                     ─┬─
        ·                      ╰── 2 is outside
     19 │ equation = "u = L"
        ╰────
    problem::unknown_symbol

      × `y` is not a coordinate
        ╭─[test.toml:18:35]
     17 │ [[conditions]]
     18 │ at = ["x = 0", "x = 2 m", "t = 0, y = 0"]
        ·                                   ┬
        ·                                   ╰── unknown
     19 │ equation = "u = L"
        ╰────
      help: coordinates: t, x
    "##);
}
