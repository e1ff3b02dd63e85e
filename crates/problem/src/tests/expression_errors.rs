//! What is said about mistakes in expressions.

use super::errors::{mistakes_after, mistakes_with};

#[test]
fn unknown_symbols() {
    let found = mistakes_with(
        r#"equation = "d(u, t) = D * d(u, x, 2)""#,
        r#"equation = "d(u, t) = D * d(U0, x, 2) + lapp(u) + u(0) + ln(2)""#,
        r#""#,
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
    let found = mistakes_with(
        r#"equation = "d(u, t) = D * d(u, x, 2)""#,
        r#"equation = "d(u, t) = D * d(u, x)""#,
        r#""#,
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
      help: a factor 1/m is missing on the right: divide it by a quantity in m, such as `L` or `x`
    "##);
}

#[test]
fn numbers_where_quantities_belong() {
    let found = mistakes_after(
        r#"[[conditions]]
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
    let found = mistakes_after(
        r#"[[conditions]]
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
    let found = mistakes_after(
        r#"[functions]
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
    let found = mistakes_with(
        r#"equation = "d(u, t) = D * d(u, x, 2)""#,
        r#"equation = "d(u, t) = D * d(u, x, 2""#,
        r#"[[equations]]
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
    let found = mistakes_with(
        r#"equation = "d(u, t) = D * d(u, x, 2)""#,
        r#"equation = "d(u, t) =\t D * dd""#,
        r#""#,
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
