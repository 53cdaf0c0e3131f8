"""Curves as laboratories write them: one measurement in every dress gives the same numbers, or is refused."""

import itertools
import time

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.core.validity import collected
from resonet.models.fit.fit import rectification
from resonet.models.fit.measured import read_curve

F = np.linspace(4.4e9, 5.6e9, 61)
VOLT = rectification(F, 5e9, 0.01, 500.0, 0.3, 4.0) * 1e-6 + np.random.default_rng(8).normal(0, 0.2e-6, len(F))
GHZ, UV = [round(float(x) / 1e9, 3) for x in F], [round(float(x) * 1e6, 4) for x in VOLT]
HEAD = ("Frequency (GHz)", "Voltage (µV)")


def dressed(mark=",", decimal=".", head=HEAD, end="\n", tail="", quote="", comment="", units=None, extra=()):
    """The measurement as text: mark between columns, decimal mark, and so on."""
    lines = [comment + mark.join((*head, *(name for name, _ in extra))) + tail]
    lines += [mark.join(units) + tail] if units else []
    for n, row in enumerate(zip(GHZ, UV, strict=True)):
        cells = [quote + f"{x!r}".replace(".", decimal) + quote for x in row] + [value(n) for _, value in extra]
        lines.append(mark.join(cells) + tail)
    return end.join(lines) + end


def read(tmp_path, text, encoding="utf-8", power=1e-6):
    path = tmp_path / "curve.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return read_curve(path, power)


def check(curve):
    np.testing.assert_allclose(curve.frequency, np.array(GHZ) * 1e9, rtol=1e-15)
    np.testing.assert_allclose(curve.sensitivity, np.array(UV) * 1e-6 / 1e-6, rtol=1e-14)


