//! CPython's own library as a corpus: a file is accepted here exactly where the jail's CPython compiles it.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod common;

use std::{collections::BTreeMap, fs, path::Path};

use common::{execute_with, executor, runtime, tokio};
use python_executor::{
    Limits, Outcome, Script,
    check::{Undecided, Verdict, check},
};

/// Compiles every file that it finds, and tells which were accepted, and which failed by more than their text (files
/// that declare another encoding than UTF-8 can't be sent as JSON text at all).
const COMPILE_ALL: &str = r#"
import os, sys, warnings

def main(folders):
    warnings.simplefilter("ignore")
    verdicts = {}
    for folder in folders:
        for parent, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(parent, name)
                if not name.endswith(".py"):
                    continue
                try:
                    with open(path, encoding="utf-8") as file:
                        source = file.read()
                except UnicodeDecodeError:
                    continue
                try:
                    compile(source.removeprefix("\ufeff"), path, "exec", dont_inherit=True)
                    verdicts[path] = True
                except (SyntaxError, ValueError):
                    verdicts[path] = False
    return verdicts
"#;

#[test]
fn every_library_file_is_accepted_exactly_where_cpython_compiles_it() {
    let mut limits = Limits::default();
    limits.timeout = std::time::Duration::from_secs(300);
    let folders = serde_json::json!({"folders": ["/python/lib", "/packages/pandas", "/packages/numpy"]});
    let report = execute_with(COMPILE_ALL, |e| e.args(&folders).unwrap().limits(limits));
    let Outcome::Returned(json) = &report.outcome else { panic!("{:?}", report.outcome) };
    let compiled: BTreeMap<&Path, bool> = serde_json::from_str(json.get()).unwrap();
    assert!(compiled.len() > 1000, "{} files", compiled.len());
    let rootfs = runtime().rootfs().to_owned();
    let (mut decided, mut too_large, mut asked) = (0, 0, 0);
    for (path, compiles) in compiled {
        let source = fs::read_to_string(rootfs.join(path.strip_prefix("/").unwrap())).unwrap();
        let Ok(script) = Script::with_max_bytes(&source, 16 << 20) else { continue };
        // A library file rarely has a main; that it was looked for means that the source was parsed.
        match check(script.clone()).as_ref().map(|checked| checked.verdict()) {
            Err(_) | Ok(Verdict::Accepted(_)) => decided += 1,
            // CPython has the last word, through the path that a request takes.
            Ok(Verdict::Undecided(why)) => {
                if matches!(why, Undecided::TooLarge { .. }) {
                    too_large += 1;
                }
                asked += 1;
                let last_word = tokio().block_on(executor().compile(script)).unwrap();
                let accepted = !matches!(last_word, Some(Outcome::SyntaxError(_)));
                assert_eq!(accepted, compiles, "{}: {last_word:?}", path.display());
                continue;
            }
        }
        // What the crate accepts and CPython doesn't is still refused, since CPython compiles it before it's run.
        if !compiles {
            let last_word = tokio().block_on(executor().compile(script)).unwrap();
            assert!(matches!(last_word, Some(Outcome::SyntaxError(_))), "{}: {last_word:?}", path.display());
        }
    }
    println!("{decided} files decided here, {asked} left to CPython, {too_large} of them for their size");
    assert!(
        asked * 20 < decided,
        "the fast gate decides nearly always: {asked} of {} were left to CPython",
        asked + decided
    );
}
