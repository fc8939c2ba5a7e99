//! The three formats that cross the wall, as pure functions. `jail/runner` is the other end.

use serde_json::value::RawValue;

use crate::outcome::Fault;

/// What the inside is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Run a script whose `main` the check has seen.
    Run,
    /// Run a script that the check couldn't decide: look for `main` first.
    RunUndecided,
    /// Compile and look for `main`, run nothing.
    Compile,
}

/// The content of descriptor 3: an ASCII line `<op> <result_bytes> <script_len> <args_len>\n`, the script, the
/// arguments (the text of a JSON object, or nothing).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) op: Op,
    pub(crate) result_bytes: usize,
    pub(crate) script: &'a str,
    pub(crate) args: &'a str,
}

impl Request<'_> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let op = match self.op {
            Op::Run => "run",
            Op::RunUndecided => "run-undecided",
            Op::Compile => "compile",
        };
        let (script, args) = (self.script, self.args);
        format!("{op} {} {} {}\n{script}{args}", self.result_bytes, script.len(), args.len()).into_bytes()
    }
}

/// How the script's process ended, as its supervisor saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Exit(i32),
    Signal(i32),
}

/// A line on descriptor 5: `ready`, `exit <code>` or `signal <number>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatusLine {
    Ready,
    Ended(End),
}

impl StatusLine {
    /// `None` for a line that no supervisor of ours writes.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let parsed = match (words.next()?, words.next()) {
            ("ready", None) => Self::Ready,
            ("exit", Some(code)) => Self::Ended(End::Exit(code.parse().ok()?)),
            ("signal", Some(number)) => Self::Ended(End::Signal(number.parse().ok()?)),
            _ => return None,
        };
        words.next().is_none().then_some(parsed)
    }
}

/// What descriptor 4 may hold beyond the result itself: the header line and a failure's texts.
pub(crate) const FRAME_SLACK_BYTES: usize = 512 * 1024;

/// The content of descriptor 4: `<kind> <len>\n` and `len` bytes, nothing after it.
#[derive(Debug)]
pub(crate) enum Frame {
    Returned(Box<RawValue>),
    SyntaxError(Fault),
    MissingMain(Fault),
    BadArguments(Fault),
    Raised(Fault),
    NotJson(Fault),
    ResultTooLarge(Fault),
    /// An uncaught `MemoryError`.
    OutOfMemory,
}

impl Frame {
    /// `None` unless `bytes` are exactly one whole frame: anything else was cut short or tampered with.
    pub(crate) fn decode(bytes: Vec<u8>) -> Option<Self> {
        let newline = bytes.iter().take(40).position(|&b| b == b'\n')?;
        let (kind, len) = std::str::from_utf8(&bytes[..newline]).ok()?.split_once(' ')?;
        let kind = kind.to_owned();
        if len.parse::<usize>().ok()? != bytes.len() - newline - 1 {
            return None;
        }
        let mut payload = bytes;
        payload.drain(..=newline);
        let fault = |payload: &[u8]| serde_json::from_slice::<Fault>(payload).ok();
        Some(match kind.as_str() {
            "returned" => Self::Returned(RawValue::from_string(String::from_utf8(payload).ok()?).ok()?),
            "syntax_error" => Self::SyntaxError(fault(&payload)?),
            "missing_main" => Self::MissingMain(fault(&payload)?),
            "bad_arguments" => Self::BadArguments(fault(&payload)?),
            "exception" => Self::Raised(fault(&payload)?),
            "not_json" => Self::NotJson(fault(&payload)?),
            "result_too_large" => Self::ResultTooLarge(fault(&payload)?),
            "memory_limit" => Self::OutOfMemory,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_header_line_the_script_and_the_arguments() {
        let request = Request { op: Op::Run, result_bytes: 10, script: "é = 1\n", args: r#"{"a":1}"# };
        assert_eq!(request.encode(), "run 10 7 7\né = 1\n{\"a\":1}".as_bytes());
    }

    #[test]
    fn only_the_supervisors_own_lines_are_understood() {
        assert_eq!(StatusLine::parse("ready"), Some(StatusLine::Ready));
        assert_eq!(StatusLine::parse("exit 137"), Some(StatusLine::Ended(End::Exit(137))));
        assert_eq!(StatusLine::parse("signal 9"), Some(StatusLine::Ended(End::Signal(9))));
        for line in ["", "ready ", "ready 1", "exit", "exit x", "exit 1 2", "READY", "signal", "done 1"] {
            assert_eq!(StatusLine::parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_frame_counts_only_whole_and_alone() {
        let frame = |text: &str| Frame::decode(text.as_bytes().to_vec());
        assert!(matches!(frame("returned 4\nnull"), Some(Frame::Returned(json)) if json.get() == "null"));
        for text in [
            "",
            "returned",
            "returned 4",
            "returned 4\nnul",
            "returned 4\nnullnull",
            "returned 4\nnullreturned 4\nnull",
            "returned -1\n",
            "returned 3\nnul",
            "returned 0\n",
            "timeout 0\n",
            "exception 4\nnull",
            "exception 2\n{}",
        ] {
            assert!(frame(text).is_none(), "{text:?}");
        }
        assert!(Frame::decode(b"returned 3\n\"\xff\"".to_vec()).is_none(), "a result that isn't UTF-8");
        assert!(Frame::decode(vec![b'x'; 100_000]).is_none(), "no header");
    }

    #[test]
    fn a_result_keeps_depth_and_digits() {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        let digits = "1234567890".repeat(1000);
        for json in [deep, digits] {
            let decoded = Frame::decode(format!("returned {}\n{json}", json.len()).into_bytes());
            assert!(matches!(decoded, Some(Frame::Returned(raw)) if raw.get() == json));
        }
    }
}
