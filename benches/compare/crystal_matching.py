"""Our StructureMatcher beside pymatgen's on pairs of real structures, in one run.

Needs pymatgen and zstandard. Usage: python crystal_matching.py TABLE.csv.zst COUNT MATCHING, where
MATCHING is the example of crates/crystal (cargo build --release -p surrogate-crystal --example matching).

Half of the pairs are a structure and another of the same formula type with its elements substituted and
its volume changed, which is what a search proposes; the other half a structure and itself with other
axes, strained and with displaced atoms, by amounts drawn so that many pairs lie near the tolerances.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
from crystal import rows, structure
from crystal_fixtures import block, disturbed
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

LOOSE = StructureMatcher(ltol=0.3, stol=0.5, angle_tol=10)
STRICT = StructureMatcher(ltol=0.2, stol=0.3, angle_tol=5)


def key(s):
    """Numbers of atoms of each element, in order of size."""
    return tuple(sorted(s.composition.get_el_amt_dict().values()))


def substituted(s, other):
    """`other` with the elements of `s`, matched by their numbers, and the volume of `s`."""
    amounts, theirs = s.composition.get_el_amt_dict(), other.composition.get_el_amt_dict()
    order = lambda d: [e for e, _ in sorted(d.items(), key=lambda kv: (kv[1], kv[0]))]
    new = dict(zip(order(theirs), order(amounts)))
    lattice = other.lattice.scale(s.volume * random.uniform(0.9, 1.1))
    return Structure(lattice, [new[site.specie.symbol] for site in other], other.frac_coords)


def main():
    table, count, program = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    random.seed(2)
    rng = np.random.default_rng(2)
    drawn = random.sample(sorted(rows(table), key=lambda r: r["id"]), 3 * count)
    structures = [structure(r) for r in drawn]
    kinds = defaultdict(list)
    for s in structures:
        kinds[key(s)].append(s)
    pairs = []
    for s in structures:
        if len(pairs) < count // 2 and len(kinds[key(s)]) > 1:
            pairs.append((s, substituted(s, random.choice(kinds[key(s)]))))
    pairs += [(s, disturbed(s, rng)) for s in random.sample(structures, count - len(pairs))]
    with tempfile.NamedTemporaryFile("w", suffix=".cif") as file:
        for k, pair in enumerate(pairs):
            for name, s in zip("ab", pair):
                file.write(block(f"{k}{name}", s, {}) + "\n")
        file.flush()
        begin = time.time()
        lines = subprocess.run([program, file.name], capture_output=True, text=True, check=True).stdout
        ours_s = time.time() - begin
    ours = [line.split() for line in lines.splitlines()]
    begin = time.process_time()
    agree, apart, differ = [0, 0, 0], [], []
    for k, ((a, b), (rms, loose, strict)) in enumerate(zip(pairs, ours, strict=True)):
        theirs = LOOSE.get_rms_dist(a, b)
        same = [(theirs is None) == (rms == "-"), LOOSE.fit(a, b) == (loose == "true"), STRICT.fit(a, b) == (strict == "true")]
        agree = [n + s for n, s in zip(agree, same)]
        if theirs is not None and rms != "-":
            apart.append(abs(theirs[0] - float(rms)))
        if not all(same):
            differ.append((k, a.composition.formula, theirs and round(float(theirs[0]), 5), rms, same))
    cpu = time.process_time() - begin
    apart = np.array(apart)
    print(f"{count} pairs: distance found or not {agree[0]}, loose fit {agree[1]}, strict fit {agree[2]} equal")
    print(f"{len(apart)} with a distance on both sides: {np.sum(apart < 1e-5)} within 1e-5,"
          f" {np.sum(apart < 1e-3)} within 1e-3, largest difference {apart.max():.2e}")
    print(f"pymatgen {cpu:.1f} CPU s, ours {ours_s:.1f} s with start and reading")
    for row in differ[:20]:
        print(" differs:", *row)


if __name__ == "__main__":
    main()
