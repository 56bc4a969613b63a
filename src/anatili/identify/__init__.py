"""Identify the language of a text, with a small linear model of letter n-grams, a table of letters, and CLD2.

The model (`identify.npz`, made by `bench/train_identify.py`) distinguishes the languages of our packs from their
neighbors, where the usual detectors fail: CLD2 calls 75-86 % of Karakalpak Kazakh, and does not know Latin Kazakh.
`languages.toml` says which letters, endings and frequent words each language has. CLD2 answers for languages that the
model does not know. A language pack can add one more language: an `identify.npz` in its folder
(`anatili lang identify`, `identify/teach.py`).
"""

import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from anatili.identify.letter_arrays import LONGEST, PRIME, Ints, join, scripts_and_letters
from anatili.identify.letters import FILE as TABLE
from anatili.identify.letters import evidence, unknown_to_cld2, word_odds
from anatili.pack_folders import FOLDER, folders
from anatili.problem import Problem
from anatili.text import script_of, show_path

LETTERS = re.compile(r"[^\W\d_]+")
BITS = 17
ORDERS = (1, 2, 3, 4, 5)
NOTHING = 2**BITS
"""The row of n-grams that do not count."""
ZERO, FULL = 128, 65535 // (255 * len(ORDERS))
"""What is added to the numbers of a row so that none is negative, and how many sums of a row of each order fit into 16
bits then."""
MODEL = Path(__file__).parent / "identify.npz"
TOGETHER = 1 << 16
"""Characters per batch: the time of a smaller one would go into calls, a larger one would only take memory."""
MAIN = ("Cyrl", "Latn", "Arab")
Floats = npt.NDArray[np.float32]
SETTLED = 0.995
"""From this probability on CLD2 cannot change the language: its answer makes no label more than 20 times as probable
(`bench/train_identify.py`), so the probability stays above `UNSURE`."""
UNSURE = 0.9
"""Below this probability a language that only CLD2 knows takes precedence over the model's."""


