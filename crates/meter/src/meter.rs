//! The meter: reads all sources at every stage boundary and once per period, on one clock.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::Duration;

use crate::attribution::SharedAccount;
use crate::carry_over::{CarryOver, Slot};
use crate::clock::{Clock, Moment, seconds};
use crate::cpu_time::{CpuScope, ThreadClock};
use crate::detect::{DetectOptions, Detection, detect};
use crate::error::MeterError;
use crate::finding::{Rejection, RejectionKind};
use crate::ledger::{Amount, Ledger, StageId};
use crate::report::{ChannelReport, EnergyReport, Total, total_of};
use crate::samples::{Sample, SampleLog};
use crate::source::{Scope, Source, Uncertainty};

/// Longest period of the sampler: a counter may wrap after 4 minutes.
const LONGEST_PERIOD: Duration = Duration::from_secs(10);
/// Shortest period of the sampler.
const SHORTEST_PERIOD: Duration = Duration::from_millis(5);

/// How a meter is set up.
#[derive(Debug)]
pub struct MeterOptions {
    /// Time between two samples; kept within 5 ms to 10 s. Default: 1 s.
    pub period: Duration,
    /// Whose CPU time drives the load model and the stage table.
    pub cpu_scope: CpuScope,
    /// What is read: the result of a search, or sources made by the caller. Default: `None`,
    /// which searches this machine with [`DetectOptions::default`].
    pub detection: Option<Detection>,
    /// Account of earlier sessions of the run.
    pub carry_over: CarryOver,
    /// Root of the kernel's process tree, for the CPU time of the whole machine. Default: `/proc`.
    pub proc_root: PathBuf,
}

impl Default for MeterOptions {
    fn default() -> Self {
        Self {
            period: Duration::from_secs(1),
            cpu_scope: CpuScope::Process,
            detection: None,
            carry_over: CarryOver::default(),
            proc_root: PathBuf::from("/proc"),
        }
    }
}

/// The open stages of one thread.
struct Thread {
    stages: Vec<StageId>,
    clock: ThreadClock,
    cpu_ns: u64, // at the last boundary
}

impl Thread {
    fn of_caller() -> Self {
        let clock = ThreadClock::of_this_thread();
        Self { stages: Vec::new(), clock, cpu_ns: clock.cpu_ns().unwrap_or(0) }
    }

    /// CPU time since the last boundary, ns.
    fn step(&mut self) -> u64 {
        let now = self.clock.cpu_ns().unwrap_or(self.cpu_ns);
        now.saturating_sub(std::mem::replace(&mut self.cpu_ns, now))
    }
}

struct State {
    sources: Vec<Box<dyn Source>>,
    read_uj: Vec<u64>, // last reading of each source
    slots: Vec<Slot>,  // the sources' channels, then the carried ones
    rejected: Vec<Rejection>,
    ledger: Ledger,
    samples: SampleLog,
    last: Moment,
    threads: HashMap<ThreadId, Thread>,
    shared: Option<SharedAccount>,
    scope: String,
    cost: OwnCost,
    stopped: bool,
}

/// What the meter itself takes.
#[derive(Debug, Default)]
struct OwnCost {
    boundaries: u64,
    boundary_ns: u64,
    beats: u64,
    beat_ns: u64,
}

/// CPU time of this thread from here on: what a reading takes, whatever else the machine does.
struct Stretch(ThreadClock, u64);

impl Stretch {
    fn start() -> Self {
        let clock = ThreadClock::of_this_thread();
        Self(clock, clock.cpu_ns().unwrap_or(0))
    }

    fn ns(&self) -> u64 {
        self.0.cpu_ns().unwrap_or(self.1).saturating_sub(self.1)
    }
}

struct Shared {
    clock: Clock,
    state: Mutex<State>,
    wake: Condvar,
    total_uj: AtomicU64,
}

/// A running meter. Stages may be opened on any thread; dropping the meter stops it.
pub struct Meter {
    shared: Arc<Shared>,
    sampler: Option<JoinHandle<()>>,
}

