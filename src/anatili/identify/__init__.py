"""Which language a text is in: a small linear model of letter n-grams, the letters that set neighbors apart, and CLD2.

The model (`identify.npz`, made by `bench/train_identify.py`) tells apart the languages of our packs and their
neighbors, where the usual detectors fail: CLD2 calls 75-86 % of Karakalpak Kazakh, and knows no Latin Kazakh.
`letters.toml` says which letters each has. CLD2 answers for languages which the model does not know. A language pack
can teach the model one more language: an `identify.npz` in its folder (`anatili lang identify`, `identify/teach.py`).
"""

import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from anatili.identify.letters import FILE as TABLE
from anatili.identify.letters import evidence, unknown_to_cld2
from anatili.pack_folders import FOLDER, folders
from anatili.problem import Problem
from anatili.text import INVISIBLE, count_letters, script_of, show_path

LETTERS = re.compile(r"[^\W\d_]+")
BITS = 17
ORDERS = (1, 2, 3, 4, 5)
PRIME = np.uint64(0x9E3779B97F4A7C15)
MODEL = Path(__file__).parent / "identify.npz"
LONGEST = 2000
"""Characters that are looked at; the rest of a longer text would not change the verdict."""
TOGETHER = 256
"""Texts that go through the model at a time: more would only take memory."""
MAIN = ("Cyrl", "Latn", "Arab")
Ints = npt.NDArray[np.int64]
UNSURE = 0.9
"""Below this the model gives way to a language that only CLD2 knows."""


@dataclass(frozen=True)
class Verdict:
    """What a text is written in. `confidence` is from 0 to 1; language "und" means that it cannot be told."""

    language: str
    script: str
    confidence: float


UNKNOWN = Verdict("und", "", 0.0)


@dataclass(frozen=True)
class Model:
    """`rows` (2^17 x 16, int8) of n-gram buckets, `head` (16 x labels), labels as `code` or `code_Script`.

    `voices`: what a name that CLD2 gives adds to the logarithm of each label's odds, by how often it gives that name to
    texts of the label. It settles Kyrgyz or Bashkir against Kazakh (4.8 % and 1.1 % of NTREX lines were called Kazakh
    without it), but says little of languages that CLD2 does not know. `taught`: languages added by language packs."""

    rows: npt.NDArray[np.int8]
    head: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    labels: tuple[str, ...]
    voices: dict[str, npt.NDArray[np.float32]]
    taught: frozenset[str] = frozenset()

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """The languages, in order."""
        return tuple(sorted({label.split("_")[0] for label in self.labels}))

    @cached_property
    def joins(self) -> npt.NDArray[np.float32]:
        """Labels x languages: 1 where a label is one of the language's."""
        rows = [[label.split("_")[0] == code for code in self.codes] for label in self.labels]
        return np.array(rows, np.float32)


@cache
def bundled_model() -> Model:
    """The model that ships with the package."""
    with np.load(MODEL, allow_pickle=False) as file:
        head = (file["head"] * file["scale"][:, None]).astype(np.float32)
        voices = dict(zip(map(str, file["names"]), file["heard"], strict=True))
        return Model(file["rows"], head, file["bias"], tuple(map(str, file["labels"])), voices)


@cache
def load_model() -> Model:
    """The bundled model with the languages that the packs teach it."""
    return with_packs(bundled_model(), taught_files())


def taught_files() -> dict[str, Path]:
    """Code -> the file by which its pack teaches the model this language. Those beside the bundled packs are none: what
    ships is trained together."""
    found = {path.parent.name: path for folder in folders() for path in sorted(folder.glob(f"*/{MODEL.name}"))}
    return {code: path for code, path in found.items() if path.parent.parent != FOLDER}


def model_files() -> dict[str, Path]:
    """Name -> each file that verdicts depend on."""
    taught = {f"{path.name} of {code}": path for code, path in sorted(taught_files().items())}
    return {MODEL.name: MODEL, TABLE.name: TABLE, **taught}


def close_languages() -> frozenset[str]:
    """Languages that CLD2 calls, or may call, by the name of a neighbor: those of the table, and those packs teach."""
    return unknown_to_cld2() | load_model().taught