@dataclass(frozen=True)
class Verdict:
    """The language and script of a text."""

    language: str
    """Its code as packs and CLD2 write it (`kk`, `sah`); "und" if it cannot be determined."""
    script: str
    """ISO 15924 code of the script of most letters (`Cyrl`); "" without letters."""
    confidence: float
    """From 0 to 1: the model's probability of the language; where only CLD2 knows it, the share of the text in it."""


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
    def undetermined(self) -> int:
        """The number of "und" among the languages."""
        return self.codes.index("und")

    @cached_property
    def lanes(self) -> npt.NDArray[np.uint64]:
        """The rows, made positive by `ZERO`, as numbers of 16 bits, four of them in each number of 64 bits; behind them
        a row of zeros, `NOTHING`."""
        wide = np.zeros((NOTHING + 1, -(-self.rows.shape[1] // 4) * 4), np.uint16)
        wide[:NOTHING, : self.rows.shape[1]] = self.rows.astype(np.int16) + ZERO
        return wide.view(np.uint64)

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


def grams(letters: npt.NDArray[np.uint64], owner: Ints) -> Iterator[tuple[Ints, Ints]]:
    """The buckets of all n-grams (1 to 5 letters) of joined texts, and the text of each, one order at a time."""
    for less, buckets in enumerate(hashed_grams(letters)):
        inside = owner[: len(buckets)] == owner[less:]
        yield buckets[inside], owner[: len(buckets)][inside]


def hashed_grams(letters: npt.NDArray[np.uint64]) -> Iterator[Ints]:
    """The bucket of the n-gram that begins at each letter, one order at a time, also of those that reach into the next
    text."""
    hashed = np.zeros(len(letters), np.uint64)
    for order in ORDERS:
        if len(letters) < order:
            break
        hashed = hashed[: len(letters) - order + 1] ^ letters[order - 1 :]
        hashed *= PRIME
        hashed += np.uint64(order)
        buckets = hashed >> np.uint64(29)
        buckets ^= hashed
        buckets *= PRIME
        buckets >>= np.uint64(64 - BITS)
        yield buckets.view(np.int64)


def mean_rows(model: Model, letters: npt.NDArray[np.uint64], owner: Ints, texts: int) -> npt.NDArray[np.float32]:
    """For each text the mean of the model's rows over all its n-grams."""
    columns = model.rows.shape[1]
    lengths = np.bincount(owner, minlength=texts)
    ends = np.cumsum(lengths)[lengths > 0]
    total = np.zeros((len(letters), model.lanes.shape[1]), np.uint64)
    room = np.empty_like(total)
    counts = np.zeros(texts, np.int64)
    for less, buckets in enumerate(hashed_grams(letters)):
        for back in range(1, less + 1):  # those that begin here reach into the next text
            beyond = ends - back
            buckets[beyond[(beyond >= 0) & (beyond < len(buckets))]] = NOTHING
        total[: len(buckets)] += model.lanes.take(buckets, axis=0, out=room[: len(buckets)], mode="clip")
        counts += np.maximum(lengths - less, 0)
    sums = np.zeros((texts, columns), np.int64)
    sums[lengths > 0] = sum_rows(total, lengths[lengths > 0])[:, :columns]
    sums -= ZERO * counts[:, None]
    return np.divide(sums, np.maximum(counts, 1)[:, None], dtype=np.float32)


def sum_rows(rows: npt.NDArray[np.uint64], lengths: Ints) -> Ints:
    """The sums of stretches of rows that follow one another. Four numbers of 16 bits are added at once, so at most
    `FULL` rows at a time."""
    pieces = -(-lengths // FULL)
    firsts = np.cumsum(pieces) - pieces
    starts = np.repeat(np.cumsum(lengths) - lengths - FULL * firsts, pieces) + FULL * np.arange(pieces.sum())
    sums = np.add.reduceat(rows, starts, axis=0).view(np.uint16).astype(np.int64)
    return np.add.reduceat(sums, firsts, axis=0)


def scores(texts: Sequence[str], model: Model, names: Sequence[Verdict | None]) -> Floats:
    """The log-odds of each label for each text: by its spelling, and by `names`, CLD2's answers."""
    return spelling_scores(*join(texts), len(texts), model) + voices(model, names)


def spelling_scores(letters: npt.NDArray[np.uint64], owner: Ints, texts: int, model: Model) -> Floats:
    """The log-odds of each label for joined texts by n-grams, letters, endings and frequent words."""
    odds: Floats = mean_rows(model, letters, owner, texts) @ model.head + model.bias
    odds += evidence(letters.view(np.int64), owner, texts, model.labels)
    odds += word_odds(letters, owner, texts, model.labels)
    return odds


def voices(model: Model, names: Sequence[Verdict | None]) -> Floats:
    """What CLD2's answers add to the log-odds of each label."""
    silent = np.zeros(len(model.labels), np.float32)
    return np.stack([model.voices.get(verdict.language, silent) if verdict else silent for verdict in names])


def identify(text: str) -> Verdict:
    """The language of `text`, by the model and CLD2 together, or by CLD2 alone if the model does not know it.

    Any text has an answer, an empty one too ("und"). For many texts `identify.identify_all` is faster.
    """
    return identify_all([text])[0]


def identify_all(texts: Sequence[str]) -> list[Verdict]:
    """The languages of many texts, in batches: ten times as fast as one by one."""
    return [verdict for batch in batches(texts) for verdict in identify_batch(batch)]


def batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The texts in the batches that are computed together."""
    first, total = 0, 0
    for number, text in enumerate(texts, 1):
        total += min(len(text), LONGEST)
        if total >= TOGETHER or number == len(texts):
            yield texts[first:number]
            first, total = number, 0


def identify_batch(texts: Sequence[str]) -> list[Verdict]:
    """The languages of some texts. CLD2 is asked only where its answer can change the language."""
    model = load_model()
    joined, owner = join(texts)
    scripts, letters = scripts_and_letters(joined, owner, len(texts))
    for number, text in enumerate(texts):
        if len(text) > LONGEST:
            scripts[number] = script_of(text)
    odds = spelling_scores(joined, owner, len(texts), model)
    probabilities = shares(odds, model)
    best = probabilities.argmax(axis=1)
    usual = np.array([script in MAIN or not script for script in scripts])
    open_ = np.flatnonzero((probabilities.max(axis=1) < SETTLED) | ~usual | (best == model.undetermined))
    answers: list[Verdict | None] = [None] * len(texts)
    if open_.size:
        asked = [cld2(texts[number]) for number in open_.tolist()]
        for number, answer in zip(open_.tolist(), asked, strict=True):
            answers[number] = answer
        probabilities[open_] = shares(odds[open_] + voices(model, asked), model)
    # Few letters are little evidence, whatever the model says about them.
    sure = (probabilities.max(axis=1) * np.minimum(1.0, letters / 20)).tolist()
    verdicts = [
        Verdict(model.codes[best], script, round(share, 4)) if script else UNKNOWN
        for best, script, share in zip(probabilities.argmax(axis=1).tolist(), scripts, sure, strict=True)
    ]
    for number in open_.tolist():
        verdicts[number] = decide(verdicts[number], probabilities[number], answers[number], model)
    return verdicts


def shares(odds: Floats, model: Model) -> Floats:
    """The probability of each language of the model, from the log-odds of its labels."""
    probabilities: Floats = np.exp(odds - odds.max(axis=1, keepdims=True)) @ model.joins
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return probabilities


def decide(spelled: Verdict, probabilities: Floats, answer: Verdict | None, model: Model) -> Verdict:
    """The language of a text: that of `spelled`, the model's verdict, unless it is one that only CLD2 knows."""
    if not spelled.script:
        return UNKNOWN
    best = int(probabilities.argmax())
    is_foreign = spelled.script not in MAIN and model.codes[best] not in model.taught
    if answer and answer.language not in model.codes:
        own = probabilities[best] if model.codes[best] != "und" else np.partition(probabilities, -2)[-2]
        if is_foreign or (answer.confidence > own and own < UNSURE):
            return Verdict(answer.language, spelled.script, answer.confidence)
    if is_foreign and not answer:
        return Verdict("und", spelled.script, 0.0)
    return spelled


def cld2(text: str) -> Verdict | None:
    """CLD2's answer, `None` if it is not sure. Its confidence is the share of the text that is in the language."""
    import pycld2

    try:
        reliable, _, ranked = pycld2.detect(text[:LONGEST], bestEffort=True)
    except (pycld2.error, UnicodeEncodeError):  # not valid UTF-8 for CLD2, such as lone surrogates
        return None
    _, code, percent, _ = ranked[0]
    return Verdict(code, "", percent / 100) if reliable and code != "un" else None
