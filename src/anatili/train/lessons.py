"""What the model is taught in `tune`: conversations of several kinds, each with the page it comes from.

`question`: a question on a page and its answer. `grounded`: the same with passages, the page among them, the answer
with its number. `unanswerable`: passages that do not hold the answer, and saying so. `translation`: a text in one
language and in another, directly. `refusal`: requests that would do real harm. `own`: what a file brings.
"""

import json
import random
from collections.abc import Iterator, Sequence
from heapq import nsmallest
from itertools import combinations
from pathlib import Path
from typing import Any

from anatili import benchmarks, sample, weights
from anatili.benchmarks import letters
from anatili.lang import LanguagePack
from anatili.problem import Problem
from anatili.prompt import grounded
from anatili.recipe import Pairs, Recipe, Tune
from anatili.refine.pairs import languages_of, read_pairs
from anatili.run import digest as sha256
from anatili.text import digest, show_path

ROLES = ("system", "user", "assistant")
Conversation = dict[str, Any]
"""`messages`, `language`, `kind`, `source` (an address, or "" where it has none); `other`: of a second page."""


def inventory(recipe: Recipe, base: Path) -> dict[str, Any]:
    """What the lessons and their benchmarks are now, so that a run notices when one changes."""
    settings = recipe.tune
    facts: dict[str, Any] = {}
    if settings.instructions == sample.PLACE:
        facts["sample"] = sample.digest()
    elif settings.instructions:
        facts[show_path(Path(settings.instructions).name)] = sha256(existing(settings.instructions, base))
    if settings.preferences:
        facts["preferences"] = sha256(existing(settings.preferences, base))
    if settings.instruct:
        facts["instruct"] = weights.facts_of(base / settings.instruct)
    if recipe.mark.benchmarks:
        facts["benchmarks"] = benchmarks.digests(recipe.mark.benchmarks, base)
    return facts


def existing(name: str, base: Path) -> Path:
    if not (base / name).is_file():
        raise Problem(f"[tune] no file {show_path(base / name)}; correct the path in the recipe or take it out")
    return base / name


def everything(
    settings: Tune, base: Path, packs: dict[str, LanguagePack], pairs: Sequence[Path] = ()
) -> list[Conversation]:
    """All lessons of the recipe's languages, in a fixed order; `pairs` are files of the stage of this name."""
    own = instructions(settings, base)
    if settings.instructions == sample.PLACE:
        own += [*grounded_lessons(own, packs, settings.seed), *refusals(), *sample_translations(packs)]
    own += pair_translations(settings, packs, pairs)
    return [lesson for lesson in own if lesson.get("language") in packs]


def instructions(settings: Tune, base: Path) -> list[Conversation]:
    """Conversations of the sample or of a file; `Problem` names a wrong line."""
    if settings.instructions == sample.PLACE:
        return [lesson | {"kind": "question"} for lesson in sample.conversations()]
    if not settings.instructions:
        return []
    found = []
    path = existing(settings.instructions, base)
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            conversation = json.loads(line)
            turns = [(turn["role"], turn["content"]) for turn in conversation["messages"]]
            if not turns or turns[-1][0] != "assistant" or any(role not in ROLES for role, _ in turns):
                raise ValueError("the last turn must be the assistant's, roles system, user or assistant")
        except (ValueError, KeyError, TypeError) as error:
            raise Problem(f"{show_path(path)}:{number}: no conversation ({error})") from error
        found.append({"kind": "own", **conversation})
    return found


