"""Numbers as people write them: read as meant or refused; shown with prefixes only where a unit takes them."""

import math
from dataclasses import dataclass, fields
from decimal import Decimal

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.core.numbers import engineering, has_prefix, quantity, read_list, read_number, read_whole, small_percent
from resonet.core.parameters import limit, parameter, parse
from resonet.models.circuit.bus import BusCircuit

READ = [
    ("5 GHz", "Hz", "5e9"),
    ("5GHz", "Hz", "5e9"),
    ("5 G", "Hz", "5e9"),
    ("5e3 kHz", "Hz", "5e6"),
    ("5 mHz", "Hz", "5e-3"),  # milli, as it says: the parameter's range refuses it
    ("0.2 fF", "F", "2e-16"),
    ("1e-16", "F", "1e-16"),
    ("+.5", "", "0.5"),
    ("5.", "", "5"),
    ("−5 uA", "A", "-5e-6"),
    ("5 µm", "m", "5e-6"),
    ("5 μm", "m", "5e-6"),
    ("1 m", "m", "1"),  # a metre, not milli
    ("1 mm", "m", "1e-3"),
    ("300 K", "K", "300"),  # kelvin, not kilo
    ("10 mK", "K", "1e-2"),
    ("1K", "Ohm", "1e3"),
    ("1 k", "Ohm", "1e3"),
    ("50 Ω", "Ohm", "50"),
    ("50 Ω", "Ohm", "50"),
    ("50 ohm", "Ohm", "50"),
    ("5\u00a0GHz", "Hz", "5e9"),
    ("5\u202fGHz", "Hz", "5e9"),
    ("2.8e-15 m^2", "m^2", "2.8e-15"),
    ("2.8e-15 m²", "m^2", "2.8e-15"),
    ("800 kA/m", "A/m", "8e5"),
    ("150 kJ/m^3", "J/m^3", "1.5e5"),
    ("2 1/m", "1/m", "2"),
    ("10 mrad", "rad", "1e-2"),
    ("-3 dB", "dB", "-3"),
    ("\t 7 Hz ", "Hz", "7"),
    ("5 %", "", "0.05"),
    ("-0.1%", "", "-0.001"),
    ("-30 dBm", "W", "1e-6"),
    ("0dBm", "W", "1e-3"),
    ("20 dBm", "W", "0.1"),
    ("-27 dBm", "dBm", "-27"),
]
REFUSED = [
    ("0,1 fF", "F", "decimal point"),
    ("1e3,5 Hz", "Hz", "decimal point"),
    (",5 GHz", "Hz", "decimal point"),
    ("5,GHz", "Hz", "decimal point"),
    ("1,234.5", "", "decimal point"),
    ("3_2", "", "without marks"),
    ("1'000", "", "without marks"),
    ("x=0.01", "", "not a number"),
    ("=0.01", "", "not a number"),
    ("$5", "", "not a number"),
    ("", "Hz", "not a number"),
    ("GHz", "Hz", "not a number"),
    ("--5", "", "not a number"),
    ("1e", "", "no unit"),
    ("1E", "Hz", "exponent without digits"),
    ("0x10", "", "no unit"),
    ("1 000", "", "no unit"),
    ("5 %", "W", "the unit is W"),
    ("5 k%", "", "% takes no prefix"),
    ("5 % %", "", "% takes no prefix"),
    ("5 k%", "Hz", "the unit is Hz"),
    ("-27 dBm", "V", "the unit is V"),
    ("-27 mdBm", "W", "the unit is W"),
    ("-27 dB", "W", "the unit is W"),
    ("1e9 dBm", "W", "range of floating point"),
    ("1.2.3", "", "not a number"),
    ("inf", "", "finite"),
    ("-Infinity", "Hz", "finite"),
    ("nan", "", "finite"),
    ("1e999", "Hz", "range of floating point"),
    ("1e-999", "Hz", "range of floating point"),
    ("1e305 GHz", "Hz", "range of floating point"),
    ("٣", "", "ASCII"),
    ("０.１", "", "ASCII"),
    ("5\N{FULLWIDTH DIGIT ONE}", "", "ASCII"),
    ("5 ghz", "Hz", "the unit is Hz"),
    ("5 Hz Hz", "Hz", "the unit is Hz"),
    ("5 G Hz", "Hz", "the unit is Hz"),
    ("5\nHz", "Hz", "the unit is Hz"),
    ("5\0Hz", "Hz", "the unit is Hz"),
    ("5 GHz; rm", "Hz", "the unit is Hz"),
    ("1 MEG", "Ohm", "mega is M"),
    ("1MegOhm", "Ohm", "mega is M"),
    ("1 mdB", "dB", "no SI prefix"),
    ("2.827 fm^2", "m^2", "no SI prefix"),
    ("1 M1/m", "1/m", "no SI prefix"),
    ("1" * 8000, "", "longer than"),
    ("0." + "0" * 8000 + "1", "Hz", "longer than"),
]


@pytest.mark.parametrize(("text", "unit", "value"), READ)
def test_what_is_read(text, unit, value):
    assert read_number(text, unit) == float(Decimal(value))


@pytest.mark.parametrize(("text", "unit", "reason"), REFUSED)
def test_what_is_refused(text, unit, reason):
    with pytest.raises(ValueError, match=reason):
        read_number(text, unit)


