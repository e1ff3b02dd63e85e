"""Reads every data set of a results.h5 of the tests with h5py.

usage: read_results.py FILE      (needs h5py)

The file is made by `SURROGATE_KEEP_RESULTS=FILE cargo test -p surrogate-run results`.
"""

import sys

import h5py
import numpy as np

count = 0
with h5py.File(sys.argv[1]) as file:
    large = file["curves/large"][...]
    assert np.array_equal(large.ravel(), (np.arange(200_000) % 1000) / 8.0)
    for group in file.values():
        for dataset in group.values():
            assert np.isfinite(dataset[...]).all() and dataset.attrs["dimensions"]
            count += 1
print(f"HDF5 {h5py.version.hdf5_version}: {count} data sets read")
