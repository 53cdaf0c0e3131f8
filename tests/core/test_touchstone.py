"""The reader of Touchstone files: the standard's grammar, what programs write, and what each file announces."""

import importlib.util
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import skrf

from resonet.core.errors import InputError
from resonet.core.touchstone import read, real_reference
from resonet.core.validity import collected

F = np.linspace(1e9, 5e9, 17)


@pytest.fixture(autouse=True)
def told():
    """Warnings of a test, in order."""
    with collected() as found:
        yield found


def line_between(z=100.0, delay=30e-12, load=45.0):
    """S [17, 2, 2] in 50 ohm of a non-reciprocal two-port: a line of impedance z, damped more one way, and a shunt."""
    turn = 2j * np.pi * F * delay
    a, b = np.cosh(turn), z * np.sinh(turn)
    c, d = np.sinh(turn) / z + a / load, a + np.sinh(turn) * z / load
    total = a + b / 50 + 50 * c + d
    s = np.array([[a + b / 50 - 50 * c - d, 1.8 + 0 * a], [2 + 0 * a, b / 50 - a - 50 * c + d]]) / total
    return np.moveaxis(s, -1, 0)


S = line_between()


def rows(s=S, order=((0, 0), (1, 0), (0, 1), (1, 1)), unit=1e9, pair=None):
    """Rows of data, real and imaginary part unless `pair` says otherwise."""
    pair = pair or (lambda x: (x.real, x.imag))
    return [
        " ".join(repr(float(v)) for v in (f / unit, *(n for i, j in order for n in pair(m[i, j]))))
        for f, m in zip(F, s, strict=True)
    ]


def got(tmp_path, text, name="x.s2p", **more):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path, **more)


def text_of(head="# GHz S RI R 50", body=None):
    return "\n".join([head, *(body or rows()), ""])


@pytest.mark.parametrize(
    ("head", "z0"),
    [
        ("# GHz S RI R 50", 50),
        ("# S RI R 75 GHz", 75),
        ("#ghz ri s r 42.5", 42.5),
        ("# RI", 50),
        ("# GHz RI", 50),
        ("# GHz S RI R75", 75),
        ("# GHz S RI R=75", 75),
        ("# GHz S RI 75", 75),
        ("# GHz S RI R 75 Ohm", 75),
        ("# GHz S RI R 75 ! a comment", 75),
        ("# GHz S RI R 7.5e1", 75),
        ("\t#\tGHz\tS\tRI\tR\t75", 75),
        ("! first\n\n# GHz S RI R 75\n# Hz S MA R 50", 75),
    ],
)
def test_option_lines(tmp_path, told, head, z0):
    found = got(tmp_path, text_of(head))
    assert np.array_equal(found.s, S)
    assert found.f == pytest.approx(F, rel=1e-15)
    assert np.all(found.z0 == z0)
    assert [entry.code for entry in told] == (["touchstone-option-line"] if "Hz S MA" in head else [])


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("# GHz S RI R 50 60 70", "line 1: option line: 3 resistances for 2 ports; possible: 1 or 2"),
        ("# GHz S RI R", "R without a number"),
        ("# GHz S XY R 50", "line 1: option line: 'xy' is unknown"),
        ("# GHz MHz S RI R 50", "both GHZ and MHZ"),
        ("# GHz T RI R 50", "'t' is unknown"),
        ("# GHz S RI R -50", "reference impedances must have a positive real part"),
        ("# GHz S RI R fifty", "'fifty' is unknown"),
        ("# GHz S RI R nan", "'nan' is unknown"),
        ("# GHz S RI R 5_0", "'5_0' is unknown"),
        ("# GHz S RI R 50,5", "'50,5' is unknown"),
    ],
)
def test_option_lines_that_are_not_understood(tmp_path, told, head, message):
    if head.endswith("R"):
        got(tmp_path, text_of(head))
        assert message in told[0].text
        return
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        got(tmp_path, text_of(head))


