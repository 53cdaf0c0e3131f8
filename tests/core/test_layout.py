"""The rules of the layout: imports go one way, between packages and inside them, and are light."""

import ast
import subprocess
import sys
import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[2]
# Floors of the house, lowest first; rooms on one floor know nothing of each other.
PACKAGES = [
    ["core"],
    ["models"],
    ["spice_lib"],
    ["netlist"],
    ["cosim"],
    ["sparams", "report"],
    ["api"],
    ["cli"],
    ["examples"],
]
ROOMS = {
    "models": [["resonator"], ["line", "circuit", "neuron", "fit", "presets"], ["device"]],
    "netlist": [
        ["network", "spice"],
        ["planning", "strip", "crossbar"],
        ["programming"],
        ["chips"],
        ["bus"],
        ["design"],
        ["cascade"],
    ],
    "cosim": [
        ["ngspice"],
        ["weights", "bench", "fixed_step"],
        ["noise"],
        ["calibration", "strip", "crossbar", "referee"],
        ["feed", "chips", "saturation"],
        ["cascade", "operate"],
        ["sweep"],
        ["montecarlo"],
        ["robust"],
    ],
}
HEAVY = (
    "matplotlib",
    "torch",
    "onnx",
    "onnxruntime",
    "PySpice",
    "skrf",
    "xarray",
    "pandas",
    "scipy",
    "numba",
    "networkx",
)
LONGEST, LONGEST_FUNCTION = 350, 60  # lines
SOURCES = [path for floor in PACKAGES for package in floor for path in sorted((ROOT / package).rglob("*.py"))]
FACES = [path for path in SOURCES if path.name == "__init__.py" and path.with_suffix(".pyi").is_file()]


def floors(table):
    return {room: height for height, floor in enumerate(table) for room in floor}


def module(path: Path) -> str:
    return "resonet." + ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module(path) for path in SOURCES}


@cache
def imported(path: Path) -> list[str]:
    """Modules of ours that a file imports, wherever in the file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else node.module for name in names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found += [name for name in names if name.startswith("resonet.")]
    return found


def rooms(name: str) -> tuple[str, str]:
    """Package of a module, and its room there ("" where it stands in none)."""
    package, _, rest = name.removeprefix("resonet.").partition(".")
    room = rest.partition(".")[0]
    return package, room if room in floors(ROOMS.get(package, [])) else ""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path):
    package, room = rooms(module(path))
    heights = floors(PACKAGES)
    for name in imported(path):
        other, other_room = rooms(name)
        assert other == package or heights[other] < heights[package], f"{path} imports {name}"
        if other == package and package in ROOMS:
            inside = floors(ROOMS[package])
            assert room == other_room or inside[other_room] < inside[room], f"{path} imports {name}"


def test_no_imports_in_a_circle():
    graph = nx.DiGraph((module(path), name) for path in SOURCES for name in imported(path))
    assert [sorted(part) for part in nx.strongly_connected_components(graph) if len(part) > 1] == []


@pytest.mark.parametrize("package", ROOMS)
def test_every_room_has_its_floor(package):
    folders = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    assert folders == set(floors(ROOMS[package]))
    assert [path.name for path in (ROOT / package).glob("*.py")] == ["__init__.py"]


def test_every_package_is_installed_from_its_folder():
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {module(path.parent / "__init__.py") for path in SOURCES if path.name == "__init__.py"}
    assert set(setuptools["packages"]) == {"resonet", *folders}
    places = {f"resonet.{package}": package for package in floors(PACKAGES)}
    assert setuptools["package-dir"] == {"resonet": ".", **places}
    assert not (ROOT / "resonet").exists()


def test_the_package_itself_has_the_first_verbs():
    code = f"import sys, resonet; print(*[m for m in {HEAVY!r} if m in sys.modules]); print(*resonet.__all__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    verbs = {"accuracy", "calibrate", "compile", "crosstalk", "effective_weights", "levels", "load", "montecarlo"}
    verbs |= {"sparameters", "sweep", "write_report"}
    older = {"Design", "compile_cnn", "from_keras", "from_torch", "read_cnn"}
    assert set(done.stdout.split()) == verbs | older | {"EngineError", "InputError", "__version__", "report"}
    for names, place in ((verbs, "resonet.api"), (older, "resonet.netlist")):
        for name in names:
            assert getattr(import_module("resonet"), name) is getattr(import_module(place), name)


@pytest.mark.parametrize("path", FACES, ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_a_face_shows_what_is_there(path):
    face = import_module(module(path))
    assert face.__all__
    for name in face.__all__:
        found = getattr(face, name)
        assert type(found) is not type(face), f"{face.__name__}.{name} is a module"


@pytest.mark.parametrize(
    "package", ["core", "models", "spice_lib", "netlist", "cosim", "sparams", "report", "api", "cli", "cli.main"]
)
def test_importing_a_package_is_light(package):
    code = f"import sys, resonet.{package}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_and_no_function_is_too_long(path):
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST
    if path.is_relative_to(ROOT / "cli"):
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < LONGEST_FUNCTION, node.name
