"""Claims about scripts: source, main, arguments, exceptions, the module they run in."""

import os
import sys
import tempfile
import unittest

from harness import NO_NUMPY, PACKAGES, ScriptTest, run


class Syntax(ScriptTest):
    def test_a_syntax_error_is_cpython_s_with_its_place_and_rendering(self):
        done = self.fails("syntax_error", "invalid syntax", "x = 1\ndef main(:\n    pass\n")
        self.assertEqual((done.fault["line"], done.fault["column"]), (2, 10))
        self.assertEqual(
            done.fault["traceback"],
            '  File "script.py", line 2\n    def main(:\n             ^\nSyntaxError: invalid syntax\n',
        )

    def test_what_the_compiler_s_later_stages_refuse_shows_its_line_too(self):
        done = self.fails("syntax_error", "'return' outside function", "def main(): pass\né = 1; return 2\n")
        self.assertEqual((done.fault["line"], done.fault["column"]), (2, 8))
        self.assertIn("    é = 1; return 2\n           ^", done.fault["traceback"])
        self.fails(
            "syntax_error",
            "future feature nothing is not defined",
            "from __future__ import nothing\ndef main(): pass\n",
        )

    def test_a_column_is_the_line_s_or_none(self):
        done = run("def main():\n    x = f'{a b}'\n")
        self.assertEqual((done.kind, done.fault["line"]), ("syntax_error", 2))
        self.assertEqual(done.fault["column"], 12 if sys.version_info >= (3, 12) else None)

    def test_indentation_is_told_as_what_it_is(self):
        done = run("def main():\npass\n")
        self.assertIn("IndentationError: expected an indented block", done.fault["traceback"])

    def test_a_nul_character_is_named_with_its_place(self):
        done = self.fails("syntax_error", "the source contains a NUL character: remove it", "x = 1\ny\0 = 2\n")
        self.assertEqual((done.fault["line"], done.fault["column"]), (2, 2))

    def test_nesting_beyond_the_compiler_s_bounds_is_a_syntax_error(self):
        for source in [
            "x = " + "-" * 100_000 + "1",
            "x = " + "(" * 50_000,
            "x = " + "not " * 100_000 + "1",
            "x = " + "lambda:" * 50_000 + "1",
            "x = a" + ".b" * 100_000,
            "x = " + "1+" * 100_000 + "1",
            "x = a" + "()" * 100_000,
            "x = " + "[" * 150 + "]" * 150 + "[",
            "if 1: pass\n" + "elif 1: pass\n" * 30_000 + "def main(): pass",
            "".join(" " * i + "if 1:\n" for i in range(150)) + " " * 150 + "pass",
        ]:
            with self.subTest(source[:20]):
                done = run(source, op="compile")
                self.assertIn(done.kind, ("syntax_error", "missing_main", "returned"), done.status)

    def test_warnings_of_the_compiler_are_given_once(self):
        for op in ("run", "run-undecided", "compile"):
            done = run("def main():\n    return '\\d' is 1\n", op=op)
            self.assertEqual(done.stderr.count("invalid escape"), done.stderr.count("Warning: invalid escape"), op)
            self.assertLessEqual(done.stderr.count("invalid escape"), 1)
            self.assertEqual(done.stderr.count('"is" with'), 1, done.stderr)

    def test_every_kind_of_line_end_and_coding_cookie_is_python(self):
        self.returns("# coding: latin-1\r\ndef main():\r\n    return 'é'\r\n", "é")
        self.returns("def main():\r    return 1\r", 1)
        self.returns("\x0cdef main():\n    return 1", 1)

    def test_future_imports_of_the_script_hold_and_ours_do_not(self):
        script = "def main(): return [type(v).__name__ for v in f.__annotations__.values()]\ndef f(a: int): pass\n"
        self.returns(script, ["type"])
        self.returns("from __future__ import annotations\n" + script, ["str"])


