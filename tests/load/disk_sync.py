"""Prints what one disk sync takes in FOLDER, in ms: of a preallocated file, of a growing one.

Each is the median of 500 times 4 KiB written and fdatasync.
"""

import os
import sys
import tempfile
from statistics import median
from time import perf_counter

PAGE, TIMES = os.urandom(4096), 500


def sync(file, offset):
    began = perf_counter()
    os.pwrite(file, PAGE, offset)
    os.fdatasync(file)
    return (perf_counter() - began) * 1000


def median_sync(folder, allocated):
    with tempfile.TemporaryFile(dir=folder) as file:
        # Written, so that no block is left to be marked as such.
        file.write(PAGE * allocated)
        file.flush()
        os.fsync(file.fileno())
        return median(sync(file.fileno(), page * len(PAGE)) for page in range(TIMES))


print(f"{median_sync(sys.argv[1], TIMES):.3f} {median_sync(sys.argv[1], 0):.3f}")
