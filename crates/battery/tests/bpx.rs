//! Import of BPX files: what is read, what is refused, and with which words.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::{Value, json};
use surrogate_battery::bpx::{BpxError, BpxWarning, UserDefined, import};
use surrogate_battery::cell::sets::chen2020;
use surrogate_battery::cell::{Electrode, FARADAY, Pores, Property};
use surrogate_battery::solve::{Model, Options, ProtocolStep, simulate};
use surrogate_battery::{Cell, Expression, Function};

/// A cell of invented values, version 1.
fn file() -> Value {
    let electrode = |low: f64, high: f64, most: u32, ocp: &str| {
        json!({
            "Particle radius [m]": 5e-6, "Thickness [m]": 8e-5,
            "Diffusivity [m2.s-1]": 4e-14, "Diffusivity activation energy [J.mol-1]": 20000,
            "OCP [V]": ocp, "Entropic change coefficient [V.K-1]": {"x": [0, 1], "y": [1e-4, -1e-4]},
            "Conductivity [S.m-1]": 10.0, "Surface area per unit volume [m-1]": 360000,
            "Porosity": 0.3, "Transport efficiency": 0.16,
            "Reaction rate constant [mol.m-2.s-1]": 1e-5,
            "Minimum stoichiometry": low, "Maximum stoichiometry": high,
            "Maximum concentration [mol.m-3]": most
        })
    };
    json!({
        "Header": {"BPX": "1.1.0", "Title": "invented", "Model": "DFN"},
        "Parameterisation": {
            "Cell": {
                "Electrode area [m2]": 0.02,
                "Number of electrode pairs connected in parallel to make a cell": 10,
                "Lower voltage cut-off [V]": 2.5, "Upper voltage cut-off [V]": 4.2,
                "Nominal cell capacity [A.h]": 5, "Reference temperature [K]": 298.15,
                "External surface area [m2]": 0.03, "Volume [m3]": 1e-4,
                "Density [kg.m-3]": 2000, "Specific heat capacity [J.K-1.kg-1]": 1000
            },
            "Electrolyte": {
                "Cation transference number": 0.26,
                "Conductivity [S.m-1]": "0.1 + x / 1000", "Diffusivity [m2.s-1]": 2e-10
            },
            "Negative electrode": electrode(0.01, 0.9, 22_000, "0.1 + 0.4 * exp(-20 * x)"),
            "Positive electrode": electrode(0.3, 0.95, 30_000, "4.6 - x - 0.5 * exp(30 * (x - 1))"),
            "Separator": {"Thickness [m]": 2e-5, "Porosity": 0.5, "Transport efficiency": 0.35}
        },
        "State": {
            "Initial conditions": {
                "Initial state-of-charge": 0.5, "Initial temperature [K]": 303.15,
                "Initial electrolyte concentration [mol.m-3]": 1100
            },
            "Thermal environment": {
                "Ambient temperature [K]": 300, "Heat transfer coefficient [W.m-2.K-1]": 12
            }
        },
        "Validation": {
            "1C": {"Time [s]": [0, 1], "Current [A]": [-5, -5], "Voltage [V]": [4.0, 3.9]}
        }
    })
}

/// The file with one field replaced, or removed where the value is null.
fn with(pointer: &str, value: Value) -> Value {
    let mut file = file();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = file.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        parent.remove(name).unwrap();
    } else {
        parent.insert(name.to_string(), value);
    }
    file
}

/// The mistakes in a file.
fn errors(file: &Value) -> Vec<BpxError> {
    import(&file.to_string()).unwrap_err().0
}

/// The only mistake in a file, in words.
fn message(file: &Value) -> String {
    let errors = errors(file);
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0].to_string()
}

const NEGATIVE: &str = "/Parameterisation/Negative electrode";
const CELL: &str = "/Parameterisation/Cell";

