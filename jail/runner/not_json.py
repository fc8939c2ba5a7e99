"""Says what can't be JSON: where it is in the result, what it is, what to write instead."""

from __future__ import annotations

import builtins

# See execution.py.
__builtins__ = dict(vars(builtins))  # type: ignore[assignment]

# The exact getters: a metaclass of the script's can't stand in for them.
NAME_OF = type.__dict__["__name__"].__get__
MODULE_OF = type.__dict__["__module__"].__get__
MRO_OF = type.__dict__["__mro__"].__get__
DICT_OF = type.__dict__["__dict__"].__get__

SHOWN_PARTS = 40
SHOWN_LENGTH = 60

ISO = "use .isoformat()"
AS_LIST = "use list(...)"
NONE_INSTEAD = "use None instead"
SECONDS = "use .total_seconds()"
TEXT = "use str(...)"
CALL_IT = "call it and return what it gives"

# What to write instead, by the root of the module and the name of a class or of one that it derives from. No class is
# imported for it: a value can only be of a class that the script has imported.
REMEDIES = {
    ("pandas", "NaTType"): NONE_INSTEAD,
    ("pandas", "NAType"): NONE_INSTEAD,
    ("pandas", "Timestamp"): ISO,
    ("pandas", "Timedelta"): SECONDS,
    ("pandas", "Period"): TEXT,
    ("pandas", "Interval"): TEXT,
    ("pandas", "Series"): "use .to_dict() or .tolist()",
    ("pandas", "DataFrame"): "use .to_dict('records')",
    ("pandas", "Index"): "use .tolist()",
    ("pandas", "ExtensionArray"): "use .tolist()",
    ("numpy", "datetime64"): TEXT,
    ("numpy", "timedelta64"): "use .item() and what fits it, or str(...)",
    ("numpy", "complexfloating"): "use [z.real, z.imag]",
    ("numpy", "longdouble"): "use float(...), which loses digits, or str(...)",
    ("numpy", "dtype"): TEXT,
    ("enum", "Enum"): "use .value or .name",
    ("datetime", "datetime"): ISO,
    ("datetime", "date"): ISO,
    ("datetime", "time"): ISO,
    ("datetime", "timedelta"): SECONDS,
    ("datetime", "tzinfo"): TEXT,
    ("decimal", "Decimal"): "use str(...), or float(...) if it may be rounded",
    ("fractions", "Fraction"): "use str(...), or float(...) if it may be rounded",
    ("uuid", "UUID"): TEXT,
    ("pathlib", "PurePath"): TEXT,
    ("re", "Match"): "use .group() or .groupdict()",
    ("re", "Pattern"): "use .pattern",
    ("array", "array"): "use .tolist()",
    ("collections", "deque"): AS_LIST,
    ("collections", "UserDict"): "use dict(...)",
    ("collections", "UserList"): AS_LIST,
    ("collections", "UserString"): TEXT,
    ("_io", "_IOBase"): "read it, and return what it holds",
    ("builtins", "set"): "use sorted(...) or list(...)",
    ("builtins", "frozenset"): "use sorted(...) or list(...)",
    ("builtins", "bytes"): "use .decode(), or base64 if it isn't text",
    ("builtins", "bytearray"): "use .decode(), or base64 if it isn't text",
    ("builtins", "memoryview"): "use .tobytes().decode(), or base64 if it isn't text",
    ("builtins", "complex"): "use [z.real, z.imag]",
    ("builtins", "mappingproxy"): "use dict(...)",
    ("builtins", "range"): AS_LIST,
    ("builtins", "dict_keys"): AS_LIST,
    ("builtins", "dict_values"): AS_LIST,
    ("builtins", "dict_items"): AS_LIST,
    ("builtins", "generator"): AS_LIST,
    ("builtins", "coroutine"): "await it",
    ("builtins", "async_generator"): "use [item async for item in ...]",
    ("builtins", "function"): CALL_IT,
    ("builtins", "method"): CALL_IT,
    ("builtins", "builtin_function_or_method"): CALL_IT,
    ("builtins", "method_descriptor"): CALL_IT,
    ("functools", "partial"): CALL_IT,
    ("builtins", "type"): "return an instance's data, or the class's name",
    ("builtins", "module"): "return a value from it",
    ("builtins", "ellipsis"): NONE_INSTEAD,
    ("builtins", "NotImplementedType"): NONE_INSTEAD,
    ("builtins", "BaseException"): TEXT,
}


def message(unfit, generates: bool) -> str:
    """The whole message about a value that can't be JSON."""
    path, containers = unfit.path[::-1], unfit.containers[::-1]
    if unfit.too_deep:
        return cycle(path, containers) or f"result {unfit.problem}: return it flatter"
    if generates and not path:
        return "result is a generator: main contains yield, so calling it runs nothing; collect the values in a list and return that"
    return f"{place(path)} {unfit.problem}"


