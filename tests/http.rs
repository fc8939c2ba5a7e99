//! The whole server over a real socket: real jails, requests as strangers send them.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]
#![cfg(feature = "server")]

mod common;

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// Sends `body` and leaves the connection open.
fn send(body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(common::server()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let head = "POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n";
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
    stream
}

/// Held by each test, since one counts the jails of them all.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many processes have this one as an ancestor: nsjail, supervisors and interpreters.
fn descendants() -> usize {
    let mut count = 0;
    let mut stack = vec![std::process::id()];
    while let Some(pid) = stack.pop() {
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            for child in children.split_whitespace().filter_map(|pid| pid.parse().ok()) {
                count += 1;
                stack.push(child);
            }
        }
    }
    count
}

fn read(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what} didn't come about");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_requests_of_the_document_work_as_they_are() {
    let _alone = alone();
    let document: Value = serde_json::from_str(&python_executor::server::openapi_json()).unwrap();
    let examples = document
        .pointer("/paths/~1execute/post/requestBody/content/application~1json/examples")
        .and_then(Value::as_object)
        .unwrap();
    assert!(examples.len() > 5);
    for (name, example) in examples {
        let (status, answer) = common::post(&example["value"]);
        assert!(answer["usage"]["memory_bytes"].as_u64() > Some(0), "{name}: {answer}");
        let expected = if example["summary"].as_str().unwrap().ends_with("(422)") { 422 } else { 200 };
        assert_eq!(status, expected, "{name}: {answer}");
    }
}

#[test]
fn numbers_pass_both_ways_digit_for_digit() {
    let _alone = alone();
    let numbers = "[123456789012345678901234567890,0.1,1e+300,-0.0]";
    let body = format!(r#"{{"script": "def main(x):\n    return x\n", "args": {{"x": {numbers}}}}}"#);
    let answer = read(send(&body)).replace(", ", ",");
    assert!(answer.contains(&format!("\"result\":{numbers}")), "{answer}");
}

#[test]
fn a_client_that_disconnects_ends_its_jail() {
    let _alone = alone();
    let script = "import time\ndef main():\n    time.sleep(50)\n";
    let before = descendants();
    let stream = send(&json!({ "script": script, "limits": { "timeout_ms": 55_000 } }).to_string());
    wait_for("a jail", || descendants() > before);
    std::thread::sleep(Duration::from_secs(1));
    assert!(descendants() > before, "the jail ended by itself: {}", read(stream));
    drop(stream);
    wait_for("the jail's end", || descendants() == before);
}
