"""Our powder patterns beside pymatgen's XRDCalculator, in one run: peaks and CPU time per pattern.

Needs pymatgen and zstandard. Usage: python crystal.py TABLE.csv.zst COUNT PATTERNS, where PATTERNS is
the example of crates/crystal (cargo build --release -p surrogate-crystal --example patterns).
Structures are drawn at random with a fixed seed. pymatgen's time is CPU time of one call, after a
first one that is not counted; ours the least of twenty calls.
"""

import csv
import io
import os
import random
import re
import subprocess
import sys
import tempfile
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
import zstandard
from pymatgen.analysis.diffraction.xrd import XRDCalculator
from pymatgen.core import Lattice, Structure

WAVELENGTH, Q_MAX = 1.54184, 8.0


def rows(path):
    with open(path, "rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file)
        yield from csv.DictReader(io.TextIOWrapper(stream, encoding="utf8"))


def structure(row):
    lattice = Lattice.from_parameters(*[float(row[k]) for k in ("a", "b", "c", "alpha", "beta", "gamma")])
    species = [s for e, n in re.findall(r"([A-Za-z]+)(\d+)", row["species"]) for s in [e] * int(n)]
    return Structure(lattice, species, np.array(row["frac"].split(), float).reshape(-1, 3))


def main():
    table, count, program = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    random.seed(1)
    drawn = random.sample(sorted(rows(table), key=lambda r: r["id"]), count)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as ids:
        ids.write("\n".join(r["id"] for r in drawn))
        ids.flush()
        lines = subprocess.run([program, table, ids.name], capture_output=True, text=True, check=True).stdout
    ours = {line.split(",")[0]: [float(x) for x in line.split(",")[1:]] for line in lines.splitlines()}
    calculator = XRDCalculator(wavelength=WAVELENGTH)
    end = 2 * np.degrees(np.arcsin(Q_MAX * WAVELENGTH / (4 * np.pi)))
    calculator.get_pattern(structure(drawn[0]), scaled=False, two_theta_range=(0, end))
    theirs, angles, intensities, other = [], [], [], 0
    for row in drawn:
        s = structure(row)
        begin = time.process_time()
        pattern = calculator.get_pattern(s, scaled=False, two_theta_range=(0, end))
        theirs.append(1e6 * (time.process_time() - begin))
        own = np.array(ours[row["id"]][2:]).reshape(-1, 2)
        if len(own) != len(pattern.x):
            other += 1
            continue
        angles.append(np.abs(own[:, 0] - pattern.x).max())
        intensities.append(np.abs(own[:, 1] / pattern.y - 1).max())
    bare, broad = (np.array([ours[r["id"]][k] for r in drawn]) for k in (0, 1))
    say = lambda name, t: print(f"{name}: median {np.median(t):.1f} us, mean {np.mean(t):.1f}, p95 {np.percentile(t, 95):.1f}")
    say("pymatgen", np.array(theirs))
    say("ours, reflections", bare)
    say("ours, reflections and broadening", broad)
    print(f"ratio of medians {np.median(theirs) / np.median(bare):.0f} and {np.median(theirs) / np.median(broad):.0f}")
    print(f"same number of peaks {count - other} of {count}; of these largest difference of an angle"
          f" {max(angles):.1e} degrees, of an intensity {max(intensities):.1e} of it")


if __name__ == "__main__":
    main()