@pytest.mark.parametrize("unit", ["Hz", "kHz", "MHz", "GHz", "THz"])
@pytest.mark.parametrize("form", ["RI", "MA", "DB"])
def test_units_and_forms(tmp_path, unit, form):
    pair = {
        "RI": lambda x: (x.real, x.imag),
        "MA": lambda x: (abs(x), np.degrees(np.angle(x))),
        "DB": lambda x: (20 * np.log10(abs(x)), np.degrees(np.angle(x))),
    }[form]
    factor = {"Hz": 1, "kHz": 1e3, "MHz": 1e6, "GHz": 1e9, "THz": 1e12}[unit]
    found = got(tmp_path, text_of(f"# {unit} S {form} R 50", rows(unit=factor, pair=pair)))
    assert np.abs(found.s - S).max() < 1e-14
    assert found.f == pytest.approx(F, rel=1e-14)


def test_encodings_and_ends_of_lines(tmp_path):
    text = "! Länge 5 µm\n" + text_of()
    for data in (
        text.encode("utf-8-sig"),
        text.encode("cp1252"),
        text.encode("utf-16"),
        text.encode("utf-16-le"),
        text.replace("\n", "\r\n").encode(),
        text.replace("\n", "\r").encode("cp1252"),
        text.replace("\n", " ! row\n").encode(),
        text.encode() + b"\x1a\x00\x00",
    ):
        assert np.array_equal(got(tmp_path, data).s, S)


def test_numbers(tmp_path):
    body = rows()
    dashed = [body[0].replace("e-", "D-"), *body[1:]]
    assert np.array_equal(got(tmp_path, text_of(body=["1.0D0 " + body[0].split(" ", 1)[1], *dashed[1:]])).s, S)
    for word, message in (
        ("1_0", "'1_0' is not a number"),
        ("0,5", "a comma; possible: a decimal point"),
        ("nan", "values that are not finite"),
        ("inf", "values that are not finite"),
        ("1e999", "values that are not finite"),
        ("0x10", "is not a number"),
        ("1" * 5000, "a number of more than 60 characters"),
        ("٣", "is not a number"),
    ):
        broken = [*body[:2], body[2].rsplit(" ", 1)[0] + " " + word, *body[3:]]
        with pytest.raises(InputError, match=rf"line 4.*{message}|{message}.*|line 4: {message}"):
            got(tmp_path, text_of(body=broken))
    silent = got(tmp_path, "# GHz S DB R 50\n1 -20 0 -inf 0 -1.#INF 0 -20 90\n2 -20 0 -20 0 -20 0 -20 90\n")
    assert silent.s[0, 1, 0] == silent.s[0, 0, 1] == 0
    assert silent.s[0, 1, 1] == pytest.approx(0.1j)


def test_noise_data(tmp_path):
    for at in (5, 4.9, 1):
        found = got(tmp_path, text_of(body=[*rows(), f"{at} 0.7 0.6 69 0.38", f"{at + 1} 2.7 0.4 -33 0.4"]))
        assert found.noise == 2
        assert np.array_equal(found.s, S)
    with pytest.raises(InputError, match="line 19: 5 numbers; a frequency of a 2-port has 9"):
        got(tmp_path, text_of(body=[*rows(), "6 0.7 0.6 69 0.38"]))
    with pytest.raises(InputError, match="line 20: 6 numbers; a row of noise data has 5"):
        got(tmp_path, text_of(body=[*rows(), "4 0.7 0.6 69 0.38", "5 0.7 0.6 69 0.38 1"]))


