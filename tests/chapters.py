"""What the tests read out of a chapter's source: its exercises, and the names that these stand on."""

import ast
import re
from dataclasses import dataclass

from tools import notebooks

SOURCES = notebooks.sources()


def tags(cell):
    """Return a cell's tags."""
    return cell.metadata.get("tags", [])


@dataclass(frozen=True)
class Task:
    """An exercise as it stands in a notebook: the code of its cells, and the check's call in the check cell."""

    slug: str
    stub: str
    check: str
    solution: str


def tasks(notebook):
    """Return the exercises of a notebook as ``{slug: Task}``."""
    exercises = {}
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type != "markdown" or not re.search(r"^### Exercise: \S", cell.source, re.M):
            continue
        after = notebook.cells[place + 1 :]
        stub = next((c.source for c in after if "stub" in tags(c)), "")
        check = next((c.source for c in after if c.source.startswith("checks.check(")), "")
        solution = next((c.source for c in after if "solution" in tags(c)), "")
        slug = re.match(r'checks\.check\("([a-z0-9-]+)", ', check).group(1)
        exercises[slug] = Task(slug, stub, check, solution)
    return exercises


def namespace(notebook, names):
    """Return the names an exercise may stand on: what the notebook imports, and ``names``, such as ``ham``.

    So a learner can go straight to any exercise.
    """
    space = dict(names)
    for cell in notebook.cells:
        if cell.cell_type == "code" and "setup" not in tags(cell):
            imports = [node for node in ast.parse(cell.source).body if isinstance(node, ast.Import | ast.ImportFrom)]
            exec(compile(ast.Module(imports, []), "<imports>", "exec"), space)
    return space


def run(notebook):
    """Run a chapter's cells in this process, without its exercises' checks, and return its names."""
    space = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and not {"setup", "stub"} & set(tags(cell)):
            code = re.sub(r"^checks\.check\(.*\)$", "", cell.source, flags=re.M)
            exec(compile(code, cell.source.splitlines()[0], "exec"), space)
    return space