def read_column(path: Path) -> tuple[npt.NDArray[np.int8], float, float]:
    """Weights of n-grams, their scale and the bias by which a pack teaches its language; `Problem` if it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            weights: npt.NDArray[np.int8] = file["weights"]
            if weights.shape != (2**BITS,) or weights.dtype != np.int8:
                raise ValueError(f"weights are {weights.shape} {weights.dtype}")
            return weights, float(file["scale"]), float(file["bias"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise Problem(f"{show_path(path)} is no model of `anatili lang identify`: {error}") from error


def with_packs(model: Model, files: dict[str, Path]) -> Model:
    """`model` with one more column of n-gram weights for each language; one that it knows already stays as it is."""
    files = {code: path for code, path in files.items() if code not in model.codes}
    if not files:
        return model
    columns, scales, bias = zip(*map(read_column, files.values()), strict=True)
    old, new = model.head.shape, len(files)
    head = np.zeros((old[0] + new, old[1] + new), np.float32)
    head[: old[0], : old[1]] = model.head
    head[old[0] :, old[1] :] = np.diag(scales)
    silent = np.zeros(new, np.float32)
    return Model(
        rows=np.column_stack([model.rows, *columns]),
        head=head,
        bias=np.concatenate([model.bias, bias]).astype(np.float32),
        labels=(*model.labels, *files),
        voices={name: np.concatenate([voice, silent]) for name, voice in model.voices.items()},
        taught=frozenset(files),
    )


def letter_codes(text: str) -> npt.NDArray[np.uint64]:
    """The letters of `text` in lower case as code points, words parted by one space, a space at both ends."""
    whole = " " + " ".join(LETTERS.findall(INVISIBLE.sub("", text[:LONGEST]).lower())) + " "
    return np.frombuffer(whole.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)


def join(texts: Sequence[str]) -> tuple[npt.NDArray[np.uint64], Ints]:
    """The letters of all texts in one array, and the number of the text of each."""
    codes = [letter_codes(text) for text in texts]
    return np.concatenate(codes), np.repeat(np.arange(len(codes)), [len(one) for one in codes])


def grams(letters: npt.NDArray[np.uint64], owner: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Buckets of all n-grams (1 to 5 letters) of joined texts, and the text of each, an order at a time."""
    hashed = np.zeros(len(letters), np.uint64)
    for order in ORDERS:
        if len(letters) < order:
            break
        hashed = (hashed[: len(letters) - order + 1] ^ letters[order - 1 :]) * PRIME + np.uint64(order)
        inside = owner[: len(hashed)] == owner[order - 1 :]  # an n-gram that crosses from one text to the next is none
        found = (hashed[inside] ^ (hashed[inside] >> np.uint64(29))) * PRIME >> np.uint64(64 - BITS)
        yield found.astype(np.int64), owner[: len(hashed)][inside]


def mean_rows(
    rows: npt.NDArray[np.int8], letters: npt.NDArray[np.uint64], owner: Ints, texts: int
) -> npt.NDArray[np.float32]:
    """The mean of the model's rows over all n-grams of each text, of all texts in one go."""
    sums, counts = np.zeros((texts, rows.shape[1]), np.int64), np.zeros(texts)
    for found, whose in grams(letters, owner):
        amounts = np.bincount(whose, minlength=texts)
        if (present := np.flatnonzero(amounts)).size:
            starts = (np.cumsum(amounts) - amounts)[present]
            sums[present] += np.add.reduceat(rows[found], starts, axis=0, dtype=np.int64)
            counts += amounts
    return np.divide(sums, np.maximum(counts, 1)[:, None], dtype=np.float32)


def scores(texts: Sequence[str], model: Model, names: Sequence[Verdict | None]) -> npt.NDArray[np.float32]:
    """For each text and label of `model` the logarithm of its odds: by n-grams, by letters, and by CLD2's answers."""
    letters, owner = join(texts)
    silent = np.zeros(len(model.labels), np.float32)
    found: npt.NDArray[np.float32] = mean_rows(model.rows, letters, owner, len(texts)) @ model.head + model.bias
    found += evidence(letters.view(np.int64), owner, len(texts), model.labels)
    found += np.stack([model.voices.get(verdict.language, silent) if verdict else silent for verdict in names])
    return found


def identify(text: str) -> Verdict:
    """The language of `text` by the model and CLD2 together, or by CLD2 alone where the model does not know it."""
    return identify_all([text])[0]


def identify_all(texts: Sequence[str]) -> list[Verdict]:
    """The same for many texts: lines go through the model some hundreds at a time, four times as fast as one by one."""
    parts = [texts[start : start + TOGETHER] for start in range(0, len(texts), TOGETHER)]
    return [verdict for part in parts for verdict in judge(part)]


def judge(texts: Sequence[str]) -> list[Verdict]:
    """What the model and CLD2 say together of some texts."""
    model = load_model()
    wide = [cld2(text) for text in texts]
    odds = scores(texts, model, wide)
    chances = np.exp(odds - odds.max(axis=1, keepdims=True)) @ model.joins
    chances /= chances.sum(axis=1, keepdims=True)
    return list(map(decide, texts, chances, wide))


def decide(text: str, chances: npt.NDArray[np.float32], wide: Verdict | None) -> Verdict:
    """The language of one text by the probability of each that the model knows, and by CLD2's answer `wide`."""
    script = script_of(text)
    if not script:
        return UNKNOWN
    model, best = load_model(), int(chances.argmax())
    is_foreign = script not in MAIN and model.codes[best] not in model.taught
    if wide and wide.language not in model.codes:
        own = chances[best] if model.codes[best] != "und" else np.partition(chances, -2)[-2]
        if is_foreign or (wide.confidence > own and own < UNSURE):
            return Verdict(wide.language, script, wide.confidence)
    if is_foreign and not wide:
        return Verdict("und", script, 0.0)
    # Few letters carry little evidence, whatever the model says of them.
    enough = min(1.0, count_letters(text[:LONGEST]) / 20)
    return Verdict(model.codes[best], script, round(float(chances[best]) * enough, 4))


def cld2(text: str) -> Verdict | None:
    """CLD2's answer, `None` if it is not sure; its confidence is the share of text it gives the language."""
    import pycld2

    try:
        reliable, _, ranked = pycld2.detect(text[:LONGEST], bestEffort=True)
    except (pycld2.error, UnicodeEncodeError):  # what is no valid UTF-8 for CLD2, such as lone surrogates
        return None
    _, code, percent, _ = ranked[0]
    return Verdict(code, "", percent / 100) if reliable and code != "un" else None
