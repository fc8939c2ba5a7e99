//! Every command in the README runs, and gives what the README says.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod common;

use std::process::Command;

const README: &str = include_str!("../README.md");

/// Commands and their outputs from the README's `console` blocks.
fn commands() -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let blocks =
        README.split("```").enumerate().filter(|(number, _)| number % 2 == 1).map(|(_, block)| block);
    for line in blocks.filter_map(|block| block.strip_prefix("console\n")).flat_map(str::lines) {
        match (line.strip_prefix("$ "), found.last_mut()) {
            (Some(command), _) => found.push((command.into(), String::new())),
            (None, Some((_, output))) => output.push_str(&format!("{line}\n")),
            (None, None) => panic!("output before a command: {line}"),
        }
    }
    found
}

/// Without what is measured, and without carets, which differ from one version of Python to the next.
fn comparable(text: &str) -> String {
    let mut text = text.to_owned();
    for name in ["wall_ms", "cpu_ms", "memory_bytes"] {
        let key = format!("\"{name}\":");
        if let Some(start) = text.find(&key).map(|at| at + key.len()) {
            let digits = text[start..].chars().take_while(char::is_ascii_digit).count();
            text.replace_range(start..start + digits, "0");
        }
    }
    text.replace("           ~~^~~\\n", "")
        .lines()
        .filter(|line| line.trim() != "^")
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn every_command_of_the_readme_gives_what_it_says() {
    let address = common::server().to_string();
    let commands = commands();
    assert!(commands.len() >= 4, "{commands:?}");
    for (command, expected) in commands {
        let command = command
            .replace("127.0.0.1:8080", &address)
            .replace("cargo run --release --", env!("CARGO_BIN_EXE_python-executor"));
        let output = Command::new("sh").args(["-c", &command]).output().expect("a shell");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(
            comparable(&said),
            comparable(&expected),
            "{command}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn the_first_screen_has_the_two_commands() {
    let first: Vec<_> = README.lines().take(25).collect();
    assert!(first.contains(&"cargo run --release") && first.contains(&"cargo test"));
}
