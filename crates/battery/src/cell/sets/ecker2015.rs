//! Kokam SLPB 75106100, graphite against nickel cobalt oxide, 0.156 A h.

use super::{activated, formula, rate, windowed};
use crate::Function;
use crate::cell::{
    Cell, Electrode, Electrolyte, FARADAY, GAS_CONSTANT, InitialState, Pores, Porous,
};

/// The cell of Ecker and co-workers, whose diffusivities depend on stoichiometry.
///
/// Source: Ecker et al. (2015), parts I and II, with the fits of Richardson et al. (2020).
pub fn ecker2015() -> Cell {
    windowed(Cell {
        name: "Ecker2015".into(),
        source: "Ecker et al. (2015), Kokam SLPB 75106100; fits of Richardson et al. (2020)".into(),
        area_m2: 0.101 * 0.085,
        nominal_capacity_a_h: 0.156_25,
        lower_cutoff_v: 2.5,
        upper_cutoff_v: 4.2,
        reference_temperature_k: 296.15,
        negative: negative(),
        positive: positive(),
        porous: Some(Porous {
            electrolyte: electrolyte(),
            pores_n: Pores::bruggeman(0.329, 1.637_278_933_838_600_7),
            pores_s: Pores::bruggeman(0.508, 1.980_458_677_313_494_5),
            pores_p: Pores::bruggeman(0.296, 1.544_226_719_078_642_7),
            separator_thickness_m: 2e-5,
            conductivity_n_s_m: 14.0,
            conductivity_p_s_m: 68.1,
        }),
        thermal: None,
        initial: InitialState {
            stoichiometry_n: 26_120.05 / 31_920.0,
            stoichiometry_p: 12_630.8 / 48_580.0,
            temperature_k: 298.15,
        },
    })
}

fn negative() -> Electrode {
    let diffusivity = formula("8.4e-13 * exp(-11.3 * x) + 8.2e-15");
    Electrode {
        thickness_m: 7.4e-5,
        particle_radius_m: 1.37e-5,
        active_fraction: 0.372_403,
        maximum_concentration_mol_m3: 31_920.0,
        diffusivity: activated(diffusivity, 3.03e4, 296.0),
        open_circuit_potential: formula(
            "0.716502 * exp(-369.028 * x) + 0.12193 * exp(-35.6478 * (x - 0.0530947)) \
             - 0.0189193 * tanh(21.1967 * (x - 0.196176)) \
             - 0.0169644 * tanh(27.1365 * (x - 0.312832)) \
             - 0.0199313 * tanh(28.5697 * (x - 0.614221)) \
             - 0.931153 * exp(36.328 * (x - 1.10743)) + 0.140031",
        ),
        entropic_change: Function::Constant(0.0),
        exchange_current: rate(FARADAY * 1.11e-10, 1000.0, 31_920.0, 53_400.0, 296.15),
        stoichiometry_empty: 0.0,
        stoichiometry_full: 0.0,
    }
}

fn positive() -> Electrode {
    let diffusivity = formula("3.7e-13 - 3.4e-13 * exp(-12 * (x - 0.62) ** 2)");
    Electrode {
        thickness_m: 5.4e-5,
        particle_radius_m: 6.5e-6,
        active_fraction: 0.408_32,
        maximum_concentration_mol_m3: 48_580.0,
        diffusivity: activated(diffusivity, 8.06e4, 296.15),
        open_circuit_potential: formula(
            "-2.35211 * x - 0.0747061 * tanh(31.886 * (x - 0.0219921)) \
             + 6.34984 * tanh(2.66395 * (x - 0.174352)) \
             - 0.640243 * tanh(5.48623 * (x - 0.439245)) \
             - 3.82383 * tanh(4.12167 * (x - 0.176187)) \
             - 0.0542123 * tanh(18.2919 * (x - 0.762272)) + 4.23285",
        ),
        entropic_change: Function::Constant(0.0),
        exchange_current: rate(FARADAY * 3.01e-11, 1000.0, 48_580.0, 4.36e4, 296.15),
        stoichiometry_empty: 0.0,
        stoichiometry_full: 0.0,
    }
}

/// LiPF6 in EC:EMC at 1 mol per litre.
///
/// The paper gives the conductivity at 296 K and its change as exp(-E / R T) / T, the diffusivity by
/// Nernst and Einstein's relation. The factor 1 / T is taken at 298.15 K; it changes by 4 % to 310 K.
fn electrolyte() -> Electrolyte {
    const CONDUCTIVITY: &str =
        "(0.2667 * (x / 1000) ** 3 - 1.2983 * (x / 1000) ** 2 + 1.7919 * (x / 1000) + 0.1726)";
    let (energy, measured, ambient) = (1.71e4, 296.0, 298.15);
    let warmer =
        measured / ambient * f64::exp(energy / GAS_CONSTANT * (1.0 / measured - 1.0 / ambient));
    let conductivity = formula(&format!("{warmer:e} * {CONDUCTIVITY}"));
    // k_B T / e over F: volts of a thermal energy, per mole of charge
    let mobility = GAS_CONSTANT * measured / FARADAY / FARADAY;
    let diffusivity = formula(&format!("{mobility:e} * {CONDUCTIVITY} / x"));
    Electrolyte {
        concentration_mol_m3: 1000.0,
        transference_number: 0.26,
        diffusivity: activated(diffusivity, energy, measured),
        conductivity: activated(conductivity, energy, ambient),
    }
}