def cycle(path: list, containers: list) -> str | None:
    """The message if what is too deep goes round in a circle."""
    first: dict[int, int] = {}
    for index, container in enumerate(containers):
        if id(container) in first:
            start = place(path[: first[id(container)]])
            return f"{place(path[:index])} is {start} again: JSON can't hold a cycle, put a name or an id there"
        first[id(container)] = index
    return None


def place(path: list) -> str:
    """A JSON path: result.rows[3]["odd key"]."""
    shown = path if len(path) <= SHOWN_PARTS else path[:SHOWN_PARTS]
    parts = ["result"]
    for part in shown:
        if type(part) is int:
            parts.append(f"[{part}]")
        elif part.isidentifier() and len(part) <= SHOWN_LENGTH:
            parts.append(f".{part}")
        else:
            parts.append(f"[{quoted(part)}]")
    if len(shown) < len(path):
        parts.append(f"...({len(path) - len(shown)} more levels)")
    return "".join(parts)


def quoted(text: str) -> str:
    """A string as JSON and Python both write it, not too long."""
    text = text if len(text) <= SHOWN_LENGTH else text[:SHOWN_LENGTH] + "..."
    inner = repr(text)[1:-1].replace("\\'", "'").replace('"', '\\"')
    return f'"{inner}"'


def shown(key: object) -> str:
    """A key of a plain type as Python writes it, of any other its type."""
    kind = type(key)
    if issubclass(kind, str):
        return quoted(str.__str__(key))  # type: ignore[arg-type]
    for plain in (bool, int, float):
        if issubclass(kind, plain):
            text = plain.__repr__(key)  # type: ignore[arg-type]
            return text if len(text) <= SHOWN_LENGTH else text[:SHOWN_LENGTH] + "..."
    return "None" if key is None else f"{article(NAME_OF(kind))} {NAME_OF(kind)}"


def problem(value: object, kind: type) -> str:
    """What a value is, and what to write instead."""
    name = NAME_OF(kind)
    return f"is {article(name)} {name}: {remedy(value, kind)}"


def article(name: str) -> str:
    """`a` or `an`."""
    return "an" if name[:1] in tuple("AEIOaeio") or name == "ndarray" else "a"


def remedy(value: object, kind: type) -> str:
    """What to write instead of a value."""
    if type(value) is type and issubclass(type(value), type):
        return REMEDIES["builtins", "type"]
    bases = MRO_OF(kind)
    for base in bases:
        known = REMEDIES.get((root(base), NAME_OF(base)))
        if known is not None:
            return known
    if any("__dataclass_fields__" in DICT_OF(base) for base in bases):
        return "use dataclasses.asdict(...)"
    if any("__next__" in DICT_OF(base) for base in bases):
        return AS_LIST
    if any("keys" in DICT_OF(base) and "__getitem__" in DICT_OF(base) for base in bases):
        return "use dict(...)"
    if any("__iter__" in DICT_OF(base) for base in bases):
        return AS_LIST
    return "use vars(...), or build a dict of what it holds"


def root(kind: type) -> str:
    """The first part of the name of a class's module."""
    module = MODULE_OF(kind)
    return module.partition(".")[0] if type(module) is str else ""


def comes_from(kind: type, module: str, name: str) -> bool:
    """Whether a class is, or derives from, the class of that name in a module of that root."""
    return any(NAME_OF(base) == name and root(base) == module for base in MRO_OF(kind))


def array_problem(kind: type, dtype) -> str:
    """What an array is whose elements have no JSON equals."""
    name = NAME_OF(kind)
    if comes_from(kind, "numpy", "MaskedArray"):
        return f"is {article(name)} {name}: use .tolist(), which gives None for what is masked"
    what = {
        "c": ("complex numbers", "use [a.real.tolist(), a.imag.tolist()]"),
        "m": ("timedeltas", "use .astype(str).tolist()"),
        "M": ("datetimes", "use .astype(str).tolist()"),
        "S": ("bytes", "use .astype(str).tolist()"),
    }.get(dtype.kind, ("structures", "build a dict of its fields: {name: a[name].tolist() for name in a.dtype.names}"))
    return f"is {article(name)} {name} of {what[0]}: {what[1]}"


def not_finite(value) -> str:
    """What a NaN or an infinity is."""
    name = "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return f"is {name}, which is not JSON: {NONE_INSTEAD}"


def bad_key(key: object, kind: type) -> str:
    """What a key is that has no name in JSON."""
    name = NAME_OF(kind)
    advice = "use str(key)" if not issubclass(kind, (tuple, list)) else "use a string, or a list of [key, value] pairs"
    if comes_from(kind, "datetime", "date"):
        advice = "use key.isoformat()"
    return f"has a key that is {article(name)} {name}, and JSON has only strings: {advice}"


def collision(first: object, second: object, name: str) -> str:
    """Two keys that become one."""
    return f"has the keys {shown(first)} and {shown(second)}, which are both {quoted(name)} in JSON: rename one"