class Main(ScriptTest):
    def missing(self, script: str, message: str, line: int | None, column: int | None) -> None:
        for op in ("compile", "run-undecided"):
            with self.subTest(script, op=op):
                done = self.fails("missing_main", message, script, op=op)
                self.assertEqual((done.fault["line"], done.fault["column"]), (line, column))

    def test_what_is_there_in_place_of_main_is_named(self):
        self.missing("", "the script is empty: define main() and return a value from it", None, None)
        self.missing("# nothing\n\n", "the script is empty: define main() and return a value from it", None, None)
        self.missing("\n\nmain = print\n", "main is assigned at line 3: write def main(): ...", 3, 1)
        self.missing("a, (b, *main) = 1, [2]\n", "main is assigned at line 1: write def main(): ...", 1, 1)
        self.missing("main: int = 3\n", "main is assigned at line 1: write def main(): ...", 1, 1)
        self.missing("(main := 3)\n", "main is assigned at line 1: write def main(): ...", 1, 1)
        self.missing("for main in []: pass\n", "main is assigned at line 1: write def main(): ...", 1, 1)
        self.missing(
            "from m import run as main\n", "main is imported at line 1: write def main(): ... that calls it", 1, 1
        )
        self.missing("class main: pass\n", "main is a class at line 1: write def main(): ...", 1, 1)
        self.missing(
            "if 1:\n    def main(): pass\n", "main is defined inside if at line 2: move it to the top level", 2, 5
        )
        self.missing(
            "try: pass\nexcept E:\n    async def main(): pass\n",
            "main is defined inside try at line 3: move it to the top level",
            3,
            5,
        )
        self.missing(
            "match 1:\n    case 1:\n        def main(): pass\n",
            "main is defined inside match at line 3: move it to the top level",
            3,
            9,
        )
        self.missing(
            "class A:\n    def main(self): pass\n",
            "main is defined inside class A at line 2: move it to the top level",
            2,
            5,
        )
        self.missing(
            "def f():\n    if 1:\n        def main(): pass\n",
            "main is defined inside if at line 3: move it to the top level",
            3,
            9,
        )
        self.missing(
            "def f():\n    def main(): pass\n",
            "main is defined inside function f at line 2: move it to the top level",
            2,
            5,
        )
        self.missing(
            "with x:\n    main = 1\n",
            "main is assigned inside with at line 2: define it at the top level with def main(): ...",
            2,
            5,
        )
        self.missing(
            "while 1:\n    import main\n",
            "main is imported inside while at line 2: define it at the top level with def main(): ...",
            2,
            5,
        )
        self.missing("def main(): pass\ndel main\n", "main is deleted at line 2 after its def: remove the del", 2, 1)
        self.missing("def main(): pass\n\nmain = 1\n", "main is reassigned at line 3 after its def: remove that", 3, 1)
        self.missing("def main(): pass\nimport main.x\n", "main is imported at line 2 after its def: remove that", 2, 1)
        self.missing(
            "def main(): pass\nclass main: pass\n", "main is a class at line 2 after its def: remove that", 2, 1
        )
        self.missing("x = 1\ndef Main(): pass\n", "no function named main: rename Main (line 2) to main", 2, 1)
        self.missing(
            "def a(): pass\ndef _main(): pass\n", "no function named main: rename _main (line 2) to main", 2, 1
        )
        self.missing(
            "def run(): pass\n",
            "no function named main: rename run (line 1) to main, or define one that calls it",
            1,
            1,
        )
        self.missing(
            "def run(): pass\ndef go(): pass\n",
            "no function named main: define one at the top level; found functions: run, go",
            None,
            None,
        )
        self.missing("print(1)\n", "no function named main: define one at the top level", None, None)

    def test_a_top_level_def_is_main_whatever_surrounds_it(self):
        for script in [
            "async def main(): pass",
            "main = 1\ndef main(): pass",
            "import main\ndef main(): pass\n",
            "@staticmethod\ndef main(): pass",
            "def main(): pass\nif __name__ == '__main__':\n    main = main()\n",
            "def main(): pass\ndef f():\n    main = 1\n",
            "def main(): pass\nmain: int\n",
            "def main(): pass\nx.main = 1; x[main] = 2\n",
        ]:
            with self.subTest(script):
                self.assertEqual(run(script, op="compile").frame, b"returned 4\nnull")

    def test_a_main_that_is_gone_or_not_callable_after_running_is_missing(self):
        self.fails(
            "missing_main",
            "main is an int after the script ran: define it at the top level with def main(): ...",
            "def main(): pass\nglobals()['main'] = 3",
        )
        self.fails(
            "missing_main",
            "there is no main after the script ran: define it at the top level with def main(): ...",
            "def main(): pass\ndel globals()['main']",
        )

    def test_a_guarded_call_at_the_bottom_does_not_run_it_twice(self):
        self.assertEqual(
            self.returns("def main():\n    print('ran')\nif __name__ == '__main__':\n    main()\n", None).stdout,
            "ran\n",
        )

    def test_an_async_main_is_awaited_decorated_or_not(self):
        self.returns("import asyncio\nasync def main(a):\n    await asyncio.sleep(0)\n    return a\n", 1, {"a": 1})
        self.returns(
            "import functools\ndef deco(f):\n    @functools.wraps(f)\n    def g(*a, **k): return f(*a, **k)\n    return g\n@deco\nasync def main(a): return a\n",
            1,
            {"a": 1},
        )
        self.returns(
            "class Soon:\n    def __await__(self):\n        return 5\n        yield\ndef main(): return Soon()\n", 5
        )


