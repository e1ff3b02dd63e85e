//! Units in the names of columns.

use std::io;

use super::*;
use crate::model::Place;

/// A cooling law measured in one file, with what `[[data]]` says of it.
fn measured(csv: &str, data: &str) -> Result<Problem, Diagnostics> {
    let text = format!(
        r#"
        [coordinates]
        t = "0 s .. 100 s"
        [unknowns]
        k = "0.05 1/s"
        [constants]
        T_a = "20 degC"
        T_0 = "80 degC"
        [fields.T]
        unit = "K"
        [[equations]]
        equation = "d(T, t) = -k * (T - T_a)"
        [[conditions]]
        at = "t = 0"
        equation = "T = T_0"
        [[data]]
        file = "cool.csv"
        {data}
        "#
    );
    let csv = csv.to_string();
    let read = move |name: &str| match name {
        "cool.csv" => Ok(csv.clone()),
        other => no_files(other),
    };
    load_text("cool", &text, &[], &read)
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9 * b.abs().max(1.0)
}

#[test]
fn columns_are_converted_by_the_unit_in_their_name() {
    let cases = [
        ("t_min,T_K\n0.5,350\n", "columns = { t = \"t_min\" }\ncolumn = \"T_K\"", 1),
        ("t_s,T_degC\n30,76.85\n", "columns = { t = \"t_s\" }\ncolumn = \"T_degC\"", 1),
        ("t_min,T_mK\n0.5,350000\n", "", 2),
        ("time [min],T (K)\n0.5,350\n", "columns = { t = \"time [min]\" }\ncolumn = \"T (K)\"", 1),
        ("t,T\n30,350\n", "", 0),
        ("t_s,T_K\n30,350\n", "", 0),
        ("t_s,T_s\n30,350\n", "column = \"T_s\"\nunit = \"K\"", 0),
    ];
    for (csv, data, notes) in cases {
        let data = format!("observe = \"T\"\n{data}");
        let p = measured(csv, &data).unwrap_or_else(|e| panic!("{csv}: {e}"));
        assert_eq!(p.data[0].places, [Place::Coordinate(0)]);
        let row = &p.data[0].rows[0];
        assert!(close(row[0], 30.0) && close(row[1], 350.0), "{csv}: {row:?}");
        let said = p.warnings.iter().filter(|w| w.contains("as its name says")).count();
        assert_eq!(said, notes, "{csv}: {:?}", p.warnings);
    }
}

#[test]
fn columns_of_another_unit_are_refused_by_name() {
    let cases = [
        ("t_m,T_K\n30,350\n", "columns = { t = \"t_m\" }", "column `t_m`"),
        ("t_s,T_s\n30,350\n", "column = \"T_s\"", "column `T_s`"),
        ("t_s,T_mK\n30,350\n", "column = \"T_mK\"\nunit = \"K\"", "column `T_mK`"),
    ];
    for (csv, data, said) in cases {
        let data = format!("observe = \"T\"\n{data}");
        let error = measured(csv, &data).err().unwrap();
        let text = error.errors.iter().map(ToString::to_string).collect::<String>();
        assert!(text.contains(said), "{csv}: {text}");
    }
}

#[test]
fn a_table_function_refuses_another_unit_than_it_states() {
    let text = |columns: &str| {
        format!(
            r#"
            [coordinates]
            x = "0 m .. 1 m"
            [functions]
            S = {{ file = "source.csv", columns = ["{columns}", "s"], argument_unit = "m", unit = "K" }}
            [fields.u]
            unit = "K"
            [[equations]]
            equation = "u = S(x)"
            "#
        )
    };
    let read = |_: &str| -> io::Result<String> {
        Ok("x,x_m,x_mm,s\n0,0,0,1\n0.2,0.2,200,2\n0.5,0.5,500,2\n1,1,1000,3\n".to_string())
    };
    for good in ["x", "x_m"] {
        load_text("table", &text(good), &[], &read).unwrap_or_else(|e| panic!("{e}"));
    }
    let error = load_text("table", &text("x_mm"), &[], &read).err().unwrap();
    assert!(error.errors.iter().any(|e| e.to_string().contains("column `x_mm`")));
}
