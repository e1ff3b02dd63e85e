"""Time one PINN training step in our kernel, torch.compile and JAX jit, side by side.

The step: MLP 4-64-64-64-64-2, tanh, 4096 points, f64; streams c, c_t, c_r, c_rr;
loss = mean (c_t - D (c_rr + 2/r c_r))^2 over two outputs; loss and full weight gradient.
All implementations use the formulation that is fastest for them here: the four streams of all
points stacked as rows, one matrix product per layer. Weights and points come from the same
generator as in crates/jet/benches/step.rs; the losses and gradient norms must agree to 1e-9.

Each library and thread count runs in a process of its own, rounds are interleaved, and the
minimum over rounds is reported, because the machine is shared. Every measurement first waits for
idle cores, and one during which other processes took more than 5 % of them is repeated.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

SHAPE = (4, 64, 64, 64, 64, 2)
POINTS = 4096
DIFFUSIVITY = (0.7, 1.3)
CASE = "4-64x4-2"
REPOSITORY = Path(__file__).resolve().parents[2]


def uniform(seed: int, n: int):
    """The linear congruential generator of the Rust bench, in [0, 1)."""
    import numpy as np

    state, mask, out = seed, (1 << 64) - 1, np.empty(n)
    for i in range(n):
        state = (state * 6364136223846793005 + 1442695040888963407) & mask
        out[i] = (state >> 33) / (1 << 31)
    return out


def problem():
    """Weights [(W[in][out], b[out])], stacked input streams [4 points][inputs], r, D."""
    import numpy as np

    layers, numbers = [], iter(uniform(1, 20_000))
    for n_in, n_out in zip(SHAPE[:-1], SHAPE[1:]):
        scale = np.sqrt(2.0 / (n_in + n_out)) * np.sqrt(3.0)
        w = np.array([2.0 * next(numbers) - 1.0 for _ in range(n_in * n_out)]) * scale
        layers.append((w.reshape(n_out, n_in).T.copy(), np.zeros(n_out)))
    x = uniform(2, POINTS * SHAPE[0]).reshape(POINTS, SHAPE[0])
    x[:, 1] = 0.1 + 0.9 * x[:, 1]
    x_t, x_r, x_rr = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    x_t[:, 0] = 1.0
    x_r[:, 1] = 1.0
    return layers, np.concatenate([x, x_t, x_r, x_rr]), x[:, 1:2].copy(), np.array(DIFFUSIVITY)


def loss(xp, concatenate, layers, streams, r, diffusivity):
    """Loss by stacked streams in any array library `xp`."""
    n = POINTS
    for w, b in layers[:-1]:
        z = streams @ w
        v = xp.tanh(z[:n] + b)
        slope = 1.0 - v * v
        z_t, z_r, z_rr = z[n : 2 * n], z[2 * n : 3 * n], z[3 * n :]
        curved = slope * (z_rr - 2.0 * v * z_r * z_r)
        streams = concatenate([v, slope * z_t, slope * z_r, curved])
    c = streams[n:] @ layers[-1][0]
    c_t, c_r, c_rr = c[:n], c[n : 2 * n], c[2 * n :]
    residual = c_t - diffusivity * (c_rr + 2.0 * c_r / r)
    return (residual * residual).mean()


def measure(step, seconds: float):
    """Minimum milliseconds of `step` over about `seconds`."""
    for _ in range(3):
        step()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def run_torch(threads: int, compiled: bool):
    import torch

    torch.set_num_threads(threads)
    layers, streams, r, diffusivity = problem()
    layers = [tuple(torch.tensor(p).requires_grad_() for p in layer) for layer in layers]
    streams, r, diffusivity = (torch.tensor(a) for a in (streams, r, diffusivity))
    # The output bias has no influence on a residual of derivatives.
    flat = [p for layer in layers for p in layer][:-1]
    function = lambda layers: loss(torch, torch.cat, layers, streams, r, diffusivity)  # noqa: E731
    if compiled:
        function = torch.compile(function)

    def step():
        value = function(layers)
        return value, torch.autograd.grad(value, flat)

    start = time.perf_counter()
    value, gradient = step()
    first = time.perf_counter() - start
    norm = sum(float((g * g).sum()) for g in gradient) ** 0.5
    return step, value.item(), norm, first, torch.__version__


def run_jax(threads: int):
    # The CPU client sizes its pool by the cores it may use.
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[-threads:]))
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    layers, streams, r, diffusivity = jax.tree.map(jnp.asarray, problem())
    function = lambda layers: loss(jnp, jnp.concatenate, layers, streams, r, diffusivity)  # noqa: E731
    graded = jax.jit(jax.value_and_grad(function))
    step = lambda: jax.block_until_ready(graded(layers))  # noqa: E731
    start = time.perf_counter()
    value, gradient = step()
    first = time.perf_counter() - start
    norm = float(sum((g * g).sum() for g in jax.tree.leaves(gradient))) ** 0.5
    return step, float(value), norm, first, jax.__version__


def child(name: str, threads: int, seconds: float):
    """Body of one measuring process: prints one JSON line."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if name == "jax jit":
        step, value, norm, first, version = run_jax(threads)
    else:
        step, value, norm, first, version = run_torch(threads, name == "torch.compile")
    result = {"ms": measure(step, seconds), "loss": value, "norm": norm}
    print(json.dumps(result | {"first_s": first, "version": version}))


