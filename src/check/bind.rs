//! Whether a call of `main` by name fits its parameters, and what to say when it doesn't.

use std::collections::BTreeSet;

use super::{MainSignature, Parameter, ParameterKind, position::cut};
use crate::Fault;

/// Names listed in a message, and characters of each: callers and scripts may give thousands.
const NAMES_SHOWN: usize = 10;
const NAME_CHARS: usize = 40;

impl MainSignature {
    /// Whether a call with arguments of these names fits. A decorated `main` takes everything here, and so does one with
    /// parameters spelled beyond ASCII, which Python normalises.
    pub(super) fn bind<'n>(&self, names: impl Iterator<Item = &'n str>) -> Result<(), Fault> {
        if self.decorated || self.parameters.iter().any(|p| !p.name.is_ascii()) {
            return Ok(());
        }
        let given: BTreeSet<&str> = names.collect();
        let of_kind = |kind| self.parameters.iter().filter(move |p| p.kind == kind);

        let unreachable: Vec<&str> =
            of_kind(ParameterKind::PositionalOnly).filter(|p| p.required).map(|p| p.name.as_str()).collect();
        if !unreachable.is_empty() {
            let listed = and_list(&unreachable);
            let message =
                format!(r#"main() takes {listed} by position only, but args gives by name: remove the "/""#);
            return Err(self.fault(message));
        }
        let by_name: Vec<&Parameter> = self
            .parameters
            .iter()
            .filter(|p| matches!(p.kind, ParameterKind::PositionalOrKeyword | ParameterKind::KeywordOnly))
            .collect();
        let known: BTreeSet<&str> = by_name.iter().map(|p| p.name.as_str()).collect();
        let unknown: Vec<&str> = given.difference(&known).copied().collect();
        if let Some(first) = unknown.first()
            && of_kind(ParameterKind::VarKeyword).next().is_none()
        {
            let takes = by_name.iter().map(|p| p.name.as_str()).collect::<Vec<_>>();
            let missing = takes.iter().copied().filter(|name| !given.contains(name));
            let hint = near_miss(first, missing)
                .map(|name| format!(" (did you mean '{name}'?)"))
                .unwrap_or_default();
            let (noun, takes) =
                (if unknown.len() == 1 { "argument" } else { "arguments" }, plain_list(&takes));
            return Err(
                self.fault(format!("main() takes no {noun} {}{hint}; it takes: {takes}", and_list(&unknown)))
            );
        }
        let missing: Vec<&str> = by_name
            .iter()
            .filter(|p| p.required && !given.contains(p.name.as_str()))
            .map(|p| p.name.as_str())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(self.fault(format!("main() requires {}, which args does not give", and_list(&missing))))
    }

    fn fault(&self, message: String) -> Fault {
        Fault { message, line: Some(self.line), column: Some(self.column), traceback: None }
    }
}

/// `'a'`, `'a' and 'b'`, `'a', 'b' and 'c'`, `'a', 'b' and 7 more`.
fn and_list(names: &[&str]) -> String {
    let quoted = |name: &&str| format!("'{}'", cut(name, NAME_CHARS));
    let (listed, last) = if names.len() > NAMES_SHOWN {
        (&names[..NAMES_SHOWN], format!("{} more", names.len() - NAMES_SHOWN))
    } else if let [listed @ .., last] = names {
        (listed, quoted(last))
    } else {
        (names, String::new())
    };
    let listed = listed.iter().map(quoted).collect::<Vec<_>>().join(", ");
    if listed.is_empty() { last } else { format!("{listed} and {last}") }
}

/// `a, b`; `nothing` for none.
fn plain_list(names: &[&str]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let mut listed =
        names.iter().take(NAMES_SHOWN).map(|name| cut(name, NAME_CHARS)).collect::<Vec<_>>().join(", ");
    if names.len() > NAMES_SHOWN {
        listed.push_str(", …");
    }
    listed
}

