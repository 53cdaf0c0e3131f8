"""What commands answer with --json keeps to docs/schemas, which are made of the types in cli/answers.py."""

import json
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from resonet.cli.registry import command_names
from resonet.cli.schemas import schemas
from resonet.cli.show import version_of
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.onnx.read import read_cnn

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"
# Of one design folder, in this order; {data}: labelled images, {model}: its file, {out}: another folder.
ANSWERS = (
    "compile {model} -o {out}/made --calibration {data}",
    "crosstalk build",
    "calibrate build",
    "accuracy build --data {data}",
    "accuracy build --data {data} --program calibrated --resonators saturating",
    "calibrate build --on-data {data}",
    "accuracy build --data {data} --program fitted --resonators saturating",
    "levels build --data {data}",
    "sparams build --layer conv1 --points 20 --engine linear --bias 5uA --metrics",
    "sneak build --layer conv1",
    "sneak build --layer conv1 --feed stripline --chains 2 --engine linear",
    "layout build --layer conv1 --arrangement planar",
    "crossbar build --data {data} --no-sweep --noise",
    "crossbar build --no-sweep",
    "run build --data {data}",
    "run build --data {data} --engine two-pass --noise",
    "transient build --layer conv1 --resonators 2 --points 20",
    "quantise build --bits 2 --engine linear --data {data}",
    "share build --layer conv1 --spread 0.01 --engine linear",
    "decks build --list",
    "decks build --layer conv1",
    "montecarlo build --spread f_res=0.003 --samples 2 --jobs 1 --data {data} --spec accuracy>=1%",
    "faults build --data {data} --samples 1 --jobs 1 --kinds short --rates 1%",
    "drift build --data {data} --samples 2 --jobs 1 --target 0.5 --times 0s,1ks",
    "sensitivity build --data {data} --spread f_res=0.003 --samples 2 --jobs 1",
    "tolerances build --data {data} --spread f_res=0.003 --samples 2 --jobs 1 --accuracy 0.1 --yield 0.5",
    "sweep build --over device.damping=0.01,0.02 --jobs 1 --engine linear",
    "plan {model} --tiles 9 --damping 0.01 -o {out}",
    "report build",
    "compare build {out}/made",
    "status build",
    "clean build --dry-run",
    "parameters --of build",
    "doctor",
    "device list",
    "device resonator",
)
ELSEWHERE = {"demo", "operate"}  # minutes: what they answer is checked where they are run


def complaints(answer: dict) -> list[str]:
    """What is wrong with an answer by the schema that it names."""
    command = answer["schema"].removeprefix("resonet.").partition("/")[0]
    schema = json.loads((FOLDER / f"{command}.json").read_text(encoding="utf-8"))
    found = Draft202012Validator(schema).iter_errors(answer)
    return [f"{command}: {'/'.join(map(str, one.absolute_path))}: {one.message[:300]}" for one in found]


def test_schemas_are_those_of_the_types():
    made = schemas()
    assert {path.stem for path in FOLDER.glob("*.json")} == set(made)
    for command, schema in made.items():
        assert json.loads((FOLDER / f"{command}.json").read_text(encoding="utf-8")) == schema, (
            f"{command}: python -m resonet.cli.schemas docs/schemas"
        )
        Draft202012Validator.check_schema(schema)
        assert schema["$id"] == f"resonet.{command}/{version_of(command)}"


def test_every_command_has_a_schema_and_an_answer_here():
    names = {name for name in command_names() if name != "view"}
    assert set(schemas()) == names
    assert {words.split()[0] for words in ANSWERS} | ELSEWHERE == names


@pytest.mark.slow
def test_real_answers_keep_to_their_schemas(resonet, build, small_model, tmp_path, monkeypatch):
    images = np.random.default_rng(6).uniform(0, 1, (24, 1, 8, 8))
    labels = propagate(read_cnn(small_model), images).argmax(1)
    np.savez(tmp_path / "data.npz", images=images, labels=labels)
    places = {"model": small_model, "data": tmp_path / "data.npz", "out": tmp_path}
    monkeypatch.chdir(build.parent)
    wrong = []
    for line in ANSWERS:
        words = [word.format(**places) for word in line.split()]
        told = resonet(*words, "--json")
        try:
            answer = json.loads(told.out)
        except ValueError:
            wrong.append(f"{line}: exit status {told.code}: {told.err[-300:]}")
            continue
        wrong += [f"{line}: {one}" for one in complaints(answer)]
    assert not wrong, "\n".join(wrong)
