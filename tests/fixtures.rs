//! Every script under fixtures/ gives what its snapshot says: the whole answer over HTTP.

mod common;

use std::{fs, path::Path};

use serde_json::{Value, json};

#[test]
fn every_fixture_gives_what_its_snapshot_says() {
    insta::glob!("../fixtures", "*.py", |path| {
        let mut request = request_beside(path);
        request["script"] = fs::read_to_string(path).expect("UTF-8").into();
        let (status, mut body) = common::post(&request);
        shorten_what_is_long(&mut body);
        let answer = json!({"status": status, "body": body});
        insta::with_settings!({
            snapshot_path => "../fixtures/snapshots",
            prepend_module_to_snapshot => false,
            // Where the carets go differs from one version of Python to the next.
            filters => vec![(r"\\n +[~^]+(?:\\n|$)", r"\n")],
        }, {
            insta::assert_json_snapshot!(answer, {
                ".body.usage.wall_ms" => "[ms]", ".body.usage.cpu_ms" => "[ms]", ".body.usage.memory_bytes" => "[bytes]",
            });
        });
    });
}

/// The other fields of the request, from `NAME.request.json`.
fn request_beside(path: &Path) -> Value {
    match fs::read_to_string(path.with_extension("request.json")) {
        Ok(text) => serde_json::from_str(&text).expect("a JSON object"),
        Err(_) => json!({}),
    }
}

fn shorten_what_is_long(value: &mut Value) {
    const LONG: usize = 3000;
    match value {
        Value::String(text) if text.len() > LONG => *text = format!("[{} bytes]", text.len()),
        Value::Array(items) => items.iter_mut().for_each(shorten_what_is_long),
        Value::Object(map) => map.values_mut().for_each(shorten_what_is_long),
        _ => {}
    }
}
