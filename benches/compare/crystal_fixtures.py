"""Makes the fixtures of crates/crystal/tests/data: structures and their peaks as pymatgen has them, and
pairs of structures with what its StructureMatcher says of them.

Needs pymatgen. Usage: python crystal_fixtures.py (writes into ../../crates/crystal/tests/data)

Structures are simple minerals with rounded parameters, written here by hand; the sphalerite has a
mixed site and displacement.
"""

from importlib.metadata import version
from pathlib import Path

import numpy as np
from pymatgen.analysis.diffraction.xrd import WAVELENGTHS, XRDCalculator
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure

DATA = Path(__file__).resolve().parents[2] / "crates/crystal/tests/data"
GROUPS = {
    "halite": ("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
    "silicon": ("Fd-3m", Lattice.cubic(5.431), ["Si"], [[0, 0, 0]]),
    "rutile": ("P4_2/mnm", Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]]),
    "wurtzite": ("P6_3mc", Lattice.hexagonal(3.82, 6.26), ["Zn", "S"], [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.375]]),
    "quartz": ("P3_221", Lattice.hexagonal(4.913, 5.405), ["Si", "O"], [[0.47, 0, 2 / 3], [0.4135, 0.2669, 0.7858]]),
    "perovskite": (
        "Pnma",
        Lattice.orthorhombic(5.44, 7.64, 5.38),
        ["Ca", "Ti", "O", "O"],
        [[0.036, 0.25, 0.993], [0, 0, 0.5], [0.484, 0.25, 0.071], [0.289, 0.037, 0.711]],
    ),
    "baddeleyite": (
        "P2_1/c",
        Lattice.monoclinic(5.15, 5.21, 5.32, 99.2),
        ["Zr", "O", "O"],
        [[0.275, 0.04, 0.208], [0.07, 0.332, 0.345], [0.45, 0.757, 0.479]],
    ),
    "sphalerite": ("F-43m", Lattice.cubic(5.42), [{"Zn": 0.8, "Fe": 0.2}, "S"], [[0, 0, 0], [0.25, 0.25, 0.25]]),
}
TRICLINIC = Structure(
    Lattice.from_parameters(5.1, 6.3, 7.7, 81.0, 97.5, 104.0),
    ["Cu", "O", "U", "H"],
    [[0.1, 0.2, 0.3], [0.55, 0.13, 0.72], [0.8, 0.6, 0.05], [0.33, 0.9, 0.5]],
)
DISPLACEMENT = {"sphalerite": {"Zn": 0.7, "Fe": 0.7, "S": 0.4}}
RADIATION = {"silicon": "MoKa", "quartz": "CuKa1"}


def block(name, structure, b_iso):
    a, b, c, alpha, beta, gamma = structure.lattice.parameters
    lines = [f"data_{name}", f"_cell_length_a {a!r}", f"_cell_length_b {b!r}", f"_cell_length_c {c!r}"]
    lines += [f"_cell_angle_alpha {alpha!r}", f"_cell_angle_beta {beta!r}", f"_cell_angle_gamma {gamma!r}"]
    lines += ["loop_", "_space_group_symop_operation_xyz", "'x, y, z'", "loop_", "_atom_site_type_symbol"]
    lines += [f"_atom_site_fract_{x}" for x in "xyz"] + ["_atom_site_occupancy", "_atom_site_B_iso_or_equiv"]
    for site in structure:
        for element, share in site.species.items():
            place = " ".join(repr(float(x)) for x in site.frac_coords)
            lines.append(f"{element.symbol} {place} {share!r} {b_iso.get(element.symbol, '?')}")
    return "\n".join(lines).replace("np.float64(", "").replace(")", "")


def disturbed(s, rng):
    """The structure with other axes and origin, strained, atoms moved and in another order."""
    change = np.eye(3, dtype=int)
    for _ in range(3):
        i, j = rng.choice(3, 2, replace=False)
        step = np.eye(3, dtype=int)
        step[i, j] = rng.choice([-1, 1])
        change = change @ step
    strain = np.eye(3) + rng.normal(size=(3, 3)) * rng.choice([0, 0.02, 0.06])
    moved = s.cart_coords @ strain + rng.normal(size=(len(s), 3)) * rng.choice([0.01, 0.2, 0.5])
    lattice = Lattice(change @ s.lattice.matrix @ strain)
    order = rng.permutation(len(s))
    places = lattice.get_fractional_coords(moved) + rng.random(3)
    return Structure(lattice, [s[int(i)].specie for i in order], places[order] % 1)


def write_pairs(structures, made):
    """Minerals and themselves disturbed, with the loose distance and whether both tolerances fit."""
    loose = StructureMatcher(ltol=0.3, stol=0.5, angle_tol=10)
    strict = StructureMatcher(ltol=0.2, stol=0.3, angle_tol=5)
    rng = np.random.default_rng(3)
    cifs, rows = [made], [made, "pair,loose_rms,loose_fits,strict_fits"]
    for name in ("halite", "rutile", "wurtzite", "quartz", "baddeleyite"):
        for k in range(8):
            pair = structures[name], disturbed(structures[name], rng)
            for end, s in zip("ab", pair):
                cifs.append(block(f"{name}{k}{end}", s, {}))
            distance = loose.get_rms_dist(*pair)
            rms = "" if distance is None else f"{distance[0]:.10f}"
            rows.append(f"{name}{k},{rms},{loose.fit(*pair)},{strict.fit(*pair)}".lower())
    (DATA / "pairs.cif").write_text("\n".join(cifs) + "\n")
    (DATA / "pymatgen_matches.csv").write_text("\n".join(rows) + "\n")


def main():
    structures = {
        name: Structure.from_spacegroup(group, lattice, species, places)
        for name, (group, lattice, species, places) in GROUPS.items()
    }
    structures["triclinic"] = TRICLINIC
    made = f"# made by benches/compare/crystal_fixtures.py with pymatgen-core {version('pymatgen-core')}"
    cifs, rows = [made], [made, "structure,radiation,two_theta_deg,d,intensity"]
    for name, structure in structures.items():
        b_iso = DISPLACEMENT.get(name, {})
        radiation = RADIATION.get(name, "CuKa")
        cifs.append(block(name, structure, b_iso))
        calculator = XRDCalculator(radiation, debye_waller_factors=b_iso)
        pattern = calculator.get_pattern(structure, scaled=False, two_theta_range=(5, 90))
        for angle, d, intensity in zip(pattern.x, pattern.d_hkls, pattern.y):
            rows.append(f"{name},{radiation},{angle:.10f},{d:.10f},{intensity:.10e}")
    DATA.mkdir(exist_ok=True)
    write_pairs(structures, made)
    (DATA / "minerals.cif").write_text("\n".join(cifs) + "\n")
    (DATA / "pymatgen_peaks.csv").write_text("\n".join(rows) + "\n")
    print({name: len(s) for name, s in structures.items()}, len(rows), WAVELENGTHS["CuKa"])


if __name__ == "__main__":
    main()
