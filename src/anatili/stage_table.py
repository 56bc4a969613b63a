"""The table of stages, in order: what each one reads, and the function that does its work."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from anatili.problem import Problem
from anatili.recipe import Recipe


@dataclass(frozen=True)
class Stage:
    """One step on the way from crawl to assistant."""

    name: str
    work: str
    """`package.module:function`, imported only when the stage runs."""
    settings: tuple[str, ...]
    """The recipe settings that it reads: whole sections, or keys of other sections (`pretrain.context`)."""
    needs: tuple[str, ...] = ()
    """The stages whose output it reads."""
    watches: str = ""
    """`package.module:function` that takes these settings and a folder, and lists the external files that the settings
    name, with their content. It is called at every start, so it must be fast."""
    reads: tuple[str, ...] = ()
    """The files of language packs that affect the result."""
    loose: tuple[str, ...] = ()
    """Outputs whose bytes differ between equal builds (logs with times, index segments). They get no digest."""
    version: int = 1
    """Raised by hand when the same settings would give a different result."""
    obeys_takedowns: Literal["", "corpus", "examples"] = ""
    """What the takedowns of the run are left out of here; a stage that only reads such stages has none."""


LANGUAGES = ("language", "beside")
TRAINING = tuple(
    f"pretrain.{key}"
    for key in ("compile", "context", "micro_batch", "mix", "precision", "sampled_vocabulary", "source_weights")
)
WORD_FILES = ("pack.toml", "dictionary.tsv", "morphology.toml", "lexicon.tsv", "endings.tsv")
MARK_FILES = (
    *("pack.toml", "stopwords.txt", "abbreviations.txt", "blocked.txt", "normalize.py"),
    *("quality.npz", "prose.npz", "frequencies.tsv"),
)
SPLIT_FILES = ("pack.toml", "stopwords.txt")
TEXT_FILES = ("pack.toml", "normalize.py")
INDEX_FILES = ("pack.toml", "stopwords.txt", "abbreviations.txt", "morphology.toml", "lexicon.tsv", "endings.tsv")
BUILDING = (
    Stage("collect", "anatili.collect.collect:run", ("collect",), watches="anatili.collect.files:inventory", version=5),
    Stage(
        "extract",
        "anatili.refine.extract:run",
        ("extract", *LANGUAGES),
        needs=("collect",),
        watches="anatili.refine.extract:inventory",
        reads=SPLIT_FILES,
        version=5,
    ),
    Stage(
        "mark",
        "anatili.refine.mark:run",
        ("mark", *LANGUAGES),
        needs=("extract",),
        watches="anatili.refine.mark:inventory",
        reads=MARK_FILES,
        version=5,
    ),
    Stage(
        "dedup",
        "anatili.refine.dedup:run",
        ("dedup", *LANGUAGES),
        needs=("extract", "mark"),
        reads=TEXT_FILES,
        version=4,
    ),
    Stage(
        "cut",
        "anatili.refine.cut:run",
        ("cut", *LANGUAGES),
        needs=("extract", "mark", "dedup"),
        watches="anatili.refine.cut:inventory",
        reads=TEXT_FILES,
        version=3,
        obeys_takedowns="corpus",
    ),
    Stage(
        "index",
        "anatili.search.index:run",
        ("index",),
        needs=("cut",),
        reads=INDEX_FILES,
        loose=("tantivy/*",),
        version=3,
    ),
    Stage(
        "pairs",
        "anatili.refine.pairs:run",
        ("pairs", *LANGUAGES, "mark.benchmarks"),
        needs=("cut",),
        watches="anatili.refine.pairs:inventory",
        reads=WORD_FILES,
        version=3,
    ),
    Stage(
        "tokenizer",
        "anatili.tokenizer.train:run",
        ("tokenizer", *LANGUAGES, "pretrain.context"),
        needs=("cut",),
        watches="anatili.tokenizer.adapt:inventory",
        version=2,
    ),
    Stage(
        "pretrain",
        "anatili.train.pretrain:run",
        ("pretrain", "pairs", *LANGUAGES, "tokenizer.base"),
        needs=("cut", "pairs", "tokenizer"),
        watches="anatili.train.pretrain:inventory",
        loose=("log.jsonl", "loss.png", "tensorboard/*"),
        version=5,
    ),
    Stage(
        "tune",
        "anatili.train.tune:run",
        ("tune", "pairs", *LANGUAGES, "mark.benchmarks", "tokenizer.base", *TRAINING),
        needs=("cut", "pairs", "tokenizer", "pretrain"),
        watches="anatili.train.sft_examples:inventory",
        reads=("prompts.toml",),
        loose=("log.jsonl", "tensorboard/*"),
        version=6,
        obeys_takedowns="examples",
    ),
    Stage(
        "evaluate",
        "anatili.evaluate.score:run",
        ("evaluate", *LANGUAGES, "tokenizer.base"),
        needs=("cut", "tokenizer", "pretrain", "tune"),
        watches="anatili.evaluate.text_sets:inventory",
        reads=("pack.toml", "pairs.toml", "prompts.toml"),
        loose=("scores.png",),
        version=3,
    ),
)
STAGES = (
    *BUILDING,
    Stage(
        "release",
        "anatili.release.build:run",
        tuple(name for name in Recipe.model_fields if name != "until"),
        needs=tuple(stage.name for stage in BUILDING),
        reads=("pack.toml", "release.toml"),
        loose=("provenance.json",),
        version=3,
    ),
)


def stages_named(names: Iterable[str]) -> frozenset[str]:
    """The stages that are named; `NAME..` means that stage and all after it. `Problem` if unknown."""
    order = [stage.name for stage in STAGES]
    stages: set[str] = set()
    for name in names:
        first = name.removesuffix("..")
        if first not in order:
            raise Problem(f"no stage {first!r}; there are {', '.join(order)}")
        stages.update(order[order.index(first) :] if name.endswith("..") else [first])
    return frozenset(stages)


def stages_until(last: str) -> tuple[Stage, ...]:
    """The stages up to one with this name; all if it is empty. `Problem` if there is no such stage."""
    order = [stage.name for stage in STAGES]
    if last and last not in order:
        raise Problem(f"until = {last!r}: no such stage; there are {', '.join(order)}")
    return STAGES[: order.index(last) + 1] if last else STAGES
