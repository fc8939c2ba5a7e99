//! What holds of the check for any source.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use proptest::{collection::vec, prelude::*, sample::select};
use python_executor::{
    Script,
    check::{CheckError, ParameterKind, Verdict, check},
};

/// Pieces of Python that go wrong in interesting company.
const PIECES: &[&str] = &[
    "def",
    "main",
    "async",
    "await",
    "class",
    "if",
    "elif",
    "else",
    "for",
    "in",
    "while",
    "try",
    "except",
    "finally",
    "with",
    "as",
    "match",
    "case",
    "type",
    "import",
    "from",
    "global",
    "nonlocal",
    "del",
    "return",
    "yield",
    "lambda",
    "not",
    "and",
    "or",
    "is",
    "None",
    "pass",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ":",
    ":=",
    ",",
    ";",
    ".",
    "...",
    "->",
    "@",
    "=",
    "==",
    "+=",
    "*",
    "**",
    "/",
    "//",
    "-",
    "~",
    "!",
    "!=",
    "$",
    "?",
    "`",
    "\\",
    "\\\n",
    "\n",
    "\n\n",
    "\r",
    "\r\n",
    "\n    ",
    "\n        ",
    "\n\t",
    "\n \t",
    " ",
    "\x0c",
    "\0",
    "\u{feff}",
    "#",
    "# comment\n",
    "'",
    "\"",
    "'''",
    "\"\"\"",
    "'a'",
    "b'a'",
    "f'{x}'",
    "f'{",
    "}'",
    "rb'\\'",
    "'\\N{DEL}'",
    "0",
    "1",
    "1_0",
    "0x",
    "0xf",
    "1e9",
    "1j",
    "00",
    "09",
    "1__0",
    ".5",
    "x",
    "_",
    "é",
    "ｍａｉｎ",
    "🦀",
    "\u{301}",
    "\u{200b}",
    "def main():",
    "def main(a, /, *, b=1):",
];

/// Programs to damage.
const PROGRAMS: &[&str] = &[
    "import numpy as np\n\ndef main(a: int, b=2, *rest, c, **more) -> dict:\n    return {'a': a}\n",
    "async def main():\n    async with x as y:\n        return [await z async for z in y if z]\n",
    "@cache\ndef run(n):\n    match n:\n        case [1, *_] | {'a': 1, **r}: return f'{n!r:>{w}}'\n\nclass C[T]:\n    pass\n",
    "try:\n    from x import main\nexcept* E as e:\n    main = None\nfinally:\n    del main\n",
    "if __name__ == \"__main__\":\n    main()\nelif (x := 1) < 2 <= 3:\n    lambda *a, b=1: (yield)\nelse:\n\tpass\n",
];

