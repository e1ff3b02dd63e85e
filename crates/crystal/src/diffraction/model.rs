//! Reflections of a symmetric crystal as a function of its free parameters, with derivatives.
//!
//! Parameters: free cell parameters (angstrom, degrees), free coordinates orbit after orbit, and last
//! one displacement parameter B (square angstrom) of all atoms. One reflection of each Laue orbit is
//! calculated, with the size of the orbit as its multiplicity.

use nalgebra::{Matrix3, Vector3};

use super::peaks::{half_sphere, limits};
use super::phases::{Complex, Phases};
use super::{DiffractionError, FormFactor, Texture, lorentz_polarisation};
use crate::symmetry::{CrystalSystem, SymmetricStructure};
use crate::{Lattice, LatticeError};

/// An atom of the primitive cell.
struct Atom {
    origin: Vector3<f64>,
    /// Parameter and what it moves.
    directions: Vec<(usize, Vector3<f64>)>,
}

/// Powder pattern of a space group with atoms on its Wyckoff positions.
pub struct PowderModel {
    template: SymmetricStructure,
    wavelength: f64,
    /// One of each Laue orbit, indices of the primitive cell.
    hkl: Vec<[i32; 3]>,
    multiplicity: Vec<f64>,
    /// Rotations of the primitive cell, one of each pair that inversion relates.
    rotations: Vec<Matrix3<i32>>,
    limits: [i32; 3],
    /// Atoms sorted by form factor.
    atoms: Vec<Atom>,
    factors: Vec<(&'static FormFactor, std::ops::Range<usize>)>,
    /// Form factors and their slopes at the reflection in hand.
    values: Vec<(f64, f64)>,
    parameters: Vec<f64>,
    q: Vec<f64>,
    intensity: Vec<f64>,
}

/// Derivatives of all reflections by one parameter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gradient {
    /// Of Q.
    pub q: Vec<f64>,
    /// Of the intensity.
    pub intensity: Vec<f64>,
}

impl PowderModel {
    /// A model of a crystal and of all that differ from it in free parameters, for reflections up to
    /// `q_max` in 1/angstrom. `margin` is the share by which reciprocal lengths may shrink without
    /// losing reflections, for example 0.1.
    ///
    /// # Errors
    ///
    /// Elements without form factors, too many reflections, or a range beyond 4 pi / wavelength.
    pub fn new(
        structure: &SymmetricStructure,
        wavelength: f64,
        q_max: f64,
        margin: f64,
    ) -> Result<Self, DiffractionError> {
        let edge = 180.0;
        let flat = |_: LatticeError| DiffractionError::Range { from: 0.0, to: edge };
        if !(q_max > 0.0 && q_max < 4.0 * std::f64::consts::PI / wavelength) {
            return Err(DiffractionError::Range { from: 0.0, to: edge });
        }
        let lattice = structure.primitive_lattice().map_err(flat)?;
        let all = half_sphere(&lattice, [0.0, q_max * (1.0 + margin)])?;
        let rotations = laue_rotations(structure);
        let (hkl, multiplicity) = laue_orbits(&rotations, &all);
        let mut model = Self {
            template: structure.clone(),
            wavelength,
            limits: limits(&hkl),
            hkl,
            multiplicity,
            rotations,
            atoms: Vec::new(),
            factors: Vec::new(),
            values: Vec::new(),
            parameters: structure.cell.clone(),
            q: Vec::new(),
            intensity: Vec::new(),
        };
        model.place_atoms()?;
        Ok(model)
    }

