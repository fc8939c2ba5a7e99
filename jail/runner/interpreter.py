"""Makes the interpreter what `python script.py` would find, and takes away afterwards what a script left armed in it."""

from __future__ import annotations

import builtins
import gc
import posix
import sys

import _signal  # type: ignore[import-not-found]

from faults import FILE

# See execution.py.
__builtins__ = dict(vars(builtins))  # type: ignore[assignment]

PACKAGES = "/packages"
# Enough for 1,000 levels of result, each a few calls deep, whatever the script set.
RECURSION_LIMIT = 10_000


def prepare(work: str) -> None:
    """Makes the interpreter what `python script.py` would find, in the working directory `work`."""
    set_up_path(work)
    set_up_builtins()
    sys.argv = [FILE]
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    hide_ourselves()


def set_up_path(work: str) -> None:
    """Lets imports find the packages, then modules in the working directory.

    The working directory comes last, so that no file in it can stand in for a module of the library.
    """
    try:
        names = posix.listdir(PACKAGES)
    except FileNotFoundError:
        names = None
    if names is not None:
        if any(name.endswith(".pth") for name in names):
            import site

            site.addsitedir(PACKAGES)
        else:
            sys.path.append(PACKAGES)
    sys.path.append(work)


def set_up_builtins() -> None:
    """What `site`, which isn't run, adds to the builtins."""
    import _sitebuiltins

    builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D (i.e. EOF)")
    builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D (i.e. EOF)")
    builtins.help = _sitebuiltins._Helper()


def hide_ourselves() -> None:
    """Takes our modules out of the script's way: their names are free for the script's own."""
    folder = __file__.rpartition("/")[0]
    sys.path[:] = [entry for entry in sys.path if entry != folder]
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(folder + "/"):
            del sys.modules[name]


def quiet() -> None:
    """Stops what the script left armed: monitoring, collector callbacks, signal handlers; and lifts its limits.

    Each step may still run the script's code and so raise; that must not stop the next one.
    """
    for step in (silence_monitoring, gc.disable, gc.callbacks.clear, silence_signals, raise_limits):
        attempt(step)


def silence_monitoring() -> None:
    """Switches the events of sys.monitoring (3.12 and later) off."""
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is None:
        return
    for tool in range(6):
        if monitoring.get_tool(tool) is not None:
            monitoring.set_events(tool, 0)


def silence_signals() -> None:
    """Ignores the signals that have a handler written in Python."""
    for signal in _signal.valid_signals():
        if callable(_signal.getsignal(signal)):
            _signal.signal(signal, _signal.SIG_IGN)


def raise_limits(setrecursionlimit=sys.setrecursionlimit, set_digits=sys.set_int_max_str_digits) -> None:
    """Lets a result be as deep, and its integers as long, as they may."""
    setrecursionlimit(RECURSION_LIMIT)
    set_digits(0)


def attempt(step) -> None:
    """Runs a step whose failure changes nothing."""
    try:
        step()
    except BaseException:
        pass
