"""The pages say what is there: links, paths, modules, commands with their options, and the words of the glossary."""

import ast
import re
import shlex
import subprocess
import tomllib
from dataclasses import fields, is_dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
import typer

from resonet.cli.main import app
from resonet.core.validity import CODES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
EACH = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
PACKAGES = ("core", "models", "spice_lib", "netlist", "cosim", "sparams", "report", "api", "cli", "examples")
FOLDERS = (*PACKAGES, "benchmarks", "tests", "docs")
SOURCES = [
    path
    for pattern in ("*.py", "*.toml", "*.lib", "*.va", "Makefile", "*.sh")
    for path in sorted(ROOT.rglob(pattern))
    if path.relative_to(ROOT).parts[0] in {*FOLDERS, "pyproject.toml", "Makefile", "bootstrap.sh"}
]


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ +(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.strip().lower()).replace(" ", "-") for head in heads}


def blocks(page: Path) -> list[tuple[str, str]]:
    """Code blocks of a page, fenced ones with their language, indented ones with none."""
    text = page.read_text(encoding="utf-8")
    fenced = [(m[1], m[2]) for m in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]
    rest = re.sub(r"^```\w*\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return fenced + [("", m[0]) for m in re.finditer(r"(?:^ {4}.*\n)+", rest, re.MULTILINE)]


def inline(page: Path) -> list[str]:
    """Code spans of a page."""
    rest = re.sub(r"^```\w*\n.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", rest)]


def is_of_a_design(path: str) -> bool:
    """Whether a path is one of a design folder, which has a report/ of its own: figures, none of them in ours."""
    return path.startswith("report/") and not path.endswith(".py")


# Links and paths


@EACH
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"https?:|mailto:", target):
            continue
        name, _, anchor = target.partition("#")
        other = (page.parent / name).resolve() if name else page
        assert other.exists(), target
        assert other.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(other), target


@EACH
def test_every_path_exists(page):
    for span in [*inline(page), *(text for _, text in blocks(page))]:
        for path in re.findall(rf"(?<![\w/.\-])(?:{'|'.join(FOLDERS)})/[\w./*\-]*", span):
            if not is_of_a_design(path):
                assert any(ROOT.glob(path.rstrip("."))), path
        for file in re.findall(r"(?<![\w/.\-])\w+\.py$", span):
            assert any(source.name == file for source in SOURCES), file


def test_pages_named_in_the_code_exist():
    for path in [*SOURCES, *PAGES]:
        for page in re.findall(r"\bdocs/[\w/]+\.(?:md|png)", path.read_text(encoding="utf-8")):
            assert (ROOT / page).is_file(), f"{path}: {page}"


def test_every_picture_is_shown():
    shown = {
        (page.parent / name).resolve()
        for page in PAGES
        for name in re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    }
    assert shown == {*DOCS.rglob("*.png"), *DOCS.rglob("*.svg")}


# Code


def resolve(dotted: str):
    """What a dotted name below `resonet` stands for: module, its attribute, field of a record."""
    parts = dotted.split(".")
    for size in range(len(parts), 0, -1):
        try:
            thing = import_module(".".join(["resonet", *parts[:size]]))
        except ModuleNotFoundError:
            continue
        for at, part in enumerate(parts[size:], size):
            field = {f.name: f for f in fields(thing)}.get(part) if is_dataclass(thing) else None
            thing = field or getattr(thing, part)
            assert field is None or at == len(parts) - 1, f"{dotted}: a field has no parts"
        return thing
    raise AssertionError(f"resonet.{dotted}: no such module")


@EACH
def test_every_module_and_name_exists(page):
    for span in [*inline(page), *(text for _, text in blocks(page))]:
        for dotted in re.findall(rf"\bresonet\.((?:{'|'.join(PACKAGES)})(?:\.\w+)*)", span):
            resolve(dotted)


@EACH
def test_python_of_the_pages_is_python(page):
    for language, text in blocks(page):
        if language != "python":
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("resonet."):
                for alias in node.names:
                    resolve(f"{node.module}.{alias.name}".removeprefix("resonet."))


# Commands


@cache
def commands():
    """Every command of `resonet` by name, as the parser has it."""
    group = typer.main.get_command(app)
    context = group.make_context("resonet", ["--help"], resilient_parsing=True)
    return {name: group.get_command(context, name) for name in group.list_commands(context)}


def options(command) -> set[str]:
    return {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}


def called(text: str) -> list[list[str]]:
    """Words of every `resonet COMMAND` in lines of a shell."""
    found = []
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        start = re.match(r"\s*(?:\$ )?(?:[\w.]+/)*resonet ([a-z].*)$", line)
        if start:
            found.append(shlex.split(start[1], comments=True))
    return found


SHOWN = sorted(
    {
        (str(page.relative_to(ROOT)), *words)
        for page in PAGES
        for language, text in blocks(page)
        if language != "text"  # what a script printed
        for words in called(text)
    }
)


def test_commands_are_shown():
    assert {words[1] for words in SHOWN} <= set(commands())
    assert set(commands()) == {words[1] for words in SHOWN} | {"demo"}


