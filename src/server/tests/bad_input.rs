//! Every kind of bad input gets its status and kind, in the one error shape.

use std::io::{Read as _, Write as _};

use super::{Answer, ServerOptions, TestServer};

#[track_caller]
fn bad(server: &TestServer, body: impl AsRef<[u8]>) -> String {
    server.post(body).refused(400, "bad_request")
}

#[test]
fn fields_of_a_wrong_type_are_named_with_what_they_hold() {
    let server = TestServer::start();
    let message = |body: &str| bad(&server, body);
    assert_eq!(message(r#"{"script": 1}"#), "script must be a string, got a number");
    assert_eq!(message(r#"{"script": null}"#), "script must be a string, got null");
    assert_eq!(message(r#"{"script": ["x"]}"#), "script must be a string, got an array");
    assert_eq!(message(r#"{"script": "", "args": [1]}"#), "args must be an object, got an array");
    assert_eq!(
        message(r#"{"script": "", "args": null}"#),
        "args must be an object, got null: leave the field out instead"
    );
    assert_eq!(message(r#"{"script": "", "stdin": true}"#), "stdin must be a string, got a boolean");
    assert_eq!(message(r#"{"script": "", "limits": "a lot"}"#), "limits must be an object, got a string");
    assert_eq!(
        message(r#"{"script": "", "limits": {"timeout_ms": "5"}}"#),
        "limits.timeout_ms must be a whole number, got a string"
    );
    for number in ["1.5", "-1", "1e3", "99999999999999999999"] {
        assert_eq!(
            message(&format!(r#"{{"script": "", "limits": {{"memory_mib": {number}}}}}"#)),
            format!(
                "limits.memory_mib must be a whole number from 1, without fraction or exponent, got {number}"
            )
        );
    }
}

#[test]
fn unknown_duplicate_and_missing_fields_are_named() {
    let server = TestServer::start();
    let message = |body: &str| bad(&server, body);
    assert_eq!(
        message(r#"{"scirpt": ""}"#),
        r#"unknown field "scirpt": did you mean "script"? fields are script, args, stdin, limits"#
    );
    assert_eq!(
        message(r#"{"script": "", "collect": []}"#),
        r#"unknown field "collect": fields are script, args, stdin, limits"#
    );
    assert_eq!(
        message(r#"{"script": "", "limits": {"timeout": 1}}"#),
        r#"unknown field "limits.timeout": fields are timeout_ms, memory_mib"#
    );
    assert_eq!(message(r#"{"script": "", "script": ""}"#), "script is given twice: send it once");
    assert_eq!(
        message(r#"{"script": "", "limits": {"memory_mib": 64, "memory_mib": 64}}"#),
        "limits.memory_mib is given twice: send it once"
    );
    assert_eq!(message("{}"), r#"script is missing: send the Python source as {"script": "def main(): …"}"#);
    let long = bad(&server, format!(r#"{{"{}": 1}}"#, "x".repeat(100_000)));
    assert!(long.len() < 300, "{long}");
}

#[test]
fn malformed_json_is_told_by_line_and_column() {
    let server = TestServer::start();
    let message = |body: &str| bad(&server, body);
    assert_eq!(
        message(r#"{"script": "é" "#),
        "malformed JSON at line 1 column 15: EOF while parsing an object"
    );
    assert_eq!(message("{\n  \"script\" \"\"}"), "malformed JSON at line 2 column 12: expected `:`");
    assert_eq!(message(r#"{"script": ""} {}"#), "malformed JSON at line 1 column 16: trailing characters");
    assert_eq!(message("{'script': ''}"), "malformed JSON at line 1 column 2: key must be a string");
    assert_eq!(
        message("{\"script\": \"a\0b\"}"),
        "malformed JSON at line 1 column 13: control character (\\u0000-\\u001F) found while parsing a string"
    );
    assert!(message(r#"{"script": NaN}"#).starts_with("malformed JSON at line 1 column 12"));
    assert!(message(r#"{"script": "", "args": {"a": 01}}"#).starts_with("malformed JSON"));
}

#[test]
fn a_body_that_is_no_object_or_no_text_is_told_what_it_is() {
    let server = TestServer::start();
    assert!(bad(&server, "").starts_with("the body is empty: send a JSON object such as"));
    assert!(bad(&server, " \r\n").starts_with("the body is empty"));
    for (body, what) in [
        ("[]", "an array"),
        ("null", "null"),
        ("1", "a number"),
        ("-1.5", "a number"),
        ("\"x\"", "a string"),
        ("true", "a boolean"),
    ] {
        assert_eq!(bad(&server, body), format!("the body must be a JSON object, got {what}"));
    }
    assert_eq!(
        bad(&server, b"{\"script\": \"\xff\"}"),
        "the body is not UTF-8 (byte 12 is wrong): send JSON encoded as UTF-8"
    );
    assert!(bad(&server, b"\xff\xfe{\0}\0").starts_with("the body is not UTF-8"));
    assert!(bad(&server, b"\xef\xbb\xbf{}").starts_with("the body starts with a byte order mark"));
}

#[test]
fn half_a_surrogate_pair_is_no_text() {
    let server = TestServer::start();
    assert!(bad(&server, r#"{"script": "\ud800"}"#).starts_with("script holds half of a surrogate pair"));
    assert!(
        bad(&server, r#"{"script": "", "stdin": "\udc00x"}"#)
            .starts_with("stdin holds half of a surrogate pair")
    );
}

#[test]
fn depth_costs_nothing_wherever_it_is() {
    let server = TestServer::start();
    let deep = "[".repeat(1_000_000);
    assert!(bad(&server, &deep).contains("the body must be a JSON object"));
    assert!(bad(&server, format!("{{\"x\": {deep}")).starts_with("unknown field"));
    let closed = format!("{deep}{}", "]".repeat(1_000_000));
    assert_eq!(bad(&server, format!("{{\"script\": {closed}}}")), "script must be a string, got an array");
    assert_eq!(
        bad(&server, format!("{{\"script\": \"\", \"args\": {{\"x\": {closed}}}}}")),
        "args are nested deeper than 128 levels"
    );
}

#[test]
fn arguments_that_no_script_could_be_given_are_named_by_their_path() {
    let server = TestServer::start();
    assert_eq!(
        bad(&server, r#"{"script": "", "args": {"rows": [1, 1e999]}}"#),
        "args.rows[1] is 1e999, beyond the range of a float: send it as a string"
    );
    assert_eq!(
        bad(&server, r#"{"script": "", "args": {"a": 1, "a": 2}}"#),
        "args.a is given twice: send each key once"
    );
}

#[test]
fn a_limit_above_the_ceiling_is_named_with_what_is_allowed() {
    let options = ServerOptions::default();
    let ceiling = options.ceiling.timeout.as_millis();
    let server = TestServer::with(options);
    let body = format!(r#"{{"script": "", "limits": {{"timeout_ms": {}}}}}"#, ceiling + 1);
    assert_eq!(
        bad(&server, body),
        format!("limits.timeout_ms is {}, allowed are 1 to {ceiling}", ceiling + 1)
    );
    assert!(
        bad(&server, r#"{"script": "", "limits": {"memory_mib": 1}}"#)
            .starts_with("limits.memory_mib is 1, ")
    );
}

#[test]
fn another_content_type_charset_or_encoding_is_refused() {
    let server = TestServer::start();
    let post = |headers: &str| server.request("POST", "/execute", headers, b"{}");
    let refused = |headers: &str| post(headers).refused(415, "unsupported_media_type");
    assert_eq!(refused(""), "Content-Type is missing: send application/json");
    assert_eq!(
        refused("Content-Type: text/plain\r\n"),
        "Content-Type is \"text/plain\": send application/json"
    );
    assert_eq!(
        refused("Content-Type: application/json; charset=latin-1\r\n"),
        "charset is \"latin-1\": send JSON as UTF-8"
    );
    assert!(refused("Content-Type: application/json\r\nContent-Type: text/html\r\n").contains("given twice"));
    assert!(refused("Content-Type: application/jsonp\r\n").contains("application/jsonp"));
    assert_eq!(
        refused("Content-Type: application/json\r\nContent-Encoding: gzip\r\n"),
        "Content-Encoding is \"gzip\": send the body uncompressed"
    );
    for accepted in
        ["application/json", "Application/JSON;charset=UTF-8", "application/json; charset=\"utf-8\""]
    {
        post(&format!("Content-Type: {accepted}\r\n")).refused(400, "bad_request");
    }
}

#[test]
fn a_body_is_bounded_announced_or_not() {
    let server = TestServer::with(ServerOptions { max_body_bytes: 1000, ..ServerOptions::default() });
    let message = "the body may be at most 1000 bytes long";
    let body = format!("{{\"script\": \"{}\"}}", "#".repeat(2000));
    assert_eq!(server.post(&body).refused(413, "payload_too_large"), message);

    let head = "POST /execute HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n";
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    assert_eq!(server.raw(chunked.as_bytes()).refused(413, "payload_too_large"), message);

    let announced = format!("{head}Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(server.raw(announced.as_bytes()).refused(413, "payload_too_large"), message);

    let fitting = format!("{{\"script\": \"{}\"}}", "#".repeat(1000 - 14));
    assert_eq!(fitting.len(), 1000);
    server.post(&fitting).refused(422, "missing_main");
}

#[test]
fn a_client_that_sends_far_too_much_still_reads_why() {
    let server = TestServer::with(ServerOptions { max_body_bytes: 1000, ..ServerOptions::default() });
    server.post(vec![b' '; 30 << 20]).refused(413, "payload_too_large");
}

#[test]
fn a_script_is_bounded_in_bytes() {
    let server = TestServer::with(ServerOptions { max_script_bytes: 10, ..ServerOptions::default() });
    let message = server.post(r#"{"script": "éééééé"}"#).refused(413, "payload_too_large");
    assert_eq!(message, "script may be at most 10 bytes long");
}

#[test]
fn a_body_that_ends_early_is_told_so() {
    let server = TestServer::start();
    let mut stream = server.connect();
    let head = "POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(b"zz\r\n").unwrap();
    let answer = Answer::read(&mut stream);
    assert!(answer.refused(400, "bad_request").contains("send it whole"));
}

#[test]
fn unknown_paths_and_methods_are_refused_in_the_same_shape() {
    let server = TestServer::start();
    assert!(
        server
            .get("/exectue?x=1")
            .refused(404, "not_found")
            .starts_with("no such path: /exectue; there are POST /execute")
    );
    for path in ["/execute/", "//execute", "/%2e%2e/etc/passwd", "/docs/x", "/openapi.json/"] {
        server.get(path).refused(404, "not_found");
    }
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
        let answer = server.request(method, "/execute", "", b"");
        assert_eq!(
            answer.refused(405, "method_not_allowed"),
            format!("{method} is not allowed on /execute: use POST")
        );
        assert_eq!(answer.header("allow"), Some("POST"));
    }
    for path in ["/", "/health", "/docs", "/openapi.json", "/openapi.yaml"] {
        let answer = server.request("POST", path, "", b"{}");
        answer.refused(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some("GET, HEAD"));
    }
    server.request("OPTIONS", "*", "", b"").refused(404, "not_found");
    let head = server.request("HEAD", "/execute", "", b"");
    assert_eq!((head.status, head.body.as_str()), (405, ""));
}

#[test]
fn what_is_not_even_http_is_closed_without_harm() {
    let server = TestServer::start();
    for garbage in
        ["\r\n\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02\0\x01\0\r\n\r\n", "CONNECT x:1 HTTP/1.1\r\n\r\n"]
    {
        let mut stream = server.connect();
        stream.write_all(garbage.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
    }
    let smuggled = "POST /execute HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef";
    assert_eq!(server.raw(smuggled.as_bytes()).status, 400);
    assert_eq!(server.get("/health").status, 200);
}
