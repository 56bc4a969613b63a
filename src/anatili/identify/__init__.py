"""Identify the language of a text, with a small linear model of letter n-grams, a table of letters, and CLD2.

The model (`identify.npz`, made by `bench/train_identify.py`) distinguishes the languages of our packs from their
neighbors, where the usual detectors fail: CLD2 calls 75-86 % of Karakalpak Kazakh, and does not know Latin Kazakh.
`letters.toml` says which letters each language has. CLD2 answers for languages that the model does not know. A language
pack can add one more language: an `identify.npz` in its folder (`anatili lang identify`, `identify/teach.py`).
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
"""Characters of a text that are read; the rest of a longer text would not change the verdict."""
TOGETHER = 256
"""Texts per batch: a larger batch would only take memory."""
MAIN = ("Cyrl", "Latn", "Arab")
Ints = npt.NDArray[np.int64]
UNSURE = 0.9
"""Below this probability a language that only CLD2 knows takes precedence over the model's."""


@dataclass(frozen=True)
class Verdict:
    """The language and script of a text. `confidence` is from 0 to 1; the language "und" means undetermined."""

    language: str
    script: str
    confidence: float


UNKNOWN = Verdict("und", "", 0.0)


@dataclass(frozen=True)
class Model:
    """`rows` (2^17 x 16, int8) are the n-gram buckets, `head` is 16 x labels, a label is `code` or `code_Script`.

    `voices`: CLD2's answer -> what it adds to the log-odds of each label, by how often CLD2 gives this answer for texts
    of the label. This separates Kyrgyz and Bashkir from Kazakh (4.8 % and 1.1 % of NTREX lines were called Kazakh
    without it), but says little about languages that CLD2 does not know. `taught`: languages added by packs."""

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
        """Labels x languages: 1 where a label belongs to the language."""
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
    """The bundled model with the languages that packs add to it."""
    return with_packs(bundled_model(), taught_files())


def taught_files() -> dict[str, Path]:
    """Code -> the file with which its pack adds this language to the model. The bundled packs have no such files: their
    languages are trained together."""
    files = {path.parent.name: path for folder in folders() for path in sorted(folder.glob(f"*/{MODEL.name}"))}
    return {code: path for code, path in files.items() if path.parent.parent != FOLDER}


def model_files() -> dict[str, Path]:
    """Name -> file, for each file that verdicts depend on."""
    taught = {f"{path.name} of {code}": path for code, path in sorted(taught_files().items())}
    return {MODEL.name: MODEL, TABLE.name: TABLE, **taught}


def close_languages() -> frozenset[str]:
    """Languages that CLD2 reports, or may report, as a neighbor: those of the table, and those that packs add."""
    return unknown_to_cld2() | load_model().taught


def read_column(path: Path) -> tuple[npt.NDArray[np.int8], float, float]:
    """The n-gram weights, their scale and the bias with which a pack adds its language; `Problem` if it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            weights: npt.NDArray[np.int8] = file["weights"]
            if weights.shape != (2**BITS,) or weights.dtype != np.int8:
                raise ValueError(f"weights are {weights.shape} {weights.dtype}")
            return weights, float(file["scale"]), float(file["bias"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise Problem(f"{show_path(path)} is not a file of `anatili lang identify`: {error}") from error


def with_packs(model: Model, files: dict[str, Path]) -> Model:
    """`model` with one more column of n-gram weights for each language; languages that it knows stay as they are."""
    files = {code: path for code, path in files.items() if code not in model.codes}
    if not files:
        return model
    columns, scales, bias = zip(*map(read_column, files.values()), strict=True)
    shape, new = model.head.shape, len(files)
    head = np.zeros((shape[0] + new, shape[1] + new), np.float32)
    head[: shape[0], : shape[1]] = model.head
    head[shape[0] :, shape[1] :] = np.diag(scales)
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
    """The letters of `text` in lower case as code points, with one space between words and at both ends."""
    letters = " " + " ".join(LETTERS.findall(INVISIBLE.sub("", text[:LONGEST]).lower())) + " "
    return np.frombuffer(letters.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)


def join(texts: Sequence[str]) -> tuple[npt.NDArray[np.uint64], Ints]:
    """The letters of all texts in one array, and for each letter the number of its text."""
    codes = [letter_codes(text) for text in texts]
    return np.concatenate(codes), np.repeat(np.arange(len(codes)), list(map(len, codes)))


def grams(letters: npt.NDArray[np.uint64], owner: Ints) -> Iterator[tuple[Ints, Ints]]:
    """The buckets of all n-grams (1 to 5 letters) of joined texts, and the text of each, one order at a time."""
    hashed = np.zeros(len(letters), np.uint64)
    for order in ORDERS:
        if len(letters) < order:
            break
        hashed = (hashed[: len(letters) - order + 1] ^ letters[order - 1 :]) * PRIME + np.uint64(order)
        inside = owner[: len(hashed)] == owner[order - 1 :]  # not from one text into the next
        buckets = (hashed[inside] ^ (hashed[inside] >> np.uint64(29))) * PRIME >> np.uint64(64 - BITS)
        yield buckets.astype(np.int64), owner[: len(hashed)][inside]


def mean_rows(
    rows: npt.NDArray[np.int8], letters: npt.NDArray[np.uint64], owner: Ints, texts: int
) -> npt.NDArray[np.float32]:
    """For each text the mean of the model's rows over all its n-grams."""
    sums, counts = np.zeros((texts, rows.shape[1]), np.int64), np.zeros(texts)
    for buckets, text_numbers in grams(letters, owner):
        amounts = np.bincount(text_numbers, minlength=texts)
        if (present := np.flatnonzero(amounts)).size:
            starts = (np.cumsum(amounts) - amounts)[present]
            sums[present] += np.add.reduceat(rows[buckets], starts, axis=0, dtype=np.int64)
            counts += amounts
    return np.divide(sums, np.maximum(counts, 1)[:, None], dtype=np.float32)


