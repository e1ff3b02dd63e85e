//! Electrodes of a BPX file, and what its functions must satisfy.

use super::error::{BpxError, BpxWarning};
use super::section::{ANY, EFFICIENCY, Findings, NOT_NEGATIVE, POROSITY, POSITIVE, Section, UNIT};
use crate::Function;
use crate::cell::{Electrode, ExchangeCurrent, FARADAY, Pores, Property};

/// Points at which functions are checked.
const CHECKED: u32 = 200;

/// An electrode as far as a file has it.
pub(super) struct ReadElectrode {
    pub(super) electrode: Option<Electrode>,
    /// Pores and effective conductivity of the solid in S m-1.
    pub(super) porous: Option<(Pores, f64)>,
}

/// Reads an electrode; `resolved` where the model needs its pores, `positive` for its sign.
pub(super) fn electrode(
    mut section: Section,
    resolved: bool,
    positive: bool,
    reference_k: f64,
    found: &mut Findings,
) -> ReadElectrode {
    if refuse_variants(&mut section, found) {
        // nothing else of a blend stands where it is looked for
        return ReadElectrode { electrode: None, porous: None };
    }
    let s = &mut section;
    let thickness = s.needed("Thickness [m]", POSITIVE, found);
    let lowest = s.needed("Minimum stoichiometry", UNIT, found);
    let highest = s.needed("Maximum stoichiometry", UNIT, found);
    let c_max = s.needed("Maximum concentration [mol.m-3]", POSITIVE, found);
    let radius = s.needed("Particle radius [m]", POSITIVE, found);
    let surface = s.needed("Surface area per unit volume [m-1]", POSITIVE, found);
    let rate = s.needed("Reaction rate constant [mol.m-2.s-1]", POSITIVE, found);
    let rate_energy = energy(s, "Reaction rate constant activation energy [J.mol-1]", found);
    let diffusivity = property(
        s,
        ("Diffusivity [m2.s-1]", "Diffusivity activation energy [J.mol-1]"),
        reference_k,
        found,
    );
    let ocp = needed_function(s, "OCP [V]", found);
    let entropic = s.function("Entropic change coefficient [V.K-1]", found);
    let porous = pores_and_conductivity(s, resolved, found);
    let window = window(s, lowest, highest, found);
    if let (Some((low, high)), Some(function)) = (window, &ocp) {
        check(&s.at("OCP [V]"), function, (low, high), ANY, found);
    }
    if let (Some((low, high)), Some(d)) = (window, &diffusivity) {
        check(&s.at("Diffusivity [m2.s-1]"), &d.function, (low, high), POSITIVE, found);
    }
    if let (Some(a), Some(r)) = (surface, radius) {
        fractions(s, a * r / 3.0, porous, found);
    }
    section.close(found);
    let electrode = (|| {
        let (low, high) = window?;
        Some(Electrode {
            thickness_m: thickness?,
            particle_radius_m: radius?,
            active_fraction: surface? * radius? / 3.0,
            maximum_concentration_mol_m3: c_max?,
            diffusivity: diffusivity?,
            open_circuit_potential: ocp?,
            entropic_change: entropic.unwrap_or(Function::Constant(0.0)),
            exchange_current: ExchangeCurrent {
                density_a_m2: FARADAY * rate?,
                activation_energy_j_mol: rate_energy,
                reference_temperature_k: reference_k,
                shape: None,
            },
            stoichiometry_empty: if positive { high } else { low },
            stoichiometry_full: if positive { low } else { high },
        })
    })();
    ReadElectrode { electrode, porous }
}

/// Blends and hysteresis, which the standard allows, are refused by name; whether it is a blend.
fn refuse_variants(section: &mut Section, found: &mut Findings) -> bool {
    let mut refuse = |path: String, what, way_out| {
        found.errors.push(BpxError::Unsupported { path, what, way_out });
    };
    let blended = section.take("Particle").is_some();
    if blended {
        let way_out = "; describe the electrode by one effective material";
        refuse(section.at("Particle"), "a blended electrode", way_out);
    }
    for name in ["OCP (delithiation) [V]", "OCP (lithiation) [V]", "OCP hysteresis decay constant"]
    {
        if section.take(name).is_some() {
            let way_out = "; leave the branches out to simulate with the mean `OCP [V]`";
            refuse(section.at(name), "hysteresis of the open-circuit potential", way_out);
        }
    }
    blended
}

