"""Programs that nobody wrote, and copies of programs in disguise, for the tests of similarity."""

import ast
import builtins

import numpy as np


def program(seed, *, functions=8, lines=8):
    """Python code of some functions of simple statements, unlike that of any other seed."""
    rng = np.random.default_rng(seed)

    def term(depth=0):
        kind = rng.integers(6 if depth < 3 else 2)
        if kind == 0:
            return str(rng.integers(100))
        if kind == 1:
            return rng.choice(["x", "y", "total", "rows"])
        if kind == 2:
            return f"{term(depth + 1)} {rng.choice(['+', '-', '*', '/', '//', '%'])} {term(depth + 1)}"
        if kind == 3:
            return f"{rng.choice(['abs', 'len', 'sum', 'f0'])}({term(depth + 1)})"
        if kind == 4:
            return f"rows[{term(depth + 1)}]"
        return f"({term(depth + 1)}, {term(depth + 1)})"

    def statement(indent):
        kind = rng.integers(5)
        if kind == 0 and indent < 3:
            head = rng.choice([f"for y in {term()}:", f"if {term()} < {term()}:", f"while {term()} > {term()}:"])
            return f"{'    ' * indent}{head}\n{statement(indent + 1)}"
        texts = [f"x = {term()}", f"total += {term()}", f"rows.append({term()})", f"y = [{term()} for x in {term()}]"]
        return "    " * indent + rng.choice(texts)

    found = []
    for k in range(functions):
        body = "\n".join(statement(1) for _ in range(lines))
        found.append(f'def f{k}(x, y, rows):\n    """What f{k} does."""\n{body}\n    return total\n')
    return "\n\n".join(found)


def disguise(code, *, seed=0, inserted=0.0):
    """A copy that works alike: names and half of the numbers changed, comments gone, functions in another order, and
    a new statement before the share `inserted` of the statements of each function.
    """
    rng = np.random.default_rng(seed)
    tree = ast.parse(code)
    own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    own |= {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    own -= {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)} | set(dir(builtins)) | {"__init__"}
    new = {name: f"{rng.choice(list('abcdefgh'))}_{k}" for k, name in enumerate(sorted(own))}

    class Changed(ast.NodeTransformer):
        def visit_Name(self, node):
            node.id = new.get(node.id, node.id)
            return node

        def visit_arg(self, node):
            node.arg = new.get(node.arg, node.arg)
            return node

        def visit_Constant(self, node):
            if type(node.value) in (int, float) and rng.random() < 0.5:
                node.value += 1
            return node

        def visit_ClassDef(self, node):
            self.generic_visit(node)
            node.name = new.get(node.name, node.name)
            return node

        def visit_FunctionDef(self, node):
            self.generic_visit(node)
            node.name = new.get(node.name, node.name)
            body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            node.body = []
            for line in body:
                if rng.random() < inserted:
                    node.body.append(ast.parse(rng.choice(["print('here')", "unused = None", "assert True"])).body[0])
                node.body.append(line)
            return node

    tree = Changed().visit(tree)
    tree.body = [tree.body[k] for k in rng.permutation(len(tree.body))]
    return "# mine\n" + ast.unparse(ast.fix_missing_locations(tree)).replace("\n", "  # note\n", 3)
