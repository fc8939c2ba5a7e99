//! Arguments: what a JSON object must satisfy before `main` is called with it.

use std::{collections::HashSet, fmt};

use serde_json::value::RawValue;

/// Levels of arrays and objects that arguments may nest, the outermost included.
pub(crate) const MAX_DEPTH: usize = 128;

/// Longer paths and literals are cut in messages: both come from strangers.
const MAX_QUOTED_CHARS: usize = 120;

/// Arguments that no script could be given: where, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} {reason}")]
pub struct InvalidArgs {
    /// Where in the arguments: `args.rows[3].price`.
    path: String,
    /// What is wrong there and what to do about it.
    reason: String,
}

impl InvalidArgs {
    pub(crate) fn unserialisable(error: serde_json::Error) -> Self {
        Self { path: "args".into(), reason: format!("can't be made JSON: {error}") }
    }
}

/// The keyword arguments' names, in their order, once the whole text is known to be fit for Python: an object, at most
/// [`MAX_DEPTH`] levels deep, without duplicate keys, lone surrogates, and numbers beyond a float's range.
///
/// Nothing is decoded into a tree, so a hostile text costs no more than its size, and integers of any length pass.
pub(crate) fn keyword_names(args: &RawValue) -> Result<Vec<String>, InvalidArgs> {
    if !args.get().starts_with('{') {
        let reason = format!("must be an object, got {}", type_name(args));
        return Err(InvalidArgs { path: "args".into(), reason });
    }
    Scan { text: args.get(), at: 0, stack: Vec::new(), names: Vec::new() }.run()
}

/// What JSON calls the type of `value`, with its article.
pub(crate) fn type_name(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// An array or object that is still open.
enum Open {
    Array { index: usize },
    Object { keys: HashSet<String>, key: String, key_is_next: bool },
}

/// One pass over text that is known to be well-formed JSON.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    stack: Vec<Open>,
    names: Vec<String>,
}

impl Scan<'_> {
    fn run(mut self) -> Result<Vec<String>, InvalidArgs> {
        while let Some(byte) = self.text.as_bytes().get(self.at) {
            match byte {
                b'{' => {
                    self.open(Open::Object { keys: HashSet::new(), key: String::new(), key_is_next: true })?
                }
                b'[' => self.open(Open::Array { index: 0 })?,
                b'}' | b']' => {
                    self.stack.pop();
                    self.at += 1;
                }
                b',' => {
                    match self.stack.last_mut() {
                        Some(Open::Array { index }) => *index += 1,
                        Some(Open::Object { key_is_next, .. }) => *key_is_next = true,
                        None => {}
                    }
                    self.at += 1;
                }
                b'"' => self.string()?,
                b'-' | b'0'..=b'9' => self.number()?,
                // White space, colons and the letters of true, false and null.
                _ => self.at += 1,
            }
        }
        Ok(self.names)
    }

    fn open(&mut self, container: Open) -> Result<(), InvalidArgs> {
        if self.stack.len() == MAX_DEPTH {
            let reason = format!("are nested deeper than {MAX_DEPTH} levels");
            return Err(InvalidArgs { path: "args".into(), reason });
        }
        self.stack.push(container);
        self.at += 1;
        Ok(())
    }

    fn string(&mut self) -> Result<(), InvalidArgs> {
        let start = self.at;
        let mut escaped = false;
        let mut end = start + 1;
        while let Some(byte) = self.text.as_bytes().get(end) {
            match byte {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    end += 2;
                }
                _ => end += 1,
            }
        }
        self.at = end + 1;
        let literal = self.text.get(start..self.at).unwrap_or_default();
        let is_key = matches!(self.stack.last(), Some(Open::Object { key_is_next: true, .. }));
        if !is_key && !escaped {
            return Ok(());
        }
        // Well-formed JSON may still escape half of a surrogate pair.
        let text: String = serde_json::from_str(literal).map_err(|_| {
            self.fault(format!("holds half of a surrogate pair: {}: send whole characters", cut(literal)))
        })?;
        if is_key { self.key(text) } else { Ok(()) }
    }

    fn key(&mut self, text: String) -> Result<(), InvalidArgs> {
        let top = self.stack.len() == 1;
        let Some(Open::Object { keys, key, key_is_next }) = self.stack.last_mut() else {
            return Ok(());
        };
        let new = keys.insert(text.clone());
        key.clone_from(&text);
        *key_is_next = false;
        if !new {
            return Err(self.fault("is given twice: send each key once".into()));
        }
        if top {
            self.names.push(text);
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), InvalidArgs> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end =
            rest.find(|c: char| !matches!(c, '-' | '+' | '.' | 'e' | 'E' | '0'..='9')).unwrap_or(rest.len());
        let literal = rest.get(..end).unwrap_or_default();
        self.at += end;
        // Python's integers have no bound; a fraction or an exponent makes a float.
        let is_float = literal.contains(['.', 'e', 'E']);
        if is_float && literal.parse::<f64>().is_ok_and(f64::is_infinite) {
            let reason = format!("is {}, beyond the range of a float: send it as a string", cut(literal));
            return Err(self.fault(reason));
        }
        Ok(())
    }

    /// `reason`, at the place that the scan has reached.
    fn fault(&self, reason: String) -> InvalidArgs {
        let mut path = String::from("args");
        for container in &self.stack {
            match container {
                Open::Array { index } => path.push_str(&format!("[{index}]")),
                Open::Object { key_is_next: true, .. } => {}
                Open::Object { key, .. } => path.push_str(&Key(key).to_string()),
            }
        }
        InvalidArgs { path: cut(&path), reason }
    }
}

