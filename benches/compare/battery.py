"""Our cell solver beside PyBaMM's DFN, in one run: voltages, ends of discharge, time per curve.

    battery.sh                 compare with the fixtures and time both sides, solver and surrogate
    battery.sh --surrogate     only the surrogate
    battery.sh --fixtures      make the fixtures of crates/battery/tests/data anew (minutes)

A fixture is a constant-current discharge from the set's initial state, isothermal, on a mesh so fine
that a finer one changes the voltage by less than the bars of the tests; its first lines say with
which versions and mesh it was made. Times are CPU seconds of one thread, the least of several calls
after a first one that is not counted; those of the surrogate are of the clock, on one thread unless said.
"""

import argparse
import io
import os
import subprocess
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
import pybamm

pybamm.set_logging_level("ERROR")

REPOSITORY = Path(__file__).resolve().parents[2]
FIXTURES = REPOSITORY / "crates" / "battery" / "tests" / "data"
CELLS = ("Chen2020", "Marquis2019")
C_RATES = (0.5, 1.0, 2.0)
# fixtures beside those of the comparison: cell, model (thermal: DFN that warms up), C-rate
OTHERS = (("Ecker2015", "DFN", 1.0), ("Prada2013", "DFN", 1.0), ("Chen2020", "SPM", 1.0),
          ("Chen2020", "SPMe", 1.0), ("Chen2020", "thermal", 2.0))
# points in negative electrode, separator, positive electrode, particle; stretch of the radial mesh
FINE = (160, 40, 160, 100, 2.0)
# meshes of PyBaMM for the ratio of speeds: its default, and finer ones
MESHES = ((20, 20, 20, 20, None), (20, 10, 20, 30, 2.0), (30, 10, 30, 40, 3.0), (60, 20, 60, 40, 3.0),
          (100, 30, 100, 60, 3.0))
# the mesh at which PyBaMM is differentiated by four multipliers
DIFFERENTIATED = (20, 10, 20, 30, 2.0)
MULTIPLIERS = ("D_n", "D_p", "i0_n", "i0_p")
POINTS = 120
# times of a curve that the surrogate is compared by
OUTPUTS = 100


def scaled(function, name):
    """A parameter times an input."""
    factor = pybamm.InputParameter(name)
    if callable(function):
        return lambda *arguments: factor * function(*arguments)
    return factor * function


def simulation(cell, mesh, tolerance, kind="DFN", multipliers=()):
    """Simulation of a discharge, its C-rate and the multipliers inputs."""
    if kind == "thermal":
        model = pybamm.lithium_ion.DFN({"thermal": "lumped"})
    else:
        model = getattr(pybamm.lithium_ion, kind)()
    values = pybamm.ParameterValues(cell)
    capacity = values["Nominal cell capacity [A.h]"]
    values["Current function [A]"] = pybamm.InputParameter("C") * capacity
    names = {
        "D_n": "Negative particle diffusivity [m2.s-1]",
        "D_p": "Positive particle diffusivity [m2.s-1]",
        "i0_n": "Negative electrode exchange-current density [A.m-2]",
        "i0_p": "Positive electrode exchange-current density [A.m-2]",
    }
    for multiplier in multipliers:
        values[names[multiplier]] = scaled(values[names[multiplier]], multiplier)
    points = dict(zip(("x_n", "x_s", "x_p", "r_n"), mesh[:4]), r_p=mesh[3])
    submeshes = dict(model.default_submesh_types)
    if mesh[4]:
        for domain in ("negative particle", "positive particle"):
            parameters = {"side": "right", "stretch": mesh[4]}
            submeshes[domain] = pybamm.MeshGenerator(pybamm.Exponential1DSubMesh, parameters)
    solver = pybamm.IDAKLUSolver(
        rtol=tolerance, atol=tolerance, output_variables=["Voltage [V]"]
    )
    return pybamm.Simulation(
        model, parameter_values=values, solver=solver, var_pts=points, submesh_types=submeshes
    )


def discharge(sim, c_rate, multipliers=(), outputs=2001):
    """Times in s and voltages in V, and the CPU seconds that took; differentiated where asked."""
    end = 3600 / c_rate * 1.2
    times = end * np.linspace(0, 1, outputs) ** 1.5
    start = time.process_time()
    inputs = {"C": c_rate, **{name: 1.0 for name in multipliers}}
    more = {"calculate_sensitivities": list(multipliers)} if multipliers else {}
    solution = sim.solve(t_eval=[0, end], t_interp=times, inputs=inputs, **more)
    took = time.process_time() - start
    t, keep = np.unique(np.asarray(solution.t), return_index=True)
    return t, np.asarray(solution["Voltage [V]"].data)[keep], took