def busy():
    """CPU seconds spent by all processes of the machine."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    ticks = [int(field) for field in fields]
    return (sum(ticks[:8]) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def undisturbed(command: list, attempts: int = 8):
    """Last line of the command's output, parsed; measured while nothing else runs."""
    cores = os.cpu_count()
    for _ in range(attempts):
        for _ in range(120):
            before = busy()
            time.sleep(1.0)
            if busy() - before < 0.05 * cores:
                break
        start, all_before, own_before = time.perf_counter(), busy(), os.times()
        output = subprocess.run(
            command, cwd=REPOSITORY, check=True, capture_output=True, text=True
        ).stdout
        own = os.times()
        mine = sum(own[2:4]) - sum(own_before[2:4])
        elapsed = time.perf_counter() - start
        others = (busy() - all_before - mine) / (cores * elapsed)
        if others < 0.05:
            return json.loads(output.strip().splitlines()[-1])
        print(f"  repeated: others took {100 * others:.0f} % of the cores", file=sys.stderr)
    sys.exit("the machine is too busy for a comparison")


def ours(threads: int):
    """Our bench of the same step, as a dictionary."""
    command = ["cargo", "bench", "-q", "-p", "surrogate-jet", "--bench", "step", "--", "--json"]
    command += ["--only", CASE, "--from", str(threads), "--threads", str(threads)]
    return undisturbed(command)


def theirs(name: str, threads: int, seconds: float):
    command = [sys.executable, __file__, "--child", name, "--threads", str(threads)]
    command += ["--seconds", str(seconds)]
    return undisturbed(command)


def compare(rounds: int, seconds: float):
    names = ["torch.compile", "torch eager", "jax jit"]
    print("| threads | implementation | ms per step | ours is faster by | first call s |")
    print("|---|---|---|---|---|")
    for threads in (1, 2):
        best, kernel = {}, None
        for _ in range(rounds):
            k = ours(threads)
            kernel = k if kernel is None or k["ms"] < kernel["ms"] else kernel
            for name in names:
                t = theirs(name, threads, seconds)
                for quantity in ("loss", "norm"):
                    if abs(t[quantity] / k[quantity] - 1.0) > 1e-9:
                        sys.exit(f"{name}: {quantity} {t[quantity]} is not {k[quantity]}")
                if name not in best or t["ms"] < best[name]["ms"]:
                    best[name] = t
        share = 100.0 * kernel["gflops"] / kernel["peak_gflops"]
        rate = f"{kernel['gflops']:.1f} GFLOP/s, {share:.0f} % of {kernel['peak_gflops']:.1f}"
        print(f"| {threads} | surrogate-jet | {kernel['ms']:.2f} | ({rate}) | |")
        for name, t in best.items():
            label, ratio = f"{name} {t['version']}", t["ms"] / kernel["ms"]
            print(f"| {threads} | {label} | {t['ms']:.2f} | {ratio:.2f} x | {t['first_s']:.1f} |")
        sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3.0, help="per measurement")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.threads, options.seconds)
    else:
        compare(options.rounds, options.seconds)


if __name__ == "__main__":
    main()
