"""`mark`: what can be found out about a document. Marks decide nothing; `cut` does, by the recipe's thresholds."""

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from anatili import benchmarks, text
from anatili.benchmarks import read_benchmarks, sequences
from anatili.document import Document, Mark, read_shard, write_shard
from anatili.extraction.time_limit import TookTooLong, within
from anatili.identify import Verdict, close_languages, identify_all, load_model, model_files
from anatili.lang import LanguagePack, PersonalPattern, load_pack
from anatili.recipe import MarkSettings, Recipe
from anatili.refine.code_switching import switched_share
from anatili.refine.cohesion import TOO_SHORT, cohesion
from anatili.refine.folded import FEW_OWN, FOLDED, FOLDED_CONFIDENCE, SOME_OWN, typed_without
from anatili.refine.personal import count_kinds, find_personal
from anatili.refine.prose import IN_ORDER, UNKNOWN, Spelling, order, spelling
from anatili.refine.quality import quality
from anatili.stage import Task
from anatili.text import file_digest

LINK = re.compile(r"https?://|www\.")
SYMBOL = re.compile(r"[^\w\s.,;:!?'\"«»“”„’‘()\[\]%№/…–—-]")
LETTERS = re.compile(r"[^\W\d_]+")
ENDS = frozenset('.!?:;,»”")\u061f\u060c\u061b\u2013\u2014-')
"""Signs after which a line is not broken off."""
LEAST_LINES = 4
VERSE = 8
"""Most words of a line of verse, on average."""
RUN = 5
"""Words of a sequence that is not repeated by chance."""
SURE = 0.8
"""Confidence from which a line counts as being in another language."""
OWN_LETTERS = 100
"""Letters in lines of the recipe's main language from which a page counts as being in it, whatever surrounds them: some
15 words, more than the lines of a menu have."""
OWN_SHARE = 0.15
"""Share of the letters that these must be at least: a quotation does not make a page."""


def inventory(recipe: Recipe, base: Path) -> dict[str, str]:
    """Digests of the benchmark files and of what languages are told by."""
    tables = {name: file_digest(file) for name, file in model_files().items()}
    return {**benchmarks.digests(recipe.mark.benchmarks, base), **tables}


def run(task: Task) -> dict[str, Any]:
    """Mark each shard of `extract`, same rows in the same order; the summary counts documents by language."""
    counts = task.map_shards(
        mark_shard,
        task.inputs["extract"].glob("part-*.parquet"),
        languages=task.recipe.languages,
        settings=task.settings,
        base=task.base,
    )
    return {"languages": counts}


def mark_shard(source: Path, target: Path, languages: tuple[str, ...], settings: MarkSettings, base: Path) -> None:
    packs = {code: load_pack(code) for code in languages}
    known = read_benchmarks(tuple(str(base / path) for path in settings.benchmarks)).sequences
    counts: Counter[str] = Counter()
    marks = []
    for document in read_shard(source, Document):
        try:
            with within(len(document.text)):
                marked = look_at(document, packs, settings.line_letters, known)
        except TookTooLong as reached:
            marked = unmarked(document, f"mark: {reached}")
        counts[f"{marked.language} {marked.script}".strip()] += 1
        marks.append(marked)
    write_shard(target, Mark, marks, counts)


def unmarked(document: Document, why: str) -> Mark:
    """The row of a document that could not be looked at: `cut` leaves it out, with this reason."""
    return Mark(
        id=document.id,
        words=0,
        language="und",
        script="",
        confidence=0.0,
        alphabet=0.0,
        stopwords=0.0,
        other=0.0,
        lines=("",) * len(document.text.splitlines()),
        own_words=0,
        switched=0.0,
        folded=0.0,
        repeats=0.0,
        repeated_words=0.0,
        symbols=0.0,
        links=0,
        mixed=0,
        blocked=0,
        personal="",
        quality=-1.0,
        contaminated=0,
        stopped=why,
    )