def sampled(t, v):
    """About POINTS rows of a curve: dense at both ends, the last row the end of discharge."""
    u = 0.5 * (1 - np.cos(np.pi * np.linspace(0, 1, POINTS)))
    rows = np.unique(np.searchsorted(t, u * t[-1]).clip(0, len(t) - 1))
    return t[rows], v[rows]


def file_of(cell, kind, c_rate):
    """Place of a fixture."""
    middle = "" if kind == "DFN" else f"{kind.lower()}_"
    return FIXTURES / f"{cell.lower()}_{middle}{c_rate:g}c.csv"


def write_fixtures():
    """One file per cell, model and rate."""
    cases = [(cell, "DFN", c_rate) for cell in CELLS for c_rate in C_RATES]
    for cell, kind, c_rate in (*cases, *OTHERS):
        t, v, took = discharge(simulation(cell, FINE, 1e-8, kind), c_rate)
        path = file_of(cell, kind, c_rate)
        versions = f"pybamm {pybamm.__version__}, numpy {np.__version__}"
        n_n, n_s, n_p, n_r, stretch = FINE
        what = "DFN warming up as one body" if kind == "thermal" else f"{kind}, isothermal"
        head = (
            f"# {cell}, {what}, {c_rate:g}C discharge from the set's initial state, "
            "made by benches/compare/battery.py\n"
            f"# {versions}; mesh {n_n}/{n_s}/{n_p}, {n_r} radial points with stretch {stretch}; "
            "IDAKLU, tolerances 1e-8\n"
            "time_s,voltage_V\n"
        )
        rows = "".join(f"{a:.6f},{b:.7f}\n" for a, b in zip(*sampled(t, v)))
        path.write_text(head + rows)
        print(f"{path.name}: ends at {t[-1]:.3f} s, {v[-1]:.5f} V, {took:.1f} CPU s", flush=True)


def fixture(cell, c_rate):
    """Times and voltages of a fixture."""
    table = np.loadtxt(file_of(cell, "DFN", c_rate), delimiter=",", skiprows=3)
    return table[:, 0], table[:, 1]


def ours(binary, cell, c_rate, times, setting):
    """Voltages at `times`, end of discharge in s, CPU seconds per curve of our solver."""
    text = "\n".join(f"{t:.9f}" for t in times)
    call = [binary, cell, f"{c_rate:g}", setting]
    answer = subprocess.run(call, input=text, capture_output=True, text=True, check=True)
    head, *rows = answer.stdout.splitlines()
    end, seconds = (float(word) for word in head.split(","))
    return np.loadtxt(io.StringIO("\n".join(rows))), end, seconds


def errors(t, reference, voltage):
    """Root mean squares in mV over the first 95 % of the time and the whole, equally in time."""
    even = np.linspace(0, t[-1], 1001)
    difference = np.interp(even, t, voltage) - np.interp(even, t, reference)
    first = difference[even <= 0.95 * t[-1]]
    return 1e3 * np.sqrt(np.mean(first**2)), 1e3 * np.sqrt(np.mean(difference**2))


LINE = "{:12} {:>4g} {:34} {:9.3f} {:9.3f} {:10.1e} {:9.2f}"


def compare(binary, repeats):
    """Accuracy and time of both sides against the fixtures, then the ratios."""
    print(f"pybamm {pybamm.__version__}; errors against the fixtures of mesh {FINE}")
    head = ("cell", "C", "solver", "rms 95 %", "rms mV", "dQ/Q", "CPU ms")
    print("{:12} {:>4} {:34} {:>9} {:>9} {:>10} {:>9}".format(*head))
    ratios = []
    for cell in CELLS:
        own, theirs = {}, {c_rate: [] for c_rate in C_RATES}
        for c_rate in C_RATES:
            t, v = fixture(cell, c_rate)
            for setting in ("default", "fine"):
                voltage, end, seconds = ours(binary, cell, c_rate, t, setting)
                row = errors(t, v, voltage)
                own[c_rate, setting] = (row[0], seconds)
                print(LINE.format(cell, c_rate, "surrogate-battery " + setting, *row,
                                  end / t[-1] - 1, 1e3 * seconds), flush=True)
        for mesh in MESHES:
            sim = simulation(cell, mesh, 1e-6)
            for c_rate in C_RATES:
                t, v = fixture(cell, c_rate)
                runs = [discharge(sim, c_rate) for _ in range(repeats + 1)]
                t2, v2, _ = runs[0]
                seconds = min(run[2] for run in runs[1:])
                row = errors(t, v, np.interp(t, t2, v2))
                theirs[c_rate].append((row[0], seconds, mesh))
                name = "pybamm {}/{}/{}, {}, {}".format(*mesh)
                print(LINE.format(cell, c_rate, name, *row, t2[-1] / t[-1] - 1, 1e3 * seconds),
                      flush=True)
        for c_rate in C_RATES:
            ratios.append(ratio(cell, c_rate, own[c_rate, "default"], theirs[c_rate]))
    print("\n".join(ratios))
    differentiated(binary, repeats)


