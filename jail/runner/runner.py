"""PID 1 of a jail: gets it ready, starts the script's process, tells how that process ended.

    main() ── second stage, scratch ── fork ──┬── script's process (execution.py): ready, request, result frame
                                              └── supervisor: reaps, writes `exit N` or `signal N`, ends

Request, from the start of descriptor 3: `<op> <result_bytes> <script_len> <args_len>\\n`, the script, the args (a JSON
object or nothing). op: `run`; `run-undecided`, which looks for main in the source first; `compile`, which does only that.
Status, descriptor 5: `ready\\n` before the request is read, then `exit <code>\\n` or `signal <number>\\n`.
Result, descriptor 4: at most one frame, `<kind> <len>\\n` and len bytes. `returned`: JSON; `memory_limit`: nothing; else
{"message", "line", "column", "traceback"}. No frame: the script ended its process, as the status says.

The two are apart because a script can do anything to its own process, and what is told of its end must not depend on
that. Descriptors: 0 stdin, 1 stdout, 2 stderr, 3 request, 4 result, 5 status.

`posix` and `_signal` stand for `os` and `signal` here: those cost a cold start 1 ms and more, and few scripts need them.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import posix

import execution
import interpreter

STATUS = 5
SCRATCH = "/scratch"
# The exit status of a jail that could not be made ready. Only together with no `ready` on the status pipe does it mean
# that: a script can end with any status.
NOT_READY = 125

_exit = posix._exit  # Bound before a script can replace it.


def main() -> None:
    """Runs one execution and ends the process; the only entry point."""
    try:
        make_scratch(SCRATCH)
        second_stage()
        # From here to the end: nothing that a script sends may stop the supervisor, also where no PID namespace
        # protects it. The script's process sets its own mask free again.
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
        # An ignored SIGCHLD survives exec, and would take the exit status away (wait(2), NOTES).
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        child = posix.fork()
    except BaseException as error:
        give_up(error)
    if child == 0:
        be_the_script()
    supervise(child)


def second_stage() -> None:
    """The seam for what confines the interpreter from inside, before any script is read: rlimits, Landlock, seccomp.

    Whatever it raises ends the jail with NOT_READY, so a wall that can't be built means that no script runs.
    """


def make_scratch(scratch: str) -> None:
    """Makes the folders of the scratch where they are missing, and goes to the working directory."""
    for name in ("work", "tmp", "shm"):
        try:
            posix.mkdir(f"{scratch}/{name}", 0o700)
        except FileExistsError:
            pass
    posix.chdir(f"{scratch}/work")


def be_the_script() -> None:
    """The script's process, from the fork to its end."""
    try:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        results = execution.Results()
        interpreter.prepare(f"{SCRATCH}/work")
        posix.write(STATUS, b"ready\n")
        posix.close(STATUS)
    except BaseException as error:
        give_up(error)
    try:
        execution.run(results)
    finally:
        # Only what a script did to this very code leads here: it ended without a result, whatever it meant to do.
        _exit(1)


def supervise(child: int) -> None:
    """Waits for the script's process, tells how it ended, and ends; as PID 1 that ends everything it left behind."""
    try:
        # The pipes reach their end when the script's own processes have closed them.
        posix.closerange(0, STATUS)
        status = reap_until(child)
        posix.write(STATUS, verdict(status))
    finally:
        _exit(0)


def reap_until(child: int) -> int:
    """Reaps whatever ends, orphans included, until `child` has; gives the wait status of `child`."""
    while True:
        pid, status = posix.wait()
        if pid == child:
            return status


def verdict(status: int) -> bytes:
    """The status line for a wait status."""
    code = posix.waitstatus_to_exitcode(status)
    return b"exit %d\n" % code if code >= 0 else b"signal %d\n" % -code


def give_up(error: BaseException) -> None:
    """Ends the process before the script is read; says why on stderr, which nobody but the operator gets to see."""
    try:
        posix.write(2, f"the jail is not ready: {type(error).__name__}: {error}\n".encode("utf-8", "replace"))
    finally:
        _exit(NOT_READY)
