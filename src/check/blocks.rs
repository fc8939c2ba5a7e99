//! Statements inside statements, without recursion.

use rustpython_parser::ast::{ExceptHandler, Stmt};

/// A statement and the keyword of the innermost statement around it; `None` at the top level.
pub(super) struct Placed<'t> {
    pub(super) statement: &'t Stmt,
    pub(super) inside: Option<&'static str>,
}

/// Every statement of a module, in the order of the source.
pub(super) fn all_statements(body: &[Stmt]) -> impl Iterator<Item = Placed<'_>> {
    let mut waiting: Vec<Placed<'_>> = Vec::new();
    push(&mut waiting, None, [body]);
    std::iter::from_fn(move || {
        let next = waiting.pop()?;
        push_children(&mut waiting, next.statement);
        Some(next)
    })
}

/// Puts blocks on the stack so that they come off in order.
fn push<'t, const N: usize>(
    waiting: &mut Vec<Placed<'t>>,
    inside: Option<&'static str>,
    blocks: [&'t [Stmt]; N],
) {
    for block in blocks.into_iter().rev() {
        waiting.extend(block.iter().rev().map(|statement| Placed { statement, inside }));
    }
}

fn push_children<'t>(waiting: &mut Vec<Placed<'t>>, statement: &'t Stmt) {
    match statement {
        Stmt::FunctionDef(s) => push(waiting, Some("def"), [&s.body]),
        Stmt::AsyncFunctionDef(s) => push(waiting, Some("def"), [&s.body]),
        Stmt::ClassDef(s) => push(waiting, Some("class"), [&s.body]),
        Stmt::For(s) => push(waiting, Some("for"), [&s.body, &s.orelse]),
        Stmt::AsyncFor(s) => push(waiting, Some("for"), [&s.body, &s.orelse]),
        Stmt::While(s) => push(waiting, Some("while"), [&s.body, &s.orelse]),
        Stmt::If(s) => push(waiting, Some("if"), [&s.body, &s.orelse]),
        Stmt::With(s) => push(waiting, Some("with"), [&s.body]),
        Stmt::AsyncWith(s) => push(waiting, Some("with"), [&s.body]),
        Stmt::Match(s) => {
            for case in s.cases.iter().rev() {
                push(waiting, Some("match"), [&case.body]);
            }
        }
        Stmt::Try(s) => push_try(waiting, &s.body, &s.handlers, &s.orelse, &s.finalbody),
        Stmt::TryStar(s) => push_try(waiting, &s.body, &s.handlers, &s.orelse, &s.finalbody),
        _ => {}
    }
}

fn push_try<'t>(
    waiting: &mut Vec<Placed<'t>>,
    body: &'t [Stmt],
    handlers: &'t [ExceptHandler],
    orelse: &'t [Stmt],
    finalbody: &'t [Stmt],
) {
    push(waiting, Some("try"), [orelse, finalbody]);
    for ExceptHandler::ExceptHandler(handler) in handlers.iter().rev() {
        push(waiting, Some("try"), [&handler.body]);
    }
    push(waiting, Some("try"), [body]);
}
