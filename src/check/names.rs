//! What a module binds the name `main` to, and what to say when that isn't a function.

use rustpython_parser::ast::{Alias, Expr, Ranged, Stmt};

use super::{
    MainSignature,
    blocks::all_statements,
    imports::top_level,
    position::{cut, line_and_column},
    signature::read_signature,
};
use crate::Fault;

const REMEDY: &str = r#"write "def main(): ..." at the top level instead"#;
const DEFINE: &str = r#"define "def main(): ..." at the top level"#;

/// Functions named in a message, and characters of each: a source may have thousands.
const NAMES_SHOWN: usize = 5;
const NAME_CHARS: usize = 40;

/// How a top-level statement changes what `main` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Defined,
    Assigned,
    Imported,
    Class,
    Deleted,
}

/// The signature of `main`, which must be a top-level function, and the last thing there to be named so.
/// What nested blocks bind is not counted: whether they run can't be seen here.
pub(super) fn find_main(source: &str, body: &[Stmt]) -> Result<MainSignature, Fault> {
    let changes = || body.iter().filter_map(|statement| Some((statement, change(statement)?)));
    let Some((last, how)) = changes().next_back() else {
        return Err(no_main(source, body));
    };
    if how == Change::Defined
        && let Some(signature) = read_signature(source, last)
    {
        return Ok(signature);
    }
    let defined =
        changes().rfind(|(_, how)| *how == Change::Defined).map(|(statement, _)| line_of(source, statement));
    let line = line_of(source, last);
    let message = match defined {
        Some(def) => {
            let what = match how {
                Change::Imported => format!("imported at line {line}"),
                Change::Class => format!("redefined as a class at line {line}"),
                Change::Deleted => format!("deleted at line {line}"),
                Change::Assigned | Change::Defined => format!("reassigned at line {line}"),
            };
            let remedy = if how == Change::Deleted { "keep it" } else { "give one of the two another name" };
            format!("main is {what}, after its def at line {def}: {remedy}")
        }
        None => match how {
            Change::Imported => format!("main is imported at line {line}: {REMEDY}"),
            Change::Class => format!("main is a class (line {line}): {REMEDY}"),
            Change::Deleted => format!("main is deleted at line {line}: {REMEDY}"),
            Change::Assigned | Change::Defined => format!("main is assigned at line {line}: {REMEDY}"),
        },
    };
    Err(fault_at(source, last, message))
}

