"""Names in cells, and what a test cell may do with the student's.

A test cell runs in another process than the student's work, where a name that the task asked for is a proxy.
It may use builtins, names bound by locked cells and the names it declares in `# asks:`, and only in ways that
mean the same in one process and across two.
"""

from __future__ import annotations

import ast
import builtins
import dis
import re
import types
import warnings
from collections.abc import Callable, Iterator

from autograder.source import Cell, Finding, Source, asked_names, task_text

# They reach names that no check of the text can see.
REFUSED_NAMES = {"eval", "exec", "compile", "globals", "locals", "vars", "dir", "__import__", "get_ipython"}
_REFLECTION = {"getattr", "setattr", "hasattr", "delattr"}
# Asked of a proxy, these answer for the proxy.
_TYPE_QUESTIONS = {"isinstance", "issubclass", "type", "id", "signature", "getsource"}
_BUILTINS = set(dir(builtins)) | {"display"}

_READS = {"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"}
_DELETES = {"DELETE_NAME", "DELETE_GLOBAL"}
_BINDS_GLOBALLY = {"STORE_GLOBAL", "DELETE_GLOBAL"}
_BINDS = {"STORE_NAME", "DELETE_NAME"} | _BINDS_GLOBALLY


def compiled(code: str) -> types.CodeType:
    """A cell's bytecode. Raises SyntaxError; magics and shell lines are no Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        return compile(code, "<cell>", "exec", dont_inherit=True, optimize=0)


def bound_names(code: str) -> set[str]:
    """Names that running a cell binds or deletes in the notebook's namespace."""
    module, *nested = _blocks(compiled(code))
    bound = {name for op, name in _steps(module) if op in _BINDS}
    return bound | {name for block in nested for op, name in _steps(block) if op in _BINDS_GLOBALLY}


def free_names(code: str) -> set[str]:
    """Names that a cell uses from outside it, builtins included, over all nested scopes.

    Read from the bytecode, which knows the order: `w = w[0]` and a class body `w = w` read the notebook's w.
    The symbol table does not, and since Python 3.12 it shows variables of comprehensions as the cell's own.
    """
    module, *nested = _blocks(compiled(code))
    free = _read_before_bound(module)
    inner = set().union(*map(_read_before_bound, nested)) - bound_names(code)
    # The compiler itself reads `__annotations__` and the like; test cells may name none of them.
    return {name for name in free | inner if not _is_dunder(name)}


def definitions(code: str) -> dict[str, str]:
    """Names bound at the top of a cell, each with its last signature; methods as `Net.forward`."""
    found: dict[str, str] = {}
    for node in ast.parse(code).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name] = f"({ast.unparse(node.args)})"
        elif isinstance(node, ast.ClassDef):
            found[node.name] = f" class({', '.join(map(ast.unparse, node.bases))})"
            methods = (member for member in node.body if isinstance(member, ast.FunctionDef))
            found |= {f"{node.name}.{method.name}": f"({ast.unparse(method.args)})" for method in methods}
        else:
            found |= dict.fromkeys(bound_names(ast.unparse(node)), " variable")
    return found


