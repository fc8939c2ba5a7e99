"""What is told of a script that failed: message, line, column, traceback."""

from __future__ import annotations

import builtins

# See execution.py.
__builtins__ = dict(vars(builtins))  # type: ignore[assignment]

FILE = "script.py"
MESSAGE_BYTES = 4 << 10
TRACEBACK_BYTES = 64 << 10

# The exact getters: a class of the script's can't stand in for them.
TRACEBACK_OF = BaseException.__dict__["__traceback__"].__get__
TEXT_OF = BaseException.__str__
NAME_OF = type.__dict__["__name__"].__get__


class Refusal(Exception):
    """No result, for a reason that has a kind. `fault` is the frame's payload."""

    def __init__(self, kind: bytes, fault: dict[str, object]) -> None:
        super().__init__(kind)
        self.kind = kind
        self.fault = fault


def fault(
    message: str, line: int | None = None, column: int | None = None, traceback: str | None = None
) -> dict[str, object]:
    """The payload of a failure's frame: valid Unicode of a bounded size. Lines and columns count from 1."""
    return {
        "message": cut(message, MESSAGE_BYTES),
        "line": line,
        "column": column,
        "traceback": None if traceback is None else cut(traceback, TRACEBACK_BYTES),
    }


def cut(text: str, most: int) -> str:
    """`text` in at most about `most` bytes of UTF-8: what is too much is taken from its middle, and said."""
    if len(text) > 4 * most:  # Not even encode what is far too long.
        text, left_out = text[: 2 * most] + text[-most:], len(text) - 3 * most
    else:
        left_out = 0
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= most:
        return data.decode()
    head, tail = most * 3 // 4, most // 4
    left_out += len(data) - head - tail
    return f"{data[:head].decode(errors='ignore')}\n[... {left_out} bytes left out ...]\n{data[-tail:].decode(errors='ignore')}"


def lines_of(text: str) -> list[str]:
    """The lines as Python's tokenizer counts them, each with its end."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [line + "\n" for line in lines]


def character(lines: list[str], line: int, offset: int) -> int:
    """The column, in characters from 1, of a byte offset from 0 in a line."""
    if not 0 < line <= len(lines):
        return offset + 1
    return len(lines[line - 1].encode()[:offset].decode(errors="replace")) + 1


def from_exception(error: BaseException, text: str) -> dict[str, object]:
    """The fault for an exception that left the script. Raises MemoryError alone."""
    lines = lines_of(text)
    line = column = None
    try:
        line, column = place(error, lines)
        message, rendered = rendering(error, lines)
    except MemoryError:
        raise
    except BaseException:
        message, rendered = plain_rendering(error, line)
    return fault(message, line, column, rendered)


def plain_rendering(error: BaseException, line: int | None) -> tuple[str, str]:
    """What can be told when the script broke what shows exceptions, or its own doesn't let itself be shown."""
    try:
        text = TEXT_OF(error)
        message = f"{NAME_OF(type(error))}{': ' if text else ''}{text}"
    except Exception:
        message = NAME_OF(type(error))
    place = "" if line is None else f'  File "{FILE}", line {line}\n'
    return message, f"Traceback (most recent call last):\n{place}{message}\n"


def place(error: BaseException, lines: list[str]) -> tuple[int | None, int | None]:
    """Line and column of the innermost of the script's frames."""
    innermost = None
    step = TRACEBACK_OF(error)
    while step is not None:
        if step.tb_frame.f_code.co_filename == FILE:
            innermost = step
        step = step.tb_next
    if innermost is None or innermost.tb_lineno is None:
        return None, None
    positions = list(innermost.tb_frame.f_code.co_positions())
    index = innermost.tb_lasti // 2
    offset = positions[index][2] if 0 <= index < len(positions) else None
    line = innermost.tb_lineno
    return line, None if offset is None else character(lines, line, offset)


def rendering(error: BaseException, lines: list[str]) -> tuple[str, str]:
    """Python's last line for an exception, and its traceback with the script's frames alone."""
    import linecache
    import traceback

    linecache.cache[FILE] = (sum(map(len, lines)), None, lines, FILE)
    found = traceback.TracebackException(type(error), error, TRACEBACK_OF(error), compact=True)
    keep_own_frames(found)
    rendered = "".join(found.format())
    if issubclass(type(error), SyntaxError):
        return f"{NAME_OF(type(error))}: {found.msg}", rendered
    return next(iter(found.format_exception_only())).rstrip("\n"), rendered


def keep_own_frames(top) -> None:
    """Drops every frame that isn't the script's, in causes, contexts and groups too."""
    waiting, seen = [top], set()
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.stack[:] = [frame for frame in one.stack if frame.filename == FILE]
        waiting += [one.__cause__, one.__context__, *(one.exceptions or ())]


def from_syntax_error(error: SyntaxError, text: str) -> dict[str, object]:
    """The fault for a source that CPython refuses, with its own rendering of the place."""
    import traceback

    lines = lines_of(text)
    # Errors that come after the parser's: CPython looks for the line in the file, which does not exist, and gives the
    # columns in bytes.
    if not error.text and error.lineno is not None and 0 < error.lineno <= len(lines):
        error.text = lines[error.lineno - 1]
        if error.offset and error.offset > 0:
            error.offset = character(lines, error.lineno, error.offset - 1)
        if error.end_offset and error.end_offset > 0 and error.end_lineno == error.lineno:
            error.end_offset = character(lines, error.lineno, error.end_offset - 1)
    rendered = "".join(traceback.format_exception_only(type(error), error))
    return fault(str(error.msg), error.lineno or None, column_of(error, lines), rendered)


def column_of(error: SyntaxError, lines: list[str]) -> int | None:
    """The column, unless it counts in something else than the line: up to 3.11, in the expression of an f-string."""
    if not error.offset or error.offset < 1 or not error.lineno:
        return None
    line = lines[error.lineno - 1] if error.lineno <= len(lines) else ""
    return error.offset if not error.text or error.text.split("\n")[0].strip() in line else None