/// For a module whose top level never names `main`.
fn no_main(source: &str, body: &[Stmt]) -> Fault {
    if body.is_empty() {
        return Fault { message: format!("the script is empty: {DEFINE}"), ..Fault::default() };
    }
    for placed in all_statements(body) {
        if let (Some("main"), Some(keyword)) = (function_name(placed.statement), placed.inside) {
            let line = line_of(source, placed.statement);
            let message =
                format!(r#"main is defined inside "{keyword}" at line {line}: move it to the top level"#);
            return fault_at(source, placed.statement, message);
        }
    }
    let mut functions: Vec<&str> = Vec::new();
    for name in body.iter().filter_map(function_name) {
        if functions.len() <= NAMES_SHOWN && !functions.contains(&name) {
            functions.push(name);
        }
    }
    let mut found =
        functions.iter().take(NAMES_SHOWN).map(|name| cut(name, NAME_CHARS)).collect::<Vec<_>>().join(", ");
    if functions.len() > NAMES_SHOWN {
        found.push_str(", …");
    }
    if !found.is_empty() {
        found = format!(" (found functions: {found})");
    }
    Fault { message: format!("no function named main: {DEFINE}{found}"), ..Fault::default() }
}

fn change(statement: &Stmt) -> Option<Change> {
    let assigned = |targets: &[&Expr]| names_main(targets).then_some(Change::Assigned);
    match statement {
        Stmt::ClassDef(s) => (s.name.as_str() == "main").then_some(Change::Class),
        Stmt::Import(s) => {
            let bound = |alias: &Alias| match &alias.asname {
                Some(name) => name.as_str() == "main",
                None => top_level(alias.name.as_str()) == "main",
            };
            s.names.iter().any(bound).then_some(Change::Imported)
        }
        Stmt::ImportFrom(s) => {
            let bound = |alias: &Alias| alias.asname.as_ref().unwrap_or(&alias.name).as_str() == "main";
            s.names.iter().any(bound).then_some(Change::Imported)
        }
        Stmt::Delete(s) => names_main(&s.targets.iter().collect::<Vec<_>>()).then_some(Change::Deleted),
        Stmt::Assign(s) => assigned(&s.targets.iter().collect::<Vec<_>>()),
        // An annotation alone binds nothing.
        Stmt::AnnAssign(s) => s.value.as_ref().and_then(|_| assigned(&[&s.target])),
        Stmt::AugAssign(s) => assigned(&[&s.target]),
        Stmt::TypeAlias(s) => assigned(&[&s.name]),
        Stmt::For(s) => assigned(&[&s.target]),
        Stmt::AsyncFor(s) => assigned(&[&s.target]),
        Stmt::With(s) => {
            assigned(&s.items.iter().filter_map(|i| i.optional_vars.as_deref()).collect::<Vec<_>>())
        }
        Stmt::AsyncWith(s) => {
            assigned(&s.items.iter().filter_map(|i| i.optional_vars.as_deref()).collect::<Vec<_>>())
        }
        Stmt::Expr(s) => match s.value.as_ref() {
            Expr::NamedExpr(walrus) => assigned(&[&walrus.target]),
            _ => None,
        },
        _ => (function_name(statement) == Some("main")).then_some(Change::Defined),
    }
}

fn function_name(statement: &Stmt) -> Option<&str> {
    match statement {
        Stmt::FunctionDef(s) => Some(s.name.as_str()),
        Stmt::AsyncFunctionDef(s) => Some(s.name.as_str()),
        _ => None,
    }
}

/// Whether one of the targets, or of those unpacked in them, is the name `main`.
fn names_main(targets: &[&Expr]) -> bool {
    let mut waiting = targets.to_vec();
    while let Some(target) = waiting.pop() {
        match target {
            Expr::Name(name) if name.id.as_str() == "main" => return true,
            Expr::Tuple(tuple) => waiting.extend(&tuple.elts),
            Expr::List(list) => waiting.extend(&list.elts),
            Expr::Starred(starred) => waiting.push(&starred.value),
            _ => {}
        }
    }
    false
}

fn line_of(source: &str, statement: &Stmt) -> u32 {
    line_and_column(source, statement.start().into()).0
}

fn fault_at(source: &str, statement: &Stmt, message: String) -> Fault {
    let (line, column) = line_and_column(source, statement.start().into());
    Fault { message, line: Some(line), column: Some(column), traceback: None }
}

#[cfg(test)]
mod tests {
    use crate::{
        Fault, Script,
        check::{CheckError, MainSignature, check},
    };

    fn main_of(source: &str) -> MainSignature {
        check(Script::new(source).unwrap())
            .unwrap()
            .main()
            .unwrap_or_else(|| panic!("undecided: {source}"))
            .clone()
    }

    fn missing(source: &str) -> Fault {
        let CheckError::MissingMain(fault) = check(Script::new(source).unwrap()).unwrap_err();
        fault
    }

    #[test]
    fn a_top_level_def_is_main_wherever_it_is() {
        for source in [
            "def main(): pass",
            "async def main(): pass",
            "@wrap\ndef main(): pass",
            "main = 1\ndef main(): pass",
            "from x import main\ndef main(): pass",
            "def main(): pass\ndef main(): pass",
            "def main(): pass\ndel main\ndef main(): pass",
            "def main(): pass\nfrom x import *",
            "def main(): pass\nmain: object",
            "def main(): pass\nmain.x = main[0] = 1",
            "def main(): pass\ndef other():\n    main = 1",
            "def main(): pass\nif __name__ == '__main__': main()",
            "def main(): pass\nif fast:\n    main = compiled(main)",
            "\x0cdef main(): pass\r\n",
            "x = 1\rdef main(): pass\r",
        ] {
            main_of(source);
        }
    }

    #[test]
    fn its_place_is_that_of_the_def() {
        let main = main_of("import os\n@wrap\n@wrap\nasync def main(): pass\n");
        assert_eq!((main.line, main.column, main.is_async, main.decorated), (4, 1, true, true));
        let main = main_of("é = 1; x = 2\ndef main(): pass");
        assert_eq!((main.line, main.column, main.is_async, main.decorated), (2, 1, false, false));
    }

    #[test]
    fn what_was_found_instead_of_main_is_said() {
        let said = |source| missing(source).message;
        insta::assert_snapshot!(said("\n\nmain = run"), @r#"main is assigned at line 3: write "def main(): ..." at the top level instead"#);
        insta::assert_snapshot!(said("x = (a, *main) = 1, 2"), @r#"main is assigned at line 1: write "def main(): ..." at the top level instead"#);
        insta::assert_snapshot!(said("main: F = run"), @r#"main is assigned at line 1: write "def main(): ..." at the top level instead"#);
        insta::assert_snapshot!(said("main += 1"), @r#"main is assigned at line 1: write "def main(): ..." at the top level instead"#);
        insta::assert_snapshot!(said("(main := run)"), @r#"main is assigned at line 1: write "def main(): ..." at the top level instead"#);
        insta::assert_snapshot!(said("for [main] in x: pass"), @r#"main is assigned at line 1: write "def main(): ..." at the top level instead"#);
        insta::assert_snapshot!(said("with x as main: pass"), @r#"main is assigned at line 1: write "def main(): ..." at the top level instead"#);
        insta::assert_snapshot!(said("from x import run as main"), @r#"main is imported at line 1: write "def main(): ..." at the top level instead"#);
        insta::assert_snapshot!(said("import main.sub"), @r#"main is imported at line 1: write "def main(): ..." at the top level instead"#);
        insta::assert_snapshot!(said("\nclass main: pass"), @r#"main is a class (line 2): write "def main(): ..." at the top level instead"#);
        insta::assert_snapshot!(said("main = 1\ndel main"), @r#"main is deleted at line 2: write "def main(): ..." at the top level instead"#);
    }

    #[test]
    fn what_happened_to_main_after_its_def_is_said() {
        let said = |source| missing(source).message;
        insta::assert_snapshot!(said("def main(): pass\nmain = wrap(main)"), @"main is reassigned at line 2, after its def at line 1: give one of the two another name");
        insta::assert_snapshot!(said("def main(): pass\nimport main"), @"main is imported at line 2, after its def at line 1: give one of the two another name");
        insta::assert_snapshot!(said("def main(): pass\nclass main: pass"), @"main is redefined as a class at line 2, after its def at line 1: give one of the two another name");
        insta::assert_snapshot!(said("def main(): pass\nmain()\ndel x, (y, main)"), @"main is deleted at line 3, after its def at line 1: keep it");
    }

    #[test]
    fn a_nested_main_is_found_with_what_it_is_in() {
        let said = |source| missing(source).message;
        insta::assert_snapshot!(said("x = 1\nif x:\n    pass\nelif y:\n    def main(): pass"), @r#"main is defined inside "if" at line 5: move it to the top level"#);
        insta::assert_snapshot!(said("class App:\n    async def main(self): pass"), @r#"main is defined inside "class" at line 2: move it to the top level"#);
        insta::assert_snapshot!(said("try:\n    pass\nexcept E:\n    for x in y:\n        def main(): pass"), @r#"main is defined inside "for" at line 5: move it to the top level"#);
        insta::assert_snapshot!(said("match x:\n    case 1:\n        def main(): pass"), @r#"main is defined inside "match" at line 3: move it to the top level"#);
        let fault = missing("with x:\n    def main(): pass\ndef f():\n    def main(): pass");
        assert_eq!((fault.line, fault.column), (Some(2), Some(5)));
    }

    #[test]
    fn functions_that_might_have_been_meant_are_listed() {
        let said = |source: &str| missing(source).message;
        insta::assert_snapshot!(said("def run(): pass\ndef Main(): pass\ndef run(): pass"), @r#"no function named main: define "def main(): ..." at the top level (found functions: run, Main)"#);
        insta::assert_snapshot!(said("print(1)"), @r#"no function named main: define "def main(): ..." at the top level"#);
        insta::assert_snapshot!(said(" \n# only a comment"), @r#"the script is empty: define "def main(): ..." at the top level"#);
        let many: String = (0..2000).map(|n| format!("def {}{n}(): pass\n", "long".repeat(30))).collect();
        assert!(said(&many).len() < 400);
    }
}
