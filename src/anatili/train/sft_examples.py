"""The SFT examples of `tune`: conversations of several kinds, each with the page it comes from.

`question`: a question about a page and its answer. `grounded`: the same with passages, among them the page, and its
number in the answer. `unanswerable`: passages without the answer, and an answer that says so. `translation`: a text in
one language and its translation. `refusal`: requests that would do real harm. `own`: the conversations of a file.
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
from anatili.lang.translation_words import Dictionary
from anatili.problem import Problem
from anatili.prompt import grounded
from anatili.recipe import Pairs, Recipe, Tune
from anatili.refine.pairs import languages_of, read_pairs
from anatili.takedown_log import NO_TAKEDOWNS, Takedowns
from anatili.text import digest, file_digest, show_path
from anatili.text_files import read_lines
from anatili.train.dpo import read_preferences

NO_WORDS = Dictionary()
ROLES = ("system", "user", "assistant")
Conversation = dict[str, Any]
"""`messages`, `language`, `kind`, `source` (an address, or ""); `other`: the address of a second page."""


def inventory(recipe: Recipe, base: Path) -> dict[str, Any]:
    """Digests of the files with SFT examples and benchmarks, so that a run notices when one changes.

    They are read, too: a wrong line is reported before anything is built, not after pretraining.
    """
    settings = recipe.tune
    facts: dict[str, Any] = {}
    if settings.instructions == sample.PLACE:
        facts["sample"] = sample.digest()
    elif settings.instructions:
        instructions(settings, base)
        facts[show_path(Path(settings.instructions).name)] = file_digest(existing_file(settings.instructions, base))
    if settings.preferences:
        read_preferences(existing_file(settings.preferences, base))
        facts["preferences"] = file_digest(existing_file(settings.preferences, base))
    if settings.instruct:
        facts["instruct"] = weights.facts_of(base / settings.instruct)
    if recipe.mark.benchmarks:
        facts["benchmarks"] = benchmarks.digests(recipe.mark.benchmarks, base)
    return facts


def existing_file(name: str, base: Path) -> Path:
    if not (base / name).is_file():
        raise Problem(f"[tune] no file {show_path(base / name)}; correct the path in the recipe or remove it")
    return base / name


def all_examples(
    settings: Tune,
    base: Path,
    packs: dict[str, LanguagePack],
    pairs: Sequence[Path] = (),
    takedowns: Takedowns = NO_TAKEDOWNS,
    dictionary: Dictionary = NO_WORDS,
) -> list[Conversation]:
    """All SFT examples in the recipe's languages, in a fixed order, without what was taken down; `pairs` are files of
    the stage `pairs`, and `dictionary` is its dictionary."""
    own = instructions(settings, base)
    if settings.instructions == sample.PLACE:
        questions = [*own, *sample.further()]
        with_passages = grounded_examples(questions, packs, settings.seed, takedowns)
        own += [*with_passages, *refusals(), *sample_translations(packs, dictionary)]
    own += pair_translations(settings, packs, pairs, dictionary)
    return [
        conversation
        for conversation in own
        if conversation.get("language") in packs and not is_taken_down(conversation, takedowns)
    ]


def is_taken_down(conversation: Conversation, takedowns: Takedowns) -> bool:
    """Whether a page of the conversation was taken down, or one of its texts is a line of a document that was."""
    if not takedowns:
        return False
    pages = (conversation.get("source", ""), conversation.get("other", ""))
    texts = (text for message in conversation["messages"] for text in parts_of(message["content"]))
    return any(takedowns.reason(url=url) for url in pages if url) or any(map(takedowns.holds_line, texts))


def instructions(settings: Tune, base: Path) -> list[Conversation]:
    """The conversations of the sample or of a file; `Problem` names the line that is wrong."""
    if settings.instructions == sample.PLACE:
        return [conversation | {"kind": "question"} for conversation in sample.conversations()]
    if not settings.instructions:
        return []
    conversations = []
    path = existing_file(settings.instructions, base)
    for number, line in enumerate(read_lines(path), 1):
        try:
            conversation = json.loads(line)
            messages = [(message["role"], message["content"]) for message in conversation["messages"]]
            if not messages or messages[-1][0] != "assistant" or any(role not in ROLES for role, _ in messages):
                raise ValueError("roles must be system, user or assistant, and the last message the assistant's")
        except (ValueError, KeyError, TypeError) as error:
            raise Problem(f"{show_path(path)}:{number}: not a conversation ({error})") from error
        conversations.append({"kind": "own", **conversation})
    return conversations


def grounded_examples(
    questions: Sequence[Conversation], packs: dict[str, LanguagePack], seed: int, takedowns: Takedowns = NO_TAKEDOWNS
) -> Iterator[Conversation]:
    """For each question a conversation with its passage among up to two others; for every third also one without it.

    A passage is a page or a part of one, as in use. A question that its page does not answer is declined.
    """
    passages = {url: page for url, page in sample.passages().items() if not takedowns.reason(url=url)}
    for number, conversation in enumerate(questions):
        language, source = conversation["language"], conversation["source"]
        prompts = packs[language].prompts if language in packs else {}
        if not prompts.get("no_answer") or source not in passages:
            continue
        ask, *answers = conversation["messages"]
        rng = random.Random(f"{seed} {source} {ask['content']}")
        other_urls = sorted(url for url, page in passages.items() if page[0] == language and url != source)
        distractors = [part_of(passages[url], "", rng) for url in rng.sample(other_urls, 2)]
        count = rng.choice((0, 1, 2))
        index = rng.randrange(count + 1)
        answer = answers[0]["content"] if answers else ""
        shown = [*distractors[:index], part_of(passages[source], answer, rng), *distractors[index:count]]
        no_answer = {"role": "assistant", "content": prompts["no_answer"]}
        reply = {"role": "assistant", "content": f"{answer} [{index + 1}]"} if answer else no_answer
        kind = "grounded" if answer else "unanswerable"
        yield {**conversation, "kind": kind, "messages": [*grounded(prompts, shown, [ask]), reply]}
        if answer and number % 3 == 0:
            messages = [*grounded(prompts, distractors, [ask]), no_answer]
            yield {**conversation, "kind": "unanswerable", "messages": messages}


def part_of(page: tuple[str, str, str], answer: str, rng: random.Random) -> tuple[str, str]:
    """Title and text of a page; in two of three cases only the paragraph with the most words of the answer."""
    _, title, text = page
    if rng.random() < 1 / 3:
        return title, text
    words = set(answer.lower().split())
    return title, max(text.split("\n\n"), key=lambda paragraph: len(words & set(paragraph.lower().split())))


def refusals() -> list[Conversation]:
    """Requests that would do harm, and how they are declined."""
    return [
        {"kind": "refusal", "language": language, "source": "", "messages": request_and_answer(*pair)}
        for entry in sample.refusals()
        for language, pair in entry.items()
    ]


def request_and_answer(request: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": request}, {"role": "assistant", "content": answer}]


def translation_directions(settings: Tune, of_pairs: Pairs, packs: dict[str, LanguagePack]) -> list[tuple[str, str]]:
    """The directions, as (source, target), in which `all_examples` has translations."""
    if not settings.epochs or (settings.kinds and "translation" not in settings.kinds):
        return []
    main = next(iter(packs))
    pairs = list(combinations(sample_languages(packs), 2)) if settings.instructions == sample.PLACE else []
    if settings.max_pairs:
        of_sources = [pair for source in of_pairs.sources for pair in source.pairs]
        pairs += of_sources
        partners = sorted({second for first, second in of_sources if first == main})
        pairs += combinations(partners, 2) if of_pairs.joined else ()
    directions = dict.fromkeys(way for a, b in pairs for way in ((a, b), (b, a)))
    return [(start, end) for start, end in directions if end in packs[start].prompts.get("translate", {})]


def sample_languages(packs: dict[str, LanguagePack]) -> list[str]:
    """The languages of the recipe that the sample has too."""
    return [code for code in packs if code in sample.parallel()[0]]


def sample_translations(packs: dict[str, LanguagePack], dictionary: Dictionary = NO_WORDS) -> Iterator[Conversation]:
    """Translations of the sample's titles, questions, answers and sentences, which are parallel in its languages."""
    language_pairs = list(combinations(sample_languages(packs), 2))
    for pages in sample.parallel():
        for pair in language_pairs:
            first, second = pages[pair[0]], pages[pair[1]]
            for texts in zip(first[1:], second[1:], strict=True):
                yield from both_directions(packs, pair, texts, (first[0], second[0]), dictionary)
    for row in sample.sentences():
        for pair in language_pairs:
            if pair[0] in row and pair[1] in row:
                yield from both_directions(packs, pair, (row[pair[0]], row[pair[1]]), ("", ""), dictionary)


