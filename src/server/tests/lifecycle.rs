//! Clients that go away, and a server that is told to stop.

use std::{
    io::Write as _,
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

use super::{Answer, ServerOptions, TestServer};

fn post(stream: &mut TcpStream, body: &str) {
    let length = body.len();
    let head = "POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    stream.write_all(format!("{head}Content-Length: {length}\r\n\r\n{body}").as_bytes()).unwrap();
}

#[test]
fn a_client_that_disconnects_ends_its_execution() {
    let server = TestServer::start();
    let mut stream = server.connect();
    post(&mut stream, r#"{"script": "def main(): sleep forever"}"#);
    server.wait_until_running(1);
    drop(stream);
    server.wait_until_running(0);
}

#[test]
fn a_client_that_stops_in_the_middle_of_its_body_starts_nothing() {
    let server = TestServer::start();
    let mut stream = server.connect();
    stream
        .write_all(b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{")
        .unwrap();
    stream.shutdown(Shutdown::Both).unwrap();
    assert_eq!(server.get("/health").status, 200);
    assert_eq!(server.running(), 0);
}

#[test]
fn a_request_that_is_open_when_the_server_stops_gets_its_answer() {
    let mut server = TestServer::start();
    let mut stream = server.connect();
    post(&mut stream, r#"{"script": "def main(): sleep"}"#);
    server.wait_until_running(1);
    server.begin_to_stop();
    assert_eq!(Answer::read(&mut stream).status, 200);
    server.join();
    assert!(TcpStream::connect(server.address).is_err());
}

#[test]
fn a_request_whose_head_ends_after_the_server_was_told_to_stop_is_sent_away() {
    let mut server = TestServer::start();
    let mut late = server.connect();
    late.write_all(b"POST /execute HTTP/1.1\r\nHost: x\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    server.begin_to_stop();
    std::thread::sleep(Duration::from_millis(100));
    late.write_all(b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}").unwrap();
    let answer = Answer::read(&mut late);
    answer.refused(503, "shutting_down");
    assert!(answer.header("retry-after").is_some());
    server.join();
}

#[test]
fn draining_ends_when_its_time_is_over_and_so_do_executions() {
    let mut server = TestServer::with(ServerOptions {
        drain_timeout: Duration::from_millis(200),
        ..ServerOptions::default()
    });
    let mut stream = server.connect();
    post(&mut stream, r#"{"script": "def main(): sleep forever"}"#);
    server.wait_until_running(1);
    let begun = Instant::now();
    server.join();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(server.running(), 0);
}
