//! Slopes of the residuals by the unknowns, row by row as in `equations`.

use super::dense::Dense;
use super::equations::{Step, Surface, Transport};

impl Step<'_, f64> {
    /// Writes the matrix of slopes; `gains[e]` is the slope of each surface stoichiometry by its
    /// reaction current.
    pub(super) fn jacobian(
        &self,
        z: &[f64],
        surfaces: &[Vec<Surface<f64>>; 2],
        gains: &[Vec<f64>; 2],
        transport: &Transport<f64>,
        matrix: &mut Dense,
    ) {
        matrix.clear();
        self.kinetic_slopes(z, surfaces, gains, matrix);
        self.path_slopes(z, transport, matrix);
        self.charge_slopes(matrix);
        let (row, layout) = (self.layout.current(), self.layout);
        let (by_voltage, by_current) = self.drive.slopes(z[layout.voltage()], z[layout.current()]);
        matrix.add(row, layout.voltage(), by_voltage);
        matrix.add(row, layout.current(), by_current);
        if layout.electrolyte {
            self.lithium_slopes(z, &transport.diffusivity, matrix);
        }
    }

    /// Residuals of the balances of lithium and their slopes alone.
    pub(super) fn lithium_step(&self, z: &[f64], residual: &mut [f64], matrix: &mut Dense) {
        let diffusivity = self.diffusivities(z);
        residual.fill(0.0);
        self.lithium(z, &diffusivity, residual);
        matrix.clear();
        self.lithium_slopes(z, &diffusivity, matrix);
    }

    /// Weight of a node in its row of kinetics.
    fn weight(&self, node: usize) -> f64 {
        if self.layout.particles == 1 { self.layout.electrode.w[node] } else { 1.0 }
    }

    fn kinetic_slopes(
        &self,
        z: &[f64],
        surfaces: &[Vec<Surface<f64>>; 2],
        gains: &[Vec<f64>; 2],
        matrix: &mut Dense,
    ) {
        let layout = self.layout;
        for e in 0..2 {
            for i in 0..layout.electrode.n {
                let (p, weight) = (layout.particle(i), self.weight(i));
                let (row, surface, gain) = (layout.j(e, p), &surfaces[e][p], gains[e][p]);
                let y = if layout.electrolyte { z[layout.y(2 * e, i)] } else { 1.0 };
                let half = 0.5 / (surface.exchange * y.sqrt());
                let ratio = z[row] * half;
                let steep = self.physics.thermal_voltage / (1.0 + ratio * ratio).sqrt();
                let by_j = surface.potential_slope * gain
                    + steep * (half - ratio * surface.exchange_log_slope * gain);
                matrix.add(row, row, weight * by_j);
                if layout.electrolyte {
                    matrix.add(row, layout.y(2 * e, i), -weight * steep * 0.5 * ratio / y);
                }
            }
        }
    }

    /// Slopes of minus the potential paths.
    fn path_slopes(&self, z: &[f64], transport: &Transport<f64>, matrix: &mut Dense) {
        let layout = self.layout;
        let n = layout.electrode.n;
        for e in 0..2 {
            for i in 0..n {
                let (row, weight) = (layout.j(e, layout.particle(i)), self.weight(i));
                matrix.add(row, layout.psi(), -weight);
                if e == 1 {
                    matrix.add(row, layout.voltage(), -weight);
                }
            }
            if layout.electrolyte {
                self.path_slopes_of(e, z, transport, matrix);
            }
        }
    }

    fn path_slopes_of(&self, e: usize, z: &[f64], transport: &Transport<f64>, matrix: &mut Dense) {
        let (layout, element) = (self.layout, &self.layout.electrode);
        let n = element.n;
        let electrode = &self.physics.electrodes[e];
        let (ionic, rho) = (&transport.ionic[e], &transport.resistivity[2 * e]);
        let crossed = (e == 1).then(|| self.crossed_slopes(z, transport));
        let (first, current) = (layout.y(0, 0), layout.current());
        for i in 0..n {
            let (row, weight) = (layout.j(e, layout.particle(i)), self.weight(i));
            let y = layout.y(2 * e, i);
            matrix.add(row, y, weight * self.physics.diffusion_voltage / z[y]);
            matrix.add(row, first, -weight * self.physics.diffusion_voltage / z[first]);
            for (column, slope) in crossed.iter().flatten() {
                matrix.add(row, *column, -weight * slope);
            }
            let mut by_density = 0.0;
            // slope of the path by the current in the electrolyte at node k
            let mut by_ionic = vec![0.0; n];
            for k in 0..n {
                let before = element.b[i * n + k] * electrode.length;
                let solid = if e == 0 { -before } else { element.w[k] * electrode.length - before };
                let solid = solid * electrode.solid_resistivity;
                by_density += solid;
                by_ionic[k] = before * rho[k].0 - solid;
                let y = layout.y(2 * e, k);
                matrix.add(row, y, -weight * before * ionic[k] * rho[k].1);
            }
            if e == 1 {
                by_density += by_ionic.iter().sum::<f64>();
            }
            matrix.add(row, current, -weight * by_density / self.physics.area);
            let mut by_j = vec![0.0; n];
            for (by_ionic, integral) in by_ionic.iter().zip(element.b.chunks_exact(n)) {
                for (sum, b) in by_j.iter_mut().zip(integral) {
                    *sum += by_ionic * b;
                }
            }
            for (m, slope) in by_j.into_iter().enumerate() {
                let column = layout.j(e, layout.particle(m));
                matrix.add(row, column, -weight * slope * electrode.surface);
            }
        }
    }

    /// Slopes of the ohmic fall between negative collector and positive electrode.
    fn crossed_slopes(&self, z: &[f64], transport: &Transport<f64>) -> Vec<(usize, f64)> {
        let (layout, element) = (self.layout, &self.layout.electrode);
        let n = element.n;
        let (ionic, rho) = (&transport.ionic[0], &transport.resistivity[0]);
        let length = self.extent(0).0;
        let mut slopes = Vec::with_capacity(3 * n);
        for m in 0..n {
            let by_j: f64 =
                (0..n).map(|k| element.w[k] * length * rho[k].0 * element.b[k * n + m]).sum();
            let column = layout.j(0, layout.particle(m));
            slopes.push((column, by_j * self.physics.electrodes[0].surface));
            slopes.push((layout.y(0, m), element.w[m] * length * ionic[m] * rho[m].1));
        }
        let density = self.density(z);
        let mut by_density = 0.0;
        for (k, (rho, slope)) in transport.resistivity[1].iter().enumerate() {
            let weight = layout.separator.w[k] * self.extent(1).0;
            by_density += weight * rho;
            slopes.push((layout.y(1, k), weight * density * slope));
        }
        slopes.push((layout.current(), by_density / self.physics.area));
        slopes
    }

    fn charge_slopes(&self, matrix: &mut Dense) {
        let (layout, element) = (self.layout, &self.layout.electrode);
        for (e, sign, row) in [(0, -1.0, layout.psi()), (1, 1.0, layout.voltage())] {
            matrix.add(row, layout.current(), sign / self.physics.area);
            for k in 0..element.n {
                let column = layout.j(e, layout.particle(k));
                matrix.add(row, column, self.physics.electrodes[e].surface * element.w[k]);
            }
        }
    }

    fn lithium_slopes(&self, z: &[f64], diffusivity: &[(f64, f64)], matrix: &mut Dense) {
        let layout = self.layout;
        let Some(time) = self.time else {
            for row in layout.first_y()..layout.unknowns() {
                matrix.add(row, row, 1.0);
            }
            return;
        };
        for layer in 0..3 {
            let element = if layer == 1 { &layout.separator } else { &layout.electrode };
            let (n, (length, porosity)) = (element.n, self.extent(layer));
            let efficiency = self.layer(layer).1;
            for k in 0..n {
                let (at, weight) = (layout.y(layer, k), element.w[k]);
                matrix.add(at, at, porosity * length * weight * time.a[0] / time.dt);
                if layer != 1 {
                    let e = layer / 2;
                    let column = layout.j(e, layout.particle(k));
                    let surface = self.physics.electrodes[e].surface;
                    matrix.add(at, column, -surface * self.physics.source * weight);
                }
            }
            for point in &element.points {
                let at = layout.y(layer, point.node);
                let (d, by_y) = diffusivity[at - layout.first_y()];
                let factor = efficiency * point.w / length;
                let values = point.d.iter().enumerate();
                let slope: f64 = values.map(|(m, d)| d * z[layout.y(layer, point.first + m)]).sum();
                for (i, test) in point.d.iter().enumerate() {
                    let (row, test) = (layout.y(layer, point.first + i), test * factor);
                    matrix.add(row, at, test * by_y * slope);
                    for (m, trial) in point.d.iter().enumerate() {
                        matrix.add(row, layout.y(layer, point.first + m), test * d * trial);
                    }
                }
            }
        }
    }
}
