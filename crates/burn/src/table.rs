//! Piecewise polynomials: the interval by binary search with gathers, the polynomial by Horner.
//! Derivatives come from the polynomial; the search has none.

use burn::tensor::{Int, Tensor};
use surrogate_jet::{Extrapolate, Table};

use crate::device::Device;

/// A [`Table`] on a device.
pub(crate) struct DeviceTable {
    range: (f64, f64),
    /// Slopes beyond the lower and the upper end of a linear extrapolation.
    slopes: (f64, f64),
    extrapolate: Extrapolate,
    intervals: usize,
    /// By interval: lower end, centre, inverse half width.
    lower: Tensor<1>,
    centre: Tensor<1>,
    inverse_half: Tensor<1>,
    /// Coefficients by interval, highest power first.
    coefficients: Vec<Tensor<1>>,
}

impl DeviceTable {
    pub(crate) fn new(table: &Table, device: &Device) -> Self {
        let breaks = table.breaks();
        let of_intervals = |f: fn(f64, f64) -> f64| {
            let values: Vec<f64> = breaks.windows(2).map(|b| f(b[0], b[1])).collect();
            device.column(&values)
        };
        let rows: Vec<Vec<f64>> = (0..table.intervals()).map(|i| table.row(i)).collect();
        let coefficients = (0..=table.degree()).map(|power| {
            let values: Vec<f64> = rows.iter().map(|row| row[power]).collect();
            device.column(&values)
        });
        let (lo, hi) = table.range();
        let slope = table.derivative();
        Self {
            range: (lo, hi),
            slopes: (slope.value(lo), slope.value(hi)),
            extrapolate: table.extrapolate(),
            intervals: table.intervals(),
            lower: of_intervals(|a, _| a),
            centre: of_intervals(|a, b| 0.5 * (a + b)),
            inverse_half: of_intervals(|a, b| 2.0 / (b - a)),
            coefficients: coefficients.collect(),
        }
    }

    /// Values at `x [N]`.
    pub(crate) fn value(&self, x: &Tensor<1>) -> Tensor<1> {
        let (lo, hi) = self.range;
        let below = || x.clone().lower_elem(lo);
        let above = || x.clone().greater_elem(hi);
        if self.extrapolate == Extrapolate::Polynomial {
            return self.polynomial(x);
        }
        let inside = x.clone().mask_fill(below(), lo).mask_fill(above(), hi);
        let y = self.polynomial(&inside);
        match self.extrapolate {
            Extrapolate::Clamp | Extrapolate::Polynomial => y,
            Extrapolate::Zero => y.mask_fill(below(), 0.0).mask_fill(above(), 0.0),
            Extrapolate::Linear => {
                let slopes = x.full_like(self.slopes.1).mask_fill(below(), self.slopes.0);
                y + (x.clone() - inside) * slopes
            }
        }
    }

    fn polynomial(&self, x: &Tensor<1>) -> Tensor<1> {
        let index = self.interval(x);
        let of = |values: &Tensor<1>| values.clone().select(0, index.clone());
        let u = (x.clone() - of(&self.centre)) * of(&self.inverse_half);
        let mut sum = of(&self.coefficients[0]);
        for c in &self.coefficients[1..] {
            sum = sum * u.clone() + of(c);
        }
        sum
    }

    /// The last interval that starts at or below x, else the first (also for NaN).
    fn interval(&self, x: &Tensor<1>) -> Tensor<1, Int> {
        let x = x.clone().detach();
        let mut index: Tensor<1, Int> = Tensor::zeros([x.dims()[0]], &x.device());
        let last = self.intervals as i64 - 1;
        let mut stride = self.intervals.next_power_of_two() as i64 / 2;
        while stride > 0 {
            let next = (index.clone() + stride).clamp_max(last);
            let start = self.lower.clone().select(0, next.clone());
            index = index.mask_where(start.lower_equal(x.clone()), next);
            stride /= 2;
        }
        index
    }
}
