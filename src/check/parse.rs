//! Parsing a stranger's source in bounded time, stack and memory.
//!
//! The parser keeps its own stack on the heap, but its tree is dropped (and assignment targets are rebuilt) by recursion,
//! so a tree as deep as the source is long overflows the thread's stack, which ends the whole process.
//! One rule prevents it: **a tree is never deeper than its source has tokens**. Every production of the grammar that adds a level
//! consumes at least one token of its own. So the tokens are counted first, by the same lexer and keeping none of them;
//! a source with more than [`MAX_TOKENS`] isn't parsed here at all, and any other is parsed, read and dropped on a
//! stack that is large enough for that many levels.
//!
//! What would break the rule, or the bounds on time and memory:
//!
//! - Strings: the parser unescapes them and parses what is in f-strings, thousands of expressions inside one token.
//!   It is given empty ones instead. Nothing here needs to know what they hold, and CPython reads them later anyway.
//! - Integers: the lexer converts decimal ones in quadratic time (1 s for a million digits), hence [`MAX_DIGITS`].
//! - Names: parameters and keyword arguments go into hash sets without a random key. 10,000 names made to collide take
//!   0.13 s; it is [`MAX_TOKENS`] that keeps it at that.
//! - The pass that finds soft keywords reads a whole line ahead, so tokens are counted before it, not behind it.
//!
//! Measured over `tests/hostile_sources.rs`, 1 MiB each: at most 0.13 s of processor time (those names; 0.05 s without
//! them) and 8 MiB of memory in a release build, 31 MiB in a debug build.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rustpython_parser::{
    Mode, StringKind, Tok,
    ast::{Mod, Stmt},
    lexer::{self, LexResult, Lexer},
    parse_tokens,
    text_size::TextSize,
};

use super::{ParserComplaint, Undecided, position};

/// The most tokens that a source may have to be parsed here: 20,000, some 100 kB of ordinary code.
pub const MAX_TOKENS: usize = 20_000;

/// The most decimal digits in a row that a source may have to be lexed here: 4,300, as CPython's own bound on the digits
/// of an integer literal (`sys.int_info.default_max_str_digits`).
pub const MAX_DIGITS: usize = 4_300;

/// Stack for each token, in bytes. Measured over every construct that nests: at most 1,375 in a debug build
/// (`[[[[x]]]] = 1`) and 235 in a release build (`[*[*[*x]]] = 1`); this is twice the larger one and some.
const STACK_PER_TOKEN: usize = 3 << 10;

/// Stack whatever the source, in bytes. Measured: 316 KiB in a debug build.
const STACK_BASE: usize = 1 << 20;

/// Characters kept of each text in a complaint.
const COMPLAINT_CHARS: usize = 200;

/// A parsed source.
pub(super) struct Tree<'t> {
    /// The statements of the module.
    pub(super) body: &'t [Stmt],
}

/// How the names of a source are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// All in ASCII.
    Ascii,
    /// Some beyond ASCII, which Python normalises and the parser doesn't.
    Unusual,
}

/// Parses `source` and gives what `read` finds in its tree. The tree lives no longer than `read`, on a stack of its own:
/// `read` may recurse through it with frames no larger than those of dropping it.
pub(super) fn with_tree<R>(
    source: &str,
    read: impl FnOnce(Tree<'_>) -> R,
) -> Result<(R, Spelling), Undecided> {
    if longest_run_of_digits(source) > MAX_DIGITS {
        return Err(Undecided::TooLarge { what: "digits in a row", max: MAX_DIGITS });
    }
    // The parser is 65,000 generated lines that meet strangers' sources here: a panic in it ends this check, not the process.
    catch_unwind(AssertUnwindSafe(|| {
        let (tokens, spelling) = count_tokens(source)?;
        let read = stacker::grow(STACK_BASE + tokens * STACK_PER_TOKEN, || parse(source, read))?;
        Ok((read, spelling))
    }))
    .unwrap_or(Err(Undecided::ParserFailed))
}

/// Everything that builds, reads or drops the tree happens in here.
fn parse<R>(source: &str, read: impl FnOnce(Tree<'_>) -> R) -> Result<R, Undecided> {
    let tokens = lexer::lex(source, Mode::Module).map(without_text);
    match parse_tokens(tokens, Mode::Module, "script") {
        Ok(Mod::Module(module)) => Ok(read(Tree { body: &module.body })),
        Ok(_) => Err(Undecided::ParserFailed),
        Err(error) => {
            let offset = usize::from(error.offset);
            let (line, column) = position::line_and_column(source, offset);
            Err(Undecided::Refused(ParserComplaint {
                message: position::cut(&error.error.to_string(), COMPLAINT_CHARS),
                line,
                column,
                text: position::line_text(source, offset, COMPLAINT_CHARS),
            }))
        }
    }
}

/// Tokens up to the end or the first that is wrong, where the parser stops too.
fn count_tokens(source: &str) -> Result<(usize, Spelling), Undecided> {
    let mut tokens = 0;
    let mut spelling = Spelling::Ascii;
    for (token, _) in Lexer::new(source.chars(), TextSize::default()).map_while(Result::ok) {
        tokens += 1;
        if tokens > MAX_TOKENS {
            return Err(Undecided::TooLarge { what: "tokens", max: MAX_TOKENS });
        }
        if matches!(&token, Tok::Name { name } if !name.is_ascii()) {
            spelling = Spelling::Unusual;
        }
    }
    Ok((tokens, spelling))
}

/// A string becomes an empty one, and an f-string a plain one.
fn without_text(token: LexResult) -> LexResult {
    token.map(|(token, range)| match token {
        Tok::String { kind, triple_quoted, .. } => {
            let kind = if kind.is_any_bytes() { StringKind::Bytes } else { StringKind::String };
            (Tok::String { value: String::new(), kind, triple_quoted }, range)
        }
        other => (other, range),
    })
}

/// Digits of the longest run of decimal digits, which underscores don't interrupt.
fn longest_run_of_digits(source: &str) -> usize {
    let (mut longest, mut run) = (0, 0);
    for byte in source.bytes() {
        match byte {
            b'0'..=b'9' => run += 1,
            b'_' => {}
            _ => run = 0,
        }
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_while_reading_ends_the_check_and_not_the_process() {
        let result = with_tree("x", |_| -> () { panic!("as the parser might") });
        assert_eq!(result, Err(Undecided::ParserFailed));
    }

    #[test]
    fn digits_are_counted_across_underscores() {
        assert_eq!(longest_run_of_digits("12 + 1_2_345 + 0x12"), 5);
    }

    #[test]
    fn tokens_are_counted_up_to_the_first_error() {
        assert_eq!(count_tokens("x = 1\n"), Ok((4, Spelling::Ascii)));
        assert_eq!(count_tokens("x = $ y y y"), Ok((2, Spelling::Ascii)));
        assert_eq!(count_tokens("ö"), Ok((2, Spelling::Unusual)));
    }
}