class Arguments(ScriptTest):
    def refused(self, parameters: str, args: object, message: str) -> None:
        with self.subTest(parameters):
            done = self.fails(
                "bad_arguments",
                message,
                f"print('module ran', end='')\ndef main({parameters}):\n    print('main ran')\n",
                args,
            )
            self.assertEqual((done.fault["line"], done.fault["column"], done.stdout), (2, 1, "module ran"))

    def test_arguments_that_do_not_fit_are_named_before_main_runs(self):
        self.refused("a, b, c", {"a": 1}, "main() requires 'b' and 'c', which args does not give")
        self.refused("a", None, "main() requires 'a', which args does not give")
        self.refused("a, b=1", {"a": 1, "x": 2}, "main() takes no argument 'x'; it takes: a, b")
        self.refused("", {"x": 2, "y": 3, "z": 4}, "main() takes no argument 'x', 'y' or 'z'; it takes none")
        self.refused("*, a, b=2", {"b": 1}, "main() requires 'a', which args does not give")
        self.refused(
            "a, /, b",
            {"a": 1, "b": 1},
            "main() takes 'a' by position only, and args are given by name: remove the `/` from its parameters",
        )
        self.refused("a=1, /", {"a": 1}, "main() takes no argument 'a'; it takes none")
        self.refused("*rest", {"rest": 1}, "main() takes no argument 'rest'; it takes none")

    def test_arguments_that_fit_arrive(self):
        self.returns(
            "def main(a, b=2, *c, d, e=5, **f): return [a, b, c, d, e, f]",
            [1, 2, [], 4, 5, {"z": 6}],
            {"a": 1, "d": 4, "z": 6},
        )
        self.returns("def main(a=1, /, b=2): return [a, b]", [1, 3], {"b": 3})
        self.returns("def main(a=1, /, **k): return [a, k]", [1, {"a": 5}], {"a": 5})
        self.returns("def main(): pass", None, {})

    def test_arguments_keep_every_digit_and_the_script_keeps_python_s_bound(self):
        digits = "9" * 6000
        done = run("def main(n):\n    try: str(n)\n    except ValueError: return n + 1\n", f'{{"n": {digits}}}')
        self.assertEqual(done.payload, "1" + "0" * 6000)

    def test_arguments_are_the_values_of_their_json(self):
        value = {"s": "é\u2028\U0001f600\n", "f": [1.5, -0.0, 1e-300], "n": None, "t": True, "o": {"": []}}
        self.returns("def main(v): return v", value, {"v": value})

    def test_the_line_is_the_def_s_not_its_decorator_s(self):
        done = run("def keep(f): return f\n@keep\n@keep\ndef main(a): pass\n")
        self.assertEqual((done.kind, done.fault["line"]), ("bad_arguments", 4))

    def test_anything_but_a_function_finds_out_by_being_called(self):
        self.returns("import functools\n@functools.lru_cache\ndef main(a): return a", 1, {"a": 1})
        done = run("import functools\n@functools.lru_cache\ndef main(a): return a", {"b": 1})
        self.assertEqual((done.kind, done.fault["line"]), ("exception", None))
        self.assertIn("TypeError: main() got an unexpected keyword argument 'b'", done.message)


