//! Tables of measured points: straight lines between them, the end values outside.

/// Points `(x, y)` with `x` increasing, interpolated by straight lines.
///
/// Outside the points the value is that of the nearest end and the slope is zero: a table says
/// nothing there, and a straight continuation could make a diffusivity negative.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    x: Vec<f64>,
    y: Vec<f64>,
}

/// Why points make no table.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TableError {
    /// Lists of different lengths.
    #[error("x has {x} numbers and y has {y}; both lists need the same length")]
    Lengths {
        /// Numbers in x.
        x: usize,
        /// Numbers in y.
        y: usize,
    },
    /// Fewer than two points.
    #[error("a table needs at least two points; write a plain number for a constant")]
    TooShort,
    /// Two values for the same x.
    #[error("x = {x} stands twice in the table, which leaves its value open; remove one of them")]
    Repeated {
        /// The abscissa that stands twice.
        x: f64,
    },
    /// Points in no order.
    #[error("x = {x} of the table follows {before}: its points go up and down; put them in order")]
    OutOfOrder {
        /// The abscissa that is out of order.
        x: f64,
        /// The one before it.
        before: f64,
    },
    /// A number that is not finite.
    #[error("point {index} of the table (counted from 0) is not finite")]
    NotFinite {
        /// Index of the point.
        index: usize,
    },
}

impl Table {
    /// A table of points whose abscissae rise or fall.
    ///
    /// # Errors
    /// [`TableError`] where the points define no function.
    pub fn new(x: &[f64], y: &[f64]) -> Result<Self, TableError> {
        if x.len() != y.len() {
            return Err(TableError::Lengths { x: x.len(), y: y.len() });
        }
        if x.len() < 2 {
            return Err(TableError::TooShort);
        }
        let mut points: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
        if let Some(index) = points.iter().position(|(x, y)| !(x.is_finite() && y.is_finite())) {
            return Err(TableError::NotFinite { index });
        }
        if points[0].0 > points[points.len() - 1].0 {
            points.reverse();
        }
        let unordered = points.windows(2).find(|pair| pair[0].0 > pair[1].0);
        let mut sorted = points.clone();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(TableError::Repeated { x: pair[0].0 });
        }
        if let Some([(before, _), (x, _)]) = unordered {
            return Err(TableError::OutOfOrder { x: *x, before: *before });
        }
        let (x, y) = points.into_iter().unzip();
        Ok(Self { x, y })
    }

    /// Abscissae, increasing.
    pub fn x(&self) -> &[f64] {
        &self.x
    }

    /// Ordinates.
    pub fn y(&self) -> &[f64] {
        &self.y
    }

    /// Value and slope at `x`; at a point the slope is that of the line on its right.
    pub fn value_and_derivative(&self, x: f64) -> (f64, f64) {
        let last = self.x.len() - 1;
        if x < self.x[0] {
            return (self.y[0], 0.0);
        }
        if x > self.x[last] {
            return (self.y[last], 0.0);
        }
        let right = self.x.partition_point(|&a| a <= x).clamp(1, last);
        let (x0, y0) = (self.x[right - 1], self.y[right - 1]);
        let slope = (self.y[right] - y0) / (self.x[right] - x0);
        (y0 + slope * (x - x0), slope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_between_points_and_end_values_outside() {
        let table = Table::new(&[0.0, 1.0, 3.0], &[0.0, 10.0, 0.0]).unwrap();
        assert_eq!(Table::new(&[3.0, 1.0, 0.0], &[0.0, 10.0, 0.0]).as_ref(), Ok(&table));
        assert_eq!(table.value_and_derivative(0.5), (5.0, 10.0));
        assert_eq!(table.value_and_derivative(2.0), (5.0, -5.0));
        assert_eq!(table.value_and_derivative(3.0), (0.0, -5.0));
        assert_eq!(table.value_and_derivative(-1.0), (0.0, 0.0));
        assert_eq!(table.value_and_derivative(9.0), (0.0, 0.0));
    }

    #[test]
    fn points_that_define_no_function_are_refused() {
        assert_eq!(Table::new(&[0.0], &[1.0]), Err(TableError::TooShort));
        assert_eq!(Table::new(&[0.0, 1.0], &[1.0]), Err(TableError::Lengths { x: 2, y: 1 }));
        assert_eq!(Table::new(&[0.0, 0.0], &[1.0, 2.0]), Err(TableError::Repeated { x: 0.0 }));
        let mixed = Table::new(&[0.0, 2.0, 1.0, 3.0], &[1.0; 4]);
        assert_eq!(mixed, Err(TableError::OutOfOrder { x: 1.0, before: 2.0 }));
        let broken = Table::new(&[0.0, f64::NAN], &[1.0, 2.0]);
        assert_eq!(broken, Err(TableError::NotFinite { index: 1 }));
    }
}
