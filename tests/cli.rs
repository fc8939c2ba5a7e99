//! The command line, as a shell user meets it.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

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
    assert_transcript!(["run", "hello.py"], "", @r#"
    status: 0
    --- stdout
    {"message":"Hello"}
    --- stderr
    "#);
    assert_transcript!(["run", "prints_both.py"], "", @"
    status: 0
    --- stdout
    to stdout
    by descriptor �
    from a child
    without a newline
    null
    --- stderr
    to stderr
    ");
    assert_transcript!(["run", "dataframe.py"], "", @r#"
    status: 0
    --- stdout
        name  born
    0    Ada  1815
    1  Grace  1906
    {"name":{"0":"Ada","1":"Grace"},"born":{"0":1815,"1":1906}}
    --- stderr
    "#);
}

#[test]
fn run_takes_arguments_stdin_and_a_script_from_a_pipe() {
    assert_transcript!(["run", "args.py", "--args", r#"{"name": "Ada", "big": 123456789012345678901234567890}"#], "", @r#"
    status: 0
    --- stdout
    {"greeting":"Hello Ada! ","rest":{"big":123456789012345678901234567890}}
    --- stderr
    "#);
    assert_transcript!(["run", "stdin.py", "--stdin", "-"], "one\ntwo\n", @r#"
    status: 0
    --- stdout
    first? 
    {"first":"one","rest":"two\n"}
    --- stderr
    "#);
    assert_transcript!(["run", "-"], "def main():\n    return 6 * 7\n", @"
    status: 0
    --- stdout
    42
    --- stderr
    ");
}

#[test]
fn run_tells_the_whole_report_as_json() {
    assert_transcript!(["run", "hello.py", "--json"], "", @r#"
    status: 0
    --- stdout
    {"result":{"message":"Hello"},"stdout":"","stderr":"","stdout_truncated":false,"stderr_truncated":false,"usage":{"wall_ms":[n],"cpu_ms":[n],"memory_bytes":[n]}}
    --- stderr
    "#);
    assert_transcript!(["run", "exception.py", "--json"], "", @r#"
    status: 1
    --- stdout
    {"error":{"kind":"exception","message":"ZeroDivisionError: division by zero","line":2,"column":12,"traceback":"Traceback (most recent call last):\n  File \"script.py\", line 2, in main\n    return 1 / 0\n           ~~^~~\nZeroDivisionError: division by zero\n"},"stdout":"","stderr":"","stdout_truncated":false,"stderr_truncated":false,"usage":{"wall_ms":[n],"cpu_ms":[n],"memory_bytes":[n]}}
    --- stderr
    "#);
    assert_transcript!(["run", "missing_main.py", "--json"], "", @r#"
    status: 1
    --- stdout
    {"error":{"kind":"missing_main","message":"no function named main: define \"def main(): ...\" at the top level (found functions: run)"},"stdout":"","stderr":"","stdout_truncated":false,"stderr_truncated":false}
    --- stderr
    "#);
}

#[test]
fn a_script_that_fails_exits_with_1() {
    assert_transcript!(["run", "exception.py"], "", @r#"
    status: 1
    --- stdout
    --- stderr
    Traceback (most recent call last):
      File "script.py", line 2, in main
        return 1 / 0
    ZeroDivisionError: division by zero
    error: exception: ZeroDivisionError: division by zero (line 2)
    "#);
    assert_transcript!(["run", "missing_main.py"], "", @r#"
    status: 1
    --- stdout
    --- stderr
    error: missing_main: no function named main: define "def main(): ..." at the top level (found functions: run)
    "#);
    assert_transcript!(["run", "exited.py"], "", @"
    status: 1
    --- stdout
    before
    --- stderr
    error: exited: the script ended its process with exit status 3 before main() returned: let main() return instead
    ");
}

#[test]
fn wrong_usage_exits_with_2_and_our_failure_with_3() {
    assert_eq!(run(&["run"], "").status.code(), Some(2));
    assert_eq!(run(&["serve", "--listen", "nowhere"], "").status.code(), Some(2));
    assert_transcript!(["run", "no_such_file.py"], "", @"
    status: 3
    --- stdout
    --- stderr
    error: failed to read no_such_file.py: No such file or directory (os error 2)
    ");
    assert_transcript!(["run", "hello.py", "--args", "[1]"], "", @"
    status: 3
    --- stdout
    --- stderr
    error: --args must be an object, got an array
    ");
    assert_transcript!(["run", "hello.py", "--args", "{"], "", @"
    status: 3
    --- stdout
    --- stderr
    error: --args is not JSON: EOF while parsing an object at line 1 column 1
    ");
}

#[test]
fn check_says_whether_a_script_would_run() {
    assert_transcript!(["check", "hello.py"], "", @"
    status: 0
    --- stdout
    hello.py: ok
    --- stderr
    ");
    assert_transcript!(["check", "syntax_error.py"], "", @r#"
    status: 1
    --- stdout
    syntax_error.py:2:16: syntax_error: invalid syntax
      File "script.py", line 2
        total = 1 +
    SyntaxError: invalid syntax
    --- stderr
    "#);
    assert_transcript!(["check", "syntax_return_outside.py"], "", @r#"
    status: 1
    --- stdout
    syntax_return_outside.py:1:1: syntax_error: 'return' outside function
      File "script.py", line 1
        return 1
    SyntaxError: 'return' outside function
    --- stderr
    "#);
    assert_transcript!(["check", "missing_main_nested.py"], "", @r#"
    status: 1
    --- stdout
    missing_main_nested.py:3:5: missing_main: main is defined inside "if" at line 3: move it to the top level
    --- stderr
    "#);
    assert_transcript!(["check", "-"], "def main(): return f'{\"a\"}'\n", @"
    status: 0
    --- stdout
    -: ok
    --- stderr
    ");
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
