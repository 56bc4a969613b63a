"""Convert an encoder-decoder model to CTranslate2 with its own converter, then compare the two."""

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path
from typing import Any

from anatili.atomic_files import disk_problem
from anatili.engine.seq2seq import EncodedSentence, Seq2SeqEngine
from anatili.lang import load_pack
from anatili.problem import Problem, install, not_installed
from anatili.sample.topics import read_topics
from anatili.text import show_path
from anatili.weights import check_complete, check_folder, quiet_transformers

ALLOWED = {"int8": 0.5, "bfloat16": 0.3, "float16": 0.1, "float32": 0.02}
"""Quantization -> allowed mean difference of logprobs (natural logarithm)."""
COPIED_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "sentencepiece.bpe.model",
    "spiece.model",
    "generation_config.json",
    "README.md",
    "LICENSE",
)
"""Files of the model that are copied unchanged."""
PROBES = 2
"""Sentences per direction on which both models are compared."""
POSITIONS = "embed_positions.weights"
"""Recomputed when a model is opened, but still stored in older files."""


def convert(folder: Path, target: Path, quantization: str = "int8") -> dict[str, Any]:
    """Convert the model in `folder` and write it to the folder `target`, which must not exist."""
    check_folder(folder)
    if target.exists():
        raise Problem(f"{show_path(target)} is there already; choose another folder with --out")
    try:
        import torch  # noqa: F401  (without it the converter silently skips its transformers support)
        from ctranslate2.converters import TransformersConverter
    except ImportError as error:
        what = f"converting a model needs torch ({install('train')}) and ctranslate2"
        raise Problem(not_installed(what, "seq2seq")) from error
    quiet_transformers()

    class Converter(TransformersConverter):  # type: ignore[misc]
        """CTranslate2's converter with our rules for files: complete safetensors, no remote code, no network."""

        def load_model(self, model_class: Any, path: str, **options: Any) -> Any:
            options |= {"use_safetensors": True, "local_files_only": True, "trust_remote_code": False}
            model, info = model_class.from_pretrained(
                path, output_loading_info=True, ignore_mismatched_sizes=True, **options
            )
            # The converter reads under the old name whether T5 scales its outputs; transformers 5 renamed the setting.
            if hasattr(model.config, "scale_decoder_outputs"):
                model.config.tie_word_embeddings = model.config.scale_decoder_outputs
            return complete(model, info, folder)

        def load_tokenizer(self, tokenizer_class: Any, path: str, **_: Any) -> Any:
            return with_languages(tokenizer_class.from_pretrained(path, local_files_only=True, trust_remote_code=False))

    began = time.perf_counter()
    with whole_folder(target) as temporary:
        try:
            Converter(str(folder)).convert(str(temporary), quantization=quantization)
        except (ValueError, NotImplementedError) as error:
            raise Problem(f"CTranslate2 cannot convert {show_path(folder)}: {error}") from error
        for name in COPIED_FILES:
            if (folder / name).is_file():
                shutil.copyfile(folder / name, temporary / name)
    size = sum(path.stat().st_size for path in target.iterdir())
    return {"folder": str(target), "bytes": size, "seconds": round(time.perf_counter() - began, 1)}


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A temporary folder that becomes `target` at the end; after an error nothing is left behind."""
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
    """`model` if its file held exactly its weights; otherwise a `Problem`."""
    unread = {name for name in info["unexpected_keys"] if not name.endswith(POSITIONS)}
    check_complete(model, {**info, "unexpected_keys": unread}, folder)
    return model


def with_languages(tokenizer: Any) -> Any:
    """Add M2M100's language tokens to the vocabulary: transformers 5 leaves them out, the converter needs them."""
    languages = getattr(tokenizer, "lang_token_to_id", None)
    if languages:
        get_vocab = tokenizer.get_vocab
        tokenizer.get_vocab = lambda: {**get_vocab(), **languages}
    return tokenizer


def compare(folder: Path, converted: Path, quantization: str) -> dict[str, Any]:
    """Compare logprobs of both models on translations of the sample; `Problem` if they differ more than allowed."""
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    engine = Seq2SeqEngine(converted)
    options = {"local_files_only": True, "trust_remote_code": False}
    tokenizer: Any = with_languages(AutoTokenizer.from_pretrained(folder, **options))
    model: Any = AutoModelForSeq2SeqLM.from_pretrained(folder, use_safetensors=True, dtype=torch.float32, **options)
    model.eval()
    start = model.config.decoder_start_token_id
    differences: list[float] = []
    for sentence, target in probes(engine):
        source, labels = (tokenizer.convert_tokens_to_ids(list(row)) for row in (sentence.source, target))
        with torch.inference_mode():
            logits = model(
                input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([[start, *labels[:-1]]])
            ).logits[0]
        expected = logits.log_softmax(-1)[range(len(labels)), labels].tolist()
        logprobs = engine.model.score_batch([list(sentence.source)], [target[:-1]], max_batch_size=0)[0].log_probs
        differences += [abs(a - b) for a, b in zip(logprobs, expected, strict=True)]
    if not differences:
        raise Problem(
            f"{show_path(folder)} does not translate between any two languages of the sample: nothing to compare"
        )
    mean, allowed = sum(differences) / len(differences), ALLOWED[quantization]
    if not mean <= allowed:
        raise Problem(
            f"{show_path(converted)} does not say what {show_path(folder)} says: logprobs differ by {mean:.3f} on "
            f"average, {allowed} is allowed for {quantization}"
        )
    return {
        "positions": len(differences),
        "mean": round(mean, 4),
        "most": round(max(differences), 4),
        "allowed": allowed,
    }


def probes(engine: Seq2SeqEngine) -> Iterator[tuple[EncodedSentence, list[str]]]:
    """Questions of the sample as the engine gets them, each with the tokens of its translation."""
    packs = [load_pack(code) for code in read_topics()[0].pages]
    for source, target in permutations(packs, 2):
        if not engine.can_translate(source, target):
            continue
        for topic in read_topics()[:PROBES]:
            start, end = engine.token(source), engine.token(target)
            sentence = engine.encode(topic.pages[source.code].question, start, end)
            yield sentence, [*sentence.prefix, *engine.tokenizer.encode(topic.pages[target.code].question), engine.end]
