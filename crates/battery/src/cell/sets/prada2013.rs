//! A cell of graphite against lithium iron phosphate, 2.3 A h.

use super::chen2020::graphite_potential;
use super::{activated, formula, rate, windowed};
use crate::Function;
use crate::cell::{Cell, Electrode, Electrolyte, InitialState, Pores, Porous, Property};

/// The cell ANR26650 of A123.
///
/// Source: Prada et al. (2013); what the paper leaves open is taken from Chen et al. (2020)
/// (potential and kinetics of graphite), Afshar et al. (2017) (potential of the iron phosphate) and
/// Kashkooli et al. (2017) (its kinetics).
pub fn prada2013() -> Cell {
    let (porosity_n, porosity_p) = (0.36_f64, 0.426_f64);
    windowed(Cell {
        name: "Prada2013".into(),
        source: "Prada et al. (2013), A123 ANR26650; completed from Chen et al. (2020), Afshar et \
                 al. (2017), Kashkooli et al. (2017)"
            .into(),
        area_m2: 0.6 * 0.3,
        nominal_capacity_a_h: 2.3,
        lower_cutoff_v: 2.0,
        upper_cutoff_v: 3.6,
        reference_temperature_k: 298.0,
        negative: negative(),
        positive: positive(),
        porous: Some(Porous {
            electrolyte: electrolyte(),
            pores_n: Pores::bruggeman(porosity_n, 1.5),
            pores_s: Pores::bruggeman(0.45, 1.5),
            pores_p: Pores::bruggeman(porosity_p, 1.5),
            separator_thickness_m: 2.5e-5,
            conductivity_n_s_m: 215.0 * (1.0 - porosity_n).powf(1.5),
            conductivity_p_s_m: 0.337_950_74 * (1.0 - porosity_p).powf(1.5),
        }),
        thermal: None,
        initial: InitialState {
            stoichiometry_n: 0.81,
            stoichiometry_p: 0.0038,
            temperature_k: 298.0,
        },
    })
}

fn negative() -> Electrode {
    Electrode {
        thickness_m: 3.4e-5,
        particle_radius_m: 5e-6,
        active_fraction: 0.58,
        maximum_concentration_mol_m3: 30_555.0,
        diffusivity: Property::isothermal(Function::Constant(3e-15)),
        open_circuit_potential: graphite_potential(),
        entropic_change: Function::Constant(0.0),
        exchange_current: rate(6.48e-7, 1200.0, 30_555.0, 35_000.0, 298.15),
        stoichiometry_empty: 0.0,
        stoichiometry_full: 0.0,
    }
}

fn positive() -> Electrode {
    Electrode {
        thickness_m: 8e-5,
        particle_radius_m: 5e-8,
        active_fraction: 0.374,
        maximum_concentration_mol_m3: 22_806.0,
        diffusivity: Property::isothermal(Function::Constant(5.9e-18)),
        open_circuit_potential: formula(
            "3.4077 - 0.020269 * x + 0.5 * exp(-150 * x) - 0.9 * exp(-30 * (1 - x))",
        ),
        entropic_change: Function::Constant(0.0),
        exchange_current: rate(6e-7, 1200.0, 22_806.0, 39_570.0, 298.15),
        stoichiometry_empty: 0.0,
        stoichiometry_full: 0.0,
    }
}

/// Electrolyte at 1.2 mol per litre; the fit of the conductivity is in mol per cubic centimetre.
fn electrolyte() -> Electrolyte {
    let conductivity = "(4.1253e-4 + 5.007 * (x / 1e6) - 4721.2 * (x / 1e6) ** 2 \
                        + 1.5094e6 * (x / 1e6) ** 3 - 1.6018e8 * (x / 1e6) ** 4) * 1000";
    Electrolyte {
        concentration_mol_m3: 1200.0,
        transference_number: 0.36,
        diffusivity: activated(Function::Constant(2e-10), 0.0, 298.0),
        conductivity: activated(formula(conductivity), 0.0, 298.0),
    }
}
