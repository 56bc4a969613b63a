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
        asked = [*own, *sample.further()]
        own += [*grounded_lessons(asked, packs, settings.seed), *refusals(), *sample_translations(packs)]
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
    """For each question a lesson with its passage among up to two others, and for each third one without it.

    As in use, a passage is a page or a part of one. A question that its page does not answer is declined.
    """
    passages = sample.passages()
    for number, lesson in enumerate(questions):
        language, source = lesson["language"], lesson["source"]
        prompts = packs[language].prompts if language in packs else {}
        if not prompts.get("no_answer") or source not in passages:
            continue
        ask, *answers = lesson["messages"]
        chooser = random.Random(f"{seed} {source} {ask['content']}")
        pool = sorted(url for url, page in passages.items() if page[0] == language and url != source)
        others = [part_of(passages[url], "", chooser) for url in chooser.sample(pool, 2)]
        kept = chooser.choice((0, 1, 2))
        place = chooser.randrange(kept + 1)
        answer = answers[0]["content"] if answers else ""
        shown = [*others[:place], part_of(passages[source], answer, chooser), *others[place:kept]]
        none = {"role": "assistant", "content": prompts["no_answer"]}
        reply = {"role": "assistant", "content": f"{answer} [{place + 1}]"} if answer else none
        kind = "grounded" if answer else "unanswerable"
        yield {**lesson, "kind": kind, "messages": [*grounded(prompts, shown, [ask]), reply]}
        if answer and number % 3 == 0:
            yield {**lesson, "kind": "unanswerable", "messages": [*grounded(prompts, others, [ask]), none]}


def part_of(page: tuple[str, str, str], answer: str, chooser: random.Random) -> tuple[str, str]:
    """Title and text of a page, in two of three cases only the paragraph that holds most of the answer's words."""
    _, title, text = page
    if chooser.random() < 1 / 3:
        return title, text
    words = set(answer.lower().split())
    return title, max(text.split("\n\n"), key=lambda paragraph: len(words & set(paragraph.lower().split())))


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
    main = next(iter(packs))
    pairs = list(combinations(spoken(packs), 2)) if settings.instructions == sample.PLACE else []
    if settings.max_pairs:
        said = [tuple(source.languages.split("-")) for source in of_pairs.sources]
        pairs += [(one, other) for one, other in said]
        beside = sorted({other for one, other in said if one == main})
        pairs += combinations(beside, 2) if of_pairs.joined else ()
    both = dict.fromkeys(way for one, other in pairs for way in ((one, other), (other, one)))
    return [(one, other) for one, other in both if other in packs[one].prompts.get("translate", {})]


def spoken(packs: dict[str, LanguagePack]) -> list[str]:
    """The languages of the sample among those of the recipe."""
    return [code for code in packs if code in sample.parallel()[0]]


def sample_translations(packs: dict[str, LanguagePack]) -> Iterator[Conversation]:
    """Titles, questions, answers and sentences of the sample, which say the same in each of its languages."""
    ways = list(combinations(spoken(packs), 2))
    for pages in sample.parallel():
        for one, other in ways:
            for here, there in zip(pages[one][1:], pages[other][1:], strict=True):
                yield from both_ways(packs, one, other, here, there, (pages[one][0], pages[other][0]))
    for row in sample.sentences():
        for one, other in ways:
            if one in row and other in row:
                yield from both_ways(packs, one, other, row[one], row[other], ("", ""))


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