def test_the_nearest_number_is_read():
    """0.1 + prefix is the double nearest to the decimal number, not 0.1 times a rounded power."""
    rng = np.random.default_rng(3)
    prefixes = {"T": 12, "G": 9, "M": 6, "k": 3, "": 0, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18}
    for mantissa in rng.uniform(0.1, 1000, 500).tolist():
        for prefix, power in prefixes.items():
            assert read_number(f"{mantissa!r} {prefix}V", "V") == float(f"{mantissa!r}e{power}")
    assert read_number("0." + "3" * 90) == float("0." + "3" * 90)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        *[(None, "-"), (0.0, "0.00 %"), (0.1234, "12.34 %"), (4.9e-5, "5e-03 %"), (1.1e-8, "1e-06 %")],
        *[(9e-9, "< 1e-6 %"), (-7e-11, "< 1e-6 %"), (9e-25, "< 1e-6 %")],
    ],
)
def test_small_shares_keep_their_size_down_to_rounding(share, text):
    assert small_percent(share) == text


def test_a_limit_without_its_unit_is_refused():
    spec = dataclass(
        type("Asked", (), {"__annotations__": {"latency": float}, "latency": limit(0.0, "s", 0, 1e3, "x")})
    )
    (latency,) = fields(spec)
    assert parse("10 us", latency, "specification") == pytest.approx(1e-5)
    assert [parse(none, latency, "specification") for none in (0, 0.0, "0", "0 s")] == [0] * 4
    for bare in (10, 10.0, "10", "1e-5"):
        with pytest.raises(InputError, match=r"specification\.latency = .*: the unit is missing; possible: 0"):
            parse(bare, latency, "specification")


def test_whole_numbers_are_exact():
    assert read_whole("9007199254740993") == 2**53 + 1
    assert read_whole("3.2e1") == 32
    assert read_whole("1k") == 1000
    with pytest.raises(ValueError, match="whole"):
        read_whole("2.5")
    with pytest.raises(ValueError, match="no unit"):
        read_whole("200 %")


def test_lists():
    assert read_list("0.1,0.2") == ["0.1", "0.2"]
    assert read_list("1 fF,2fF", "F") == ["1 fF", "2fF"]
    assert read_list("1e-15,2e-15", "F") == ["1e-15", "2e-15"]
    with pytest.raises(ValueError, match="decimal point"):  # 0.1 fF with a comma, or 0 and 1 fF?
        read_list("0,1 fF", "F")
    assert read_list("1 %,2%") == ["1 %", "2%"]
    with pytest.raises(ValueError, match="% behind every number"):  # 1.5 % with a comma, or 1 and 5 %?
        read_list("1,5 %")
    with pytest.raises(ValueError, match="at most"):
        read_list("1," * 20_000)


@pytest.mark.parametrize("unit", ["m^2", "1/m", "1/K", "1/s", "dB", "dBm", "deg", ""])
def test_units_without_prefix(unit):
    assert not has_prefix(unit)


@pytest.mark.parametrize("unit", ["Hz", "A/m", "J/m^3", "V/sqrt(Hz)", "Ohm m", "F/m", "rad", "K"])
def test_units_with_prefix(unit):
    assert has_prefix(unit)


def test_prefixes_are_shown_on_base_units_only():
    assert quantity(2.827e-15, "m^2") == "2.827e-15 m^2"
    assert quantity(1e6, "1/m") == "1000000.0 1/m"
    assert quantity(2e-17, "F") == "20 aF"
    assert quantity(150e3, "J/m^3") == "150 kJ/m^3"
    assert quantity(5, "Hz") == 5
    assert engineering(2.8274e-15, "m^2") == "2.83e-15 m^2"
    assert engineering(1e6, "1/m") == "1e+06 1/m"
    assert engineering(1.5e-3, "m") == "1.5 mm"
    assert engineering(12.0, "") == "12"


def test_what_is_shown_in_full_reads_back():
    rng = np.random.default_rng(4)
    for unit in ("Hz", "F", "m", "K", "A/m", "J/m^3", "1/m", "m^2", "dB", "rad", "Ohm m", "V/sqrt(Hz)", "deg"):
        for power in rng.uniform(-40, 40, 300):
            value = float(rng.choice([-1, 1]) * 10**power)
            for x in (value, float(f"{value:.3g}")):
                assert read_number(str(quantity(x, unit)), unit) == x
        assert read_number(str(quantity(0.0, unit)), unit) == 0.0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("0,1 fF", r"bus\.node_capacitance = '0,1 fF': a comma; write a decimal point"),
        (True, r"bus\.node_capacitance = True: a number"),
        ([1], r"bus\.node_capacitance = \[1\]: a number"),
        (math.nan, "finite"),
        (10**400, "300 digits"),
        ("9" * 8000, "longer than 100"),
        ("\x1b[31m1", r"\\x1b"),
    ],
)
def test_messages_name_the_parameter_in_one_short_line(given, words):
    spec = BusCircuit.__dataclass_fields__["node_capacitance"]
    with pytest.raises(InputError, match=words) as caught:
        parse(given, spec, "bus")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


def test_an_option_is_named_as_it_is_written():
    spec = parameter(1.0, "Hz", 0.0, 10.0, "something")
    spec.name = "start"
    with pytest.raises(InputError, match=r"^--start = '1 V': the unit is Hz"):
        parse("1 V", spec, "--start")
