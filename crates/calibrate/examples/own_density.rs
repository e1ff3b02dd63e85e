//! Samples a density of one's own: eight schools, in the form that does not centre the schools.
//!
//! Run with `cargo run --release -p surrogate-calibrate --example own_density`.
#![allow(clippy::print_stdout)]

use surrogate_calibrate::diagnostics::summary;
use surrogate_calibrate::{CalibrateError, Fatal, LogDensity, Nuts};

/// Effects of coaching in eight schools, `y_j ~ N(mu + tau z_j, s_j)`, with `z_j ~ N(0, 1)`,
/// `mu ~ N(0, 5)` and `tau ~ half-Cauchy(5)`. Coordinates: `z_1` to `z_8`, `mu`, `ln tau`.
struct EightSchools {
    y: [f64; 8],
    s: [f64; 8],
}

impl LogDensity for EightSchools {
    fn dim(&self) -> usize {
        10
    }

    fn logp_grad_batch(&self, x: &[f64], logp: &mut [f64], g: &mut [f64]) -> Result<(), Fatal> {
        for (b, (x, g)) in x.chunks_exact(10).zip(g.chunks_exact_mut(10)).enumerate() {
            let (mu, tau) = (x[8], x[9].exp());
            let q = tau * tau / 25.0;
            // the last term is the Jacobian of tau = exp(x)
            logp[b] = -mu * mu / 50.0 - (1.0 + q).ln() + x[9];
            g[8] = -mu / 25.0;
            g[9] = 1.0 - 2.0 * q / (1.0 + q);
            for j in 0..8 {
                let r = (self.y[j] - mu - tau * x[j]) / self.s[j];
                logp[b] -= 0.5 * (x[j] * x[j] + r * r);
                g[j] = -x[j] + r / self.s[j] * tau;
                g[8] += r / self.s[j];
                g[9] += r / self.s[j] * x[j] * tau;
            }
        }
        Ok(())
    }
}

fn main() -> Result<(), CalibrateError> {
    let schools = EightSchools {
        y: [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0],
        s: [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0],
    };
    let draws = Nuts { draws: 2000, seed: 1, ..Nuts::default() }.sample(&schools)?;
    println!("quantity   mean     sd  R-hat    ESS");
    for (name, values) in [("mu", draws.coordinate(8)), ("tau", draws.map(|x| x[9].exp()))] {
        let s = summary(&values);
        println!("{name:8} {:6.2} {:6.2} {:6.3} {:6.0}", s.mean, s.sd, s.r_hat, s.ess_bulk);
    }
    println!("{} gradients, {} divergences", draws.gradients(), draws.divergences());
    Ok(())
}
