"""Stands before the library of this name, whose grammar takes seconds to build, until an IRI is really checked.

CycloneDX brings the library along, and jsonschema loads it in every process: in each of the servers of the tests,
which check no IRI.
"""

import importlib.util
import sys
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent
SPEC = PathFinder.find_spec(__name__, [place for place in sys.path if Path(place) != HERE])
if SPEC is None:
    raise ImportError(f"{__name__} is not installed")


@cache
def library() -> ModuleType:
    assert SPEC is not None
    assert SPEC.loader is not None
    found = importlib.util.module_from_spec(SPEC)
    sys.modules[__name__] = found
    SPEC.loader.exec_module(found)
    return found


def is_valid_syntax(term: str, value: str) -> bool:
    return bool(library().is_valid_syntax(term, value))
