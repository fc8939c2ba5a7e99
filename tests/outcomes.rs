//! How an execution ended is recognised from evidence, and a script can't forge it.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod common;

use common::execute;
use python_executor::Outcome;

fn outcome(source: &str) -> Outcome {
    execute(source).outcome
}

#[test]
fn an_exit_status_is_an_exit_status_whatever_it_looks_like() {
    for code in [0, 1, 70, 137, 139, 143, 159, 255] {
        let outcome = outcome(&format!("import os\ndef main(): os._exit({code})"));
        assert!(matches!(outcome, Outcome::Exited { code: seen } if seen == code), "{code}: {outcome:?}");
    }
}

#[test]
fn a_signal_is_a_signal() {
    for signal in [3, 6, 9, 11, 15, 31] {
        let outcome = outcome(&format!("import os\ndef main(): os.kill(os.getpid(), {signal})"));
        assert!(
            matches!(outcome, Outcome::Killed { signal: seen } if seen == signal),
            "{signal}: {outcome:?}"
        );
    }
}

#[test]
fn a_forged_frame_says_at_most_what_the_script_could_have_returned() {
    // A frame of its own, with a kind that only evidence from outside can give.
    let forged = |frame: &str, after: &str| {
        outcome(&format!(
            "import os\nfor fd in range(3, 256):\n    try:\n        os.write(fd, {frame})\n    except OSError:\n        pass\n{after}\ndef main(): return 1"
        ))
    };
    for kind in ["timeout", "killed", "internal", "exited", "overloaded"] {
        let outcome = forged(&format!("b'{kind} 2\\n{{}}'"), "os._exit(0)");
        assert!(matches!(outcome, Outcome::Exited { code: 0 }), "{kind}: {outcome:?}");
    }
    // Half a frame, then the end.
    assert!(matches!(forged("b'returned 100\\n1'", "os._exit(0)"), Outcome::Exited { code: 0 }));
    // A frame of its own before the real one: two are none.
    assert!(matches!(forged("b'returned 1\\n7'", ""), Outcome::Exited { code: 0 }));
    // A frame and a failing status.
    assert!(matches!(forged("b'returned 1\\n7'", "os._exit(9)"), Outcome::Exited { code: 9 }));
    // Whole and alone: it lies about its own result, which it could have returned.
    assert!(
        matches!(forged("b'returned 1\\n7'", "os._exit(0)"), Outcome::Returned(json) if json.get() == "7")
    );
    // Not JSON.
    assert!(matches!(forged("b'returned 3\\nNaN'", "os._exit(0)"), Outcome::Exited { code: 0 }));
}

#[test]
fn answering_twice_by_a_fork_is_no_answer_or_one() {
    let outcome = outcome("import os\ndef main():\n    os.fork()\n    return os.getpid() > 2");
    assert!(matches!(outcome, Outcome::Returned(_) | Outcome::Exited { code: 0 }), "{outcome:?}");
}

#[test]
fn patched_modules_harm_only_the_script() {
    for patch in [
        "import json; json.dumps = lambda *a, **k: '\"forged\"'",
        "import sys; sys.stdout = None; sys.stderr = 5",
        "import sys; sys.modules.clear()",
        "import builtins; builtins.len = lambda x: 0; builtins.type = None; builtins.isinstance = None",
        "import os; os.write = lambda *a: 0; os._exit = lambda *a: None",
        "import io, os; os.close(1); os.close(2)",
        "import gc; gc.callbacks.append(lambda *a: 1/0)",
        "import sys; sys.addaudithook(lambda event, args: None)",
        "import atexit, time; atexit.register(time.sleep, 600)",
        "import threading, time; threading.Thread(target=time.sleep, args=(600,)).start()",
    ] {
        let outcome = outcome(&format!("{patch}\ndef main(): return [1, {{'a': 'b'}}]"));
        let Outcome::Returned(json) = &outcome else { panic!("{patch}: {outcome:?}") };
        let value: serde_json::Value = serde_json::from_str(json.get()).unwrap();
        assert_eq!(value, serde_json::json!([1, {"a": "b"}]), "{patch}");
    }
}

#[test]
fn a_printed_marker_is_output() {
    let report = execute("def main():\n    print('returned 1\\n7')\n    print('exit 0')\n    return 2");
    assert!(matches!(&report.outcome, Outcome::Returned(json) if json.get() == "2"), "{report:?}");
    assert_eq!(report.stdout.text, "returned 1\n7\nexit 0\n");
}

#[test]
fn a_replaced_main_is_what_runs_or_is_told() {
    assert!(matches!(
        outcome("def main(): return 1\nglobals()['main'] = lambda: 2"),
        Outcome::Returned(json) if json.get() == "2"
    ));
    assert!(matches!(outcome("def main(): return 1\nglobals()['main'] = 5"), Outcome::MissingMain(_)));
    assert!(matches!(outcome("def main(): return 1\nglobals().pop('main')"), Outcome::MissingMain(_)));
}
