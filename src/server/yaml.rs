//! JSON values as YAML for reading: blocks instead of braces, long texts as they are.

use std::fmt::Write as _;

use serde_json::Value;

/// `value` as a YAML document.
pub(crate) fn to_yaml(value: &Value) -> String {
    let mut out = String::new();
    block(&mut out, value, 0);
    out.trim_start_matches('\n').to_owned()
}

/// Writes what follows `key:` or `-`, at `depth` levels of indentation, with the line's end.
fn block(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            for (key, value) in map {
                indent(out, depth);
                out.push_str(&scalar(key));
                out.push(':');
                block(out, value, depth + 1);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            for item in items {
                indent(out, depth);
                out.push('-');
                block(out, item, depth + 1);
            }
        }
        Value::String(text) if is_literal(text) => {
            let lines = text.strip_suffix('\n');
            out.push_str(if lines.is_some() { " |\n" } else { " |-\n" });
            for line in lines.unwrap_or(text).split('\n') {
                if !line.is_empty() {
                    indent(out, depth);
                }
                out.push_str(line);
                out.push('\n');
            }
        }
        Value::String(text) => {
            out.push(' ');
            out.push_str(&scalar(text));
            out.push('\n');
        }
        // Numbers, booleans, null and empty containers are spelled alike in both languages.
        other => {
            // Writing to a string can't fail.
            let _ = writeln!(out, " {other}");
        }
    }
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

/// Whether a literal block says exactly this: more than one line, nothing unprintable, no space or empty line at an end.
fn is_literal(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    body.contains('\n')
        && !body.starts_with([' ', '\n'])
        && !body.ends_with('\n')
        && body.chars().all(|c| c == '\n' || !c.is_control())
}

/// A plain word where no reader could take it for something else, else a JSON string, which YAML reads as it is.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "/_-.{}".contains(c))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_lowercase().as_str());
    if plain { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_stay_plain_and_all_else_is_quoted_or_a_block() {
        let value = json!({
            "openapi": "3.0.3", "yes": "no", "200": [1, {"a": [], "b": {}}, null], "script": "def f():\n    return 1\n",
            "text": "one: two # three\nfour", "edge": " x\ny", "/path": true
        });
        insta::assert_snapshot!(to_yaml(&value));
    }
}
