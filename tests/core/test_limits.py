"""Every warning of validity is given just beyond its limit, and not just within it."""

import ast
from pathlib import Path

import pytest
from limits import CASES, World

from resonet.core.validity import CODES, collected

ROOT = Path(__file__).parents[2]
PACKAGES = ("core", "models", "spice_lib", "netlist", "cosim", "sparams", "report", "api", "cli", "examples")
RELAYS = {"core/touchstone/read.py:read", "cosim/sweep/study.py:_warn_again"}  # they pass on what others warned of


def places() -> dict[str, set[str | None]]:
    """Codes of each place, file and function, that calls `warn`; None for one that is no constant."""
    found: dict[str, set[str | None]] = {}
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "warn(" not in text:
            continue
        tree = ast.parse(text)
        constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef):
                continue
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "warn":
                    code = call.args[0]
                    known = code.value if isinstance(code, ast.Constant) else constants.get(getattr(code, "id", ""))
                    found.setdefault(f"{path.relative_to(ROOT)}:{function.name}", set()).add(known)
    return found


def test_every_place_that_warns_has_a_case() -> None:
    """A new warning needs a case in tests/limits.py."""
    found = places()
    assert {place for place, codes in found.items() if None in codes} == RELAYS
    assert {(place, code) for place in found.keys() - RELAYS for code in found[place]} == set(CASES)


def test_every_code_is_given_somewhere() -> None:
    assert {code for _, code in CASES} == set(CODES)


@pytest.mark.parametrize("beyond", [True, False], ids=["beyond", "within"])
@pytest.mark.parametrize(("place", "code"), CASES, ids=lambda part: part.rpartition("/")[2])
def test_both_sides_of_every_limit(
    place, code, beyond, tmp_path, monkeypatch, small_model, small_design, small_folder
) -> None:
    with collected() as told:
        CASES[place, code](World(beyond, tmp_path, monkeypatch, small_model, small_design, small_folder))
    assert (code in {one.code for one in told}) == beyond, told
