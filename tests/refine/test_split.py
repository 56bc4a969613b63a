"""Pages in several languages become a document for each: 44 pages of our own, through the real extractor and rules."""

import json
from collections import Counter
from html import escape

import pytest
from click.testing import CliRunner

from anatili.cli import main
from anatili.document import NOT_MEASURED, Document, Duplicate, page_id, part_id
from anatili.extraction.page import Mode, extract_page
from anatili.lang import load_pack
from anatili.pool import LocalPool
from anatili.recipe import Cut, load_recipe
from anatili.refine.cohesion import TOO_SHORT
from anatili.refine.cut import is_held_out, thresholds, why_not
from anatili.refine.mark import look_at
from anatili.refine.prose import IN_ORDER, UNKNOWN
from anatili.refine.split import in_language, split_document, split_text
from anatili.run import Run
from anatili.sample.pages import render
from anatili.sample.topics import read_topics
from anatili.stage import Quiet, build, identity
from anatili.stage_table import STAGES
from anatili.why import page_history

PACKS = {code: load_pack(code) for code in ("kk", "ru")}
TOPICS = read_topics()
RECIPE = """
name = "split"
language = "kk"
beside = ["ru"]

[[collect.sources]]
name = "pages"
path = "pages.jsonl"
kind = "jsonl"

[cut]
held_out = 0.0
"""


def paragraphs(number: int, code: str) -> list[str]:
    return [block for block in TOPICS[number].pages[code].text.split("\n\n") if block.strip()]


def words_of(number: int, code: str, count: int) -> str:
    """The first sentences of a text, as many as have `count` words together."""
    sentences = TOPICS[number].pages[code].text.replace("\n\n", " ").split(". ")
    amount = next(n for n in range(1, 99) if len(" ".join(sentences[:n]).split()) >= count)
    return ". ".join(sentences[:amount]).rstrip(".") + "."


def in_frame(number: int, share: int) -> str:
    """A Kazakh article of some forty words among `share` Russian teasers."""
    teasers = [paragraphs((number + n) % len(TOPICS), "ru")[0] for n in range(1, share + 1)]
    half = share // 2
    return "\n\n".join([*teasers[:half], words_of(number, "kk", 38), *teasers[half:]])


def one_after_the_other(number: int) -> str:
    return TOPICS[number].pages["kk"].text + "\n\n" + TOPICS[number].pages["ru"].text


def in_turn(number: int) -> str:
    pairs = zip(paragraphs(number, "kk"), paragraphs(number, "ru"), strict=False)
    return "\n\n".join(text for pair in pairs for text in pair)


def other_first(number: int) -> str:
    return TOPICS[number].pages["ru"].text + "\n\nҚазақша\n\n" + TOPICS[number].pages["kk"].text


def table(number: int) -> str:
    rows = zip(paragraphs(number, "kk"), paragraphs(number, "ru"), strict=False)
    cells = "".join(f"<tr><td><p>{escape(a)}</p></td><td><p>{escape(b)}</p></td></tr>" for a, b in rows)
    return f"<html><head><title>Екі тілде</title></head><body><article><table>{cells}</table></article></body></html>"


def with_quotation(number: int) -> str:
    """A Russian article that quotes a Kazakh sentence: no page in two languages."""
    quoted = words_of(number, "kk", 5).split(". ")[0][:95]
    return "\n\n".join([*paragraphs(number, "ru"), f"«{quoted}»", *paragraphs(number + 1, "ru")])


def with_headlines(number: int) -> str:
    """A Russian article beside titles of Kazakh ones."""
    return "\n\n".join([*paragraphs(number, "ru"), *[TOPICS[n].pages["kk"].title for n in range(number, number + 6)]])


PAGES = {
    "short, few Russian teasers": (["kk"], [in_frame(n, 3) for n in range(6)]),
    "short, many Russian teasers": (["kk"], [in_frame(n, 9) for n in range(6, 12)]),
    "one after the other": (["kk", "ru"], [one_after_the_other(n) for n in range(12, 16)]),
    "the other first": (["kk", "ru"], [other_first(n) for n in range(16, 20)]),
    "in turn": (["kk", "ru"], [in_turn(n) for n in range(20, 24)]),
    "side by side": (["kk", "ru"], [table(n) for n in range(24, 28)]),
}


