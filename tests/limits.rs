//! What bounds an execution. Each test reads the limit that it goes beyond.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod common;

use std::time::{Duration, Instant};

use common::{execute_with, tokio};
use python_executor::{Limits, Outcome};

#[test]
fn a_busy_loop_ends_at_its_deadline() {
    let mut limits = Limits::default();
    limits.timeout = Duration::from_millis(500);
    let timeout = limits.timeout;
    let report = execute_with("def main():\n    while True: pass", |e| e.limits(limits));
    assert!(matches!(report.outcome, Outcome::TimedOut { limit } if limit == timeout), "{report:?}");
    assert!(report.usage.wall >= timeout, "{report:?}");
    assert!(
        report.usage.cpu >= timeout / 4,
        "the loop's processor time is counted although it was killed: {report:?}"
    );
}

#[test]
fn a_hang_ends_at_its_deadline_wherever_it_is() {
    for source in [
        "import time\ntime.sleep(600)\ndef main(): pass",
        "def main():\n    class Slow(Exception):\n        def __str__(self):\n            while True: pass\n    raise Slow",
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\ndef main():\n    while True: pass",
        "import os, signal\ndef main():\n    os.kill(os.getpid(), signal.SIGSTOP)",
        "def main():\n    return 10 ** 10 ** 8",
        "import re\ndef main():\n    return re.match(r'(a+)+$', 'a' * 64 + 'b')",
        "import sys\ndef main():\n    sys.settrace(lambda *a: sys.exit if 0 else (_ for _ in iter(int, 1)) and None)\n    while True: pass",
    ] {
        let mut limits = Limits::default();
        limits.timeout = Duration::from_millis(400);
        let report = execute_with(source, |e| e.limits(limits));
        assert!(matches!(report.outcome, Outcome::TimedOut { .. }), "{source}\n{report:?}");
    }
}

#[test]
fn a_result_that_came_before_a_hang_is_not_believed() {
    let mut limits = Limits::default();
    limits.timeout = Duration::from_millis(400);
    // A thread that writes a whole frame to every descriptor while main never returns.
    let source = "import os\ndef main():\n    for fd in range(3, 256):\n        try: os.write(fd, b'returned 1\\n1')\n        except OSError: pass\n    while True: pass";
    let report = execute_with(source, |e| e.limits(limits));
    assert!(matches!(report.outcome, Outcome::TimedOut { .. }), "{report:?}");
}

#[test]
fn memory_beyond_the_limit_ends_the_script_alone() {
    let mut limits = Limits::default();
    limits.memory_bytes = 128 << 20;
    let bound = limits.memory_bytes;
    for source in [
        "def main():\n    hoard = []\n    while True: hoard.append(bytearray(4 << 20))",
        "import numpy\ndef main():\n    return float(numpy.ones(1 << 28).sum())",
        "def main():\n    return bytearray(1 << 40) and None",
    ] {
        let limits = limits.clone();
        let report = execute_with(source, |e| e.limits(limits));
        assert!(
            matches!(report.outcome, Outcome::OutOfMemory { limit } if limit == bound),
            "{source}\n{report:?}"
        );
        assert!(report.usage.memory_bytes <= bound + (1 << 20), "{report:?}");
    }
}

#[test]
fn scratch_and_shared_memory_count_as_memory_where_a_cgroup_counts() {
    let mut limits = Limits::default();
    limits.memory_bytes = 96 << 20;
    limits.scratch_bytes = 1 << 30;
    let report = execute_with(
        "def main():\n    with open('/dev/shm/x', 'wb') as f:\n        for _ in range(600): f.write(bytes(1 << 20))\n    return 'wrote'",
        |e| e.limits(limits),
    );
    if rustix::process::geteuid().is_root() {
        assert!(matches!(report.outcome, Outcome::OutOfMemory { .. }), "{report:?}");
    } else {
        eprintln!(
            "SKIPPED scratch_and_shared_memory_count_as_memory_where_a_cgroup_counts: needs root for a control group"
        );
    }
}

