"""An encoder-decoder model as CTranslate2 runs it: converted by its own converter, then compared."""

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path
from typing import Any

from anatili.document import disk_problem
from anatili.engine.seq2seq import Ask, Seq2SeqEngine
from anatili.lang import load_pack
from anatili.problem import Problem, install
from anatili.sample.topics import read_topics
from anatili.text import show_path
from anatili.weights import check_complete, check_folder, quiet

ALLOWED = {"int8": 0.5, "bfloat16": 0.3, "float16": 0.1, "float32": 0.02}
"""Mean difference of the natural logarithms of chances that is allowed, by quantization."""
KEPT = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "sentencepiece.bpe.model", "spiece.model",
        "generation_config.json", "README.md", "LICENSE")  # fmt: skip
"""Files of the model that go along."""
PROBES = 2
"""Sentences of each two languages by which both are compared."""
POSITIONS = "embed_positions.weights"
"""Computed when a model is opened; older files carry it all the same."""


def convert(folder: Path, target: Path, quantization: str = "int8") -> dict[str, Any]:
    """Write the model in `folder` for CTranslate2 as the folder `target`, which must not be there."""
    check_folder(folder)
    if target.exists():
        raise Problem(f"{show_path(target)} is there already; name another folder with --out")
    try:
        import torch  # noqa: F401  (the converter leaves it out in silence)
        from ctranslate2.converters import TransformersConverter
    except ImportError as error:
        raise Problem(f"converting a model needs more packages: {install('seq2seq')} and {install('train')}") from error
    quiet()

    class Converter(TransformersConverter):  # type: ignore[misc]
        """CTranslate2's, with our rules for files: safetensors, all of it, no code, no network."""

        def load_model(self, kind: Any, place: str, **options: Any) -> Any:
            options |= {"use_safetensors": True, "local_files_only": True, "trust_remote_code": False}
            model, info = kind.from_pretrained(
                place, output_loading_info=True, ignore_mismatched_sizes=True, **options
            )  # fmt: skip
            # What transformers 5 calls otherwise, and the converter reads: whether T5 scales its outputs.
            if hasattr(model.config, "scale_decoder_outputs"):
                model.config.tie_word_embeddings = model.config.scale_decoder_outputs
            return complete(model, info, folder)

        def load_tokenizer(self, kind: Any, place: str, **_: Any) -> Any:
            return with_languages(kind.from_pretrained(place, local_files_only=True, trust_remote_code=False))

    began = time.perf_counter()
    with whole_folder(target) as temporary:
        try:
            Converter(str(folder)).convert(str(temporary), quantization=quantization)
        except (ValueError, NotImplementedError) as error:
            raise Problem(f"CTranslate2 cannot convert {show_path(folder)}: {error}") from error
        for name in KEPT:
            if (folder / name).is_file():
                shutil.copyfile(folder / name, temporary / name)
    size = sum(path.stat().st_size for path in target.iterdir())
    return {"folder": str(target), "bytes": size, "seconds": round(time.perf_counter() - began, 1)}


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder to be made in place of `target`, moved there at the end; on any error nothing is left behind."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(target)
    except OSError as error:
        raise disk_problem(error, target) or error from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def complete(model: Any, info: dict[str, Any], folder: Path) -> Any:
    """`model` if all of it was in its file, and nothing else."""
    unread = {name for name in info["unexpected_keys"] if not name.endswith(POSITIONS)}
    check_complete(model, {**info, "unexpected_keys": unread}, folder)
    return model


def with_languages(tokenizer: Any) -> Any:
    """M2M100's tokenizer leaves its languages out of its vocabulary since transformers 5; the converter needs them."""
    languages = getattr(tokenizer, "lang_token_to_id", None)
    if languages:
        pieces = tokenizer.get_vocab
        tokenizer.get_vocab = lambda: {**pieces(), **languages}
    return tokenizer


def compare(folder: Path, converted: Path, quantization: str) -> dict[str, Any]:
    """Both asked for the chances of translations of the sample; `Problem` if they cut them differently or differ more
    than is allowed."""
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    engine = Seq2SeqEngine(converted)
    options = {"local_files_only": True, "trust_remote_code": False}
    tokenizer: Any = with_languages(AutoTokenizer.from_pretrained(folder, **options))
    model: Any = AutoModelForSeq2SeqLM.from_pretrained(folder, use_safetensors=True, dtype=torch.float32, **options)
    model.eval()
    start = model.config.decoder_start_token_id
    differences: list[float] = []
    for ask, target in probes(engine):
        source, said = (tokenizer.convert_tokens_to_ids(list(row)) for row in (ask.source, target))
        with torch.inference_mode():
            logits = model(
                input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([[start, *said[:-1]]])
            ).logits[0]  # fmt: skip
        theirs = logits.log_softmax(-1)[range(len(said)), said].tolist()
        ours = engine.model.score_batch([list(ask.source)], [target[:-1]], max_batch_size=0)[0].log_probs
        differences += [abs(one - other) for one, other in zip(ours, theirs, strict=True)]
    if not differences:
        raise Problem(f"{show_path(folder)} goes between no two languages of the sample: nothing to compare with")
    mean, allowed = sum(differences) / len(differences), ALLOWED[quantization]
    if not mean <= allowed:
        raise Problem(
            f"{show_path(converted)} does not say what {show_path(folder)} says: log-probabilities differ by "
            f"{mean:.3f} on average, {allowed} is allowed for {quantization}"
        )
    return {
        "positions": len(differences),
        "mean": round(mean, 4),
        "most": round(max(differences), 4),
        "allowed": allowed,
    }


def probes(engine: Seq2SeqEngine) -> Iterator[tuple[Ask, list[str]]]:
    """Questions of the sample as the engine gets them, each with its translation's pieces."""
    packs = [load_pack(code) for code in read_topics()[0].pages]
    for source, target in permutations(packs, 2):
        if not engine.goes(source, target):
            continue
        for topic in read_topics()[:PROBES]:
            start, end = engine.token(source), engine.token(target)
            ask = engine.ask(topic.pages[source.code].question, start, end)
            yield ask, [*ask.prefix, *engine.pieces.cut(topic.pages[target.code].question), engine.end]
