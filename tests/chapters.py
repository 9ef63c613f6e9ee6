"""What the tests read out of a chapter's source: its exercises, and the earlier cells that a cell stands on."""

import ast
import builtins
import re
from dataclasses import dataclass

from tools import notebooks

SOURCES = notebooks.sources()


def number(path):
    """Return a chapter's number."""
    return int(path.stem[:2])


def tags(cell):
    """Return a cell's tags."""
    return cell.metadata.get("tags", [])


@dataclass(frozen=True)
class Task:
    """An exercise as it stands in a notebook: the code of its cells, and the check's call in the check cell."""

    number: str
    place: int
    stub: str
    check: str
    solution: str


def tasks(notebook):
    """Return the exercises of a notebook as ``{number: Task}``."""
    found = {}
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type != "markdown" or not (head := re.search(r"^### Exercise (\d+\.\d+): \S", cell.source, re.M)):
            continue
        after = notebook.cells[place + 1 :]
        cells = {
            "stub": next((c.source for c in after if "stub" in tags(c)), ""),
            "check": next((c.source for c in after if c.source.startswith("checks.check(")), ""),
            "solution": next((c.source for c in after if "solution" in tags(c)), ""),
        }
        found[head.group(1)] = Task(head.group(1), place, **cells)
    return found


def _names(code):
    """Return the names that the code binds or changes, and those that it reads."""
    bound, read = set(), set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            root = node
            while isinstance(root, ast.Attribute | ast.Subscript):
                root = root.value
            if isinstance(root, ast.Name):
                bound.add(root.id)
    return bound, read


def namespace(notebook, task, given):
    """Run the earlier cells that an exercise stands on, and no others; return their names.

    ``given`` holds names that need not be computed, such as ``ham``.
    """
    wanted = set().union(*(_names(code)[1] for code in (task.stub, task.check, task.solution)))
    wanted -= set(dir(builtins)) | set(given)
    chosen = []
    for cell in reversed(notebook.cells[: task.place]):
        if cell.cell_type != "code" or {"setup", "stub", "solution", "assertion"} & set(tags(cell)):
            continue
        bound, read = _names(cell.source)
        if bound & wanted:
            chosen.append(cell.source)
            wanted |= read - set(dir(builtins)) - set(given)
    names = dict(given)
    for code in reversed(chosen):
        exec(compile(code, "<cell>", "exec"), names)
        names |= given
    return names