#[test]
fn every_field_arrives_in_the_cell() {
    let bpx = import(&file().to_string()).unwrap();
    assert_eq!(bpx.warnings, vec![]);
    let cell = &bpx.cell;
    assert_eq!(cell.area_m2, 0.2);
    assert!((cell.negative.active_fraction - 0.6).abs() < 1e-15);
    assert!((cell.initial.stoichiometry_n - 0.455).abs() < 1e-15);
    assert!((cell.initial.stoichiometry_p - 0.625).abs() < 1e-15);
    assert_eq!(cell.initial.temperature_k, 303.15);
    let porous = cell.porous.as_ref().unwrap();
    assert_eq!(porous.electrolyte.concentration_mol_m3, 1100.0);
    assert!((porous.electrolyte.conductivity.function.value(1000.0) - 1.1).abs() < 1e-15);
    let thermal = cell.thermal.unwrap();
    assert_eq!((thermal.heat_capacity_j_k, thermal.heat_transfer_w_m2_k), (200.0, 12.0));
    // F K with the reaction rate K
    let i0 = cell.negative.exchange_current.density_a_m2;
    assert!((i0 - 0.964_853_321_233_1).abs() < 1e-12);
    // a discharge is negative in the file and positive here
    assert_eq!(bpx.validation[0].current_a, vec![5.0, 5.0]);
}

#[test]
fn an_older_file_says_the_same_in_other_places() {
    let mut old = file();
    old.as_object_mut().unwrap().remove("State");
    old["Header"]["BPX"] = json!(0.1);
    old["Parameterisation"]["Cell"]["Ambient temperature [K]"] = json!(300);
    old["Parameterisation"]["Cell"]["Initial temperature [K]"] = json!(303.15);
    old["Parameterisation"]["Cell"]["Thermal conductivity [W.m-1.K-1]"] = json!(2.0);
    old["Parameterisation"]["Electrolyte"]["Initial concentration [mol.m-3]"] = json!(1100);
    let mut new =
        import(&with("/State/Initial conditions/Initial state-of-charge", json!(1)).to_string())
            .unwrap()
            .cell;
    let old = import(&old.to_string()).unwrap().cell;
    new.thermal.as_mut().unwrap().heat_transfer_w_m2_k = 0.0;
    assert_eq!(old, new);
}

#[test]
fn fields_that_version_1_moved_are_refused_with_their_new_place() {
    let message = message(&with(&format!("{CELL}/Ambient temperature [K]"), json!(298.15)));
    assert!(message.contains("Parameterisation/Cell/Ambient temperature [K]"), "{message}");
    assert!(message.contains("State/Thermal environment"), "{message}");
}

#[test]
fn missing_and_unknown_fields_are_told_together() {
    let mut file = with(&format!("{NEGATIVE}/Porosity"), Value::Null);
    file["Parameterisation"]["Negative electrode"]["Porosty"] = json!(0.3);
    let words: Vec<String> = errors(&file).iter().map(ToString::to_string).collect();
    assert_eq!(words[0], "Parameterisation/Negative electrode/Porosity is missing");
    assert!(words[1].contains("Porosty") && words[1].contains("did you mean `Porosity`"));
}

#[test]
fn contradictions_are_named() {
    let crossed = message(&with(&format!("{NEGATIVE}/Minimum stoichiometry"), json!(0.95)));
    assert!(crossed.contains("0.95 is not below the maximum 0.9"), "{crossed}");
    let cutoffs = message(&with(&format!("{CELL}/Upper voltage cut-off [V]"), json!(2.0)));
    assert!(cutoffs.contains("Lower voltage cut-off [V]"), "{cutoffs}");
    let full = message(&with(&format!("{NEGATIVE}/Porosity"), json!(0.5)));
    assert!(full.contains("more than all of it"), "{full}");
    let spm = errors(&with("/Header/Model", json!("SPM")));
    assert!(spm.iter().all(|e| matches!(e, BpxError::Contradictory { .. })), "{spm:?}");
    let mut uneven = file();
    uneven["Validation"]["1C"]["Time [s]"] = json!([0, 1, 2]);
    assert!(message(&uneven).starts_with("Validation/1C/Time [s]"));
    let twice = r#"{"Header": {"BPX": "1.0", "BPX": "0.1"}}"#;
    let twice = import(twice).unwrap_err().to_string();
    assert!(twice.contains("`BPX` stands twice") && twice.contains("line 1"), "{twice}");
}