def ratio(cell, c_rate, own, theirs):
    """How much faster than the fastest mesh that is as accurate, or than the finest if none is."""
    error, seconds = own
    equal = [row for row in theirs if row[0] <= error]
    row = min(equal, key=lambda row: row[1]) if equal else min(theirs, key=lambda row: row[0])
    mark = "" if equal else "more than "
    return (f"{cell} {c_rate:g}C: {mark}{row[1] / seconds:.0f} x faster than PyBaMM at equal accuracy "
            f"(ours {error:.3f} mV, mesh {row[2]} {row[0]:.3f} mV)")


def differentiated(binary, repeats):
    """Four sensitivities of PyBaMM beside eight of ours, Chen2020 at 1C."""
    sim = simulation("Chen2020", DIFFERENTIATED, 1e-6, multipliers=MULTIPLIERS)
    seconds = min(discharge(sim, 1.0, MULTIPLIERS)[2] for _ in range(repeats + 1))
    _, _, own = ours(binary, "Chen2020", 1.0, [0.0], "sensitivities")
    print(f"Chen2020 1C with sensitivities: pybamm (4, mesh {DIFFERENTIATED}) {1e3 * seconds:.1f} ms, "
          f"ours (8) {1e3 * own:.2f} ms, {seconds / own:.0f} x")


def surrogate(repeats):
    """Curves of the surrogate beside those of PyBaMM, Chen2020 at 1C, with and without sensitivities."""
    build = ["cargo", "build", "--release", "-q", "-p", "surrogate-cells", "--example", "speed"]
    subprocess.run(build, cwd=REPOSITORY, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    binary = str(target / "release" / "examples" / "speed")
    answer = subprocess.run([binary], capture_output=True, text=True, check=True)
    ways = ("one curve", "in a batch, one thread", "in a batch, all threads")
    own = [[float(v) for v in line.split()] for line in answer.stdout.splitlines()]
    t, v = fixture("Chen2020", 1.0)
    for mesh in (MESHES[0], MESHES[3]):
        for multipliers, times in (((), own[0]), (MULTIPLIERS, own[1])):
            sim = simulation("Chen2020", mesh, 1e-6, multipliers=multipliers)
            runs = [discharge(sim, 1.0, multipliers, OUTPUTS) for _ in range(repeats + 1)]
            theirs = 1e6 * min(run[2] for run in runs[1:])
            t2, v2, _ = discharge(sim, 1.0, multipliers)
            error, _ = errors(t, v, np.interp(t, t2, v2))
            what = "voltages and sensitivities (PyBaMM 4, surrogate 5)" if multipliers else "voltages"
            print(f"{what}; PyBaMM on mesh {mesh}, {error:.2f} mV: {1e-3 * theirs:.1f} ms")
            for way, us in zip(ways, times):
                print(f"    surrogate, {way}: {us:.1f} us, {theirs / us:.0f} x")


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fixtures", action="store_true", help="make the fixtures anew")
    parser.add_argument("--surrogate", action="store_true", help="only the surrogate")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    print("load of the machine: {:.1f} {:.1f} {:.1f}".format(*os.getloadavg()))
    if arguments.fixtures:
        write_fixtures()
        return
    if arguments.surrogate:
        surrogate(arguments.repeats)
        return
    build = ["cargo", "build", "--release", "-q", "-p", "surrogate-battery", "--example", "discharge"]
    subprocess.run(build, cwd=REPOSITORY, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    compare(str(target / "release" / "examples" / "discharge"), arguments.repeats)
    surrogate(arguments.repeats)


if __name__ == "__main__":
    main()
