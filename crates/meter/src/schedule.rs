//! When to run, given how the grid's carbon intensity changes: start later (shift), or pause and go
//! on (suspend). Pure functions of a trace; nothing here reads a clock.
//!
//! The intensity is an average one (attributional): a saving on paper is not the same as emissions
//! avoided, which follow the marginal plant.
//!
//! Source: Wiesner et al. (2021), Let's wait awhile, for both rules. Differs from their code in
//! that ties do not make a job run too long: exactly as many slots are taken as are needed.

mod backtest;
mod plan;
mod saving;
mod trace;

pub use backtest::{Backtest, BacktestError, backtest};
pub use plan::{Costs, Job, Plan, PlanError, Strategy, plan};
pub use saving::{Saving, Span, saving};
pub use trace::{Trace, TraceError};