#[test]
fn values_out_of_range_are_named() {
    let charge = message(&with("/State/Initial conditions/Initial state-of-charge", json!(1.2)));
    assert!(charge.contains("Initial state-of-charge is 1.2, but must be from 0 to 1"), "{charge}");
    let radius = message(&with(&format!("{NEGATIVE}/Particle radius [m]"), json!(-5e-6)));
    assert!(radius.contains("Particle radius [m]") && radius.contains("above 0"), "{radius}");
    let sinking =
        message(&with(&format!("{NEGATIVE}/Diffusivity [m2.s-1]"), json!("1e-14*(0.5-x)")));
    assert!(sinking.contains("at x = 0.5"), "{sinking}");
    let pole = message(&with(&format!("{NEGATIVE}/OCP [V]"), json!("log(x - 0.5)")));
    assert!(pole.contains("OCP [V] is NaN at x = 0.01"), "{pole}");
    let version = message(&with("/Header/BPX", json!("2.0.0")));
    assert!(version.contains("2.0.0") && version.contains("0.x and 1.x"), "{version}");
}

#[test]
fn formulas_and_tables_are_refused_with_their_place() {
    let open = message(&with(&format!("{NEGATIVE}/OCP [V]"), json!("0.1 + tanh(x")));
    assert!(open.contains("OCP [V]: column 11: this bracket is never closed"), "{open}");
    let other = message(&with(&format!("{NEGATIVE}/OCP [V]"), json!("0.1 * soc")));
    assert!(other.contains("column 7: unknown name `soc`"), "{other}");
    let table = json!({"x": [0, 0.5, 0.5], "y": [1, 2, 3]});
    let table = message(&with(&format!("{NEGATIVE}/OCP [V]"), table));
    assert!(table.contains("x = 0.5 stands twice"), "{table}");
    let list = message(&with(&format!("{NEGATIVE}/OCP [V]"), json!([1, 2])));
    assert!(list.contains("expected a number, a formula"), "{list}");
}

#[test]
fn blends_hysteresis_and_degradation_are_refused_by_name() {
    // its fields stand elsewhere, which is no further mistake
    let mut file = file();
    let fields = json!({"Particle": {"Graphite": {}}, "Thickness [m]": 8e-5, "Porosity": 0.3});
    *file.pointer_mut(NEGATIVE).unwrap() = fields;
    let blend = errors(&file);
    assert_eq!(blend.len(), 1, "{blend:?}");
    assert!(blend[0].to_string().contains("a blended electrode"), "{blend:?}");
    let branch = message(&with(&format!("{NEGATIVE}/OCP (lithiation) [V]"), json!("x")));
    assert!(branch.contains("hysteresis"), "{branch}");
    let name = "/State/Initial conditions/Initial hysteresis state: Positive electrode";
    assert!(message(&with(name, json!(1.0))).contains("hysteresis"));
    let degradation =
        json!({"LLI": 0.1, "LAM: Positive electrode": 0, "LAM: Negative electrode": 0});
    assert!(message(&with("/State/Degradation", degradation)).contains("LLI"));
}

