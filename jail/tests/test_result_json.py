"""Claims about what is JSON, what is not, and what is said of it."""

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import json
import math
import pathlib
import random
import re
import sys
import threading
import unittest
import uuid

from harness import NO_NUMPY, PACKAGES, RUNNER, ScriptTest, run

sys.path.insert(0, str(RUNNER))
import result_json  # noqa: E402

MOST = 8 << 20


def text(value: object, most: int = MOST) -> str:
    """The JSON text of a value."""
    return result_json.encode(value, most, False).decode()


class JsonTest(unittest.TestCase):
    def setUp(self) -> None:
        self.addCleanup(sys.setrecursionlimit, sys.getrecursionlimit())
        self.addCleanup(sys.set_int_max_str_digits, sys.get_int_max_str_digits())
        sys.setrecursionlimit(10_000)
        sys.set_int_max_str_digits(0)

    def refused(self, value: object, message: str) -> None:
        with self.assertRaises(result_json.NotJson) as caught:
            text(value)
        self.assertEqual(str(caught.exception), message)


class Equals(JsonTest):
    def test_plain_values_come_out_as_json_dumps_writes_them(self):
        for value in [
            None,
            True,
            False,
            0,
            -1,
            2**53 + 1,
            1.5,
            -0.0,
            1e300,
            5e-324,
            1e16,
            "",
            'é\u2028"\\\n\x00\x7f',
            [],
            {},
            (),
            [[]],
            {"": [{}]},
        ]:
            with self.subTest(repr(value)):
                self.assertEqual(text(value), json.dumps(value, ensure_ascii=False, separators=(",", ":")))

    def test_any_value_comes_out_as_json_dumps_writes_it(self):
        dice = random.Random(7)
        keys = [
            lambda: f"k{dice.randrange(99)}",
            lambda: dice.randrange(9**9),
            lambda: dice.random(),
            lambda: None,
            lambda: True,
        ]

        def value(depth: int) -> object:
            pick = dice.randrange(9 if depth else 6)
            if pick < 6:
                return [None, True, dice.randrange(-9, 10**30), dice.random(), "é" * dice.randrange(5), "\x1f"][pick]
            if pick == 6:
                return {dice.choice(keys)(): value(depth - 1) for _ in range(dice.randrange(5))}
            return (list if pick == 7 else tuple)(value(depth - 1) for _ in range(dice.randrange(5)))

        for _ in range(3000):
            one = value(5)
            self.assertEqual(text(one), json.dumps(one, ensure_ascii=False, separators=(",", ":")))

    def test_integers_keep_every_digit(self):
        number = 10**20_000 + 7
        self.assertEqual(text([number, {number: 1}]), f'[{number},{{"{number}":1}}]')

    def test_keys_become_strings_as_json_dumps_makes_them(self):
        value = {True: 1, None: 2, 1.5: 3, 7: 4, "s": 5, 10**25: 6, -0.0: 7}
        self.assertEqual(text(value), json.dumps(value, separators=(",", ":")))

    def test_subclasses_of_the_base_types_are_their_base(self):
        Color = enum.IntEnum("Color", "RED")
        Name = enum.Enum("Name", {"A": "a"}, type=str)
        Point = collections.namedtuple("Point", "x y")
        ordered = collections.OrderedDict(a=1, b=2)
        ordered.move_to_end("a")
        value = [
            Color.RED,
            Name.A,
            Point(1, 2),
            ordered,
            collections.Counter("aab"),
            collections.defaultdict(int, x=1),
            {Color.RED: 1, Name.A: 2},
        ]
        self.assertEqual(text(value), '[1,"a",[1,2],{"b":2,"a":1},{"a":2,"b":1},{"x":1},{"1":1,"a":2}]')

    def test_hostile_subclasses_have_no_say(self):
        def broken(*_):
            raise RuntimeError("called")

        names = ("__iter__ __len__ __getitem__ items keys values copy __repr__ __str__ __int__ __index__ __float__ __hash__ __eq__ "
                 "__pos__ __add__ __bool__ __class__ __contains__ __lt__ encode __ne__ __reduce_ex__ __format__").split()  # fmt: skip
        body = {name: broken for name in names}
        body["__class__"] = property(broken)
        evil = {base: type("Evil", (base,), dict(body)) for base in (int, float, str, list, tuple, dict)}
        value = [
            evil[int](7),
            evil[float](1.5),
            evil[str]("s"),
            evil[list]([1, [2]]),
            evil[tuple]((3,)),
            evil[dict]({"a": evil[int](1)}),
        ]
        self.assertEqual(text(value), '[7,1.5,"s",[1,[2]],[3],{"a":1}]')
        calm = dict(body, __hash__=lambda s: 1, __eq__=lambda s, o: s is o)
        keys = [type("Evil", (base,), dict(calm))(one) for base, one in ((str, "k"), (int, 7), (float, 2.5))]
        self.assertEqual(text(dict.fromkeys(keys, 0)), '{"k":0,"7":0,"2.5":0}')

    def test_hostile_metaclasses_have_no_say(self):
        class Meta(type):
            __name__ = __module__ = __mro__ = __dict__ = property(lambda s: 1 / 0)

            def __subclasscheck__(cls, _):
                return True

            __instancecheck__ = __eq__ = __getattribute__ = lambda *_: 1 / 0
            __hash__ = type.__hash__

        self.refused([Meta("Odd", (), {})()], "result[0] is an Odd: use vars(...), or build a dict of what it holds")

    def test_what_changes_meanwhile_comes_out_whole(self):
        live: dict = {"rows": [{"a": [1, 2], "b": {}} for _ in range(200)]}
        stop = threading.Event()

        def change() -> None:
            while not stop.is_set():
                live["rows"][3]["a"].append(object())
                live["rows"][3]["a"].clear()
                live["rows"].append({"a": [], "b": 1})
                live["rows"].pop()

        thread = threading.Thread(target=change)
        thread.start()
        try:
            for _ in range(200):
                try:
                    json.loads(text(live))
                except result_json.NotJson as error:
                    self.assertIn("is an object", str(error))
        finally:
            stop.set()
            thread.join()

    def test_a_thousand_levels_are_json(self):
        for step in (lambda v: [v], lambda v: {"a": v}, lambda v: (v, 1)):
            value: object = 1
            for _ in range(1000):
                value = step(value)
            text(value)