def scores(texts: Sequence[str], model: Model, names: Sequence[Verdict | None]) -> npt.NDArray[np.float32]:
    """The log-odds of each label for each text: by n-grams, by letters, and by `names`, CLD2's answers."""
    letters, owner = join(texts)
    silent = np.zeros(len(model.labels), np.float32)
    odds: npt.NDArray[np.float32] = mean_rows(model.rows, letters, owner, len(texts)) @ model.head + model.bias
    odds += evidence(letters.view(np.int64), owner, len(texts), model.labels)
    odds += np.stack([model.voices.get(verdict.language, silent) if verdict else silent for verdict in names])
    return odds


def identify(text: str) -> Verdict:
    """The language of `text`, by the model and CLD2 together, or by CLD2 alone if the model does not know it."""
    return identify_all([text])[0]


def identify_all(texts: Sequence[str]) -> list[Verdict]:
    """The languages of many texts, in batches: four times as fast as one by one."""
    batches = [texts[start : start + TOGETHER] for start in range(0, len(texts), TOGETHER)]
    return [verdict for batch in batches for verdict in identify_batch(batch)]


def identify_batch(texts: Sequence[str]) -> list[Verdict]:
    """The languages of some texts, by the model and CLD2 together."""
    model = load_model()
    answers = [cld2(text) for text in texts]
    odds = scores(texts, model, answers)
    probabilities = np.exp(odds - odds.max(axis=1, keepdims=True)) @ model.joins
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return list(map(decide, texts, probabilities, answers))


def decide(text: str, probabilities: npt.NDArray[np.float32], answer: Verdict | None) -> Verdict:
    """The language of one text, by the probability of each language of the model and by CLD2's `answer`."""
    script = script_of(text)
    if not script:
        return UNKNOWN
    model, best = load_model(), int(probabilities.argmax())
    is_foreign = script not in MAIN and model.codes[best] not in model.taught
    if answer and answer.language not in model.codes:
        own = probabilities[best] if model.codes[best] != "und" else np.partition(probabilities, -2)[-2]
        if is_foreign or (answer.confidence > own and own < UNSURE):
            return Verdict(answer.language, script, answer.confidence)
    if is_foreign and not answer:
        return Verdict("und", script, 0.0)
    # Few letters are little evidence, whatever the model says about them.
    enough = min(1.0, count_letters(text[:LONGEST]) / 20)
    return Verdict(model.codes[best], script, round(float(probabilities[best]) * enough, 4))


def cld2(text: str) -> Verdict | None:
    """CLD2's answer, `None` if it is not sure. Its confidence is the share of the text that is in the language."""
    import pycld2

    try:
        reliable, _, ranked = pycld2.detect(text[:LONGEST], bestEffort=True)
    except (pycld2.error, UnicodeEncodeError):  # not valid UTF-8 for CLD2, such as lone surrogates
        return None
    _, code, percent, _ = ranked[0]
    return Verdict(code, "", percent / 100) if reliable and code != "un" else None
