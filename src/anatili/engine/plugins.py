"""Engines of other packages, found by their entry points: the plug-in SCHEME opens `SCHEME:NAME`."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from anatili.engine import Engine
from anatili.problem import Problem

GROUP = "anatili.engines"
"""Entry point group. An entry is a function that takes the NAME after the colon and returns an `Engine`."""


@dataclass(frozen=True)
class Plugin:
    """A model that another package's engine runs."""

    entry: EntryPoint
    name: str

    def open(self) -> Engine:
        try:
            opener: Callable[[str], Engine] = self.entry.load()
        except (ImportError, AttributeError) as error:
            raise Problem(f"the engine {self.entry.name!r} ({self.entry.value}) cannot be loaded: {error}") from error
        return opener(self.name)


def find_plugin(target: str) -> Plugin | None:
    """The plug-in whose scheme `target` begins with, None if there is none."""
    scheme, colon, name = target.partition(":")
    if not colon:
        return None
    entry = next(iter(entry_points(group=GROUP, name=scheme)), None)
    return Plugin(entry, name) if entry else None
