"""Summaries of stages and other nested facts for people, in the language of the environment.

The names of facts are the keys of records, as `--json` shows them, with spaces. Names of stages, languages and sources
are identifiers and stay as they are.
"""

from typing import Any

from rich.text import Text
from rich.tree import Tree

from anatili.cli import localization
from anatili.cli.screen import console

LABELS = {
    "gib_per_device": "GiB per device",
    "gib_per_device_at_start": "GiB per device at start",
    "weights": "model weights",
    "flops": "floating-point operations",
}
"""Key -> what it is called for people, where that is not the key itself."""
LONGEST = 20
"""Entries of a table that are all shown when a stage has ended."""
DIGITS = 8
"""Characters of a float that is shown as it is."""
LARGEST = 8
"""Entries that are shown of a longer one, such as that of all languages of a crawl."""


def fact_name(key: str) -> str:
    """The name of a fact. One such as `lost: too short` is translated part by part."""
    plain = LABELS.get(key, key.replace("_", " "))
    whole = localization.current.text(plain)
    return whole if whole != plain else ": ".join(map(localization.current.text, plain.split(": ")))


def fact_value(value: Any) -> str:
    """A value for people: numbers with separators, texts translated where the catalog can."""
    if isinstance(value, dict):
        return ", ".join(f"{fact_name(name)} {fact_value(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(fact_value, value))
    if isinstance(value, bool):
        return localization.current.text("yes" if value else "no")
    if isinstance(value, int) and value < 1e13:
        return localization.current.figures(f"{value:,}")
    if isinstance(value, int | float):
        return str(value) if len(str(value)) <= DIGITS else f"{value:.4g}"
    return localization.current.filled(value) if value else "-"


def brief_facts(summary: dict[str, Any]) -> list[str]:
    """A summary as short phrases, without tables, which `status` shows."""
    facts = []
    for key, value in summary.items():
        name = fact_name(key)
        if isinstance(value, dict):
            inner = brief_table({k: v for k, v in value.items() if not isinstance(v, dict)})
            facts.append(f"{name}: {inner}" if inner else name if value else f"{name} 0")
        elif value is not None and not isinstance(value, (list, str)):
            facts.append(f"{name} {fact_value(value)}")
    return facts


def brief_table(table: dict[str, Any]) -> str:
    """A table in one line: all of a short one, else its largest numbers and how many are left out."""
    if len(table) <= LONGEST or not all(isinstance(value, int | float) for value in table.values()):
        return fact_value(table)
    largest = sorted(table.items(), key=lambda item: -item[1])
    rest = [value for _, value in largest[LARGEST:]]
    counts = all(isinstance(value, int) for value in table.values())
    more = localization.current.filled(
        "and {count} more with {sum}, which `anatili status` lists"
        if counts
        else "and {count} more up to {most}, which `anatili status` lists",
        count=len(rest),
        **({"sum": fact_value(sum(rest))} if counts else {"most": fact_value(rest[0])}),
    )
    return f"{fact_value(dict(largest[:LARGEST]))} {more}"


def draw_status(rows: dict[str, Any]) -> None:
    """Print the stages as a tree: what each one made, from what, with short digests."""
    tell = localization.current.text
    tree = Tree(f"{rows['run']}  {tell('recipe')} {rows['recipe']}")
    for row in rows["stages"]:
        if row["state"] == "missing":
            tree.add(Text(f"{row['stage']:10} {tell('not built')}", style="dim"))
            continue
        digests = f"{tell('content')} {row['content'][:12]}  {tell('identity')} {row['fingerprint'][:12]}"
        branch = tree.add(f"{row['stage']:10} {tell(row['state'])}  {digests}  {row['seconds']} {tell('s')}")
        for name, content in row["inputs"].items():
            branch.add(Text(f"{tell('from')} {name} {(content or '')[:12]}", style="dim"))
        for key, value in row["summary"].items():
            if isinstance(value, dict):
                leaf = branch.add(fact_name(key) if value else f"{fact_name(key)}: 0")
                for name, count in value.items():
                    leaf.add(f"{fact_name(name)}: {fact_value(count)}")
            else:
                branch.add(f"{fact_name(key)}: {fact_value(value)}")
    console().print(tree)


def show_facts(facts: dict[str, Any]) -> None:
    """Print facts and nested facts, one per line; nothing of a table without rows."""
    screen = console()
    for name, value in facts.items():
        if isinstance(value, dict):
            if value:
                screen.print(f"{fact_name(name)}:")
            for key, inner in value.items():
                screen.print(f"    {fact_name(key)}: {fact_value(inner)}")
        else:
            screen.print(f"{fact_name(name)}: {fact_value(value)}")
