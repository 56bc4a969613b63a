"""Split a page by language, before its main language is decided: a page may hold texts in several languages.

A language has a text on a page if it has a passage: enough letters in sentences, not in menus or headings. The language
with the most letters of a page keeps the page's id; what is in another language of the recipe becomes a document of its
own, with the language behind the id (`document.part_id`) and the same address. Each line goes to one document.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from anatili.document import Document, Lost, part_id
from anatili.extraction import LINE_LETTERS, PASSAGE, InLanguage
from anatili.identify import identify_all
from anatili.lang import load_pack
from anatili.refine.code_switching import switched_share
from anatili.text import count_letters, letters_of_each, sentences, words

SURE = 0.8
"""Confidence from which a line counts as being in its language."""
SENTENCE = 60
"""Letters of a line from which it counts as a sentence and not as an entry of a menu."""
ENDS = re.compile(r"[.!?…։।。؟۔][\"'»”’)\]]*\s*$")
"""How a line ends that is a sentence: one without an end must be `HEADLINE` times as long."""
HEADLINE = 3
FRAME = "frame"
"""Why what stands around a text is lost."""
SWITCHED = 0.06
"""Share of a line's words that are another language's stop words from which it is looked at by sentence."""
MIXED = 0.08
"""The same of a page, from which its text is set apart from the frame: `cut` would lose it for mixed languages."""


def in_language(language: str) -> InLanguage:
    """A function that says of each of some texts whether it is surely in the language."""
    return lambda texts: [
        verdict.language == language and verdict.confidence >= SURE for verdict in identify_all(texts)
    ]


@dataclass(frozen=True)
class Part:
    """Lines of a page in one language; `language` is "" for the frame around its texts."""

    language: str
    text: str


def split_document(document: Document, languages: Collection[str]) -> tuple[list[Document], list[Lost]]:
    """The documents of a page: itself, or one for each language of the recipe that has a passage on it.

    What remains around them is a document too if it has a passage of its own, else it is lost as the frame of the page.
    A source that says the language of its documents is trusted: they are not split.
    """
    parts = [] if document.language else split_text(document.text, languages)
    if not parts:
        return [document], []
    documents, lost = [], []
    for number, part in enumerate(parts):
        identity = part_id(document.id, part.language or FRAME) if number else document.id
        if part.language:
            documents.append(replace(document, id=identity, text=part.text))
        elif part.text:
            lost.append(Lost(identity, document.url, FRAME, f"{count_letters(part.text)} letters around the text"))
    return documents, lost


def split_text(body: str, languages: Collection[str]) -> list[Part]:
    """What a page is mostly in, then its parts in other languages of `languages`; empty if it stays whole.

    A page in one language that has many words of another in it is split into its text and the frame around that.
    """
    pieces = list(pieces_of(body, languages))
    lines = [text for _, text in pieces]
    letters = letters_of_each(lines)
    if sum(letters) < PASSAGE:
        return []
    verdicts = identify_all(lines)
    sure = {
        number: verdict.language
        for number, verdict in enumerate(verdicts)
        if letters[number] >= LINE_LETTERS and verdict.confidence >= SURE
    }
    if not sure:
        return []
    amounts, in_sentences = Counter[str](), Counter[str]()
    paragraphs = Counter[tuple[int, str]]()
    ends = dict[tuple[int, str], str]()
    for number, language in sure.items():
        paragraph = pieces[number][0], language
        paragraphs[paragraph] += letters[number]
        ends[paragraph] = lines[number]
    for paragraph, count in paragraphs.items():
        amounts[paragraph[1]] += count
        in_sentences[paragraph[1]] += count if is_sentence(ends[paragraph], count) else 0
    main = max(sorted(amounts), key=amounts.__getitem__)
    own = [code for code in languages if code != main and in_sentences[code] >= PASSAGE]
    if own:
        owners = owners_of([verdict.language for verdict in verdicts], sure, main, own)
        # What remains is a frame if it is no text of its own.
        names = {main: main if in_sentences[main] >= PASSAGE else "", **{code: code for code in own}}
    elif main in languages and in_sentences[main] >= PASSAGE and switched(body, languages, main) > MIXED:
        owners = [main if verdicts[n].language == main else FRAME for n in range(len(lines))]
        names = {main: main, FRAME: ""}
    else:
        return []
    return [
        Part(name, joined([piece for piece, owner in zip(pieces, owners, strict=True) if owner == code]))
        for code, name in names.items()
    ]


Piece = tuple[int, str]
"""A number that all pieces of one paragraph share, and the text of one of them."""


def pieces_of(body: str, languages: Collection[str]) -> Iterator[Piece]:
    """The lines of a page, the long cells of its tables, and the sentences of lines that switch between languages."""
    number = 0
    for line in body.splitlines():
        for cell in cells_of(line):
            for sentence in sentences(cell) if switched(cell, languages) > SWITCHED else [cell]:
                yield number, sentence
            number += 1


def switched(line: str, languages: Collection[str], language: str = "") -> float:
    """Share of words that are stop words of other languages only, not of `language` (by default that with most)."""
    if len(line) < PASSAGE or len(languages) == 1:
        return 0.0
    packs = {code: load_pack(code) for code in languages}
    spoken = [word.lower() for word in words(line)]
    known = [sum(word in pack.stopwords for word in spoken) for pack in packs.values()]
    return switched_share(spoken, language or list(packs)[known.index(max(known))], packs)


def joined(pieces: Sequence[Piece]) -> str:
    """The text of pieces, a line for each paragraph."""
    lines: dict[int, str] = {}
    for number, text in pieces:
        lines[number] = f"{lines[number]} {text}" if number in lines else text
    return "\n".join(lines.values()).strip()


def cells_of(line: str) -> list[str]:
    """The cells of a table's row that holds long texts, which may be in several languages; else the line itself."""
    row = line.strip()
    if not (row.startswith("|") and row.endswith("|")):
        return [line]
    cells = [cell.strip() for cell in line.split("|") if cell.strip()]
    return cells if sum(count_letters(cell) >= LINE_LETTERS for cell in cells) > 1 else [line]


def is_sentence(line: str, letters: int) -> bool:
    return letters >= (SENTENCE if ENDS.search(line) else HEADLINE * SENTENCE)


def owners_of(seeming: Sequence[str], sure: dict[int, str], main: str, own: Collection[str]) -> list[str]:
    """For each line the language of the part that it belongs to. `seeming`: what each line seems to be in.

    A line that is too short to tell belongs to the lines around it. Between two parts it goes to the one whose language
    it seems to be in, and else to `main`.
    """
    owners: list[str] = []
    known = [code if (code := sure.get(n, "")) in own or not code else main for n in range(len(seeming))]
    before = main
    for number, after in enumerate(next_known(known, main)):
        before = known[number] or before
        owners.append(before if before == after else seeming[number] if seeming[number] in own else main)
    return owners


def next_known(known: Sequence[str], main: str) -> Iterator[str]:
    """For each line the language of the next one that has one, itself included."""
    following: list[str] = []
    after = main
    for language in reversed(known):
        after = language or after
        following.append(after)
    return reversed(following)