impl Meter {
    /// Finds the sources (unless given), takes the baseline and starts the sampler.
    ///
    /// Blocks for the search: at most 0.1 s, with GPUs 0.4 s.
    ///
    /// # Errors
    /// If the carried-over table is not whole, or no thread can be started.
    pub fn start(options: MeterOptions) -> Result<Self, MeterError> {
        let detection = options.detection.unwrap_or_else(|| detect(&DetectOptions::default()));
        let Detection { mut sources, rejected } = detection;
        let live = sources.iter().map(|source| source.channel().clone()).collect();
        let (slots, ledger) = options.carry_over.join(live)?;
        let clock = Clock::start(options.cpu_scope.clone());
        let last = clock.now();
        let on_machine = sources.iter().any(|source| source.scope() == Scope::Machine);
        let shared = on_machine.then(|| SharedAccount::start(options.proc_root, last.cpu_ns));
        let scope = options.cpu_scope.words();
        let read_uj = sources.iter_mut().map(|source| source.read(last)).collect();
        let total = ledger.total().clone();
        let shared = Arc::new(Shared {
            clock,
            total_uj: AtomicU64::new(total.total_uj()),
            wake: Condvar::new(),
            state: Mutex::new(State {
                sources,
                read_uj,
                slots,
                rejected,
                samples: SampleLog::start(total.wall_ns, &total.energy_uj),
                ledger,
                last,
                threads: HashMap::new(),
                shared,
                scope,
                cost: OwnCost::default(),
                stopped: false,
            }),
        });
        let period = options.period.clamp(SHORTEST_PERIOD, LONGEST_PERIOD);
        let sampled = Arc::clone(&shared);
        let sampler = thread::Builder::new()
            .name("surrogate-meter".to_owned())
            .spawn(move || sampled.sample_until_stopped(period))
            .map_err(|source| MeterError::SamplerThread { source })?;
        Ok(Self { shared, sampler: Some(sampler) })
    }

    /// Opens a stage inside the innermost open stage of this thread; it closes when the guard is
    /// dropped, by a panic too. A `/` in the name nests like a stage inside a stage.
    pub fn stage(&self, name: &str) -> StageGuard {
        self.open(None, name)
    }

    /// Opens a stage inside `parent`, which may belong to another thread: for the workers of a
    /// pool. While it is open it takes the place of `parent` in sharing out energy.
    pub fn stage_in(&self, parent: StageId, name: &str) -> StageGuard {
        self.open(Some(parent), name)
    }

    fn open(&self, parent: Option<StageId>, name: &str) -> StageGuard {
        let thread = thread::current().id();
        let mut state = self.shared.boundary();
        let state = &mut *state;
        let stages = &mut state.threads.entry(thread).or_insert_with(Thread::of_caller).stages;
        let id = state.ledger.open(parent.or_else(|| stages.last().copied()), name);
        stages.push(id);
        StageGuard { shared: Arc::clone(&self.shared), id, thread, stays: PhantomData }
    }

    /// Energy so far with its uncertainty; reads all sources.
    #[must_use]
    pub fn total(&self) -> Total {
        total_of(&self.shared.boundary().channel_reports())
    }

    /// Energy so far (earlier sessions included), J, as of the last boundary: at most one period
    /// old. Cost: one atomic load.
    #[must_use]
    pub fn energy_so_far_j(&self) -> f64 {
        self.shared.total_uj.load(Ordering::Relaxed) as f64 * 1e-6
    }

    /// The power curve so far: samples that were not taken out yet.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        self.shared.lock().samples.kept().to_vec()
    }

    /// Takes the samples out, for a file that grows as the run goes; the final report then holds
    /// only those that came later.
    #[must_use]
    pub fn take_samples(&self) -> Vec<Sample> {
        self.shared.lock().samples.take()
    }

    /// The account so far; stages that are open count up to now. Reads all sources.
    #[must_use]
    pub fn report(&self) -> EnergyReport {
        self.shared.boundary().report()
    }

    /// Closes all stages, stops the sampler and gives the final account.
    #[must_use]
    pub fn stop(mut self) -> EnergyReport {
        self.halt();
        self.shared.lock().report()
    }

    fn halt(&mut self) {
        {
            let mut state = self.shared.beat();
            state.ledger.close_all();
            state.stopped = true;
        }
        self.shared.wake.notify_all();
        if let Some(sampler) = self.sampler.take() {
            // The sampler holds nothing worth saving: if it panicked, the account still stands.
            let _ = sampler.join();
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if self.sampler.is_some() {
            self.halt();
        }
    }
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meter").field("energy_so_far_j", &self.energy_so_far_j()).finish()
    }
}

impl Shared {
    /// A panic while the lock was held leaves the ledger whole, so a poisoned lock is used on.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads all sources and books the interval since the last reading.
    fn boundary(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if !state.stopped {
            let cost = Stretch::start();
            self.read(&mut state, self.clock.now());
            state.cost.boundaries += 1;
            state.cost.boundary_ns += cost.ns();
        }
        state
    }

    /// As [`Shared::boundary`], with everything read anew, and ends the sample.
    fn beat(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if !state.stopped {
            let cost = Stretch::start();
            self.read(&mut state, self.clock.exact());
            state.end_sample();
            state.cost.beats += 1;
            state.cost.beat_ns += cost.ns();
        }
        state
    }

    fn read(&self, state: &mut State, now: Moment) {
        state.book(now);
        self.total_uj.store(state.ledger.total().total_uj(), Ordering::Relaxed);
    }

