//! The server as a process: signals, ports, and clients that leave.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod common;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// A `python-executor serve` of its own.
struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(change: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        common::runtime();
        let mut command = Command::new(env!("CARGO_BIN_EXE_python-executor"));
        command.stderr(Stdio::piped());
        change(&mut command);
        let mut child = command.spawn().expect("starts");
        let mut log = BufReader::new(child.stderr.take().expect("piped")).lines();
        let line = log
            .find(|line| line.as_ref().is_ok_and(|line| line.contains("serving on")))
            .expect("says so")
            .expect("UTF-8");
        let url = line.split("http://").nth(1).expect("a URL").split_whitespace().next().expect("an address");
        // Keep reading, so that the server never waits for us.
        std::thread::spawn(move || log.for_each(drop));
        Self { address: url.trim_end_matches('/').parse().expect("an address"), child }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("alive");
    }

    fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("our child") {
                return status;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "it doesn't end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a script and keeps the connection.
fn send(address: SocketAddr, script: &str) -> TcpStream {
    let body = serde_json::json!({"script": script}).to_string();
    let mut stream = TcpStream::connect(address).expect("connects");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    write!(
        stream,
        "POST /execute HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .expect("sent");
    stream
}

fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text
}

/// Whether any process on this machine has `marker` as an argument.
fn alive(marker: &str) -> bool {
    let lines = std::fs::read_dir("/proc").expect("/proc").flatten();
    let mut lines = lines.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.any(|line| String::from_utf8_lossy(&line).split('\0').any(|arg| arg == marker))
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}: not within 20 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A script that becomes a process with `marker` as an argument and stays.
fn lingering(marker: &str) -> String {
    format!(
        "import os, sys\ndef main():\n    os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(25)', '{marker}'])"
    )
}

#[test]
fn open_requests_are_answered_when_it_is_told_to_stop() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut server = Process::start(|command| command.args(["serve", "--listen", "127.0.0.1:0"]));
        let marker = format!("draining-{}-{}", std::process::id(), signal.as_raw());
        let open = send(
            server.address,
            &format!(
                "import subprocess, sys\ndef main():\n    subprocess.run([sys.executable, '-c', 'import time; time.sleep(1)', '{marker}'])\n    return 'drained'"
            ),
        );
        until("the script runs", || alive(&marker));
        server.signal(signal);
        let answer = answer(open);
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"drained\""), "{answer}");
        assert_eq!(server.wait().code(), Some(0));
        assert!(TcpStream::connect(server.address).is_err(), "nobody listens any more");
    }
}

#[test]
fn a_client_that_leaves_ends_its_execution() {
    let server = Process::start(|command| command.args(["serve", "--listen", "127.0.0.1:0"]));
    let marker = format!("left-{}", std::process::id());
    let client = send(server.address, &lingering(&marker));
    until("the script runs", || alive(&marker));
    drop(client);
    until("the script is ended", || !alive(&marker));
}

#[test]
fn a_killed_server_leaves_no_script_behind() {
    let server = Process::start(|command| command.args(["serve", "--listen", "127.0.0.1:0"]));
    let marker = format!("orphaned-{}", std::process::id());
    let _client = send(server.address, &lingering(&marker));
    until("the script runs", || alive(&marker));
    server.signal(Signal::KILL);
    until("the script is ended", || !alive(&marker));
}

#[test]
fn the_port_variable_is_honoured_on_every_address() {
    let free =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let server = Process::start(|command| command.env("PORT", free.to_string()));
    assert_eq!(server.address, SocketAddr::from(([0, 0, 0, 0], free)));
    let answer = answer(send(([127, 0, 0, 1], free).into(), "def main(): return 'here'"));
    assert!(answer.contains("\"here\""), "{answer}");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_python-executor"))
        .args(["serve", "--listen", &address])
        .output()
        .expect("ends");
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&address) && said.contains("--listen"), "{said}");
}

#[test]
fn many_at_once_are_all_answered_right() {
    let server = Process::start(|command| command.args(["serve", "--listen", "127.0.0.1:0"]));
    let open: Vec<_> =
        (0..32).map(|n| (n, send(server.address, &format!("def main(): return {{'n': {n}}}")))).collect();
    for (n, stream) in open {
        let answer = answer(stream);
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(&format!("{{\"n\":{n}}}")), "{answer}");
    }
}