    /// A model of the same crystal at other parameters with reflections up to another `q_max` and `margin`.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn up_to(
        &self,
        parameters: &[f64],
        q_max: f64,
        margin: f64,
    ) -> Result<Self, DiffractionError> {
        Self::new(&self.structure(parameters), self.wavelength, q_max, margin)
    }

    /// Atoms of the primitive cell as functions of the parameters, sorted by element.
    fn place_atoms(&mut self) -> Result<(), DiffractionError> {
        let mut placed = Vec::new();
        for orbit in &self.template.orbits {
            let first = self.parameters.len();
            self.parameters.extend(&orbit.parameters);
            for image in self.template.primitive_images(orbit) {
                let directions = image.directions.into_iter().enumerate();
                let directions = directions.map(|(k, d)| (first + k, d)).collect();
                placed.push((orbit.element, Atom { origin: image.origin, directions }));
            }
        }
        self.parameters.push(0.0);
        placed.sort_by_key(|(element, _)| *element);
        let mut begin = 0;
        for group in placed.chunk_by(|(a, _), (b, _)| a == b) {
            let element = group[0].0;
            let factor = FormFactor::of(element).ok_or(DiffractionError::NoFormFactor(element))?;
            self.factors.push((factor, begin..begin + group.len()));
            begin += group.len();
        }
        self.values = vec![(0.0, 0.0); self.factors.len()];
        self.atoms = placed.into_iter().map(|(_, atom)| atom).collect();
        Ok(())
    }

    /// Parameters of the crystal it was made for, B = 0.
    #[must_use]
    pub fn parameters(&self) -> &[f64] {
        &self.parameters
    }

    /// Number of free cell parameters; free coordinates follow, then B.
    #[must_use]
    pub fn cell_parameters(&self) -> usize {
        self.template.cell.len()
    }

    /// The crystal for given parameters.
    #[must_use]
    pub fn structure(&self, parameters: &[f64]) -> SymmetricStructure {
        let mut structure = self.template.clone();
        let (cell, mut rest) = parameters.split_at(structure.cell.len());
        structure.cell.copy_from_slice(cell);
        for orbit in &mut structure.orbits {
            let (own, others) = rest.split_at(orbit.parameters.len());
            orbit.parameters.copy_from_slice(own);
            rest = others;
        }
        structure
    }

    /// Number of reflections.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hkl.len()
    }

    /// Whether there are no reflections.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hkl.is_empty()
    }

    /// Q of the last evaluation, in 1/angstrom.
    #[must_use]
    pub fn q(&self) -> &[f64] {
        &self.q
    }

    /// Intensities of the last evaluation.
    #[must_use]
    pub fn intensity(&self) -> &[f64] {
        &self.intensity
    }

    /// Factors of a texture on the intensities of the last evaluation, and their derivatives by its
    /// ratio. The texture's indices are those of the conventional cell.
    ///
    /// # Errors
    ///
    /// Cell parameters that span no cell.
    pub fn texture(&self, texture: &Texture) -> Result<Vec<(f64, f64)>, LatticeError> {
        let lattice = self.template.conventional_lattice()?;
        let back = self.template.group.primitive.try_inverse();
        let back = back.unwrap_or_else(Matrix3::identity).map(|x| x.round() as i32);
        let mean = |hkl: &[i32; 3]| {
            let row = nalgebra::RowVector3::from(*hkl);
            let images = self.rotations.iter().map(|rotation| {
                let image = row * rotation * back;
                texture.factor(&lattice, [image[0], image[1], image[2]])
            });
            let count = self.rotations.len() as f64;
            let sum = images.fold((0.0, 0.0), |sum, f| (sum.0 + f.0, sum.1 + f.1));
            (sum.0 / count, sum.1 / count)
        };
        Ok(self.hkl.iter().map(mean).collect())
    }

    /// What remains of the intensities when form factors and Lorentz-polarisation are taken out: Q of
    /// each reflection and, for each pair of elements `a <= b` in the order of atomic numbers, the
    /// factor of `f_a f_b` in multiplicity |F|^2 (both orders counted). For the crystal that the model
    /// was made for.
    ///
    /// # Errors
    ///
    /// Cell parameters that span no cell.
    pub fn pair_factors(&self) -> Result<(Vec<f64>, Vec<Vec<f64>>), LatticeError> {
        let geometry = Geometry::of(&self.template)?;
        let places = self.places(&self.parameters);
        let phases = Phases::new(&places, self.limits);
        let elements = self.factors.len();
        let mut pairs = vec![Vec::with_capacity(self.hkl.len()); elements * (elements + 1) / 2];
        let mut q = Vec::with_capacity(self.hkl.len());
        for (hkl, multiplicity) in self.hkl.iter().zip(&self.multiplicity) {
            let h = Vector3::from(hkl.map(f64::from));
            let g2 = h.dot(&(geometry.reciprocal_metric * h));
            q.push(std::f64::consts::TAU * g2.sqrt());
            let axes: [&[Complex]; 3] = std::array::from_fn(|axis| phases.axis(axis, hkl[axis]));
            let sum = |atoms: &std::ops::Range<usize>| {
                let wave = |j: usize| axes[0][j].times(axes[1][j]).times(axes[2][j]);
                atoms.clone().map(wave).fold(Complex::ZERO, Complex::plus)
            };
            let sums: Vec<Complex> = self.factors.iter().map(|(_, atoms)| sum(atoms)).collect();
            let mut pair = pairs.iter_mut();
            for a in 0..elements {
                for b in a..elements {
                    let product = sums[a].re * sums[b].re + sums[a].im * sums[b].im;
                    let orders = if a == b { 1.0 } else { 2.0 };
                    if let Some(column) = pair.next() {
                        column.push(multiplicity * orders * product);
                    }
                }
            }
        }
        Ok((q, pairs))
    }

    /// Places of the atoms in the primitive cell.
    fn places(&self, parameters: &[f64]) -> Vec<Vector3<f64>> {
        let place = |atom: &Atom| {
            atom.directions.iter().fold(atom.origin, |x, (p, d)| x + d * parameters[*p])
        };
        self.atoms.iter().map(place).collect()
    }

    /// Calculates the reflections, and their derivatives if `gradients` has one entry for each
    /// parameter; an empty slice asks for none. Reflections beyond `q_max`, and those whose sine of
    /// theta comes near 1, get no intensity.
    ///
    /// # Errors
    ///
    /// Cell parameters that span no cell.
    pub fn evaluate(
        &mut self,
        parameters: &[f64],
        q_max: f64,
        gradients: &mut [Gradient],
    ) -> Result<(), LatticeError> {
        let cell = self.template.cell.len();
        self.template.cell.copy_from_slice(&parameters[..cell]);
        let geometry = Geometry::of(&self.template)?;
        let places = self.places(parameters);
        let phases = Phases::new(&places, self.limits);
        let b_iso = parameters[parameters.len() - 1];
        self.q.clear();
        self.intensity.clear();
        for gradient in gradients.iter_mut() {
            gradient.q.clear();
            gradient.q.resize(self.hkl.len(), 0.0);
            gradient.intensity.clear();
            gradient.intensity.resize(self.hkl.len(), 0.0);
        }
        let mut plane = vec![Complex::ZERO; places.len()];
        let mut waves = vec![Complex::ZERO; places.len()];
        let mut last = None;
        let s2_max = (q_max / (4.0 * std::f64::consts::PI)).powi(2);
        for k in 0..self.hkl.len() {
            let hkl = self.hkl[k];
            let h = Vector3::from(hkl.map(f64::from));
            let along = geometry.reciprocal_metric * h;
            let s2 = h.dot(&along) / 4.0;
            self.q.push(4.0 * std::f64::consts::PI * s2.sqrt());
            if s2 > s2_max || s2 * self.wavelength * self.wavelength > GRAZING {
                self.intensity.push(0.0);
                continue;
            }
            if last != Some([hkl[0], hkl[1]]) {
                let (a, b) = (phases.axis(0, hkl[0]), phases.axis(1, hkl[1]));
                for ((p, a), b) in plane.iter_mut().zip(a).zip(b) {
                    *p = a.times(*b);
                }
                last = Some([hkl[0], hkl[1]]);
            }
            for ((w, p), c) in waves.iter_mut().zip(&plane).zip(phases.axis(2, hkl[2])) {
                *w = p.times(*c);
            }
            let place = Place { k, h, along, s2 };
            self.reflection(&place, &geometry, &waves, b_iso, gradients);
        }
        Ok(())
    }

    /// One reflection and its derivatives.
    fn reflection(
        &mut self,
        place: &Place,
        geometry: &Geometry,
        waves: &[Complex],
        b_iso: f64,
        gradients: &mut [Gradient],
    ) {
        let &Place { k, h, along, s2 } = place;
        let (q, sin2) = (self.q[k], s2 * self.wavelength * self.wavelength);
        let (mut amplitude, mut slope) = (Complex::ZERO, Complex::ZERO);
        for (slot, (factor, atoms)) in self.values.iter_mut().zip(&self.factors) {
            let sum = waves[atoms.clone()].iter().fold(Complex::ZERO, |sum, w| sum.plus(*w));
            let f = factor.at(s2);
            amplitude = amplitude.plus(sum.scaled(f.0));
            slope = slope.plus(sum.scaled(f.1));
            *slot = f;
        }
        let damping = self.multiplicity[k] * (-2.0 * b_iso * s2).exp();
        let (lp, lp_slope) = lorentz_polarisation(sin2);
        let norm2 = amplitude.norm2();
        self.intensity.push(damping * norm2 * lp);
        if gradients.is_empty() {
            return;
        }
        let real = |a: Complex, b: Complex| a.re * b.re + a.im * b.im;
        let by_s2 = damping
            * (2.0 * real(amplitude, slope) * lp
                + norm2 * (lp_slope * self.wavelength * self.wavelength - 2.0 * b_iso * lp));
        let cell = self.template.cell.len();
        for (gradient, ds2) in gradients[..cell].iter_mut().zip(geometry.squared_s_slopes(&along)) {
            gradient.q[k] = q * ds2 / (2.0 * s2);
            gradient.intensity[k] = by_s2 * ds2;
        }
        let common = 2.0 * damping * lp * std::f64::consts::TAU;
        for ((f, _), (_, atoms)) in self.values.iter().zip(&self.factors) {
            for j in atoms.clone() {
                // Re(F* i w) = Im(F) Re(w) - Re(F) Im(w)
                let turn = amplitude.im * waves[j].re - amplitude.re * waves[j].im;
                for (parameter, direction) in &self.atoms[j].directions {
                    gradients[*parameter].intensity[k] += common * f * turn * h.dot(direction);
                }
            }
        }
        if let Some(last) = gradients.last_mut() {
            last.intensity[k] = -2.0 * s2 * damping * norm2 * lp;
        }
    }
}