def personal_patterns(packs: dict[str, LanguagePack]) -> dict[str, PersonalPattern]:
    """The patterns of all packs, those of the main language first. What makes a number an amount does so for the
    patterns of other packs, too."""
    patterns = [
        (code, pattern.kind or name, pattern)
        for code, pack in packs.items()
        for name, pattern in pack.config.personal.items()
    ]
    amounts = {
        kind: dict.fromkeys(w for _, other, pattern in patterns if other == kind for w in pattern.not_before)
        for _, kind, _ in patterns
    }
    return {
        f"{code} {kind} {number}": pattern.model_copy(update={"kind": kind, "not_before": tuple(amounts[kind])})
        for number, (code, kind, pattern) in enumerate(patterns)
    }


@cache
def patterns_of(codes: tuple[str, ...]) -> dict[str, PersonalPattern]:
    return personal_patterns({code: load_pack(code) for code in codes})


def look_at(
    document: Document, packs: dict[str, LanguagePack], line_letters: int, known: frozenset[int] = frozenset()
) -> Mark:
    """All marks of one document. `line_letters`: letters a line must have for its language to count; `known`: numbers
    of the word sequences of benchmarks."""
    body = document.text
    words = [word.lower() for word in text.words(body)]
    seen = languages_of(body, packs, line_letters)
    identified = ""
    if document.language:
        identified, seen = seen.verdict.language, declared(document.language, body, seen)
    pack = packs.get(seen.verdict.language)
    few = FEW_OWN if seen.verdict.language not in packs and seen.verdict.confidence >= SURE else SOME_OWN
    folded = typed_without(words, body, {seen.verdict.language: pack} if document.language and pack else packs, few)
    # A close language without those letters has the same words: where it is sure, nothing is missing.
    is_close = seen.verdict.language in close_languages() and seen.verdict.confidence >= SURE
    if (
        folded.share >= FOLDED and not is_close
    ):  # recognised and said, never rewritten: which letter was meant cannot be known
        verdict = Verdict(folded.language, seen.verdict.script, FOLDED_CONFIDENCE)
        seen, pack = Languages(verdict, ("",) * len(seen.lines), 0.0, len(words)), packs[folded.language]
    own = own_text(body, seen)
    script = text.script_of(own) if seen.other else seen.verdict.script
    own_words = [word.lower() for word in text.words(own)] if seen.other else words
    mixed = count_mixed(body)
    # Extracted text is NFC already: only look-alikes and a pack's own rules can change it.
    spelt = pack.normalize(own) if pack and (mixed or pack.extra) else own
    spelled = spelling(spelt, pack, script) if pack else Spelling(UNKNOWN, UNKNOWN)
    return Mark(
        id=document.id,
        words=len(words),
        language=seen.verdict.language,
        script=script,
        confidence=seen.verdict.confidence,
        alphabet=round(pack.alphabet_share(spelt, script), 4) if pack else 0.0,
        stopwords=round(max(folded.share, stopword_share(own_words, pack, script)), 4) if pack else 0.0,
        other=round(seen.other, 4),
        lines=seen.lines,
        own_words=seen.own_words,
        switched=round(switched_share(words, seen.verdict.language, packs), 4),
        folded=round(folded.share, 4),
        repeats=round(repeated_lines(body), 4),
        repeated_words=round(repeated_sequence(words), 4),
        symbols=round(len(SYMBOL.findall(body)) / max(1, len(body)), 4),
        links=len(LINK.findall(body)),
        mixed=mixed,
        blocked=count_blocked(body, pack.code, script) if pack else 0,
        personal=count_kinds(find_personal(body, patterns_of(tuple(packs)))),
        quality=round(quality(words, pack), 3) if pack else -1.0,
        contaminated=sum(number in known for number in sequences(words)) if known else 0,
        surprisal=round(spelled.surprisal, 4),
        odd=round(spelled.odd, 4),
        order=round(order(own, pack, script), 3) if pack else IN_ORDER,
        runs=round(repeated_runs(words), 4),
        unended=round(unended_lines(body), 4),
        verse=round(rhymed_lines(body), 4),
        identified=identified,
        cohesion=round(cohesion(own, pack, script), 3) if pack else TOO_SHORT,
    )


