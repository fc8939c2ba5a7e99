"""Claims about the two processes: protocol, descriptors, streams, ends."""

import tempfile
import unittest

from harness import RUNNER, ScriptTest, request, run, spawn

HELLO = "def main():\n    return {'message': 'Hello'}\n"


class Protocol(ScriptTest):
    def test_a_result_is_one_frame_and_the_status_tells_a_normal_end(self):
        done = run(HELLO)
        self.assertEqual(done.frame, b'returned 19\n{"message":"Hello"}')
        self.assertEqual((done.status, done.code), (["ready", "exit 0"], 0))
        self.assertEqual((done.stdout, done.stderr), ("", ""))

    def test_compile_looks_for_main_and_runs_nothing(self):
        done = run("print('ran')\ndef main(): pass\n", op="compile")
        self.assertEqual((done.frame, done.stdout), (b"returned 4\nnull", ""))

    def test_a_jail_that_cannot_get_ready_ends_with_the_reserved_status_before_ready(self):
        done = run(HELLO, scratch="/nowhere/at/all")
        self.assertEqual((done.code, done.status, done.frame), (125, [], b""))
        self.assertIn("the jail is not ready: FileNotFoundError", done.stderr)

    def test_a_second_stage_that_fails_means_that_no_script_runs(self):
        with tempfile.TemporaryDirectory() as scratch:
            start = (
                f"import sys; sys.path.insert(0, {str(RUNNER)!r}); import runner; runner.SCRATCH = {scratch!r}\n"
                "def wall(): raise OSError('no such wall')\n"
                "runner.second_stage = wall; runner.main()"
            )
            done = spawn(start, request("print('ran')\n" + HELLO, None, "run", 1000), b"", 30)
        self.assertEqual((done.code, done.status, done.stdout), (125, [], ""))

    def test_the_script_starts_in_the_working_folder_of_its_scratch(self):
        with tempfile.TemporaryDirectory() as scratch:
            found = run("import os\ndef main(): return [os.getcwd(), sorted(os.listdir('..'))]", scratch=scratch).result
        self.assertEqual(found, [f"{scratch}/work", ["shm", "tmp", "work"]])

    def test_ends_are_told_as_they_were(self):
        for body, end in [
            ("import os; os._exit(7)", "exit 7"),
            ("import os; os.kill(os.getpid(), 9)", "signal 9"),
            ("import os; os.abort()", "signal 6"),
            ("raise SystemExit", "exit 0"),
            ("raise SystemExit(3)", "exit 3"),
            ("raise SystemExit(-1)", "exit 255"),
            ("raise SystemExit(256)", "exit 0"),
            ("raise SystemExit(True)", "exit 1"),
            ("exit(4)", "exit 4"),
            ("quit()", "exit 0"),
        ]:
            with self.subTest(body):
                done = run(f"def main():\n    print('so far')\n    {body}\n")
                self.assertEqual((done.status, done.frame), (["ready", end], b""))

    def test_system_exit_with_a_text_says_it_on_stderr_and_gives_1(self):
        done = run("import sys\nsys.exit('no luck')\ndef main(): pass")
        self.assertEqual((done.status[-1], done.stderr, done.frame), ("exit 1", "no luck\n", b""))

    def test_system_exit_with_a_text_that_cannot_be_made_gives_1(self):
        done = run("class C:\n    def __str__(self): raise ValueError\ndef main():\n    raise SystemExit(C())")
        self.assertEqual((done.status[-1], done.frame), ("exit 1", b""))

    def test_the_supervisor_outlives_what_the_script_sends_it(self):
        done = run(
            "import os, signal, time\n"
            "def main():\n"
            "    for s in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:\n"
            "        os.kill(os.getppid(), s)\n"
            "    time.sleep(0.05)\n"
            "    return 'still here'\n"
        )
        self.assertEqual((done.result, done.status), ("still here", ["ready", "exit 0"]))

    def test_orphans_are_not_mistaken_for_the_script(self):
        self.returns(
            "import os\ndef main():\n    for _ in range(5):\n        if os.fork() == 0: os._exit(9)\n    return 1\n", 1
        )