def grounded_lessons(
    questions: Sequence[Conversation], packs: dict[str, LanguagePack], seed: int
) -> Iterator[Conversation]:
    """For each question one lesson with its passage among others, and for each third one without it."""
    passages = sample.passages()
    for number, lesson in enumerate(questions):
        language = lesson["language"]
        said = packs[language].prompts if language in packs else {}
        if not said.get("no_answer") or lesson["source"] not in passages:
            continue
        chooser = random.Random(f"{seed} {lesson['source']}")
        pool = sorted(url for url, page in passages.items() if page[0] == language and url != lesson["source"])
        others = [passages[url][1:] for url in chooser.sample(pool, 2)]
        place = chooser.randrange(3)
        shown = [*others[:place], passages[lesson["source"]][1:], *others[place:]]
        ask, answer = lesson["messages"]
        cited = f"{answer['content']} [{place + 1}]"
        yield lesson | {
            "kind": "grounded",
            "messages": [*grounded(said, shown, [ask]), {"role": "assistant", "content": cited}],
        }
        if number % 3 == 0:
            reply = {"role": "assistant", "content": said["no_answer"]}
            yield lesson | {"kind": "unanswerable", "messages": [*grounded(said, others, [ask]), reply]}


def refusals() -> list[Conversation]:
    """Requests that would do harm, and how they are turned down."""
    return [
        {"kind": "refusal", "language": language, "source": "", "messages": turns(*pair)}
        for entry in sample.refusals()
        for language, pair in entry.items()
    ]


def turns(ask: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": ask}, {"role": "assistant", "content": answer}]


def taught(settings: Tune, of_pairs: Pairs, packs: dict[str, LanguagePack]) -> list[tuple[str, str]]:
    """Each two languages, source and target, of which `everything` makes lessons of translation."""
    if not settings.epochs or (settings.kinds and "translation" not in settings.kinds):
        return []
    main, *others = packs
    pairs = [(main, other) for other in others] if settings.instructions == sample.PLACE else []
    if settings.max_pairs:
        said = [tuple(source.languages.split("-")) for source in of_pairs.sources]
        pairs += [(one, other) for one, other in said]
        beside = sorted({other for one, other in said if one == main})
        pairs += combinations(beside, 2) if of_pairs.joined else ()
    both = dict.fromkeys(way for one, other in pairs for way in ((one, other), (other, one)))
    return [(one, other) for one, other in both if other in packs[one].prompts.get("translate", {})]


def sample_translations(packs: dict[str, LanguagePack]) -> Iterator[Conversation]:
    """Titles, questions and answers of the sample, which say the same in each language, from and to the main one."""
    main = next(iter(packs))
    for pages in sample.parallel():
        for language in packs:
            if language == main or language not in pages or main not in pages:
                continue
            for here, there in zip(pages[main][1:], pages[language][1:], strict=True):
                yield from both_ways(packs, main, language, here, there, (pages[main][0], pages[language][0]))


def both_ways(
    packs: dict[str, LanguagePack], one: str, other: str, here: str, there: str, pages: tuple[str, str]
) -> Iterator[Conversation]:
    """A pair, with the page of each of its texts, as two lessons; the request is in the language of its reader."""
    for start, end, text, result in ((one, other, here, there), (other, one, there, here)):
        asking = packs[start].prompts.get("translate", {}).get(end)
        if asking:
            yield {
                "kind": "translation",
                "language": end,
                "source": pages[0],
                "other": pages[1],
                "messages": turns(f"{asking} {text}", result),
            }


def pair_translations(settings: Tune, packs: dict[str, LanguagePack], files: Sequence[Path]) -> Iterator[Conversation]:
    """Up to `max_pairs` pairs of each two languages, the first files' first; of one file those of least digest."""
    room: dict[tuple[str, str], int] = {}
    for file in files:
        one, other = languages_of(file)
        left = room.setdefault((one, other), settings.max_pairs)
        chosen = nsmallest(left, read_pairs(file), key=lambda row: digest("\t".join(row)))
        room[one, other] -= len(chosen)
        for here, there in chosen:
            yield from both_ways(packs, one, other, here, there, ("", ""))


def said(lesson: Conversation) -> set[str]:
    """The letters of each text in a lesson, of a request to translate also of what follows its first colon."""
    contents = [message["content"] for message in lesson["messages"]]
    return {letters(text) for content in contents for text in (content, content.partition(": ")[2])} - {""}
