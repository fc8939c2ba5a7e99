//! What executions give, and what else is served.

use serde_json::json;

use super::TestServer;
use crate::server::{openapi_json, openapi_yaml};

const SCRIPT: &str = r#"{"script": "def main(): pass"}"#;

#[test]
fn a_result_passes_digit_for_digit() {
    let answer = TestServer::start().post(SCRIPT);
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        concat!(
            r#"{"result":[12345678901234567890123456789, 1.0, 1e-7, -0.0],"stdout":"so far\n","stderr":"","#,
            r#""stdout_truncated":true,"stderr_truncated":false,"#,
            r#""usage":{"wall_ms":2,"cpu_ms":1,"memory_bytes":9437184}}"#
        )
    );
}

#[test]
fn a_result_may_be_deeper_than_serde_json_reads() {
    let answer = TestServer::start().post(r#"{"script": "def main(): deep"}"#);
    assert_eq!(answer.status, 200);
    assert!(answer.body.starts_with(&format!("{{\"result\":{}", "[".repeat(10_000))));
}

#[test]
fn a_failure_tells_kind_place_output_and_usage() {
    let answer = TestServer::start().post(r#"{"script": "def main(): raise"}"#);
    assert_eq!(answer.status, 422);
    assert_eq!(
        answer.json(),
        json!({
            "error": {
                "kind": "exception", "message": "ValueError: no", "line": 2, "column": 5, "traceback": "Traceback…"
            },
            "stdout": "so far\n", "stderr": "", "stdout_truncated": true, "stderr_truncated": false,
            "usage": {"wall_ms": 2, "cpu_ms": 1, "memory_bytes": 9_437_184}
        })
    );
}

#[test]
fn a_script_that_need_not_run_to_be_wrong_leaves_no_usage() {
    let server = TestServer::start();
    let answer = server.post(r#"{"script": "x = 1"}"#);
    answer.refused(422, "missing_main");
    let fields: Vec<_> = answer.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["error", "stdout", "stderr", "stdout_truncated", "stderr_truncated"]);
    assert_eq!(server.running(), 0);
}

#[test]
fn our_failures_tell_a_request_id_and_nothing_else() {
    let server = TestServer::start();
    for script in ["break", "panic"] {
        let answer = server.post(format!(r#"{{"script": "def main(): {script}"}}"#));
        let message = answer.refused(500, "internal");
        let id = answer.header("x-request-id").unwrap();
        assert_eq!(message, format!("internal error: look up request {id} in the server's log"));
        assert_eq!(answer.json()["error"]["request_id"], id);
        assert!(!answer.body.contains("secret"), "{}", answer.body);
        assert_eq!(server.running(), 0);
    }
}

#[test]
fn every_answer_has_an_id_of_its_own() {
    let server = TestServer::start();
    let ids: Vec<_> = ["/health", "/nowhere", "/docs", "/"]
        .map(|path| server.get(path).header("x-request-id").unwrap().to_owned())
        .into();
    for (n, id) in ids.iter().enumerate() {
        assert!(!ids[..n].contains(id), "{ids:?}");
    }
}

#[test]
fn health_tells_versions_and_bounds() {
    let server = TestServer::start();
    let answer = server.get("/health");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json(),
        json!({
            "status": "ok", "version": env!("CARGO_PKG_VERSION"),
            "runtime": {"python": "3.13.1", "packages": {"numpy": "2.4.0"}},
            "limits": {
                "timeout_ms": {"default": 30_000, "ceiling": 60_000},
                "memory_mib": {"default": 512, "ceiling": 1024},
                "script_bytes": 1 << 20, "body_bytes": 8 << 20
            }
        })
    );
    let head = server.request("HEAD", "/health", "", b"");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(server.request("GET", "/health", "", b"a body").status, 200);
}

#[test]
fn the_document_is_served_and_the_root_leads_to_its_page() {
    let server = TestServer::start();
    let root = server.get("/");
    assert_eq!((root.status, root.header("location")), (307, Some("/docs")));
    let json = server.get("/openapi.json");
    assert_eq!(
        (json.header("content-type"), json.body.as_str()),
        (Some("application/json"), openapi_json().as_str())
    );
    let yaml = server.get("/openapi.yaml");
    assert_eq!(
        (yaml.header("content-type"), yaml.body.as_str()),
        (Some("application/yaml"), openapi_yaml().as_str())
    );
}

#[test]
fn the_docs_page_loads_nothing_from_elsewhere() {
    let page = TestServer::start().get("/docs");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("http"), "{policy}");
    // Whatever the browser fetches by itself: sources of elements, links, imports of style sheets.
    let markup: String =
        page.body.split("<style").map(|part| part.rsplit("</script>").next().unwrap()).collect();
    for loads in [" src=", " href=", "@import"] {
        assert!(!markup.contains(loads), "{markup}");
    }
    assert!(!page.body.contains("@import"));
    assert!(page.body.starts_with("<!DOCTYPE html>"));
    assert!(page.body.contains("tryItOutEnabled: true"));
    assert!(page.body.contains(r#""operationId": "execute""#));
}
