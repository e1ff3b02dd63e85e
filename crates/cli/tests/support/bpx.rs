//! A BPX file of invented values.

use serde_json::{Value, json};

/// The file, version 1.1.
pub(crate) fn file() -> Value {
    let electrode = |low: f64, high: f64, diffusivity: f64, ocp: &str| {
        json!({
            "Particle radius [m]": 5e-6, "Thickness [m]": 8e-5,
            "Diffusivity [m2.s-1]": diffusivity,
            "OCP [V]": ocp, "Entropic change coefficient [V.K-1]": 0,
            "Conductivity [S.m-1]": 10.0, "Surface area per unit volume [m-1]": 360_000,
            "Porosity": 0.3, "Transport efficiency": 0.16,
            "Reaction rate constant [mol.m-2.s-1]": 1e-5,
            "Minimum stoichiometry": low, "Maximum stoichiometry": high,
            "Maximum concentration [mol.m-3]": 30_000
        })
    };
    json!({
        "Header": {"BPX": "1.1.0", "Title": "An invented cell", "Model": "DFN"},
        "Parameterisation": {
            "Cell": {
                "Electrode area [m2]": 0.02,
                "Number of electrode pairs connected in parallel to make a cell": 10,
                "Lower voltage cut-off [V]": 2.8, "Upper voltage cut-off [V]": 4.2,
                "Nominal cell capacity [A.h]": 5, "Reference temperature [K]": 298.15
            },
            "Electrolyte": {
                "Cation transference number": 0.26,
                "Conductivity [S.m-1]": "0.1 + x / 1000", "Diffusivity [m2.s-1]": 2e-10
            },
            "Negative electrode": electrode(0.01, 0.9, 4e-14, "0.1 + 0.4 * exp(-20 * x)"),
            "Positive electrode":
                electrode(0.3, 0.95, 2e-14, "4.6 - x - 0.5 * exp(30 * (x - 1))"),
            "Separator": {"Thickness [m]": 2e-5, "Porosity": 0.5, "Transport efficiency": 0.35}
        },
        "State": {
            "Initial conditions": {
                "Initial state-of-charge": 1.0, "Initial temperature [K]": 298.15,
                "Initial electrolyte concentration [mol.m-3]": 1000
            },
            "Thermal environment": {"Ambient temperature [K]": 298.15}
        }
    })
}

/// The file with one field replaced.
pub(crate) fn with(pointer: &str, value: Value) -> String {
    let mut file = file();
    *file.pointer_mut(pointer).unwrap() = value;
    file.to_string()
}