@pytest.mark.parametrize("words", SHOWN, ids=" ".join)
def test_every_command_line_is_understood(words):
    _, name, *arguments = words
    commands()[name].make_context(name, list(arguments))  # a UsageError for what the command does not know


@EACH
def test_every_option_named_in_passing_exists(page):
    for span in inline(page):
        words = span.split()
        if len(words) < 2 or words[0] != "resonet" or words[1] not in commands():
            continue
        known = options(commands()[words[1]])
        for word in words[2:]:
            if word.startswith("-"):
                assert word.partition("=")[0] in known, span


def test_every_option_named_alone_exists():
    other = {"--check", "--part", "--quick", "--durations", "--device", "--activation", "--dialect"}  # of scripts
    known = {name for command in commands().values() for name in options(command)}
    for page in PAGES:
        for span in inline(page):
            if re.match(r"--[a-z]", span):
                assert re.split(r"[ =]", span)[0] in known | other, f"{page.name}: {span}"


# The map and the glossary


def test_the_map_has_every_room():
    text = (DOCS / "start" / "layout.md").read_text(encoding="utf-8")
    for package in ("models", "netlist", "cosim"):
        for face in (ROOT / package).glob("*/__init__.py"):
            row = re.search(rf"`{package}/{face.parent.name}` \| [^|]+ \| ([^|]+) \|", text)
            assert row, face.parent
            for name in re.findall(r"`(\w+)`", row[1]):
                assert hasattr(import_module(f"resonet.{package}.{face.parent.name}"), name), (face.parent, name)


def table_rows(page: Path, width: int) -> list[list[str]]:
    """Cells of the rows of all tables of some width, headings left out."""
    lines = page.read_text(encoding="utf-8").splitlines()
    ruled = {n for n, line in enumerate(lines) if line.startswith("|---")}
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for n, line in enumerate(lines) if not {n, n + 1} & ruled]
    return [[cell.strip() for cell in row] for row in rows if len(row) == width]


GLOSSARY = DOCS / "glossary.md"
TERMS, UNUSED = table_rows(GLOSSARY, 5), table_rows(GLOSSARY, 3)


def test_every_term_has_one_meaning():
    names = [word.strip(" `").lower() for row in TERMS for word in row[0].split(",")]
    assert [name for name in names if names.count(name) > 1] == []
    assert all(row[3] for row in TERMS)


@pytest.mark.parametrize("row", TERMS, ids=lambda row: row[0])
def test_a_term_names_what_is_in_the_code(row):
    known = {name for command in commands().values() for name in options(command)}
    for name in re.findall(r"`([^`]+)`", row[4]):
        if name.startswith("-"):
            assert name in known, name
            continue
        thing = resolve(name)
        unit = getattr(thing, "metadata", {}).get("unit")
        if unit is not None:
            assert unit == row[2].replace("1", ""), f"{name} is in {unit or '1'}"


def every_option():
    """Command, long name and parser's record of every option."""
    for name, command in commands().items():
        for option in command.params:
            yield from ((name, opt[2:], option) for opt in option.opts if opt.startswith("--"))


def choices(option) -> list[str]:
    """Values of an option that has a few; typer has called them differently from version to version."""
    kind = getattr(option, "type_descriptor", None) or option.type
    return [str(value) for value in getattr(kind, "choices", None) or ()]


def singular(word: str) -> str:
    return word.replace("-", " ").removesuffix("s")


def test_an_option_that_is_a_word_of_the_glossary_stands_there():
    where = {singular(word): row for row in TERMS for word in re.findall(r"[\w\- ]+", row[0].lower())}
    where = {word.strip(): row for word, row in where.items()}
    for command, opt, _ in every_option():
        row = where.get(singular(opt))
        if row is not None:
            assert f"`--{opt}`" in row[4], f"{command} --{opt}: {row[0]}"


def test_values_of_such_options_stand_there():
    words = set(re.findall(r"`([\w\-]+)`", GLOSSARY.read_text(encoding="utf-8")))
    limited = {"program", "feed", "engine", "branches", "neurons", "arrangement"}
    shown = [(opt, value) for _, opt, option in every_option() if opt in limited for value in choices(option)]
    assert len(shown) > 10
    assert {value for _, value in shown} - {"all"} <= words


@pytest.mark.parametrize("row", UNUSED, ids=lambda row: row[0])
def test_help_says_no_word_that_is_not_used(row):
    for word in row[0].split(","):
        pattern = re.compile(rf"\b{re.escape(word.strip())}\b", re.IGNORECASE)
        for name, command in commands().items():
            told = [command.help or "", *(getattr(option, "help", None) or "" for option in command.params)]
            assert not [text for text in told if pattern.search(text)], f"resonet {name}: {word}, say {row[1]}"


def test_the_codes_of_warnings_are_told():
    assert dict(table_rows(DOCS / "reliability.md", 2)) == {f"`{code}`": text for code, text in CODES.items()}


# Habits


def test_checked_packages_say_that_they_have_types():
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["packages"]
    marked = {f"resonet.{path.parent.name}" for path in ROOT.glob("*/py.typed")}
    assert marked == set(packages)


def test_make_help_names_every_target():
    done = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE).group(1).split()
    assert [line.split()[1] for line in done.stdout.splitlines()] == targets
