"""The rules of the layout: imports go one way, and importing a package is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LEVEL = {
    "core": -1,
    "models": 0,
    "spice_lib": 1,
    "netlist": 2,
    "cosim": 3,
    "sparams": 4,
    "report": 4,
    "cli": 5,
    "examples": 6,
}
HEAVY = ("matplotlib", "torch", "onnx", "PySpice", "skrf", "xarray", "pandas", "scipy.integrate", "numba")


def imported(path: Path):
    """Packages X of every `resonet.X` that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith("resonet."))


@pytest.mark.parametrize("package", LEVEL)
def test_imports_go_one_way(package):
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        for other in imported(path):
            assert other == package or LEVEL[other] < LEVEL[package], f"{path} imports resonet.{other}"


def test_every_package_is_installed_from_its_folder():
    import tomllib

    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert setuptools["packages"] == list(setuptools["package-dir"])
    assert {name.split(".")[1] for name in setuptools["packages"]} == set(LEVEL)
    assert not (ROOT / "resonet").exists()


@pytest.mark.parametrize(
    "package", ["core", "models", "spice_lib", "netlist", "cosim", "sparams", "report", "cli", "cli.main"]
)
def test_importing_a_package_is_light(package):
    code = f"import sys, resonet.{package}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_no_file_is_too_long():
    for package in LEVEL:
        for path in (ROOT / package).rglob("*.py"):
            assert len(path.read_text().splitlines()) <= 420, path
