"""The recipe: one TOML file that says what a run makes, and nothing about where it runs.

Each section belongs to one stage and has its name. Every key has a default, a range and one sentence; an unknown key
is an error, so a misspelt setting never passes for a default.
"""

from collections.abc import Collection
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError, model_validator

from anatili.lang import explain
from anatili.problem import ROOT, Problem, is_checkout
from anatili.recipe.corpus import Collect, Cut, Dedup, Extract, MarkSettings, Section, Share, Source
from anatili.text import show_path
from anatili.text_files import read_toml

__all__ = [
    "Collect",
    "Cut",
    "Dedup",
    "Evaluate",
    "Extract",
    "Index",
    "MarkSettings",
    "PairSource",
    "Pairs",
    "Pretrain",
    "Recipe",
    "Release",
    "Section",
    "Share",
    "Source",
    "Tokenizer",
    "Tune",
    "bundled_recipes",
    "load_recipe",
    "only",
    "recipe_file",
]


class Index(Section):
    """How the corpus is made searchable."""

    passage_words: int = Field(120, ge=20, le=1000, description="Words of a passage, cut at sentence ends.")


class Tokenizer(Section):
    """How text is split into tokens: a vocabulary learned from the corpus, or that of a base model, adapted."""

    base: str = Field(
        "",
        description="Model to start from: a Hugging Face folder, GGUF file or packaged base; empty: from scratch.",
    )
    added: int = Field(0, ge=0, le=200_000, description="Tokens to learn beyond the base's, in the language's scripts.")
    trim_first: int = Field(
        0,
        ge=0,
        le=500_000,
        description="Of so many most frequent tokens of the base, keep those spelled with letters "
        "of the recipe's languages or ASCII; 0: keep all.",
    )
    vocabulary: int = Field(8192, ge=512, le=500_000, description="Number of tokens, if there is no base.")
    min_count: int = Field(2, ge=1, le=1000, description="Pairs seen less often are not merged.")
    mix: dict[str, float] = Field(
        {}, description="Language -> most text as a multiple of the main language's; empty: all text of each."
    )
    source_weights: dict[str, Share] = Field({}, description="Source -> share of its documents to learn from.")


