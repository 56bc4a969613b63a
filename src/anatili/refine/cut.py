"""`cut`: the only stage that decides. Thresholds turn marks into the corpus; each loss keeps its reason."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from anatili.document import Document, Duplicate, Kept, Lost, Mark, read_shard, write_shard
from anatili.lang import LanguagePack, PersonalPattern, explain, load_pack
from anatili.problem import Problem
from anatili.recipe import Cut, Recipe
from anatili.refine.mark import personal_patterns
from anatili.refine.personal import find_personal, mask
from anatili.stage import Task
from anatili.text import show_path, words

HELD_OUT = "held-out"


def run(task: Task) -> dict[str, Any]:
    """Decide shard by shard: `part-*` is the corpus, `held-out/*` is kept from training, `lost/*` says why not."""
    counts = task.map_shards(
        cut_shard,
        task.inputs["extract"].glob("part-*.parquet"),
        marks=task.inputs["mark"],
        duplicates=task.inputs["dedup"],
        languages=task.recipe.languages,
        settings=task.settings,
    )
    if not any(key.startswith("kept") for key in counts):
        raise Problem(
            "no document is left after `cut`: "
            + ", ".join(f"{reason} {count}" for reason, count in counts.items())
            + ". Loosen the threshold that takes the most, or look at one: anatili why RUN URL"
        )
    return {"documents": counts}


def inventory(recipe: Recipe, base: Path) -> dict[str, dict[str, Any]]:
    """Thresholds that a pack sets where the recipe does not: a key that is written down counts, also at its default.

    `Problem` if a pack has one that is none.
    """
    packs = [load_pack(code) for code in recipe.languages]
    for pack in packs:
        thresholds(recipe.cut, pack)
    own = {pack.code: pack.said.cut for pack in packs}
    written = recipe.cut.model_fields_set
    return {f"[cut] of {code}": {key: value for key, value in said.items() if key not in written}
            for code, said in own.items() if said}  # fmt: skip


def cut_shard(
    source: Path, target: Path, marks: Path, duplicates: Path, languages: tuple[str, ...], settings: Cut
) -> None:
    """Documents of one shard that stay, into `target`; held-out and lost ones beside it, written first."""
    packs = {code: load_pack(code) for code in languages}
    limits = {code: thresholds(settings, pack) for code, pack in packs.items()}
    patterns = personal_patterns(packs)
    kept, held, lost = list[Kept](), list[Kept](), list[Lost]()
    counts: Counter[str] = Counter()
    for document, mark, duplicate in rows(source, marks / source.name, duplicates / source.name):
        reason, detail = why_not(document, mark, duplicate, limits)
        if reason:
            counts[f"lost: {reason}"] += 1
            lost.append(Lost(document.id, document.url, reason, detail))
            continue
        row = keep(document, mark, duplicate, packs[mark.language], patterns, limits[mark.language])
        if duplicate.boilerplate and len(words(row.text)) < limits[mark.language].min_words:
            counts["lost: boilerplate"] += 1
            lost.append(
                Lost(document.id, document.url, "boilerplate", f"{len(duplicate.boilerplate)} lines of its host")
            )
            continue
        is_held = is_held_out(document.id, settings.held_out)
        counts[f"{HELD_OUT if is_held else 'kept'}: {mark.language}"] += 1
        (held if is_held else kept).append(row)
    write_shard(target.parent / "lost" / target.name, Lost, lost, Counter(row.reason for row in lost))
    write_shard(target.parent / HELD_OUT / target.name, Kept, held)
    write_shard(target, Kept, kept, counts)


def rows(source: Path, marks: Path, duplicates: Path) -> Iterator[tuple[Document, Mark, Duplicate]]:
    """Documents with their marks; the three shards must hold the same ids in the same order."""
    for document, mark, duplicate in zip(
        read_shard(source, Document), read_shard(marks, Mark), read_shard(duplicates, Duplicate), strict=True
    ):
        if not document.id == mark.id == duplicate.id:
            raise Problem(f"{marks} does not belong to {source}; rebuild with --redo mark --redo dedup")
        yield document, mark, duplicate


def thresholds(settings: Cut, pack: LanguagePack) -> Cut:
    """The thresholds for a language: the recipe's own values, then the pack's, then the defaults."""
    own = {key: value for key, value in pack.said.cut.items() if key not in settings.model_fields_set}
    try:
        return Cut.model_validate(settings.model_dump() | own)
    except ValidationError as error:
        raise Problem(f"{show_path(pack.folder / 'pack.toml')}: {explain(error, 'cut')}") from error


def why_not(document: Document, mark: Mark, duplicate: Duplicate, limits: dict[str, Cut]) -> tuple[str, str]:
    """The first reason against a document, with the value that decided; two empty strings if it stays."""
    if mark.stopped:
        return "took too long", mark.stopped
    if mark.language not in limits:
        return "another language", mark.language
    limit = limits[mark.language]
    count = max(1, mark.words)
    tests: tuple[tuple[bool, str, object], ...] = (
        (limit.obey_opt_outs and bool(document.opt_out), "opted out", document.opt_out),
        (bool(mark.folded) and not limit.keep_folded, "typed without own letters", mark.folded),
        (mark.script not in limit.scripts, "script", mark.script),
        (mark.confidence < limit.min_confidence, "language unsure", mark.confidence),
        (mark.alphabet < limit.min_alphabet, "alphabet", mark.alphabet),
        (mark.own_words < limit.min_words, "too short", mark.own_words),
        (mark.words > limit.max_words, "too long", mark.words),
        (mark.switched > limit.max_switched, "mixed languages", mark.switched),
        (bool(document.translated) and not limit.keep_translated, "translated by machine", document.translated),
        (mark.contaminated > limit.max_contaminated, "held in a benchmark", mark.contaminated),
        (mark.quality < limit.min_quality, "quality", mark.quality),
        (mark.repeats > limit.max_repeats, "repeated lines", mark.repeats),
        (mark.repeated_words > limit.max_repeated_words, "repeated words", mark.repeated_words),
        (mark.stopwords < limit.min_stopwords, "few stop words", mark.stopwords),
        (mark.symbols > limit.max_symbols, "symbols", mark.symbols),
        (100 * mark.links > limit.max_links * count, "links", mark.links),
        (mark.blocked > limit.max_blocked * count, "blocked words", mark.blocked),
        (bool(duplicate.of), "duplicate", f"{duplicate.kind} of {duplicate.of}"),
    )
    return next(((reason, str(value)) for fails, reason, value in tests if fails), ("", ""))


def keep(
    document: Document,
    mark: Mark,
    duplicate: Duplicate,
    pack: LanguagePack,
    patterns: dict[str, PersonalPattern],
    settings: Cut,
) -> Kept:
    """The document as it enters the corpus: normalized by its pack, personal data masked."""
    body = pack.normalize(own_lines(document.text, mark, duplicate, trim=mark.other > settings.max_other))
    if settings.mask_personal and mark.personal:
        body = mask(body, find_personal(body, patterns))
    return Kept(
        id=document.id,
        text=body,
        title=pack.normalize(document.title),
        url=document.url,
        source=document.source,
        time=document.time,
        licence=document.licence,
        language=mark.language,
        script=mark.script,
    )


def own_lines(body: str, mark: Mark, duplicate: Duplicate, *, trim: bool) -> str:
    """`body` without the lines that its host repeats and, with `trim`, those confidently in another language."""
    boilerplate = set(duplicate.boilerplate)
    if not boilerplate and not trim:
        return body
    return "\n".join(
        line
        for number, (line, language) in enumerate(zip(body.splitlines(), mark.lines, strict=True))
        if number not in boilerplate and not (trim and language not in ("", mark.language))
    ).strip()


def is_held_out(identity: str, share: float) -> bool:
    """Whether a document is kept from training: decided by its id alone, so never by the order of shards."""
    return int(identity[:8], 16) < share * 2**32
