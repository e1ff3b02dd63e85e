//! Training steps (loss and full weight gradient) beside the machine's measured FMA peak.
//!
//! `cargo bench -p surrogate-jet --bench step -- [--json] [--tile N] [--only NAME] [--isa NAME]
//! [--from THREADS] [--threads THREADS]`. The large case is the network of
//! `benches/compare/training_step.py`: 4-64-64-64-64-2 tanh, 4096 points, streams value, d/dt,
//! d/dr, d2/dr2, loss = mean (c_t - D (c_rr + 2/r c_r))^2 over two outputs. Only the products of
//! hidden layers are counted as work.
// A report on standard output is the purpose of this program.
#![allow(clippy::print_stdout)]
// The peak needs a loop of FMA instructions that stays in registers.
#![allow(unsafe_code)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use surrogate_jet::{Activation, AlignedBuffer, Isa, Mlp, Streams, Workspace};

/// Same generator as in `training_step.py`.
fn lcg(seed: u64, n: usize) -> Vec<f64> {
    let mut state = seed;
    let next = |_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1u32 << 31)
    };
    (0..n).map(next).collect()
}

/// One problem: network, points and streams.
struct Step {
    name: &'static str,
    mlp: Mlp,
    streams: Streams,
    points: usize,
    weights: Vec<f64>,
    /// `[point][input]`, input 0 is t and input 1 is r.
    x: Vec<f64>,
}

const DIFFUSIVITY: [f64; 2] = [0.7, 1.3];

impl Step {
    fn new(name: &'static str, shape: &[usize], orders: &[u8], points: usize) -> Self {
        let mlp = Mlp {
            inputs: shape[0],
            hidden: shape[1..shape.len() - 1].to_vec(),
            outputs: shape[shape.len() - 1],
            activation: Activation::Tanh,
        };
        let mut uniform = lcg(1, mlp.n_weights()).into_iter();
        let weights =
            mlp.glorot(&mut || 3.0f64.sqrt() * (2.0 * uniform.next().unwrap_or(0.5) - 1.0));
        let mut x = lcg(2, points * mlp.inputs);
        x.iter_mut().skip(1).step_by(mlp.inputs).for_each(|r| *r = 0.1 + 0.9 * *r);
        Self { name, mlp, streams: Streams { orders: orders.to_vec() }, points, weights, x }
    }

    /// Multiply-adds of the hidden products counted twice, forward, adjoint and gradient.
    fn flops(&self) -> f64 {
        let pairs: usize = self.mlp.hidden.windows(2).map(|w| w[0] * w[1]).sum();
        6.0 * (pairs * self.points * self.streams.count()) as f64
    }

    /// Inputs of the tile at `first`, `[input][stream][tile]`; missing points repeat the last.
    fn tile(&self, first: usize, tile: usize) -> AlignedBuffer {
        let (inputs, count) = (self.mlp.inputs, self.streams.count());
        let mut x = AlignedBuffer::zeros(inputs * count * tile);
        for input in 0..inputs {
            for p in 0..tile {
                let point = (first + p).min(self.points - 1);
                x[input * count * tile + p] = self.x[point * inputs + input];
            }
        }
        for direction in 0..self.streams.orders.len() {
            let start = (direction * count + self.streams.index(direction, 1)) * tile;
            x[start..start + tile].fill(1.0);
        }
        x
    }

    /// Loss of one tile; fills `adjoint`. Diffusion with four streams, else the mean square.
    fn residual(&self, x: &[f64], first: usize, y: &[f64], adjoint: &mut [f64]) -> f64 {
        let count = self.streams.count();
        let tile = y.len() / count / self.mlp.outputs;
        let n = tile.min(self.points - first);
        let scale = 1.0 / (self.points * self.mlp.outputs) as f64;
        let r = &x[count * tile..][..tile];
        let mut loss = 0.0;
        let blocks = y.chunks_exact(count * tile).zip(adjoint.chunks_exact_mut(count * tile));
        for (o, (y, q)) in blocks.enumerate() {
            if count < 4 {
                for p in 0..n {
                    loss += scale * y[p] * y[p];
                    q[p] = 2.0 * scale * y[p];
                }
                q[n..].fill(0.0);
                continue;
            }
            let d = DIFFUSIVITY[o];
            let (c_t, rest) = y[tile..].split_at(tile);
            let (c_r, c_rr) = rest.split_at(tile);
            let (q_t, rest) = q[tile..].split_at_mut(tile);
            let (q_r, q_rr) = rest.split_at_mut(tile);
            for p in 0..tile {
                let weight = if p < n { scale } else { 0.0 };
                let two_over_r = 2.0 / r[p];
                let residual = c_t[p] - d * (c_rr[p] + two_over_r * c_r[p]);
                loss += weight * residual * residual;
                q_t[p] = 2.0 * weight * residual;
                q_r[p] = -d * two_over_r * q_t[p];
                q_rr[p] = -d * q_t[p];
            }
        }
        loss
    }
}

