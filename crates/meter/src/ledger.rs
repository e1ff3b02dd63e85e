//! The ledger: which stage used which energy, in integers that add up exactly.
//!
//! Attribution rule. Time is cut into intervals at every boundary (a stage opens or closes, or
//! the sampler beats). The energy, wall time and CPU time of an interval are split among the
//! *innermost* open stages, those that have no open stage inside them. Each thread has at most one
//! innermost stage, and a stage that was opened on one thread inside a stage of another takes the
//! place of that stage. Several innermost stages share in proportion to the CPU time of their
//! threads, which [`Ledger::advance_by`] is given; CPU time that belongs to none of these threads
//! (a pool's workers) counts for all of them equally, and without any CPU time they share equally.
//! Shares are rounded by the largest remainder. With no stage open the interval is *unattributed*.
//! Hence for every channel, at every moment,
//!
//! sum of the stages' own energies + unattributed = total (exactly, in µJ).
//!
//! The ledger reads no clock and no counter: intervals are arguments.

use std::collections::HashMap;

use crate::clock::seconds;
use crate::shares::largest_remainder;

/// Energies by channel, wall and CPU time, of a stage or an interval.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Amount {
    /// Energy by channel, µJ, in the order of the report's channels.
    pub energy_uj: Vec<u64>,
    /// Wall time, ns.
    pub wall_ns: u64,
    /// CPU time of the process, ns.
    pub cpu_ns: u64,
}

impl Amount {
    /// Nothing, over `channels` channels.
    #[must_use]
    pub fn zero(channels: usize) -> Self {
        Self { energy_uj: vec![0; channels], wall_ns: 0, cpu_ns: 0 }
    }

    /// Energy of all channels, µJ.
    #[must_use]
    pub fn total_uj(&self) -> u64 {
        self.energy_uj.iter().fold(0, |sum, &uj| sum.saturating_add(uj))
    }

    /// Wall time, s.
    #[must_use]
    pub fn wall_s(&self) -> f64 {
        seconds(self.wall_ns)
    }

    /// CPU time, s.
    #[must_use]
    pub fn cpu_s(&self) -> f64 {
        seconds(self.cpu_ns)
    }

    fn add(&mut self, more: &Self) {
        for (mine, &q) in self.energy_uj.iter_mut().zip(&more.energy_uj) {
            *mine += q;
        }
        self.wall_ns += more.wall_ns;
        self.cpu_ns += more.cpu_ns;
    }

    /// Splits every quantity in proportion to `weights`, exactly.
    fn split(&self, weights: &[u64]) -> Vec<Self> {
        let mut parts = vec![Self::zero(self.energy_uj.len()); weights.len()];
        let mut share = |q: u64, put: &dyn Fn(&mut Self, u64)| {
            for (part, q) in parts.iter_mut().zip(largest_remainder(q, weights)) {
                put(part, q);
            }
        };
        for (channel, &q) in self.energy_uj.iter().enumerate() {
            share(q, &|part, q| part.energy_uj[channel] = q);
        }
        share(self.wall_ns, &|part, q| part.wall_ns = q);
        share(self.cpu_ns, &|part, q| part.cpu_ns = q);
        parts
    }
}

/// What one stage used over all its calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageRecord {
    /// Names from the outermost stage inwards, joined by `/`. Stages of one path are pooled.
    pub path: String,
    /// How many times the stage was opened.
    pub calls: u64,
    /// Time between opening and closing, summed over calls, stages inside included, ns.
    pub open_ns: u64,
    /// The stage's own share: stages inside it are *not* included.
    pub own: Amount,
}

impl StageRecord {
    /// Last part of the path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Time between opening and closing, summed over calls, s.
    #[must_use]
    pub fn open_s(&self) -> f64 {
        seconds(self.open_ns)
    }
}

/// Names one opening of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StageId(u64);

#[derive(Debug)]
struct OpenStage {
    id: StageId,
    row: usize,
    parent: Option<StageId>,
    children: usize,
    opened_ns: u64,
}

/// The stage table; see the module's head for the rule.
#[derive(Debug)]
pub struct Ledger {
    rows: Vec<StageRecord>,
    by_path: HashMap<String, usize>,
    open: Vec<OpenStage>, // in the order of opening
    unattributed: Amount,
    total: Amount,
    next_id: u64,
}

impl Ledger {
    /// An empty ledger over `channels` channels.
    #[must_use]
    pub fn new(channels: usize) -> Self {
        Self::resume(channels, Vec::new(), Amount::zero(channels))
    }

