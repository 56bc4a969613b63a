"""From a raw web crawl to an assistant in your own language.

What is named in `__all__` is loaded when it is first used, so that `import anatili` takes no time:

    import anatili

    anatili.identify("Қазақ тілі").language  # "kk"
    anatili.run("recipes/tiny.toml")  # corpus, search index, tokenizer, model
    anatili.open_assistant("tiny").ask("Абай кім?")  # an answer with its sources
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anatili.extraction.page import extract
    from anatili.identify import identify
    from anatili.lang import load_pack
    from anatili.lang.convert import normalize
    from anatili.opening import open_engine_of as open_engine
    from anatili.opening.corpus import read_corpus
    from anatili.opening.evaluation import evaluate
    from anatili.opening.search import open_search
    from anatili.pipeline.refine_files import refine_files
    from anatili.pipeline.run_recipe import run_recipe as run
    from anatili.problem import Problem
    from anatili.recipe import load_recipe
    from anatili.search.searcher import Search
    from anatili.serve.assistant import Answer, Assistant, open_assistant
    from anatili.translate.translate_file import translate_file
    from anatili.translate.translator import Translator, open_translator

__version__ = "0.1.0"
__all__ = [
    "Answer",
    "Assistant",
    "Problem",
    "Search",
    "Translator",
    "evaluate",
    "extract",
    "identify",
    "load_pack",
    "load_recipe",
    "normalize",
    "open_assistant",
    "open_engine",
    "open_search",
    "open_translator",
    "read_corpus",
    "refine_files",
    "run",
    "translate_file",
]
HOMES = {
    "identify": "identify:identify",
    "extract": "extraction.page:extract",
    "load_pack": "lang:load_pack",
    "normalize": "lang.convert:normalize",
    "load_recipe": "recipe:load_recipe",
    "run": "pipeline.run_recipe:run_recipe",
    "read_corpus": "opening.corpus:read_corpus",
    "refine_files": "pipeline.refine_files:refine_files",
    "open_search": "opening.search:open_search",
    "Search": "search.searcher:Search",
    "open_assistant": "serve.assistant:open_assistant",
    "Assistant": "serve.assistant:Assistant",
    "Answer": "serve.assistant:Answer",
    "open_translator": "translate.translator:open_translator",
    "Translator": "translate.translator:Translator",
    "translate_file": "translate.translate_file:translate_file",
    "open_engine": "opening:open_engine_of",
    "evaluate": "opening.evaluation:evaluate",
    "Problem": "problem:Problem",
}
"""Name -> where it lives, `module:name` below anatili, in the order in which people meet them."""


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'anatili' has no attribute {name!r}")
    module, _, attribute = HOMES[name].partition(":")
    return getattr(import_module(f"anatili.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


class Package(ModuleType):
    """Python sets each module that is imported as an attribute of its package: `anatili.run` would be the function or
    the module `anatili/run.py`, by what was imported before. Here it is always the function."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = Package