class PairSource(Section):
    """A file of sentence pairs, or of the same sentences in more than two languages."""

    name: str = Field(pattern=r"^[a-z0-9_-]+$", description="Short name of the source.")
    languages: str = Field(
        pattern=r"^[a-z]{2,3}(-[a-z]{2,3})+$",
        description="Languages of its columns, such as kk-en; of more than two, each two are paired.",
    )
    path: str = Field(
        description="Tab-separated file, relative to the recipe: a sentence in each language, perhaps a score."
    )
    min_score: float = Field(0.0, description="Rows with a smaller number after the sentences are left out; 0: none.")
    license: str = Field("unknown", description="SPDX code.")

    @property
    def codes(self) -> list[str]:
        """The languages of its columns."""
        return self.languages.split("-")

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Each two languages of its columns, in their order."""
        return list(combinations(self.codes, 2))


class Pairs(Section):
    """Sentence pairs that translation is learned from."""

    sources: tuple[PairSource, ...] = Field((), strict=False, description="Files of pairs, the best first.")
    joined: bool = Field(
        False, description="Also pairs of two other languages whose sentences have the same one in the main language."
    )
    capitals: bool = Field(
        False, description="Give sentences in lower case their capitals back, as the corpus and other pairs write them."
    )
    held_out: Share = Field(0.005, description="Share of pairs kept from training, to look at while training.")
    min_likeness: Share = Field(
        0.0, description="Least likeness in meaning (cosine of sentence vectors, extra `dense`); 0: not asked."
    )


class Pretrain(Section):
    """A model trained from scratch or from a base; transformers, llama.cpp and vLLM load it as it is."""

    method: Literal["full", "lora"] = Field("full", description="What of a base is trained: all of it, or adapters.")
    rank: int = Field(32, ge=1, le=1024, description="Rank of the adapters (LoRA).")
    adapter: str = Field("", description="Adapter on the same base to start from: a GGUF file, relative to the recipe.")
    rows_first: Share = Field(0.0, description="Share of first steps in which only new vocabulary rows are trained.")
    rows_rate: float = Field(
        2e-4, gt=0, le=1, description="Learning rate of new rows, in those steps and with adapters."
    )
    shape: Literal["qwen3", "llama"] = Field("qwen3", description="qwen3 norms queries and keys; llama does not.")
    layers: int = Field(4, ge=1, le=200, description="Number of layers.")
    hidden_size: int = Field(192, ge=32, le=16_384, description="Size of the hidden state.")
    heads: int = Field(6, ge=1, le=128, description="Attention heads; divides hidden_size.")
    kv_heads: int = Field(0, ge=0, le=128, description="Heads of keys and values; divides heads; 0: as many.")
    intermediate_size: int = Field(512, ge=32, le=65_536, description="Size of the feed-forward layer.")
    tied: bool = Field(True, description="One matrix for input and output embeddings.")
    context: int = Field(256, ge=32, le=131_072, description="Tokens in one training sequence.")
    rope_theta: float = Field(0.0, ge=0, le=1e9, description="Base of RoPE's frequencies; 0: that of the base.")
    rope_scaling: Literal["", "linear", "yarn"] = Field("", description="How the base's context is made longer.")
    tokens: int = Field(
        500_000, ge=0, le=10**14, description="Training tokens in total; 0: the base as it is, with `adapter` added."
    )
    max_epochs: float = Field(4.0, gt=0, le=1000, description="Most passes over any source; more help little.")
    mix: dict[str, float] = Field(
        {}, description="Language -> weight; empty: as much of each as the corpus holds. `pairs`: sentence pairs."
    )
    source_weights: dict[str, float] = Field(
        {}, description="Source -> factor on its size within its language; 1 where not named, 0 leaves it out."
    )
    anneal: tuple[str, ...] = Field((), strict=False, description="Sources of the best text: only they in the decay.")
    batch: int = Field(8, ge=1, le=65_536, description="Sequences in one step.")
    micro_batch: int = Field(0, ge=0, le=65_536, description="Sequences in memory at a time; 0: the whole batch.")
    optimizer: Literal["muon", "adamw"] = Field("muon", description="muon: Muon for matrices, AdamW for the rest.")
    learning_rate: float = Field(3e-3, gt=0, le=1, description="Peak learning rate.")
    warmup: Share = Field(0.05, description="Share of steps in which the rate rises.")
    decay: Share = Field(0.3, description="Share of steps at the end in which the rate falls to a tenth.")
    weight_decay: float = Field(0.1, ge=0, le=1, description="Weight decay of matrices.")
    average: Share = Field(0.0, description="Share of steps at the end over which weights are averaged.")
    check_every: int = Field(
        0,
        ge=0,
        le=10**6,
        description="Steps between two checks of the loss on held-out text of each language; 0: none.",
    )
    check_tokens: int = Field(8_000, ge=100, le=10**7, description="Most held-out tokens of a language in a check.")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 where the processor has it."
    )
    checkpointing: bool = Field(False, description="Recompute activations in the backward pass: slower, less memory.")
    compile: bool = Field(False, description="Compile with torch.compile; needs a C++ compiler.")
    sampled_vocabulary: int = Field(
        0,
        ge=0,
        le=10**7,
        description="Rare tokens drawn in each step for the loss of adapters, also in tuning with plain text; 0: all.",
    )
    seed: int = Field(1, ge=0, le=2**31, description="Seed of weights and order.")
    keep_checkpoints: int = Field(
        0, ge=0, le=1000, description="Checkpoints kept for `takedown`, from which training goes on without a document."
    )

    @model_validator(mode="after")
    def heads_divide_hidden_size(self) -> "Pretrain":
        if self.hidden_size % self.heads or (self.hidden_size // self.heads) % 2:
            raise ValueError("hidden_size / heads must be a whole even number")
        if self.kv_heads and self.heads % self.kv_heads:
            raise ValueError("heads / kv_heads must be a whole number")
        if self.sampled_vocabulary and self.method != "lora":
            raise ValueError('sampled_vocabulary is for adapters (method = "lora"), which leave the head as it is')
        return self


class Tune(Section):
    """Supervised fine-tuning (SFT): teaching the model to answer."""

    instructions: str = Field("sample:", description="JSON lines of {messages, language, source}; `sample:` is ours.")
    kinds: tuple[str, ...] = Field((), strict=False, description="Kinds of SFT examples to keep; empty: all.")
    max_pairs: int = Field(2000, ge=0, le=10**8, description="Pairs of [pairs] to learn from for each two languages.")
    replay: Share = Field(0.0, le=0.9, description="Share of the tokens that are plain text, drawn as in pretraining.")
    instruct: str = Field(
        "", description="Folder of the base's instruct sibling: what it learned beyond the base is added before tuning."
    )
    instruct_share: float = Field(1.0, ge=0, le=2, description="How much of it.")
    preferences: str = Field(
        "", description="JSON lines of {messages, chosen, rejected, language}, learned after SFT (DPO, by trl)."
    )
    preference_rate: float = Field(1e-6, gt=0, le=1, description="Peak learning rate of DPO.")
    preference_beta: float = Field(
        0.1, gt=0, le=10, description="DPO's beta: the higher, the closer to the tuned model."
    )
    epochs: int = Field(3, ge=0, le=100, description="Epochs over the SFT examples; 0 leaves the model as it is.")
    tokens: int = Field(
        0,
        ge=0,
        le=10**12,
        description="Tokens in total, drawn from the SFT examples by `mix`; 0: `epochs` over all of them.",
    )
    mix: dict[str, float] = Field(
        {}, description="Kind of SFT example -> weight, if `tokens` is set; empty: as much of each as there is."
    )
    batch: int = Field(8, ge=1, le=65_536, description="Sequences of packed conversations in one step.")
    context: int = Field(0, ge=0, le=131_072, description="Tokens of a sequence; 0: as in pretraining.")
    learning_rate: float = Field(5e-4, gt=0, le=1, description="Peak learning rate.")
    seed: int = Field(1, ge=0, le=2**31, description="Seed of the order.")


class Evaluate(Section):
    """How good the model is."""

    texts: dict[str, Annotated[tuple[str, ...], Field(strict=False)]] = Field(
        {}, description="Language -> further held-out text files, a sentence a line."
    )
    max_bytes: int = Field(200_000, ge=1_000, le=10**9, description="Most text scored for one language and set.")
    tasks: tuple[str, ...] = Field(
        ("bits-per-byte", "second-halves", "scripts", "minimal-pairs", "answer-language"),
        strict=False,
        description="Evaluation tasks: names of bundled ones, or task files relative to the recipe.",
    )
    memory_texts: int = Field(
        50, ge=0, le=10**6, description="Training texts asked for whether they are known by heart."
    )
    resamples: int = Field(1000, ge=100, le=100_000, description="Resamples behind each 95 % interval.")
    seed: int = Field(1, ge=0, le=2**31, description="Seed of the resamples.")


class Release(Section):
    """What is given to the public."""

    license: str = Field("Apache-2.0", description="SPDX code under which the weights are given.")
    contact: str = Field("", description="Where to ask for a document to be taken out.")
    authors: tuple[str, ...] = Field((), strict=False, description="People or institutions to cite.")
    version: str = Field("1.0.0", pattern=r"^\d+\.\d+\.\d+$", description="Version of the release.")
    date: str = Field("", pattern=r"^$|^\d{4}-\d{2}-\d{2}$", description="Date of the release, such as 2026-12-01.")
    address: str = Field("", pattern=r"^$|^https://\S+$", description="Web address at which the release will be found.")


class Recipe(Section):
    """Everything that decides what a run makes."""

    name: str = Field(pattern=r"^[\w-]+$", description="Name of the run's folder.")
    language: str = Field(description="Code of the language pack, such as the folder names under `lang/`.")
    beside: tuple[str, ...] = Field((), strict=False, description="Further languages that stay in the corpus.")
    until: str = Field("", description="Last stage to build, such as `cut` for a corpus alone; empty: all stages.")
    collect: Collect = Collect()
    extract: Extract = Extract()
    mark: MarkSettings = MarkSettings()
    dedup: Dedup = Dedup()
    cut: Cut = Cut()
    index: Index = Index()
    pairs: Pairs = Pairs()
    tokenizer: Tokenizer = Tokenizer()
    pretrain: Pretrain = Pretrain()
    tune: Tune = Tune()
    evaluate: Evaluate = Evaluate()
    release: Release = Release()

    @model_validator(mode="after")
    def sources_are_in_the_languages(self) -> "Recipe":
        for source in self.collect.sources:
            if source.language not in ("", *self.languages):
                raise ValueError(
                    f"[[collect.sources]] {source.name}: language = {source.language!r} is not a language of this "
                    f"recipe ({', '.join(self.languages)}); name it in `language` or `beside`"
                )
        return self

    @property
    def languages(self) -> tuple[str, ...]:
        """The main language first."""
        return (self.language, *self.beside)


S = TypeVar("S", bound=Section)


def only(recipe: Recipe, names: Collection[str]) -> Recipe:
    """`recipe` with these settings alone (`pretrain.context`, `pretrain`, `language`): reading any other raises."""
    parts: dict[str, Any] = {}
    for name, value in recipe:
        if name in names:
            parts[name] = value
        elif isinstance(value, Section):
            keys = {key: one for key, one in value if f"{name}.{key}" in names}
            if keys:
                parts[name] = _bare(value, keys)
    return _bare(recipe, parts)


def _bare(section: S, values: dict[str, Any]) -> S:
    """A copy of a section that has these values and no others."""
    bare = section.model_copy()
    vars(bare).clear()
    vars(bare).update(values)
    return bare


def load_recipe(path: str | Path) -> Recipe:
    """Read a recipe file, or a bundled one by its name (`tiny`).

    `Problem` if there is none, or if a key is unknown or out of range: it names the file, the key and what is wrong.
    """
    path = recipe_file(path)
    try:
        return Recipe.model_validate(read_toml(path))
    except ValidationError as error:
        raise Problem(f"{show_path(path)}:\n  {explain(error)}") from error


def recipe_file(name: str | Path) -> Path:
    """Where a recipe is: a file, or the bundled one of this name; `Problem` if there is neither."""
    path = Path(name)
    if path.is_file():
        return path
    known = bundled_recipes()
    if str(name) in known:
        return known[str(name)]
    if path.is_dir():
        raise Problem(f"{show_path(path)} is a folder; name the recipe file in it")
    raise Problem(f"no recipe {show_path(path)}; bundled: {', '.join(sorted(known))}")


def bundled_recipes() -> dict[str, Path]:
    """Name -> file of the bundled recipes: in a checkout all, in a wheel those that need no other files."""
    folder = ROOT / "recipes" if is_checkout() else Path(__file__).parents[1] / "recipes"
    return {file.stem: file for file in folder.glob("*.toml")}