class Descriptors(ScriptTest):
    def test_the_script_has_its_streams_and_one_result_descriptor_and_nothing_else(self):
        script = (
            "import os\ndef main():\n    found = []\n    for n in range(300):\n        try: os.fstat(n)\n"
            "        except OSError: continue\n        found.append([n, os.get_inheritable(n)])\n    return found\n"
        )
        self.returns(script, [[0, True], [1, True], [2, True], [255, False]])

    def test_a_subprocess_has_its_streams_only(self):
        script = (
            "import subprocess, sys\ndef main():\n    code = 'import os\\nfor n in range(3, 300):\\n try: os.fstat(n); print(n)\\n except OSError: pass'\n"
            "    return subprocess.run([sys.executable, '-I', '-S', '-c', code], close_fds=False, capture_output=True, text=True).stdout\n"
        )
        self.returns(script, "")

    def test_closing_the_low_descriptors_loses_output_but_not_the_result(self):
        self.returns("import os\ndef main():\n    os.closerange(0, 100)\n    print('x', end='')\n    return 5\n", 5)

    def test_a_script_that_closes_the_result_descriptor_is_told_so(self):
        done = run("import os\ndef main():\n    os.closerange(3, 1000)\n    return 5\n")
        self.assertEqual((done.frame, done.status[-1]), (b"", "exit 0"))
        self.assertIn(
            "the result is lost: [Errno 9] Bad file descriptor (the script closed descriptor 255?)", done.stderr
        )

    def test_a_low_bound_on_descriptors_is_no_obstacle(self):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(100, soft), hard))
        try:
            self.returns(HELLO, {"message": "Hello"})
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def test_a_grandchild_that_keeps_nothing_of_the_result_does_not_delay_it(self):
        # The harness reads the result pipe to its end: a daemon that held it would keep it open.
        script = (
            "import os, time\ndef main():\n    if os.fork() == 0:\n        os.setsid(); os.closerange(0, 3)\n"
            "        time.sleep(30); os._exit(0)\n    return 1\n"
        )
        self.assertEqual(run(script, timeout=10).result, 1)


class Streams(ScriptTest):
    def test_output_is_in_the_order_of_writing_across_processes_and_levels(self):
        script = (
            "import os, subprocess, sys\ndef main():\n    print('one')\n    os.write(1, b'two\\n')\n"
            "    subprocess.run(['echo', 'three'])\n    print('four', end='')\n"
        )
        self.assertEqual(run(script).stdout, "one\ntwo\nthree\nfour")

    def test_what_c_buffered_is_written_when_ctypes_is_there(self):
        done = run("import ctypes\ndef main():\n    ctypes.CDLL(None).puts(b'from C')\n")
        self.assertEqual(done.stdout, "from C\n")

    def test_a_replaced_stdout_is_flushed_with_the_original(self):
        script = (
            "import sys, io\nold = sys.stdout\ndef main():\n    print('old', end='')\n"
            "    sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, 'w', closefd=False)))\n    print('new')\n"
        )
        self.assertEqual(sorted(run(script).stdout), sorted("oldnew\n"))

    def test_streams_that_break_change_nothing(self):
        for body in (
            "sys.stdout = None",
            "sys.stdout.close()",
            "del sys.stdout",
            "sys.stdout = sys.stderr = Evil()",
            "sys.__stdout__.detach()",
        ):
            with self.subTest(body):
                self.returns(
                    "import sys\nclass Evil:\n    def flush(self): raise KeyboardInterrupt\n"
                    f"def main():\n    {body}\n    return 1\n",
                    1,
                )

    def test_output_is_utf8_and_input_is_what_stdin_gives(self):
        script = "def main():\n    print('né \\udcff'.replace('\\udcff', ''))\n    return [input(), input()]\n"
        self.assertEqual(self.returns(script, ["é1", "2"], stdin="é1\n2\n".encode()).stdout, "né \n")

    def test_input_without_stdin_is_eof(self):
        self.fails("exception", "EOFError: EOF when reading a line", "def main():\n    input()\n")