#[test]
fn a_fork_bomb_is_bounded() {
    let mut limits = Limits::default();
    limits.processes = 20;
    limits.timeout = Duration::from_secs(5);
    let most = limits.processes;
    let report = execute_with(
        "import os, time\ndef main():\n    n = 0\n    while True:\n        try:\n            if os.fork() == 0:\n                time.sleep(60)\n                os._exit(0)\n            n += 1\n        except BlockingIOError:\n            return n",
        |e| e.limits(limits),
    );
    let Outcome::Returned(json) = &report.outcome else { panic!("{report:?}") };
    let forked: u32 = json.get().parse().unwrap();
    assert_eq!(forked, most - 1, "the script's own process is one");
}

#[test]
fn every_resource_limit_holds_inside_and_cannot_be_raised() {
    let limits = Limits::default();
    let expected = serde_json::json!({
        "FSIZE": limits.scratch_bytes, "NOFILE": limits.open_files, "MEMLOCK": 0, "RTPRIO": 0, "MSGQUEUE": 0,
        "NPROC": limits.processes + 1, "STACK": 8 << 20,
    });
    let report = execute_with(
        "import resource\ndef main():\n    found = {}\n    for name in dir(resource):\n        if name.startswith('RLIMIT_'):\n            soft, hard = resource.getrlimit(getattr(resource, name))\n            assert soft == hard or soft == 0, name\n            found[name[7:]] = soft\n    return found",
        |e| e.limits(limits),
    );
    let Outcome::Returned(json) = &report.outcome else { panic!("{report:?}") };
    let found: serde_json::Value = serde_json::from_str(json.get()).unwrap();
    for name in ["FSIZE", "NOFILE", "MEMLOCK", "RTPRIO", "MSGQUEUE", "NPROC", "STACK"] {
        assert_eq!(found[name], expected[name], "{name} of {found}");
    }
    assert_eq!(found["CORE"], 0);
    assert!(found["AS"].as_i64().is_some_and(|bytes| bytes > 0), "address space is bounded: {found}");
}

#[test]
fn threads_count_as_processes() {
    let mut limits = Limits::default();
    limits.processes = 20;
    let most = limits.processes;
    let report = execute_with(
        "import threading, time\ndef main():\n    n = 0\n    while True:\n        try:\n            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n            n += 1\n        except RuntimeError:\n            return n",
        |e| e.limits(limits),
    );
    let Outcome::Returned(json) = &report.outcome else { panic!("{report:?}") };
    assert!(json.get().parse::<u32>().unwrap() < most, "{report:?}");
}

#[test]
fn a_flood_is_cut_and_said_so() {
    let limits = Limits::default();
    let kept = limits.stdout_bytes;
    let report = execute_with(
        "import os\ndef main():\n    for _ in range(1024):\n        os.write(1, b'x' * 65536)\n        os.write(2, b'y' * 65536)\n    return 'done'",
        |e| e.limits(limits),
    );
    assert!(
        matches!(&report.outcome, Outcome::Returned(json) if json.get() == "\"done\""),
        "{:?}",
        report.outcome
    );
    assert_eq!((report.stdout.text.len(), report.stdout.truncated), (kept, true));
    assert_eq!((report.stderr.text.len(), report.stderr.truncated), (kept, true));
}

#[test]
fn a_child_that_keeps_stdout_open_delays_nothing() {
    let start = Instant::now();
    let report = execute_with(
        "import os, time\ndef main():\n    if os.fork() == 0:\n        time.sleep(60)\n        os._exit(0)\n    print('out')\n    return 1",
        |e| e,
    );
    assert_eq!(report.stdout.text, "out\n");
    assert!(start.elapsed() < Duration::from_secs(30), "the child's minute was waited for");
}

#[test]
fn dropping_a_running_execution_ends_it() {
    use python_executor::{Event, Execution, Script, check::check};
    let marker = format!("dropped-{}", std::process::id());
    let source = format!(
        "import os, sys\ndef main():\n    print('started', flush=True)\n    os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(600)', '{marker}'])"
    );
    let alive = || {
        let lines = std::fs::read_dir("/proc").unwrap().flatten();
        let mut lines = lines.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
        lines.any(|line| String::from_utf8_lossy(&line).split('\0').any(|arg| arg == marker))
    };
    tokio().block_on(async {
        let mut running =
            common::executor().start(Execution::new(check(Script::new(source).unwrap()).unwrap()));
        assert!(matches!(running.next().await, Some(Ok(Event::Output(..)))));
        while !alive() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(running);
        for _ in 0..400 {
            if !alive() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("still alive two seconds after it was dropped");
    });
}
