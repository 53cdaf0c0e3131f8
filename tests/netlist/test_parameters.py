"""Parameters from presets, files and settings: an error is blamed on who gave the value; nothing is dropped unsaid."""

import pytest

from resonet.core.errors import InputError
from resonet.core.validity import collected
from resonet.netlist.design.parameters import read_parameters


def mine(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return path


GOOD = "[device]\ndamping = 0.02\n\n[plan]\nf_min = '5 GHz'\nf_max = '9 GHz'\n"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("device.r0=1k", r"^--set 'device\.r0=1k': device\.'r0': no such parameter"),
        ("device.damping=0,01", r"^--set 'device\.damping=0,01': device\.damping = '0,01': a comma"),
        ("device.damping=x=0.01", r"^--set 'device\.damping=x=0\.01': device\.damping = 'x=0\.01': not a number"),
        ("plan.tile=3_2", r"^--set 'plan\.tile=3_2': plan\.tile = '3_2': digits"),
        ("bus.node_capacitance=0,1 fF", r"^--set .*: a comma; write a decimal point"),
        ("device.damping=7", r"^--set 'device\.damping=7': device\.damping = 7: must be within"),
        ("plan.f_max=4 GHz", r"^--set 'plan\.f_max=4 GHz': plan\.f_min = 5e\+09 Hz: must be below plan\.f_max"),
        ("plan.tile=" + "9" * 8000, r"longer than 100 characters"),
        ("plan.\x1b[31m=1", r"^--set 'plan\.\\x1b"),
    ],
)
def test_a_setting_is_blamed_on_itself(tmp_path, setting, words):
    with pytest.raises(InputError, match=words) as caught:
        read_parameters(mine(tmp_path, GOOD), [setting])
    assert "mine.toml" not in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[bus]\nnode_capacitance = '0,1 fF'\n", r"mine\.toml: line 2: bus\.node_capacitance = '0,1 fF': a comma"),
        ("[device]\n\ndamping = '0,02'\n", r"mine\.toml: line 3: device\.damping = '0,02': a comma"),
        ("[device]\ndamping = 7\n", r"mine\.toml: line 2: device\.damping = 7: must be within"),
        ("[device]\ndamping = nan\n", r"mine\.toml: line 2: device\.damping = nan: must be finite"),
        ("[device]\ndamping = inf\n", r"mine\.toml: line 2: device\.damping = inf: must be finite"),
        ("[plan]\ntile = 2.5\n", r"mine\.toml: line 2: plan\.tile = 2\.5: a whole number"),
        ("[plan]\n'tile' = '3_2'\n", r"mine\.toml: line 2: plan\.tile = '3_2': digits"),
        ("[plan]\ntiles = 3\n", r"mine\.toml: line 2: plan\.'tiles': no such parameter"),
        ("plan.tile = 0", r"mine\.toml: line 1: plan\.tile = 0: must be within"),
        ("plan = {tile = 0}", r"mine\.toml: plan\.tile = 0: must be within"),  # where is not clear: the file is
        ("plan = 3", r"mine\.toml: \[plan\]: a table"),
        ("[plan]\nf_min = '9 GHz'\nf_max = '8 GHz'", r"mine\.toml: line \d: plan\.f_min = 9e\+09 Hz: must be below"),
        ("auto_oscillator = 3", r"mine\.toml: \[auto_oscillator\]: a table"),
        ("[auto_oscillator]\npsi = '0,8 rad'", r"mine\.toml: auto_oscillator\.psi = '0,8 rad': a comma"),
        ("[auto_oscillator]\nphi = 1", r"mine\.toml: auto_oscillator\.'phi': no such parameter"),
    ],
)
def test_a_file_is_blamed_with_the_line(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        read_parameters(mine(tmp_path, text), ["bus.impedance=50 Ohm"])


def test_numbers_of_toml_are_toml_s(tmp_path):
    assert read_parameters(mine(tmp_path, "[plan]\ntile = 3_2\n")).plan.tile == 32


def test_the_later_wins(tmp_path):
    found = read_parameters(mine(tmp_path, GOOD), ["device.damping=0.03", "device.damping=0.04"], "shno")
    assert found.device.damping == 0.04
    assert found.plan.f_max == 9e9
    assert found.device.resistance == read_parameters(preset="shno").device.resistance


def test_what_a_design_does_not_use_is_named(tmp_path):
    other = "[auto_oscillator]\nf0 = '8 GHz'\nnshift = '0 Hz'\npsi = '-0.30 rad'\n[source]\ndevice = 'fit'\n"
    with collected() as told:
        read_parameters(mine(tmp_path, GOOD + other))
    (one,) = told
    assert (one.code, one.value, one.limit) == ("unused-parameter", 2, 0)
    assert "mine.toml: [auto_oscillator] f0 = '8 GHz', psi = '-0.30 rad': not used" in one.text


def test_a_mix_angle_of_a_preset_is_named_unless_the_file_gives_another(tmp_path):
    with collected() as told:
        read_parameters(preset="nife_pt")
    (one,) = told
    assert one.text.startswith("preset nife_pt: [auto_oscillator] psi = '0.8 rad': not used")
    with collected() as told:
        read_parameters(mine(tmp_path, "[auto_oscillator]\npsi = 0\n"), preset="nife_pt")
    assert told == []


def test_plain_parameters_give_no_warning():
    with collected() as told:
        read_parameters(settings=["device.damping=0.02"])
        read_parameters(preset="vortex_mtj")
    assert told == []