def _blocks(code: types.CodeType) -> Iterator[types.CodeType]:
    """A code object and all that are nested in it: functions, lambdas, class bodies, comprehensions."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _blocks(constant)


def _steps(code: types.CodeType) -> Iterator[tuple[str, str]]:
    return ((step.opname, step.argval) for step in dis.get_instructions(code))


def _read_before_bound(code: types.CodeType) -> set[str]:
    """Names that one code object reads (or deletes) from outside, local variables of functions aside."""
    stored: set[str] = set()
    early: set[str] = set()
    for op, name in _steps(code):
        if op in _BINDS - _DELETES:
            stored.add(name)
        elif op in _READS | _DELETES and name not in stored:
            early.add(name)
    return early


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def check_names(source: Source, shown: list[str], at: Callable[..., Finding]) -> Iterator[Finding]:
    """Locked cells stand on their own; a test cell uses what it declares, and that can be there.

    `shown` holds the text of each cell in the handout.
    """
    known: set[str] = set()
    defined: set[str] = set()
    for index, (cell, text) in enumerate(zip(source.cells, shown, strict=True)):
        if cell.role == "locked":
            yield from _locked_cell(cell, known, at)
            known |= bound_names(cell.text)
        elif cell.role == "answer":
            defined |= {name for name in definitions(text) if "." not in name}
        elif cell.role == "test":
            yield from _test_cell(cell, text, known, defined, task_text(source, index), at)
    asked = {name for cell in source.cells if cell.role == "test" for name in asked_names(cell)}
    for cell in source.cells:
        if cell.role == "locked" and (given := asked & bound_names(cell.text)):
            got = f"{sorted(given)}, which a test asks the student for"
            yield at(cell, "locked", got, "only what is given", "rename it, or take it out of `# asks:`")


def _locked_cell(cell: Cell, known: set[str], at: Callable[..., Finding]) -> Iterator[Finding]:
    imports = [node for node in ast.walk(ast.parse(cell.text)) if isinstance(node, ast.ImportFrom)]
    if any(alias.name == "*" for node in imports for alias in node.names):
        yield at(cell, "locked", "`from ... import *`", "imports by name", "name what is imported")
    elif lost := free_names(cell.text) - known - _BUILTINS:
        expected = "names of earlier locked cells only (it also runs where the student's work is not)"
        fix = "bind them in a locked cell, or give the cell another role"
        yield at(cell, "locked", f"the names {sorted(lost)}", expected, fix)


def _test_cell(
    cell: Cell, shown: str, known: set[str], defined: set[str], text: str, at: Callable[..., Finding]
) -> Iterator[Finding]:
    """One test cell; `shown` is its text in the handout, `text` the task's markdown."""
    asked = asked_names(cell)
    if not asked or len(set(asked)) < len(asked) or not all(name.isidentifier() for name in asked):
        got = f"first line {cell.text.split(chr(10), 1)[0]!r}"
        fix = "declare the names that the task asks the student for"
        yield at(cell, "asks", got, "`# asks: name, other_name`, each once", fix, row=1)
        return
    used = free_names(cell.text) - known
    if extra := used - set(asked) - _BUILTINS:
        expected = f"builtins, names bound by locked cells and {list(asked)}"
        fix = "import it in a locked cell, declare it in `# asks:`, or do without"
        yield at(cell, "asks", f"{sorted(extra)} used, not declared", expected, fix)
    if unused := set(asked) - used:
        fix = "take them out of `# asks:`, or test them"
        yield at(cell, "asks", f"{sorted(unused)} declared, not used", "only names that the test uses", fix)
    if lost := set(asked) - defined:
        expected = f"names that the stubs above define: {sorted(defined)}"
        fix = "define them outside the solution region (`def`, `class` or `name = None`)"
        yield at(cell, "asks", f"{sorted(lost)} asked", expected, fix)
    spans = " ".join(re.findall(r"```.*?```|`[^`]+`", text, flags=re.DOTALL))
    if silent := [name for name in asked if not re.search(rf"\b{name}\b", spans)]:
        fix = "say in the text above what to define"
        yield at(cell, "asks", f"{silent} not in the task's text", "each asked name in `backticks`", fix)
    if bound := set(asked) & bound_names(cell.text):
        fix = "use another name for the result"
        got = f"{sorted(bound)} assigned or deleted"
        yield at(cell, "test", got, "asked names that are only called and read", fix)
    yield from _constructs(cell, set(asked), at)
    for code in dict.fromkeys((cell.text, shown)):
        body = ast.parse(code).body
        last = ast.unparse(body[-1]) if body else ""
        if not body or not isinstance(body[-1], ast.Expr) or last.startswith("print(") or _muted(code):
            expected = "an expression that gives the points, a Python float"
            fix = "end with it, outside hidden regions and without `;`"
            yield at(cell, "test", f"last statement `{last[:60]}`", expected, fix)


def _muted(code: str) -> bool:
    """Whether the last value stays unseen: nbgrader gives a cell that ends in `;` full points."""
    lines = [line.split("#")[0].rstrip() for line in code.split("\n") if line.split("#")[0].strip()]
    return bool(lines) and lines[-1].endswith(";")


def _constructs(cell: Cell, asked: set[str], at: Callable[..., Finding]) -> Iterator[Finding]:
    """What reaches past the checked names, or means something else when a call goes to another process."""
    tree = ast.parse(cell.text)
    local = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for node in ast.walk(tree):
        if fault := _refused(node, asked, local):
            fix = "test what comes back from a call, as numbers, strings and arrays"
            fix = "import it in a locked cell" if fault.startswith(("import ", "from ")) else fix
            expected = "calls of the asked names and plain data"
            yield at(cell, "test", f"`{fault}`", expected, fix, row=node.lineno)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "exam.task":
            points = {k.arg: getattr(k.value, "value", None) for k in node.keywords}.get("points")
            given = [getattr(argument, "value", None) for argument in node.args[:1]]
            if given != [cell.task] or points != cell.options.get("points"):
                expected = f"exam.task({cell.task!r}, points={cell.options.get('points')!r})"
                fix = "say the same as the cell's marker line"
                yield at(cell, "points", f"`{ast.unparse(node)}`", expected, fix, row=node.lineno)


def _refused(node: ast.AST, asked: set[str], local: set[str]) -> str | None:
    """The text of a construct that has no place in a test cell, or None."""
    refused = False
    if isinstance(node, ast.Import | ast.ImportFrom):
        refused = True
    elif isinstance(node, ast.Name):
        refused = node.id in REFUSED_NAMES or _is_dunder(node.id)
    elif isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
        refused = _root(node) in asked
    elif isinstance(node, ast.Attribute):
        refused = node.attr == "backward" or _is_dunder(node.attr)
    elif isinstance(node, ast.Compare) and any(isinstance(op, ast.Is | ast.IsNot) for op in node.ops):
        refused = bool({_root(side) for side in (node.left, *node.comparators)} & asked)
    elif isinstance(node, ast.Call):
        refused = _refused_call(node, asked, local)
    return ast.unparse(node) if refused else None


def _refused_call(node: ast.Call, asked: set[str], local: set[str]) -> bool:
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    if name in _TYPE_QUESTIONS and {_root(argument) for argument in node.args} & asked:
        return True
    if name in _REFLECTION and len(node.args) > 1:
        attribute = node.args[1]
        return not isinstance(attribute, ast.Constant) or str(attribute.value).startswith("__")
    if _root(node.func) in asked:  # functions cannot travel
        values = (*node.args, *(keyword.value for keyword in node.keywords))
        return any(isinstance(v, ast.Lambda | ast.GeneratorExp) or _root(v) in local for v in values)
    return False


def _root(node: ast.AST) -> str | None:
    """`model` of `model` and `model.layers[0]`; None of a call, as what comes back from it is data."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None
