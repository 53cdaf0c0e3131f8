"""`resonet demo`: the main job, end to end, on the shipped MNIST network."""

from pathlib import Path
from typing import Annotated

import typer

from resonet.cli.options import Jobs, Json, Out
from resonet.cli.registry import Command
from resonet.cli.show import answer
from resonet.cli.steps import progress

__all__ = ["COMMAND"]


def demo_command(
    folder: Out = Path("demo"),
    jobs: Jobs = None,
    force: Annotated[bool, typer.Option("--force", help="Replace another design in that folder.")] = False,
    as_json: Json = False,
) -> None:
    """The main job on the shipped MNIST network: compile, simulate, compare, draw.

    Example: resonet demo -o demo
    """
    from resonet.cli.demo import demo_json, run_demo, show_demo

    result = run_demo(folder, jobs, progress, force)
    if not answer(as_json, demo_json(result)):
        show_demo(result)


COMMAND = Command("tools", demo_command)