#[test]
fn what_no_cell_has_is_refused_or_doubted_by_name() {
    let hot = message(&with("/State/Initial conditions/Initial temperature [K]", json!(25)));
    assert!(hot.contains("Initial temperature [K] is 25") && hot.contains("200 to 400 K"), "{hot}");
    let full = message(&with("/Parameterisation/Separator/Porosity", json!(0.999)));
    assert!(full.contains("Separator/Porosity"), "{full}");
    let mixed = json!({"x": [0, 0.5, 0.4, 1], "y": [1, 0.3, 0.2, 0.1]});
    let mixed = message(&with(&format!("{NEGATIVE}/OCP [V]"), mixed));
    assert!(mixed.contains("OCP [V]") && mixed.contains("x = 0.4"), "{mixed}");
    let capacity = format!("{CELL}/Nominal cell capacity [A.h]");
    let tenfold = message(&with(&capacity, json!(50)));
    assert!(
        tenfold.contains("Nominal cell capacity") && tenfold.contains("number of electrode pairs")
    );
    let warned = |file: &Value| import(&file.to_string()).unwrap().warnings;
    let doubtful = warned(&with(&capacity, json!(6)));
    assert!(matches!(doubtful[..], [BpxWarning::Capacity { .. }]), "{doubtful:?}");
    let short = warned(&with(&format!("{NEGATIVE}/Transport efficiency"), json!(0.4)));
    assert!(matches!(short[..], [BpxWarning::ShorterThanStraight { .. }]), "{short:?}");
}

#[test]
fn values_in_other_units_are_doubted_by_name() {
    let doubted = |pointer: &str, value: Value| {
        let warnings = import(&with(pointer, value).to_string()).unwrap().warnings;
        assert_eq!(warnings.len(), 1, "{pointer}: {warnings:?}");
        warnings[0].to_string()
    };
    let electrolyte = "/Parameterisation/Electrolyte";
    for (pointer, value) in [
        // cm2 s-1, mS cm-1, cm2 s-1, kJ mol-1, mol cm-3 s-1 of another rate law
        (format!("{electrolyte}/Diffusivity [m2.s-1]"), json!(2.8e-6)),
        (format!("{electrolyte}/Conductivity [S.m-1]"), json!("9.5 + x / 1000")),
        (format!("{NEGATIVE}/Diffusivity [m2.s-1]"), json!(3.3e-10)),
        (format!("{NEGATIVE}/Diffusivity activation energy [J.mol-1]"), json!(30.3)),
        (format!("{NEGATIVE}/Reaction rate constant [mol.m-2.s-1]"), json!(6.5e-12)),
    ] {
        let field = pointer.rsplit('/').next().unwrap().to_string();
        let words = doubted(&pointer, value);
        assert!(words.contains(&field) && words.contains("unit of its field"), "{words}");
    }
    let rising = doubted(&format!("{NEGATIVE}/OCP [V]"), json!("0.1 + 0.1 * x"));
    assert!(rising.contains("OCP [V]") && rising.contains("rises by 89 mV"), "{rising}");
    let ends = json!({"x": [0.0, 0.5], "y": [0.8, 0.1]});
    let short = doubted(&format!("{NEGATIVE}/OCP [V]"), ends);
    assert!(short.contains("to 0.5, but the window goes from 0.01 to 0.9"), "{short}");
    // none at all is no dependence on temperature
    let none = with(&format!("{NEGATIVE}/Diffusivity activation energy [J.mol-1]"), json!(0));
    assert_eq!(import(&none.to_string()).unwrap().warnings, vec![]);
}

#[test]
fn a_partial_file_may_lack_a_layer() {
    let mut file = with("/Header/Model", json!("Partial"));
    file["Parameterisation"].as_object_mut().unwrap().remove("Separator");
    let bpx = import(&file.to_string()).unwrap();
    assert_eq!(bpx.cell.porous, None);
    let [BpxWarning::NotResolved { path, without: "Separator" }] = &bpx.warnings[..] else {
        panic!("{:?}", bpx.warnings)
    };
    assert_eq!(path, "Parameterisation/Electrolyte");
    file["Header"]["Model"] = json!("SPM");
    assert!(message(&file).contains("Electrolyte"));
}

