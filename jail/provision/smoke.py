"""Proves that a runtime works before it is used, and that it needs nothing from outside of itself.

Run by the copied interpreter, as `python3 -I -S -c <this text> <rootfs>`. Prints what the interpreter lacks, a line
each; fails when a script couldn't run.
"""

import importlib
import os
import sys

# The promise: each script finds these.
REQUIRED = ["json", "asyncio", "zlib", "zoneinfo", "numpy", "pandas"]
# Interpreters are built without some of these.
WANTED = ["bz2", "ctypes", "curses", "decimal", "hashlib", "lzma", "multiprocessing", "sqlite3", "ssl", "uuid"]


def foreign_libraries(root):
    """Shared libraries in use that aren't the runtime's own."""
    with open("/proc/self/maps") as maps:
        paths = {line.split(None, 5)[5].strip() for line in maps if ".so" in line}
    return sorted(path for path in paths if not path.startswith(root + "/"))


def main():
    root = os.path.realpath(sys.argv[1])
    sys.path.insert(0, root + "/packages")
    os.environ.update(OPENBLAS_NUM_THREADS="1")
    for name in REQUIRED:
        importlib.import_module(name)
    for name in WANTED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            print("this interpreter has no %s (%s)" % (name, error))

    import numpy
    import pandas
    import zoneinfo

    zoneinfo.ZoneInfo("Europe/Berlin")
    if pandas.DataFrame({"x": numpy.arange(4)})["x"].sum() != 6:
        sys.exit("pandas can't add")
    foreign = foreign_libraries(root)
    if foreign:
        sys.exit("these libraries weren't copied: " + ", ".join(foreign))


main()