class Exceptions(ScriptTest):
    def test_the_traceback_has_the_script_s_frames_alone_and_shows_their_lines(self):
        script = "import json\ndef f(x):\n    return json.loads(x)\ndef main():\n    return f('{')\n"
        done = run(script)
        self.assertEqual((done.kind, done.fault["line"], done.fault["column"]), ("exception", 3, 12))
        lines = [line for line in done.fault["traceback"].splitlines() if set(line) - set(" ~^")]
        self.assertEqual(
            lines,
            ["Traceback (most recent call last):", '  File "script.py", line 5, in main', "    return f('{')", '  File "script.py", line 3, in f',
             "    return json.loads(x)", done.message],
        )  # fmt: skip

    def test_the_column_counts_characters(self):
        done = self.fails(
            "exception", "ZeroDivisionError: division by zero", "def main():\n    é = 'ü'; return 1 / 0\n"
        )
        self.assertEqual((done.fault["line"], done.fault["column"]), (2, 21))

    def test_an_exception_while_the_module_runs_is_one_too(self):
        done = self.fails("exception", "NameError: name 'nothing' is not defined", "def main(): pass\nnothing\n")
        self.assertEqual((done.fault["line"], done.fault["column"]), (2, 1))

    def test_chains_groups_and_notes_are_told_with_the_script_s_frames(self):
        done = run(
            "import json\ndef main():\n    try: json.loads('{')\n    except ValueError as e:\n        e.add_note('seen')\n"
            "        raise ExceptionGroup('all', [KeyError(1), OSError('x')]) from e\n"
        )
        self.assertEqual(done.message, "ExceptionGroup: all (2 sub-exceptions)")
        trace = done.fault["traceback"]
        for part in (
            "JSONDecodeError",
            "seen\n",
            "The above exception was the direct cause",
            "| KeyError: 1\n",
            "| OSError: x\n",
        ):
            self.assertIn(part, trace)
        self.assertEqual({line.strip(" |+") for line in trace.splitlines() if "File " in line},
                         {'File "script.py", line 3, in main', 'File "script.py", line 6, in main'})  # fmt: skip

    def test_any_base_exception_is_an_exception_but_system_exit(self):
        for raised, said in [("KeyboardInterrupt", "KeyboardInterrupt"), ("GeneratorExit('g')", "GeneratorExit: g"), ("Own('o')", "script.Own: o"),
                             ("StopIteration", "StopIteration"), ("BaseExceptionGroup('b', [SystemExit()])", "BaseExceptionGroup: b (1 sub-exception)")]:  # fmt: skip
            self.fails("exception", said, f"class Own(BaseException): pass\ndef main():\n    raise {raised}\n")

    def test_recursion_without_end_is_an_exception(self):
        done = run("def f(n): return f(n + 1)\ndef main(): f(0)\n")
        self.assertEqual((done.kind, done.fault["line"]), ("exception", 1))
        self.assertIn("RecursionError: maximum recursion depth exceeded", done.message)
        self.assertIn("Previous line repeated", done.fault["traceback"])

    def test_a_syntax_error_at_run_time_is_an_exception_with_python_s_last_line(self):
        done = self.fails("exception", "SyntaxError: invalid syntax", "def main():\n    exec('1 +')\n")
        self.assertEqual(done.fault["line"], 2)

    def test_exceptions_with_hostile_text_are_told(self):
        for body, said in [
            ("def __str__(self): raise KeyError", "script.E: <exception str() failed>"),
            ("def __str__(self): return 5", "script.E: <exception str() failed>"),
            ("def __getattribute__(self, n): raise KeyError(n)", "E"),
            ("__traceback__ = __cause__ = __context__ = property(lambda s: 1 / 0)", "E"),
            ("__notes__ = property(lambda s: 1 / 0)", ("E", "script.E")),
        ]:
            with self.subTest(body):
                done = run(f"class E(Exception):\n    {body}\ndef main():\n    raise E\n")
                self.assertEqual((done.kind, done.fault["line"]), ("exception", 4))
                self.assertTrue(done.message.startswith(said), done.message)

    def test_texts_without_end_are_cut_and_say_so(self):
        done = run("def main():\n    raise ValueError('é' * 10**6)\n")
        self.assertLess(len(done.message.encode()), 4200)
        self.assertLess(len(done.fault["traceback"].encode()), 66_000)
        self.assertIn("bytes left out ...]", done.message)

    def test_lone_surrogates_in_a_message_arrive_as_text(self):
        self.fails("exception", "ValueError: \\udc80", "def main():\n    raise ValueError('\\udc80')\n")

    def test_a_memory_error_is_the_memory_limit(self):
        self.assertEqual(run("def main(): return bytearray(1 << 62)").frame, b"memory_limit 0\n")
        self.assertEqual(run("def main(): raise MemoryError('mine')").frame, b"memory_limit 0\n")

    @unittest.skipIf(sys.version_info < (3, 12), "suggestions: traceback makes them from Python 3.12 on")
    def test_names_close_by_are_suggested(self):
        done = run("def main():\n    value = 1\n    return valeu\n")
        self.assertIn("Did you mean: 'value'?", done.fault["traceback"])


