//! The command line, as a shell user meets it.

mod common;

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

fn command(args: &[&str]) -> Command {
    // The runtime is built once for all tests, so that none of these has to.
    common::runtime();
    let mut command = Command::new(env!("CARGO_BIN_EXE_python-executor"));
    command.args(args).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
    command
}

fn run(args: &[&str], stdin: &str) -> Output {
    let mut child = command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let _ = child.stdin.take().expect("piped").write_all(stdin.as_bytes());
    child.wait_with_output().expect("ends")
}

/// Exit status, stdout and stderr as one text.
fn transcript(args: &[&str], stdin: &str) -> String {
    let Output { status, stdout, stderr } = run(args, stdin);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    format!(
        "status: {}\n--- stdout\n{}--- stderr\n{}",
        status.code().expect("no signal"),
        text(stdout),
        text(stderr)
    )
}

macro_rules! assert_transcript {
    ($args:expr, $stdin:expr, @$snapshot:literal) => {
        insta::with_settings!({filters => vec![
            (r#"(wall_ms|cpu_ms|memory_bytes)":\d+"#, r#"$1":[n]"#),
            (r"\n +[~^]+", ""),
        ]}, { insta::assert_snapshot!(transcript(&$args, $stdin), @$snapshot) });
    };
}

#[test]
fn run_prints_output_and_then_the_result_on_a_line_of_its_own() {
    assert_transcript!(["run", "hello.py"], "", @"");
    assert_transcript!(["run", "prints_both.py"], "", @"");
    assert_transcript!(["run", "dataframe.py"], "", @"");
}

#[test]
fn run_takes_arguments_stdin_and_a_script_from_a_pipe() {
    assert_transcript!(["run", "args.py", "--args", r#"{"name": "Ada", "big": 123456789012345678901234567890}"#], "", @"");
    assert_transcript!(["run", "stdin.py", "--stdin", "-"], "one\ntwo\n", @"");
    assert_transcript!(["run", "-"], "def main():\n    return 6 * 7\n", @"");
}

#[test]
fn run_tells_the_whole_report_as_json() {
    assert_transcript!(["run", "hello.py", "--json"], "", @"");
    assert_transcript!(["run", "exception.py", "--json"], "", @"");
    assert_transcript!(["run", "missing_main.py", "--json"], "", @"");
}

#[test]
fn a_script_that_fails_exits_with_1() {
    assert_transcript!(["run", "exception.py"], "", @"");
    assert_transcript!(["run", "missing_main.py"], "", @"");
    assert_transcript!(["run", "exited.py"], "", @"");
}

#[test]
fn wrong_usage_exits_with_2_and_our_failure_with_3() {
    assert_eq!(run(&["run"], "").status.code(), Some(2));
    assert_eq!(run(&["serve", "--listen", "nowhere"], "").status.code(), Some(2));
    assert_transcript!(["run", "no_such_file.py"], "", @"");
    assert_transcript!(["run", "hello.py", "--args", "[1]"], "", @"");
    assert_transcript!(["run", "hello.py", "--args", "{"], "", @"");
}

#[test]
fn check_says_whether_a_script_would_run() {
    assert_transcript!(["check", "hello.py"], "", @"");
    assert_transcript!(["check", "syntax_error.py"], "", @"");
    assert_transcript!(["check", "syntax_return_outside.py"], "", @"");
    assert_transcript!(["check", "missing_main_nested.py"], "", @"");
    assert_transcript!(["check", "-"], "def main(): return f'{\"a\"}'\n", @"");
}

#[test]
fn openapi_prints_the_committed_document() {
    let printed = run(&["openapi"], "").stdout;
    let committed =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.json")).expect("the document");
    assert!(printed == committed, "refresh it with: cargo run -- openapi > openapi/openapi.json");
}

#[test]
fn setup_says_where_the_runtime_is() {
    let output = run(&["setup"], "");
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&common::runtime().rootfs().display().to_string()), "{said}");
}

#[test]
fn help_has_examples_for_every_command() {
    for name in ["serve", "run", "check", "setup", "openapi"] {
        let help = String::from_utf8(run(&[name, "--help"], "").stdout).expect("UTF-8");
        assert!(help.contains("Examples:") && help.contains(&format!("python-executor {name}")), "{help}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let mut child = command(&["run", "stdout_truncated.py"]).stdout(Stdio::piped()).spawn().expect("starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("ends").code(), Some(0));
}
