"""Makes carbon_intensity.csv from the table inside the Python package carbontracker.

usage: pip install carbontracker==2.4.7 --no-deps && python make_carbon_table.py

Only the package's data file and its version are read; its code is not run. The row WORLD is the
package's constant for the world's average.
"""

import csv
import importlib.metadata
import pathlib
import re

distribution = importlib.metadata.distribution("carbontracker")
root = pathlib.Path(distribution.locate_file("carbontracker"))
here = pathlib.Path(__file__).parent

rows = []
with open(root / "data" / "carbon-intensities.csv", encoding="utf-8", newline="") as file:
    for row in csv.DictReader(file):
        value = float(row["Carbon intensity of electricity (gCO2eq/kWh)"])
        rows.append((row["alpha-2"], row["Code"], row["Entity"], row["Year"], f"{value:.2f}"))
rows.sort(key=lambda row: row[1])

constants = (root / "constants.py").read_text(encoding="utf-8")
world = {
    name: re.search(rf"^{name} = (\d+)$", constants, re.MULTILINE).group(1)
    for name in ("WORLD_AVG_CARBON_INTENSITY", "WORLD_AVG_CARBON_INTENSITY_YEAR")
}
rows.append(
    (
        "",
        "WORLD",
        "World",
        world["WORLD_AVG_CARBON_INTENSITY_YEAR"],
        f"{float(world['WORLD_AVG_CARBON_INTENSITY']):.2f}",
    )
)

with open(here / "carbon_intensity.csv", "w", encoding="utf-8", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("iso2", "iso3", "name", "year", "gco2e_per_kwh"))
    writer.writerows(rows)
print(f"{len(rows)} rows from carbontracker {distribution.version}")
