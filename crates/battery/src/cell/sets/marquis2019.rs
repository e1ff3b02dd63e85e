//! Kokam SLPB78205130H, graphite against lithium cobalt oxide, 0.68 A h.

use super::{activated, formula, rate, windowed};
use crate::Function;
use crate::cell::{Cell, Electrode, Electrolyte, InitialState, Pores, Porous};

/// The cell of the comparison of single-particle models with electrolyte.
///
/// The initial state is that of the paper, about half charged by its cut-offs.
/// Source: Marquis et al. (2019); electrolyte after Capiglia et al. (1999).
pub fn marquis2019() -> Cell {
    let porosity = 0.3_f64;
    let solid = (1.0 - porosity).powf(1.5);
    windowed(Cell {
        name: "Marquis2019".into(),
        source: "Marquis et al. (2019), Kokam SLPB78205130H; fits of Dualfoil".into(),
        area_m2: 0.137 * 0.207,
        nominal_capacity_a_h: 0.680_616,
        lower_cutoff_v: 3.105,
        upper_cutoff_v: 4.1,
        reference_temperature_k: 298.15,
        negative: negative(),
        positive: positive(),
        porous: Some(Porous {
            electrolyte: capiglia1999(),
            pores_n: Pores::bruggeman(porosity, 1.5),
            pores_s: Pores::bruggeman(1.0, 1.5),
            pores_p: Pores::bruggeman(porosity, 1.5),
            separator_thickness_m: 2.5e-5,
            conductivity_n_s_m: 100.0 * solid,
            conductivity_p_s_m: 10.0 * solid,
        }),
        thermal: None,
        initial: InitialState { stoichiometry_n: 0.8, stoichiometry_p: 0.6, temperature_k: 298.15 },
    })
}

fn negative() -> Electrode {
    let c_max = 24_983.261_993_843_7;
    Electrode {
        thickness_m: 1e-4,
        particle_radius_m: 1e-5,
        active_fraction: 0.6,
        maximum_concentration_mol_m3: c_max,
        diffusivity: activated(Function::Constant(3.9e-14), 42_770.0, 298.15),
        open_circuit_potential: formula(
            "0.194 + 1.5 * exp(-120 * x) + 0.0351 * tanh((x - 0.286) / 0.083) \
             - 0.0045 * tanh((x - 0.849) / 0.119) - 0.035 * tanh((x - 0.9233) / 0.05) \
             - 0.0147 * tanh((x - 0.5) / 0.034) - 0.102 * tanh((x - 0.194) / 0.142) \
             - 0.022 * tanh((x - 0.9) / 0.0164) - 0.011 * tanh((x - 0.124) / 0.0226) \
             + 0.0155 * tanh((x - 0.105) / 0.029)",
        ),
        // the slope of the potential over c_max, after Moura's fastDFN
        entropic_change: formula(
            "(-1.5 * 120 * exp(-120 * x) + 0.0351 / 0.083 * cosh((x - 0.286) / 0.083) ** -2 \
             - 0.0045 / 0.119 * cosh((x - 0.849) / 0.119) ** -2 \
             - 0.035 / 0.05 * cosh((x - 0.9233) / 0.05) ** -2 \
             - 0.0147 / 0.034 * cosh((x - 0.5) / 0.034) ** -2 \
             - 0.102 / 0.142 * cosh((x - 0.194) / 0.142) ** -2 \
             - 0.022 / 0.0164 * cosh((x - 0.9) / 0.0164) ** -2 \
             - 0.011 / 0.0226 * cosh((x - 0.124) / 0.0226) ** -2 \
             + 0.0155 / 0.029 * cosh((x - 0.105) / 0.029) ** -2) / 24983.2619938437",
        ),
        exchange_current: rate(2e-5, 1000.0, c_max, 37_480.0, 298.15),
        stoichiometry_empty: 0.0,
        stoichiometry_full: 0.0,
    }
}

fn positive() -> Electrode {
    let c_max = 51_217.925_730_927_5;
    Electrode {
        thickness_m: 1e-4,
        particle_radius_m: 1e-5,
        active_fraction: 0.5,
        maximum_concentration_mol_m3: c_max,
        diffusivity: activated(Function::Constant(1e-13), 18_550.0, 298.15),
        // the variable of the fit is 1.062 x
        open_circuit_potential: formula(
            "2.16216 + 0.07645 * tanh(30.834 - 54.4806 * (1.062 * x)) \
             + 2.1581 * tanh(52.294 - 50.294 * (1.062 * x)) \
             - 0.14169 * tanh(11.0923 - 19.8543 * (1.062 * x)) \
             + 0.2051 * tanh(1.4684 - 5.4888 * (1.062 * x)) \
             + 0.2531 * tanh((-(1.062 * x) + 0.56478) / 0.1316) \
             - 0.02167 * tanh((1.062 * x - 0.525) / 0.006)",
        ),
        entropic_change: formula(
            "(-0.07645 * 54.4806 * cosh(30.834 - 54.4806 * (1.062 * x)) ** -2 \
             - 2.1581 * 50.294 * cosh(52.294 - 50.294 * (1.062 * x)) ** -2 \
             + 0.14169 * 19.854 * cosh(11.0923 - 19.8543 * (1.062 * x)) ** -2 \
             - 0.2051 * 5.4888 * cosh(1.4684 - 5.4888 * (1.062 * x)) ** -2 \
             - 0.2531 / 0.1316 * cosh((-(1.062 * x) + 0.56478) / 0.1316) ** -2 \
             - 0.02167 / 0.006 * cosh((1.062 * x - 0.525) / 0.006) ** -2) / 51217.9257309275",
        ),
        exchange_current: rate(6e-7, 1000.0, c_max, 39_570.0, 298.15),
        stoichiometry_empty: 0.0,
        stoichiometry_full: 0.0,
    }
}

/// LiPF6 in EC:DMC at 1 mol per litre.
///
/// Source: Capiglia et al. (1999), with the fits of Dualfoil in mol per litre.
fn capiglia1999() -> Electrolyte {
    let conductivity =
        "0.0911 + 1.9101 * (x / 1000) - 1.052 * (x / 1000) ** 2 + 0.1554 * (x / 1000) ** 3";
    Electrolyte {
        concentration_mol_m3: 1000.0,
        transference_number: 0.4,
        diffusivity: activated(formula("5.34e-10 * exp(-0.65 * x / 1000)"), 37_040.0, 298.15),
        conductivity: activated(formula(conductivity), 34_700.0, 298.15),
    }
}