@pytest.mark.parametrize(
    ("mark", "decimal"),
    [(",", "."), (";", "."), ("\t", "."), ("   ", "."), (" ", "."), (";", ","), ("\t", ","), ("  ", ",")],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("tail", [False, True])
def test_marks_between_columns_and_in_numbers(tmp_path, mark, decimal, end, tail):
    head = HEAD if mark.strip(" ") else ("frequency(GHz)", "voltage(µV)")
    curve = read(tmp_path, dressed(mark, decimal, head, end, mark if tail else ""))
    check(curve)
    assert any("decimal commas" in note for note in curve.notes) == (decimal == ",")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_encodings(tmp_path, encoding):
    text = dressed(";", ",")
    if encoding.startswith("utf-16-"):
        text = "\ufeff" + text
    curve = read(tmp_path, text, encoding)
    check(curve)
    assert any("cp1252" in note for note in curve.notes) == (encoding == "cp1252")


@pytest.mark.parametrize("comment", ["# ", "#", "% "])
def test_a_header_in_a_comment(tmp_path, comment):
    check(read(tmp_path, comment + " measured, on a Monday\n" + dressed(comment=comment)))
    check(read(tmp_path, comment + dressed().replace(",", " ").replace(" Voltage", ", Voltage", 1)))


@pytest.mark.parametrize(
    ("head", "units"),
    [
        (("frequency", "voltage"), ("GHz", "uV")),
        (("frequency", "voltage"), ("(GHz)", "[µV]")),
        (("frequency (GHz)", "voltage"), ("", "µV")),
        (("frequency (GHz)", "voltage (µV)"), ("GHz", "µV")),
    ],
)
def test_a_row_of_units(tmp_path, head, units):
    for mark, decimal in ((",", "."), (";", ","), ("\t", ",")):
        check(read(tmp_path, dressed(mark, decimal, head, units=units)))


def test_quotes_and_excels_own_word(tmp_path):
    check(read(tmp_path, dressed(quote='"')))
    check(read(tmp_path, dressed(";", ",", quote='"')))
    check(read(tmp_path, dressed(",", ",", quote='"')))
    check(read(tmp_path, "sep=;\n" + dressed(";", ",")))


def test_columns_of_other_quantities_are_left_aside_and_named(tmp_path):
    extra = (("Temperature (K)", lambda n: "300.1"), ("remark", lambda n: "ok" if n else "first"), ("No.", str))
    curve = read(tmp_path, dressed(extra=extra))
    check(curve)
    assert "columns left aside: Temperature (K), remark, No." in curve.notes


@pytest.mark.parametrize(
    "name", ["std (uV)", "voltage 2 (uV)", "Voltage2", "eror", "powr", "pow (dBm)", "x (V)", "f2 (GHz)"]
)
def test_a_column_that_may_be_meant_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="is unknown; possible"):
        read(tmp_path, dressed(extra=((name, lambda n: "1.5"),)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("f (GHz);v (uV)\n4,400;1,234\n4,500;2,345\n", "may stand between thousands"),
        ("f (MHz);v (uV)\n1.234,5;6,7\n1.334,5;6,8\n", "line 2: f = '1.234,5': not a number"),
        ("f (MHz);v (uV)\n1,234.5;6.7\n1,334.5;6.8\n", "line 2: f = '1,234.5': not a number"),
        ("f (GHz),v (uV)\n4,4,-78,0\n4,5,-79,1\n", "line 2: 4 cells, the header has 2 .decimal commas"),
        ("f (GHz);v (uV)\n4,4;1.5\n4,5;1.6\n", "line 2: .*: not a number"),
        ("f (GHz);v (uV)\n4,4;1,5\n4.5;1,6\n", "line 3: f = '4.5': not a number"),
        ("f (GHz),v (uV)\n4.4,1\n4.5,two\n", "line 3: v = 'two': not a number"),
        ("f (GHz),v (uV)\n4.4,1\n4.5,\n", "line 3: 1 cells"),
        ("f (GHz),v (uV)\n4.4,1\n4.5,1_0\n", "line 3: v = '1_0': not a number"),
        ("f (GHz),v (uV)\n4.4,1\n4.5,0x10\n", "line 3: v = '0x10'"),
        ("f (GHz),v (uV)\n4.4,1\n4.5,٣\n", "line 3: v = '٣'"),
        ("f (GHz),v (uV)\n4.4,1\n4.5,inf\n", "line 3: v = 'inf'"),
        ("f (GHz),v (uV)\n4.4,1\n4.5,1e999\n", "line 3: beyond the range"),
        ("f (GHz),v (uV)\n4.4,1\n\n# x\n4.5," + "1" * 100 + "\n", "line 5: v = '1111"),
        ("f (GHz),v (uV)\n4.4,1\n4.5,1,7\n", "line 3: 3 cells, the header has 2"),
        ("f (GHz),v (uV)\n(MHz),(uV)\n4.4,1\n", "line 2: f in 'MHz', above in 'GHz'"),
        ("4.4,1\n4.5,2\n", "line 1: numbers without a header"),
        ("f (GHz),v (uV)\n", "no rows of numbers"),
        ('f (GHz),v (uV)\n"4.4,1\n4.5,2\n', "quote|not a table"),
        ("f (GHz)\tv (uV)\nabc\tdef\nx\ty\n", "line 2: f in 'abc', above in"),
        (b"f (GHz),v (uV)\n4.4,1\0\n", "not a text file"),
        ("f (GHz),v (uV)\n4.4,1\n".encode("utf-16-le"), "UTF-16 without its mark"),
        (b"\x80\x04\x95pickle\x00", "not a text file"),
        ("f (GHz),v (uV)" + "(" * 100_000 + "\n1,2\n", "header of more than"),
        ("(" * 4000 + "\n1,2\n", "columns"),
        ("f (GHz),v (uV)\n1,2\n" + "[" * 100_000, "line 3"),
        ("f (GHz),v (uV)\n" + "1," * 100_000, "line 2: 100000 cells"),
        (b"1" * 10_000_001, "larger than"),
    ],
)
def test_what_is_refused_names_the_line(tmp_path, text, words):
    start = time.process_time()
    with pytest.raises(InputError, match=words) as caught:
        read(tmp_path, text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300
    assert time.process_time() - start < 5  # the bound of issue 14; 45 s before


def test_one_comma_that_is_none_between_thousands_settles_it(tmp_path):
    curve = read(tmp_path, "f (GHz);v (uV)\n4,400;1,234\n4,500;0,345\n")
    assert curve.frequency == pytest.approx([4.4e9, 4.5e9])
    assert curve.sensitivity == pytest.approx([1.234, 0.345])
    curve = read(tmp_path, "f (GHz);v (uV)\n1,234;5,6\n1,334;5,7\n")
    assert curve.frequency == pytest.approx([1.234e9, 1.334e9])


def test_a_power_is_given_once(tmp_path):
    extra = (("power (uW)", lambda n: "2.0"),)
    curve = read(tmp_path, dressed(extra=extra), power=None)
    assert curve.sensitivity == pytest.approx(np.array(UV) / 2)
    with pytest.raises(InputError, match="a power is given, and the file has a power of its own"):
        read(tmp_path, dressed(extra=extra))
    with pytest.raises(InputError, match="a power is given, and the file has voltages per watt"):
        read(tmp_path, dressed(head=("f (GHz)", "V/P (V/W)")))


def test_large_files_are_read_in_time(tmp_path):
    rows = "".join(f"{4 + n * 1e-6:.6f};{n % 977},{n % 7}\n".replace(".", ",") for n in range(200_000))
    start = time.process_time()
    curve = read(tmp_path, "f (GHz);v (uV)\n" + rows)
    assert len(curve.frequency) == 200_000
    assert time.process_time() - start < 5
    assert len(list(itertools.pairwise(curve.frequency))) == 199_999


@pytest.mark.parametrize(
    "head",
    [
        ("f / GHz", "V / uV"),
        ("f/GHz", "V/µV"),
        ("Frequency / GHz", "rectified voltage / (uV)"),
        ("freq / (GHz)", "V_dc / [µV]"),
    ],
)
@pytest.mark.parametrize("mark", [";", "\t", ", ", "   ", " "])
def test_units_behind_a_stroke(tmp_path, head, mark):
    if mark.strip() or mark != " " or not any(" " in name.replace(" / ", "") for name in head):
        check(read(tmp_path, dressed(mark=mark, head=head)))


def test_sensitivities_behind_a_stroke(tmp_path):
    rows = "\n".join(f"{f:.1f}; {f}; 0.5" for f in range(1, 9))
    curve = read(tmp_path, f"f / GHz; V/P / (mV/uW); error / (mV/uW)\n{rows}\n", power=None)
    np.testing.assert_allclose(curve.sensitivity, np.arange(1, 9) * 1e3, rtol=1e-14)
    np.testing.assert_allclose(curve.error, 500.0, rtol=1e-14)
    with pytest.raises(InputError, match="frequency in 'ghz'; possible: Hz with an SI prefix, such as GHz"):
        read(tmp_path, f"f / ghz; V/P / (mV/uW)\n{rows.replace('; 0.5', '')}\n", power=None)
    with pytest.raises(InputError, match="voltage in 'parsec'; possible: V with an SI prefix, such as uV"):
        read(tmp_path, f"f (GHz); V / parsec\n{rows.replace('; 0.5', '')}\n")


def test_a_unit_that_is_missing_beside_others_is_said(tmp_path):
    rows = "\n".join(f"{f:.1f},{f},0.5" for f in range(1, 9))
    for head, said in (
        ("frequency (GHz),voltage (mV),power", "1 of 3 columns have no unit, taken as SI: power in W"),
        ("frequency,voltage / mV,power", "2 of 3 columns have no unit, taken as SI: frequency in Hz, power in W"),
        ("f / GHz,sensitivity,error", "2 of 3 columns have no unit, taken as SI: sensitivity in V/W, error in V/W"),
    ):
        with collected() as told:
            read(tmp_path, f"{head}\n{rows}\n", power=None)
        assert [(entry.code, entry.text) for entry in told] == [("unit-assumed", f"curve.csv: {said}")]
    for head in ("frequency,voltage,power", "f (GHz),V (mV),P (uW)"):
        with collected() as told:
            read(tmp_path, f"{head}\n{rows}\n", power=None)
        assert told == []


def test_rows_that_come_again_are_noted(tmp_path):
    plain = read(tmp_path, dressed())
    text = dressed().splitlines()
    twice = read(tmp_path, "\n".join([*text, *text[1:]]))
    assert plain.notes == ()
    assert twice.notes == ("61 of 122 rows are there again: each counts, and errors are up to 1.41 times too small",)