def test_two_port_rows_that_are_wrapped(tmp_path):
    body = [part for row in rows() for part in (" ".join(row.split()[:5]), " ".join(row.split()[5:]))]
    assert np.array_equal(got(tmp_path, text_of(body=body)).s, S)


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        ("x.s2p", [3] * 3, "line 3: 3 numbers; a frequency of a 2-port has 9 numbers, .* the ending \\.s1p"),
        ("x.s2p", [3] * 201, "line 3: 3 numbers; .* the ending \\.s1p"),
        ("x.s4p", [3] * 11, "line 3: 3 numbers; a frequency of a 4-port has 33 numbers"),
        ("x.s2p", [8] * 9, "line 2: 8 numbers; "),
        ("x.s2p", [1] * 9, "line 3: 1 numbers; "),
        ("x.s2p", [9, 5, 4, 9], "line 3: 5 numbers: this frequency is broken into lines otherwise than the first one"),
        ("x.s1p", [1, 2, 3], "line 4: 3 numbers: this frequency is broken into lines otherwise"),
        ("x.s1p", [2, 1, 2, 1], "line 2: 2 numbers; "),
        ("x.s3p", [7, 6, 6, 7, 12], "line 6: 12 numbers: this frequency"),
        ("x.s3p", [6, 7, 6], "line 2: 6 numbers; "),
        ("x.s4p", [9] * 11, "line 2: the frequency that begins here does not end with a line"),
        ("x.s12p", [17] * 17, "line 3: 17 numbers; a frequency of a 12-port has 289"),
    ],
)
def test_numbers_of_another_form_that_add_up_are_refused(tmp_path, name, lines, message):
    # all numbers rise, so that whatever is taken for a frequency does; the sums are whole frequencies
    numbers = iter(range(1, 10_000))
    body = [" ".join(str(next(numbers)) for _ in range(count)) for count in lines]
    with pytest.raises(InputError, match=message):
        got(tmp_path, text_of(body=body), name)
    if name == "x.s2p":
        with pytest.raises(InputError, match=r"line [6-8]: .* a frequency of a 2-port has 9|line 7: 5 numbers: this f"):
            got(tmp_path, v2(body=body, count=None))


def test_rows_of_a_one_port_are_no_two_port(tmp_path):
    body = [f"{1 + 0.01 * n:.2f} 0.9 -0.1" for n in range(201)]
    assert got(tmp_path, text_of(body=body), "x.s1p").s.shape == (201, 1, 1)
    with pytest.raises(InputError, match="line 3: 3 numbers; a frequency of a 2-port has 9 numbers"):
        got(tmp_path, text_of(body=body))


def test_pairs_of_a_frequency_in_any_lines_alike(tmp_path):
    for counts in ((9,), (5, 4), (3, 2, 2, 2), (1, 8), (1, 2, 6)):
        at = np.cumsum((0, *counts))
        body = [" ".join(row.split()[a:b]) for row in rows() for a, b in pairwise(at)]
        assert np.array_equal(got(tmp_path, text_of(body=body)).s, S)


def test_n_ports_in_rows_of_four_pairs(tmp_path):
    rng = np.random.default_rng(1)
    for n in (3, 4, 5, 16):
        s = rng.normal(size=(3, n, n, 2)).view(complex)[..., 0] / n
        lines = ["# MHz S RI R 50"]
        for f, m in zip((1, 2, 3), s, strict=True):
            for i, row in enumerate(m):
                words = [repr(float(v)) for x in row for v in (x.real, x.imag)]
                chunks = [words[k : k + 8] for k in range(0, 2 * n, 8)]
                lines += [("" if i or k else f"{f} ") + " ".join(c) for k, c in enumerate(chunks)]
        text = "\n".join(lines)
        assert np.array_equal(got(tmp_path, text, f"x.s{n}p").s, s)
        assert np.array_equal(got(tmp_path, text, "x.ts").s, s)  # the rows tell the ports
        with pytest.raises(InputError, match=f"the file ends within a frequency: .* a frequency of a {n}-port"):
            got(tmp_path, "\n".join(lines[:-1]), f"x.s{n}p")


def v2(*more, ports=2, head="# GHz S RI R 50", order="[Two-Port Data Order] 21_12", count=17, body=None, end="[End]"):
    lines = ["[Version] 2.0", head, f"[Number of Ports] {ports}", *([order] if order else [])]
    lines += [f"[Number of Frequencies] {count}"] if count else []
    return "\n".join([*lines, *more, "[Network Data]", *(body or rows()), end, ""])


def test_version_2(tmp_path, told):
    other = rows(order=((0, 0), (0, 1), (1, 0), (1, 1)))
    for text in (
        v2(),
        v2(order="[two-port data order] 12_21", body=other),
        v2(order="[Two-Port Data Order] S21_S12"),
        v2("[Matrix Format] Full"),
        v2("[Begin Information]", "[Manufacturer] somebody", "1 2 3 text", "[End Information]"),
        v2(body=[word for row in rows() for word in row.split()]),
        v2(end=""),
        v2(count=None),
    ):
        found = got(tmp_path, text, "x.ts")
        assert np.array_equal(found.s, S)
        assert found.version == "2.0"
        assert told == []


