"""Run the code blocks of README and docs/: commands and Python, page by page, each page in a folder of its own.

    python docs/tools/blocks.py                        # all pages
    python docs/tools/blocks.py docs/how docs/extend.md

Commands are indented blocks or ```console; Python is ```python, with one namespace a page, or a file where the line
before is "`NAME.py`:". A folder holds what pages speak of, as a small network: model.onnx, mnist.onnx (the digits),
images.npz, cal.npz, calibration.npz, scales.npz, test.npz, examples/, and the calibrated designs build and other.
Comments in a page:

    <!-- skip: next "why it cannot be run here" -->    (also start ... end, for several blocks)
    <!-- quick: 7:log => 2:log; --chains 12 => --chains 2 -->    the short form of the next block
    <!-- given: design held images -->    names that Python takes as given, of build and test.npz
    <!-- status: 1 -->    the exit status that the next block ends with, where the physics says no

Prints what ran, what was left out and why; exit status 1 if a block failed.
"""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from unittest import SkipTest

from sybil import Document, Example, Region, Sybil
from sybil.parsers.abstract.lexers import BlockLexer
from sybil.parsers.markdown import SkipParser
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer, FencedCodeBlockLexer

__all__ = ["Outcome", "pages", "run_page"]

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ROOT / "examples" / "digits"
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^ {4}.*\n)+(?:\n?(?:^ {4}.*\n)+)*", re.MULTILINE)
COMMAND = re.compile(r"^ {4}(?:\S*/)?(?:resonet|ngspice|python|make|pip|apt-get)\b", re.MULTILINE)
NAMED = re.compile(r"^`([\w./-]+)`:\n\n?\Z", re.MULTILINE)
LONGEST = 900.0  # s, of a block


class BlockFailed(Exception):
    """A block that did not do what its page says; the text is what it said itself."""


@dataclass
class Outcome:
    """What became of the blocks of a page."""

    ran: int = 0
    skipped: dict[str, int] = field(default_factory=dict)  # reason: blocks
    failed: list[tuple[int, str]] = field(default_factory=list)  # line, what it said


def _folder(document: Document) -> Path:
    return Path(document.namespace["folder"])


def _lines(text: str) -> Iterator[str]:
    """Commands of a block, one by one, without comments."""
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        line = re.sub(r"(?:^|\s+)# .*$", "", line.strip().removeprefix("$ "))
        if line:
            yield line.replace(".venv/bin/", "")


def _environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return os.environ | {"PATH": path, "OPENBLAS_NUM_THREADS": "1", "COLUMNS": "120", "MPLBACKEND": "agg"}


def _shortened(example: Example) -> str:
    """The text of a block in its short form, where it has one."""
    text = str(example.parsed)
    for old, new in example.document.namespace.pop("quick", ()):
        if old not in text:
            raise BlockFailed(f"quick: no {old!r} in the block")
        text = text.replace(old, new)
    return text


def _run_commands(example: Example) -> None:
    text, status = _shortened(example), example.document.namespace.pop("status", 0)
    for line in _lines(text):
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=_folder(example.document),
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        if done.returncode != status:
            told = "\n".join((done.stderr or done.stdout).strip().splitlines()[-6:])
            raise BlockFailed(f"{line}\nexit status {done.returncode}, not {status}: {told}")


def _run_python(example: Example) -> None:
    before = example.document.text[: example.region.start]
    named = NAMED.search(before)
    if named:  # the page shows a file
        file = _folder(example.document) / Path(named[1]).name
        file.write_text(str(example.parsed), encoding="utf-8")
        return
    here = Path.cwd()
    os.chdir(_folder(example.document))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(_shortened(example), f"{example.path}:{example.line}", "exec"), example.document.namespace)
    finally:
        os.chdir(here)


def _set_quick(example: Example) -> None:
    pairs = [part.split("=>") for part in str(example.parsed).split(";")]
    example.document.namespace["quick"] = [(old.strip(), new.strip()) for old, new in pairs]


def _set_given(example: Example) -> None:
    """Names that a page takes as given: the design in build, what its circuit holds, 64 images."""
    from resonet.cosim import effective_weights
    from resonet.cosim.weights import find_engine, forward
    from resonet.netlist.design import load_design

    folder = _folder(example.document)
    design, linear = load_design(folder / "build"), find_engine("linear")
    held = {one.name: effective_weights(design, one.name, "coupled", engine=linear) for one in design.cnn.synapses}
    images = design.images(folder / "test.npz").images[:64]
    known = {"design": design, "held": held, "images": images, "forward": forward, "Path": Path}
    example.document.namespace.update(known)


def _set_status(example: Example) -> None:
    example.document.namespace["status"] = int(example.parsed)


def _commands(document: Document) -> Iterable[Region]:
    """Indented blocks of commands; what is inside fences is no such block."""
    bare = FENCED.sub(lambda found: re.sub(r"[^\n]", "`", found[0]), document.text)
    for found in INDENTED.finditer(bare):
        if COMMAND.search(found[0]):
            text = re.sub(r"^ {4}", "", document.text[found.start() : found.end()], flags=re.MULTILINE)
            yield Region(found.start(), found.end(), text, _run_commands)