@dataclass(frozen=True)
class Languages:
    """Which languages a text is in. `other`: share of letters in lines confidently not in `verdict.language`."""

    verdict: Verdict
    lines: tuple[str, ...]
    other: float
    own_words: int


def declared(language: str, body: str, seen: Languages) -> Languages:
    """What is known of a text whose source says its language: that is certain. What the identifier says of each line
    counts only where it knows the language; else it would take each for some other."""
    known = seen.lines if language in load_model().codes else ("",) * len(seen.lines)
    lines = body.splitlines()
    return added_up(Verdict(language, text.script_of(body), 1.0), lines, text.letters_of_each(lines), known)


def added_up(verdict: Verdict, lines: list[str], letters: list[int], languages: tuple[str, ...]) -> Languages:
    """How much of a text is in its language, by the language of each line and the letters of each."""
    strange = sum(
        count for count, language in zip(letters, languages, strict=True) if language not in ("", verdict.language)
    )
    own_words = sum(
        len(text.words(line))
        for line, language in zip(lines, languages, strict=True)
        if language in ("", verdict.language)
    )
    return Languages(verdict, languages, strange / max(1, sum(letters)), own_words)


def languages_of(body: str, packs: dict[str, LanguagePack], line_letters: int) -> Languages:
    """The language of the whole and of each line that is long enough to tell.

    A page counts as being in the recipe's main language if it has enough text of its own in it, however much of another
    stands around that; else as being in the language of the whole.
    """
    lines = body.splitlines()
    letters = text.letters_of_each(lines)
    long = [n for n, count in enumerate(letters) if count >= line_letters]
    whole, *verdicts = identify_all([body, *(lines[n] for n in long)])
    sure = {n: verdict for n, verdict in zip(long, verdicts, strict=True) if verdict.confidence >= SURE}
    amounts: Counter[str] = Counter()
    for n, verdict in sure.items():
        amounts[verdict.language] += letters[n]
    whole = language_of_page(whole, sure.values(), amounts, next(iter(packs), ""), max(1, sum(letters)))
    languages = tuple(sure[n].language if n in sure else "" for n in range(len(lines)))
    return added_up(whole, lines, letters, languages)


def language_of_page(
    whole: Verdict, lines: Collection[Verdict], amounts: Counter[str], main: str, total: int
) -> Verdict:
    """The language that a page counts as: `whole`, or `main` where enough of its lines are in that.

    A page in a language so close that CLD2 takes it for another must have more text in `main` than in that one: some
    lines of such a page always look like its neighbor's. The other way round, a page that begins in `main` but has more
    text in such a language counts as that.
    """
    close = {language: amount for language, amount in amounts.items() if language in close_languages()}
    rival = max(sorted(close), key=close.__getitem__, default="")
    if rival and close[rival] > amounts[main] and whole.language in (main, rival):
        chosen = rival
    elif whole.language != main and amounts[main] >= max(OWN_LETTERS, OWN_SHARE * total):
        chosen = main
    else:
        return whole
    if chosen == whole.language:
        return whole
    own = [verdict for verdict in lines if verdict.language == chosen]
    best = max(own, key=lambda verdict: verdict.confidence)
    return Verdict(chosen, best.script, round(sum(v.confidence for v in own) / len(own), 4))


def own_text(body: str, seen: Languages) -> str:
    """The lines that are not confidently in another language: those are marked as `other`, and may be cut out."""
    pairs = zip(body.splitlines(), seen.lines, strict=True)
    return "\n".join(line for line, language in pairs if language in ("", seen.verdict.language))


def count_mixed(body: str) -> int:
    """Words that mix Latin and Cyrillic letters."""
    latin, cyrillic = text.SCRIPTS["Latn"], text.SCRIPTS["Cyrl"]
    if not (latin.search(body) and cyrillic.search(body)):
        return 0
    # Word by word: a pattern that looks ahead through the word from each of its letters takes the square of its length.
    letters = (word for word in LETTERS.findall(body) if not word.isascii())
    return sum(bool(latin.search(word) and cyrillic.search(word)) for word in letters)


