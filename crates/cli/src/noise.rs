//! Noise as users write it, and synthetic measurements with it.

use surrogate_calibrate::{Prior, stream};
use surrogate_problem::Problem;
use surrogate_problem::model::Unit;
use surrogate_problem::units::parse_quantity;

use crate::failure::Failure;
use crate::grid::Item;

/// Standard deviation of a noise such as `2mV`, SI; a plain number is in the unit of the output.
///
/// # Errors
/// Anything that is no positive quantity of the output's dimension.
pub fn parse(text: &str, name: &str, unit: &Unit) -> Result<f64, Failure> {
    let wrong = |why: &str| {
        Failure::helped(
            format!("`{text}` is no noise of {name}: {why}"),
            format!("a positive number of {}, such as 2mV for a voltage", unit.text),
        )
    };
    let quantity = parse_quantity(text).map_err(|e| wrong(&e.message))?;
    let value = match quantity.plain {
        true => quantity.value * unit.factor,
        false if quantity.unit.dimension == unit.dimension => quantity.value,
        false => return Err(wrong("another unit")),
    };
    if value > 0.0 && value.is_finite() { Ok(value) } else { Err(wrong("not positive")) }
}

/// Noise for the outputs of one unit.
pub struct Noise {
    /// By output: its standard deviation, SI; `None` for outputs of another unit.
    sd: Vec<Option<f64>>,
    seed: u64,
}

impl Noise {
    /// For all outputs whose unit the text has.
    ///
    /// # Errors
    /// No noise, or one of no output.
    pub fn read(text: &str, seed: u64, problem: &Problem) -> Result<Self, Failure> {
        let each: Vec<_> = problem.outputs.iter().map(|o| parse(text, &o.name, &o.unit)).collect();
        let sd: Vec<Option<f64>> = each.iter().map(|r| r.as_ref().ok().copied()).collect();
        if sd.iter().any(Option::is_some) {
            return Ok(Self { sd, seed });
        }
        let why = || Failure::user("this problem has no outputs to add noise to");
        Err(each.into_iter().find_map(Result::err).unwrap_or_else(why))
    }

    /// Adds it to the values of an output, SI.
    pub fn add(&self, item: Item, values: &mut [f64]) {
        let Item::Output(output) = item else { return };
        if let Some(sd) = self.sd[output] {
            let mut rng = stream(self.seed, output as u64);
            let noise = Prior::Normal { mean: 0.0, sd };
            values.iter_mut().for_each(|value| *value += noise.sample(&mut rng));
        }
    }
}