def both_directions(
    packs: dict[str, LanguagePack],
    languages: tuple[str, str],
    texts: tuple[str, str],
    pages: tuple[str, str],
    dictionary: Dictionary,
) -> Iterator[Conversation]:
    """A pair of texts as two translations; the request is in the language of the text, after the words that the
    dictionary has for it. `pages`: of each text."""
    for start, end in ((0, 1), (1, 0)):
        source, target = languages[start], languages[end]
        request = packs[source].prompts.get("translate", {}).get(target)
        if request:
            hint = dictionary.hint(texts[start], packs[source], packs[target])
            yield {
                "kind": "translation",
                "language": target,
                "source": pages[0],
                "other": pages[1],
                "messages": request_and_answer(f"{hint}{request} {texts[start]}", texts[end]),
            }


def pair_translations(
    settings: Tune, packs: dict[str, LanguagePack], files: Sequence[Path], dictionary: Dictionary = NO_WORDS
) -> Iterator[Conversation]:
    """Up to `max_pairs` pairs of each two languages, in the order of the files; within a file by smallest digest."""
    remaining: dict[tuple[str, str], int] = {}
    for file in files:
        languages = languages_of(file)
        limit = remaining.setdefault(languages, settings.max_pairs)
        chosen = nsmallest(limit, read_pairs(file), key=lambda row: digest("\t".join(row)))
        remaining[languages] -= len(chosen)
        for texts in chosen:
            yield from both_directions(packs, languages, texts, ("", ""), dictionary)


def letters_in(conversation: Conversation) -> set[str]:
    """The letters of each message, and of the part after its first colon (the text in a request to translate)."""
    contents = [message["content"] for message in conversation["messages"]]
    return {letters(text) for content in contents for text in parts_of(content)} - {""}


def parts_of(content: str) -> tuple[str, str]:
    """A message, and the part after its first colon."""
    return content, content.partition(": ")[2]
