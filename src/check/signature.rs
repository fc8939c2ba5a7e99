//! The parameters of `main`, as the source shows them.

use rustpython_parser::ast::{Arguments, Expr, Ranged, Stmt};

use super::position::line_and_column;

/// What the source says of `main`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MainSignature {
    /// Whether it is an `async def`.
    pub is_async: bool,
    /// Its parameters in order.
    pub parameters: Vec<Parameter>,
    /// Whether it has decorators, which may change what it takes.
    pub decorated: bool,
    /// The line of its `def`, from 1.
    pub line: u32,
    /// The column of its `def`, or of `async` before it, in characters from 1.
    pub column: u32,
}

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parameter {
    /// Its name as it is written.
    pub name: String,
    /// How it takes arguments.
    pub kind: ParameterKind,
    /// Whether a call must give it.
    pub required: bool,
}

/// How a parameter takes arguments; the names are those of Python's `inspect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParameterKind {
    /// Before a `/`.
    PositionalOnly,
    /// An ordinary one.
    PositionalOrKeyword,
    /// `*args`.
    VarPositional,
    /// After a `*`.
    KeywordOnly,
    /// `**kwargs`.
    VarKeyword,
}

/// The signature of a statement that defines a function; `None` for any other.
pub(super) fn read_signature(source: &str, statement: &Stmt) -> Option<MainSignature> {
    let of = |is_async, arguments, decorators: &[Expr]| {
        let (line, column) = line_and_column(source, statement.start().into());
        let decorated = !decorators.is_empty();
        MainSignature { is_async, parameters: read_parameters(arguments), decorated, line, column }
    };
    match statement {
        Stmt::FunctionDef(s) => Some(of(false, &s.args, &s.decorator_list)),
        Stmt::AsyncFunctionDef(s) => Some(of(true, &s.args, &s.decorator_list)),
        _ => None,
    }
}

fn read_parameters(arguments: &Arguments) -> Vec<Parameter> {
    use ParameterKind::{KeywordOnly, PositionalOnly, PositionalOrKeyword, VarKeyword, VarPositional};
    let plain = [(PositionalOnly, &arguments.posonlyargs), (PositionalOrKeyword, &arguments.args)];
    let parameter = |name: &str, kind, required| Parameter { name: name.to_owned(), kind, required };
    let with_defaults = |kind, parameters: &[rustpython_parser::ast::ArgWithDefault]| {
        parameters
            .iter()
            .map(|p| parameter(p.def.arg.as_str(), kind, p.default.is_none()))
            .collect::<Vec<_>>()
    };
    let mut parameters: Vec<_> =
        plain.into_iter().flat_map(|(kind, list)| with_defaults(kind, list)).collect();
    parameters.extend(arguments.vararg.iter().map(|p| parameter(p.arg.as_str(), VarPositional, false)));
    parameters.extend(with_defaults(KeywordOnly, &arguments.kwonlyargs));
    parameters.extend(arguments.kwarg.iter().map(|p| parameter(p.arg.as_str(), VarKeyword, false)));
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Script, check::check};

    #[test]
    fn every_kind_of_parameter_is_read_in_order() {
        let source = "def main(a, b=1, /, c: int = 2, *rest, d, e=f(x), **more): pass";
        let script = check(Script::new(source).unwrap()).unwrap();
        let main = script.main().unwrap();
        let read: Vec<_> = main.parameters.iter().map(|p| (p.name.as_str(), p.kind, p.required)).collect();
        use ParameterKind::*;
        assert_eq!(
            read,
            [
                ("a", PositionalOnly, true),
                ("b", PositionalOnly, false),
                ("c", PositionalOrKeyword, false),
                ("rest", VarPositional, false),
                ("d", KeywordOnly, true),
                ("e", KeywordOnly, false),
                ("more", VarKeyword, false),
            ]
        );
    }
}