def _console(document: Document) -> Iterable[Region]:
    for lexed in FencedCodeBlockLexer("console|bash|sh")(document):
        yield Region(lexed.start, lexed.end, lexed.lexemes["source"], _run_commands)


def _python(document: Document) -> Iterable[Region]:
    for lexed in FencedCodeBlockLexer("python")(document):
        yield Region(lexed.start, lexed.end, lexed.lexemes["source"], _run_python)


def _files(document: Document) -> Iterable[Region]:
    """Files that a page shows, but Python."""
    for lexed in FencedCodeBlockLexer("toml|text|spice")(document):
        if NAMED.search(document.text[: lexed.start]):
            yield Region(lexed.start, lexed.end, lexed.lexemes["source"], _run_python)


def _directives(document: Document) -> Iterable[Region]:
    for name, act in (("quick", _set_quick), ("status", _set_status), ("given", _set_given)):
        lexer: BlockLexer = DirectiveInHTMLCommentLexer(name)
        for lexed in lexer(document):
            yield Region(lexed.start, lexed.end, lexed.lexemes["arguments"].strip(), act)


def pages(given: Iterable[str]) -> list[Path]:
    """Pages of files and folders; README and docs/ where none is given."""
    found: list[Path] = []
    for path in [Path(one) for one in given] or [ROOT / "README.md", ROOT / "docs"]:
        found += sorted(path.rglob("*.md")) if path.is_dir() else [path]
    return found


def _lacking(page: Path) -> str:
    """Why a page cannot be run here; empty where it can."""
    if "import torch\n" in page.read_text(encoding="utf-8") and find_spec("torch") is None:
        return 'torch is not installed; possible: pip install -e ".[train]"'
    return ""


def _designs(base: Path) -> None:
    """The small network under the names of the pages, compiled and calibrated."""
    base.mkdir(parents=True)
    for name in ("model.onnx", "mnist.onnx"):
        shutil.copy(DIGITS / "digits_relu.onnx", base / name)
    for name in ("images", "cal", "calibration", "scales", "mnist_calibration"):
        shutil.copy(DIGITS / "digits_calibration.npz", base / f"{name}.npz")
    for name in ("test", "mnist_test"):
        shutil.copy(DIGITS / "digits_test.npz", base / f"{name}.npz")
    (base / "examples").symlink_to(ROOT / "examples")
    block = "sparams build --layer conv1 --engine linear --block"
    for command in (
        "compile model.onnx -o build --calibration images.npz",
        "calibrate build",
        f"{block} tee",
        f"{block} chain",
    ):
        words = [sys.executable, "-m", "resonet.cli.start", *command.split()]
        subprocess.run(words, cwd=base, env=_environment(), capture_output=True, check=True)
    shutil.copy(next((base / "build" / "results").glob("*.s3p")), base / "tee.s3p")
    shutil.copy(next((base / "build" / "results").glob("*.s2p")), base / "measured.s2p")
    shutil.copytree(base / "build", base / "other")


def run_page(page: Path, base: Path, folder: Path, empty: bool = False) -> Outcome:
    """Run a page's blocks in `folder`, made from the designs in `base` unless it is to be empty."""
    if empty:
        folder.mkdir(parents=True)
    else:
        if not base.exists():
            _designs(base)
        shutil.copytree(base, folder, symlinks=True)
    namespace: dict[str, object] = {"__name__": "__page__", "folder": str(folder)}
    sybil = Sybil([_commands, _console, _python, _files, _directives, SkipParser()], path=str(page.parent))
    document, outcome = sybil.parse(page), Outcome()
    document.namespace.update(namespace)
    for example in document.examples():
        block = example.region.evaluator in (_run_commands, _run_python)
        try:
            example.evaluate()
            outcome.ran += block
        except SkipTest as reason:
            outcome.skipped[str(reason)] = outcome.skipped.get(str(reason), 0) + 1
            document.namespace.pop("quick", None)
        except Exception as error:
            told = str(error) if isinstance(error, BlockFailed) else f"{type(error).__name__}: {error}"
            outcome.failed.append((example.line, told))
    return outcome


def main(given: list[str]) -> int:
    """Run pages; the number of blocks that failed."""
    failed = 0
    with tempfile.TemporaryDirectory(prefix="resonet-docs-") as place:
        for number, page in enumerate(pages(given)):
            if lacking := _lacking(page):
                print(f"{page}: left out: {lacking}", flush=True)
                continue
            begin = time.perf_counter()
            outcome = run_page(page.resolve(), Path(place) / "base", Path(place) / str(number))
            if outcome == Outcome():
                continue
            took = time.perf_counter() - begin
            left = sum(outcome.skipped.values())
            print(f"{page}: {outcome.ran} ran, {left} left out, {len(outcome.failed)} failed, {took:.0f} s", flush=True)
            for reason, count in outcome.skipped.items():
                print(f"    left out ({count}): {reason}", flush=True)
            for line, told in outcome.failed:
                print(f"    line {line}: " + told.replace("\n", "\n        "), flush=True)
            failed += len(outcome.failed)
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