class Refusals(JsonTest):
    def test_a_path_leads_to_the_value(self):
        when = datetime.datetime(2026, 1, 1)
        self.refused({"rows": [1, 2, 3, {"when": when}]}, "result.rows[3].when is a datetime: use .isoformat()")
        self.refused({"odd key": [{"x": [when]}]}, 'result["odd key"][0].x[0] is a datetime: use .isoformat()')
        self.refused({1: {None: when}}, 'result["1"].null is a datetime: use .isoformat()')
        self.refused([{"a": 1}, {"a": when}], "result[1].a is a datetime: use .isoformat()")
        self.refused([[1], [2, when]], "result[1][1] is a datetime: use .isoformat()")
        self.refused({'"\n': when}, 'result["\\"\\n"] is a datetime: use .isoformat()')

    def test_each_type_has_its_remedy(self):
        @dataclasses.dataclass
        class Point:
            x: int = 1

        class Plain:
            pass

        class Iterable:
            def __iter__(self):
                return iter(())

        async def wait():
            pass

        async def several():
            yield

        coroutine = wait()
        self.addCleanup(coroutine.close)
        for value, said in [
            (datetime.date(2026, 1, 1), "a date: use .isoformat()"),
            (datetime.time(1), "a time: use .isoformat()"),
            (datetime.timedelta(1), "a timedelta: use .total_seconds()"),
            (decimal.Decimal("1.1"), "a Decimal: use str(...), or float(...) if it may be rounded"),
            (fractions.Fraction(1, 3), "a Fraction: use str(...), or float(...) if it may be rounded"),
            ({1}, "a set: use sorted(...) or list(...)"),
            (frozenset(), "a frozenset: use sorted(...) or list(...)"),
            (b"", "a bytes: use .decode(), or base64 if it isn't text"),
            (bytearray(), "a bytearray: use .decode(), or base64 if it isn't text"),
            (memoryview(b""), "a memoryview: use .tobytes().decode(), or base64 if it isn't text"),
            (enum.Enum("Color", "RED").RED, "a Color: use .value or .name"),
            (Point(), "a Point: use dataclasses.asdict(...)"),
            (1j, "a complex: use [z.real, z.imag]"),
            (range(3), "a range: use list(...)"),
            ({}.keys(), "a dict_keys: use list(...)"),
            (map(str, []), "a map: use list(...)"),
            (zip(), "a zip: use list(...)"),
            (iter([]), "a list_iterator: use list(...)"),
            ((x for x in ()), "a generator: use list(...)"),
            (coroutine, "a coroutine: await it"),
            (several(), "an async_generator: use [item async for item in ...]"),
            (len, "a builtin_function_or_method: call it and return what it gives"),
            (text, "a function: call it and return what it gives"),
            (Plain, "a type: return an instance's data, or the class's name"),
            (json, "a module: return a value from it"),
            (pathlib.Path("x"), "a PosixPath: use str(...)"),
            (uuid.UUID(int=1), "a UUID: use str(...)"),
            (re.match("", ""), "a Match: use .group() or .groupdict()"),
            (collections.deque(), "a deque: use list(...)"),
            (collections.UserDict(), "a UserDict: use dict(...)"),
            (ValueError("x"), "a ValueError: use str(...)"),
            (Plain(), "a Plain: use vars(...), or build a dict of what it holds"),
            (object(), "an object: use vars(...), or build a dict of what it holds"),
            (Iterable(), "an Iterable: use list(...)"),
            (..., "an ellipsis: use None instead"),
        ]:
            with self.subTest(said):
                self.refused([value], f"result[0] is {said}")

    def test_nan_and_infinities_are_named_wherever_they_are(self):
        self.refused(math.nan, "result is NaN, which is not JSON: use None instead")
        self.refused({"a": [1.0, math.inf]}, "result.a[1] is Infinity, which is not JSON: use None instead")
        self.refused([{"a": 1}, {"a": -math.inf}], "result[1].a is -Infinity, which is not JSON: use None instead")
        self.refused({"a": {math.nan: 1}}, "result.a has the key nan, which JSON can't name: use a string")

    def test_keys_that_json_cannot_name_are_refused(self):
        self.refused(
            {"a": {(1, 2): 3}},
            "result.a has a key that is a tuple, and JSON has only strings: use a string, or a list of [key, value] pairs",
        )
        self.refused(
            {datetime.date(2026, 1, 1): 1},
            "result has a key that is a date, and JSON has only strings: use key.isoformat()",
        )
        self.refused({b"x": 1}, "result has a key that is a bytes, and JSON has only strings: use str(key)")

    def test_keys_that_become_one_are_both_named(self):
        self.refused(
            {"x": {1: "a", "1": "b"}}, 'result.x has the keys 1 and "1", which are both "1" in JSON: rename one'
        )
        self.refused(
            {None: 1, "null": 2}, 'result has the keys None and "null", which are both "null" in JSON: rename one'
        )
        self.refused(
            {"true": 1, True: 2}, 'result has the keys "true" and True, which are both "true" in JSON: rename one'
        )

    def test_lone_surrogates_are_refused_in_values_and_keys(self):
        advice = "a lone surrogate, which is no Unicode text: use .encode('utf-8', 'replace').decode()"
        self.refused({"a": ["ok", "\ud800"]}, f"result.a[1] contains {advice}")
        self.refused({"a": {"x\udfff": 1}}, f"result.a has a key that contains {advice}")
        self.assertEqual(text("\U0001f600"), '"\U0001f600"')

    def test_cycles_are_named_where_they_close(self):
        loop: dict = {"child": [1, {}]}
        loop["child"][1]["parent"] = loop
        self.refused(loop, "result.child[1].parent is result again: JSON can't hold a cycle, put a name or an id there")
        inner: list = [0]
        inner.append((inner,))
        self.refused(
            {"a": inner}, "result.a[1][0] is result.a again: JSON can't hold a cycle, put a name or an id there"
        )

    def test_what_is_too_deep_is_refused_and_crashes_nothing(self):
        for step in (lambda v: [v], lambda v: {"a": v}, lambda v: (v, 1), lambda v: [{"a": 1}, {"a": [v]}]):
            for levels in (1001, 100_000):
                value: object = 1
                for _ in range(levels):
                    value = step(value)
                self.refused(value, "result is nested deeper than 1000 levels: return it flatter")

    def test_a_result_above_its_bound_is_refused_with_both_sizes(self):
        for value, size in [
            ("x" * 99, "101"),
            ("x" * 101, "at least 101"),
            ([1] * 80, "more than 100"),
            ([[0, 0]] * 30, "more than 100"),
        ]:
            with self.assertRaises(result_json.TooLarge) as caught:
                text(value, 100)
            self.assertEqual(
                str(caught.exception),
                f"the result is {size} bytes of JSON, more than the 100 allowed: return a part or a summary of it",
            )
        self.assertEqual(len(text("x" * 98, 100)), 100)

    def test_shared_structures_cannot_blow_up(self):
        value: list = [0]
        for _ in range(60):
            value = [value, value]
        with self.assertRaises(result_json.TooLarge):
            text(value)


