"""Placement of strip-line layers: resonators under their lines, tone classes, crossings, parasitics; the command."""

import json
import sys
import tracemalloc
from dataclasses import fields, replace

import networkx as nx
import numpy as np
import pytest

from resonet.cli.main import main
from resonet.core.errors import InputError
from resonet.models.line.strip_geometry import Geometry, line_field, line_section
from resonet.netlist.design.folder import load_design, write_design
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.cnn import Synapses, patches
from resonet.netlist.strip.arrangement import ARRANGEMENTS
from resonet.netlist.strip.facts import layout_facts
from resonet.netlist.strip.parasitics import CAUSES, Parasitics, extract_parasitics, tuning_currents
from resonet.netlist.strip.placement import place
from resonet.netlist.strip.routes import _line_line, count_crossings, line_drive, line_path, tuning_path
from resonet.netlist.strip.usage import (
    MOST_PLACED,
    colour_inputs,
    conflict_graph,
    layer_usage,
    tuning_pairs,
    wired_usage,
)
from resonet.report.layout_figure import METALS, layout_figure


def conv(size, kernel, stride=1, outputs=1, channels=1, pad=0, dilation=1, groups=1) -> Synapses:
    """A convolution of square images and kernels."""
    reach = (kernel - 1) * dilation + 1
    out = (size + 2 * pad - reach) // stride + 1
    weight = np.ones((outputs, channels // groups, kernel, kernel))
    shapes = (channels, size, size), (outputs, out, out)
    sides = ((stride, stride), (dilation, dilation), (pad,) * 4)
    return Synapses("conv1", "conv", "conv", weight, np.zeros(outputs), *shapes, *sides, groups)


def dense(inputs, outputs) -> Synapses:
    weight = np.ones((outputs, inputs, 1, 1))
    return Synapses("dense1", "dense", "dense", weight, np.zeros(outputs), (inputs, 1, 1), (outputs, 1, 1))


LAYERS = [
    conv(7, 3),
    conv(9, 3, stride=2, outputs=3),
    conv(8, 3, outputs=2, channels=2),
    conv(6, 3, pad=1, outputs=5),
    conv(9, 2, dilation=2, outputs=2),
    conv(6, 3, outputs=4, channels=4, groups=2),
    conv(11, 5, stride=3, outputs=2),
    dense(30, 4),
]
ID = [f"{one.name}{one.weight.shape}{one.stride}{one.dilation}{one.padding[0]}{one.groups}" for one in LAYERS]
ALL = pytest.mark.parametrize("layer", LAYERS, ids=ID)


@ALL
def test_every_resonator_has_the_input_of_its_patch(layer):
    # Pixels are numbered from 1, so that the patches tell which one each tap sees; 0 is padding.
    image = np.arange(1, np.prod(layer.in_shape) + 1, dtype=float).reshape(1, *layer.in_shape)
    seen = patches(image, layer)[:, 0].astype(int) - 1  # [groups, positions, taps]
    usage = layer_usage(layer)
    per_group = usage.blocks // layer.groups
    wanted = seen[usage.block // per_group, usage.position, usage.tap]
    assert np.array_equal(usage.inputs[usage.line], wanted)
    assert len(usage.tap) == per_group * np.count_nonzero(seen >= 0)
    assert usage.idle == np.prod(layer.in_shape) - len(np.unique(seen[seen >= 0]))
    assert usage.weights == layer.weight.size  # tuning lines: shared weights, not resonators


@ALL
def test_no_chain_holds_a_frequency_twice(layer):
    usage = layer_usage(layer)
    key = usage.chain.astype(np.int64) * usage.tones + usage.tone
    assert len(np.unique(key)) == len(key)
    assert usage.tones == layer.taps  # as many as a chain has resonators: the least possible
    by_line = np.full(len(usage.inputs), -1)
    by_line[usage.line] = usage.tone
    assert np.array_equal(by_line[usage.line], usage.tone)  # a line carries one frequency


@pytest.mark.parametrize("layer", [conv(7, 3), conv(6, 3, pad=1), conv(9, 2, dilation=2), conv(6, 2, channels=2)])
def test_tone_classes_against_networkx(layer):
    usage = layer_usage(layer)
    table = np.full((usage.chains, usage.taps), -1)
    table[usage.chain, usage.tap] = usage.inputs[usage.line]
    graph = conflict_graph(table)
    periodic = dict(zip(usage.inputs[usage.line].tolist(), usage.tone.tolist(), strict=True))
    assert all(periodic[a] != periodic[b] for a, b in graph.edges)
    clique = max(len(c) for c in nx.find_cliques(graph))
    assert usage.tones == clique  # no colouring can do with less
    greedy = colour_inputs(graph)
    assert all(greedy[a] != greedy[b] for a, b in graph.edges)
    assert clique <= max(greedy.values()) + 1 <= 2 * clique


def test_pairs_of_weight_and_tone():
    usage = layer_usage(conv(12, 3, outputs=2))
    pair, count = tuning_pairs(usage)
    assert count == 2 * 9 * 9  # every weight meets every tone: stride 1
    assert len(np.unique(np.stack([usage.weight, usage.tone, pair]), axis=1).T) == count
    assert tuning_pairs(layer_usage(conv(14, 3, stride=3)))[1] == 9  # stride = kernel: one tone a weight
    assert tuning_pairs(layer_usage(dense(20, 3)))[1] == 60


def test_published_small_case_as_a_free_wiring():
    # 3 chains of 3 diodes, 5 inputs, 3-tap convolution, 3 strip-line currents.
    usage = wired_usage([[0, 1, 2], [1, 2, 3], [2, 3, 4]])
    assert (len(usage.tap), usage.chains, len(usage.inputs), usage.weights, usage.tones) == (9, 3, 5, 3, 3)
    assert np.array_equal(usage.weight, np.tile([0, 1, 2], 3))
    layout = place(usage, "planar")
    assert layout.lines.counts.tolist() == [1, 2, 3, 2, 1]
    assert layout.tuning.counts.tolist() == [3, 3, 3]
    assert not layout.lines.bridge.any()


@pytest.mark.parametrize(
    ("wiring", "told"),
    [
        (([[0, 1], [1, 3]],), "line of input 2 reaches no resonator"),
        (([[0, 1]], None, 3), "line of input 2 reaches no resonator"),
        (([[0, 1], [1, 1]],), "chain 1 holds an input twice"),
        (([[-1, -1]],), "no resonator"),
        (([[0, 1]], [[0, 2]]), "weights must be numbered"),
        (([[0, 7]], None, 3), "input 7 of 3"),
        (([[0, 10**12]],), "possible: 0 ... 3,999,999"),
    ],
)
def test_impossible_wiring_is_named(wiring, told):
    with pytest.raises(InputError) as caught:
        wired_usage(*wiring)
    assert told in str(caught.value)


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
@ALL
def test_layout(layer, arrangement):
    usage = layer_usage(layer, arrangement != "sequential")
    layout = place(usage, arrangement)
    g, n = layout.geometry, len(usage.tap)
    assert len(np.unique(np.round(layout.xyz / 1e-9), axis=0)) == n  # each resonator has a place of its own
    assert layout.xyz[:, 2].min() == pytest.approx(g.chain_height)
    for runs, owner in ((layout.lines, usage.line), (layout.tuning, usage.weight), (layout.chains, usage.chain)):
        assert np.array_equal(np.sort(runs.order), np.arange(n))  # every resonator once
        assert np.array_equal(np.repeat(np.arange(len(runs.counts)), runs.counts), owner[runs.order])
        assert runs.counts.min() > 0
    for line in {0, len(usage.inputs) // 2, len(usage.inputs) - 1}:
        path = line_path(layout, line)
        assert np.linalg.norm(np.diff(path, axis=0), axis=1).sum() == pytest.approx(layout.lines.lengths[line])
        for spot in layout.xyz[layout.lines.order[layout.lines.run(line)]]:
            over = spot + np.array([0, 0, g.line_height])
            along = path[1:] - path[:-1]
            share = np.clip(((over - path[:-1]) * along).sum(1) / (along**2).sum(1), 0, 1)
            assert np.linalg.norm(path[:-1] + share[:, None] * along - over, axis=1).min() < 1e-12
    path = tuning_path(layout, 0)
    assert np.ptp(path[:, 2]) == 0
    assert arrangement == "stacked" or np.ptp(path[:, 1]) == 0  # straight, across the chains
    assert layout.tuning.lengths[0] == pytest.approx(2 * g.lead + np.abs(np.diff(path, axis=0)).sum())
    chain = layout.xyz[usage.chain == 0]
    step = g.pitch_z if arrangement == "stacked" else g.pitch_y
    assert np.linalg.norm(np.diff(chain, axis=0), axis=1) == pytest.approx(np.diff(usage.tap[usage.chain == 0]) * step)


def test_numbers_of_the_first_layer():
    layer = conv(28, 5, stride=2, outputs=16)  # conv1 of the shipped network
    usage = layer_usage(layer)
    assert (len(usage.tap), usage.chains, len(usage.inputs), usage.idle) == (57_600, 2304, 729, 55)
    planar, stacked = place(usage, "planar"), place(usage, "stacked")
    assert planar.area == pytest.approx((288e-6 + 2e-6) * (11 * 27e-6 - 2e-6))
    assert stacked.area == pytest.approx((4 * 12e-6 + 3 * 2e-6) ** 2)
    assert usage.weights == 400
    assert tuning_pairs(usage)[1] == 10_000
    facts = layout_facts(planar, 5e9)
    assert facts.line_length.longest == planar.lines.lengths.max()
    assert facts.longest_resistance == pytest.approx(2.2e-8 / (3e-7 * 2e-7) * facts.line_length.longest)
    assert 0.6 < facts.own_drive[0] < facts.own_drive[1] < 1.05


def _crossings_by_force(layout) -> int:
    """Crossings of all pieces of different lines in plan view, pair by pair."""
    paths = [line_path(layout, n)[:, :2] for n in range(len(layout.lines.counts))]
    tilt = 1e-7 * layout.geometry.pitch_y / len(paths)
    start = np.concatenate([p[:-1] + np.array([0, tilt * n]) for n, p in enumerate(paths)])
    end = np.concatenate([p[1:] + np.array([0, tilt * n]) for n, p in enumerate(paths)])
    own = np.repeat(np.arange(len(paths)), [len(p) - 1 for p in paths])

    def side(o, a, b):
        return (a[..., 0] - o[..., 0]) * (b[..., 1] - o[..., 1]) - (a[..., 1] - o[..., 1]) * (b[..., 0] - o[..., 0])

    a, b, c, d = start[:, None], end[:, None], start[None], end[None]
    crosses = (side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0)
    return int((crosses & (own[:, None] < own)).sum())


@pytest.mark.slow
@ALL
def test_crossings_of_lines(layer):
    layout = place(layer_usage(layer), "planar")
    assert _line_line(layout) == _crossings_by_force(layout)


def test_other_crossings():
    small = place(layer_usage(conv(3, 2)), "planar")  # 4 chains of 4; the line of the middle pixel visits all 4
    found = count_crossings(small)
    assert small.lines.counts.max() == 4
    steps = np.diff(small.column[small.lines.order[small.lines.run(4)]])
    assert steps.tolist() == [1, 1, 1]
    apart = [2 - 1] * 2  # (0,1) and (2,1) are over chains 0 and 2: one chain between
    assert found.line_chain == sum(apart)
    assert found.line_tuning == sum(
        np.ptp(small.usage.tap[small.lines.order[small.lines.run(n)]]) + 1 for n in range(9)
    )
    assert count_crossings(place(layer_usage(dense(30, 4)), "planar")).line_line == 0
    stacked = place(layer_usage(conv(3, 2)), "stacked")
    assert (
        count_crossings(stacked).vias
        == sum(np.abs(np.diff(stacked.usage.tap[stacked.lines.order[stacked.lines.run(n)]])).sum() for n in range(9))
        + 2 * stacked.lines.bridge.sum()
    )


def test_field_of_whole_lines():
    # Long stubs, far apart along the chain: what is left is the infinite strip and its neighbour.
    g = Geometry(pitch_y=20e-6, stub=19e-6, lead=10e-6, line_width=3e-7)
    layout = place(wired_usage([[0, 1], [1, 2]]), "planar", g)
    drive = line_drive(layout, [0, 1, 2], np.arange(4))
    assert np.array_equal(np.sign(drive[[0, 1, 2, 3], [0, 1, 1, 2]]), [-layout.heading[0]] * 4)
    assert np.abs(drive[[0, 1, 2, 3], [0, 1, 1, 2]]) == pytest.approx(1, abs=0.02)
    # the line of input 1 runs over tap 0 of chain 1, beside tap 0 of chain 0, which line 0 drives
    assert abs(drive[0, 1]) == pytest.approx(float(line_field(g, 1e-6)), abs=0.01)
    assert np.abs(drive[[0, 3], [2, 0]]).max() < 0.02
    with pytest.raises(InputError, match=r"line 7: possible: 0 \.\.\. 2"):
        line_drive(layout, [7], [0])


def test_no_line_runs_back_over_itself():
    # A stub that is run over twice, to and fro, drives nothing.
    layout = place(layer_usage(dense(6, 10)), "stacked")
    own = [np.abs(line_drive(layout, n, layout.lines.order[layout.lines.run(n)])) for n in range(6)]
    assert np.min(own) > 0.5
    layout = place(layer_usage(conv(9, 3, stride=2, outputs=3)), "planar")
    for line in range(len(layout.lines.counts)):
        heading = layout.heading[layout.lines.order[layout.lines.run(line)]]
        path = line_path(layout, line)
        within = np.diff(path[:, 1]) * np.sign(heading[0])
        assert len(set(heading.tolist())) > 1 or within.min() > -1e-12  # in one column of blocks: always on


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_parasitics_switched_off_are_zero(arrangement):
    layout = place(layer_usage(conv(6, 3, outputs=2), arrangement != "sequential"), arrangement)
    full, none = extract_parasitics(layout, 5e9), extract_parasitics(layout, 5e9, ())
    kept = {"causes", "frequency", "line", "bridge", "source", "termination"}
    for spec in fields(Parasitics):
        if spec.name not in kept:
            assert np.all(np.asarray(getattr(none, spec.name)) == 0), spec.name
            assert np.all(np.asarray(getattr(full, spec.name)) > 0), spec.name
    assert none.line.r == none.line.g == none.bridge.r == none.bridge.g == 0
    assert none.source == none.termination == pytest.approx(np.sqrt(none.line.l / none.line.c))
    changed = set()
    for cause in CAUSES:
        one = extract_parasitics(layout, 5e9, [cause])
        different = {
            spec.name
            for spec in fields(Parasitics)
            if spec.name != "causes" and np.any(getattr(one, spec.name) != getattr(none, spec.name))
        }
        assert different, cause
        assert not different & changed  # each value has one cause
        changed |= different
    assert changed == {spec.name for spec in fields(Parasitics)} - {"causes", "frequency"}


def test_parasitics_follow_the_geometry():
    usage = layer_usage(conv(6, 3, outputs=2))
    base = Geometry()

    def value(name, cause, **change):
        layout = place(usage, "planar", replace(base, **change))
        return np.ravel(getattr(extract_parasitics(layout, 5e9, [cause]), name))[0]

    tall = {"line_height": 20e-6, "bridge_height": 30e-6, "pitch_z": 60e-6}
    assert line_section(replace(base, line_height=2e-7)).line_chain > 1.5 * line_section(base).line_chain
    assert line_section(replace(base, **tall)).line_chain < 0.2 * line_section(base).line_chain
    for name in ("chain_chain", "chain_leakage"):
        assert value(name, name, pitch_x=2e-6) < 0.5 * value(name, name)
    assert value("chain_ground", "chain_ground", permittivity=7.8) == pytest.approx(
        2 * value("chain_ground", "chain_ground")
    )
    for name, cause, change, factor in (
        ("chain_leakage", "chain_leakage", {"insulation": 1e10}, 100),
        ("tuning_resistance", "tuning_loss", {"tuning_thickness": 100e-9}, 2),
        ("bias_tee", "bias_tee", {"isolation": 50.0}, 0.1),
        ("substrate", "substrate", {"substrate": 1.0}, 10),
        ("chain_resistance", "chain_loss", {"chain_width": 100e-9}, 2),
        ("ground_resistance", "shared_ground", {"ground_width": 1e-6}, 2),
    ):
        assert value(name, cause, **change) == pytest.approx(factor * value(name, cause)), name
    section, bare, x = (
        line_section(base),
        line_section(base, lines=False),
        extract_parasitics(place(usage, "planar"), 5e9),
    )
    assert x.line_line[0] == pytest.approx(section.line_line * 0.6e-6)
    assert x.chain_ground[0] == pytest.approx(section.chain_ground * 0.6e-6 + bare.chain_ground * 0.4e-6)
    assert x.chain_leakage[0] / x.chain_chain[0] == pytest.approx(1 / (3.9 * 8.8541878188e-12 * 1e12))


def test_levels_between_solved_ones():
    layout = place(layer_usage(conv(12, 5)), "stacked")
    x = extract_parasitics(layout, 5e9, ["chain_ground", "line_mutual"])
    assert len(x.chain_ground) == 25
    assert np.all(np.diff(x.chain_ground) < 0)
    for level in (6, 22):
        wanted = line_section(layout.geometry, level)
        assert x.chain_ground[level] == pytest.approx(wanted.chain_ground * layout.geometry.chain_width, rel=1e-2)
        assert x.line_mutual[level] == pytest.approx(wanted.line_line_mutual * layout.geometry.stub, rel=1e-2)


def test_parasitics_refuse():
    layout = place(layer_usage(conv(6, 3)), "planar")
    with pytest.raises(InputError, match="parasitic 'weather': possible: chain_ground, chain_chain"):
        extract_parasitics(layout, 5e9, ["weather"])
    with pytest.raises(InputError, match="above 0 Hz"):
        extract_parasitics(layout, float("nan"))


def test_current_along_a_tuning_line():
    layout = place(layer_usage(conv(12, 3)), "planar")
    x = replace(extract_parasitics(layout, 5e9), tuning_leakage=2e3)  # heavy, so that it shows
    current, voltage = tuning_currents(layout, x, 4, 1e-3)
    at = np.cumsum(layout.tuning.gap[layout.tuning.run(4)])
    total = layout.tuning.lengths[4]
    # The same line cut into many pieces, node by node.
    pieces = 4000
    r, g = x.tuning_resistance * total / pieces, x.tuning_leakage * total / pieces
    v, i = 0.0, 1.0  # from the grounded end back to the source
    profile = [(i, v)]
    for _ in range(pieces):
        v += i * r
        i += v * g
        profile.append((i, v))
    profile = np.array(profile[::-1]) / i * 1e-3
    where = np.linspace(0, total, pieces + 1)
    assert current == pytest.approx(np.interp(at, where, profile[:, 0]), rel=1e-3)
    assert voltage == pytest.approx(np.interp(at, where, profile[:, 1]), rel=1e-3)
    assert np.all(np.diff(current) < 0)
    ideal, drop = tuning_currents(layout, extract_parasitics(layout, 5e9, ()), 4, 1e-3)
    assert np.all(ideal == 1e-3)
    assert np.all(drop == 0)
    _, drop = tuning_currents(layout, extract_parasitics(layout, 5e9), 4, 1e-3)
    assert drop[0] - drop[-1] == pytest.approx(1e-3 * x.tuning_resistance * (at[-1] - at[0]))


def test_too_large_is_said_before_memory_is_taken():
    tracemalloc.start()
    try:
        huge = replace(conv(4, 3), in_shape=(1, 200_000, 200_000), out_shape=(1, 199_998, 199_998))
        with pytest.raises(InputError, match=r"layer conv1: .* resonators side by side; possible: 4,000,000"):
            layer_usage(huge)
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()
    assert huge.positions * 9 > MOST_PLACED
    assert len(layer_usage(huge, parallel=False).tap) == 9
    with pytest.raises(InputError, match=r"possible: 0\.3 m"):
        place(layer_usage(conv(6, 3)), "planar", Geometry(pitch_x=0.05))


def test_lines_that_overlap_are_refused():
    usage = layer_usage(conv(7, 3))
    with pytest.raises(InputError, match="they overlap; possible: a narrower line"):
        place(usage, "planar", Geometry(line_width=450e-9))
    with pytest.raises(InputError, match="apart, middle to middle"):
        place(layer_usage(dense(9, 4)), "planar", Geometry(stub=800e-9))
    with pytest.raises(InputError, match="bridges touch the tuning line of the level above"):
        place(usage, "stacked", Geometry(pitch_z=1.2e-6))
    with pytest.raises(InputError, match="vias, of the line's thickness in width, touch"):
        place(usage, "stacked", Geometry(tuning_width=500e-9))
    with pytest.raises(InputError, match="possible: sequential, planar, stacked"):
        place(usage, "round")


def test_figure_shows_every_metal():
    for arrangement in ("planar", "stacked"):
        drawn = layout_figure(place(layer_usage(conv(9, 3, stride=2, outputs=3)), arrangement))
        assert len(drawn.axes) == 3
        colours = {c for ax in drawn.axes for part in ax.collections for c in map(tuple, part.get_facecolor()[:, :3])}
        edges = {c for ax in drawn.axes for part in ax.collections for c in map(tuple, part.get_edgecolor()[:, :3])}
        rgb = {name: tuple(int(h[n : n + 2], 16) / 255 for n in (1, 3, 5)) for name, h in METALS.items()}
        for name in ("tuning", "chain", "resonator", "line"):
            assert rgb[name] in colours, name
        assert arrangement == "stacked" or rgb["bridge"] in edges
        assert [len(ax.texts) > 0 for ax in drawn.axes] == [True] * 3  # scale bars


@pytest.fixture(scope="module")
def folder(tmp_path_factory, small_design, small_model):
    path = tmp_path_factory.mktemp("design") / "build"
    write_design(small_design, small_model, path)
    return path


def command(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["resonet", "layout", *map(str, arguments)])
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main()
    told = capsys.readouterr()
    return end.value.code or 0, told.out, told.err


@pytest.mark.slow
def test_command(folder, monkeypatch, capsys):
    code, out, _ = command(
        monkeypatch,
        capsys,
        folder,
        "--layer",
        "conv1",
        "--arrangement",
        "all",
        "--set",
        "geometry.pitch_x=2um",
        "--json",
    )
    assert code == 0
    found = json.loads(out)
    assert found["geometry"]["pitch_x"] == 2e-6
    assert [entry["arrangement"] for entry in found["layouts"]] == list(ARRANGEMENTS)
    for entry in found["layouts"]:
        assert entry["tuning_lines"] == 36
        assert entry["area"] == pytest.approx(entry["size"][0] * entry["size"][1])
    assert found["layouts"][1]["resonators"] == 36 * 9
    assert len(found["figures"]) == 6
    for figure in found["figures"]:
        assert (folder / "report" / figure.rsplit("/", 1)[1]).stat().st_size > 10_000
    code, out, _ = command(monkeypatch, capsys, folder, "--layer", "dense1")
    assert code == 0
    assert "tuning lines" in out
    assert "planar" in out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--layer", "conv9"], "layer 'conv9': no such weighted layer; possible: conv1, dense1"),
        (["--arrangement", "round"], "possible: sequential, planar, stacked, all"),
        (["--set", "bus.impedance=1"], "possible: geometry.NAME=VALUE"),
        (["--set", "geometry.pitch_x=-1 um"], "geometry.pitch_x = -1e-06: must be within"),
        (["--set", "geometry.pitch_x=100 nm"], "neighbouring chains overlap"),
        (["--set", "geometry.colour=red"], "geometry.'colour': no such parameter; possible: line_width"),
        (["--set", "geometry.stub=900 nm"], "they overlap"),
    ],
)
def test_mistakes_are_one_line(folder, monkeypatch, capsys, options, told):
    before = sorted((folder / "report").glob("*")) if (folder / "report").is_dir() else []
    code, out, err = command(monkeypatch, capsys, folder, *options)
    assert code == 1
    assert out == ""
    assert told in err
    assert len(err.strip().splitlines()) == 1
    assert (sorted((folder / "report").glob("*")) if (folder / "report").is_dir() else []) == before


def test_geometry_in_the_design_file(folder, tmp_path):
    assert load_design(folder).parameters.geometry == Geometry()
    text = (folder / "design.toml").read_text()
    (tmp_path / "own.toml").write_text('[geometry]\npitch_x = "1.5 um"\nslope = "30e3 Hz m/A"\n')
    assert read_parameters(tmp_path / "own.toml").geometry == Geometry(pitch_x=1.5e-6, slope=30e3)
    head, tail = text.split("[geometry]")
    older = head + tail[tail.index("[layers") :]  # a design of before there was a geometry
    (folder / "design.toml").write_text(older)
    try:
        assert load_design(folder).parameters.geometry == Geometry()
    finally:
        (folder / "design.toml").write_text(text)