def documents(html: str, mode: Mode = "careful") -> list[Document]:
    text = extract_page(html.encode(), mode=mode, url="https://x.example/1", in_language=in_language("kk")).text
    return [Document("ab12", text, "", "https://x.example/1", "s", "", "", "", "utf-8")]


def kept(pages: list[Document]) -> list[str]:
    """The languages of the documents that `cut` keeps."""
    limits = {code: thresholds(Cut(min_words=25), pack) for code, pack in PACKS.items()}
    unique = Duplicate("", "", "", 0.0)
    marks = [(page, look_at(page, PACKS, 25)) for page in pages]
    return sorted(mark.language for page, mark in marks if not why_not(page, mark, unique, limits)[0])


@pytest.mark.parametrize("kind", PAGES)
@pytest.mark.parametrize("mode", ["careful", "fast"])
def test_each_language_of_a_page_is_a_document(kind, mode):
    languages, texts = PAGES[kind]
    before, after = Counter[bool](), Counter[bool]()
    for number, text in enumerate(texts):
        whole = documents(text if text.startswith("<html>") else render("Бет", text, "ru", number), mode)
        parts, _ = split_document(whole[0], PACKS)
        before[set(languages) <= set(kept(whole))] += 1
        after[set(languages) <= set(kept(parts))] += 1
        lines = [line for part in parts for line in part.text.splitlines() if line.strip()]
        every = [cell.strip("| ") for line in whole[0].text.splitlines() for cell in line.split("|")]
        assert Counter(line.strip("| ") for line in lines) <= Counter(every), "no second copy of a line"
        assert {page_id(part.id) for part in parts} == {"ab12"}
        assert {part.url for part in parts} == {whole[0].url}
        assert len({part.id for part in parts}) == len(parts)
    print(f"{kind}: {before[True]} of {len(texts)} before, {after[True]} now")
    assert after[True] == len(texts)