/// A reflection's number, its indices, the reciprocal metric times these, and s^2.
struct Place {
    k: usize,
    h: Vector3<f64>,
    along: Vector3<f64>,
    s2: f64,
}

/// Largest sin^2 theta of a reflection that is counted: 2 theta of 168 degrees.
const GRAZING: f64 = 0.99;

/// Reciprocal metric of the primitive cell and the change of the metric with the free cell parameters.
struct Geometry {
    reciprocal_metric: Matrix3<f64>,
    primitive: Matrix3<f64>,
    /// Derivatives of the conventional metric.
    slopes: Vec<Matrix3<f64>>,
}

impl Geometry {
    fn of(structure: &SymmetricStructure) -> Result<Self, LatticeError> {
        let cell = structure.cell_parameters();
        let lattice: Lattice = structure.primitive_lattice()?;
        let reciprocal = lattice.reciprocal();
        Ok(Self {
            reciprocal_metric: reciprocal.transpose() * reciprocal,
            primitive: structure.group.primitive,
            slopes: metric_slopes(structure.group.system(), cell.lengths, cell.angles_deg),
        })
    }

    /// Derivatives of s^2 = |G|^2 / 4 by the cell parameters, where `g` is the reciprocal metric times
    /// the indices: d |G|^2 = -g^T (d metric) g.
    fn squared_s_slopes(&self, g: &Vector3<f64>) -> impl Iterator<Item = f64> {
        let v = self.primitive * g;
        self.slopes.iter().map(move |slope| -v.dot(&(slope * v)) / 4.0)
    }
}

