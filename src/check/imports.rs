//! Which modules a source imports.

use std::collections::BTreeSet;

use rustpython_parser::ast::{Int, Stmt};

use super::blocks::all_statements;

/// Top-level names of the modules imported anywhere, sorted and unique; relative imports have none.
pub(super) fn imported_modules(body: &[Stmt]) -> Vec<String> {
    let mut modules = BTreeSet::new();
    for placed in all_statements(body) {
        match placed.statement {
            Stmt::Import(import) => {
                modules.extend(import.names.iter().map(|alias| top_level(alias.name.as_str())))
            }
            Stmt::ImportFrom(import) if import.level.as_ref().map_or(0, Int::to_u32) == 0 => {
                modules.extend(import.module.as_ref().map(|module| top_level(module.as_str())));
            }
            _ => {}
        }
    }
    modules.into_iter().map(str::to_owned).collect()
}

/// `a` of `a.b.c`.
pub(super) fn top_level(module: &str) -> &str {
    module.split('.').next().unwrap_or(module)
}
