"""Tells what an interpreter is, as one line of JSON, so that it can be copied.

Run by the interpreter in question, as `python3 -I -c <this text>`. A virtual environment answers for the
interpreter that it was made from. The syntax is old on purpose: whatever is found must get as far as telling its
version.
"""

import os
import sys


def base_of_environment():
    """The interpreter behind a virtual environment, or None."""
    if sys.prefix == getattr(sys, "base_prefix", sys.prefix):
        return None
    base = getattr(sys, "_base_executable", None)
    return base if base and base != sys.executable else None


def file_of_libgcc():
    """Where the loader finds libgcc_s, which libc loads by name when a thread ends. Nothing links to it."""
    try:
        import ctypes

        ctypes.CDLL("libgcc_s.so.1")
        with open("/proc/self/maps") as maps:
            for line in maps:
                if "libgcc_s.so" in line:
                    return line.split(None, 5)[5].strip()
    except (ImportError, OSError):
        pass
    return None


def version_of_pip():
    try:
        import pip

        return pip.__version__
    except ImportError:
        return None


def wheel_of_pip(config_var):
    """The wheel that ensurepip would install, or the one that Debian keeps for virtual environments."""
    folders = [config_var("WHEEL_PKG_DIR"), "/usr/share/python-wheels"]
    try:
        import ensurepip

        folders.insert(0, os.path.join(os.path.dirname(ensurepip.__file__), "_bundled"))
    except ImportError:
        pass
    for folder in folders:
        if folder and os.path.isdir(folder):
            for name in sorted(os.listdir(folder), reverse=True):
                if name.startswith("pip-") and name.endswith(".whl"):
                    return os.path.join(folder, name)
    return None


def describe():
    import importlib.util
    import sysconfig

    executable = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    found = os.stat(executable)
    return {
        "version": list(sys.version_info[:3]),
        "implementation": sys.implementation.name,
        "abiflags": sys.abiflags,
        "soabi": sysconfig.get_config_var("SOABI") or "",
        "multiarch": sysconfig.get_config_var("MULTIARCH") or "",
        "executable": executable,
        "executable_size": found.st_size,
        "executable_mtime": int(found.st_mtime),
        "platlibdir": sys.platlibdir,
        "stdlib": sysconfig.get_path("stdlib"),
        "libgcc": file_of_libgcc(),
        "pip": version_of_pip(),
        "pip_wheel": wheel_of_pip(sysconfig.get_config_var),
        "venv": importlib.util.find_spec("venv") is not None,
    }


def main():
    # Before anything that an old interpreter or a cut-down standard library may lack.
    version = "%d.%d.%d" % sys.version_info[:3]
    if sys.version_info < (3, 11):
        print('{"unsupported": "Python %s"}' % version)
        return
    base = base_of_environment()
    if base:
        os.execv(base, [base] + sys.orig_argv[1:])
    try:
        import json

        print(json.dumps(describe()))
    except ImportError as error:
        print('{"missing": "%s"}' % error.name)


main()
