"""Every block of docs/guide/from_python.md runs, one after the other, and what its functions return is there."""

import re
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest

import resonet as rn
from resonet.core.validity import collected

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "from_python.md"
FENCED = [found[1] for found in re.finditer(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)]
INDENTED = re.findall(r"(?:^ {4}.*\n)+", re.sub(r"^```.*?^```$", "", PAGE.read_text(), flags=re.M | re.S), re.MULTILINE)


@pytest.mark.slow
def test_the_blocks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    world: dict = {}
    for block in FENCED:
        if "import torch" in block and not find_spec("torch"):
            continue  # tests/netlist/test_frameworks.py runs where it is
        with collected():
            exec(compile(block, str(PAGE), "exec"), world)
    assert world["found"].with_noise["calibrated"] > 0.95
    assert world["network"].nports == 2
    assert world["accuracy"].dims == ("chip", "level")
    assert world["errors"].sizes["point"] == 3
    assert world["page"].file.is_file()
    assert len(INDENTED) == 1  # the list of layers as TOML
    Path("net.toml").write_text(INDENTED[0].replace("\n    ", "\n").strip(), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert [layer.positions for layer in rn.compile("net.toml").cnn.synapses] == [169, 169, 1]


def test_the_page_has_every_verb():
    verbs = {name for name in rn.__all__ if name[0].islower()} - {"compile_cnn", "read_cnn"}
    for name in verbs:
        assert re.search(rf"`{name}`|rn\.{name}\(", PAGE.read_text()), name
