"""`cut`: the only stage that decides. Thresholds turn marks into the corpus; every loss is recorded with a reason."""

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
    """Decide shard by shard: `part-*` is the corpus, `held-out/*` is not for training, `lost/*` has the reasons."""
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
            + ". Loosen the threshold that loses the most, or look at one document: anatili why RUN URL"
        )
    return {"documents": counts}


def inventory(recipe: Recipe, base: Path) -> dict[str, dict[str, Any]]:
    """Thresholds that a pack sets and the recipe does not. A key in the recipe counts even at its default value.

    `Problem` if a pack's threshold is invalid.
    """
    packs = [load_pack(code) for code in recipe.languages]
    for pack in packs:
        thresholds(recipe.cut, pack)
    own = {pack.code: pack.config.cut for pack in packs}
    in_recipe = recipe.cut.model_fields_set
    return {f"[cut] of {code}": {key: value for key, value in values.items() if key not in in_recipe}
            for code, values in own.items() if values}  # fmt: skip


def cut_shard(
    source: Path, target: Path, marks: Path, duplicates: Path, languages: tuple[str, ...], settings: Cut
) -> None:
    """Write a shard's kept documents to `target`; held-out and lost ones go beside it and are written first."""
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


def why_not(document: Document, mark: Mark, duplicate: Duplicate, limits: dict[str, Cut]) -> tuple[str, str]:
    """The first reason to drop a document and the value that decided; two empty strings if it is kept."""
    if mark.stopped:
        return "took too long", mark.stopped
    if mark.language not in limits:
        return "another language", mark.language
    threshold = limits[mark.language]
    word_count = max(1, mark.words)
    checks: tuple[tuple[bool, str, object], ...] = (
        (threshold.obey_opt_outs and bool(document.opt_out), "opted out", document.opt_out),
        (bool(mark.folded) and not threshold.keep_folded, "typed without own letters", mark.folded),
        (mark.script not in threshold.scripts, "script", mark.script),
        (mark.confidence < threshold.min_confidence, "language unsure", mark.confidence),
        (mark.alphabet < threshold.min_alphabet, "alphabet", mark.alphabet),
        (mark.own_words < threshold.min_words, "too short", mark.own_words),
        (mark.words > threshold.max_words, "too long", mark.words),
        (mark.switched > threshold.max_switched, "mixed languages", mark.switched),
        (bool(document.translated) and not threshold.keep_translated, "translated by machine", document.translated),
        (mark.contaminated > threshold.max_contaminated, "held in a benchmark", mark.contaminated),
        (mark.quality < threshold.min_quality, "quality", mark.quality),
        (mark.repeats > threshold.max_repeats, "repeated lines", mark.repeats),
        (mark.repeated_words > threshold.max_repeated_words, "repeated words", mark.repeated_words),
        (mark.stopwords < threshold.min_stopwords, "few stop words", mark.stopwords),
        (mark.symbols > threshold.max_symbols, "symbols", mark.symbols),
        (100 * mark.links > threshold.max_links * word_count, "links", mark.links),
        (mark.blocked > threshold.max_blocked * word_count, "blocked words", mark.blocked),
        (bool(duplicate.of), "duplicate", f"{duplicate.kind} of {duplicate.of}"),
    )
    return next(((reason, str(value)) for fails, reason, value in checks if fails), ("", ""))


def keep(
    document: Document,
    mark: Mark,
    duplicate: Duplicate,
    pack: LanguagePack,
    patterns: dict[str, PersonalPattern],
    settings: Cut,
) -> Kept:
    """The document as it enters the corpus: normalized by its pack, with personal data masked."""
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
        license=document.license,
        language=mark.language,
        script=mark.script,
    )


def own_lines(body: str, mark: Mark, duplicate: Duplicate, *, trim: bool) -> str:
    """`body` without the lines that its host repeats and, with `trim`, lines confidently in another language."""
    boilerplate = set(duplicate.boilerplate)
    if not boilerplate and not trim:
        return body
    return "\n".join(
        line
        for number, (line, language) in enumerate(zip(body.splitlines(), mark.lines, strict=True))
        if number not in boilerplate and not (trim and language not in ("", mark.language))
    ).strip()


def is_held_out(identity: str, share: float) -> bool:
    """Whether a document is held out from training. Only its id decides, not the order of shards."""
    return int(identity[:8], 16) < share * 2**32