    /// A ledger that goes on from an earlier session's table.
    ///
    /// Every amount is cut or padded with zeros to `channels` channels.
    #[must_use]
    pub fn resume(channels: usize, stages: Vec<StageRecord>, unattributed: Amount) -> Self {
        let mut ledger = Self {
            rows: Vec::new(),
            by_path: HashMap::new(),
            open: Vec::new(),
            unattributed: Amount::zero(channels),
            total: Amount::zero(channels),
            next_id: 0,
        };
        let unattributed = ledger.fitting(&unattributed);
        ledger.unattributed.add(&unattributed);
        ledger.total.add(&unattributed);
        for stage in stages {
            let own = ledger.fitting(&stage.own);
            let row = ledger.row(&stage.path);
            ledger.rows[row].calls = ledger.rows[row].calls.saturating_add(stage.calls);
            ledger.rows[row].open_ns = ledger.rows[row].open_ns.saturating_add(stage.open_ns);
            ledger.rows[row].own.add(&own);
            ledger.total.add(&own);
        }
        ledger
    }

    /// Books an interval since the last boundary; several innermost stages share it equally.
    ///
    /// Channels beyond the ledger's are ignored, missing ones count as 0; a quantity that would
    /// overflow the total is cut so that the sum stays exact.
    pub fn advance(&mut self, interval: &Amount) {
        self.advance_by(interval, &[]);
    }

    /// Books an interval; several innermost stages share it by the CPU time, ns, that `cpu_of` says
    /// their threads used in it. Stages that it does not name used none of their own.
    pub fn advance_by(&mut self, interval: &Amount, cpu_of: &[(StageId, u64)]) {
        let interval = self.fitting(interval);
        self.total.add(&interval);
        let innermost: Vec<(StageId, usize)> =
            self.open.iter().filter(|s| s.children == 0).map(|s| (s.id, s.row)).collect();
        match innermost.as_slice() {
            [] => self.unattributed.add(&interval),
            [(_, row)] => self.rows[*row].own.add(&interval),
            several => {
                let own = |id: StageId| {
                    let named = cpu_of.iter().filter(|(stage, _)| *stage == id);
                    named.fold(0_u64, |sum, (_, ns)| sum.saturating_add(*ns))
                };
                let own: Vec<u64> = several.iter().map(|&(id, _)| own(id)).collect();
                let sum = own.iter().fold(0_u64, |sum, &ns| sum.saturating_add(ns));
                let pool = interval.cpu_ns.saturating_sub(sum) / several.len() as u64;
                let weights: Vec<u64> = own.iter().map(|ns| ns.saturating_add(pool)).collect();
                for (&(_, row), part) in several.iter().zip(interval.split(&weights)) {
                    self.rows[row].own.add(&part);
                }
            }
        }
    }

    /// Opens a stage inside `parent` (if that is still open) and gives its id.
    pub fn open(&mut self, parent: Option<StageId>, name: &str) -> StageId {
        let name = if name.is_empty() { "unnamed" } else { name };
        let outer = parent.and_then(|id| self.position(id));
        let path = match outer {
            Some(at) => format!("{}/{name}", self.rows[self.open[at].row].path),
            None => name.to_owned(),
        };
        if let Some(at) = outer {
            self.open[at].children += 1;
        }
        let row = self.row(&path);
        self.rows[row].calls = self.rows[row].calls.saturating_add(1);
        let id = StageId(self.next_id);
        self.next_id += 1;
        self.open.push(OpenStage {
            id,
            row,
            parent: outer.and(parent),
            children: 0,
            opened_ns: self.total.wall_ns,
        });
        id
    }

    /// Closes a stage. Stages inside it stay open and go to its parent; an id that is not open
    /// is ignored.
    pub fn close(&mut self, id: StageId) {
        let Some(at) = self.position(id) else { return };
        let closed = self.open.remove(at);
        let row = &mut self.rows[closed.row];
        row.open_ns = row.open_ns.saturating_add(self.total.wall_ns - closed.opened_ns);
        for stage in &mut self.open {
            if stage.parent == Some(id) {
                stage.parent = closed.parent;
            }
        }
        if let Some(outer) = closed.parent.and_then(|parent| self.position(parent)) {
            self.open[outer].children += closed.children;
            self.open[outer].children -= 1;
        }
    }

    /// Closes every open stage.
    pub fn close_all(&mut self) {
        while let Some(id) = self.open.last().map(|stage| stage.id) {
            self.close(id);
        }
    }

    /// The stage table, in the order in which the paths first appeared.
    #[must_use]
    pub fn stages(&self) -> &[StageRecord] {
        &self.rows
    }

    /// The stage table with the time that open stages have been open so far.
    #[must_use]
    pub fn snapshot(&self) -> Vec<StageRecord> {
        let mut rows = self.rows.clone();
        for stage in &self.open {
            let open_ns = self.total.wall_ns - stage.opened_ns;
            rows[stage.row].open_ns = rows[stage.row].open_ns.saturating_add(open_ns);
        }
        rows
    }

    /// What no stage was open for.
    #[must_use]
    pub fn unattributed(&self) -> &Amount {
        &self.unattributed
    }

    /// Sum of all intervals, counted apart from the stages.
    #[must_use]
    pub fn total(&self) -> &Amount {
        &self.total
    }

    fn position(&self, id: StageId) -> Option<usize> {
        self.open.iter().rposition(|stage| stage.id == id)
    }