#[test]
fn values_of_the_user_are_kept() {
    let group = json!({"description": "mine", "slope": "2 * x", "deep": {"a": 1, "t": {"x": [0, 1], "y": [0, 2]}}});
    let bpx = import(&with("/Parameterisation/User-defined", group).to_string()).unwrap();
    let Some(UserDefined::Function(slope)) = bpx.user_defined.get("slope") else { panic!() };
    assert_eq!(slope.value_and_derivative(3.0), (6.0, 2.0));
    let Some(UserDefined::Group(deep)) = bpx.user_defined.get("deep") else { panic!() };
    assert_eq!(deep.get("a"), Some(&UserDefined::Function(Function::Constant(1.0))));
    let broken = message(&with("/Parameterisation/User-defined", json!({"a": {"b": "1 +"}})));
    assert!(broken.contains("User-defined/a/b: column 4"), "{broken}");
}

#[test]
fn assumptions_are_told() {
    let bpx = import(&with("/State", Value::Null).to_string()).unwrap();
    let words: Vec<String> = bpx.warnings.iter().map(ToString::to_string).collect();
    assert!(words.iter().any(|w| w.contains("1000 mol m-3 is assumed")), "{words:?}");
    assert!(words.iter().any(|w| w.contains("298.15 K is assumed")), "{words:?}");
    let high = import(&with(&format!("{CELL}/Upper voltage cut-off [V]"), json!(4.0)).to_string());
    let high = high.unwrap().warnings;
    assert!(matches!(high[0], BpxWarning::VoltageBeyondCutoff { .. }), "{high:?}");
}

#[test]
fn single_particles_need_no_layers() {
    let mut file = with("/Header/Model", json!("SPM"));
    let parameters = file["Parameterisation"].as_object_mut().unwrap();
    parameters.remove("Electrolyte");
    parameters.remove("Separator");
    for name in ["Negative electrode", "Positive electrode"] {
        let electrode = parameters[name].as_object_mut().unwrap();
        electrode.remove("Porosity");
        electrode.remove("Transport efficiency");
        electrode.remove("Conductivity [S.m-1]");
    }
    assert_eq!(import(&file.to_string()).unwrap().cell.porous, None);
}

/// Text of a published cell in the shared data, or nothing where they are absent.
fn published(folder: &str, version: &str) -> Option<String> {
    let shared = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/cells");
    let path = shared.join(folder).join(format!("bpx_{version}.json"));
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("skipped: no {}", path.display());
    }
    text
}

#[test]
fn published_cells_have_their_open_circuit_voltages() {
    let known = [
        ("nmc_pouch_12p5Ah", 4.201_761_488_607_647, 2.699_968_870_619_177_3),
        ("lfp_18650_2Ah", 3.648_561_150_033_742_7, 1.999_989_528_880_989),
    ];
    for (folder, full, empty) in known {
        let cells =
            ["v0", "v1"].map(|version| published(folder, version).map(|t| import(&t).unwrap()));
        for bpx in cells.iter().flatten() {
            // f64 leaves 1e-10 where terms of 3.5e4 cancel
            assert!((bpx.cell.open_circuit_voltage_at(1.0) - full).abs() < 1e-9, "{folder}");
            assert!((bpx.cell.open_circuit_voltage_at(0.0) - empty).abs() < 1e-9, "{folder}");
            let beyond = |w: &&BpxWarning| matches!(w, BpxWarning::VoltageBeyondCutoff { .. });
            let beyond = bpx.warnings.iter().filter(beyond).count();
            assert_eq!(beyond, usize::from(folder.starts_with("nmc")), "{:?}", bpx.warnings);
            let doubts = |w: &&BpxWarning| {
                matches!(w, BpxWarning::Unusual { .. } | BpxWarning::RisingPotential { .. })
            };
            assert_eq!(bpx.warnings.iter().filter(doubts).count(), 0, "{:?}", bpx.warnings);
        }
        if let [Some(old), Some(new)] = cells {
            assert_eq!(old.cell, new.cell, "{folder}: both versions are the same cell");
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,60}") {
        let _ = Expression::parse(&text);
        let _ = import(&text);
    }

    #[test]
    fn no_formula_of_known_words_makes_the_parser_panic(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "x", "1", "2.5e-3", "(", ")", "+", "-", "*", "**", "/", "exp", "tanh(", " ", "e", ".",
            ]),
            0..40,
        )
    ) {
        if let Ok(expression) = Expression::parse(&words.concat()) {
            let _ = expression.value_and_derivative(0.3);
        }
    }

    #[test]
    fn printed_numbers_are_read_to_the_bit(number in prop::num::f64::NORMAL) {
        let value = Expression::parse(&format!("{number:e}")).unwrap().value(0.0);
        prop_assert_eq!(value.to_bits(), number.to_bits());
    }
}

