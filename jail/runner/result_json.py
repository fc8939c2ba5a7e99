"""The result as JSON text, by the rules of json.dumps and a few stricter ones.

One pass makes a private copy out of exact dict, list, str, int, float, bool and None, by the base types' own methods,
so that no method of the script's and no change made meanwhile can matter. The C encoder of `json` then writes the copy;
it also finds NaN, and UTF-8 finds lone surrogates: only when they do is the copy searched for the place.
`json` itself costs a cold start 7 ms, its accelerator nothing.
"""

from __future__ import annotations

import builtins
import sys
from itertools import chain

import not_json

# See execution.py.
__builtins__ = dict(vars(builtins))  # type: ignore[assignment]

try:
    import _json
except ImportError:  # An interpreter built without the accelerator: slower, the same text.
    _json = None  # type: ignore[assignment]

MODULES = sys.modules  # The dict itself: the script can put another in its place.
NONE_TYPE = type(None)
PLAIN = frozenset((str, int, float, bool, NONE_TYPE))
STR_ONLY = frozenset((str,))
INT_ONLY = frozenset((int,))
MAX_DEPTH = 1000


class NotJson(Exception):
    """The result holds something that JSON can't; the text names place, type and remedy."""


class TooLarge(Exception):
    """The result is more JSON than allowed; the text names both sizes."""


