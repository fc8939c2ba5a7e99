//! The committed OpenAPI document is the one that the code generates.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]
#![cfg(feature = "server")]

use std::{fs, path::Path};

/// Set to anything, it writes the document instead of comparing.
const UPDATE: &str = "UPDATE_OPENAPI";

#[test]
fn the_committed_document_equals_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/openapi.json");
    let generated = python_executor::server::openapi_json();
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, &generated).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "openapi/openapi.json isn't what the code generates: run `{UPDATE}=1 cargo test --test openapi`, and read the difference"
    );
}
