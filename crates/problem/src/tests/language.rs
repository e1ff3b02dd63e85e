//! Expressions and units.

use proptest::prelude::*;

use super::{loaded, no_files, rendered};
use crate::ast::{Expr, Kind, Place};
use crate::load_text;
use crate::parse::{parse_equation, parse_expression};
use crate::source::{Span, Text};
use crate::units::{Dimension, parse_quantity, parse_unit};

fn text(string: &str) -> Text {
    Text { string: string.to_string(), span: Span::default(), first: Some(0) }
}

/// The expression with every operation bracketed.
fn grouped(expr: &Expr) -> String {
    let list = |items: &[(bool, Expr)], signs: [&str; 2]| {
        let mut out = String::new();
        for (k, (inverse, e)) in items.iter().enumerate() {
            let sign = if k == 0 { "" } else { signs[usize::from(*inverse)] };
            out.push_str(&format!("{sign}{}", grouped(e)));
        }
        format!("({out})")
    };
    match &expr.kind {
        Kind::Number(n) => n.to_string(),
        Kind::Name(n) => n.clone(),
        Kind::Negative(a) => format!("(-{})", grouped(a)),
        Kind::Sum(items) => list(items, ["+", "-"]),
        Kind::Product(items) => list(items, ["*", "/"]),
        Kind::Power(a, b) => format!("({}^{})", grouped(a), grouped(b)),
        Kind::Call(name, a) => {
            let arguments: Vec<String> = a.iter().map(grouped).collect();
            format!("{name}({})", arguments.join(","))
        }
        Kind::At(a, places) => {
            let places: Vec<String> =
                places.iter().map(|p| format!("|{}={}", p.name, grouped(&p.value))).collect();
            format!("({}{})", grouped(a), places.concat())
        }
    }
}

#[test]
fn operators_bind_as_documented() {
    for (written, wanted) in [
        ("1 + 2*3^2", "(1+(2*(3^2)))"),
        ("-x^2", "(-(x^2))"),
        ("2^-x", "(2^(-x))"),
        ("2^3^2", "(2^(3^2))"),
        ("a - b - c", "(a-b-c)"),
        ("a/b*c", "(a/b*c)"),
        ("-a*b", "((-a)*b)"),
        ("2*u | x = 0", "(2*(u|x=0))"),
        ("u^2 | x = R/2", "((u^2)|x=(R/2))"),
        ("u | x = 0.5*L", "(u|x=(0.5*L))"),
        ("a*u | x = 0.5*L + b", "((a*(u|x=(0.5*L)))+b)"),
        ("(u | x = 0)*v", "((u|x=0)*v)"),
        ("u | x = 2*R | t = T/3 - v", "((u|x=(2*R)|t=(T/3))-v)"),
        ("u | x = (v | t = 0)*f(w | t = 1, 2)", "(u|x=((v|t=0)*f((w|t=1),2)))"),
        ("-u | x = -2*R", "(-(u|x=((-2)*R)))"),
        ("u | x = -1", "(u|x=(-1))"),
        ("u | x = 0 | t = T", "(u|x=0|t=T)"),
        ("-u | x = 0", "(-(u|x=0))"),
        ("f(a, b+1)(c", ""),
        ("1e-3 + .5", "(0.001+0.5)"),
        ("(a + b)*c", "((a+b)*c)"),
        ("+a", "a"),
    ] {
        let found = parse_expression(&text(written)).map(|e| grouped(&e)).unwrap_or_default();
        assert_eq!(found, wanted, "{written}");
    }
    let equation = parse_equation(&text("u | x = 0 = u | x = 1")).unwrap();
    assert_eq!(grouped(&equation.left), "(u|x=0)");
    assert_eq!(grouped(&equation.right), "(u|x=1)");
}

fn expressions() -> impl Strategy<Value = Expr> {
    let make = |kind| Expr { kind, span: Span::default() };
    let name = prop_oneof![Just("u"), Just("x_1"), Just("R"), Just("pi")];
    let leaf = prop_oneof![
        (0.0..1e9f64).prop_map(Kind::Number),
        (0.0..1e-5f64).prop_map(Kind::Number),
        name.prop_map(|n| Kind::Name(n.to_string())),
    ];
    leaf.prop_map(make).prop_recursive(5, 40, 4, move |inner| {
        let list = prop::collection::vec((any::<bool>(), inner.clone()), 2..4).prop_map(
            |mut l: Vec<(bool, Expr)>| {
                l[0].0 = false;
                l
            },
        );
        let pair = (inner.clone(), inner.clone());
        let places = prop::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            inner.clone().prop_map(|e| Kind::Negative(Box::new(e))),
            list.clone().prop_map(Kind::Sum),
            list.prop_map(Kind::Product),
            pair.prop_map(|(a, b)| Kind::Power(Box::new(a), Box::new(b))),
            prop::collection::vec(inner.clone(), 0..3).prop_map(|a| Kind::Call("f".into(), a)),
            (inner, places).prop_map(|(e, values)| {
                let place = |value| Place { name: "x".into(), span: Span::default(), value };
                Kind::At(Box::new(e), values.into_iter().map(place).collect())
            }),
        ]
        .prop_map(make)
    })
}

