"""Part of show_house.py: how many files of ours a new thing touches, by putting those of docs/extend.md among them.

Each extension of tests/plugin/ is put into a copy of this tree, as ours; what differs then is counted, and
tests/plugin/drive.py uses it there in a process of its own, where no package is installed that brings it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from _show import info, show

from resonet.core.plugins import plugged_groups

__all__ = ["claims"]

ROOT = Path(__file__).resolve().parent.parent
PLUGIN = ROOT / "tests" / "plugin"
EXAMPLE = PLUGIN / "resonet_example"
PACKAGES = ("core", "models", "spice_lib", "netlist", "cosim", "sparams", "report", "api", "cli", "examples")


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def _device(tree: Path) -> None:
    shutil.copy(EXAMPLE / "attenuator.py", tree / "models" / "device")
    for suffix in (".lib", ".va"):
        shutil.copy(EXAMPLE / f"attenuator{suffix}", tree / "spice_lib")


def _operator(tree: Path) -> None:
    text = (EXAMPLE / "running_sum.py").read_text(encoding="utf-8")
    _write(tree / "netlist/network/onnx/operators/running_sum.py", f"{text}OPERATORS = (CUM_SUM,)\n")


def _copied(name: str, folder: str) -> Callable[[Path], None]:
    return lambda tree: (shutil.copy(EXAMPLE / name, tree / folder), None)[1]


def _into_table(name: str, record: str, file: str) -> Callable[[Path], None]:
    """An extension whose table stands in the file that it goes into: its code before the table, its record in it."""

    def put(tree: Path) -> None:
        own, ours = (EXAMPLE / name).read_text(encoding="utf-8"), (tree / file).read_text(encoding="utf-8")
        code = own.partition('"""')[2].partition('"""')[2]
        imports = re.findall(r"^(?:from|import) .*\n", code, re.MULTILINE)
        module = f"resonet.{file.removesuffix('.py').replace('/', '.')}"
        body = re.sub(r"^(?:from|import) .*\n", "", code, flags=re.MULTILINE)
        head = "".join(line for line in imports if module not in line)
        table = re.search(r"^OURS = \(", ours, re.MULTILINE)
        assert table, file
        before, after = ours[: table.start()], ours[table.end() :]
        first = re.search(r"^(?:from|import) ", before, re.MULTILINE)
        assert first, file
        before = before[: first.start()] + head + before[first.start() :]
        _write(tree / file, f"{before}{body.strip()}\n\n\nOURS = ({record}, {after}")

    return put


# What, how it becomes ours, checks of drive.py that need it (beside what the example network needs), most files.
NEW: tuple[tuple[str, Callable[[Path], None], str, int], ...] = (
    ("a compact model (record; .lib and .va as one)", _device, "device", 2),
    ("a linear ONNX operator", _operator, "onnx_operator", 1),
    ("an activation", _copied("arctangent.py", "netlist/network/activations"), "activation", 1),
    ("an engine", _into_table("divided.py", "DIVIDED", "cosim/weights/engines.py"), "engine", 1),
    ("a dialect", _copied("xyce.py", "netlist/spice"), "dialect", 1),
    ("an arrangement", _into_table("column.py", "COLUMN", "netlist/strip/arrangement.py"), "arrangement", 1),
    ("a command", _copied("netlists.py", "cli/commands"), "command", 1),
)


def _copy(folder: Path) -> Path:
    """Packages as they stand."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "build"))
    return folder


def _contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield str(path.relative_to(folder)), path.read_bytes()


def _touched(before: dict[str, bytes], after: dict[str, bytes]) -> list[str]:
    """Files added or changed, .lib and .va of one name as one."""
    names = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return sorted({re.sub(r"\.(lib|va)$", ".lib/.va", name) for name in names})


def _drive(tree: Path, names: list[str]) -> tuple[dict[str, object], str]:
    """What drive.py finds with a tree in the place of ours, and what it complains of."""
    path = tree / "path" / "resonet"
    path.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        if not (path / package).exists():
            (path / package).symlink_to(tree / package)
    env = os.environ | {"PYTHONPATH": str(path.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    from_there = (
        "import resonet.core, runpy, sys; assert sys.argv.pop(1) in resonet.core.__file__, resonet.core.__file__"
    )
    code = f"{from_there}; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    with tempfile.TemporaryDirectory() as work:
        command = [sys.executable, "-c", code, str(path.parent), str(PLUGIN / "drive.py"), work, *names]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    told = done.stderr.strip().splitlines()
    return (json.loads(done.stdout) if done.returncode == 0 else {}), (told[-1] if told and done.returncode else "")


def claims(quick: bool) -> None:
    """Print the claims."""
    if plugged_groups():
        info("a package with plug-ins is installed: what follows may be its doing", "")
    with tempfile.TemporaryDirectory() as folder:
        tree = _copy(Path(folder))
        known = dict(_contents(tree))
        files = []
        for _, put, _, _ in NEW:
            put(tree)
            now = dict(_contents(tree))
            files.append(_touched(known, now))
            known = now
        found, complaint = _drive(tree, [check for _, _, check, _ in NEW])
        for (what, _, check, most), names in zip(NEW, files, strict=True):
            used = "" if check in found else f", NOT USED {complaint}"
            good = check in found and len(names) <= most
            show(f"files to touch: {what}", f"{len(names)}{used}", f"{most}, and it is used", good)
            info("  " + ", ".join(names), "")
        if not quick:
            bare, complaint = _drive(_copy(Path(folder) / "bare"), [])
            show("without them the same checks fail", complaint[:60] or "they pass", "fail", not bare)
