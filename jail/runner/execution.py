"""The script's process: reads the request, runs the script, sends one result frame, ends.

After the script ran nothing here can rely on anything that a script can change: what is needed then is imported, bound
and copied before. A script can still lie about itself; that is its own affair.
"""

from __future__ import annotations

import builtins
import posix
import sys

import arguments
import faults
import result_json
import source
from faults import FILE, Refusal, fault
from interpreter import attempt, quiet

# Functions take their builtins from here when they are made: a script that patches `builtins` doesn't patch ours.
__builtins__ = dict(vars(builtins))  # type: ignore[assignment]

REQUEST = 3
RESULT = 4
# Where the result descriptor goes: out of the way of scripts that close or number descriptors, but below any
# sensible RLIMIT_NOFILE. The first that is possible is taken.
RESULT_PLACES = (255, 127, 63, 31)
MEMORY_LIMIT_FRAME = b"memory_limit 0\n"

MODULE_TYPE = type(sys)
SPEC_TYPE = type(sys.__spec__)

# Bound before the script can replace them.
_exit, posix_close, posix_write = posix._exit, posix.close, posix.write
settrace, setprofile = sys.settrace, sys.setprofile
MODULES = sys.modules


class Request:
    """What to run."""

    __slots__ = ("op", "result_bytes", "text", "args")

    def __init__(self, op: bytes, result_bytes: int, text: str, args: dict[str, object]) -> None:
        self.op = op
        self.result_bytes = result_bytes
        self.text = text
        self.args = args


class Results:
    """Where the one result frame goes. Processes that the script forks have none, and so can't answer a second time."""

    __slots__ = ("descriptor", "streams")

    def __init__(self) -> None:
        self.descriptor = move_away(RESULT)
        self.streams = (sys.stdout, sys.stderr)
        posix.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Drops the descriptor, in a forked process."""
        if self.descriptor >= 0:
            descriptor, self.descriptor = self.descriptor, -1
            posix_close(descriptor)

    def end(self, kind: bytes, payload: bytes) -> None:
        """Sends the frame and ends the process: no atexit, no waiting for threads, no finalizers."""
        try:
            flush(self.streams)
            send(self.descriptor, b"%b %d\n" % (kind, len(payload)))
            send(self.descriptor, payload)
        except MemoryError:
            posix_write(self.descriptor, MEMORY_LIMIT_FRAME)
        except OSError as error:
            posix_write(2, f"the result is lost: {error} (the script closed descriptor {self.descriptor}?)\n".encode())
        finally:
            _exit(0)


def send(descriptor: int, data: bytes) -> None:
    """Writes all of `data`; to nowhere if there is no descriptor."""
    view = memoryview(data) if descriptor >= 0 else memoryview(b"")
    while view:
        view = view[posix_write(descriptor, view) :]


def move_away(descriptor: int) -> int:
    """Moves a descriptor to a high number that exec closes; gives the number."""
    for place in RESULT_PLACES:
        try:
            posix.dup2(descriptor, place, inheritable=False)
        except OSError:
            continue
        posix.close(descriptor)
        return place
    posix.set_inheritable(descriptor, False)
    return descriptor


def run(results: Results) -> None:
    """Runs the request and ends the process."""
    try:
        kind, payload = outcome(read_request())
    except SystemExit as error:
        leave(error, results)
    except MemoryError:
        kind, payload = b"memory_limit", b""
    except Refusal as refusal:
        kind, payload = refused(refusal)
    if results.descriptor < 0 and kind != b"returned":
        leave_fork(payload, results)
    results.end(kind, payload)


def read_request() -> Request:
    """Reads descriptor 3 from its start and closes it."""
    data = posix.pread(REQUEST, posix.fstat(REQUEST).st_size, 0)
    posix.close(REQUEST)
    head, _, rest = data.partition(b"\n")
    op, result_bytes, script_len, args_len = head.split(b" ")
    end = int(script_len)
    args = rest[end : end + int(args_len)].decode()
    return Request(op, int(result_bytes), rest[:end].decode(), result_json.decode(args) if args else {})


def outcome(request: Request) -> tuple[bytes, bytes]:
    """Kind and payload of the frame. Raises SystemExit, MemoryError or Refusal for all that isn't a result."""
    code = source.compiled(request.text)
    if request.op != b"run":
        source.require_main(request.text, code)
    if request.op == b"compile":
        return b"returned", b"null"
    value, generates, error = None, False, None
    try:
        value, generates = call_main(request, code)
    except BaseException as raised:
        error = raised
    # Not in a function of its own: calling one is what a tracer traces. One that raises is off, so twice is enough.
    for disarm in (settrace, setprofile, settrace, setprofile):
        try:
            disarm(None)
        except BaseException:
            continue
    quiet()
    if error is not None:
        raise judged(error, request.text)
    # Kept to the end of the process: dropping it would run the script's finalizers.
    KEPT.append(value)
    return encoded(value, generates, request)


