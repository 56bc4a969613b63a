"""Write the reference pages from the program itself; a test compares them. `make docs` runs this."""

import io
from contextlib import redirect_stdout
from pathlib import Path

import click
from pydantic import BaseModel

from anatili import __version__
from anatili.cli import main
from anatili.evaluate.task_file import EvaluationTask, bundled
from anatili.recipe import Recipe

FOLDER = Path(__file__).parent / "reference"


def pages() -> dict[str, str]:
    """File name -> text."""
    return {"cli.md": cli_page(), "recipe.md": recipe_page(), "task.md": task_page()}


def cli_page() -> str:
    parts = ["# Command line\n\nWritten by `make docs` from `--help`.\n"]

    def add(command: click.Command, path: tuple[str, ...]) -> None:
        out = io.StringIO()
        settings = {"max_content_width": 100, "help_option_names": ["-h", "--help"]}
        with redirect_stdout(out), click.Context(command, info_name=" ".join(path), **settings) as context:
            context.terminal_width = 100
            print(command.get_help(context))
        parts.append(f"## {' '.join(path)}\n\n```text\n{out.getvalue().strip()}\n```\n")
        if isinstance(command, click.Group):
            for name, child in command.commands.items():
                add(child, (*path, name))

    add(main, ("anatili",))
    return "\n".join(parts)


def recipe_page() -> str:
    parts = [
        f"# Recipe\n\nEvery key of a recipe (anatili {__version__}); an unknown key is an error. "
        "Written by `make docs` from `recipe.py`.\n",
        table("top level", Recipe, skip_sections=True),
    ]
    for name, field in Recipe.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            parts.append(f"## [{name}]\n\n{kind.__doc__}\n")
            parts.append(table(name, kind))
            if name == "collect":
                from anatili.recipe import Source

                parts.append(f"### [[collect.sources]]\n\n{Source.__doc__}\n")
                parts.append(table("source", Source))
    return "\n".join(parts)


def task_page() -> str:
    return (
        "# Evaluation task\n\nEvery key of a task file; an unknown key is an error. How to write one: "
        "[add an evaluation task](../guides/add-a-task.md). Written by `make docs` from `evaluate/task_file.py`.\n\n"
        f"Bundled: {', '.join(f'`{name}`' for name in bundled())}.\n\n" + table("task", EvaluationTask)
    )


def table(name: str, kind: type[BaseModel], *, skip_sections: bool = False) -> str:
    lines = ["| key | default | range | what it is |", "|---|---|---|---|"]
    schema = kind.model_json_schema()
    for key, field in kind.model_fields.items():
        said = schema["properties"][key]
        if skip_sections and "$ref" in str(said):
            continue
        default = "required" if field.is_required() else f"`{field.default!r}`"
        lines.append(f"| `{key}` | {default} | {limits(said)} | {field.description or ''} |")
    return "\n".join(lines) + "\n"


def limits(said: dict[str, object]) -> str:
    """The range in a JSON schema as words."""
    low, high = said.get("minimum"), said.get("maximum")
    if "enum" in said:
        return ", ".join(f"`{value}`" for value in said["enum"])  # type: ignore[attr-defined]
    if low is not None and high is not None:
        return f"{low:,} to {high:,}"
    if "exclusiveMinimum" in said:
        return f"over {said['exclusiveMinimum']}" + (f", at most {high}" if high is not None else "")
    return f"`{said['pattern']}`" if "pattern" in said else str(said.get("type", ""))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, text in pages().items():
        (FOLDER / file).write_text(text, "utf-8")
