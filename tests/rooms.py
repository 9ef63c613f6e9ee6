"""What the rooms of ``helpers`` may do, read from the code without running it.

Each function takes the folder of a project (``helpers/`` and ``notebooks/src/`` in it) and returns its problems as
sentences, so that the checks can be tried on a project made up for them.
"""

import ast
import re
from collections import defaultdict

#: The names that a learner has to hold, over all rooms.
MOST_NAMES = 80
#: Exported ahead of the chapter that will call it: no record of the book carries weights yet.
AHEAD = {"networks": {"load"}}
#: What only one room imports.
FRAMEWORKS = {"tensorflow", "keras"}


def parse(path):
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), path)


def room_of(path, root):
    """Return the name of the room that a file of ``helpers`` belongs to; ``__init__`` for the package's own."""
    return path.relative_to(root / "helpers").parts[0].removesuffix(".py")


def files(root):
    """Return the Python files of ``helpers``."""
    return sorted((root / "helpers").rglob("*.py"))


def packages(root):
    """Return ``{room: __init__.py}`` of the rooms that are packages."""
    return {path.parent.name: path for path in sorted((root / "helpers").glob("*/__init__.py"))}


def imports(path, root):
    """Return ``[(line, module)]`` of all imports in a file, those inside functions too, with their full names.

    ``from helpers import a`` counts as ``helpers.a``, and ``from . import b`` as what it stands for.
    """
    package = path.relative_to(root).with_suffix("").parts[:-1]
    imported = []
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            imported += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parent = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*parent, *filter(None, [node.module])])
            imported += [(node.lineno, f"{module}.{alias.name}") for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            imported += [(node.lineno, part.value) for part in node.args if isinstance(part, ast.Constant)]
    return imported


def exports(path):
    """Return ``(listed, bound)`` of an ``__init__.py``: the names in ``__all__``, and all public ones that it binds."""
    listed, bound = set(), set()
    for node in parse(path).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = {target.id for target in getattr(node, "targets", [getattr(node, "target", None)])}
            bound |= targets
            if "__all__" in targets:
                listed |= set(ast.literal_eval(node.value))
    return listed, {name for name in bound if not name.startswith("_")}


def taken_by(tree):
    """Return ``{room: {name, ...}}`` of what a piece of code takes from the rooms, by import or as an attribute.

    What it calls of ``helpers`` itself, such as ``start``, counts for a room of that name.
    """
    taken, rooms = defaultdict(set), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "helpers":
            rooms |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("helpers."):
            taken[node.module.removeprefix("helpers.")] |= {alias.name for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in rooms:
            taken[rooms[node.value.id]].add(node.attr)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in rooms:
            taken["helpers"].add(rooms[node.func.id])
    return taken


def calls(root):
    """Return ``{room: {name: [chapter, ...]}}`` of what the chapters, and ``start`` for them, take from each room."""
    callers = defaultdict(lambda: defaultdict(list))
    for path in [*sorted((root / "notebooks" / "src").glob("*.py")), *(root / "helpers").glob("_start.py")]:
        # In the cell that installs the package, the line that is commented out for Python is the block's only one.
        text = re.sub(r"^( +)# (?=%)", r"\1pass  # ", path.read_text(encoding="utf-8"), flags=re.M)
        for room, names in taken_by(ast.parse(text, path)).items():
            if path.stem == "_start" and room not in packages(root):
                continue  # a learner meets only what ``start`` hands on
            for name in names:
                callers[room][name].append(path.stem)
    return callers


def not_exported(tree, root):
    """Return what a piece of code takes from the packages of ``helpers`` and they do not export."""
    taken = [(room, name) for room, names in taken_by(tree).items() for name in names]
    listed = {room: exports(path)[0] for room, path in packages(root).items()}
    modules = {path.stem for path in (root / "helpers").glob("*.py")}
    return [
        f"helpers.{room}.{name}"
        for room, name in taken
        if room not in {"helpers", *modules} and name not in listed.get(room, ())
    ]


def face(root):
    """Return the problems of what the rooms show: exactly what the chapters call, and not too much of it."""
    taken, problems, shown = calls(root), [], 0
    for room, path in packages(root).items():
        listed, bound = exports(path)
        called = set(taken[room])
        ahead = AHEAD.get(room, set())
        problems += [f"helpers.{room}.{name} is called now: take it out of AHEAD" for name in sorted(ahead & called)]
        problems += [
            f"helpers.{room} exports {name}, which no chapter calls" for name in sorted(listed - called - ahead)
        ]
        problems += [
            f"{taken[room][name][0]} calls helpers.{room}.{name}, which is not exported"
            for name in sorted(called - listed)
        ]
        problems += [f"helpers/{room}/__init__.py has {name}, not in __all__" for name in sorted(bound - listed)]
        problems += [f"helpers/{room}/__init__.py lists {name}, which it has not" for name in sorted(listed - bound)]
        shown += len(listed)
        for file in sorted(path.parent.glob("*")):
            is_code = file.suffix == ".py" or (file / "__init__.py").exists()
            if is_code and not file.name.startswith("_"):
                problems.append(f"helpers/{room}/{file.name} is private: its name has to begin with an underscore")
    problems += [
        f"{chapters[0]} calls helpers.{room}.{name}, which is private"
        for room, names in taken.items()
        for name, chapters in names.items()
        if name.startswith("_") or ("._" in room and chapters != ["_start"])
    ]
    shown += sum(len(names) for room, names in taken.items() if "." not in room and room not in packages(root))
    if shown > MOST_NAMES:
        problems.append(f"{shown} names are too many to hold: at most {MOST_NAMES}")
    return problems


def frameworks(root):
    """Return the imports of TensorFlow and Keras outside ``helpers/networks``."""
    return [
        f"{path.relative_to(root)}:{line} imports {module}"
        for path in files(root)
        if room_of(path, root) != "networks"
        for line, module in imports(path, root)
        if module.split(".")[0] in FRAMEWORKS
    ]


def floors(root):
    """Return ``{room: floor}``, from the line in the docstring of ``helpers/__init__.py`` that draws the house.

    ``→`` leads to the next floor, and so does the ``;`` before the rooms that stand beside the others.
    """
    line = re.search(r"``(ham10000\b[^`]*→[^`]*)``", ast.get_docstring(parse(root / "helpers" / "__init__.py")))
    if not line:
        raise ValueError("the docstring of helpers/__init__.py has no line such as ``ham10000 → data; plots``")
    storeys = re.split(r"→|;", line.group(1))
    return {room: floor for floor, storey in enumerate(storeys) for room in re.findall(r"\w+", storey)}


def order(root):
    """Return the imports that lead from a room to one that does not stand on a floor below it."""
    floor, problems = floors(root), []
    # What begins with an underscore stands above all rooms: the package itself, and ``start``.
    rooms = {room for path in files(root) if not (room := room_of(path, root)).startswith("_")}
    problems += [f"{room} is missing from the line in helpers/__init__.py" for room in sorted(rooms - set(floor))]
    problems += [f"{room} of the line in helpers/__init__.py is not there" for room in sorted(set(floor) - rooms)]
    for path in files(root):
        room = room_of(path, root)
        for line, module in imports(path, root):
            parts = module.split(".")
            if parts[0] != "helpers" or len(parts) < 2 or room not in floor:
                continue
            target = parts[1]
            if (root / "helpers" / f"_{target.removeprefix('_')}.py").exists():
                problems.append(f"{path.relative_to(root)}:{line}: {room} imports {target}, which is above all rooms")
            if target in floor and target != room and floor[target] >= floor[room]:
                problems.append(f"{path.relative_to(root)}:{line}: {room} imports {target}, which is not below it")
    return problems