class Limits(ScriptTest):
    def test_not_json_and_too_large_are_kinds_of_their_own(self):
        self.fails("not_json", "result.a is a set: use sorted(...) or list(...)", "def main(): return {'a': {1}}")
        self.fails("result_too_large", "the result is 12 bytes of JSON, more than the 10 allowed: return a part or a summary of it",
                   "def main(): return 'x' * 10", most=10)  # fmt: skip
        self.returns("def main(): return 'x' * 8", "x" * 8, most=10)

    def test_a_generator_function_is_told_what_it_is(self):
        said = "result is a generator: main contains yield, so calling it runs nothing; collect the values in a list and return that"
        self.fails("not_json", said, "def main():\n    yield 1\n")
        self.fails("not_json", said, "async def main():\n    yield 1\n")

    def test_a_large_result_arrives_whole(self):
        self.returns("def main(): return ['x' * 1000] * 5000", ["x" * 1000] * 5000)

    def test_a_deep_result_is_no_matter_of_the_script_s_recursion_limit(self):
        self.returns("import sys\nv = 1\nfor _ in range(900): v = [v]\ndef main():\n    sys.setrecursionlimit(40)\n    return len(repr(1)) and v",
                     json.loads("[" * 900 + "1" + "]" * 900))  # fmt: skip

    def test_exceptions_of_a_key_s_own_code_are_the_script_s(self):
        script = (
            "import collections\nclass K(str):\n    def __hash__(self):\n        if armed: raise KeyError('hash')\n        return 1\narmed = False\n"
            "def main():\n    global armed\n    d = collections.OrderedDict({K('a'): 1})\n    armed = True\n    return d\n"
        )
        self.fails("exception", "KeyError: 'hash'", script)