class Module(ScriptTest):
    def test_the_module_is_named_script_and_importable(self):
        script = (
            "import dataclasses, pickle, sys, typing\n@dataclasses.dataclass\nclass P:\n    x: 'Q'\nclass Q: pass\ndef main():\n    import script\n"
            "    assert script.P is P and typing.get_type_hints(P) == {'x': Q}\n    assert pickle.loads(pickle.dumps(P(1))) == P(1)\n"
            "    return [__name__, __file__, sys.argv, P.__module__]\n"
        )
        self.returns(script, ["script", "script.py", ["script.py"], "script"])

    def test_its_source_shows_in_inspect_and_traceback_of_its_own(self):
        script = (
            "import inspect, traceback\ndef f():\n    return 1 / 0  # here\ndef main():\n    try: f()\n"
            "    except ZeroDivisionError: shown = traceback.format_exc()\n    return [inspect.getsource(f), '# here' in shown]\n"
        )
        self.returns(script, ["def f():\n    return 1 / 0  # here\n", True])

    def test_nothing_heavy_is_imported_for_a_plain_script(self):
        script = "import sys\nseen = list(sys.modules)\ndef main(a): return seen\n"
        found = set(run(script, {"a": 1}).result)
        self.assertFalse(
            found
            & {
                "json",
                "re",
                "traceback",
                "linecache" if sys.version_info < (3, 13) else "",
                "asyncio",
                "inspect",
                "ast",
                "enum",
                "signal",
                "os",
                "site",
                "typing",
                "warnings",
            }
        )

    def test_modules_in_the_working_folder_can_be_imported_and_hide_nothing(self):
        with tempfile.TemporaryDirectory() as scratch:
            os.mkdir(f"{scratch}/work")
            for name in ("helper", "json"):
                with open(f"{scratch}/work/{name}.py", "w") as file:
                    file.write("here = 1\n")
            self.returns(
                "import helper, json\ndef main(): return [helper.here, json.loads('2')]", [1, 2], scratch=scratch
            )

    def test_path_files_of_packages_are_processed_when_there_are_any(self):
        with tempfile.TemporaryDirectory() as packages, tempfile.TemporaryDirectory() as other:
            for folder, name in ((packages, "one"), (other, "two")):
                with open(f"{folder}/{name}.py", "w"):
                    pass
            self.fails(
                "exception",
                "ModuleNotFoundError: No module named 'two'",
                "import one, two\ndef main(): return 1",
                packages=packages,
            )
            with open(f"{packages}/other.pth", "w") as file:
                file.write(other + "\n")
            self.returns("import one, two\ndef main(): return 1", 1, packages=packages)

    def test_exit_quit_and_help_are_there(self):
        self.returns("def main(): return [repr(exit)[:8], callable(quit), callable(help)]", ["Use exit", True, True])

    @unittest.skipUnless(PACKAGES, NO_NUMPY)
    def test_numpy_and_pandas_work(self):
        script = (
            "import numpy as np, pandas as pd\ndef main():\n    df = pd.DataFrame({'a': [1, 2], 'b': [0.5, 1.5]})\n    print(df)\n"
            "    return {'mean': np.mean([1, 2, 3]), 'std': np.std([1.0, 1.0]), 'frame': df.to_dict(), 'sum': df.a.sum()}\n"
        )
        done = self.returns(
            script,
            {"mean": 2.0, "std": 0.0, "frame": {"a": {"0": 1, "1": 2}, "b": {"0": 0.5, "1": 1.5}}, "sum": 3},
            packages=PACKAGES,
        )
        self.assertEqual(done.stdout, "   a    b\n0  1  0.5\n1  2  1.5\n")


if __name__ == "__main__":
    unittest.main()
