"""Compiles the source, and says what there is in place of a top-level `def main`.

Wording, shared with the check outside the jail; <line> is a number, and the fault's line and column say the same:

| what the source has                   | message                                                                          |
|---------------------------------------|----------------------------------------------------------------------------------|
| nothing, or comments only             | the script is empty: define main() and return a value from it                    |
| main = …, main: T = …, for main in …  | main is assigned at line <line>: write def main(): ...                             |
| import main, from m import main       | main is imported at line <line>: write def main(): ... that calls it               |
| class main                            | main is a class at line <line>: write def main(): ...                              |
| any of those after a def main         | main is <reassigned|imported|a class> at line <line> after its def: remove that  |
| del main after a def main             | main is deleted at line <line> after its def: remove the del                     |
| def main in an if, try, for, …        | main is defined inside <if> at line <line>: move it to the top level             |
| def main in a class or function       | main is defined inside <class X|function f> at line <line>: move it to the top level |
| main = …, import, class in an if, …   | main is <assigned|…> inside <if> at line <line>: define it at the top level with def main(): ... |
| def Main, def _main, …                | no function named main: rename Main (line <line>) to main                        |
| one other function                    | no function named main: rename run (line <line>) to main, or define one that calls it |
| several                               | no function named main: define one at the top level; found functions: a, b       |
| none                                  | no function named main: define one at the top level                              |

Bindings inside compound statements after a top-level def are let through: whether they happen, only running tells.
"""

from __future__ import annotations

import builtins

from faults import FILE, NAME_OF, Refusal, character, fault, from_syntax_error, lines_of
from not_json import article

# See execution.py.
__builtins__ = dict(vars(builtins))  # type: ignore[assignment]

AST_ONLY = 0x400  # ast.PyCF_ONLY_AST
TOO_DEEP = "the source is nested too deeply for Python's compiler: split the long expression or the nested blocks"
SHOWN_FUNCTIONS = 8


def compiled(text: str):
    """The source's code object. A Refusal says what CPython has against it; MemoryError is real."""
    try:
        return compile(text, FILE, "exec", 0, True)
    except SyntaxError as error:
        raise Refusal(b"syntax_error", refused(error, text)) from None
    except RecursionError:
        raise Refusal(b"syntax_error", fault(TOO_DEEP)) from None
    except MemoryError as error:
        if not is_nesting(error, text):
            raise
        raise Refusal(b"syntax_error", fault(TOO_DEEP)) from None
    except Exception as error:
        raise Refusal(b"syntax_error", odd_source(error, text)) from None


def refused(error: SyntaxError, text: str) -> dict[str, object]:
    """The fault for a SyntaxError of the compiler."""
    return odd_source(error, text) if "\0" in text else from_syntax_error(error, text)


def odd_source(error: Exception, text: str) -> dict[str, object]:
    """The fault for a source that doesn't even reach the parser."""
    if "\0" not in text:
        return fault(f"Python refuses the source: {error}")
    before = text[: text.index("\0")]
    line = before.count("\n") + 1
    return fault("the source contains a NUL character: remove it", line, len(before) - before.rfind("\n"))


def is_nesting(error: MemoryError, text: str) -> bool:
    """Whether the parser's MemoryError is about its own bound on nesting, for which it says the same (pegen.h, MAXSTACK).

    Up to 3.11 the error has no text; then it is real if not even a part of what parsing takes can be had.
    """
    if error.args and "too complex" in str(error.args[0]):
        return True
    try:
        bytearray((4 << 20) + 16 * len(text))
    except MemoryError:
        return False
    return True


def require_callable(main: object, bound: bool) -> None:
    """Raises a Refusal if running the module has not left a `main` that can be called."""
    if callable(main):
        return
    name = NAME_OF(type(main))
    found = f"main is {article(name)} {name} after the script ran" if bound else "there is no main after the script ran"
    raise Refusal(b"missing_main", fault(f"{found}: define it at the top level with def main(): ..."))


def require_main(text: str, code) -> None:
    """Raises a Refusal unless the last top-level binding of `main` is a `def`."""
    try:
        tree = parsed(text)
    except (RecursionError, MemoryError):
        # Compiled, but too deep for a tree of objects: the code object tells less, but enough.
        if not any(getattr(constant, "co_name", None) == "main" for constant in code.co_consts):
            raise Refusal(b"missing_main", fault("no function named main: define one at the top level")) from None
        return
    found = Survey(tree).verdict()
    if found is not None:
        message, node = found
        line = column = None
        if node is not None:
            line, column = node.lineno, character(lines_of(text), node.lineno, node.col_offset)
        raise Refusal(b"missing_main", fault(message, line, column))