/// Derivatives of the metric of the conventional cell by its free parameters.
fn metric_slopes(
    system: CrystalSystem,
    lengths: [f64; 3],
    angles_deg: [f64; 3],
) -> Vec<Matrix3<f64>> {
    let pair_angle = |i: usize, j: usize| angles_deg[3 - i - j].to_radians();
    let cosine = |i: usize, j: usize| if i == j { 1.0 } else { pair_angle(i, j).cos() };
    let by_length = |k: usize| {
        Matrix3::from_fn(|i, j| {
            let left = if i == k { lengths[j] } else { 0.0 };
            let right = if j == k { lengths[i] } else { 0.0 };
            (left + right) * cosine(i, j)
        })
    };
    let by_angle = |k: usize| {
        Matrix3::from_fn(|i, j| {
            if i == j || 3 - i - j != k {
                return 0.0;
            }
            -lengths[i] * lengths[j] * pair_angle(i, j).sin() * std::f64::consts::PI / 180.0
        })
    };
    match system {
        CrystalSystem::Triclinic => (0..3).map(by_length).chain((0..3).map(by_angle)).collect(),
        CrystalSystem::Monoclinic => {
            vec![by_length(0), by_length(1), by_length(2), by_angle(1)]
        }
        CrystalSystem::Orthorhombic => (0..3).map(by_length).collect(),
        CrystalSystem::Tetragonal | CrystalSystem::Hexagonal => {
            vec![by_length(0) + by_length(1), by_length(2)]
        }
        CrystalSystem::Cubic => vec![by_length(0) + by_length(1) + by_length(2)],
    }
}

/// Rotations of the point group in the primitive cell, one of each pair that inversion relates.
fn laue_rotations(structure: &SymmetricStructure) -> Vec<Matrix3<i32>> {
    let group = structure.group;
    let back = group.primitive.try_inverse().unwrap_or_else(Matrix3::identity);
    let count = group.operations.len() / group.centring.len();
    let mut rotations: Vec<Matrix3<i32>> = Vec::with_capacity(count);
    for operation in &group.operations[..count] {
        let rotation = back * operation.rotation.map(f64::from) * group.primitive;
        let rotation = rotation.map(|x| x.round() as i32);
        if !rotations.contains(&-rotation) {
            rotations.push(rotation);
        }
    }
    rotations
}

/// One of each Laue orbit among half of a sphere, and how many reflections the orbit has.
fn laue_orbits(rotations: &[Matrix3<i32>], all: &[[i32; 3]]) -> (Vec<[i32; 3]>, Vec<f64>) {
    let (mut hkl, mut multiplicity) = (Vec::new(), Vec::new());
    for &h in all {
        let row = nalgebra::RowVector3::from(h);
        let mut same = 0;
        let mut is_first = true;
        for rotation in rotations {
            let image = row * rotation;
            let image = [image[0], image[1], image[2]];
            let opposite = image.map(|x| -x);
            if image > h || opposite > h {
                is_first = false;
                break;
            }
            same += usize::from(image == h || opposite == h);
        }
        if is_first {
            hkl.push(h);
            multiplicity.push(2.0 * (rotations.len() / same) as f64);
        }
    }
    (hkl, multiplicity)
}