proptest! {
    #[test]
    fn printed_expressions_are_read_back(expr in expressions()) {
        let printed = expr.to_string();
        let read = parse_expression(&text(&printed));
        prop_assert_eq!(read.map_err(|e| e.message), Ok(expr), "{}", printed);
    }

    #[test]
    fn no_text_is_fatal(string in "[-+*/^()|=,. a-z0-9µ²é]{0,60}") {
        let _ = parse_expression(&text(&string));
        let _ = parse_equation(&text(&string));
        let _ = parse_quantity(&string);
        let _ = parse_unit(&string);
    }

    #[test]
    fn no_expression_in_a_file_is_fatal(string in "[-+*/^()|=,. utxdNpi1-9]{0,40}") {
        let file = format!(
            "[coordinates]\nt = \"0 .. 1\"\nx = '{string}'\n[fields.u]\nansatz = '{string}'\n\
             [[equations]]\nequation = '{string} = {string}'\n\
             [[conditions]]\nat = '{string}'\nequation = 'u = {string}'\n\
             [functions]\n\"f(x)\" = '{string}'\n[outputs]\ny = '{string}'\n"
        );
        let _ = load_text("test.toml", &file, &[string], &no_files);
    }

    #[test]
    fn no_file_is_fatal(string in "\\PC{0,200}") {
        let _ = load_text("test.toml", &string, &[], &no_files);
    }
}

#[test]
fn deep_nesting_is_refused() {
    for opening in ["(", "-", "sin(", "2^", "1+("] {
        let string = opening.repeat(100_000);
        assert!(parse_expression(&text(&string)).is_err());
    }
    let long = vec!["x"; 100_000].join("+");
    assert!(parse_expression(&text(&long)).is_ok());
    assert!(parse_unit(&"(".repeat(100_000)).is_err());
}

#[test]
fn deep_and_wide_definitions_are_no_danger() {
    let file = |definition: &dyn Fn(usize) -> String, last: usize| {
        let mut text =
            String::from("[coordinates]\nt = \"0 .. 1\"\n[fields.u]\n[[equations]]\nequation = \"");
        text.push_str(&format!("a{last} = 1\"\n[definitions]\na0 = \"d(u, t)\"\n"));
        (1..=last).for_each(|k| text.push_str(&definition(k)));
        load_text("test.toml", &text, &[], &no_files)
    };
    let deep = file(&|k| format!("a{k} = \"sin(a{})\"\n", k - 1), 2000);
    assert!(deep.is_err_and(|e| e.to_string().contains("nested too deeply")));
    let wide = file(&|k| format!("a{k} = \"a{0} + a{0}\"\n", k - 1), 80);
    assert!(wide.is_ok());
}

#[test]
fn units_have_their_si_values() {
    for (written, value) in [
        ("1", 1.0),
        ("-4e-3", -4e-3),
        ("4 um", 4e-6),
        ("4 µm", 4e-6),
        ("4um", 4e-6),
        ("1 h", 3600.0),
        ("2 min", 120.0),
        ("1 day", 86400.0),
        ("25 degC", 298.15),
        ("50 %", 0.5),
        ("180 deg", std::f64::consts::PI),
        ("1 bar", 1e5),
        ("1 kg", 1.0),
        ("1 mg", 1e-6),
        ("2 kmol/m^3", 2e3),
        ("1 M", 1e3),
        ("1 mM", 1.0),
        ("1 mol/L", 1e3),
        ("3.0e-14 m^2/s", 3e-14),
        ("2.5 A m^-2 (mol m^-3)^-1.5", 2.5),
        ("1 (kmol m^-3)^-1.5", 1e-4_f64.powf(1.125)),
        ("8 kJ/(mol K)", 8e3),
        ("1 mV", 1e-3),
        ("1 GPa", 1e9),
        ("1 mol^(1/2)", 1.0),
        ("1 cm^2/s", 1e-4),
        ("1 eV", 1.602176634e-19),
        ("1 mS/cm", 0.1),
        ("1 Ah", f64::NAN),
        ("1 A h", 3600.0),
        ("1_000 s", 1000.0),
    ] {
        match parse_quantity(written) {
            Ok(q) => assert!(
                (q.value - value).abs() <= 1e-14 * value.abs(),
                "{written}: {} {value}",
                q.value
            ),
            Err(_) => assert!(value.is_nan(), "{written}"),
        }
    }
}