KEPT: list[object] = []


def judged(error: BaseException, text: str) -> BaseException:
    """What to raise for an exception that left the script."""
    if issubclass(type(error), (SystemExit, MemoryError, Refusal)):
        return error
    return Refusal(b"exception", faults.from_exception(error, text))


def call_main(request: Request, code: object) -> tuple[object, bool]:
    """What main() returned, awaited if need be; and whether main is a generator function."""
    namespace = script_module(request.text)
    exec(code, namespace)  # type: ignore[arg-type]
    main = namespace.get("main")
    source.require_callable(main, "main" in namespace)
    arguments.check(main, request.args, request.text)
    generates = arguments.generates(main)
    value = main(**request.args)  # type: ignore[operator]
    if getattr(type(value), "__await__", None) is not None:
        value = awaited(value)
    return value, generates


def script_module(text: str) -> dict[str, object]:
    """The namespace of a module `script` that imports, pickles and shows its source like one from a file."""
    module = MODULE_TYPE("script")
    loader = Loader(text)
    module.__file__ = FILE
    module.__loader__ = loader  # type: ignore[assignment]
    module.__spec__ = SPEC_TYPE("script", loader, origin=FILE)  # type: ignore[call-arg, misc, arg-type]
    module.__builtins__ = builtins  # type: ignore[attr-defined]
    sys.modules["script"] = module
    return vars(module)


class Loader:
    """Gives `linecache` (so tracebacks, `inspect` and `pdb`) the source when it asks, and costs nothing before."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def get_source(self, _name: str) -> str:
        """The source (see importlib.abc.InspectLoader)."""
        return self.text


def awaited(value: object) -> object:
    """The value of an awaitable."""
    import asyncio

    async def wait() -> object:
        return await value  # type: ignore[misc]

    return asyncio.run(value if asyncio.iscoroutine(value) else wait())


def encoded(value: object, generates: bool, request: Request) -> tuple[bytes, bytes]:
    """The frame of a value that main() returned."""
    try:
        return b"returned", result_json.encode(value, request.result_bytes, generates)
    except result_json.NotJson as error:
        raise Refusal(b"not_json", fault(str(error))) from None
    except result_json.TooLarge as error:
        raise Refusal(b"result_too_large", fault(str(error))) from None
    except BaseException as error:
        raise judged(error, request.text) from None


def refused(refusal: Refusal) -> tuple[bytes, bytes]:
    """The frame of a refusal."""
    try:
        return refusal.kind, result_json.dumps(refusal.fault)
    except MemoryError:
        return b"memory_limit", b""


def leave(error: SystemExit, results: Results) -> None:
    """Ends the process as SystemExit asks for, without a frame: the supervisor tells the status."""
    status = 1
    try:
        quiet()
        code = error.code
        if code is None or isinstance(code, int):
            status = (code or 0) & 0xFF
        else:
            print(code, file=sys.stderr)
    finally:
        flush(results.streams)
        _exit(status)


def leave_fork(payload: bytes, results: Results) -> None:
    """Ends a process that the script forked and that failed, as Python does: traceback to stderr, status 1."""
    try:
        found = result_json.decode(payload.decode()) if payload else {"message": "MemoryError"}
        print(found.get("traceback") or found["message"], file=sys.stderr)
    finally:
        flush(results.streams)
        _exit(1)


def flush(streams: tuple[object, ...]) -> None:
    """Writes out what Python and C hold back: the script's streams, then those it started with, then C's."""
    for name in ("stdout", "stderr"):
        attempt(lambda name=name: getattr(sys, name).flush())
    for stream in streams:
        attempt(stream.flush)  # type: ignore[attr-defined]
    attempt(flush_stdio)


def flush_stdio() -> None:
    """C's own buffers, which only ctypes reaches; without it little else writes to them."""
    ctypes = MODULES.get("ctypes")
    if ctypes is not None:
        ctypes.CDLL(None).fflush(None)
