"""Write the pages that follow from the program, and the results; a test compares them. `make docs` runs this."""

import ast
import dataclasses
import inspect
import io
import json
import re
import textwrap
import typing
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel

import anatili
from anatili import __version__
from anatili.cli import main
from anatili.evaluate.task_file import EvaluationTask, bundled
from anatili.recipe import Recipe

DOCS = Path(__file__).parent


def pages() -> dict[str, str]:
    """File below docs/ -> text."""
    return {
        "reference/cli.md": cli_page(),
        "reference/recipe.md": recipe_page(),
        "reference/task.md": task_page(),
        "reference/python.md": python_page(),
        "results.md": results_page(),
    }


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
        "Written by `make docs` from `recipe/`.\n",
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


def python_page() -> str:
    head = (
        "# Python\n\nWhat `import anatili` offers, in the order in which people meet it. Each name is loaded when it "
        "is first used. What cannot be done raises `anatili.Problem`, whose text says what is wrong, where, and what "
        "to do. Written by `make docs` from the docstrings.\n\n```python\n"
    )
    parts = [head + example() + "\n```\n"]
    for name in anatili.HOMES:
        offered = getattr(anatili, name)
        parts.append(f"## {name}\n\n```python\n{signature(name, offered)}\n```\n\n{inspect.getdoc(offered)}\n")
        if inspect.isclass(offered):
            parts += members(offered)
        elif given := returned(offered):
            parts += [f"Returns `{given.__name__}`: {inspect.getdoc(given)}\n", *members(given)]
    return "\n".join(parts)


def returned(offered: Any) -> type | None:
    """The class of what a function gives, or gives one after the other, if that is told nowhere else on the page."""
    kind = inspect.signature(offered).return_annotation
    (kind,) = typing.get_args(kind)[:1] or (kind,)
    is_told = getattr(kind, "__name__", "") in anatili.HOMES
    return kind if dataclasses.is_dataclass(kind) and isinstance(kind, type) and not is_told else None


def example() -> str:
    """The lines of code in the docstring of the package."""
    lines = (inspect.getdoc(anatili) or "").splitlines()
    first, last = (at for at, line in enumerate(lines) if line.startswith("    ")), len(lines)
    return "\n".join(line.removeprefix("    ") for line in lines[next(first) : last])


def signature(name: str, offered: Any) -> str:
    """How it is called, an argument a line where one line is too long."""
    try:
        said = inspect.signature(offered)
    except ValueError:
        return f"anatili.{name}"
    whole = f"anatili.{name}{plain(str(said))}"
    if len(whole) <= 100:
        return whole
    inside = ",\n    ".join(split_keywords(said))
    end = "" if said.return_annotation is inspect.Signature.empty else f" -> {shown(said.return_annotation)}"
    return f"anatili.{name}(\n    {inside},\n){plain(end)}"


def split_keywords(said: inspect.Signature) -> Iterator[str]:
    """The arguments one by one, with the * before those that need their names."""
    keyword = False
    for argument in said.parameters.values():
        if argument.kind is argument.KEYWORD_ONLY and not keyword:
            keyword = True
            yield "*"
        yield plain(str(argument))


def shown(annotation: Any) -> str:
    return inspect.formatannotation(annotation)


def plain(text: str) -> str:
    """Types by their own names, without the module, and functions that do nothing as `nothing`."""
    text = re.sub(r"<function .*? at 0x[0-9a-f]+>", "nothing", text)
    text = re.sub(r"(?:Posix|Windows)Path\(('[^']*')\)", r"Path(\1)", text)
    return re.sub(r"\b(?:[a-z_][\w]*\.)+(?=[A-Z])", "", text).replace("'", '"')


def members(kind: type) -> Iterator[str]:
    """The fields of a class with what they are, then its methods and what they do, in the order of the source."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)
    fields, methods = [], []
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            words = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
            about = " ".join(str(words).split())
            fields.append(f"- `{node.target.id}: {ast.unparse(node.annotation)}`" + (f". {about}" if about else ""))
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and ast.get_docstring(node):
            about = " ".join((ast.get_docstring(node) or "").split())
            if any(ast.unparse(one).endswith("property") for one in node.decorator_list):
                fields.append(f"- `{node.name}: {ast.unparse(node.returns) if node.returns else 'Any'}`. {about}")
            else:
                methods.append(f"- `{plain(node.name + '(' + ', '.join(arguments(node)) + ')')}`. {about}")
    if fields or methods:
        yield "\n".join([*fields, *methods]) + "\n"


def arguments(node: ast.FunctionDef) -> Iterator[str]:
    """The arguments of a method as its source has them, without `self`."""
    text = ast.unparse(node.args)
    yield from (one for one in text.split(", ") if one != "self")


def results_page() -> str:
    """The table of results, from docs/results.json."""
    found = json.loads((DOCS / "results.json").read_text("utf-8"))
    lines = [
        "# Results\n",
        *textwrap.wrap(found["about"], 120),
        "\nWritten by `make docs` from `results.json`.",
    ]
    for section in found["sections"]:
        lines += [
            f"\n## {section['name']}\n",
            "| what | result | beside it | n | date | command |",
            "|---|---|---|---|---|---|",
        ]
        lines += ["| {} |".format(" | ".join(cells(row))) for row in section["rows"]]
    return "\n".join(lines) + "\n"


def cells(row: dict[str, Any]) -> Iterator[str]:
    yield row["what"]
    interval = f" [{row['interval'][0]}, {row['interval'][1]}]" if "interval" in row else ""
    yield f"{row['value']}{interval}" + (f"; {row['note']}" if row.get("note") else "")
    yield row.get("peer", "")
    yield f"{row['n']:,}" if "n" in row else ""
    yield row["date"]
    yield f"`{row['command']}`"


if __name__ == "__main__":
    for file, text in pages().items():
        (DOCS / file).parent.mkdir(exist_ok=True)
        (DOCS / file).write_text(text, "utf-8")
