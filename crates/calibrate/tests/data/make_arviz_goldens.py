"""Diagnostics of fixed draws by ArviZ, for tests/diagnostics.rs.

usage: make_arviz_goldens.py > arviz.json   (needs arviz==0.23.4)

The draws themselves are not stored: both sides make them by the same congruential generator.
"""

import json
import sys

import arviz as az
import numpy as np
import scipy
from arviz.stats.ecdf_utils import ecdf_confidence_band, _ecdf_band_interior_probability

MODULUS = 2**31 - 1


def numbers(seed, count):
    """Numbers in (0, 1) of the Lehmer generator with multiplier 48271."""
    out, state = [], seed
    for _ in range(count):
        state = state * 48271 % MODULUS
        out.append(state / MODULUS)
    return np.array(out)


def draws(kind, chains, length, seed):
    """Autoregressive draws with uniform innovations, made unpleasant according to `kind`."""
    u = numbers(seed, chains * length).reshape(chains, length)
    memory = {"iid": 0.0, "antithetic": -0.6}.get(kind, 0.8)
    x = np.zeros((chains, length))
    for c in range(chains):
        for k in range(length):
            x[c, k] = (memory * x[c, k - 1] if k else 0.0) + u[c, k] - 0.5
    if kind == "shifted":
        x[0] += 0.7
    if kind == "heavy":
        x = 1.0 / (0.01 + x * x) * np.sign(x)
    if kind == "ties":
        x = np.floor(4.0 * x)
    if kind == "wide":
        x[1] *= 3.0
    return x


CASES = [
    ("iid", 4, 250, 1), ("sticky", 4, 250, 2), ("antithetic", 4, 250, 3), ("shifted", 4, 250, 4),
    ("heavy", 4, 250, 5), ("ties", 4, 250, 6), ("wide", 4, 250, 7), ("sticky", 2, 101, 8),
    ("sticky", 1, 400, 9), ("iid", 8, 24, 10),
]


def number(x):
    x = float(x)
    return x if np.isfinite(x) else None


def main():
    cases = []
    for kind, chains, length, seed in CASES:
        x = draws(kind, chains, length, seed)
        cases.append({
            "kind": kind, "chains": chains, "length": length, "seed": seed,
            "mean": number(x.mean()), "sd": number(x.std(ddof=1)),
            "q5": number(np.quantile(x, 0.05)), "q95": number(np.quantile(x, 0.95)),
            "r_hat": number(az.rhat(x)), "ess_bulk": number(az.ess(x, method="bulk")),
            "ess_tail": number(az.ess(x, method="tail")), "ess_mean": number(az.ess(x, method="mean")),
            "mcse_mean": number(az.mcse(x, method="mean")), "mcse_sd": number(az.mcse(x, method="sd")),
            "mcse_q10": number(az.mcse(x, method="quantile", prob=0.1)),
            "e_bfmi": [number(b) for b in az.bfmi({"energy": x})],
        })
    tails = []
    for power, count, reff, seed in [(0.2, 500, 1.0, 11), (0.6, 1000, 0.7, 12), (1.2, 400, 1.0, 13), (0.0, 300, 1.0, 14)]:
        u = numbers(seed, count)
        weights = -power * np.log(u) if power else -0.1 * u
        smooth, k = az.psislw(weights.copy(), reff)
        tails.append({
            "power": power, "count": count, "reff": reff, "seed": seed, "k_hat": number(k),
            "first": [number(w) for w in smooth[:5]], "greatest": number(smooth.max()),
        })
    bands = []
    for n, points, target in [(50, 10, 0.9), (200, 20, 0.95)]:
        at = np.arange(1, points + 1) / points
        low, high = ecdf_confidence_band(n, at, at, prob=target, method="optimized")
        low, high = np.rint(low * n).astype(int), np.rint(high * n).astype(int)
        before = np.insert(at[:-1], 0, 0)
        inside = _ecdf_band_interior_probability((at - before) / (1 - before), n, low, high + 1)
        bands.append({"n": n, "points": points, "probability": target, "low": low.tolist(),
                      "high": high.tolist(), "inside": number(inside)})
    made_with = {"arviz": az.__version__, "numpy": np.__version__, "scipy": scipy.__version__}
    json.dump({"made_with": made_with, "cases": cases, "tails": tails, "bands": bands}, sys.stdout, indent=1)
    print()


main()