#[derive(Clone, Debug)]
enum Damage {
    Insert(&'static str),
    Remove(usize),
    Repeat(usize),
}

fn any_source() -> impl Strategy<Value = String> {
    let soup = (vec(select(PIECES), 0..300), select(&["", " "][..]))
        .prop_map(|(pieces, between)| pieces.join(between));
    let damage = prop_oneof![
        select(PIECES).prop_map(Damage::Insert),
        (1..20usize).prop_map(Damage::Remove),
        (1..50usize).prop_map(Damage::Repeat),
    ];
    let damaged = (select(PROGRAMS), vec((any::<prop::sample::Index>(), damage), 1..12)).prop_map(
        |(program, damages)| {
            let mut characters: Vec<char> = program.chars().collect();
            for (place, damage) in damages {
                let at = place.index(characters.len() + 1);
                let to = |count: usize| (at + count).min(characters.len());
                match damage {
                    Damage::Insert(piece) => {
                        drop(characters.splice(at..at, piece.chars()).collect::<Vec<_>>())
                    }
                    Damage::Remove(count) => drop(characters.drain(at..to(count))),
                    Damage::Repeat(count) => {
                        let again = characters[at..to(count)].to_vec();
                        characters.splice(at..at, again);
                    }
                }
            }
            characters.into_iter().collect()
        },
    );
    prop_oneof![soup, damaged, any::<String>()]
}

/// A parameter's kind, whether it has a default, and whether it has an annotation.
type Shape = (ParameterKind, bool, bool);

/// Shapes in an order that Python takes.
fn any_parameters() -> impl Strategy<Value = Vec<Shape>> {
    let some = |kind, most| vec((Just(kind), any::<bool>(), any::<bool>()), 0..=most);
    let parts = (
        some(ParameterKind::PositionalOnly, 3),
        some(ParameterKind::PositionalOrKeyword, 4),
        some(ParameterKind::VarPositional, 1),
        some(ParameterKind::KeywordOnly, 4),
        some(ParameterKind::VarKeyword, 1),
    );
    parts.prop_map(|(only, ordinary, rest, keyword, more)| {
        // After a positional default all have one; starred ones never do.
        let mut positional = [only, ordinary].concat();
        let first = positional.iter().position(|shape| shape.1).unwrap_or(positional.len());
        positional[first..].iter_mut().for_each(|shape| shape.1 = true);
        let starred =
            |shapes: Vec<Shape>| shapes.into_iter().map(|shape| (shape.0, false, shape.2)).collect();
        [positional, starred(rest), keyword, starred(more)].concat()
    })
}

fn written(parameters: &[Shape]) -> String {
    let has = |kind| parameters.iter().any(|shape| shape.0 == kind);
    let mut text = String::new();
    for (i, (kind, default, annotation)) in parameters.iter().enumerate() {
        let first_of_kind = i == 0 || parameters[i - 1].0 != *kind;
        if *kind == ParameterKind::KeywordOnly && first_of_kind && !has(ParameterKind::VarPositional) {
            text.push_str("*, ");
        }
        text.push_str(match kind {
            ParameterKind::VarPositional => "*",
            ParameterKind::VarKeyword => "**",
            _ => "",
        });
        text.push_str(&format!("p{i}"));
        text.push_str(if *annotation { ": dict[str, int]" } else { "" });
        text.push_str(if *default { " = f(1, [2])" } else { "" });
        text.push_str(", ");
        if *kind == ParameterKind::PositionalOnly && parameters.get(i + 1).is_none_or(|next| next.0 != *kind)
        {
            text.push_str("/, ");
        }
    }
    text.trim_end_matches(", ").to_owned()
}

proptest! {
    #[test]
    fn no_source_crashes_the_check(source in any_source()) {
        let script = Script::new(&source).unwrap();
        match check(script) {
            Ok(checked) => match checked.verdict() {
                Verdict::Accepted(accepted) => {
                    let line = source.trim_start_matches('\u{feff}').split(['\n', '\r']).count();
                    prop_assert!((1..=line).contains(&(accepted.main.line as usize)));
                }
                Verdict::Undecided(_) => prop_assert_eq!(checked.bind(["x"].into_iter()), Ok(())),
            },
            Err(CheckError::MissingMain(fault)) => prop_assert!(fault.message.len() < 500),
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn a_signature_is_read_as_it_is_written(
        parameters in any_parameters(),
        is_async: bool,
        decorators in 0..3usize,
        lines_before in 0..5usize,
    ) {
        let source = format!(
            "{}{}{}def main({}) -> None:\n    def inner(a, *, b): pass\n",
            "é = 1\n".repeat(lines_before),
            "@wrap(1)\n".repeat(decorators),
            if is_async { "async " } else { "" },
            written(&parameters),
        );
        let checked = check(Script::new(&source).unwrap()).unwrap();
        let main = checked.main().unwrap();
        let read: Vec<_> = main.parameters.iter().map(|p| (p.name.clone(), p.kind, p.required)).collect();
        let wanted: Vec<_> = parameters.iter().enumerate().map(|(i, (kind, default, _))| {
            let starred = matches!(kind, ParameterKind::VarPositional | ParameterKind::VarKeyword);
            (format!("p{i}"), *kind, !default && !starred)
        }).collect();
        prop_assert_eq!(read, wanted);
        prop_assert_eq!(main.is_async, is_async);
        prop_assert_eq!(main.decorated, decorators > 0);
        prop_assert_eq!((main.line as usize, main.column), (lines_before + decorators + 1, 1));
    }

    #[test]
    fn a_call_that_gives_what_is_required_fits(parameters in any_parameters(), without in any::<prop::sample::Index>()) {
        let source = format!("def main({}): pass\n", written(&parameters));
        let checked = check(Script::new(&source).unwrap()).unwrap();
        let required: Vec<&str> =
            checked.main().unwrap().parameters.iter().filter(|p| p.required).map(|p| p.name.as_str()).collect();
        let by_position = parameters.iter().any(|(kind, default, _)| *kind == ParameterKind::PositionalOnly && !default);
        prop_assert_eq!(checked.bind(required.iter().copied()).is_ok(), !by_position);
        if !required.is_empty() {
            let missing = required[without.index(required.len())];
            prop_assert!(checked.bind(required.iter().copied().filter(|name| *name != missing)).is_err());
        }
    }
}
