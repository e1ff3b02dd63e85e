//! LG M50, graphite-silicon against NMC811, 5 A h.

use super::{activated, formula, rate, windowed};
use crate::Function;
use crate::cell::{Cell, Electrode, Electrolyte, InitialState, Pores, Porous, Property, Thermal};

/// The cell LG INR21700 M50.
///
/// Source: Chen et al. (2020); electrolyte after Nyman et al. (2008).
pub fn chen2020() -> Cell {
    let volume_m3 = 2.42e-5;
    windowed(Cell {
        name: "Chen2020".into(),
        source: "Chen et al. (2020), LG M50; electrolyte Nyman et al. (2008)".into(),
        area_m2: 0.065 * 1.58,
        nominal_capacity_a_h: 5.0,
        lower_cutoff_v: 2.5,
        upper_cutoff_v: 4.2,
        reference_temperature_k: 298.15,
        negative: negative(),
        positive: positive(),
        porous: Some(Porous {
            electrolyte: nyman2008(),
            pores_n: Pores::bruggeman(0.25, 1.5),
            pores_s: Pores::bruggeman(0.47, 1.5),
            pores_p: Pores::bruggeman(0.335, 1.5),
            separator_thickness_m: 1.2e-5,
            conductivity_n_s_m: 215.0,
            conductivity_p_s_m: 0.18,
        }),
        // layers of the paper, with collectors of 12 um copper and 16 um aluminium
        thermal: Some(Thermal {
            heat_capacity_j_k: volume_m3 * volumetric_heat_capacity(),
            cooling_area_m2: 0.00531,
            heat_transfer_w_m2_k: 10.0,
            ambient_temperature_k: 298.15,
        }),
        initial: InitialState {
            stoichiometry_n: 29_866.0 / 33_133.0,
            stoichiometry_p: 17_038.0 / 63_104.0,
            temperature_k: 298.15,
        },
    })
}

fn negative() -> Electrode {
    Electrode {
        thickness_m: 8.52e-5,
        particle_radius_m: 5.86e-6,
        active_fraction: 0.75,
        maximum_concentration_mol_m3: 33_133.0,
        diffusivity: Property::isothermal(Function::Constant(3.3e-14)),
        open_circuit_potential: graphite_potential(),
        entropic_change: Function::Constant(0.0),
        exchange_current: rate(6.48e-7, 1000.0, 33_133.0, 35_000.0, 298.15),
        stoichiometry_empty: 0.0,
        stoichiometry_full: 0.0,
    }
}

fn positive() -> Electrode {
    Electrode {
        thickness_m: 7.56e-5,
        particle_radius_m: 5.22e-6,
        active_fraction: 0.665,
        maximum_concentration_mol_m3: 63_104.0,
        diffusivity: Property::isothermal(Function::Constant(4e-15)),
        open_circuit_potential: formula(
            "-0.8090 * x + 4.4875 - 0.0428 * tanh(18.5138 * (x - 0.5542)) \
             - 17.7326 * tanh(15.7890 * (x - 0.3117)) + 17.5842 * tanh(15.9308 * (x - 0.3120))",
        ),
        entropic_change: Function::Constant(0.0),
        exchange_current: rate(3.42e-6, 1000.0, 63_104.0, 17_800.0, 298.15),
        stoichiometry_empty: 0.0,
        stoichiometry_full: 0.0,
    }
}

/// Potential in V of the graphite-silicon electrode, of stoichiometry.
///
/// Source: Chen et al. (2020).
pub(super) fn graphite_potential() -> Function {
    formula(
        "1.9793 * exp(-39.3631 * x) + 0.2482 - 0.0909 * tanh(29.8538 * (x - 0.1234)) \
         - 0.04478 * tanh(14.9159 * (x - 0.2769)) - 0.0205 * tanh(30.4444 * (x - 0.6103))",
    )
}

/// LiPF6 in EC:EMC 3:7 at 1 mol per litre.
///
/// Source: Nyman et al. (2008), fits in mol per litre; no dependence on temperature is given.
fn nyman2008() -> Electrolyte {
    let conductivity =
        formula("0.1297 * (x / 1000) ** 3 - 2.51 * (x / 1000) ** 1.5 + 3.329 * (x / 1000)");
    let diffusivity = formula("8.794e-11 * (x / 1000) ** 2 - 3.972e-10 * (x / 1000) + 4.862e-10");
    Electrolyte {
        concentration_mol_m3: 1000.0,
        transference_number: 0.2594,
        diffusivity: activated(diffusivity, 0.0, 298.15),
        conductivity: activated(conductivity, 0.0, 298.15),
    }
}

/// Heat capacity in J m-3 K-1, averaged over the layers by their thickness.
fn volumetric_heat_capacity() -> f64 {
    // thickness m, density kg m-3, specific heat J kg-1 K-1
    let layers = [
        (1.2e-5, 8960.0, 385.0),
        (8.52e-5, 1657.0, 700.0),
        (1.2e-5, 397.0, 700.0),
        (7.56e-5, 3262.0, 700.0),
        (1.6e-5, 2700.0, 897.0),
    ];
    let thickness: f64 = layers.iter().map(|layer| layer.0).sum();
    layers.iter().map(|(l, rho, c)| l * rho * c).sum::<f64>() / thickness
}