def parsed(text: str):
    """The syntax tree. Warnings were given when the source was compiled, and aren't given twice."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(text, FILE, "exec", AST_ONLY, True)


# The names of node classes stand for the classes: `ast` costs 10 ms to import, and newer versions add classes.
FUNCTIONS = ("FunctionDef", "AsyncFunctionDef")
IMPORTS = ("Import", "ImportFrom")
BLOCKS = {
    "If": "if", "Try": "try", "TryStar": "try", "For": "for", "AsyncFor": "for", "While": "while",
    "With": "with", "AsyncWith": "with", "Match": "match",
}  # fmt: skip


def name_of(node) -> str:
    """The name of a node's class."""
    return type(node).__name__


class Survey:
    """What a syntax tree has by the name of main."""

    def __init__(self, tree) -> None:
        self.body = tree.body

    def verdict(self):
        """None if main is there, else the message and the node it is about."""
        if not self.body:
            return "the script is empty: define main() and return a value from it", None
        bindings = [(how, node) for node in self.body for how in [binding(node)] if how]
        if bindings:
            how, node = bindings[-1]
            defined = any(how == "def" for how, _ in bindings)
            return None if how == "def" else (bound_otherwise(how, node, defined), node)
        return self.nested() or self.absent()

    def nested(self):
        """The first `main` that isn't at the top level: a function anywhere, else one bound in a block."""
        bound = None
        waiting = [(node, None, True) for node in reversed(self.body)]
        while waiting:
            node, place, same_scope = waiting.pop()
            kind = name_of(node)
            if place and kind in FUNCTIONS and node.name == "main":
                return f"main is defined inside {place} at line {node.lineno}: move it to the top level", node
            if place and same_scope and bound is None and binding(node):
                bound = f"main is {binding(node)} inside {place} at line {node.lineno}", node
            scope = kind == "ClassDef" or kind in FUNCTIONS
            inside = scope_name(node) if scope else BLOCKS.get(kind, place)
            waiting += [(child, inside, same_scope and not scope) for child in reversed(statements(node))]
        return bound and (f"{bound[0]}: define it at the top level with def main(): ...", bound[1])

    def absent(self):
        """There is no main at all: what may have been meant."""
        functions = [node for node in self.body if name_of(node) in FUNCTIONS]
        start = "no function named main: "
        for node in functions:
            if node.name.strip("_").casefold() == "main":
                return f"{start}rename {node.name} (line {node.lineno}) to main", node
        if len(functions) == 1:
            node = functions[0]
            return f"{start}rename {node.name} (line {node.lineno}) to main, or define one that calls it", node
        names = [node.name for node in functions[:SHOWN_FUNCTIONS]]
        more = ", ..." if len(functions) > len(names) else ""
        found = f"; found functions: {', '.join(names)}{more}" if names else ""
        return f"{start}define one at the top level{found}", None


def bound_otherwise(how: str, node, defined: bool) -> str:
    """The message for a top-level `main` whose last binding is no `def`."""
    at = f"at line {node.lineno}"
    if how == "deleted":
        return f"main is deleted {at}{' after its def' if defined else ''}: remove the del"
    if defined:
        return f"main is {'reassigned' if how == 'assigned' else how} {at} after its def: remove that"
    return f"main is {how} {at}: write def main(): ...{' that calls it' if how == 'imported' else ''}"


def binding(node) -> str | None:
    """How a statement, not looking into its blocks, binds `main`: def, a class, imported, assigned, deleted."""
    kind = name_of(node)
    if kind in FUNCTIONS:
        return "def" if node.name == "main" else None
    if kind == "ClassDef":
        return "a class" if node.name == "main" else None
    if kind in IMPORTS:
        names = [alias.asname or alias.name.partition(".")[0] for alias in node.names]
        return "imported" if "main" in names else None
    if any(is_main(target) for target in targets(node, kind)):
        return "deleted" if kind == "Delete" else "assigned"
    return None


def targets(node, kind: str) -> list:
    """The targets that a statement, not looking into its blocks, binds or deletes."""
    if kind in ("Assign", "Delete"):
        return node.targets
    if kind in ("AugAssign", "For", "AsyncFor"):
        return [node.target]
    if kind == "AnnAssign":
        return [node.target] if node.value is not None else []
    if kind == "TypeAlias":
        return [node.name]
    if kind in ("With", "AsyncWith"):
        return [item.optional_vars for item in node.items]
    if kind == "Expr" and name_of(node.value) == "NamedExpr":
        return [node.value.target]
    return []


def is_main(target) -> bool:
    """Whether a target is the name main, or unpacks into it."""
    waiting = [target]
    while waiting:
        one = waiting.pop()
        if getattr(one, "id", None) == "main":
            return True
        waiting += getattr(one, "elts", ())
        if name_of(one) == "Starred":
            waiting.append(one.value)
    return False


def scope_name(node) -> str:
    """`class X` or `function f`."""
    return f"{'class' if name_of(node) == 'ClassDef' else 'function'} {node.name}"


def statements(node) -> list:
    """The statements in a statement's blocks."""
    found: list = []
    for part in ("body", "handlers", "orelse", "finalbody", "cases"):
        found += getattr(node, part, None) or ()
    return found
