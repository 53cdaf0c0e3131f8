"""What makes the site of the pages: blocks that are run, pages as they are laid out, links that are looked through."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tools(monkeypatch):
    """docs/tools on the path."""
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "tools"))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name in ("blocks", "drift", "figures", "maths", "pages"):
            del sys.modules[name]


PAGE = """# Page

`made.py`:

```python
print("made")
```

    python made.py   # a comment

<!-- quick: 7 => 0 -->

    python -c "raise SystemExit(7)"

<!-- status: 3 -->

    python -c "raise SystemExit(3)"

<!-- skip: next "takes hours" -->

    python -c "raise SystemExit(1)"

    V = R I      an equation, no command

```python
x = 1

    # indented inside a fence: no block of commands
```

```python
assert x == 1
```
"""


def run(tmp_path: Path, text: str):
    import blocks

    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    return blocks.run_page(page, tmp_path / "base", tmp_path / "folder", empty=True)


def test_blocks_of_a_page_are_run(tools, tmp_path):
    found = run(tmp_path, PAGE)
    assert (found.failed, found.ran, found.skipped) == ([], 6, {"takes hours": 1})


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ('    python -c "raise SystemExit(4)"\n', "exit status 4, not 0"),
        ("```python\nassert 1 == 2\n```\n", "AssertionError"),
        ("<!-- quick: absent => 1 -->\n\n    python --version\n", "no 'absent' in the block"),
    ],
)
def test_a_block_that_fails_is_told(tools, tmp_path, block, told):
    found = run(tmp_path, f"# Page\n\n{block}")
    assert len(found.failed) == 1
    assert told in found.failed[0][1]


def test_equations_become_mathml(tools):
    from maths import with_mathml

    made = with_mathml("a\n\n```math\nV = \\frac{1}{2} R\n```\n\nof $`R`$ ohm\n")
    assert made.count("<math") == 2
    assert "<mfrac>" in made
    assert "```" not in made


def test_links_lead_to_where_pages_are_laid_out(tools, tmp_path, monkeypatch):
    import pages

    monkeypatch.setattr(pages, "PAGES", tmp_path)
    guide = ROOT / "docs" / "guide" / "bench.md"
    made = pages._linked("[a](../../README.md#start) [b](../../examples/bench/bench_calibration.py) [c](run.md)", guide)
    assert made == "[a](../index.md#start) [b](../source/examples/bench/bench_calibration.py) [c](run.md)"
    assert (tmp_path / "source/examples/bench/bench_calibration.py").is_file()


def test_lists_and_tables_get_their_empty_line(tools):
    import pages

    assert pages._spaced("words\n* one\n* two\n# head\ntext") == "words\n\n* one\n* two\n# head\n\ntext"


def test_faults_of_a_site_are_found(tools, tmp_path):
    import pages

    (tmp_path / "a.html").write_text(
        '<script src="https://cdn.example.org/x.js"></script><link rel="canonical" href="https://example.org/a">'
        '<a href="https://example.org/b">b</a><a href="http://no_address/c">c</a><a href="d.html">d</a>'
    )
    external, faults = pages.addresses(tmp_path)
    assert external == {"https://example.org/b", "http://no_address/c"}
    assert faults == ["a.html: loads https://cdn.example.org/x.js", "a.html: http://no_address/c is no address"]


def test_every_page_stands_in_the_contents():
    contents = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    named = set(re.findall(r"[\w/]+\.md", contents))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert named == pages | {"index.md", "contributing.md", "changelog.md", "reference.md"}


def test_pages_show_the_numbers_that_are_recomputed(tools):
    from drift import NUMBERS

    for number in NUMBERS:
        assert number.shown in (ROOT / number.page).read_text(encoding="utf-8"), number.shown
        assert f"{number.value:,.{number.digits}f}" in number.shown or number.slow, number.shown
