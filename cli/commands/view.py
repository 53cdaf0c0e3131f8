"""`resonet view`: the report of a design folder as a live local page, with chains that are recomputed at once."""

from importlib.util import find_spec
from typing import Annotated

import typer

from resonet.cli.options import Folder
from resonet.cli.registry import Command
from resonet.cli.show import say

__all__ = ["COMMAND"]

NEEDED = ("starlette", "uvicorn")


def view(
    folder: Folder,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Of 127.0.0.1; 0: a free one.")] = 0,
) -> None:
    """The report as a live page on this machine: studies under way, chains, what if; until Ctrl-C.

    Only 127.0.0.1 is listened on, and only who has the printed address is answered. Nothing is written into the folder.

    Example: resonet view build
    """
    from resonet.core.errors import InputError

    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise InputError(f"view: no {' and no '.join(missing)}; possible: pip install 'resonet[view]'")
    from resonet.api.gathering import gather
    from resonet.view.server import Serving, serve

    def told(serving: Serving) -> None:
        say(f"view of {folder}, until Ctrl-C: {serving.address}")

    serve(folder, lambda place: gather(place, (), None), port, told)


COMMAND = Command("analyse", view, stored=False, writes=False)