/// What one thread keeps between steps.
struct Worker {
    ws: Workspace,
    tiles: Vec<(usize, AlignedBuffer)>,
    adjoint: AlignedBuffer,
    gradient: Vec<f64>,
}

impl Worker {
    fn run(&mut self, step: &Step) -> f64 {
        let mut loss = 0.0;
        for (first, x) in &self.tiles {
            self.ws.forward(&step.weights, x);
            loss += step.residual(x, *first, self.ws.output(), &mut self.adjoint);
            self.ws.reverse(&step.weights, x, &self.adjoint);
        }
        self.gradient.fill(0.0);
        self.ws.drain_gradient(&mut self.gradient);
        loss
    }
}

/// Meeting point of threads which spins, because a small step is shorter than a wake-up.
struct SpinBarrier {
    threads: usize,
    arrived: AtomicUsize,
}

impl SpinBarrier {
    fn wait(&self) {
        let ticket = self.arrived.fetch_add(1, Ordering::AcqRel);
        let all = (ticket / self.threads + 1) * self.threads;
        while self.arrived.load(Ordering::Acquire) < all {
            std::hint::spin_loop();
        }
    }
}

/// Measured step: seconds (minimum, median), loss, gradient norm.
struct Timing {
    minimum: f64,
    median: f64,
    loss: f64,
    norm: f64,
}

/// Runs the step on persistent threads for about `budget` seconds.
fn measure(step: &Step, threads: usize, tile: usize, isa: Isa, budget: f64) -> Timing {
    let firsts: Vec<usize> = (0..step.points).step_by(tile).collect();
    let worker = |t: usize| {
        let range = firsts.len() * t / threads..firsts.len() * (t + 1) / threads;
        let ws = Workspace::with_isa(&step.mlp, &step.streams, tile, isa);
        Mutex::new((
            Worker {
                adjoint: AlignedBuffer::zeros(ws.output().len()),
                ws,
                tiles: firsts[range].iter().map(|&first| (first, step.tile(first, tile))).collect(),
                gradient: vec![0.0; step.weights.len()],
            },
            0.0,
        ))
    };
    let workers: Vec<_> = (0..threads).map(worker).collect();
    let barrier = SpinBarrier { threads, arrived: AtomicUsize::new(0) };
    let lock = |t: usize| workers[t].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let run = |t: usize| {
        let mut guard = lock(t);
        let (worker, loss) = &mut *guard;
        *loss = worker.run(step);
    };
    // A first run gives the number of repeats.
    let start = Instant::now();
    (0..threads).for_each(&run);
    let one = start.elapsed().as_secs_f64() / threads as f64;
    let repeats = ((budget / one) as usize).clamp(5, 20_000);
    let mut times = vec![];
    let (mut loss, mut norm) = (0.0, 0.0);
    std::thread::scope(|scope| {
        for t in 1..threads {
            let (barrier, run) = (&barrier, &run);
            scope.spawn(move || {
                for _ in 0..repeats {
                    barrier.wait();
                    run(t);
                    barrier.wait();
                }
            });
        }
        for _ in 0..repeats {
            let start = Instant::now();
            barrier.wait();
            run(0);
            barrier.wait();
            let mut total = vec![0.0; step.weights.len()];
            loss = 0.0;
            for t in 0..threads {
                let guard = lock(t);
                loss += guard.1;
                total.iter_mut().zip(&guard.0.gradient).for_each(|(sum, g)| *sum += g);
            }
            norm = total.iter().map(|g| g * g).sum::<f64>().sqrt();
            times.push(start.elapsed().as_secs_f64());
        }
    });
    times.sort_by(f64::total_cmp);
    Timing { minimum: times[0], median: times[times.len() / 2], loss, norm }
}

/// Flops of one call of the register loop.
const PEAK_FLOPS: f64 = 4e6 * 12.0 * 16.0;