/// Pores of an electrode or separator; missing fields are mistakes where the layer is `needed`.
pub(super) fn pores(section: &mut Section, needed: bool, found: &mut Findings) -> Option<Pores> {
    let (porosity, efficiency) = if needed {
        (
            section.needed("Porosity", POROSITY, found),
            section.needed("Transport efficiency", EFFICIENCY, found),
        )
    } else {
        (
            section.number("Porosity", POROSITY, found),
            section.number("Transport efficiency", EFFICIENCY, found),
        )
    };
    let pores = Pores { porosity: porosity?, transport_efficiency: efficiency? };
    if pores.transport_efficiency > pores.porosity {
        found.warnings.push(BpxWarning::ShorterThanStraight {
            path: section.at("Transport efficiency"),
            efficiency: pores.transport_efficiency,
            porosity: pores.porosity,
        });
    }
    Some(pores)
}

fn pores_and_conductivity(
    section: &mut Section,
    needed: bool,
    found: &mut Findings,
) -> Option<(Pores, f64)> {
    let pores = pores(section, needed, found);
    let conductivity = if needed {
        section.needed("Conductivity [S.m-1]", POSITIVE, found)
    } else {
        section.number("Conductivity [S.m-1]", POSITIVE, found)
    };
    Some((pores?, conductivity?))
}

/// The window of stoichiometries, lower end first.
fn window(
    section: &Section,
    lowest: Option<f64>,
    highest: Option<f64>,
    found: &mut Findings,
) -> Option<(f64, f64)> {
    let (low, high) = (lowest?, highest?);
    if low < high {
        return Some((low, high));
    }
    found.errors.push(BpxError::Contradictory {
        path: section.at("Minimum stoichiometry"),
        reason: format!("the minimum {low} is not below the maximum {high}"),
    });
    None
}

/// Active material and pores must leave no less than nothing.
fn fractions(section: &Section, active: f64, porous: Option<(Pores, f64)>, found: &mut Findings) {
    let porosity = porous.map_or(0.0, |(pores, _)| pores.porosity);
    if active + porosity > 1.0 + 1e-9 {
        found.errors.push(BpxError::Contradictory {
            path: section.at("Surface area per unit volume [m-1]"),
            reason: format!(
                "surface times radius over 3 makes {active:.4} of the volume active, which with a \
                 porosity of {porosity} is more than all of it"
            ),
        });
    }
}

/// An activation energy in J mol-1; none means no dependence on temperature, as in the standard.
fn energy(section: &mut Section, name: &'static str, found: &mut Findings) -> f64 {
    section.number(name, NOT_NEGATIVE, found).unwrap_or(0.0)
}

/// A function that must be there.
fn needed_function(
    section: &mut Section,
    name: &'static str,
    found: &mut Findings,
) -> Option<Function> {
    if !section.has(name) {
        section.require(name, found);
        return None;
    }
    section.function(name, found)
}

/// A function and its activation energy.
pub(super) fn property(
    section: &mut Section,
    (name, energy_name): (&'static str, &'static str),
    reference_temperature_k: f64,
    found: &mut Findings,
) -> Option<Property> {
    let activation_energy_j_mol = energy(section, energy_name, found);
    let function = needed_function(section, name, found)?;
    Some(Property { function, activation_energy_j_mol, reference_temperature_k })
}

/// Checks the values of a function between two ends.
pub(super) fn check(
    path: &str,
    function: &Function,
    (low, high): (f64, f64),
    range: super::section::Range,
    found: &mut Findings,
) {
    for k in 0..=CHECKED {
        let x = low + (high - low) * f64::from(k) / f64::from(CHECKED);
        let value = function.value(x);
        if !(range.allows)(value) {
            let (path, range) = (path.to_string(), range.words);
            found.errors.push(BpxError::FunctionOutOfRange { path, x, value, range });
            return;
        }
    }
}