class Unfit(Exception):
    """A value that can't be JSON. On its way up each container adds where in it that is, innermost first."""

    def __init__(self, problem: str, too_deep: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.too_deep = too_deep
        self.path: list[str | int] = []
        self.containers: list[object] = []

    def inside(self, container: object, key: str | int) -> None:
        """Notes that the value is at `key` of `container`."""
        self.path.append(key)
        self.containers.append(container)


def encode(value: object, most: int, generates: bool) -> bytes:
    """The JSON text of what main() returned, at most `most` bytes. `generates`: main is a generator function.

    Raises NotJson or TooLarge, and whatever a key's or number's own code raises.
    """
    copier = Copier(most)
    try:
        copy = copier.copy(value, 1)
    except Unfit as unfit:
        raise NotJson(not_json.message(unfit, generates)) from None
    try:
        data = dumps(copy)
    except UnicodeEncodeError:
        raise NotJson(misplaced(copy, has_surrogate, "contains a lone surrogate, which is no Unicode text: "
                                "use .encode('utf-8', 'replace').decode()")) from None  # fmt: skip
    except ValueError:
        raise NotJson(misplaced(copy, is_not_finite, None)) from None
    if len(data) > most:
        raise TooLarge(too_large(f"{len(data)}", most))
    return data


def dumps(plain: object) -> bytes:
    """The JSON text of a private copy. ValueError for a NaN or infinity, UnicodeEncodeError for a lone surrogate."""
    if _json is None:
        import json

        return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    # The arguments as json.encoder gives them, 3.11 to 3.14: markers, default, encoder, indent, key_separator,
    # item_separator, sort_keys, skipkeys, allow_nan. No markers: a copy has no cycles.
    encoder = _json.make_encoder(None, unknown, _json.encode_basestring, None, ":", ",", False, False, False)
    return "".join(encoder(plain, 0)).encode()


def unknown(value: object) -> object:
    """What the encoder calls for a type it doesn't know; a copy has none."""
    raise TypeError(type(value))


def decode(text: str) -> dict[str, object]:
    """The value of a JSON object's text, integers of any length included."""
    digits = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        if _json is None:
            import json

            return json.loads(text)
        scan = _json.make_scanner(Scanner())  # type: ignore[arg-type]
        return scan(text.strip(" \t\r\n"), 0)[0]
    finally:
        sys.set_int_max_str_digits(digits)


class Scanner:
    """The settings that the C scanner reads, as json.JSONDecoder has them. NaN is no JSON, and never arrives."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


def too_large(size: str, most: int) -> str:
    """The message for a result above its bound."""
    return f"the result is {size} bytes of JSON, more than the {most} allowed: return a part or a summary of it"


class Copier:
    """Makes the private copy."""

    __slots__ = ("most", "room", "numpy")

    def __init__(self, most: int) -> None:
        self.most = most
        # Each element of a container takes two bytes or more: a character and a separator.
        self.room = most // 2
        self.numpy = loaded_numpy()

    def copy(self, value: object, depth: int) -> object:
        """A copy of `value`, which is `depth` levels below the top, from 1."""
        kind = type(value)
        if kind is dict:
            return self.copy_dict(value, value.copy(), depth)  # type: ignore[attr-defined]
        if kind is list:
            return self.copy_list(value, value.copy(), depth)  # type: ignore[attr-defined]
        if kind is tuple:
            return self.copy_list(value, list(value), depth)  # type: ignore[call-overload]
        if kind in PLAIN:
            if kind is str and len(value) > self.most:  # type: ignore[arg-type]
                raise TooLarge(too_large(f"at least {len(value)}", self.most))  # type: ignore[arg-type]
            return value
        return self.copy_other(value, kind, depth)

    def copy_dict(self, original: object, items: dict, depth: int) -> dict:
        """Completes `items`, a private dict with the content of `original`."""
        self.take(len(items), depth)
        if not STR_ONLY.issuperset(map(type, items)):
            if INT_ONLY.issuperset(map(type, items)):
                items = dict(zip(map(int.__repr__, items), items.values(), strict=True))
            else:
                items = self.with_names(list(items.items()))
        if PLAIN.issuperset(map(type, items.values())):
            return items
        name: str = ""
        try:
            for name, value in items.items():
                if type(value) not in PLAIN:
                    items[name] = self.copy(value, depth + 1)
        except Unfit as unfit:
            unfit.inside(original, name)
            raise
        return items

    def copy_list(self, original: object, items: list, depth: int) -> list:
        """Completes `items`, a private list with the content of `original`."""
        self.take(len(items), depth)
        kinds = {*map(type, items)}
        if PLAIN.issuperset(kinds):
            return items
        if len(kinds) == 1 and (dict in kinds or list in kinds):
            return self.copy_rows(original, items, dict if dict in kinds else list, depth)
        index = 0
        try:
            for index, value in enumerate(items):
                if type(value) not in PLAIN:
                    items[index] = self.copy(value, depth + 1)
        except Unfit as unfit:
            unfit.inside(original, index)
            raise
        return items

    def copy_rows(self, original: object, items: list, kind: type, depth: int) -> list:
        """A copy of `items`, which are all exactly dicts or all exactly lists: plain ones are checked in one go."""
        if sum(map(len, items)) > self.room:
            raise TooLarge(too_large(f"more than {self.most}", self.most))
        rows = list(map(kind.copy, items))  # type: ignore[attr-defined]
        values = chain.from_iterable(map(dict.values, rows) if kind is dict else rows)
        named = kind is list or STR_ONLY.issuperset(map(type, chain.from_iterable(rows)))
        if named and PLAIN.issuperset(map(type, values)):
            self.take(sum(map(len, rows)), depth + 1)
            return rows
        complete = self.copy_dict if kind is dict else self.copy_list
        index = 0
        try:
            for index, row in enumerate(rows):
                rows[index] = complete(items[index], row, depth + 1)  # type: ignore[operator]
        except Unfit as unfit:
            unfit.inside(original, index)
            raise
        return rows

    def take(self, elements: int, depth: int) -> None:
        """Holds the copy to its bounds, so that shared and cyclic structures can't blow it up."""
        self.room -= elements
        if self.room < 0:
            raise TooLarge(too_large(f"more than {self.most}", self.most))
        if depth > MAX_DEPTH:
            raise Unfit(f"is nested deeper than {MAX_DEPTH} levels", too_deep=True)

    def copy_other(self, value, kind: type, depth: int) -> object:
        """A copy of what isn't exactly a plain type. `issubclass` of a type looks at no `__class__`."""
        if issubclass(kind, str):
            return self.copy(str.__str__(value), depth)
        if issubclass(kind, int):
            return int.__pos__(value)
        if issubclass(kind, float):
            return float.__pos__(value)
        if issubclass(kind, dict):
            return self.copy_dict(value, self.with_names(pairs_of(value, kind)), depth)
        if issubclass(kind, (list, tuple)):
            base = list if issubclass(kind, list) else tuple
            return self.copy_list(value, list(base.__iter__(value)), depth)
        if self.numpy is not None:
            if issubclass(kind, self.numpy.generic):
                return self.numpy_scalar(value, kind)
            if issubclass(kind, self.numpy.ndarray):
                return self.numpy_array(value, kind, depth)
        raise Unfit(not_json.problem(value, kind))

    def with_names(self, pairs: list) -> dict[str, object]:
        """A dict with the names that keys have in JSON."""
        named: dict[str, object] = {}
        for key, value in pairs:
            name = key if type(key) is str else self.name(key)
            if name in named:
                first = next(other for other, _ in pairs if (other if type(other) is str else self.name(other)) == name)
                raise Unfit(not_json.collision(first, key, name))
            named[name] = value
        return named

    def name(self, key: object) -> str:
        """The name that a key has in JSON, as json.dumps gives it; numpy's scalars as their Python equals."""
        kind = type(key)
        if kind is bool or kind is NONE_TYPE:
            return {True: "true", False: "false", None: "null"}[key]  # type: ignore[index]
        if issubclass(kind, str):
            return str.__str__(key)  # type: ignore[arg-type]
        if issubclass(kind, int):
            return int.__repr__(key)  # type: ignore[arg-type]
        if issubclass(kind, float):
            if not is_not_finite(key):
                return float.__repr__(key)  # type: ignore[arg-type]
            raise Unfit(f"has the key {not_json.shown(key)}, which JSON can't name: use a string")
        if self.numpy is not None and issubclass(kind, self.numpy.generic) and exact_kind(self.numpy, key) in "biuf":
            return self.name(self.numpy_scalar(key, kind))
        raise Unfit(not_json.bad_key(key, kind))

    def numpy_scalar(self, value, kind: type) -> object:
        """The Python equal of a numpy scalar."""
        letter = exact_kind(self.numpy, value)
        if letter in "biuf" and letter:
            plain = self.numpy.generic.item(value)
            if type(plain) in PLAIN:
                return plain
            plain = float(plain)  # A long double: only where nothing is lost.
            if plain != plain or value == plain:
                return plain
        raise Unfit(not_json.problem(value, kind))

    def numpy_array(self, value, kind: type, depth: int) -> object:
        """The nested lists of a numpy array; nothing for one without dimensions."""
        array = self.numpy.ndarray
        dtype = array.dtype.__get__(value)
        if dtype.kind in "cmMSV" or not_json.comes_from(kind, "numpy", "MaskedArray"):
            raise Unfit(not_json.array_problem(kind, dtype))
        self.take(array.size.__get__(value), depth + array.ndim.__get__(value) - 1)
        content = array.tolist(value)
        if dtype.kind in "biu" or dtype.kind == "f" and dtype.itemsize <= 8:
            return content
        self.room += array.size.__get__(value)
        return self.copy(content, depth)


def pairs_of(value: object, kind: type) -> list:
    """The items of a dict's subclass; an OrderedDict keeps an order of its own."""
    if not_json.comes_from(kind, "collections", "OrderedDict"):
        ordered = getattr(MODULES.get("collections"), "OrderedDict", None)
        if type(ordered) is type and issubclass(kind, ordered):
            return list(ordered.items(value))  # type: ignore[attr-defined]
    return list(dict.items(value))  # type: ignore[arg-type]


def loaded_numpy():
    """numpy, if the script imported it."""
    numpy = MODULES.get("numpy")
    generic, ndarray = getattr(numpy, "generic", None), getattr(numpy, "ndarray", None)
    return numpy if type(generic) is type and type(ndarray) is type else None


def exact_kind(numpy, value: object) -> str:
    """The letter for the kind of a numpy scalar (numpy.dtype.kind)."""
    return numpy.generic.dtype.__get__(value).kind


def is_not_finite(value: object) -> bool:
    """Whether it is NaN or an infinity."""
    return isinstance(value, float) and float.__sub__(value, value) != 0.0


def has_surrogate(value: object) -> bool:
    """Whether it is a string that UTF-8 can't hold."""
    try:
        return type(value) is str and not value.encode()
    except UnicodeEncodeError:
        return True


def misplaced(copy: object, is_wrong, problem: str | None) -> str:
    """The message about the first value or name in a copy that is wrong."""
    waiting: list[tuple[object, tuple]] = [(copy, ())]
    while waiting:
        value, path = waiting.pop()
        if is_wrong(value):
            return not_json.place(unlinked(path)) + " " + (problem or not_json.not_finite(value))
        if type(value) is dict:
            for name in value:
                if is_wrong(name):
                    return f"{not_json.place(unlinked(path))} has a key that {problem}"
            waiting += [(child, (path, name)) for name, child in reversed(value.items())]
        elif type(value) is list:
            waiting += [(value[index], (path, index)) for index in range(len(value) - 1, -1, -1)]
    return "result can't be encoded"


def unlinked(path: tuple) -> list[str | int]:
    """A path kept as nested pairs, as a list from the outermost part."""
    parts: list[str | int] = []
    while path:
        path, part = path
        parts.append(part)
    return parts[::-1]
