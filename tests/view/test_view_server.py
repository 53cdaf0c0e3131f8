"""`resonet view` as somebody asks it over HTTP: who is answered, what, and that nothing is written."""

import hashlib
import http.client
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from conftest import complaint, heed_interrupts

from resonet.api.gathering import gather
from resonet.core.errors import InputError
from resonet.cosim.sweep.journal import open_journal, sealed_line
from resonet.cosim.sweep.points import Outcome
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear
from resonet.netlist.design.folder import load_design
from resonet.view.guard import POLICY
from resonet.view.server import Serving, open_port

HOSTILE = "<img src=x onerror=alert(1)>"
ARRIVES = 30  # s that an event may take on a busy machine


def facts(folder: Path):
    return gather(folder, (), None)


@contextmanager
def served(folder: Path):
    serving = Serving(folder, facts)
    try:
        serving.begin()
        yield serving
    finally:
        serving.end()


@pytest.fixture(scope="module")
def place(small_folder, tmp_path_factory) -> Path:
    return shutil.copytree(small_folder, tmp_path_factory.mktemp("view") / "build")


@pytest.fixture(scope="module")
def serving(place):
    with served(place) as found:
        yield found


def raw(serving: Serving, path: str, method: str = "GET", **headers):
    """Status, headers and text; headers of None are left out."""
    connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=60)
    given = {"Host": f"127.0.0.1:{serving.port}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in given.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, text


def cookie(serving: Serving) -> str:
    status, headers, _ = raw(serving, f"/?token={serving.token}")
    assert status == 200
    return headers["set-cookie"].partition(";")[0]


def asked(serving: Serving, path: str):
    status, _, text = raw(serving, path, Cookie=cookie(serving))
    return status, json.loads(text)


def content(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# Who is answered


def test_it_listens_on_this_machine_alone(serving):
    assert serving.socket.getsockname()[0] == "127.0.0.1"
    assert serving.address.startswith(f"http://127.0.0.1:{serving.port}/?token=")
    assert len(serving.token) >= 32


def test_the_first_visit_leaves_a_cookie_that_no_script_reads(serving):
    status, headers, text = raw(serving, f"/?token={serving.token}")
    assert status == 200
    assert re.fullmatch(
        rf"resonet_view_{serving.port}=[\w-]{{40,}}; Path=/; HttpOnly; SameSite=Strict", headers["set-cookie"]
    )
    assert serving.token not in headers["set-cookie"]
    assert serving.token not in text
    assert headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY.split("script-src")[1].split(";")[0]
    assert (headers["x-frame-options"], headers["referrer-policy"]) == ("DENY", "no-referrer")
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|javascript:", text)
    status, headers, _ = raw(serving, "/", Cookie=cookie(serving))
    assert (status, headers["set-cookie"]) == (200, None)


@pytest.mark.parametrize("path", ["/", "/state", "/report", "/design", "/chain", "/events", "/part/view.js", "/none"])
def test_nobody_is_answered_without_the_token(serving, path):
    status, headers, text = raw(serving, path)
    assert (status, headers["set-cookie"]) == (403, None)
    assert "no token" in text


@pytest.mark.parametrize(
    "query", ["token=", "token=x", "token={}x", "token={0}&token={0}", "token={}&token=x", "TOKEN={}", "token=%c3%28"]
)
def test_a_wrong_token_is_refused_whatever_cookie_there_is(serving, query):
    for given in (None, cookie(serving)) if "TOKEN" not in query else (None,):
        status, headers, _ = raw(serving, "/?" + query.format(serving.token), Cookie=given)
        assert (status, headers["set-cookie"]) == (403, None)


def test_the_token_opens_the_page_and_nothing_else(serving):
    assert raw(serving, f"/state?token={serving.token}")[0] == 403


@pytest.mark.parametrize(
    "given",
    [
        {"Cookie": "resonet_view_{port}=x"},
        {"Cookie": "resonet_view_{port}={token}"},
        {"Cookie": "resonet_view_1={session}"},
        {"Cookie": "x" * 9000},
        {"Cookie": '"; ;=,"'},
        {"Host": "localhost:{port}", "Cookie": "resonet_view_{port}={session}"},
        {"Host": "rebound.example:{port}", "Cookie": "resonet_view_{port}={session}"},
        {"Host": "127.0.0.1", "Cookie": "resonet_view_{port}={session}"},
        {"Host": "127.0.0.1:{port}.example", "Cookie": "resonet_view_{port}={session}"},
        {"Origin": "http://rebound.example", "Cookie": "resonet_view_{port}={session}"},
        {"Origin": "null", "Cookie": "resonet_view_{port}={session}"},
        {"Origin": "https://127.0.0.1:{port}", "Cookie": "resonet_view_{port}={session}"},
        {"Sec_Fetch_Site": "cross-site", "Cookie": "resonet_view_{port}={session}"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "no-cors", "Cookie": "resonet_view_{port}={session}"},
    ],
    ids=str,
)
def test_strangers_are_refused(serving, given):
    session = cookie(serving).partition("=")[2]
    values = {"port": serving.port, "token": serving.token, "session": session}
    headers = {name: value.format(**values) for name, value in given.items()}
    status, _, text = raw(serving, "/state", **headers)
    assert status == 403
    assert "folder" not in text


def test_a_request_without_a_host_is_refused(serving):
    assert raw(serving, "/state", Host=None, Cookie=cookie(serving))[0] in (400, 403)


def test_our_own_page_is_answered(serving):
    own = {"Origin": f"http://127.0.0.1:{serving.port}", "Sec_Fetch_Site": "same-origin"}
    assert raw(serving, "/state", Cookie=cookie(serving), **own)[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods_are_refused(serving, method):
    status, headers, _ = raw(serving, "/state", method, Cookie=cookie(serving))
    assert (status, headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("name", ["nothing", "%2e%2e/view.js", "..%2fserver.py", "view.html.j2", "page.js"])
def test_no_other_file_is_given_out(serving, name):
    assert raw(serving, f"/part/{name}", Cookie=cookie(serving))[0] == 404


def test_what_the_page_loads_is_there(serving):
    page = raw(serving, "/", Cookie=cookie(serving))[2]
    parts = re.findall(r'(?:src|href)="(/part/[^"]+)"', page)
    assert len(parts) == 5
    for part in parts:
        status, headers, text = raw(serving, part, Cookie=cookie(serving))
        assert (status, bool(text)) == (200, True)
        assert headers["content-type"].startswith("text/css" if part.endswith("css") else "text/javascript")
        assert "eval(" not in text or "plotly" in part


# What is answered


def test_a_chain_over_http_is_that_of_the_engine(serving, place):
    design = load_design(place)
    wanted = effective_weights(design, "dense1", "coupled", engine=linear)
    bus = design.plan.layer("dense1").buses[0]
    status, found = asked(serving, "/chain?layer=dense1&chain=2&program=coupled&bias=4uA&resonator=3")
    assert status == 200
    assert found["effective"][0] == pytest.approx(wanted.values[bus.group, bus.outputs[2]][bus.taps], rel=1e-12)
    assert (found["picked"], found["states"]) == (3, ["as designed"])
    status, found = asked(serving, f"/chain?layer=dense1&set={quote('device.damping=0.02')}&shift=0:5MHz&how=anew")
    assert (status, found["states"]) == (200, ["as designed", "changed"])
    assert found["resonances"][1][0] != found["resonances"][0][0]


def test_the_design_says_what_may_be_changed(serving):
    status, found = asked(serving, "/design")
    assert status == 200
    assert [layer["name"] for layer in found["layers"]] == ["conv1", "dense1"]
    names = {one["name"] for one in found["parameters"]}
    assert {"device.damping", "bus.node_capacitance", "plan.f_max", "plan.p_max"} <= names
    assert names.isdisjoint({"plan.tile", "bus.groups", "bus.combining"})


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/chain?layer=none", "possible: conv1, dense1"),
        ("/chain?chain=-1", "chain = '-1'"),
        ("/chain?chain=1e3", "chain = '1e3'"),
        ("/chain?chain=9999999999", "chain = '9999999999'"),
        ("/chain?resonator=9", "resonator = '9'; possible: 0 ... 8"),
        ("/chain?bias=1", "bias = '1'"),
        ("/chain?bias=nan", "bias = 'nan'"),
        ("/chain?set=device.damping=1e999", "device.damping"),
        ("/chain?set=__class__.x=1", "no parameter that may be changed"),
        ("/chain?how=x", "possible: built, anew"),
        ("/chain?layer=conv1&layer=conv1", "given twice"),
        ("/chain?mine=1", "unknown"),
        ("/chain?layer=" + "x" * 300, "300 characters"),
        ("/chain?layer=%1b%5b31m", "control characters"),
        ("/chain?" + "set=a&" * 30, "values in a query"),
        ("/wave?resonators=99", "resonators = '99'"),
        ("/wave?activation=2", "activation = '2'"),
        ("/wave?engine=rm", "engine = 'rm'"),
        ("/study?name=../../etc", "study '../../etc'"),
        ("/design?x=1", "unknown"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_one_line(serving, path, told):
    status, found = asked(serving, path)
    assert status == 400
    assert told in found["error"]
    assert "\n" not in found["error"]
    assert "Traceback" not in found["error"]


def test_a_long_query_is_refused(serving):
    status, _, text = raw(serving, "/chain?layer=" + "x" * 5000, Cookie=cookie(serving))
    assert status == 400
    assert "characters" in text


# What goes on in the folder


class Events:
    """The events of a page that is open."""

    def __init__(self, serving: Serving) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=ARRIVES)
        self.connection.request("GET", "/events", headers={"Cookie": cookie(serving)})
        self.answer = self.connection.getresponse()
        assert self.answer.headers["content-type"].startswith("text/event-stream")

    def until(self, holds):
        """The first state that holds."""
        state, end = None, time.monotonic() + ARRIVES
        while time.monotonic() < end:
            line = self.answer.readline()
            assert line, "the stream ended"
            if line.startswith(b"data: ") and holds(state := json.loads(line[6:])):
                return state
        raise AssertionError(f"never so; last {state}")

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.answer.close()
        self.connection.close()


def test_a_page_follows_a_study_as_it_grows(build):
    path = build / "results" / "montecarlo_abc.jsonl"
    with served(build) as serving, Events(serving) as events:
        events.until(lambda state: state["studies"] == [])
        with open_journal(path, {"points": 3, "key": "abc"}) as journal:
            for point, accuracy in enumerate((0.5, 0.75, 1.0)):
                journal.begin(point)
                values = {"accuracy": {"programmed": accuracy}, "name": HOSTILE, "whole": True}
                journal.end(point, Outcome(values, "", True, 0.1, "here:1"))
                state = events.until(lambda state, n=point: state["studies"] and state["studies"][0]["done"] == n + 1)
                assert (state["studies"][0]["count"], state["studies"][0]["points"]) == (3, "chips")
        assert state["studies"][0]["state"] == "complete"
        status, found = asked(serving, "/study?name=montecarlo_abc")
        assert (status, found["quantities"]) == (200, ["accuracy · programmed"])
        points, histogram = (plot["spec"]["data"][0] for plot in found["plots"])
        assert (points["x"], points["y"]) == ([0, 1, 2], [0.5, 0.75, 1.0])
        assert sum(histogram["y"]) == 3
        with path.open("a") as file:
            file.write(sealed_line({"start": 2})[:-3] + "x\n")
        assert events.until(lambda state: state["studies"][0]["broken"] == 1)
        path.unlink()
        assert events.until(lambda state: state["studies"][0]["state"] == "ended")


def test_a_sweep_is_shown_over_its_axis(build):
    from dataclasses import asdict

    from resonet.cosim.sweep.axes import Axis
    from resonet.cosim.sweep.sweep import Sweep

    sweep = Sweep(str(build), (Axis("device.damping", (0.02, 0.005, 0.01)),))
    with open_journal(build / "results" / "sweep_abc.jsonl", {"points": 3} | asdict(sweep)) as journal:
        for point in (2, 0):
            journal.end(point, Outcome({"rms_error": {"coupled": {"conv1": 0.1 * point}}}, "", True, 0.1, "here:1"))
        with served(build) as serving:
            found = asked(serving, "/study?name=sweep_abc")[1]
            over = found["plots"][0]["spec"]
            assert (over["data"][0]["x"], over["data"][0]["y"]) == ([0.01, 0.02], [0.2, 0.0])
            assert over["layout"]["xaxis"]["title"]["text"] == "device.damping"
            status, found = asked(serving, "/study?name=sweep_abc&quantity=x")
            assert (status, "possible: rms_error" in found["error"]) == (400, True)


def test_damage_and_disappearance_are_said_and_forgotten(build):
    toml = build / "design.toml"
    whole = toml.read_text()
    with served(build) as serving, Events(serving) as events:
        events.until(lambda state: not state["problem"] and state["report"] > 0)
        toml.write_text(whole.replace("damping = ", "damping = -"))
        state = events.until(lambda state: state["problem"])
        assert "device.damping" in state["problem"]
        status, found = asked(serving, "/chain")
        assert (status, "device.damping" in found["error"]) == (400, True)
        toml.write_text(whole)
        events.until(lambda state: not state["problem"])
        gone = build.rename(build.with_name("gone"))
        assert "no design here" in events.until(lambda state: state["problem"])["problem"]
        gone.rename(build)
        events.until(lambda state: not state["problem"] and not state["trouble"])
        assert asked(serving, "/chain")[0] == 200


def test_the_report_is_the_page_of_the_report_and_is_made_anew(build):
    with served(build) as serving, Events(serving) as events:
        first = events.until(lambda state: state["report"] > 0)["report"]
        html = asked(serving, "/report")[1]["html"]
        assert 'id="verdict"' in html
        assert 'id="layer1-plan"' in html
        (build / "results").mkdir(exist_ok=True)
        np.savez(build / "results" / "something.npz", a=1)
        events.until(lambda state: state["report"] > first)


def test_nothing_is_written_into_the_folder_and_names_are_text(small_folder, tmp_path):
    folder = shutil.copytree(small_folder, tmp_path / HOSTILE)
    before = content(folder)
    with served(folder) as serving, Events(serving) as events:
        events.until(lambda state: state["report"] > 0)
        for path in ("/design", "/chain?set=device.damping=0.02&how=anew", "/report", "/state"):
            assert asked(serving, path)[0] == 200
        page = raw(serving, "/", Cookie=cookie(serving))[2] + asked(serving, "/report")[1]["html"]
    assert "<img" not in page
    assert content(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == [HOSTILE]


# The command


def test_a_port_that_is_taken_is_named(serving):
    with pytest.raises(InputError, match=rf"--port {serving.port}: .*; possible: another one"):
        open_port(serving.port)


def test_no_design_is_said_in_one_line(resonet, tmp_path):
    assert "no design here" in complaint(resonet("view", tmp_path))


def test_what_is_missing_is_named_with_what_installs_it(resonet, place, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr("resonet.cli.commands.view.find_spec", lambda name: None)
    assert "no starlette and no uvicorn; possible: pip install 'resonet[view]'" in complaint(resonet("view", place))


@pytest.mark.slow
def test_an_interrupt_ends_it_in_one_line(place):
    command = [sys.executable, "-m", "resonet.cli.start", "view", str(place)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts, env=os.environ
    ) as process:
        line = process.stdout.readline()
        assert re.search(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}\n$", line)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "resonet: ended by SIGINT\n")
