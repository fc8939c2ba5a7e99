//! Every script under fixtures/ gives what its snapshot says: the whole answer over HTTP.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod common;

use std::{collections::BTreeMap, fs};

use serde_json::value::RawValue;

#[test]
fn every_fixture_gives_what_its_snapshot_says() {
    insta::glob!("../fixtures", "*.py", |path| {
        let script = serde_json::to_string(&fs::read_to_string(path).expect("UTF-8")).expect("a string");
        let request = match fs::read_to_string(path.with_extension("request.json")) {
            // Spliced as text: no digit is lost on the way to the server.
            Ok(fields) => format!("{{\"script\": {script}, {}", fields.trim_start().trim_start_matches('{')),
            Err(_) => format!("{{\"script\": {script}}}"),
        };
        let (status, body) = common::post_text(&request);
        insta::with_settings!({
            snapshot_path => "../fixtures/snapshots",
            prepend_module_to_snapshot => false,
            description => "status, then each field of the body as it was sent",
            filters => vec![
                // Measured, so different each time.
                (r#"(wall_ms|cpu_ms|memory_bytes)":\d+"#, r#"$1":[n]"#),
                // Where the carets go differs from one version of Python to the next.
                (r"\\n +[~^]+", r""),
            ],
        }, {
            insta::assert_snapshot!(readable(status, &body));
        });
    });
}

/// A line per field, its value as the text that was sent: no digit is lost on the way to the snapshot.
fn readable(status: u16, body: &str) -> String {
    const LONG: usize = 6000;
    let fields: BTreeMap<String, &RawValue> =
        serde_json::from_str(body).unwrap_or_else(|_| panic!("JSON: {body}"));
    let lines = fields.into_iter().map(|(name, value)| match value.get() {
        long if long.len() > LONG => format!("{name}: [{} bytes]", long.len()),
        text => format!("{name}: {text}"),
    });
    std::iter::once(status.to_string()).chain(lines).collect::<Vec<_>>().join("\n")
}
