//! Values that no lithium-ion cell has been known to have: mostly numbers in another unit than their field's.

use super::error::BpxWarning;
use crate::Function;
use crate::cell::{Cell, Electrode, Porous};

/// Points at which functions are looked at.
const LOOKED_AT: u32 = 200;

/// Rise of an open-circuit potential with lithium that a fit may have, V.
const FIT_V: f64 = 0.01;

/// Part of a window that a table may lack at its ends.
const MARGIN: f64 = 1e-3;

/// Powers of ten are left on both sides of the values of published cells.
const THICKNESS_M: (f64, f64) = (1e-6, 1e-3);
const RADIUS_M: (f64, f64) = (1e-8, 1e-4);
const LITHIUM_MOL_M3: (f64, f64) = (1e3, 2e5);
const SOLID_DIFFUSIVITY_M2_S: (f64, f64) = (1e-20, 1e-10);
const RATE_MOL_M2_S: (f64, f64) = (1e-10, 1e-2);
const SALT_MOL_M3: (f64, f64) = (100.0, 5000.0);
const SALT_DIFFUSIVITY_M2_S: (f64, f64) = (1e-12, 5e-9);
const SALT_CONDUCTIVITY_S_M: (f64, f64) = (0.01, 5.0);
const ACTIVATION_J_MOL: (f64, f64) = (1e3, 2e5);

/// Values of a cell that are unusual, each with the path of its field.
pub(super) fn doubts(cell: &Cell) -> Vec<BpxWarning> {
    let mut doubts = Vec::new();
    for (name, electrode) in
        [("Negative electrode", &cell.negative), ("Positive electrode", &cell.positive)]
    {
        of_electrode(name, electrode, &mut doubts);
    }
    if let Some(porous) = &cell.porous {
        of_electrolyte(porous, &mut doubts);
    }
    doubts
}

fn of_electrode(name: &str, e: &Electrode, doubts: &mut Vec<BpxWarning>) {
    let mut look = |field: &str, value: f64, usual| {
        doubts.extend(unusual(&format!("{name}/{field}"), value, usual));
    };
    let middle = f64::midpoint(e.stoichiometry_empty, e.stoichiometry_full);
    let (d, i0) = (&e.diffusivity, &e.exchange_current);
    look("Thickness [m]", e.thickness_m, THICKNESS_M);
    look("Particle radius [m]", e.particle_radius_m, RADIUS_M);
    look("Maximum concentration [mol.m-3]", e.maximum_concentration_mol_m3, LITHIUM_MOL_M3);
    look("Diffusivity [m2.s-1]", d.function.value(middle), SOLID_DIFFUSIVITY_M2_S);
    let rate = i0.density_a_m2 / crate::cell::FARADAY;
    look("Reaction rate constant [mol.m-2.s-1]", rate, RATE_MOL_M2_S);
    for (field, energy) in [
        ("Diffusivity activation energy [J.mol-1]", d.activation_energy_j_mol),
        ("Reaction rate constant activation energy [J.mol-1]", i0.activation_energy_j_mol),
    ] {
        look_at_energy(&format!("{name}/{field}"), energy, doubts);
    }
    for (field, function) in [
        ("OCP [V]", &e.open_circuit_potential),
        ("Diffusivity [m2.s-1]", &d.function),
        ("Entropic change coefficient [V.K-1]", &e.entropic_change),
    ] {
        doubts.extend(short(&format!("Parameterisation/{name}/{field}"), function, e));
    }
    doubts.extend(rise(name, e));
}

fn of_electrolyte(porous: &Porous, doubts: &mut Vec<BpxWarning>) {
    let e = &porous.electrolyte;
    let rest = e.concentration_mol_m3;
    for (field, value, usual) in [
        (
            "Electrolyte/Diffusivity [m2.s-1]",
            e.diffusivity.function.value(rest),
            SALT_DIFFUSIVITY_M2_S,
        ),
        (
            "Electrolyte/Conductivity [S.m-1]",
            e.conductivity.function.value(rest),
            SALT_CONDUCTIVITY_S_M,
        ),
        ("Separator/Thickness [m]", porous.separator_thickness_m, THICKNESS_M),
    ] {
        doubts.extend(unusual(field, value, usual));
    }
    if !within(rest, SALT_MOL_M3) {
        let path = "the electrolyte's concentration at rest [mol.m-3]".to_string();
        doubts.push(BpxWarning::Unusual { path, value: rest, usual: SALT_MOL_M3 });
    }
    for (field, energy) in [
        (
            "Electrolyte/Diffusivity activation energy [J.mol-1]",
            e.diffusivity.activation_energy_j_mol,
        ),
        (
            "Electrolyte/Conductivity activation energy [J.mol-1]",
            e.conductivity.activation_energy_j_mol,
        ),
    ] {
        look_at_energy(field, energy, doubts);
    }
}

/// An activation energy; none at all is usual.
fn look_at_energy(field: &str, energy: f64, doubts: &mut Vec<BpxWarning>) {
    if energy != 0.0 {
        doubts.extend(unusual(field, energy, ACTIVATION_J_MOL));
    }
}

fn unusual(field: &str, value: f64, usual: (f64, f64)) -> Option<BpxWarning> {
    let path = format!("Parameterisation/{field}");
    (!within(value, usual)).then_some(BpxWarning::Unusual { path, value, usual })
}

fn within(value: f64, (low, high): (f64, f64)) -> bool {
    (low..=high).contains(&value)
}

/// A table that does not reach the ends of the window.
fn short(path: &str, function: &Function, e: &Electrode) -> Option<BpxWarning> {
    let Function::Table(table) = function else { return None };
    let table = (*table.x().first()?, *table.x().last()?);
    let (empty, full) = (e.stoichiometry_empty, e.stoichiometry_full);
    let window = (empty.min(full), empty.max(full));
    let lacks = window.0 < table.0 - MARGIN || window.1 > table.1 + MARGIN;
    lacks.then(|| BpxWarning::ShortTable { path: path.to_string(), table, window })
}

/// The largest rise of the open-circuit potential with lithium between the ends of the window: a single phase falls.
fn rise(name: &str, electrode: &Electrode) -> Option<BpxWarning> {
    let (empty, full) = (electrode.stoichiometry_empty, electrode.stoichiometry_full);
    let (low, high) = (empty.min(full), empty.max(full));
    let mut least = f64::INFINITY;
    let mut worst = (FIT_V, None);
    for k in 0..=LOOKED_AT {
        let x = low + (high - low) * f64::from(k) / f64::from(LOOKED_AT);
        let potential = electrode.open_circuit_potential.value(x);
        least = least.min(potential);
        if potential - least > worst.0 {
            worst = (potential - least, Some(x));
        }
    }
    let (rise_v, x) = worst;
    let path = format!("Parameterisation/{name}/OCP [V]");
    x.map(|x| BpxWarning::RisingPotential { path, rise_v, x })
}
