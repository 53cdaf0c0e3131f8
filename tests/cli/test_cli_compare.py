"""`resonet compare`: two designs side by side."""

import json
import shutil

import pytest

from resonet.api.gathering import gather
from resonet.cli.commands.compare import differing, size_of

pytestmark = pytest.mark.slow


@pytest.fixture
def pair(resonet, tmp_path, small_folder, small_model):
    """A design, and one of the same network with other parameters."""
    one, other = shutil.copytree(small_folder, tmp_path / "one"), tmp_path / "other"
    resonet("compile", small_model, "-o", other, "--set", "plan.p_max=1 nW", "--set", "plan.tile=5")
    return one, other


def test_what_differs(resonet, pair):
    resonet("crosstalk", pair[0])
    found = json.loads(resonet("compare", *pair, "--json").out)
    assert found["same_network"]
    names = {row["name"]: (row["first"], row["second"]) for row in found["parameters"]}
    assert names["plan.p_max"] == ("2 nW", "1 nW")
    assert names["plan.tile"][1] == "5"
    rows = {row["name"]: (row["first"], row["second"]) for row in found["found"]}
    assert rows["resonators"][0] == rows["resonators"][1] > 0
    assert rows["buses"][0] < rows["buses"][1]
    assert rows["RMS weight error, worst layer"][0] > 0
    assert rows["RMS weight error, worst layer"][1] is None


def test_power_and_the_same_design(pair):
    one, other = (gather(folder, (), None) for folder in pair)
    assert differing(one, one) == []
    assert size_of(other)["strongest source of a bus"] != size_of(one)["strongest source of a bus"]


def test_the_table(resonet, pair):
    text = resonet("compare", *pair).out
    assert "same network; parameters that differ: 2" in text
    assert "not computed" in text


def test_no_design(resonet, tmp_path, pair):
    found = resonet("compare", pair[0], tmp_path)
    assert found.code == 1
    assert str(tmp_path) in found.err


def test_figures_of_buses_are_those_of_buses(resonet, tmp_path, small_model, pair):
    lines = tmp_path / "lines"
    resonet("compile", small_model, "-o", lines, "--set", "feed.kind=stripline")
    whole, mixed = (size_of(gather(folder, (), None)) for folder in (pair[0], lines))
    design = gather(lines, (), None).design
    (layer,) = design.fed_by("bus")
    assert mixed["buses"] == len(design.plan.layer(layer).buses) < whole["buses"]
