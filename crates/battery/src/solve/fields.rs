//! Fields inside the cell at one time, from the unknowns of a step.
//!
//! The potential of the solid is zero at the negative collector, as in the equations.

use super::equations::Step;
use super::layout::Layout;
use super::solid::Solid;
use super::state::Trial;

/// Radii at which the inside of particles is given.
pub const RADII: usize = 21;

/// These radii over that of the particle, evenly from the centre to the surface.
pub fn radii() -> [f64; RADII] {
    std::array::from_fn(|k| k as f64 / (RADII - 1) as f64)
}

/// Fields in an electrode, at its nodes from the negative to the positive side.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ElectrodeFields {
    /// Distance from the negative collector, m.
    pub x_m: Vec<f64>,
    /// Reaction current density out of the particles, A m-2.
    pub reaction_current_a_m2: Vec<f64>,
    /// Stoichiometry at the surface of the particles.
    pub surface_stoichiometry: Vec<f64>,
    /// Stoichiometry inside the particles at [`radii`], for each node.
    pub stoichiometry: Vec<[f64; RADII]>,
    /// Potential of the solid, V.
    pub solid_potential_v: Vec<f64>,
    /// Potential of the electrolyte, V.
    pub electrolyte_potential_v: Vec<f64>,
}

/// Fields inside the cell at one time. In the single-particle models the values of an electrode stand
/// for all of it; SPM has no electrolyte.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fields {
    /// Negative electrode.
    pub negative: ElectrodeFields,
    /// Positive electrode.
    pub positive: ElectrodeFields,
    /// Distances from the negative collector at which the electrolyte is given, m.
    pub electrolyte_x_m: Vec<f64>,
    /// Lithium in the electrolyte there, mol m-3.
    pub electrolyte_mol_m3: Vec<f64>,
    /// Potential of the electrolyte there, V: in the separator too.
    pub electrolyte_potential_v: Vec<f64>,
}

impl ElectrodeFields {
    /// Adds the inside of the particles, which have come to the end of the step.
    pub(super) fn look_inside(&mut self, solid: &Solid<f64>, layout: &Layout) {
        let inside = |k| solid.profile(layout.particle(k));
        self.stoichiometry = (0..self.x_m.len()).map(inside).collect();
    }
}

impl Step<'_, f64> {
    /// Fields at the end of a step.
    pub(super) fn fields(&self, trial: &Trial) -> Fields {
        let mut fields = Fields {
            negative: self.electrode_fields(0, trial),
            positive: self.electrode_fields(1, trial),
            ..Fields::default()
        };
        let layout = self.layout;
        if let Some(porous) = self.cell.porous.as_ref().filter(|_| layout.electrolyte) {
            let c_e0 = porous.electrolyte.concentration_mol_m3;
            let mut start = 0.0;
            for layer in 0..3 {
                let nodes = if layer == 1 { &layout.separator } else { &layout.electrode };
                let length = self.extent(layer).0;
                // neighbouring layers share a node
                for k in usize::from(layer > 0)..nodes.n {
                    fields.electrolyte_x_m.push(start + nodes.x[k] * length);
                    fields.electrolyte_mol_m3.push(c_e0 * trial.z[layout.y(layer, k)]);
                }
                start += length;
            }
            let mut potential = fields.negative.electrolyte_potential_v.clone();
            potential.extend(self.separator_potentials(&trial.z, potential.last().copied()));
            potential.extend(fields.positive.electrolyte_potential_v.iter().skip(1));
            fields.electrolyte_potential_v = potential;
        }
        fields
    }

    /// Potential of the electrolyte at the nodes of the separator but the first, V, from that of the
    /// first.
    fn separator_potentials(&self, z: &[f64], first_v: Option<f64>) -> Vec<f64> {
        let (layout, nodes, length) = (self.layout, &self.layout.separator, self.extent(1).0);
        let resistivity = &self.transport(z).resistivity[1];
        let first = z[layout.y(1, 0)];
        let at = |i: usize| {
            let fall = |k: usize| nodes.b[i * nodes.n + k] * length * resistivity[k].0;
            let ohmic = self.density(z) * (0..nodes.n).map(fall).sum::<f64>();
            let diffusion = self.physics.diffusion_voltage * (z[layout.y(1, i)] / first).ln();
            first_v.unwrap_or(f64::NAN) - ohmic + diffusion
        };
        (1..nodes.n).map(at).collect()
    }

    fn electrode_fields(&self, e: usize, trial: &Trial) -> ElectrodeFields {
        let (layout, z) = (self.layout, &trial.z);
        let nodes = &layout.electrode;
        let length = self.extent(2 * e).0;
        let separator = self.cell.porous.as_ref().map_or(0.0, |p| p.separator_thickness_m);
        let start = if e == 0 { 0.0 } else { self.extent(0).0 + separator };
        let transport = self.transport(z);
        let paths = self.potential_paths(e, z, &transport);
        let solid = self.solid_potentials(e, z, &transport);
        let particle = |k: usize| layout.particle(k);
        ElectrodeFields {
            x_m: nodes.x.iter().map(|x| start + x * length).collect(),
            reaction_current_a_m2: (0..nodes.n).map(|k| z[layout.j(e, particle(k))]).collect(),
            surface_stoichiometry: (0..nodes.n).map(|k| trial.x[e][particle(k)]).collect(),
            stoichiometry: vec![],
            electrolyte_potential_v: solid.iter().zip(paths).map(|(s, path)| s - path).collect(),
            solid_potential_v: solid,
        }
    }

    /// Potential of the solid at the nodes of an electrode, V.
    fn solid_potentials(
        &self,
        e: usize,
        z: &[f64],
        transport: &super::equations::Transport<f64>,
    ) -> Vec<f64> {
        let (layout, nodes) = (self.layout, &self.layout.electrode);
        let collector = if e == 0 { 0.0 } else { z[layout.voltage()] };
        if !layout.electrolyte {
            return vec![collector; nodes.n];
        }
        let electrode = &self.physics.electrodes[e];
        let fall = electrode.length * electrode.solid_resistivity;
        let at = |i: usize| {
            let drop = |k: usize| {
                let before = nodes.b[i * nodes.n + k];
                let part = if e == 0 { -before } else { nodes.w[k] - before };
                part * fall * (self.density(z) - transport.ionic[e][k])
            };
            collector + (0..nodes.n).map(drop).sum::<f64>()
        };
        (0..nodes.n).map(at).collect()
    }
}