def test_references_of_version_2(tmp_path, told):
    for words in ("[Reference] 50 75", "[Reference]\n50\n75 ! second", "[Reference]\n! none\n50 75"):
        found = got(tmp_path, v2(words), "x.ts")
        assert found.z0[3].tolist() == [50, 75]
        assert np.array_equal(found.s, S)
    short = got(tmp_path, v2("[Reference] 60"), "x.ts")
    assert short.z0[0].tolist() == [60, 60]
    assert [entry.code for entry in told] == ["touchstone-impedance"]
    assert len(short.f) == 17


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (v2(count=18), r"line 5: \[Number of Frequencies\] is 18, the data hold 17"),
        (v2(body=rows()[:9]), r"\[Number of Frequencies\] is 17, the data hold 9"),
        (v2(body=[*rows()[:16], "5 0 0"]), "the data end within a frequency"),
        (v2(order=""), r"\[Two-Port Data Order\] is missing, and 12 and 21 differ"),
        (v2(order="[Two-Port Data Order] 21"), "possible: 12_21, 21_12"),
        (v2("[Matrix Format] Half"), "possible: full, lower, upper"),
        (v2("[Reference] 50 60 70"), "has 3 impedances for 2 ports"),
        (v2("[Reference] 50 -60"), "reference impedances must be positive"),
        (v2("[Colour] red"), "is no keyword"),
        (v2("[Begin Information]"), r"\[Begin Information\] without \[End Information\]"),
        (v2("[Number of Ports] 2"), "a second time"),
        (v2("1 2 3"), r"before \[Network Data\]"),
        (v2("[Number of Noise Frequencies] 2"), r"\[Number of Noise Frequencies\] is 2, the file holds 0"),
        (v2("[Mixed-Mode Order] D1,2 S1"), "does not cover the 2 ports once"),
        (v2("[Mixed-Mode Order] D1,2 C1,2", "[Reference] 50 60"), "a pair of unequal reference impedances"),
        (v2(end="[End]\n1 2 3"), r"text after \[End\]"),
        (v2(head="# GHz S RI R 50 60"), "several resistances in version 2"),
        (v2().replace("2.0", "3.0"), "possible: 2.0, 2.1"),
        (v2(ports=0), "0 ports; possible: 1 ... 128"),
        (v2(ports="two"), "possible: a whole number"),
    ],
)
def test_version_2_is_held_to_what_it_announces(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        got(tmp_path, text, "x.ts")


def test_triangles(tmp_path):
    rng = np.random.default_rng(2)
    s = rng.normal(size=(4, 4, 2)).view(complex)[..., 0]
    s = s + s.T
    for word, pick in (("Lower", np.tril_indices(4)), ("Upper", np.triu_indices(4))):
        body = ["1 " + " ".join(repr(float(v)) for x in s[pick] for v in (x.real, x.imag))]
        text = v2(f"[Matrix Format] {word}", ports=4, order="", count=1, body=body)
        assert np.array_equal(got(tmp_path, text, "x.ts").s[0], s)


def test_mixed_modes_come_apart(tmp_path):
    turn = np.array([[1, -1, 0], [1, 1, 0], [0, 0, np.sqrt(2)]]) / np.sqrt(2)  # D1,2 C1,2 S3
    rng = np.random.default_rng(3)
    s = rng.normal(size=(3, 3, 2)).view(complex)[..., 0] / 3
    order = [2, 0, 1]  # S3 D1,2 C1,2
    mixed = (turn @ s @ turn.T)[np.ix_(order, order)]
    body = ["1 " + " ".join(repr(float(v)) for x in mixed.ravel() for v in (x.real, x.imag))]
    text = v2("[Mixed-Mode Order] S3 D1,2 C1,2", ports=3, order="", count=1, body=body)
    assert np.abs(got(tmp_path, text, "x.ts").s[0] - s).max() < 1e-15
    # Z of the modes: v_D = v1 - v2, i_D = (i1 - i2)/2, v_C = (v1 + v2)/2, i_C = i1 + i2
    z = rng.normal(size=(3, 3)) + 3 * np.eye(3)
    volts = np.array([[1, -1, 0], [0.5, 0.5, 0], [0, 0, 1]])
    amperes = np.array([[0.5, -0.5, 0], [1, 1, 0], [0, 0, 1]])
    modal = (volts @ z @ np.linalg.inv(amperes))[np.ix_(order, order)]
    body = ["1 " + " ".join(f"{x!r} 0" for x in modal.ravel().tolist())]
    text = v2("[Mixed-Mode Order] S3 D1,2 C1,2", ports=3, order="", count=1, body=body, head="# GHz Z RI R 50")
    one = np.eye(3)
    wanted = (z / 50 - one) @ np.linalg.inv(z / 50 + one)
    assert np.abs(got(tmp_path, text, "x.ts").s[0] - wanted).max() < 1e-13


def test_y_of_a_resistor(tmp_path):
    conductance = 1 / 800
    one = got(tmp_path, f"# GHz Y RI R 50\n1 {50 * conductance!r} 0\n", "x.y1p")
    assert one.s[0, 0, 0] == pytest.approx(750 / 850)
    assert one.kind == "Y"
    two = f"[Version] 2.0\n# GHz Y RI R 50\n[Number of Ports] 1\n[Network Data]\n1 {conductance!r} 0\n[End]\n"
    assert got(tmp_path, two, "x.ts").s[0, 0, 0] == pytest.approx(750 / 850)


def test_z_of_a_tee_of_resistors(tmp_path):
    z = np.array([[30.0, 20], [20, 45]])
    s = skrf.network.z2s(z[None].astype(complex), 75.0)[0]
    text = "# GHz Z RI R 75\n1 " + " ".join(f"{float(z[i, j]) / 75!r} 0" for j in range(2) for i in range(2))
    found = got(tmp_path, text, "x.z2p")
    assert np.abs(found.s[0] - s).max() < 1e-15
    assert found.z0[0].tolist() == [75, 75]


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("kind", ["h", "g"])
def test_hybrid_parameters_of_a_tee_of_resistors(tmp_path, kind, version):
    # Series arms 10 and 25 ohm, shunt 20 ohm: z11 = 30, z12 = z21 = 20, z22 = 45.
    r = 75.0
    h = np.array([[30 - 400 / 45, 20 / 45], [-20 / 45, 1 / 45]])
    g = np.array([[1 / 30, -20 / 30], [20 / 30, 45 - 400 / 30]])
    values = {"h": h, "g": g}[kind]
    if version == "1.0":
        values = values * {"h": [[1 / r, 1], [1, r]], "g": [[r, 1], [1, 1 / r]]}[kind]
    row = "1 " + " ".join(f"{float(values[i, j])!r} 0" for j in range(2) for i in range(2))
    head = f"# GHz {kind.upper()} RI R 75"
    text = f"{head}\n{row}\n" if version == "1.0" else v2(head=head, count=1, body=[row])
    found = got(tmp_path, text, "x.s2p" if version == "1.0" else "x.ts")
    wanted = skrf.network.z2s(np.array([[[30.0 + 0j, 20], [20, 45]]]), r)[0]
    assert np.abs(found.s[0] - wanted).max() < 1e-14
    with pytest.raises(InputError, match="possible: a two-port"):
        got(tmp_path, f"{head}\n1 2 3\n", "x.s1p")


def with_impedances(z, glued=True, said="!Data is not renormalized\n", head="# GHZ S RI"):
    """As HFSS writes a file: impedances [17, 2] after every frequency."""
    mark = "! Port Impedance" if glued else "! Port Impedance "
    body = []
    for row, pair in zip(rows(), np.broadcast_to(z, (17, 2)), strict=True):
        numbers = " ".join(f"{x.real!r} {x.imag!r}" for x in map(complex, pair))
        body += [row, "! Gamma         ! 0.1 20 0.1 20", mark + numbers]
    return f"! Touchstone file exported from HFSS 2021.1.0\n{said}" + text_of(head, body)


def test_port_impedances_in_comments(tmp_path, told):
    for glued in (True, False):
        found = got(tmp_path, with_impedances([100, 75], glued))
        assert np.all(found.z0 == [100, 75])
        assert np.array_equal(found.s, S)
        assert real_reference(found) is found
        assert told == []


def test_contradictions_are_said(tmp_path, told):
    found = got(tmp_path, with_impedances([100, 75], head="# GHZ S RI R 50.000"))
    assert np.all(found.z0 == [100, 75])
    words = "comments give port impedances (100 ohm at port 1 first), the option line 50 ohm"
    entry = told.pop()
    assert entry.text.startswith(f"{tmp_path / 'x.s2p'}: line 6: {words}")
    assert (entry.code, entry.value, entry.limit, entry.unit) == ("touchstone-impedance", 100, 50, "Ohm")
    got(tmp_path, with_impedances([50, 50], head="# GHZ S RI R 50.000", said=""))
    assert told == []
    for words in ("!Data is not renormalized", "! S-Parameters are not renormalized. Unphysical impedance of 50"):
        got(tmp_path, text_of(f"{words}\n# GHz S RI R 50"))
        assert told.pop().code == "touchstone-impedance"
    bare = got(tmp_path, text_of("! Reference impedance: 75 Ohm\n# GHz S RI"))
    assert (bare.z0[0, 0], told.pop().code) == (75, "touchstone-impedance")


# What a comment says, the impedances that are then used with R 50 and without an R; all with a warning
WORDS = [
    ("Reference impedance Port 1: 75 Ohm", [75, 50], [75, 50]),
    ("Port Impedance: 75+0j 60+0j", [75, 60], [75, 60]),
    ("Port Impedance: 75 Ohm", [75, 75], [75, 75]),
    ("Port Impedances: 75 60", [75, 60], [75, 60]),
    ("Port 1 Impedance = 75", [75, 50], [75, 50]),
    ("Port 1 impedance 75 Ohm, port 2 impedance 60 Ohm", [75, 60], [75, 60]),
    ("PORT1 Z0=75 PORT2 Z0=60", [75, 60], [75, 60]),
    ("Z0(1) = 75, Z0(2) = 60 Ohm", [75, 60], [75, 60]),
    ("Impedance of port 2 is 0.075 kOhm", [50, 75], [50, 75]),
    ("S-Parameters data are normalized to 75 Ohm", [50, 50], [75, 75]),
    ("S-parameters renormalised to 75Ohm at all ports", [50, 50], [75, 75]),
    ("Z0 = 75 Ohm", [50, 50], [75, 75]),
    ("Zref: 75", [50, 50], [75, 75]),
    ("all ports referenced to 75 ohms", [50, 50], [75, 75]),
    ("Default MA format, GHz frequencies, 75-ohm reference", [50, 50], [75, 75]),
    ("System impedance: 75 Ω", [50, 50], [75, 75]),
]


@pytest.mark.parametrize(("comment", "with_r", "without"), WORDS)
def test_impedances_in_words_are_obeyed_or_said(tmp_path, told, comment, with_r, without):
    for head, z0 in (("# GHz S RI R 50", with_r), ("# GHz S RI", without)):
        told.clear()
        for text in (text_of(f"! {comment}\n{head}"), text_of(f"{head} ! {comment}")):
            assert got(tmp_path, text).z0[0].tolist() == z0
        obeyed = with_r == without and head == "# GHz S RI"  # the ports are named, and nothing contradicts
        assert {entry.code for entry in told} == (set() if obeyed else {"touchstone-impedance"})
        assert all("75" in entry.text for entry in told)


@pytest.mark.parametrize(
    "comment",
    [
        *(comment.replace("0.075", "0.05").replace("75", "50").replace("60", "50") for comment, _, _ in WORDS),
        "DUT impedance: 120 Ohm",
        "cable of 100 ohm impedance",
        "an impedance converter from 75 Ohm to 60 Ohm, all normalized to 50 Ohm",
        "Parameters = {Z0_coax=75; box=4}",
        "Reference impedance measured at 2.4 GHz",
        "Port 2: 75 Ohm side",
    ],
)
def test_words_that_say_nothing_else_are_silent(tmp_path, told, comment):
    for head in ("# GHz S RI R 50", "# GHz S RI"):
        assert got(tmp_path, text_of(f"! {comment}\n{head}")).z0[0].tolist() == [50, 50]
    assert told == []


def test_words_against_keywords_and_blocks_are_said(tmp_path, told):
    assert got(tmp_path, "! Z0 = 75 Ohm\n" + v2("[Reference] 50 60"), "x.ts").z0[0].tolist() == [50, 60]
    assert "line 1 gives the ports 75 ohm; 50 ohm is taken" in told.pop().text
    assert got(tmp_path, "! Z0 = 60 Ohm\n" + v2("[Reference] 50 60"), "x.ts").z0[0].tolist() == [50, 60]
    assert got(tmp_path, "! Port 2 Z0 = 75\n" + with_impedances([100, 60])).z0[0].tolist() == [100, 60]
    assert "line 1 gives port 2 75 ohm; 60 ohm is taken" in told.pop().text
    assert told == []


def test_complex_impedances_are_renormalised_consciously(tmp_path, told):
    z = np.linspace(40 - 5j, 60 + 8j, 17)[:, None] * [1, 0.5]
    found = got(tmp_path, with_impedances(z))
    assert np.abs(found.z0 - z).max() < 1e-12
    assert found.waves == "traveling"
    plain = real_reference(found)
    assert np.all(plain.z0 == 50)
    assert [entry.code for entry in told] == ["touchstone-renormalised"]
    theirs = skrf.Network(f=F, f_unit="Hz", s=S, z0=z, s_def="traveling")
    theirs.renormalize(50.0)
    assert np.abs(plain.s - theirs.s).max() < 1e-12


@pytest.mark.parametrize("waves", ["power", "pseudo", "traveling"])
def test_definitions_of_waves(tmp_path, waves):
    z = np.full((17, 2), 40 + 10j)
    said = f"!Data is not renormalized\n! S-parameter uses the {waves} definition\n"
    plain = real_reference(got(tmp_path, with_impedances(z, said=said)))
    theirs = skrf.Network(f=F, f_unit="Hz", s=S, z0=z, s_def=waves)
    theirs.renormalize(50.0)
    assert np.abs(plain.s - theirs.s).max() < 1e-12


def test_impedances_of_terminals_are_a_wrapped_matrix(tmp_path):
    matrix = "! Port Impedance100 0 0 0\n!               0 0 75 0"
    body = [line for row in rows() for line in (row, matrix)]
    assert np.all(got(tmp_path, text_of("# GHz S RI\n! Terminal data exported", body)).z0 == [100, 75])
    coupled = [line.replace("100 0 0 0", "100 0 9 0") for line in body]
    with pytest.raises(InputError, match="line 4: port impedances are a matrix of coupled terminals"):
        got(tmp_path, text_of("# GHz S RI\n! Terminal data exported", coupled))
    with pytest.raises(InputError, match="16 `Port Impedance` comments for 17 frequencies"):
        got(tmp_path, text_of("# GHz S RI", body[:-1]))
    with pytest.raises(InputError, match="must not be zero"):
        got(tmp_path, with_impedances([0, 50]))


def test_impedances_of_other_programs(tmp_path):
    ena = got(tmp_path, text_of("!PortZ Port1:50+j0 Port2:75+j0\n# GHz S RI R 50"))
    assert ena.z0[0].tolist() == [50, 75]
    line = "!DescriptorOutline={{DescriptorType=SMatrix NormalizationType={} ListOfZo=(1:50)(2:25)}}"
    own = got(tmp_path, text_of(f"# GHz S RI R 50\n{line.format('Generalized')}"))
    assert own.z0[0].tolist() == [50, 25]
    same = got(tmp_path, text_of(f"# GHz S RI R 50\n{line.format('CommonZo')}"))
    assert same.z0[0].tolist() == [50, 50]
    several = got(tmp_path, text_of("# GHz S RI R 10 75"))
    assert (several.z0[0].tolist(), several.version) == ([10, 75], "1.1")
    with pytest.raises(InputError, match="line 2: the rows are mixed modes, by this comment"):
        got(tmp_path, text_of("! LeCroy\n!MixedMode\n# GHz S RI R 50"))


def test_names_of_ports(tmp_path):
    head = "# GHz S RI R 50\n! Port[1] = a\x1b[31m\n! Port 2 : b\n! Port[3] = c"
    assert got(tmp_path, text_of(head)).names == ("a?[31m", "b")


def test_no_option_line(tmp_path, told):
    polar = rows(pair=lambda x: (abs(x), np.degrees(np.angle(x))))
    found = got(tmp_path, "\n".join(["! nothing", *polar]))
    assert np.abs(found.s - S).max() < 1e-15
    assert [entry.code for entry in told] == ["touchstone-option-line"]
    with pytest.raises(InputError, match=r"no option line .* negative magnitude"):
        got(tmp_path, "\n".join(rows(S - 1)))
    in_hz = rows(pair=lambda x: (abs(x), 0), unit=1.0)
    with pytest.raises(InputError, match="no frequency in GHz"):
        got(tmp_path, "\n".join(in_hz))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.s1p", text_of(), r"line 2: 9 numbers; a row of a one-port has 3 numbers; .* possible: the ending \.s2p"),
        ("x.s2p", "# GHz S RI R 50\n1 0 0\n2 0 0\n", r"line 2: 3 numbers; .*9 numbers; .* possible: the ending \.s1p"),
        ("x.s2p", text_of(body=[*rows()[:5], rows()[5][:-30], *rows()[6:]]), "line 7: "),
        ("x.s2p", text_of(body=[*rows(), *rows()]), "frequencies must rise"),
        ("x.s2p", text_of(body=[*rows()[:2], rows()[1], *rows()[2:4]]), "frequencies must rise .*again"),
        ("x.s2p", text_of(body=["-1" + rows()[0][1:], *rows()[1:]]), "frequencies must not be negative"),
        ("x.s2p", text_of().replace("# GHz", "[Version] 2.0\n# GHz"), r"before \[Network Data\]"),
        ("x.s2p", "\n".join([*rows(), "# GHz S RI R 50"]), r"line 18: the option line \(#\) comes after data"),
        ("x.s2p", "PK\x03\x04\x00\x00", "not a Touchstone file"),
        ("x.s4p", text_of(), "line 2: the file|line 2: the frequency"),
        ("x.txt", text_of(), "no Touchstone file"),
        ("x.s2p", "# GHz Z RI R 50\n1 -1 0 0 0 0 0 -1 0\n", "Z-parameters that no S-parameters belong to"),
    ],
)
def test_refusals_name_the_line(tmp_path, name, text, message):
    with pytest.raises(InputError, match=message) as error:
        got(tmp_path, text, name)
    assert str(error.value).startswith(str(tmp_path / name))
    assert str(error.value).count(str(tmp_path)) == 1
    assert "\n" not in str(error.value)


