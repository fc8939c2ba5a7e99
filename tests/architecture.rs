//! The dependency rules of ARCHITECTURE.md, held by reading the sources.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::{fs, path::Path};

/// Every source file below src/ and its code, without comments and tests' text.
fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("UTF-8");
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect::<Vec<_>>()
                .join("\n");
            found.push((path.to_string_lossy().into_owned(), code));
        }
    }
}

fn only(name: &str, allowed: &[&str]) {
    let mut found = Vec::new();
    sources(Path::new("src"), &mut found);
    assert!(found.len() > 20, "the sources were found");
    let named: Vec<_> =
        found.iter().filter(|(_, code)| code.contains(name)).map(|(path, _)| path.as_str()).collect();
    let strangers: Vec<_> =
        named.iter().filter(|path| !allowed.iter().any(|part| path.starts_with(part))).collect();
    assert!(!named.is_empty(), "{name} is used nowhere: this rule can't fail");
    assert!(strangers.is_empty(), "only {allowed:?} may name {name}: {strangers:?}");
}

#[test]
fn only_the_server_names_poem() {
    only("poem", &["src/server/"]);
}

#[test]
fn only_the_check_names_the_parser() {
    // The command line names it once, to keep the parser's log out of ours.
    only("rustpython_parser::", &["src/check/"]);
}

#[test]
fn only_the_jail_starts_nsjail() {
    only("nsjail_config", &["src/jail/"]);
}

#[test]
fn only_config_reads_the_environment() {
    only("env::var", &["src/config.rs", "src/runtime/tests.rs"]);
}

#[test]
fn the_nouns_import_nothing_of_the_crate() {
    for leaf in ["src/script.rs", "src/limits.rs", "src/outcome.rs"] {
        let text = fs::read_to_string(leaf).expect("UTF-8");
        assert!(!text.lines().any(|line| line.starts_with("use crate")), "{leaf}");
    }
}