class Ends(ScriptTest):
    def test_the_end_of_main_waits_for_no_thread_atexit_or_finalizer(self):
        script = (
            "import atexit, threading, time\nclass Slow:\n    def __del__(self): time.sleep(30)\nslow = Slow()\n"
            "def main():\n    atexit.register(print, 'atexit')\n    threading.Thread(target=time.sleep, args=(30,)).start()\n"
            "    return 1\n"
        )
        self.assertEqual(self.returns(script, 1, timeout=10).stdout, "")

    def test_a_fork_that_returns_from_main_does_not_answer_a_second_time(self):
        script = "import os\ndef main():\n    pid = os.fork()\n    if pid: os.waitpid(pid, 0)\n    return bool(pid)\n"
        self.returns(script, True)

    def test_a_fork_that_raises_does_as_python_does(self):
        script = (
            "import os\ndef main():\n    pid = os.fork()\n    if not pid: raise KeyError('child')\n"
            "    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n"
        )
        done = self.returns(script, 1)
        self.assertTrue(done.stderr.startswith("Traceback (most recent call last):\n"), done.stderr)
        self.assertIn("KeyError: 'child'\n", done.stderr)

    def test_multiprocessing_with_fork_works(self):
        script = (
            "import multiprocessing\ndef square(x): return x * x\ndef main():\n"
            "    with multiprocessing.get_context('fork').Pool(2) as pool: return pool.map(square, [1, 2, 3])\n"
        )
        self.returns(script, [1, 4, 9])

    def test_memory_that_ends_is_memory_limit_even_if_nothing_of_it_is_freed(self):
        script = (
            "import resource\nhoard = []\ndef main():\n"
            "    resource.setrlimit(resource.RLIMIT_AS, (300 << 20,) * 2)\n"
            "    size = 1 << 20\n    while True:\n        try:\n            while True: hoard.append(bytearray(size))\n"
            "        except MemoryError:\n            if size == 1: raise\n            size = max(size // 4, 1)\n"
        )
        done = run(script)
        self.assertEqual((done.frame, done.status[-1]), (b"memory_limit 0\n", "exit 0"))


class Hostile(ScriptTest):
    def test_patched_builtins_modules_and_functions_do_not_reach_the_runner(self):
        script = (
            "import builtins, json, os, posix, sys, io\nreturned = {'a': [1, 2.5, {'b': None}], 'n': {1: (2,)}}\n"
            "names = []\ndef broken(*a, **k): raise RuntimeError('patched')\n"
            "def main():\n"
            "    sys.modules.clear(); sys.path.clear(); sys.meta_path.clear()\n"
            "    change = setattr\n"
            "    for module in (json, os, posix, io, sys, builtins):\n"
            "        for name in list(vars(module)):\n            if not name.startswith('__'): names.append((module, name))\n"
            "    for module, name in names: change(module, name, broken)\n"
            "    return returned\n"
        )
        self.returns(script, {"a": [1, 2.5, {"b": None}], "n": {"1": [2]}})

    def test_an_exception_is_told_even_if_all_that_shows_it_is_broken(self):
        script = (
            "import builtins, sys\ndef broken(*a, **k): raise RuntimeError('patched')\ndef main():\n"
            "    sys.modules.clear(); sys.path.clear(); sys.meta_path.clear()\n"
            "    builtins.str = builtins.repr = builtins.isinstance = builtins.type = broken\n    raise ValueError(1)\n"
        )
        done = run(script)
        self.assertEqual((done.kind, done.fault["line"]), ("exception", 6))
        self.assertEqual(done.message, "ValueError: 1")

    def test_tracers_profilers_and_signal_handlers_end_with_main(self):
        for arm in (
            "sys.settrace(broken)",
            "sys.setprofile(broken)",
            "sys.settrace(lambda *a: None); sys.setprofile(lambda *a: None)",
            "signal.signal(signal.SIGALRM, broken); signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)",
            "gc.callbacks.append(broken); gc.set_threshold(1)",
            "sys.setrecursionlimit(60)",
            "m = getattr(sys, 'monitoring', None); m and (m.use_tool_id(3, 'x'), m.register_callback(3, m.events.LINE, broken), m.set_events(3, m.events.LINE))",
        ):
            with self.subTest(arm):
                script = (
                    "import gc, signal, sys\nvalue = 1\nfor _ in range(500): value = [value, {'k': 1.5}]\n"
                    "def broken(*a):\n    raise ValueError('from the hook')\n"
                    f"def main():\n    try:\n        {arm}\n        return value\n    except ValueError: return value\n"
                )
                done = run(script)
                if done.kind != "exception" or "from the hook" not in done.message:
                    self.assertEqual(done.result[1], {"k": 1.5})

    def test_an_audit_hook_that_forbids_everything_leaves_the_result(self):
        script = "import sys\ndef main():\n    def hook(*a): raise RuntimeError('forbidden')\n    sys.addaudithook(hook)\n    return [1, {'a': 2}]\n"
        self.returns(script, [1, {"a": 2}])

    def test_a_replaced_main_is_the_one_that_runs(self):
        self.returns("def main(): return 1\nglobals()['main'] = lambda: 2\n", 2)

    def test_the_runner_s_modules_are_out_of_the_way(self):
        for name in ("runner", "execution", "interpreter", "faults", "source", "arguments", "result_json", "not_json"):
            with self.subTest(name):
                self.fails(
                    "exception", f"ModuleNotFoundError: No module named '{name}'", f"import {name}\ndef main(): pass"
                )


if __name__ == "__main__":
    unittest.main()