    fn sample_until_stopped(&self, period: Duration) {
        let period_ns = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        let mut due_ns = self.clock.wall_ns().saturating_add(period_ns);
        let mut state = self.lock();
        while !state.stopped {
            let now_ns = self.clock.wall_ns();
            if now_ns < due_ns {
                let wait = Duration::from_nanos(due_ns - now_ns);
                let waited = self.wake.wait_timeout(state, wait);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            drop(state);
            state = self.beat();
            due_ns = due_ns.max(now_ns.saturating_sub(period_ns)).saturating_add(period_ns);
        }
    }
}

impl State {
    fn book(&mut self, now: Moment) {
        // another process's ended child may vanish from a tree's CPU time: it never counts back
        let now = Moment { cpu_ns: now.cpu_ns.max(self.last.cpu_ns), ..now };
        let mut interval = Amount::zero(self.sources.len());
        interval.wall_ns = now.wall_ns.saturating_sub(self.last.wall_ns);
        interval.cpu_ns = now.cpu_ns.saturating_sub(self.last.cpu_ns);
        let places = interval.energy_uj.iter_mut().zip(&mut self.read_uj);
        for (source, (step_uj, read_uj)) in self.sources.iter_mut().zip(places) {
            let new_uj = source.read(now).max(*read_uj);
            *step_uj = new_uj - *read_uj;
            *read_uj = new_uj;
            if let Some(shared) = &mut self.shared
                && source.scope() == Scope::Machine
            {
                shared.add(*step_uj);
            }
        }
        let cpu_of: Vec<(StageId, u64)> = self
            .threads
            .values_mut()
            .filter_map(|thread| Some((*thread.stages.last()?, thread.step())))
            .collect();
        self.ledger.advance_by(&interval, &cpu_of);
        self.last = now;
    }

    fn end_sample(&mut self) {
        if let Some(shared) = &mut self.shared {
            shared.beat(self.last.cpu_ns);
        }
        let total = self.ledger.total();
        self.samples.beat(total.wall_ns, &total.energy_uj);
    }

    /// Channels with their energies: the ledger's totals, so that they agree with the stages.
    fn channel_reports(&self) -> Vec<ChannelReport> {
        let energies = &self.ledger.total().energy_uj;
        let report = |(i, (slot, &energy_uj)): (usize, (&Slot, &u64))| {
            let live = self.sources.get(i).map(|source| source.uncertainty()).unwrap_or_default();
            let carried = slot.carried.as_ref().map(ChannelReport::uncertainty).unwrap_or_default();
            let both: Uncertainty = live.plus(carried);
            ChannelReport::new(&slot.channel, energy_uj, both)
        };
        self.slots.iter().zip(energies).enumerate().map(report).collect()
    }

    fn not_measured(&self) -> Vec<Rejection> {
        let missing = self.rejected.iter().filter(|r| r.kind == RejectionKind::Missing).cloned();
        let troubled = self.sources.iter().filter_map(|source| {
            source.trouble().map(|why| Rejection::missing(source.channel().name.clone(), why))
        });
        let empty = self
            .slots
            .is_empty()
            .then(|| Rejection::missing("everything", "the meter was given no source"));
        missing.chain(troubled).chain(empty).collect()
    }

    fn report(&self) -> EnergyReport {
        let channels = self.channel_reports();
        let total = total_of(&channels);
        let unattributed = self.ledger.unattributed().clone();
        EnergyReport {
            stages: self.ledger.snapshot(),
            unattributed_uj: unattributed.total_uj(),
            unattributed,
            total_uj: total.energy_uj,
            total_sigma_uj: total.uncertainty.sigma_uj,
            total_low_uj: total.uncertainty.low_uj,
            total_high_uj: total.uncertainty.high_uj,
            wall_s: self.ledger.total().wall_s(),
            cpu_s: self.ledger.total().cpu_s(),
            samples: self.samples.kept().to_vec(),
            not_measured: self.not_measured(),
            shared: self.shared.as_ref().and_then(SharedAccount::report),
            cpu_scope: self.scope.clone(),
            boundaries: self.cost.boundaries,
            boundary_s: seconds(self.cost.boundary_ns),
            beats: self.cost.beats,
            beat_s: seconds(self.cost.beat_ns),
            session_s: seconds(self.last.wall_ns),
            channels,
        }
    }
}

/// Keeps a stage open; dropping it, in whatever way, closes the stage. Stays on its thread.
#[must_use = "a stage closes when its guard is dropped"]
pub struct StageGuard {
    shared: Arc<Shared>,
    id: StageId,
    thread: ThreadId,
    stays: PhantomData<*const ()>,
}

impl StageGuard {
    /// The stage's id, for [`Meter::stage_in`] on other threads.
    #[must_use]
    pub fn id(&self) -> StageId {
        self.id
    }
}

impl Drop for StageGuard {
    fn drop(&mut self) {
        let mut state = self.shared.boundary();
        state.ledger.close(self.id);
        if let Some(thread) = state.threads.get_mut(&self.thread) {
            thread.stages.retain(|&id| id != self.id);
            if thread.stages.is_empty() {
                state.threads.remove(&self.thread);
            }
        }
    }
}

impl std::fmt::Debug for StageGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("StageGuard").field(&self.id).finish()
    }
}
