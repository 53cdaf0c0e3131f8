"""docs/commands.md is what the commands say of themselves."""

import importlib.util
import re
from pathlib import Path

import typer

from resonet.cli.main import app

TOOLS = Path(__file__).parents[2] / "docs" / "tools"


def tool(name: str):
    """A script of docs/tools as a module."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_that_of_this_version():
    commands = tool("commands")
    assert commands.PAGE.read_text(encoding="utf-8") == commands.as_markdown()


def test_every_command_and_option_stands_there():
    text = tool("commands").as_markdown()
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL))
    group = typer.main.get_command(app)
    context = group.make_context("resonet", ["--help"], resilient_parsing=True)
    assert set(sections) == set(group.list_commands(context))
    shared = {"--help", "--json", "--strict", "--quiet", "--verbose"}
    for name, section in sections.items():
        for option in group.get_command(context, name).params:
            if not shared & set(option.opts) and option.param_type_name == "option":
                assert f"`{option.opts[-1]}`" in section, (name, option.opts)
