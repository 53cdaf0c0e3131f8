"""`resonet operate`: a point that compile takes, and what it refuses."""

import json
from dataclasses import make_dataclass
from importlib.resources import as_file, files

import pytest

from resonet.cli.commands.operate import _warn_below
from resonet.core.validity import collected
from resonet.cosim.operate.measuring import Measured
from resonet.cosim.operate.points import Setting
from resonet.netlist.design.parameters import read_parameters


@pytest.mark.slow
def test_the_point_is_a_file_that_compile_takes(tmp_path, resonet):
    with as_file(files("resonet.examples.digits")) as folder:
        asked = ["operate", folder / "digits_relu.onnx", "--images", folder / "digits_test.npz", "-o", tmp_path]
        asked += ["--target", "0.9", "--structures", "1", "--measured", "1", "--search-images", "100"]
        told = resonet(*asked, "--search", "tile=12:16,p_max=1nW:100nW,bandwidth=10kHz:10MHz", "--json")
        assert told.code == 0, told.err
        page = json.loads(told.out)
        point = read_parameters(tmp_path / "operating_point.toml")
        assert page["settings"]["plan.tile"] == point.plan.tile
        assert 1e-9 <= point.plan.p_max <= 1e-7
        assert page["searched"]["accuracy"] >= 0.9
        assert page["energy"] == pytest.approx(page["power"] * page["latency"]["parallel"])
        assert sum(one["share"] for one in page["limited_by"]) <= 1 + 1e-9
        assert (tmp_path / "report" / "operate.png").is_file()
        table = resonet(*asked, "--search", "tile=12:16,p_max=1nW:100nW,bandwidth=10kHz:10MHz")
    assert "saturation and all noise" in " ".join(table.out.split())


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (["--search", "nothing"], "possible: p_max"),
        (["--target", "2"], "operate.target"),
        (["--latency-max", "soon"], "--latency-max"),
    ],
)
def test_what_cannot_be_searched_is_refused(tmp_path, resonet, extra, said):
    with as_file(files("resonet.examples.digits")) as folder:
        told = resonet(
            "operate", folder / "digits_relu.onnx", "--images", folder / "digits_test.npz", "-o", tmp_path, *extra
        )
    assert told.code == 1
    assert said in told.err


@pytest.mark.parametrize(("target", "codes"), [(0.9099, []), (0.9101, ["below-target"])])
def test_a_point_that_misses_its_target_on_unseen_images_is_told(target, codes):
    found = make_dataclass("Found", ["confirmed"])(Measured(Setting(1e-9, 1e6), 0.9, 900))  # error 0.01
    with collected() as told:
        _warn_below(found, target)
    assert [one.code for one in told] == codes
