"""Part of show_house.py: imports, lengths, repeated lines."""

import ast
import importlib.util
import io
import keyword
import subprocess
import tempfile
import tokenize
from collections import defaultdict
from pathlib import Path

from _show import info, show

ROOT = Path(__file__).parent.parent
BEFORE = "a9e0b6a"  # the commit before this issue
PACKAGES = ("core", "models", "spice_lib", "netlist", "cosim", "sparams", "report", "api", "cli")
RUN = 12  # lines
THIN = set("()[]{},:")


def layout():
    """The rules of the layout, as the tests have them."""
    path = ROOT / "tests" / "core" / "test_layout.py"
    spec = importlib.util.spec_from_file_location("layout_rules", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shapes(path: Path) -> list[tuple[int, str]]:
    """Lines of code of a file, numbered, with names, strings and numbers made alike."""
    words: dict[int, list[str]] = defaultdict(list)
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.NAME:
            words[token.start[0]].append(token.string if keyword.iskeyword(token.string) else "n")
        elif token.type in (tokenize.NUMBER, tokenize.STRING):
            words[token.start[0]].append("0" if token.type == tokenize.NUMBER else "s")
        elif token.type == tokenize.OP:
            words[token.start[0]].append(token.string)
    lines = [(number, " ".join(line)) for number, line in sorted(words.items())]
    return [
        (number, line)
        for number, line in lines
        if set(line) - THIN - {" "} and not line.startswith(("from ", "import "))
    ]


def repeats(root: Path) -> list[tuple[str, str]]:
    """Pairs of places (file:line) that share RUN lines and more of one shape, each run once."""
    files = {}
    places: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            name = str(path.relative_to(root))
            files[name] = shapes(path)
            lines = [line for _, line in files[name]]
            for start in range(len(lines) - RUN + 1):
                window = lines[start : start + RUN]
                if len(set(window)) > RUN // 2:  # else a table of alike lines, which repeats itself
                    places["\n".join(window)].append((name, start))
    pairs = {
        (a, b, i - j, i)
        for found in places.values()
        for n, (a, i) in enumerate(found)
        for b, j in found[n + 1 :]
        if a != b or abs(i - j) >= RUN
    }
    begins = [(a, b, shift, i) for a, b, shift, i in pairs if (a, b, shift, i - 1) not in pairs]
    return sorted((f"{a}:{files[a][i][0]}", f"{b}:{files[b][i - shift][0]}") for a, b, shift, i in begins)


def old_tree(folder: Path) -> Path:
    """The project as it was before this issue."""
    archive = subprocess.run(["git", "archive", BEFORE], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder


def claims(quick: bool) -> None:
    """Print the claims."""
    rules = layout()
    heights, upward = rules.floors(rules.PACKAGES), 0
    graph = rules.nx.DiGraph()
    for path in rules.SOURCES:
        package, room = rules.rooms(rules.module(path))
        for name in rules.imported(path):
            graph.add_edge(rules.module(path), name)
            other, other_room = rules.rooms(name)
            inside = rules.floors(rules.ROOMS.get(package, []))
            upward += other != package and heights[other] >= heights[package]
            upward += other == package and room != other_room and inside and inside[other_room] >= inside[room]
    circles = [part for part in rules.nx.strongly_connected_components(graph) if len(part) > 1]
    show("import circles", str(len(circles)), "0", not circles)
    show("imports of a package or room above or beside", str(upward), "0", upward == 0)
    sources = [path for path in rules.SOURCES if path.relative_to(ROOT).parts[0] in PACKAGES]
    longest = max(sources, key=lambda path: len(path.read_text().splitlines()))
    lines = len(longest.read_text().splitlines())
    show(f"longest file: {longest.relative_to(ROOT)}", f"{lines} lines", "<= 350", lines <= 350)
    functions = [
        (node.end_lineno - node.lineno + 1, f"{path.relative_to(ROOT)}: {node.name}")
        for path in sources
        if not path.is_relative_to(ROOT / "cli")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    size, name = max(functions)
    show(f"longest function outside cli: {name}", f"{size} lines", "<= 60", size <= 60)
    with tempfile.TemporaryDirectory() as folder:
        before = repeats(old_tree(Path(folder)))
    after = repeats(ROOT)
    figure = f"{len(before)} before, {len(after)} now"
    show(f"pairs of {RUN} and more lines of one shape", figure, "at most a third left", 3 * len(after) <= len(before))
    for pair in after:
        info("  left: " + " ~ ".join(pair), "")