#[test]
fn dimensions_are_shown_as_people_write_them() {
    let shown = |unit: &str| parse_unit(unit).unwrap().dimension.to_string();
    assert_eq!(shown("mol m^-3 s^-1"), "mol m^-3 s^-1");
    assert_eq!(shown("V"), "V");
    assert_eq!(shown("V/m"), "V m^-1");
    assert_eq!(shown("A/m^2"), "A m^-2");
    assert_eq!(shown("J/(mol K)"), "J mol^-1 K^-1");
    assert_eq!(shown("W/(m K)"), "W K^-1 m^-1");
    assert_eq!(shown("m/m"), "no unit");
    assert_eq!(shown("mol^0.5"), "mol^0.5");
    assert_eq!(parse_unit("1/m").unwrap().dimension.as_factor(), "1/m");
    assert_eq!(parse_unit("m^2/s").unwrap().dimension.as_factor(), "m^2/s");
    assert_eq!(Dimension::ONE, parse_unit("m^0.1 m^0.2 m^-0.3").unwrap().dimension);
}

#[test]
fn summaries_name_everything_once() {
    let p = loaded(
        r#"
        title = "A test"
        [coordinates]
        t = "0 min .. 10 min"
        x = { range = [0, 1], unit = "cm", periodic = true }
        [parameters]
        k = { range = "1 .. 100 1/s", scale = "log" }
        [unknowns]
        D = { initial = "2 cm^2/s", scale = "log" }
        [constants]
        spare = 3
        [fields.u]
        unit = "K"
        [[equations]]
        name = "decay"
        equation = "d(u, t) = D * lap(u) - k * u"
        "#,
    );
    insta::assert_snapshot!(p.summary(), @r##"
    A test

    coordinates
      t  0 .. 10 min  time
      x  0 .. 1 cm    space, periodic

    parameters
      k  1 .. 100 1/s  log, nominal 10 1/s

    unknowns
      D  from 2 cm^2/s  log

    fields
      u(t, x; k)  K

    equations
      d(u, t) = D * lap(u) - k * u    evolution

    outputs
      u(t, x)  K

    hint: constant `spare` is never used
    "##);
}

#[test]
fn an_output_along_time_may_end_the_experiment() {
    let text = |output: &str| {
        format!(
            "title = \"t\"\n[coordinates]\nt = \"0 s .. 1 s\"\nx = [0, 1]\n[fields.u]\nunit = \"V\"\n\
             of = [\"t\"]\n[fields.w]\n[[equations]]\nequation = \"d(u, t) = -u/t0\"\n[[equations]]\nequation = \"w = 1\"\n[constants]\n\
             t0 = \"1 s\"\n[outputs]\n{output}\n"
        )
    };
    let problem = loaded(&text("v = { expression = \"u\", unit = \"mV\", at_least = \"0.5 V\" }"));
    assert_eq!(problem.outputs[0].limits.at_least, Some(0.5));
    let plain = loaded(&text("v = { expression = \"u\", unit = \"mV\", at_most = 500 }"));
    assert_eq!(plain.outputs[0].limits.at_most, Some(0.5));
    let curve = vec![1.0, 0.6, 0.4, 0.9];
    assert_eq!(problem.points_before_end(std::slice::from_ref(&curve), 4), 2);
    assert_eq!(plain.points_before_end(&[vec![f64::NAN, 0.2]], 2), 2);
    let refused = |output: &str| rendered(load_text("test.toml", &text(output), &[], &no_files));
    let both = refused("v = { expression = \"u\", at_least = \"2 V\", at_most = \"1 V\" }");
    assert!(both.contains("`at_least` is not below `at_most`"), "{both}");
    let field = refused("v = { expression = \"w\", at_least = 1 }");
    assert!(field.contains("only an output of time alone"), "{field}");
    let unit = refused("v = { expression = \"u\", at_least = \"2 A\" }");
    assert!(unit.contains("wrong unit"), "{unit}");
}