@unittest.skipUnless(PACKAGES, NO_NUMPY)
class Numpy(ScriptTest):
    def gives(self, expression: str, expected: str) -> None:
        with self.subTest(expression):
            done = self.run_expression(expression)
            self.assertEqual(done.payload if done.kind == "returned" else done.message, expected)

    def run_expression(self, expression: str):
        script = f"import numpy as np\ndef main():\n    return {expression}\n"
        if "pd." in expression:
            script = "import pandas as pd\n" + script
        return run(script, packages=PACKAGES)

    def test_scalars_and_arrays_are_their_python_equals(self):
        self.gives(
            "[np.int8(-1), np.uint64(2**64 - 1), np.float64(1.5), np.float32(0.1), np.float16(0.5), np.bool_(True), np.str_('s'), np.longdouble(1.5)]",
            '[-1,18446744073709551615,1.5,0.10000000149011612,0.5,true,"s",1.5]',
        )
        self.gives(
            "[np.arange(4).reshape(2, 2), np.array(5), np.array([True]), np.zeros((2, 0)), np.array(['a', 'é'])]",
            '[[[0,1],[2,3]],5,[true],[[],[]],["a","é"]]',
        )
        self.gives(
            "[np.array([1, None, {'a': np.int64(2)}], dtype=object), np.array([1.5], dtype=np.longdouble)]",
            '[[1,null,{"a":2}],[1.5]]',
        )
        self.gives("{np.int64(2): 1, np.float32(0.5): 2, np.bool_(True): 3}", '{"2":1,"0.5":2,"true":3}')
        self.gives("np.matrix([[1, 2]])", "[[1,2]]")

    def test_what_has_no_exact_equal_is_refused(self):
        self.gives("np.datetime64('2026-01-01')", "result is a datetime64: use str(...)")
        self.gives("np.timedelta64(1, 'D')", "result is a timedelta64: use .item() and what fits it, or str(...)")
        self.gives("{'z': np.complex128(1)}", "result.z is a complex128: use [z.real, z.imag]")
        self.gives("np.longdouble(1) / 3", "result is a longdouble: use float(...), which loses digits, or str(...)")
        self.gives(
            "np.array(['2026-01-01'], dtype='M8[D]')", "result is an ndarray of datetimes: use .astype(str).tolist()"
        )
        self.gives(
            "np.zeros(1, dtype=[('a', int)])",
            "result is an ndarray of structures: build a dict of its fields: {name: a[name].tolist() for name in a.dtype.names}",
        )
        self.gives(
            "np.ma.array([1, 2], mask=[0, 1])",
            "result is a MaskedArray: use .tolist(), which gives None for what is masked",
        )
        self.gives("{'a': np.array([[1.0], [np.nan]])}", "result.a[1][0] is NaN, which is not JSON: use None instead")
        self.gives("[np.float32('inf')]", "result[0] is Infinity, which is not JSON: use None instead")
        self.gives("np.array([{1}], dtype=object)", "result[0] is a set: use sorted(...) or list(...)")
        self.gives(
            "{np.int64(1): 1, '1': 2}", 'result has the keys an int64 and "1", which are both "1" in JSON: rename one'
        )

    def test_a_large_array_is_too_large_before_it_takes_memory(self):
        self.assertEqual(self.run_expression("np.zeros(10**8, dtype=np.int8)").kind, "result_too_large")

    def test_pandas_values_have_their_remedies(self):
        self.gives(
            "{'rows': [{'when': pd.Timestamp('2026-01-01')}]}", "result.rows[0].when is a Timestamp: use .isoformat()"
        )
        self.gives("pd.NaT", "result is a NaTType: use None instead")
        self.gives("pd.NA", "result is a NAType: use None instead")
        self.gives("pd.Timedelta('1d')", "result is a Timedelta: use .total_seconds()")
        self.gives("pd.Series([1])", "result is a Series: use .to_dict() or .tolist()")
        self.gives("pd.DataFrame({'a': [1]})", "result is a DataFrame: use .to_dict('records')")
        self.gives("pd.Index([1])", "result is an Index: use .tolist()")
        self.gives(
            "pd.DataFrame({'a': [1, 2], 'b': ['x', 'y']}).to_dict()", '{"a":{"0":1,"1":2},"b":{"0":"x","1":"y"}}'
        )
        self.gives("pd.Series([1, 2], index=pd.Index([10, 20])).to_dict()", '{"10":1,"20":2}')
        self.gives(
            "{pd.Timestamp('2026-01-01'): 1}",
            "result has a key that is a Timestamp, and JSON has only strings: use key.isoformat()",
        )


if __name__ == "__main__":
    unittest.main()
