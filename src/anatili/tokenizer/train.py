"""`tokenizer`: byte-level BPE trained on the corpus, with Llama 3's split rule.

With this rule llama.cpp (`tokenizer.ggml.pre = llama-bpe`) splits text the same way. A rule of our own would have no
name there and be silently replaced.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from anatili.atomic_files import whole_file, write_json
from anatili.document import Kept, read_shard
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.recipe import Tokenizer
from anatili.stage import Task
from anatili.text import digest, words
from anatili.text_files import read_lines
from anatili.weights import LLAMA3_SPLIT

BEGIN, END, PAD = "<|begin|>", "<|end|>", "<|pad|>"
FILES_CONTEXT = 1024
"""Context that the tokenizer of a model names which is not there yet."""
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
SPECIAL = (BEGIN, END, PAD, *ROLES)
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}{{ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def run(task: Task) -> dict[str, Any]:
    """Train on the corpus; the summary gives tokens per word for each language on held-out documents."""
    from tokenizers import Tokenizer as Bpe

    settings: Tokenizer = task.settings
    shards = sorted(task.inputs["cut"].glob("part-*.parquet"))
    task.progress.start(1, "tokenizer")
    if settings.base:
        adapt_base(task, shards)
        tokenizer = Bpe.from_file(str(task.out / "tokenizer.json"))
    else:
        tokenizer = train(texts(shards, settings, task.recipe.language), settings)
        save(tokenizer, task.out, task.recipe.pretrain.context)
    task.progress.advance()
    held_out = sorted((task.inputs["cut"] / "held-out").glob("part-*.parquet"))
    return {"vocabulary": tokenizer.get_vocab_size(), "tokens_per_word": fertility(tokenizer, held_out)}


def lines(files: Iterable[Path]) -> Iterator[str]:
    """The lines of text files with their ends, one file after another."""
    for path in files:
        yield from (f"{line}\n" for line in read_lines(path) if line.strip())


def train_on_files(files: Iterable[Path], vocabulary: int, out: Path) -> int:
    """Learn a vocabulary from text files into the folder `out`; returns how many tokens it has."""
    learned = train(lines(files), Tokenizer(vocabulary=vocabulary))
    save(learned, out, FILES_CONTEXT)
    return int(learned.get_vocab_size())


def adapt_to_files(base: str, files: Iterable[Path], language: str, out: Path, *, added: int = 0, trim: int = 0) -> int:
    """Fit the vocabulary of a base (a folder or packaged) to texts in a language; returns how many tokens it has."""
    from anatili.gguf.base_model import open_base
    from anatili.tokenizer.adapt import adapt

    settings = Tokenizer(base=base, added=added, trim_first=trim)
    return adapt(settings, open_base(base, Path()), {language: list(lines(files))}, load_pack(language), out)


def adapt_base(task: Task, shards: list[Path]) -> None:
    """Adapt the base's vocabulary; `base.json` tells later stages the base and the digests of its weights."""
    from anatili.gguf.base_model import open_base
    from anatili.tokenizer.adapt import adapt, by_language
    from anatili.weights import facts

    settings: Tokenizer = task.settings
    folder = open_base(settings.base, task.base)
    adapt(settings, folder, by_language(chosen(shards, settings, {})), load_pack(task.recipe.language), task.out)
    write_json(task.out / "base.json", {"base": settings.base, "weights": facts(settings.base, task.base)})


def texts(shards: list[Path], settings: Tokenizer, main: str) -> Iterator[str]:
    """The texts of `learned_from`."""
    return (document.text for document in learned_from(shards, settings, main))


def learned_from(shards: list[Path], settings: Tokenizer, main: str) -> Iterator[Kept]:
    """The corpus, sampled by `source_weights`, then by `mix`; the choice of documents follows from their ids."""
    sizes: Counter[str] = Counter()
    if settings.mix:
        for document in chosen(shards, settings, {}):
            sizes[document.language] += len(document.text)
    shares = {code: most * sizes[main] / max(1, sizes[code]) for code, most in settings.mix.items()}
    yield from chosen(shards, settings, shares)


def chosen(shards: list[Path], settings: Tokenizer, shares: dict[str, float]) -> Iterator[Kept]:
    for shard in shards:
        for document in read_shard(shard, Kept):
            share = settings.source_weights.get(document.source, 1.0) * shares.get(document.language, 1.0)
            if share >= 1 or int(digest(document.id)[:8], 16) < share * 2**32:
                yield document


def train(texts: Iterator[str], settings: Tokenizer) -> Any:
    """A `tokenizers.Tokenizer` of `settings.vocabulary` tokens, or of fewer if the text has no more pairs to merge."""
    from tokenizers import Regex, decoders, models, pre_tokenizers, trainers
    from tokenizers import Tokenizer as Bpe

    tokenizer = Bpe(models.BPE(byte_fallback=False, ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=settings.vocabulary,
        min_frequency=settings.min_count,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if tokenizer.get_vocab_size() <= 256 + len(SPECIAL):
        raise Problem(
            "the corpus is too small for a tokenizer: no pair of letters is frequent enough; collect more text"
        )
    return tokenizer


def save(tokenizer: Any, folder: Path, context: int) -> None:
    """Write the files from which transformers loads a tokenizer."""
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BEGIN,
        "eos_token": END,
        "pad_token": PAD,
        "extra_special_tokens": list(ROLES),
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
        "add_prefix_space": False,
    }
    files = {
        "tokenizer.json": tokenizer.to_str(pretty=False),
        "tokenizer_config.json": json.dumps(config, indent=2, ensure_ascii=False),
        "chat_template.jinja": CHAT_TEMPLATE,
    }
    for name, content in files.items():
        with whole_file(folder / name) as temporary:
            temporary.write_text(content, "utf-8")


def fertility(tokenizer: Any, shards: list[Path]) -> dict[str, float]:
    """Tokens per word for each language of the documents in `shards`."""
    totals: dict[str, list[int]] = {}
    for shard in shards:
        for document in read_shard(shard, Kept):
            total = totals.setdefault(document.language, [0, 0])
            total[0] += len(tokenizer.encode(document.text, add_special_tokens=False).ids)
            total[1] += len(words(document.text))
    return {language: round(tokens / max(1, count), 3) for language, (tokens, count) in sorted(totals.items())}
