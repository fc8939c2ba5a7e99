"""Runs scripts through the runner as a jail would, only without the jail: same start, same descriptors, same protocol."""

from __future__ import annotations

import fcntl
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest

RUNNER = pathlib.Path(__file__).resolve().parent.parent / "runner"
PACKAGES = os.environ.get("RUNNER_TEST_PACKAGES")
NO_NUMPY = "numpy and pandas: RUNNER_TEST_PACKAGES names no folder that has them for this Python"
# What the jail gives: one thread for OpenBLAS.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "PATH": os.defpath}

START = """
import sys
sys.path.insert(0, {runner!r})
import interpreter, runner
runner.SCRATCH = {scratch!r}
interpreter.PACKAGES = {packages!r}
runner.main()
"""


class Run:
    """What came out of one execution."""

    def __init__(self, frame: bytes, status: bytes, stdout: bytes, stderr: bytes, code: int) -> None:
        self.frame = frame
        self.status = status.decode().splitlines()
        self.stdout = stdout.decode()
        self.stderr = stderr.decode()
        self.code = code
        head, _, payload = frame.partition(b"\n")
        kind, _, length = head.decode().partition(" ")
        self.kind = kind or None
        self.payload = payload.decode()
        if frame and (int(length), len(payload)) != (len(payload), len(payload)):
            raise AssertionError(f"not exactly one frame: {frame[:200]!r}")

    @property
    def result(self):
        """The value that main() returned."""
        if self.kind != "returned":
            raise AssertionError(f"{self.kind}: {self.payload} {self.status} {self.stderr}")
        return json.loads(self.payload)

    @property
    def fault(self) -> dict:
        """The payload of a failure."""
        return json.loads(self.payload)

    @property
    def message(self) -> str:
        """The message of a failure."""
        return self.fault["message"]


def run(
    script: str, args: object = None, *, op: str = "run", stdin: bytes = b"", most: int = 8 << 20, packages: str = "/nowhere",
    scratch: str | None = None, timeout: float = 60,
) -> Run:  # fmt: skip
    """Runs a script. `args` is a dict, or the text of a JSON object; `most` is result_bytes."""
    with tempfile.TemporaryDirectory() as own:
        start = START.format(runner=str(RUNNER), scratch=scratch or own, packages=packages)
        return spawn(start, request(script, args, op, most), stdin, timeout)


def request(script: str, args: object, op: str, most: int) -> bytes:
    """The bytes of a request."""
    source = script.encode()
    text = (args if isinstance(args, str) else json.dumps(args)).encode() if args is not None else b""
    return b"%s %d %d %d\n" % (op.encode(), most, len(source), len(text)) + source + text


def spawn(start: str, request: bytes, stdin: bytes, timeout: float) -> Run:
    """Starts an interpreter with the descriptors of a jail and collects what it writes to each."""
    inputs = [memfd(stdin), memfd(request)]
    pipes = [os.pipe() for _ in range(4)]
    # In the order of their numbers in the jail: stdin, stdout, stderr, request, result, status.
    ends = [inputs[0], pipes[0][1], pipes[1][1], inputs[1], pipes[2][1], pipes[3][1]]
    high = [fcntl.fcntl(end, fcntl.F_DUPFD, 64) for end in ends]

    def place() -> None:
        for number, end in enumerate(high):
            os.dup2(end, number)

    command = [sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", start]
    child = subprocess.Popen(command, preexec_fn=place, pass_fds=(3, 4, 5), env=ENVIRONMENT)
    for end in (*ends, *high):
        os.close(end)
    collected: list[bytes] = [b""] * 4
    readers = [threading.Thread(target=drain, args=(pipes[i][0], collected, i)) for i in range(4)]
    for reader in readers:
        reader.start()
    try:
        code = child.wait(timeout)
    except subprocess.TimeoutExpired:
        child.kill()
        raise
    for reader in readers:
        reader.join(timeout)
    stdout, stderr, frame, status = collected
    return Run(frame, status, stdout, stderr, code)


def memfd(content: bytes) -> int:
    """An anonymous file with a content, read from its start."""
    descriptor = os.memfd_create("input")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def drain(descriptor: int, collected: list[bytes], index: int) -> None:
    """Reads a pipe to its end."""
    with open(descriptor, "rb") as pipe:
        collected[index] = pipe.read()


class ScriptTest(unittest.TestCase):
    """Claims about scripts."""

    maxDiff = None

    def returns(self, script: str, expected: object, args: object = None, **how) -> Run:
        """Runs a script that must return `expected`."""
        done = run(script, args, **how)
        self.assertEqual(done.result, expected)
        return done

    def fails(self, kind: str, message: str, script: str, args: object = None, **how) -> Run:
        """Runs a script that must fail with exactly this kind and message."""
        done = run(script, args, **how)
        self.assertEqual(done.kind, kind, (done.payload, done.status, done.stderr))
        self.assertEqual(done.message, message)
        return done