    fn row(&mut self, path: &str) -> usize {
        if let Some(&row) = self.by_path.get(path) {
            return row;
        }
        self.rows.push(StageRecord {
            path: path.to_owned(),
            calls: 0,
            open_ns: 0,
            own: Amount::zero(self.total.energy_uj.len()),
        });
        self.by_path.insert(path.to_owned(), self.rows.len() - 1);
        self.rows.len() - 1
    }

    /// `amount` over this ledger's channels, cut so that no sum over channels can overflow.
    fn fitting(&self, amount: &Amount) -> Amount {
        let mut room = u64::MAX - self.total.total_uj();
        let mut fitted = Amount::zero(self.total.energy_uj.len());
        for (mine, &uj) in fitted.energy_uj.iter_mut().zip(&amount.energy_uj) {
            *mine = uj.min(room);
            room -= *mine;
        }
        fitted.wall_ns = amount.wall_ns.min(u64::MAX - self.total.wall_ns);
        fitted.cpu_ns = amount.cpu_ns.min(u64::MAX - self.total.cpu_ns);
        fitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joules(uj: u64) -> Amount {
        Amount { energy_uj: vec![uj], wall_ns: 10, cpu_ns: 3 }
    }

    fn own(ledger: &Ledger, path: &str) -> u64 {
        ledger.stages().iter().find(|s| s.path == path).map_or(0, |s| s.own.total_uj())
    }

    #[test]
    fn the_innermost_stage_gets_the_interval() {
        let mut ledger = Ledger::new(1);
        let train = ledger.open(None, "train");
        ledger.advance(&joules(5));
        let adam = ledger.open(Some(train), "adam");
        ledger.advance(&joules(7));
        ledger.close(adam);
        ledger.advance(&joules(1));
        ledger.close(train);
        ledger.advance(&joules(2));
        assert_eq!((own(&ledger, "train"), own(&ledger, "train/adam")), (6, 7));
        assert_eq!(ledger.unattributed().total_uj(), 2);
        assert_eq!(ledger.stages()[0].open_ns, 30);
    }

    #[test]
    fn concurrent_stages_share_with_the_remainder_to_the_first_opened() {
        let mut ledger = Ledger::new(1);
        for name in ["a", "b", "c"] {
            ledger.open(None, name);
        }
        ledger.advance(&joules(11));
        assert_eq!((own(&ledger, "a"), own(&ledger, "b"), own(&ledger, "c")), (4, 4, 3));
    }

    #[test]
    fn concurrent_stages_share_by_the_cpu_time_of_their_threads() {
        let mut ledger = Ledger::new(1);
        let busy = ledger.open(None, "busy");
        let waiting = ledger.open(None, "waiting");
        let interval = Amount { energy_uj: vec![1_000], wall_ns: 10, cpu_ns: 10 };
        ledger.advance_by(&interval, &[(busy, 9), (waiting, 1)]);
        assert_eq!((own(&ledger, "busy"), own(&ledger, "waiting")), (900, 100));
    }

    #[test]
    fn a_pool_s_cpu_time_counts_for_all_stages_equally() {
        let mut ledger = Ledger::new(1);
        let a = ledger.open(None, "a");
        ledger.open(None, "b");
        // 4 ns on a's own thread, 16 ns on workers that nobody named
        let interval = Amount { energy_uj: vec![1_000], wall_ns: 10, cpu_ns: 20 };
        ledger.advance_by(&interval, &[(a, 4)]);
        assert_eq!((own(&ledger, "a"), own(&ledger, "b")), (600, 400));
    }

    #[test]
    fn a_stage_that_waits_for_others_inside_it_gets_nothing() {
        let mut ledger = Ledger::new(1);
        let solve = ledger.open(None, "solve");
        let one = ledger.open(Some(solve), "case");
        let two = ledger.open(Some(solve), "case");
        ledger.advance(&joules(8));
        ledger.close(one);
        ledger.advance(&joules(8));
        ledger.close(two);
        ledger.advance(&joules(8));
        assert_eq!((own(&ledger, "solve"), own(&ledger, "solve/case")), (8, 16));
    }

    #[test]
    fn closing_out_of_order_keeps_the_inner_stage() {
        let mut ledger = Ledger::new(1);
        let a = ledger.open(None, "a");
        let b = ledger.open(Some(a), "b");
        let c = ledger.open(Some(b), "c");
        ledger.close(b);
        ledger.close(b);
        ledger.advance(&joules(3));
        ledger.close(c);
        ledger.advance(&joules(4));
        assert_eq!((own(&ledger, "a"), own(&ledger, "a/b/c")), (4, 3));
    }

    #[test]
    fn overflow_is_cut_and_still_adds_up() {
        let mut ledger = Ledger::new(2);
        ledger.open(None, "a");
        let huge = Amount { energy_uj: vec![u64::MAX, 9], wall_ns: u64::MAX, cpu_ns: u64::MAX };
        ledger.advance(&huge);
        ledger.advance(&huge);
        assert_eq!(ledger.total().total_uj(), u64::MAX);
        assert_eq!(own(&ledger, "a"), u64::MAX);
    }
}