/// The built-in cell Chen2020 in the words of BPX 1.1.
fn chen2020_as_bpx() -> Value {
    let electrode = |e: &Electrode, pores: Pores, conductivity: f64, positive: bool| {
        let Function::Expression(ocp) = &e.open_circuit_potential else { panic!() };
        let (low, high) = if positive {
            (e.stoichiometry_full, e.stoichiometry_empty)
        } else {
            (e.stoichiometry_empty, e.stoichiometry_full)
        };
        json!({
            "Particle radius [m]": e.particle_radius_m, "Thickness [m]": e.thickness_m,
            "Diffusivity [m2.s-1]": e.diffusivity.function.constant(),
            "OCP [V]": ocp.source(), "Conductivity [S.m-1]": conductivity,
            "Surface area per unit volume [m-1]": e.specific_surface_per_m(),
            "Porosity": pores.porosity, "Transport efficiency": pores.transport_efficiency,
            "Reaction rate constant [mol.m-2.s-1]": e.exchange_current.density_a_m2 / FARADAY,
            "Reaction rate constant activation energy [J.mol-1]":
                e.exchange_current.activation_energy_j_mol,
            "Minimum stoichiometry": low, "Maximum stoichiometry": high,
            "Maximum concentration [mol.m-3]": e.maximum_concentration_mol_m3
        })
    };
    let cell = chen2020();
    let porous = cell.porous.as_ref().unwrap();
    let formula = |property: &Property| match &property.function {
        Function::Expression(expression) => expression.source().to_string(),
        _ => panic!(),
    };
    let mut file = file();
    let parameters = file["Parameterisation"].as_object_mut().unwrap();
    parameters["Cell"]["Electrode area [m2]"] = json!(cell.area_m2);
    let pairs = "Number of electrode pairs connected in parallel to make a cell";
    parameters["Cell"][pairs] = json!(1);
    parameters["Electrolyte"] = json!({
        "Cation transference number": porous.electrolyte.transference_number,
        "Conductivity [S.m-1]": formula(&porous.electrolyte.conductivity),
        "Diffusivity [m2.s-1]": formula(&porous.electrolyte.diffusivity)
    });
    parameters["Negative electrode"] =
        electrode(&cell.negative, porous.pores_n, porous.conductivity_n_s_m, false);
    parameters["Positive electrode"] =
        electrode(&cell.positive, porous.pores_p, porous.conductivity_p_s_m, true);
    parameters["Separator"] = json!({
        "Thickness [m]": porous.separator_thickness_m, "Porosity": porous.pores_s.porosity,
        "Transport efficiency": porous.pores_s.transport_efficiency
    });
    file["State"]["Initial conditions"] = json!({
        "Initial state-of-charge": 1, "Initial temperature [K]": 310.0,
        "Initial electrolyte concentration [mol.m-3]": 1000
    });
    file
}

#[test]
fn a_built_in_cell_written_as_bpx_discharges_the_same() {
    let read = import(&chen2020_as_bpx().to_string()).unwrap().cell;
    let built_in = chen2020().at_state_of_charge(1.0).unwrap().at_temperature(310.0);
    let solve = |cell: &Cell| {
        let protocol = [ProtocolStep::discharge(cell, 1.0)];
        simulate(cell, Model::P2d, &protocol, &Options::default()).unwrap()
    };
    let (a, b) = (solve(&read), solve(&built_in));
    assert_eq!(a.time_s.len(), b.time_s.len());
    for (a, b) in a.voltage_v.iter().zip(&b.voltage_v) {
        assert!((a - b).abs() < 1e-9, "{a} V against {b} V");
    }
}
