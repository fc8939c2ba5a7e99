"""Whether the arguments of a request fit the parameters of main: read from its code object, `inspect` costs 20 ms."""

from __future__ import annotations

import builtins

from faults import FILE, Refusal, character, fault, lines_of

# See execution.py.
__builtins__ = dict(vars(builtins))  # type: ignore[assignment]

CO_VARKEYWORDS = 0x08
CO_GENERATORS = 0x20 | 0x200

FUNCTION_TYPE = type(lines_of)


def generates(main: object) -> bool:
    """Whether main is a generator function, asynchronous or not."""
    return type(main) is FUNCTION_TYPE and bool(main.__code__.co_flags & CO_GENERATORS)  # type: ignore[attr-defined]


def check(main: object, args: dict[str, object], text: str) -> None:
    """Raises a Refusal if `main(**args)` can't be called. Anything but a plain function has to find out itself."""
    if type(main) is not FUNCTION_TYPE:
        return
    message = misfit(main, args)
    if message is not None:
        line, column = place(main.__code__, text)  # type: ignore[attr-defined]
        raise Refusal(b"bad_arguments", fault(message, line, column))


def misfit(main, args: dict[str, object]) -> str | None:
    """What is wrong with calling `main(**args)`."""
    code = main.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    positional, by_name = names[: code.co_posonlyargcount], names[code.co_posonlyargcount :]
    optional = set(main.__kwdefaults__ or ())
    defaults = len(main.__defaults__ or ())
    optional.update(names[code.co_argcount - defaults : code.co_argcount] if defaults else ())

    unreachable = [name for name in positional if name not in optional]
    if unreachable:
        return f"main() takes {listed(unreachable)} by position only, and args are given by name: remove the `/` from its parameters"
    missing = [name for name in by_name if name not in optional and name not in args]
    if missing:
        return f"main() requires {listed(missing)}, which args does not give"
    unknown = [] if code.co_flags & CO_VARKEYWORDS else [name for name in args if name not in by_name]
    if unknown:
        takes = f"it takes: {', '.join(by_name)}" if by_name else "it takes none"
        return f"main() takes no argument {listed(unknown, 'or')}; {takes}"
    return None


def listed(names: list[str], last: str = "and") -> str:
    """'a', 'b' and 'c'."""
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {last} {quoted[-1]}"


def place(code, text: str) -> tuple[int | None, int | None]:
    """Line and column of the `def`; a code object starts at its first decorator."""
    if code.co_filename != FILE:
        return None, None
    lines = lines_of(text)
    for number in range(code.co_firstlineno, len(lines) + 1):
        line = lines[number - 1]
        if line.lstrip().startswith(("def ", "def\t", "async ", "async\t")):
            return number, character(lines, number, len(line) - len(line.lstrip()))
    return code.co_firstlineno, None