/// The first of `candidates` that is `name` but for case, separators, or one character added, dropped or replaced.
fn near_miss<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let letters = |text: &str| -> Vec<char> {
        text.chars()
            .take(NAME_CHARS)
            .filter(|c| !matches!(c, '_' | '-' | ' '))
            .flat_map(char::to_lowercase)
            .collect()
    };
    let name = letters(name);
    candidates.take(100).find(|candidate| {
        let candidate = letters(candidate);
        name == candidate || (name.len().max(candidate.len()) > 2 && differ_by_one(&name, &candidate))
    })
}

fn differ_by_one(a: &[char], b: &[char]) -> bool {
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    let same = long.iter().zip(short).take_while(|(x, y)| x == y).count();
    match long.len() - short.len() {
        0 => long.get(same + 1..) == short.get(same + 1..),
        1 => long[same + 1..] == short[same..],
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Script, check::check};

    fn main_of(source: &str) -> MainSignature {
        check(Script::new(source).unwrap()).unwrap().main().unwrap().clone()
    }

    fn bind(signature: &str, names: &[&str]) -> Result<(), String> {
        let main = main_of(&format!("def main({signature}): pass"));
        main.bind(names.iter().copied()).map_err(|fault| fault.message)
    }

    #[test]
    fn arguments_that_fit_are_taken() {
        assert_eq!(bind("", &[]), Ok(()));
        assert_eq!(bind("a, b=1, *rest, c, d=2", &["c", "a"]), Ok(()));
        assert_eq!(bind("**more", &["anything", "at all"]), Ok(()));
        assert_eq!(bind("a=1, /, **more", &["a"]), Ok(()));
    }

    #[test]
    fn missing_arguments_are_named() {
        insta::assert_snapshot!(bind("a, b, c", &["a"]).unwrap_err(), @"main() requires 'b' and 'c', which args does not give");
        insta::assert_snapshot!(bind("*, a", &[]).unwrap_err(), @"main() requires 'a', which args does not give");
        insta::assert_snapshot!(bind("a, b, c, **more", &["x"]).unwrap_err(), @"main() requires 'a', 'b' and 'c', which args does not give");
    }

    #[test]
    fn superfluous_arguments_are_named_with_what_main_takes() {
        insta::assert_snapshot!(bind("a, b", &["a", "b", "x"]).unwrap_err(), @"main() takes no argument 'x'; it takes: a, b");
        insta::assert_snapshot!(bind("", &["y", "x"]).unwrap_err(), @"main() takes no arguments 'x' and 'y'; it takes: nothing");
        insta::assert_snapshot!(bind("*rest", &["rest"]).unwrap_err(), @"main() takes no argument 'rest'; it takes: nothing");
        insta::assert_snapshot!(bind("a=1, /", &["a"]).unwrap_err(), @"main() takes no argument 'a'; it takes: nothing");
    }

    #[test]
    fn a_near_miss_is_suggested() {
        insta::assert_snapshot!(bind("user_name, age", &["userName", "age"]).unwrap_err(), @"main() takes no argument 'userName' (did you mean 'user_name'?); it takes: user_name, age");
        insta::assert_snapshot!(bind("rows", &["row"]).unwrap_err(), @"main() takes no argument 'row' (did you mean 'rows'?); it takes: rows");
        insta::assert_snapshot!(bind("a, rows", &["b", "rows"]).unwrap_err(), @"main() takes no argument 'b'; it takes: a, rows");
    }

    #[test]
    fn a_required_parameter_that_has_no_name_for_callers_is_named() {
        insta::assert_snapshot!(bind("a, b, /, c", &["a", "b", "c"]).unwrap_err(), @r#"main() takes 'a' and 'b' by position only, but args gives by name: remove the "/""#);
    }

    #[test]
    fn what_cannot_be_seen_in_the_source_is_left_to_python() {
        assert_eq!(main_of("@cli\ndef main(a): pass").bind(["x"].into_iter()), Ok(()));
        assert_eq!(bind("ﬁle", &["file"]), Ok(()));
    }

    #[test]
    fn thousands_of_names_make_a_short_message() {
        let many: Vec<String> = (0..3000).map(|n| format!("{}{n}", "long".repeat(30))).collect();
        let names: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(bind(&many.join(","), &[]).unwrap_err().len() < 700);
        assert!(bind("a", &names).unwrap_err().len() < 700);
    }
}