PLACES = {
    "a box beside the article": ("</main>", '<aside class="widget"><h3>Хабарландыру</h3><p>{}</p></aside></main>'),
    "the footer": ("<footer>", '<footer><div class="contacts">{}</div>'),
    "above the menu": ("<header>", '<div class="banner"><span>{}</span></div><header>'),
    "a comment": ('<div class="comment">', '<div class="comment"><b>user9</b> {}</div><div class="comment">'),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_kazakh_text_anywhere_in_a_russian_page_is_a_document(place):
    before, after = PLACES[place]
    for number in range(4):
        html = render("Бет", TOPICS[number].pages["ru"].text, "ru", 0)
        kazakh = words_of(number + 20, "kk", 38)
        assert html.count(before)
        parts, _ = split_document(documents(html.replace(before, after.format(escape(kazakh)), 1), "fast")[0], PACKS)
        assert {part.id: part.text for part in parts}[part_id("ab12", "kk")].count(kazakh) == 1


@pytest.mark.parametrize("make", [with_quotation, with_headlines])
def test_a_quotation_and_a_list_of_titles_are_no_document(make):
    for number in range(28, 36):
        whole = documents(render("Бет", make(number), "ru", number))
        assert split_document(whole[0], PACKS) == (whole, [])


def test_the_parts_hold_every_line_once_and_in_order():
    text = in_turn(3)
    main, other = split_text(text, ("kk", "ru"))
    assert {main.language, other.language} == {"kk", "ru"}
    assert sorted((main.text + "\n" + other.text).split()) == sorted(text.split())
    assert main.text == "\n".join(line for line in text.splitlines() if line in main.text.splitlines()).strip()


def test_a_short_line_belongs_to_the_text_around_it():
    first, second = paragraphs(0, "kk")[:2]
    russian = "\n".join(paragraphs(0, "ru") + paragraphs(1, "ru"))
    main, own = split_text(f"Новости\n{russian}\n{first}\n1914–1970\n{second}\nПодробнее", ("kk",))
    assert own.text == f"{first}\n1914–1970\n{second}"
    assert main.text.startswith("Новости")
    assert main.text.endswith("Подробнее")


def test_what_is_only_a_frame_is_lost_with_its_size():
    menu = "\n".join(["Главные новости за сегодня в стране", "Расписание работы учреждений города"] * 12)
    article = " ".join(paragraphs(0, "kk"))[:300]
    (part,), (frame,) = split_document(documents_of(menu + "\n" + article), ("kk", "ru"))
    assert (part.id, part.text) == (part_id("ab12", "kk"), article)
    assert (frame.id, frame.reason) == ("ab12", "frame")
    assert frame.detail.endswith("letters around the text")


def documents_of(text: str) -> Document:
    return Document("ab12", text, "", "https://x.example/1", "s", "", "", "", "utf-8")


def test_a_page_in_one_language_and_a_declared_one_stay_whole():
    text = TOPICS[0].pages["kk"].text
    assert split_document(documents_of(text), ("kk", "ru")) == ([documents_of(text)], [])
    both = Document("ab12", in_turn(3), "", "u", "s", "", "", "", "utf-8", language="kk")
    assert split_document(both, ("kk", "ru")) == ([both], [])
    assert split_text("", ("kk",)) == []


def test_documents_of_a_page_are_held_out_together():
    for page in ("00ff12ab34cd", "ff00aa11bb22"):
        assert is_held_out(page, 0.5) == is_held_out(part_id(page, "ru"), 0.5)


def refined(folder, text, stages):
    """A run of the first stages over one document."""
    (folder / "pages.jsonl").write_text(json.dumps({"url": "https://x.example/1", "text": text}) + "\n", "utf-8")
    (folder / "recipe.toml").write_text(RECIPE, "utf-8")
    recipe, run = load_recipe(folder / "recipe.toml"), Run(folder / "run")
    for stage in STAGES[:stages]:
        build(stage, recipe, run, LocalPool(), identity(stage, recipe, run, folder), folder, Quiet())
    (run.root / "recipe.toml").write_text(RECIPE, "utf-8")
    return run


def test_why_says_what_was_not_measured(tmp_path):
    spelled = {"surprisal": UNKNOWN, "odd": UNKNOWN}
    assert {"quality": -1, **spelled, "order": IN_ORDER, "cohesion": TOO_SHORT} == NOT_MEASURED
    run = refined(tmp_path, "Бір екі үш төрт бес алты жеті.", 3)  # too short for an order
    marks = page_history(run, "https://x.example/1")[-1]
    assert (marks["words"], marks["order"], marks["cohesion"]) == (7, None, None)

    def why(*options, language="en"):
        command = ["why", str(run.root), "https://x.example/1", *options]
        return CliRunner(env={"ANATILI_LANG": language}).invoke(main, command, catch_exceptions=False).output

    for language, words in ("en", "not measured"), ("kk", "өлшенбеді"), ("ru", "не измерено"):
        assert f"order: {words}\n" in why(language=language)
    assert json.loads(why("--json").splitlines()[-1])["order"] is None


def test_why_tells_of_both_documents_of_a_page(tmp_path):
    run = refined(tmp_path, in_turn(3), 5)
    steps = page_history(run, "https://x.example/1")
    became = [step for step in steps if step["stage"] == "extract"]
    assert [bool(step["part"]) for step in became] == [False, True]
    whole, part = (step["what"].split()[-1] for step in became)
    assert part in (f"{whole}-kk", f"{whole}-ru")
    assert became[1]["part"] == f"what is in {part[-2:]} on page {whole}"
    assert {step["what"] for step in steps if step["stage"] == "cut"} == {"in the corpus (kk)", "in the corpus (ru)"}
    assert page_history(run, whole) == steps
    assert [step["what"] for step in page_history(run, part) if step["stage"] == "extract"] == [
        f"became document {part}"
    ]