/// `$count` rounds over twelve independent accumulators (eight hide the latency of four cycles).
/// Spelled out, because the optimiser does not keep an array in registers here.
#[cfg(target_arch = "x86_64")]
macro_rules! rounds {
    ($count:expr, $fma:ident, $set1:ident, $first:ident) => {{
        let (a, b) = ($set1(std::hint::black_box(0.999)), $set1(1e-3));
        let (mut s0, mut s1, mut s2, mut s3) = (b, b, b, b);
        let (mut s4, mut s5, mut s6, mut s7) = (b, b, b, b);
        let (mut s8, mut s9, mut s10, mut s11) = (b, b, b, b);
        for _ in 0..$count {
            (s0, s1, s2) = ($fma(s0, a, b), $fma(s1, a, b), $fma(s2, a, b));
            (s3, s4, s5) = ($fma(s3, a, b), $fma(s4, a, b), $fma(s5, a, b));
            (s6, s7, s8) = ($fma(s6, a, b), $fma(s7, a, b), $fma(s8, a, b));
            (s9, s10, s11) = ($fma(s9, a, b), $fma(s10, a, b), $fma(s11, a, b));
        }
        [s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11].map($first)
    }};
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn fma_loop_avx512() -> [f64; 12] {
    use std::arch::x86_64::*;
    let first = |s| _mm512_cvtsd_f64(s);
    rounds!(4_000_000, _mm512_fmadd_pd, _mm512_set1_pd, first)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn fma_loop_avx2() -> [f64; 12] {
    use std::arch::x86_64::*;
    let first = |s| _mm256_cvtsd_f64(s);
    rounds!(8_000_000, _mm256_fmadd_pd, _mm256_set1_pd, first)
}

fn fma_loop(isa: Isa) {
    let sum = match isa {
        // SAFETY: `isa` was detected.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { fma_loop_avx512() },
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { fma_loop_avx2() },
        _ => [f64::NAN; 12],
    };
    std::hint::black_box(sum);
}

/// Peak flop/s of `threads` threads, best of several runs.
fn peak(isa: Isa, threads: usize) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..12 {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(|| fma_loop(isa));
            }
            fma_loop(isa);
        });
        best = best.min(start.elapsed().as_secs_f64());
    }
    threads as f64 * PEAK_FLOPS / best
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let json = arguments.iter().any(|a| a == "--json");
    let after = |name: &str| arguments.iter().position(|a| a == name).map(|i| &arguments[i + 1]);
    let forced_tile: Option<usize> = after("--tile").and_then(|tile| tile.parse().ok());
    let only = after("--only");
    let isa = match after("--isa").map(String::as_str) {
        Some("avx2") => Isa::Avx2,
        Some("portable") => Isa::Portable,
        _ => Isa::detect(),
    };
    let steps = [
        Step::new("4-64x4-2 diffusion 4096", &[4, 64, 64, 64, 64, 2], &[1, 2], 4096),
        Step::new("6-12x3-1 value 1000", &[6, 12, 12, 12, 1], &[], 1000),
        Step::new("6-12x3-1 diffusion 1000", &[6, 12, 12, 12, 1], &[1, 2], 1000),
        Step::new("4-12x2-1 diffusion 1000", &[4, 12, 12, 1], &[1, 2], 1000),
    ];
    if !json {
        println!("{isa:?}; minimum and median of repeats; only hidden products are counted");
    }
    let most = after("--threads").and_then(|n| n.parse().ok()).unwrap_or(2);
    let least = after("--from").and_then(|n| n.parse().ok()).unwrap_or(1);
    for threads in least..=most {
        if !json {
            println!("\n{threads} thread(s)");
        }
        for step in &steps {
            if only.is_some_and(|only| !step.name.contains(only.as_str())) {
                continue;
            }
            let tile = forced_tile.unwrap_or(Workspace::default_tile(&step.mlp, &step.streams));
            // Peak on both sides of the step: a shared machine changes its clock.
            let before = peak(isa, threads);
            let timing = measure(step, threads, tile, isa, 1.5);
            let peak = before.max(peak(isa, threads));
            let rate = step.flops() / timing.minimum;
            let Timing { minimum, median, loss, norm } = timing;
            if json {
                println!(
                    "{{\"step\":\"{}\",\"threads\":{threads},\"tile\":{tile},\"ms\":{:.6},\
                     \"median_ms\":{:.6},\"gflops\":{:.3},\"peak_gflops\":{:.3},\
                     \"loss\":{loss:.15e},\"norm\":{norm:.15e}}}",
                    step.name,
                    1e3 * minimum,
                    1e3 * median,
                    rate / 1e9,
                    peak / 1e9
                );
            } else {
                println!(
                    "{:26} tile {tile:4}  {:8.4} ms (median {:8.4})  {:6.1} GFLOP/s  {:4.1} % of \
                     {:.1}  loss {loss:.12e}  |g| {norm:.10e}",
                    step.name,
                    1e3 * minimum,
                    1e3 * median,
                    rate / 1e9,
                    100.0 * rate / peak,
                    peak / 1e9
                );
            }
        }
    }
}