def test_segments_of_a_sweep_share_a_frequency(tmp_path, told):
    body = rows()
    again = body[8].split()
    again[1] = repr(float(again[1]) + 1e-4)
    found = got(tmp_path, text_of(body=[*body[:9], " ".join(again), *body[9:]]))
    assert len(found.f) == 17
    assert found.s[8, 0, 0] == pytest.approx(S[8, 0, 0] + 0.5e-4)
    assert [entry.code for entry in told] == ["touchstone-segments"]
    assert told[0].value == pytest.approx(1e-4)
    again[1] = "0.9"
    with pytest.raises(InputError, match="comes again with other values"):
        got(tmp_path, text_of(body=[*body[:9], " ".join(again), *body[9:]]))


def test_every_file_that_scikit_rf_ships_reads_as_scikit_rf_reads_it():
    files = sorted(Path(skrf.__file__).parent.rglob("data/*.s?p"))
    assert len(files) >= 19
    for path in files:
        ours, theirs = read(path), skrf.Network(str(path))
        assert np.abs(ours.s - theirs.s).max() < 1e-12, path
        assert np.abs(ours.z0 - theirs.z0).max() < 1e-9, path
        assert np.abs(ours.f / theirs.f - 1).max() < 1e-12, path


def test_mutated_files_are_read_or_refused(tmp_path):
    spec = importlib.util.spec_from_file_location("fuzz_touchstone", Path(__file__).with_name("fuzz_touchstone.py"))
    fuzz = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fuzz)
    found = fuzz.run(200, tmp_path)
    assert found["read"] + found["refused"] == 200
    assert found["read"] > 20
    assert found["lines of a message"] == 1
    assert found["longest message"] < 1200
