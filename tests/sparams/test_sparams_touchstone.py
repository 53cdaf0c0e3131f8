"""Touchstone: written with provenance, read back by three readers, and distrusted."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import skrf

from resonet.core.errors import InputError
from resonet.models.circuit.bus import BusCircuit
from resonet.models.resonator.linear import SpinDiode
from resonet.sparams.block import with_impedance
from resonet.sparams.build import Stand, bus_block, chain_block, tee_block
from resonet.sparams.extract import extract
from resonet.sparams.thinning import thinned
from resonet.sparams.touchstone import fit_for_file, provenance, read_touchstone, write_touchstone

ROOT = Path(__file__).parents[2]
F = np.linspace(0.5e9, 25e9, 23)
STAND = Stand(BusCircuit(), SpinDiode())
TONES = np.geomspace(20e9, 1e9, 5)
BLOCKS = {
    2: chain_block(TONES, STAND, 5e-6),
    3: tee_block(STAND.circuit),
    8: bus_block(TONES * np.ones((3, 1)), STAND),
}
GOOD = "# GHz S RI R 50\n1 0 0 1 0 1 0 0 0\n2 0 0 1 0 1 0 0 0\n"


@pytest.fixture(scope="module")
def second():
    spec = importlib.util.spec_from_file_location("touchstone_reader", ROOT / "benchmarks" / "_touchstone.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("ports", BLOCKS)
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_written_and_read_back(tmp_path, second, ports, version):
    block = BLOCKS[ports]
    if version == "2.0":
        block = with_impedance(block, {block.ports[0].name: 75.0, block.ports[1].name: 12.5})
    network = extract(block, F)
    path = tmp_path / "sub" / ("x.ts" if version == "2.0" else f"x.s{ports}p")
    assert write_touchstone(network, path, version, provenance(network, "linear", "deck")) == path
    back = read_touchstone(path)
    assert back.port_names == network.port_names
    assert np.abs(back.s - network.s).max() == 0
    assert np.array_equal(back.f, network.f)
    assert np.array_equal(back.z0, network.z0)
    theirs = skrf.Network(str(path))
    assert np.abs(theirs.s - network.s).max() < 1e-12
    f, s, z0 = second.read(path)
    assert np.abs(s - network.s).max() < 1e-12
    assert np.abs(f / network.f - 1).max() < 1e-12
    assert z0 == network.z0[0].real.tolist()
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("ports", BLOCKS)
def test_a_reader_from_elsewhere(tmp_path, ports):
    parser = pytest.importorskip("touchstone.parser")
    network = extract(BLOCKS[ports], F)
    path = write_touchstone(network, tmp_path / f"x.s{ports}p")
    found = parser.TouchstoneParser.parse(str(path))
    assert np.abs(found.s_parameters - network.s).max() < 1e-12
    assert np.abs(found.frequency / network.f - 1).max() < 1e-12


def test_a_file_says_where_it_comes_from(tmp_path):
    network = extract(BLOCKS[3], F)
    path = write_touchstone(network, tmp_path / "x.s3p", header=provenance(network, "ngspice .ac", "* deck"))
    head = path.read_text().splitlines()[:6]
    assert head[0].startswith("! resonet ")
    assert "ngspice-" in head[0]
    assert head[0].endswith("bias_tee")
    assert head[1:4] == ["! 1 = rf, 50 ohm", "! 2 = dc, 50 ohm", "! 3 = head, 50 ohm"]
    assert head[4].startswith("! sha256 of the netlist: ")
    assert "scikit-rf 2" in provenance(network, "scikit-rf")[0] or "scikit-rf" in provenance(network, "scikit-rf")[0]


def test_version_1_holds_one_impedance(tmp_path):
    network = extract(with_impedance(BLOCKS[3], {"rf": 75.0}), F)
    with pytest.raises(InputError, match="ports of different impedance need Touchstone 2"):
        write_touchstone(network, tmp_path / "x.s3p")
    assert list(tmp_path.iterdir()) == []
    network.z0 = 50 + 5j
    with pytest.raises(InputError, match="complex or change with frequency"):
        write_touchstone(network, tmp_path / "x.s3p")


def test_other_units_and_formats(tmp_path):
    path = tmp_path / "part.s1p"
    path.write_text("! from elsewhere\n# MHz S DB R 75\n100 -6.0205999132796239 90\n200 -20 180\n")
    found = read_touchstone(path)
    assert found.f.tolist() == [100e6, 200e6]
    assert found.z0[0, 0] == 75
    assert found.s[:, 0, 0] == pytest.approx([0.5j, -0.1])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.s2p", "", r"x.s2p: (not a Touchstone|2 ports at 0|0 ports)"),
        ("x.s2p", "hello world\n", "x.s2p: not a Touchstone file"),
        ("x.s2p", "# GHz S RI R 50\n1 0 0 1 0 1 0 0\n", "x.s2p: "),
        ("x.s2p", GOOD.replace("2 0 0 1 0", "2 0 0 nan 0"), "values that are not finite"),
        ("x.s2p", GOOD.replace("\n2 0", "\n0.5 0"), "x.s2p: "),
        ("x.s2p", GOOD.replace("\n2 0", "\n1 0"), "frequencies must rise"),
        ("x.s2p", GOOD.replace("R 50", "R -50"), "reference impedances"),
        ("x.s1000p", GOOD, "1000 ports; possible: 1 ... 128"),
        ("x.s0p", GOOD, "0 ports; possible: 1 ... 128"),
        ("x.ts", "[Version] 2.0\n# Hz S RI R 50\n[Number of Ports] 900000000\n[Network Data]\n", "900000000 ports"),
        ("x.ts", "[Version] 2.0\n", "no Touchstone file"),
        ("x.csv", GOOD, "no Touchstone file; possible: S-parameters in Touchstone 1 or 2"),
        ("x.s2p", "# GHz Z RI R 50\n1 0 0 1 0 1 0 0 0\n", "x.s2p: (Z-parameters|not a Touchstone file)"),
    ],
)
def test_broken_files_are_one_clear_error(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        read_touchstone(path)
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_touchstone(tmp_path / "none.s2p")
    with pytest.raises(InputError, match="no such file"):
        read_touchstone(tmp_path)
    good = tmp_path / "x.s2p"
    good.write_text(GOOD)
    with pytest.raises(InputError, match="2 ports; possible: 3"):
        read_touchstone(good, 3)
    with (tmp_path / "big.s2p").open("wb") as big:
        big.truncate(65_000_000)
    with pytest.raises(InputError, match="larger than 64 MB"):
        read_touchstone(tmp_path / "big.s2p")
    binary = tmp_path / "p.s2p"
    binary.write_bytes(b"\x80\x04cos\nsystem\n" + bytes(range(256)))
    with pytest.raises(InputError, match="not a Touchstone file"):
        read_touchstone(binary)


def test_names_of_a_file_are_only_shown(tmp_path):
    path = tmp_path / "x.s2p"
    path.write_text("! Port[1] = a\x1b[31m.control\n! Port[2] = shell rm\n" + GOOD)
    names = read_touchstone(path).port_names
    assert names == ["a?[31m.control", "shell rm"]


def test_thinned_frequencies_of_a_parabola():
    # A straight line over a step h misses s = a f^2 by a h^2 / 4 in its middle, wherever it is.
    f, a = np.linspace(1.0, 2.0, 65), 3.0
    s = (a * f**2)[:, None, None] * np.array([[1, 0.5j], [0.5j, 0.2]])
    for most, step in ((3, 0.5), (5, 0.25), (9, 0.125), (17, 0.0625)):
        places, missed = thinned(f, s, most, 0.0)
        assert np.allclose(np.diff(f[places]), step)
        assert missed == pytest.approx(a * step**2 / 4, rel=1e-12)
    places, missed = thinned(f, s, 65, a * 0.25**2 / 4 * 1.001)
    assert len(places) == 5
    places, missed = thinned(f, s, 1000, 0.0)
    assert len(places) == 65
    assert missed == 0


def test_a_file_of_many_ports_is_bounded_and_says_how_much_it_misses(tmp_path):
    channels = np.geomspace(2e9, 8e9, 6)
    detuned = channels * (1 + 0.004 * np.random.default_rng(1).normal(size=(4, 6)))
    block = bus_block(detuned, STAND, bias=20e-6)
    network = extract(block, np.linspace(1e9, 10e9, 1501), "linear")
    whole, digits, told = fit_for_file(network, "1.0")
    assert whole is network
    assert (digits, told) == (17, "")
    size = write_touchstone(network, tmp_path / "all.s6p", digits=17).stat().st_size
    fewer, digits, told = fit_for_file(network, "1.0", size // 8)
    path = write_touchstone(fewer, tmp_path / "fewer.s6p", digits=digits)
    assert size // 16 < path.stat().st_size <= size // 8
    read = read_touchstone(path)
    assert told.startswith(f"{len(read.f)} of 1501 frequencies, 10 digits")
    drawn = np.empty_like(network.s)
    for i, j in np.ndindex(6, 6):
        drawn[:, i, j] = np.interp(network.f, read.f, read.s[:, i, j])
    missed = float(told.split("miss S by ")[1].split()[0])
    assert 0 < np.abs(drawn - network.s).max() < 1.5 * missed + 1e-9
    assert missed < 0.1 * np.abs(np.diff(network.s[::8], axis=0)).max()  # closer than every eighth would be