/// A key as a step of a path: `.rows`, or `["two words"]`.
struct Key<'a>(&'a str);

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = !self.0.is_empty() && self.0.chars().all(|c| c.is_alphanumeric() || c == '_');
        if plain { write!(f, ".{}", self.0) } else { write!(f, "[{:?}]", self.0) }
    }
}

/// `text`, or its beginning and an ellipsis.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(json: &str) -> Result<Vec<String>, String> {
        let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
        keyword_names(&raw).map_err(|fault| fault.to_string())
    }

    fn refused(json: &str) -> String {
        names(json).unwrap_err()
    }

    #[test]
    fn the_names_are_the_outer_keys_in_their_order() {
        assert_eq!(
            names(r#"{"b": {"x": 1}, "a": [{"y": "\"}"}], "\u00e9": null}"#).unwrap(),
            ["b", "a", "é"]
        );
        assert_eq!(names("{}").unwrap(), [""; 0]);
    }

    #[test]
    fn whatever_is_not_an_object_is_named() {
        assert_eq!(refused("[1]"), "args must be an object, got an array");
        assert_eq!(refused("null"), "args must be an object, got null");
        assert_eq!(refused("-1"), "args must be an object, got a number");
    }

    #[test]
    fn depth_is_bounded_at_128_levels() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(names(&nested(127)).is_ok());
        assert_eq!(refused(&nested(128)), "args are nested deeper than 128 levels");
        assert_eq!(refused(&nested(1_000_000)), "args are nested deeper than 128 levels");
    }

    #[test]
    fn a_number_beyond_a_float_is_named_with_its_path() {
        let message = refused(r#"{"rows": [1, {"two words": [0, -1e999]}]}"#);
        assert_eq!(
            message,
            r#"args.rows[1]["two words"][1] is -1e999, beyond the range of a float: send it as a string"#
        );
    }

    #[test]
    fn integers_of_any_length_and_tiny_floats_pass() {
        assert!(names(&format!("{{\"n\": {}}}", "9".repeat(5000))).is_ok());
        assert!(names(r#"{"n": [-0.0, 1e-999, 1.7976931348623157e308, 18446744073709551616]}"#).is_ok());
    }

    #[test]
    fn a_duplicate_key_is_named_with_its_path() {
        assert_eq!(refused(r#"{"a": {"b": 1, "b": 2}}"#), "args.a.b is given twice: send each key once");
        assert_eq!(refused(r#"{"a": 1, "\u0061": 2}"#), "args.a is given twice: send each key once");
        assert!(names(r#"{"a": {"b": 1}, "c": {"b": 2}}"#).is_ok());
    }

    #[test]
    fn half_a_surrogate_pair_is_named_in_values_and_keys() {
        let message = r#"holds half of a surrogate pair: "\ud800": send whole characters"#;
        assert_eq!(refused(r#"{"a": ["x", "\ud800"]}"#), format!("args.a[1] {message}"));
        assert_eq!(refused(r#"{"a": {"\ud800": 1}}"#), format!("args.a {message}"));
        assert!(names(r#"{"a": "\ud83d\ude00"}"#).is_ok());
    }

    #[test]
    fn messages_stay_short_whatever_was_sent() {
        let message = refused(&format!("{{\"{}\": 1{}e999}}", "k".repeat(10_000), "0".repeat(10_000)));
        assert!(message.chars().count() < 400, "{message}");
    }
}
