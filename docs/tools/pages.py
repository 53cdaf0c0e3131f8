"""Build the documentation site in build/docs/site, strictly: `make docs`.

    python docs/tools/pages.py             # lays out the pages, builds, looks through the links
    python docs/tools/pages.py --pages     # lays out the pages only

Pages are those of README and docs/. They are written for whoever reads them in the repository; laid out, links to files
that are no pages lead to copies of these files, equations become MathML, figures are drawn anew, and the reference of
the Python interface is written from `resonet.__all__`. Exit status 1 where a link or an anchor leads nowhere, a page is
missing in mkdocs.yml, an address is not well formed, or a page would load anything over a network.
"""

import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import figures
from maths import with_mathml

__all__ = ["PAGES", "SITE", "addresses", "build", "lay_out", "run_mkdocs"]

ROOT = Path(__file__).resolve().parents[2]
PAGES, SITE = ROOT / "build" / "docs" / "pages", ROOT / "build" / "docs" / "site"
MOVED = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"^<!--.*?-->\n\n?", re.MULTILINE)
BLOCK = re.compile(r"^(?:[*-] |\d+\. |\|)")
LOADED = {"link": "href", "script": "src", "img": "src", "source": "src", "iframe": "src", "object": "data"}


def _place(path: Path) -> Path:
    """Where a file of the repository stands among the pages, from their root."""
    name = path.relative_to(ROOT).as_posix()
    if name in MOVED:
        return Path(MOVED[name])
    return Path(name).relative_to("docs") if name.startswith("docs/") else Path("source") / name


def _linked(text: str, page: Path) -> str:
    """Links of a page as they are where the pages are laid out; what they lead to is copied if it is no page."""

    def moved(found: re.Match[str]) -> str:
        if re.match(r"[a-z]+:", found[2]):
            return found[0]
        target = (page.parent / found[2]).resolve()
        place = _place(target)
        if target.is_file() and target.suffix != ".md":
            (PAGES / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(target, PAGES / place)
        there = os.path.relpath(place, _place(page).parent)
        return f"{found[1]}{Path(there).as_posix()}{found[3] or ''}{found[4]}"

    return LINK.sub(moved, text)


def _spaced(text: str) -> str:
    """An empty line before lists and tables, which Python-Markdown needs and GitHub does not."""
    lines: list[str] = []
    for line in text.split("\n"):
        before = lines[-1] if lines else ""
        if BLOCK.match(line) and before and not BLOCK.match(before) and not before.startswith((" ", "#")):
            lines.append("")
        if before.startswith("#") and line:
            lines.append("")
        lines.append(line)
    return "\n".join(lines)


def _page(path: Path) -> str:
    text = COMMENT.sub("", path.read_text(encoding="utf-8"))
    parts = FENCED.split(_linked(with_mathml(text), path))
    return "".join(part if part.startswith("```") else _spaced(part) for part in parts)


def reference() -> str:
    """The page of what `import resonet` gives, in its order, by package."""
    package = importlib.import_module("resonet")
    lines = ["# Python", "", "`import resonet as rn` gives these; each is loaded when it is asked for.", ""]
    homes: dict[str, list[str]] = {}
    for name in package.__all__:
        thing = getattr(package, name)
        if inspect.ismodule(thing):
            lines += [f"`{name}`, a package: {inspect.getdoc(thing).splitlines()[0]}", ""]
            continue
        if isinstance(thing, str):
            lines += [f"`{name}`: text, `{thing}`", ""]
            continue
        home = getattr(thing, "__module__", None) or ""
        if not home.startswith("resonet."):
            raise SystemExit(f"resonet.{name}: not from a module of ours; possible: a class or a function of ours")
        homes.setdefault(home.split(".")[1], []).append(f"{home}.{thing.__qualname__}")
    for home, paths in homes.items():
        lines += [f"## {home}", ""]
        for path in paths:
            lines += [f"::: {path}", ""]
    return "\n".join(lines)


def lay_out() -> None:
    """Write build/docs/pages."""
    shutil.rmtree(PAGES.parent, ignore_errors=True)
    PAGES.mkdir(parents=True)
    figures.draw(PAGES / "theory" / "figures")
    for path in [*map(ROOT.joinpath, MOVED), *sorted((ROOT / "docs").rglob("*.md"))]:
        place = PAGES / _place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(_page(path), encoding="utf-8")
    (PAGES / "reference.md").write_text(reference(), encoding="utf-8")
    shutil.copy(Path(__file__).with_name("site.css"), PAGES)


class _Addresses(HTMLParser):
    """Addresses of a page: what it loads, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get(LOADED.get(tag, ""))
        if address and given.get("rel") not in ("canonical", "prev", "next"):
            self.loaded.append(address)
        if tag == "a" and given.get("href"):
            self.linked.append(str(given["href"]))


def addresses(site: Path) -> tuple[set[str], list[str]]:
    """External links of a built site; and faults: addresses that are not well formed, or that a page would load."""
    external: set[str] = set()
    faults: list[str] = []
    for page in sorted(site.rglob("*.html")):
        parser = _Addresses()
        parser.feed(page.read_text(encoding="utf-8"))
        name = page.relative_to(site)
        faults += [f"{name}: loads {one}" for one in parser.loaded if urlsplit(one).scheme not in ("", "data")]
        for one in parser.linked:
            parts = urlsplit(one)
            if parts.scheme in ("http", "https"):
                external.add(one)
                if not re.fullmatch(r"(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?", parts.netloc) or re.search(r"\s", one):
                    faults.append(f"{name}: {one} is no address")
            elif parts.scheme not in ("", "mailto", "javascript"):
                faults.append(f"{name}: {one}: a link of another kind")
    return external, faults


def run_mkdocs() -> list[str]:
    """Build the pages that are laid out; what it says where it does not, else nothing."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(ROOT / "mkdocs.yml")]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    told = (done.stdout + done.stderr).strip().splitlines()
    return [line for line in told if not line.startswith("INFO")] if done.returncode else []


def build() -> tuple[set[str], list[str]]:
    """Lay out and build; external links, and faults."""
    lay_out()
    told = run_mkdocs()
    return (set(), told) if told else addresses(SITE)


def main() -> int:
    """Build, print external links and faults; 1 if there are faults."""
    external, faults = build()
    for one in sorted(external):
        print(f"external, not asked: {one}")
    for one in faults:
        print(f"fault: {one}", file=sys.stderr)
    if not faults:
        print(f"{len(list(SITE.rglob('*.html')))} pages: python -m http.server -d {SITE.relative_to(ROOT)}")
    return 1 if faults else 0


if __name__ == "__main__":
    if "--pages" in sys.argv[1:]:
        lay_out()
    else:
        sys.exit(main())