def count_blocked(body: str, code: str, script: str = "") -> int:
    """How often words or phrases of the pack's `blocked.txt` stand in a text, as they are written in its script."""
    pattern = blocked_pattern(code, script)
    return len(pattern.findall(body.lower())) if pattern else 0


@cache
def blocked_pattern(code: str, script: str = "") -> re.Pattern[str] | None:
    pack = load_pack(code)
    words = {written for word in pack.words.get("blocked.txt", ()) for written in spellings(word, pack, script)}
    forms = [re.escape(w.removesuffix("*")) + (r"\w*" if w.endswith("*") else "") for w in sorted(words)]
    return re.compile(rf"\b(?:{'|'.join(forms)})\b") if forms else None


def stopword_share(words: list[str], pack: LanguagePack, script: str) -> float:
    """Share of `words` that are stop words; transliterated ones if `script` is not the pack's main one."""
    stopwords = written_stopwords(pack.code, script)
    return sum(map(stopwords.__contains__, words)) / max(1, len(words))


@cache
def written_stopwords(code: str, script: str) -> frozenset[str]:
    """The stop words of a pack as they are written in a script."""
    pack = load_pack(code)
    return frozenset(written for word in pack.stopwords for written in spellings(word, pack, script))


def spellings(word: str, pack: LanguagePack, script: str) -> set[str]:
    """A word as it is written in a script, by each of the pack's rules for that; "" is the main script."""
    if script in ("", pack.main_script):
        return {word}
    return {pack.transliterate(word, name) for name in pack.config.transliteration if name.startswith(script)}


def repeated_lines(body: str) -> float:
    """Share of characters in lines that stood before in the text."""
    seen: set[str] = set()
    again = 0
    for line in body.splitlines():
        key = line.strip()
        again += len(line) if key in seen else 0
        if key:
            seen.add(key)
    return again / max(1, len(body))


def repeated_sequence(words: list[str]) -> float:
    """Share of words covered by the most frequent sequence of three, if it comes more than once."""
    sequences = Counter(zip(words, words[1:], words[2:], strict=False))
    most = max(sequences.values(), default=0)
    return 3 * most / len(words) if most > 1 else 0.0


def repeated_runs(words: list[str]) -> float:
    """Share of words in sequences of five that come more than once."""
    sequences = list(zip(*(words[n:] for n in range(RUN)), strict=False))
    if len(set(sequences)) == len(sequences):
        return 0.0
    counts = Counter(sequences)
    covered = 0
    reached = 0
    for start, sequence in enumerate(sequences):
        if counts[sequence] > 1:
            covered += start + RUN - max(start, reached)
            reached = start + RUN
    return covered / len(words)


def unended_lines(body: str) -> float:
    """Share of words in lines that break off: they end without punctuation, or with dots for what was left out. 0 for
    fewer than four such lines."""
    lines = [line.rstrip() for line in body.splitlines()]
    counts = [(line.count(" ") + 1, line[-1] in ENDS and not line.endswith("..")) for line in lines if line]
    open_ones = [count for count, is_ended in counts if not is_ended]
    return sum(open_ones) / sum(count for count, _ in counts) if len(open_ones) >= LEAST_LINES else 0.0


def rhymed_lines(body: str) -> float:
    """Share of lines whose last word rhymes with another word at the end of one of the three lines before or after, if
    there are at least four lines and they are short."""
    if body.count(" ") > VERSE * (1 + body.count("\n")):
        return 0.0
    lines = [words for words in map(text.words, body.splitlines()) if words]
    if len(lines) < LEAST_LINES:
        return 0.0
    last = [words[-1].lower() for words in lines]
    return sum(
        any(word[-2:] == other[-2:] and word != other for other in last[max(0, n - 3) : n + 4])
        for n, word in enumerate(last)
    ) / len(last)
