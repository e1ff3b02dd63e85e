"""Opens a posterior.nc of the tests under both engines of xarray and through ArviZ.

usage: read_posterior.py FILE      (needs arviz, h5netcdf, netCDF4)

The file is made by `SURROGATE_KEEP_POSTERIOR=FILE cargo test -p surrogate-run inference`.
"""

import sys
import warnings

warnings.simplefilter("ignore")

import arviz as az
import numpy as np
import xarray as xr


def check(path, engine):
    posterior = xr.open_dataset(path, group="posterior", engine=engine)
    assert posterior["theta"].dims == ("chain", "draw", "param"), posterior["theta"].dims
    assert posterior["swapped"].dims == ("param", "chain"), posterior["swapped"].dims
    assert list(posterior["param"].values) == ["D_s", "k_n", "κ_e", "t_plus"]
    values = (np.arange(8000) * 7919 % 1000) / 1000.0
    assert np.array_equal(posterior["theta"].values.ravel(), values)
    assert posterior.attrs["attribute_3"] == 1.5
    stats = xr.open_dataset(path, group="sample_stats", engine=engine)
    assert stats["diverging"].dtype == bool and int(stats["diverging"].sum()) == 21
    observed = xr.open_dataset(path, group="observed_data", engine=engine)
    assert observed["time_0"].values[3] == 30.0
    data = az.from_netcdf(path, engine=engine)
    summary = az.summary(data, var_names=["D_s", "theta"])
    assert len(summary) == 5, summary
    print(f"{engine}: {sorted(data.groups())} read, summary of {len(summary)} rows")


for engine in ["h5netcdf", "netcdf4"]:
    check(sys.argv[1], engine)
