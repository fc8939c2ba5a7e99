//! Invariants, tried with arbitrary values in real jails.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod common;

use std::time::Duration;

use common::{execute_with, executor, tokio};
use proptest::{prelude::*, test_runner::Config};
use python_executor::{Execution, Limits, Outcome, Script, check::check};
use serde_json::{Value, json, value::RawValue};

/// Each case is a jail: enough of them to meet the odd value, few enough to wait for.
fn jails(cases: u32) -> Config {
    Config { cases, max_shrink_iters: 50, ..Config::default() }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 200, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(jails(24))]

    #[test]
    fn any_json_value_comes_back_equal(values in prop::collection::vec(any_json(), 1..40)) {
        let report = execute_with("def main(values):\n    return values", |e| e.args(&json!({"values": values})).unwrap());
        let Outcome::Returned(json) = &report.outcome else { panic!("{report:?}") };
        prop_assert_eq!(serde_json::from_str::<Value>(json.get()).unwrap(), Value::from(values));
    }

    #[test]
    fn integers_come_back_with_every_digit(digits in "-?[1-9][0-9]{0,6000}") {
        let args = RawValue::from_string(format!("{{\"n\":{digits}}}")).unwrap();
        let report = execute_with("def main(n):\n    return n", |e| e.args(&args).unwrap());
        let Outcome::Returned(json) = &report.outcome else { panic!("{report:?}") };
        prop_assert_eq!(json.get(), digits);
    }

    #[test]
    fn any_bytes_on_a_stream_come_back_decoded_with_replacement(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
        let report = execute_with(
            "import os\ndef main(data):\n    os.write(1, bytes(data))\n    os.write(2, bytes(data[::-1]))",
            |e| e.args(&json!({"data": bytes})).unwrap(),
        );
        let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
        prop_assert_eq!(&report.stdout.text, &String::from_utf8_lossy(&bytes));
        prop_assert_eq!(&report.stderr.text, &String::from_utf8_lossy(&reversed));
        prop_assert!(!report.stdout.truncated && !report.stderr.truncated);
    }

    #[test]
    fn any_stdin_is_what_the_script_reads(text: String) {
        let report = execute_with(
            "import sys\ndef main():\n    return sys.stdin.buffer.read().decode()",
            |e| e.stdin(text.clone()),
        );
        let Outcome::Returned(json) = &report.outcome else { panic!("{report:?}") };
        prop_assert_eq!(serde_json::from_str::<String>(json.get()).unwrap(), text);
    }

    #[test]
    fn any_limits_give_a_configuration_that_nsjail_takes(
        timeout_ms in 5_000..=u64::MAX,
        memory_bytes in prop_oneof![64_u64 << 20..=1 << 34, Just(u64::MAX)],
        processes: u32, scratch_bytes: u64, scratch_inodes: u32, open_files: u32,
        stdout_bytes: usize, result_bytes in 1_usize..,
    ) {
        let mut limits = Limits::default();
        limits.timeout = Duration::from_millis(timeout_ms);
        limits.memory_bytes = memory_bytes;
        limits.processes = processes;
        limits.scratch_bytes = scratch_bytes;
        limits.scratch_inodes = scratch_inodes;
        limits.open_files = open_files;
        limits.stdout_bytes = stdout_bytes;
        limits.result_bytes = result_bytes;
        let script = check(Script::new("def main(): return 1").unwrap()).unwrap();
        let report = tokio().block_on(executor().execute(Execution::new(script).limits(limits)));
        prop_assert!(matches!(&report, Ok(report) if report.outcome.result().is_some()), "{report:?}");
    }

    #[test]
    fn a_random_source_is_judged_and_never_our_failure(source in "(def main\\(\\):|[a-z(){}\\[\\]:=+.,'\"\n #@*]|    |return |\\PC){0,60}") {
        if let Ok(checked) = check(Script::new(&source).unwrap()) {
            let report = tokio().block_on(executor().execute(Execution::new(checked)));
            prop_assert!(report.is_ok(), "{source:?}: {report:?}");
        }
    }
}
