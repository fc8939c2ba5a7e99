//! The check: what can be said of a script without running it.
//!
//! ```text
//! source → parse (bounded) → names bound at the top level → main's signature, imports
//! ```
//!
//! It is a courtesy to the caller, fast and precise, never a boundary. CPython in the jail has the last word on syntax,
//! so a source that this parser refuses, or is too large to be given to it, is [`Undecided`] and not an error.

use crate::{Fault, Script};

mod bind;
mod blocks;
mod imports;
mod names;
mod parse;
mod position;
mod signature;

pub use parse::{MAX_DIGITS, MAX_TOKENS};
pub use signature::{MainSignature, Parameter, ParameterKind};

/// A script that passed the check; only it can run.
#[derive(Clone, Debug)]
pub struct CheckedScript {
    script: Script,
    verdict: Verdict,
}

/// What the check could say of a script that it let pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It parses, and `main` is a top-level function.
    Accepted(Accepted),
    /// Nothing is known: CPython in the jail decides.
    Undecided(Undecided),
}

/// What is known of an accepted script.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// The signature of `main`.
    pub main: MainSignature,
    /// Top-level names of the modules imported anywhere in the source, sorted and unique; relative imports not included.
    pub imports: Vec<String>,
}

/// Why the check can't decide.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Undecided {
    /// The parser refuses the source. It may be wrong: it doesn't know all that newer versions of Python do.
    Refused(ParserComplaint),
    /// The source has more of something than the parser may be given.
    TooLarge {
        /// Of what: `tokens` or `digits in a row`.
        what: &'static str,
        /// The bound: [`MAX_TOKENS`] or [`MAX_DIGITS`].
        max: usize,
    },
    /// `main` wasn't found, but there are names beyond ASCII, and Python normalises those (NFKC): one may be `main`.
    UnusualNames,
    /// The parser panicked, or there was no memory for its stack.
    ParserFailed,
}

/// What the parser says of a source that it refuses, each text cut to a few hundred characters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParserComplaint {
    /// What it didn't expect.
    pub message: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in that line, in characters from 1.
    pub column: u32,
    /// The offending line.
    pub text: String,
}

/// A script that can't run, whatever its arguments.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// There is no top-level `def main` or `async def main`, or it isn't the last thing that is named so.
    #[error("{}", .0.message)]
    MissingMain(Fault),
}

/// Checks a script: synchronous and pure, and bounded in time, stack and memory whatever the source.
///
/// In a release build the worst source within 1 MiB takes 0.13 s of processor time and 8 MiB, an ordinary one well below 1 ms.
/// Call it where that doesn't hold up others: in async code, by `spawn_blocking`.
///
/// # Errors
/// [`CheckError::MissingMain`] when the source parses and has no top-level function named `main`.
pub fn check(script: Script) -> Result<CheckedScript, CheckError> {
    let source = script.source();
    let found = parse::with_tree(source, |tree| {
        let main = names::find_main(source, tree.body)?;
        Ok(Accepted { main, imports: imports::imported_modules(tree.body) })
    });
    let verdict = match found {
        Ok((Ok(accepted), _)) => Verdict::Accepted(accepted),
        Ok((Err(_), parse::Spelling::Unusual)) => Verdict::Undecided(Undecided::UnusualNames),
        Ok((Err(fault), parse::Spelling::Ascii)) => return Err(CheckError::MissingMain(fault)),
        Err(undecided) => Verdict::Undecided(undecided),
    };
    Ok(CheckedScript { script, verdict })
}

impl CheckedScript {
    /// The script.
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// The source.
    pub fn source(&self) -> &str {
        self.script.source()
    }

    /// What the check could say.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The signature of `main`; `None` when the check couldn't decide.
    pub fn main(&self) -> Option<&MainSignature> {
        match &self.verdict {
            Verdict::Accepted(accepted) => Some(&accepted.main),
            Verdict::Undecided(_) => None,
        }
    }

    /// Top-level names of the modules imported anywhere in the source, sorted and unique, without relative imports.
    /// Empty when the check couldn't decide.
    pub fn imports(&self) -> &[String] {
        match &self.verdict {
            Verdict::Accepted(accepted) => &accepted.imports,
            Verdict::Undecided(_) => &[],
        }
    }

    /// Whether `main` can be called with arguments of these names, as far as the source shows it: a decorator may change
    /// the signature, so a decorated `main` takes everything here, as does a script that the check couldn't decide on.
    ///
    /// # Errors
    /// The [`Fault`] names parameters that are missing, unknown, or can't be given by name.
    pub fn bind<'n>(&self, names: impl Iterator<Item = &'n str>) -> Result<(), Fault> {
        self.main().map_or(Ok(()), |main| main.bind(names))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(source: &str) -> CheckedScript {
        check(Script::new(source).unwrap()).unwrap()
    }

    #[test]
    fn a_script_with_a_main_is_accepted_with_its_imports() {
        let script =
            checked("import numpy.linalg as la, os\nfrom json import dumps\ndef main():\n    import csv\n");
        assert_eq!(script.imports(), ["csv", "json", "numpy", "os"]);
        assert!(script.main().is_some());
    }

    #[test]
    fn a_source_that_the_parser_refuses_is_left_to_cpython() {
        let script = checked("def main():\n    return 1 +\n");
        let Verdict::Undecided(Undecided::Refused(complaint)) = script.verdict() else {
            panic!("{script:?}")
        };
        assert_eq!((complaint.line, complaint.column), (2, 15));
        assert_eq!(complaint.text, "    return 1 +");
        assert_eq!(script.bind(["anything"].into_iter()), Ok(()));
    }

    #[test]
    fn a_syntax_newer_than_the_parser_is_left_to_cpython() {
        for source in [
            "def main(d): return f'{d['k']}'",
            "def main():\n try: pass\n except A, B: pass\n",
            "def main(): return t'{1}'",
            "def main():\n\tif 1:\n \t\tpass\n",
        ] {
            assert!(
                matches!(checked(source).verdict(), Verdict::Undecided(Undecided::Refused(_))),
                "{source}"
            );
        }
    }

    #[test]
    fn what_is_inside_strings_is_not_judged() {
        for source in [r#"def main(): return f"{1:{2:{3:{4}}}}""#, r"def main(): return '\N{no such name}'"] {
            assert!(checked(source).main().is_some(), "{source}");
        }
    }

    #[test]
    fn more_tokens_than_the_bound_are_left_to_cpython() {
        let too_large = |what, max| Verdict::Undecided(Undecided::TooLarge { what, max });
        let source = format!("def main(): pass\n{}", "x\n".repeat(MAX_TOKENS / 2));
        assert_eq!(*checked(&source).verdict(), too_large("tokens", MAX_TOKENS));
        let source = format!("def main(): return {}", "1_".repeat(MAX_DIGITS) + "11");
        assert_eq!(*checked(&source).verdict(), too_large("digits in a row", MAX_DIGITS));
    }

    #[test]
    fn a_name_that_python_normalises_to_main_is_left_to_cpython() {
        let script = checked("def ｍａｉｎ(): pass\n");
        assert_eq!(*script.verdict(), Verdict::Undecided(Undecided::UnusualNames));
        assert!(checked("größe = 1\ndef main(): pass\n").main().is_some());
    }
}
