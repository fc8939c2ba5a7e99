//! From a request's text to its fields, with messages that name the field, what it holds and the remedy.

use std::fmt;

use serde::de::{Deserializer as _, Error as _, MapAccess, Visitor};
use serde_json::{error::Category, value::RawValue};

use super::wire::{ExecuteRequest, JsonObject, LimitsRequest};
use crate::args::{cut, keyword_names, type_name};

/// Reads an `ExecuteRequest`.
///
/// # Errors
/// What is wrong and how to repair it, for the caller.
pub(crate) fn parse(body: &[u8]) -> Result<ExecuteRequest, String> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(
            r#"the body is empty: send a JSON object such as {"script": "def main():\n    return 1"}"#.into(),
        );
    }
    if body.starts_with(b"\xef\xbb\xbf") {
        return Err("the body starts with a byte order mark: send the JSON text without it".into());
    }
    let text = std::str::from_utf8(body).map_err(|error| {
        format!("the body is not UTF-8 (byte {} is wrong): send JSON encoded as UTF-8", error.valid_up_to())
    })?;
    let [script, args, stdin, limits] = fields(text, "", ["script", "args", "stdin", "limits"])?;
    let script =
        script.ok_or(r#"script is missing: send the Python source as {"script": "def main(): …"}"#)?;
    Ok(ExecuteRequest {
        script: string("script", script)?,
        args: args.map(object).transpose()?,
        stdin: stdin.map(|value| string("stdin", value)).transpose()?,
        limits: limits.map(limits_of).transpose()?,
    })
}

fn limits_of(value: &RawValue) -> Result<LimitsRequest, String> {
    if !value.get().starts_with('{') {
        return Err(wrong_type("limits", "an object", value));
    }
    let [timeout_ms, memory_mib] = fields(value.get(), "limits.", ["timeout_ms", "memory_mib"])?;
    Ok(LimitsRequest {
        timeout_ms: timeout_ms.map(|value| whole("limits.timeout_ms", value)).transpose()?,
        memory_mib: memory_mib.map(|value| whole("limits.memory_mib", value)).transpose()?,
    })
}

fn string(field: &str, value: &RawValue) -> Result<String, String> {
    if !value.get().starts_with('"') {
        return Err(wrong_type(field, "a string", value));
    }
    // The text is well-formed JSON; what is left to go wrong is an escape that is no character.
    serde_json::from_str(value.get()).map_err(|_| {
        format!("{field} holds half of a surrogate pair (\\ud800 to \\udfff): send whole characters")
    })
}

fn object(value: &RawValue) -> Result<JsonObject, String> {
    if !value.get().starts_with('{') {
        return Err(wrong_type("args", "an object", value));
    }
    // Said here and not when the execution is made: a request's fault comes before its script's.
    keyword_names(value).map_err(|error| error.to_string())?;
    Ok(JsonObject(value.to_owned()))
}

fn whole(field: &str, value: &RawValue) -> Result<u64, String> {
    let text = value.get();
    if !text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return Err(wrong_type(field, "a whole number", value));
    }
    text.parse().map_err(|_| {
        format!("{field} must be a whole number from 1, without fraction or exponent, got {}", cut(text))
    })
}

fn wrong_type(field: &str, expected: &str, value: &RawValue) -> String {
    let remedy =
        if value.get() == "null" && field != "script" { ": leave the field out instead" } else { "" };
    format!("{field} must be {expected}, got {}{remedy}", type_name(value))
}

/// The values of an object's fields, each as the text that was sent; `prefix` says where the object is.
fn fields<'a, const N: usize>(
    text: &'a str,
    prefix: &'static str,
    allowed: [&'static str; N],
) -> Result<[Option<&'a RawValue>; N], String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // Not `deserialize_map`: that one refuses other types by itself, in its own words.
    deserializer
        .deserialize_any(Fields { prefix, allowed })
        .and_then(|values| deserializer.end().map(|()| values))
        .map_err(|error| describe(text, &error))
}

/// serde_json's complaint, with its position counted in characters as editors do.
fn describe(text: &str, error: &serde_json::Error) -> String {
    let full = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let message = full.strip_suffix(&position).unwrap_or(&full);
    if error.classify() == Category::Data {
        // Said by `Fields`: it names the field, which tells more than a position.
        return message.to_owned();
    }
    let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let column = line.char_indices().take_while(|(at, _)| *at < error.column()).count();
    format!("malformed JSON at line {} column {column}: {message}", error.line())
}

/// Collects the known fields of an object and refuses all others.
struct Fields<const N: usize> {
    prefix: &'static str,
    allowed: [&'static str; N],
}

impl<'de, const N: usize> Visitor<'de> for Fields<N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = [None; N];
        while let Some(key) = map.next_key::<String>()? {
            let known = self.allowed.iter().zip(&mut values).find(|(name, _)| **name == key);
            let Some((name, value)) = known else {
                return Err(A::Error::custom(self.unknown(&key)));
            };
            if value.replace(map.next_value()?).is_some() {
                return Err(A::Error::custom(format!("{}{name} is given twice: send it once", self.prefix)));
            }
        }
        Ok(values)
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Err(not_an_object("a boolean"))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Err(not_an_object("a number"))
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Self::Value, E> {
        Err(not_an_object("a number"))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Err(not_an_object("a number"))
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
        Err(not_an_object("a string"))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Err(not_an_object("null"))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(not_an_object("an array"))
    }
}

fn not_an_object<E: serde::de::Error>(got: &str) -> E {
    E::custom(format!("the body must be a JSON object, got {got}"))
}

impl<const N: usize> Fields<N> {
    fn unknown(&self, key: &str) -> String {
        let close = self
            .allowed
            .iter()
            .min_by_key(|name| distance(name, key))
            .filter(|name| distance(name, key) <= 2);
        let hint = close.map_or_else(String::new, |name| format!("did you mean \"{name}\"? "));
        let prefix = self.prefix;
        format!("unknown field \"{prefix}{}\": {hint}fields are {}", cut(key), self.allowed.join(", "))
    }
}

/// How many characters to insert, drop, replace or swap to get from `a` to `b`, without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.chars().take(32).flat_map(char::to_lowercase).collect();
    // rows[i][j]: from the first i characters of a to the first j of b.
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (0, n) | (n, 0) => n,
                _ => {
                    let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let swap = (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                        .then(|| rows[i - 2][j - 2] + 1);
                    replace.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(swap.unwrap_or(usize::MAX))
                }
            };
        }
    }
    rows[a.len()][b.len()]
}
