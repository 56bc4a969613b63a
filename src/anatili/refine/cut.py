"""`cut`: the only stage that decides. Thresholds turn marks into the corpus; every loss is recorded with a reason.

Documents that were taken down, and their near copies, are left out last: what a threshold leaves out anyway does not
change when it is taken down.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from anatili.document import Document, Duplicate, Kept, Lost, Mark, Shared, read_shard, write_shard
from anatili.lang import LanguagePack, PersonalPattern, explain, load_pack
from anatili.licenses import check_names, is_allowed
from anatili.problem import Problem
from anatili.recipe import Cut, Recipe
from anatili.refine.mark import personal_patterns
from anatili.refine.near_copies import NearCopies, NearCopy
from anatili.refine.personal import find_personal, mask
from anatili.refine.shared_sentences import read_shared, without
from anatili.stage import Task
from anatili.takedown_log import TAKEN_DOWN, Takedowns, read_takedowns
from anatili.text import show_path, words

HELD_OUT = "held-out"
SHARED = "shared sentences"
NOT_SHARED = Shared("", (), 0.0)
Check = tuple[bool, str, str]
"""Whether a document fails, the reason, and why in a sentence."""


def run(task: Task) -> dict[str, Any]:
    """Decide shard by shard: `part-*` is the corpus, `held-out/*` is not for training, `lost/*` has the reasons."""
    counts = task.map_shards(
        cut_shard,
        task.inputs["extract"].glob("part-*.parquet"),
        marks=task.inputs["mark"],
        duplicates=task.inputs["dedup"],
        languages=task.recipe.languages,
        settings=task.settings,
        run=task.out.parent,
    )
    if not any(key.startswith("kept") for key in counts):
        raise Problem(
            "no document is left after `cut`: "
            + ", ".join(f"{reason} {count}" for reason, count in counts.items())
            + ". Loosen the threshold that loses the most, or look at one document: anatili why RUN URL"
        )
    return {"documents": counts}


def inventory(recipe: Recipe, base: Path) -> dict[str, dict[str, Any]]:
    """Thresholds that a pack sets and the recipe does not. A key in the recipe counts even at its default value.

    `Problem` if a pack's threshold is invalid.
    """
    packs = [load_pack(code) for code in recipe.languages]
    check_names(recipe.cut.licenses)
    for pack in packs:
        thresholds(recipe.cut, pack)
    own = {pack.code: pack.config.cut for pack in packs}
    in_recipe = recipe.cut.model_fields_set
    return {
        f"[cut] of {code}": {key: value for key, value in values.items() if key not in in_recipe}
        for code, values in own.items()
        if values
    }


def cut_shard(
    source: Path,
    target: Path,
    marks: Path,
    duplicates: Path,
    languages: tuple[str, ...],
    settings: Cut,
    run: Path,
) -> None:
    """Write a shard's kept documents to `target`; held-out and lost ones go beside it and are written first. `run` is
    the folder with the log of takedowns."""
    takedowns = read_takedowns(run)
    packs = {code: load_pack(code) for code in languages}
    limits = {code: thresholds(settings, pack) for code, pack in packs.items()}
    patterns = personal_patterns(packs)
    kept, held, lost = list[Kept](), list[Kept](), list[Lost]()
    counts: Counter[str] = Counter()
    copies = NearCopies(takedowns).in_shard(duplicates / "signatures" / source.name)
    shared = read_shared(duplicates, source.name)
    for document, mark, duplicate in rows(source, marks / source.name, duplicates / source.name):
        common = shared.get(document.id, NOT_SHARED)
        reason, detail = why_not(document, mark, duplicate, limits, common)
        if not reason:
            reason, detail = why_taken_down(document, takedowns, copies)
        if reason:
            counts[f"lost: {reason}"] += 1
            lost.append(Lost(document.id, document.url, reason, detail))
            continue
        row = keep(document, mark, duplicate, packs[mark.language], patterns, limits[mark.language], common)
        if (duplicate.boilerplate or common.spans) and len(words(row.text)) < limits[mark.language].min_words:
            reason, detail = why_little_is_left(duplicate, common)
            counts[f"lost: {reason}"] += 1
            lost.append(Lost(document.id, document.url, reason, detail))
            continue
        held_out = is_held_out(document.id, settings.held_out)
        counts[f"{HELD_OUT if held_out else 'kept'}: {mark.language}"] += 1
        (held if held_out else kept).append(row)
    write_shard(target.parent / "lost" / target.name, Lost, lost, Counter(row.reason for row in lost))
    write_shard(target.parent / HELD_OUT / target.name, Kept, held)
    write_shard(target, Kept, kept, counts)


def rows(source: Path, marks: Path, duplicates: Path) -> Iterator[tuple[Document, Mark, Duplicate]]:
    """Documents with their marks. The three shards must have the same ids in the same order."""
    for document, mark, duplicate in zip(
        read_shard(source, Document), read_shard(marks, Mark), read_shard(duplicates, Duplicate), strict=True
    ):
        if not document.id == mark.id == duplicate.id:
            raise Problem(f"{marks} does not belong to {source}; rebuild with --redo mark --redo dedup")
        yield document, mark, duplicate


def thresholds(settings: Cut, pack: LanguagePack) -> Cut:
    """The thresholds for a language: the recipe's own values, then the pack's, then the defaults."""
    own = {key: value for key, value in pack.config.cut.items() if key not in settings.model_fields_set}
    try:
        return Cut.model_validate(settings.model_dump() | own)
    except ValidationError as error:
        raise Problem(f"{show_path(pack.folder / 'pack.toml')}: {explain(error, 'cut')}") from error


def why_not(
    document: Document, mark: Mark, duplicate: Duplicate, limits: dict[str, Cut], shared: Shared = NOT_SHARED
) -> tuple[str, str]:
    """The first reason to drop a document, and why in words; two empty strings if it is kept."""
    if mark.stopped:
        return "took too long", mark.stopped
    if mark.language not in limits:
        return "another language", mark.language
    threshold = limits[mark.language]
    is_verse = mark.verse >= threshold.min_verse
    checks: tuple[Check, ...] = (
        (threshold.obey_opt_outs and bool(document.opt_out), "opted out", document.opt_out),
        (not is_allowed(document.license, threshold.licenses), "license", document.license or "unknown"),
        *is_of_the_language(document, mark, threshold),
        *reads_like_junk(document, mark, threshold, is_verse),
        *has_odd_signs(mark, threshold, is_verse),
        (bool(duplicate.of), "duplicate", f"{duplicate.kind} of {duplicate.of}"),
        (
            shared.share > threshold.max_shared,
            SHARED,
            share("the words stand in sentences that many documents hold", shared.share, threshold.max_shared),
        ),
    )
    return next(((reason, why) for fails, reason, why in checks if fails), ("", ""))


def is_of_the_language(document: Document, mark: Mark, threshold: Cut) -> tuple[Check, ...]:
    """The checks of language, size, origin and repetition."""
    least, most = threshold.min_words, threshold.max_words
    scripts = " or ".join(threshold.scripts)
    number = f"{mark.contaminated} of its eight-word sequences are in a benchmark; {threshold.max_contaminated} may be"
    own = f"{mark.folded:.0%} of the words are stop words written without the letters that only the language has"
    sure = "{} sure of the language is the identifier; {} must be"
    covered = share("the words belong to one sequence of three", mark.repeated_words, threshold.max_repeated_words)
    return (
        (bool(mark.folded) and not threshold.keep_folded, "typed without own letters", own),
        (mark.script not in threshold.scripts, "script", f"its script is {mark.script}; {scripts} may be"),
        (
            mark.confidence < threshold.min_confidence,
            "language unsure",
            sure.format(*both(mark.confidence, threshold.min_confidence)),
        ),
        (
            mark.alphabet < threshold.min_alphabet,
            "alphabet",
            share("the letters are in its alphabet", mark.alphabet, threshold.min_alphabet, verb="must"),
        ),
        (mark.own_words < least, "too short", f"{mark.own_words} words; {least} must be"),
        (mark.words > most, "too long", f"{mark.words} words; {most} may be"),
        (
            mark.switched > threshold.max_switched,
            "mixed languages",
            share("the words are stop words of another language only", mark.switched, threshold.max_switched),
        ),
        (bool(document.translated) and not threshold.keep_translated, "translated by machine", document.translated),
        (mark.contaminated > threshold.max_contaminated, "held in a benchmark", number),
        (
            mark.repeats > threshold.max_repeats,
            "repeated lines",
            share("the characters stand in lines that come again", mark.repeats, threshold.max_repeats),
        ),
        (mark.repeated_words > threshold.max_repeated_words, "repeated words", covered),
    )


def has_odd_signs(mark: Mark, threshold: Cut, is_verse: bool) -> tuple[Check, ...]:
    """The checks of stop words, symbols, addresses and blocked words."""
    words_in_all = max(1, mark.words)
    links = f"{mark.links} web addresses in {mark.words} words; {threshold.max_links} in a hundred may be"
    return (
        (
            mark.stopwords < threshold.min_stopwords and not is_verse,
            "few stop words",
            share("the words are stop words", mark.stopwords, threshold.min_stopwords, verb="must"),
        ),
        (
            mark.symbols > threshold.max_symbols,
            "symbols",
            share("the characters are symbols", mark.symbols, threshold.max_symbols),
        ),
        (100 * mark.links > threshold.max_links * words_in_all, "links", links),
        (
            mark.blocked > threshold.max_blocked * words_in_all,
            "blocked words",
            share("the words are on the pack's blocked list", mark.blocked / words_in_all, threshold.max_blocked),
        ),
    )


def why_little_is_left(duplicate: Duplicate, shared: Shared) -> tuple[str, str]:
    """The reason to drop a document of which too little is left without what it repeats, and what was cut out."""
    if duplicate.boilerplate:
        return "boilerplate", f"{len(duplicate.boilerplate)} lines of its host"
    return SHARED, f"{len(shared.spans) // 2} sentences that many documents hold ({shared.share:.0%} of the words)"


def why_taken_down(document: Document, takedowns: Takedowns, copies: dict[str, NearCopy]) -> tuple[str, str]:
    """The same for a document that was taken down, or that is a near copy of one."""
    detail = takedowns.reason(identity=document.id, url=document.url, text=document.text)
    if not detail and (copy := copies.get(document.id)):
        detail = f"{copy.reason} (near copy of {copy.of}, likeness {copy.likeness})"
    return (TAKEN_DOWN, detail) if detail else ("", "")


def reads_like_junk(document: Document, mark: Mark, threshold: Cut, is_verse: bool) -> tuple[Check, ...]:
    """The checks that ask whether a text is prose at all."""
    is_typed_anew = bool(mark.folded)  # the models know no words without their own letters
    return (
        (
            -1 < mark.quality < threshold.min_quality,
            "quality",
            f"its words are rather those of chatter, advertising or the strings of programs: the pack's classifier "
            f"gives {mark.quality:.3f}; {threshold.min_quality} must be",
        ),
        (
            mark.runs > threshold.max_runs,
            "repeated sequences",
            share("the words stand in sequences of five that come again", mark.runs, threshold.max_runs),
        ),
        (
            document.linked > threshold.max_linked,
            "page of links",
            share("the words are links", document.linked, threshold.max_linked),
        ),
        (
            mark.odd > threshold.max_odd and not is_typed_anew,
            "odd words",
            share(
                "the words have letters in a row as no known word (bad scan, lost letters, slang)",
                mark.odd,
                threshold.max_odd,
            ),
        ),
        (
            mark.surprisal > threshold.max_surprisal and not is_typed_anew,
            "unlikely letters",
            f"its letters need {mark.surprisal:.2f} times the bits of those of ordinary prose; "
            f"{threshold.max_surprisal:.2f} may be",
        ),
        (
            mark.order < threshold.min_order and not (is_verse or is_typed_anew),
            "words out of order",
            f"its neighboring words fit each other only {mark.order:.2f} standard errors better than shuffled ones; "
            f"{threshold.min_order:.2f} must be",
        ),
        (
            mark.cohesion < threshold.min_cohesion and not (is_verse or is_typed_anew),
            "unrelated sentences",
            f"its sentences have few words in common, by {mark.cohesion:.2f}; {threshold.min_cohesion:.2f} must be",
        ),
        (
            mark.unended > threshold.max_unended and not is_verse,
            "broken lines",
            share("the words stand in lines without an end (list, menu, teasers)", mark.unended, threshold.max_unended),
        ),
    )


def share(what: str, value: float, limit: float, *, verb: str = "may") -> str:
    """A share with its limit, in words."""
    shown, allowed = both(value, limit)
    return f"{shown} of {what}; {allowed} {verb} be"


def both(value: float, limit: float) -> tuple[str, str]:
    """A share and its limit, with as many digits as tell them apart."""
    digits = next((n for n in range(3) if f"{value:.{n}%}" != f"{limit:.{n}%}"), 3)
    return f"{value:.{digits}%}", f"{limit:.{digits}%}"


def keep(
    document: Document,
    mark: Mark,
    duplicate: Duplicate,
    pack: LanguagePack,
    patterns: dict[str, PersonalPattern],
    settings: Cut,
    shared: Shared = NOT_SHARED,
) -> Kept:
    """The document as it enters the corpus: normalized by its pack, with personal data masked."""
    own = own_lines(document.text, mark, duplicate, trim=mark.other > settings.max_other, shared=shared)
    body = pack.normalize(own)
    if settings.mask_personal and mark.personal:
        body = mask(body, find_personal(body, patterns))
    return Kept(
        id=document.id,
        text=body,
        title=pack.normalize(document.title),
        url=document.url,
        source=document.source,
        time=document.time,
        license=document.license,
        language=mark.language,
        script=mark.script,
    )


def own_lines(body: str, mark: Mark, duplicate: Duplicate, *, trim: bool, shared: Shared = NOT_SHARED) -> str:
    """`body` without the lines that its host repeats, without sentences that many documents hold and, with `trim`,
    without lines confidently in another language."""
    boilerplate = set(duplicate.boilerplate)
    if not boilerplate and not trim and not shared.spans:
        return body
    kept, start = [], 0
    for number, (whole, language) in enumerate(zip(body.splitlines(keepends=True), mark.lines, strict=True)):
        line = whole.splitlines()[0]
        left = without(line, shared.spans, start) if shared.spans else line
        start += len(whole)
        is_cut = number in boilerplate or (trim and language not in ("", mark.language))
        if not is_cut and (left or not line.strip()):
            kept.append(left)
    return "\n".join(kept).strip()


def is_held_out(identity: str, share: float) -> bool:
    """Whether a document is held out from training. Only its id decides, not the order of shards."""
    return int(identity[:8], 16) < share * 2**32
