"""Planted junk and genuine texts for bench/junk.py. `part` is `tune` or `report`: the two share no text, no template
and, where a kind is made by a rule, not the same rule."""

import html
import json
import random
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from anatili.lang import LanguagePack
from anatili.text import words

HERE = Path(__file__).parent
EACH = 30
SCHEMES = ("Latn2021", "Latn2018", "Arab")
OTHER_SCRIPTS = (
    "salad",
    "wrong letters 10 %",
    "loans",
    "essays",
    "cookies",
    "casino",
    "menus",
    "prices",
    "keywords",
    "one word changed",
)


@dataclass(frozen=True)
class Sample:
    """A text of a kind. `page`: it as HTML, with whatever a site puts around it."""

    kind: str
    is_good: bool
    text: str
    page: str


@dataclass(frozen=True)
class Stock:
    """What samples of one part are made from: passages of sentences in a row, other lines, pools of templates."""

    part: str
    passages: list[list[str]]
    foreign: list[str]
    reviews: list[str]
    strings: list[str]
    dictionary: dict[str, str]
    pools: dict[str, list[str]]
    fill: dict[str, list[str]]


Maker = Callable[[random.Random, Stock], str]


def lines_of(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]


def passages(lines: list[str], least: int = 80) -> list[list[str]]:
    """Lines in a row until they have so many words."""
    made: list[list[str]] = [[]]
    for line in lines:
        made[-1].append(line)
        if sum(len(words(x)) for x in made[-1]) >= least:
            made.append([])
    return made[:-1]


def half(lines: list[str], part: str) -> list[str]:
    middle = len(lines) // 2
    return lines[:middle] if part == "tune" else lines[middle:]


def stock(data: Path, part: str) -> Stock:
    bench = data / "bench"
    tables = tomllib.loads((HERE / "junk.toml").read_text("utf-8"))
    fill = tables.pop("fill")
    strings = [x for x in lines_of(data / "text" / "debian_l10n.kk.txt") if 10 < len(x) < 120]
    return Stock(
        part=part,
        passages=passages(half(lines_of(bench / "ntrex_dev" / "kaz.txt"), part)),
        foreign=half(lines_of(bench / "ntrex_dev" / "rus.txt"), part),
        reviews=half(lines_of(data / "text" / "kazsandra.kk.txt"), part),
        strings=half(strings, part),
        dictionary=word_pairs(data, part),
        pools={kind: pool[part] for kind, pool in tables.items()},
        fill=fill,
    )


def word_pairs(data: Path, part: str) -> dict[str, str]:
    """A crude dictionary, Russian word -> the Kazakh one that most often stands in the same sentences."""
    together: dict[str, Counter[str]] = defaultdict(Counter)
    alone: Counter[str] = Counter()
    for row in half(lines_of(data / "parallel" / "kk-ru" / "apertium_kaz_rus.tsv"), part)[:3500]:
        own, other, *_ = row.split("\t")
        mine, others = {w.lower() for w in words(own)}, {w.lower()[:6] for w in words(other)}
        alone.update(mine)
        for word in others:
            together[word].update(mine)
    return {word: max(seen, key=lambda w: (seen[w] ** 1.5 / (alone[w] + 3), w)) for word, seen in together.items()}


def sentence(r: random.Random, stock: Stock) -> str:
    return r.choice(r.choice(stock.passages))


def filled(r: random.Random, stock: Stock, template: str) -> str:
    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name == "n":
            return str(r.randint(2, 60))
        return f"{r.randint(5, 900)} {r.choice(('000', '500', '900'))}" if name == "m" else r.choice(stock.fill[name])

    return re.sub(r"\{(\w+)\}", value, template)


def pooled(kind: str, least: int, joint: str, repeat: bool = False) -> Maker:
    """Sentences of a pool in a new order, with their gaps filled."""

    def make(r: random.Random, stock: Stock) -> str:
        pool, lines = stock.pools[kind], list[str]()
        order = r.sample(pool, len(pool))
        while sum(len(words(x)) for x in lines) < least and (order or repeat):
            lines.append(filled(r, stock, order.pop() if order else r.choice(pool)))
        return joint.join(lines)

    return make


def salad(r: random.Random, stock: Stock) -> str:
    """Words out of their order: of one passage, or of the whole stock."""
    if stock.part == "tune":
        bag = [w for line in r.choice(stock.passages) for w in line.split()]
    else:
        bag = [r.choice(sentence(r, stock).split()) for _ in range(90)]
    return " ".join(r.sample(bag, len(bag)))


def shuffled_sentences(r: random.Random, stock: Stock) -> str:
    lines = [line.split() for line in r.choice(stock.passages)]
    return "\n".join(" ".join(r.sample(line, len(line))) for line in lines)


def spun(r: random.Random, stock: Stock) -> str:
    return " ".join(sentence(r, stock) for _ in range(7))


def long_spun(r: random.Random, stock: Stock) -> str:
    return " ".join(sentence(r, stock) for _ in range(20))


def one_word_changed(r: random.Random, stock: Stock) -> str:
    line = next(x for x in iter(lambda: sentence(r, stock).split(), None) if 8 <= len(x) <= 16)
    place = r.randrange(2, len(line) - 1)
    names = stock.fill["city"] + stock.fill["thing"] + stock.fill["subject"]
    return " ".join(" ".join([*line[:place], name, *line[place + 1 :]]) for name in r.sample(names, 8))


def word_for_word(r: random.Random, stock: Stock) -> str:
    start = r.randrange(len(stock.foreign) - 14)
    lines = []
    for line in stock.foreign[start : start + 14]:
        known = [stock.dictionary[w.lower()[:6]] for w in words(line) if w.lower()[:6] in stock.dictionary]
        lines.append((" ".join(known)).capitalize() + ".")
    return " ".join(lines)


SIMILAR = dict(zip("аеіиоңқғұүысптнлшбвдмкрзжу", "оcіпсиккуунерпииищъоаинэжчу", strict=False))


def wrong_letters(share: float) -> Maker:
    """Letters read wrongly by a scanner: similar ones, or any of the alphabet and signs."""

    def make(r: random.Random, stock: Stock) -> str:
        letters = "".join(sorted({c for line in stock.strings[:500] for c in line.lower() if c.isalpha()}))
        text = " ".join(r.choice(stock.passages))
        any_letter = stock.part == "report"

        def read(c: str) -> str:
            if not c.isalpha() or r.random() > share:
                return c
            return r.choice(letters + ".,1") if any_letter else SIMILAR.get(c.lower(), r.choice(letters))

        return "".join(map(read, text))

    return make


def question_marks(r: random.Random, stock: Stock) -> str:
    """Letters that a charset lacks, lost as question marks."""
    return re.sub("[әғқңөұүһіӘҒҚҢӨҰҮҺІ]", "?", " ".join(r.choice(stock.passages)))


def double_encoded(r: random.Random, stock: Stock) -> str:
    return " ".join(r.choice(stock.passages)).encode("utf-8").decode("cp1251", "replace")


def folded(proper: int) -> Maker:
    """Typed with Russian letters, but for some words spelt properly."""
    table = str.maketrans("әғқңөұүһіӘҒҚҢӨҰҮҺІ", "агкноуухиАГКНОУУХИ")

    def make(r: random.Random, stock: Stock) -> str:
        text = " ".join(r.choice(stock.passages)).split()
        special = [n for n, w in enumerate(text) if w.translate(table) != w]
        kept = set(r.sample(special, min(proper, len(special))))
        return " ".join(w if n in kept else w.translate(table) for n, w in enumerate(text))

    return make


def reviews(r: random.Random, stock: Stock) -> str:
    return "\n".join(r.choice(stock.reviews) for _ in range(16))


def interface(r: random.Random, stock: Stock) -> str:
    start = r.randrange(len(stock.strings) - 25)
    return "\n".join(stock.strings[start : start + 25])


def links(r: random.Random, stock: Stock) -> str:
    return "\n".join(" ".join(sentence(r, stock).split()[: r.randint(5, 11)]) for _ in range(14))


def teasers(r: random.Random, stock: Stock) -> str:
    more = stock.pools["menus"][r.randrange(len(stock.pools["menus"]))]
    parts = []
    for _ in range(9):
        cut = " ".join(sentence(r, stock).split()[: r.randint(6, 12)])
        parts.append(f"{cut}...\n{r.randint(1, 28):02}.{r.randint(1, 12):02}.2021 {r.randint(3, 990)} {more}")
    return "\n".join(parts)


def half_russian(r: random.Random, stock: Stock) -> str:
    own, other = " ".join(r.choice(stock.passages)).split(), " ".join(r.sample(stock.foreign, 4)).split()
    return " ".join(a if r.random() < 0.55 else b for a, b in zip(own, other, strict=False))


JUNK: dict[str, Maker] = {
    "links": links,
    "salad": salad,
    "sentences shuffled": shuffled_sentences,
    "spun of many articles": spun,
    "spun, 20 sentences": long_spun,
    "one word changed": one_word_changed,
    "word for word": word_for_word,
    "wrong letters 5 %": wrong_letters(0.05),
    "wrong letters 10 %": wrong_letters(0.10),
    "wrong letters 20 %": wrong_letters(0.20),
    "question marks": question_marks,
    "double encoded": double_encoded,
    "typed without letters": folded(0),
    "typed, 3 words proper": folded(3),
    "reviews": reviews,
    "chat": pooled("chat", 60, " ", repeat=True),
    "cookies": pooled("cookies", 70, " "),
    "loans": pooled("loans", 70, " "),
    "essays": pooled("essays", 65, " "),
    "casino": pooled("casino", 60, " "),
    "adverts": pooled("adverts", 65, " "),
    "prices": pooled("prices", 60, "\n", repeat=True),
    "keywords": pooled("keywords", 70, ", ", repeat=True),
    "menus": pooled("menus", 45, "\n"),
    "interface": interface,
    "teasers": teasers,
    "half Russian": half_russian,
}


def page(lines: list[str], rest: list[str], *, linked: bool = False) -> str:
    """A page of a site: menu, the lines as paragraphs (as links with `linked`), links to other articles, footer."""
    menu = "".join(f'<li><a href="/m{n}">{html.escape(x)}</a></li>' for n, x in enumerate(rest[:7]))
    more = "".join(f'<li><a href="/a{n}">{html.escape(x)}</a></li>' for n, x in enumerate(rest[7:12]))
    start, end = ('<p><a href="/n">', "</a></p>") if linked else ("<p>", "</p>")
    body = "\n".join(start + html.escape(line) + end for line in lines)
    return (
        f"<!DOCTYPE html><html><head><title>{html.escape(rest[0])}</title></head><body><nav><ul>{menu}</ul></nav>"
        f"<main><article><h1>{html.escape(rest[-1])}</h1>\n{body}\n</article></main>"
        f"<aside><ul>{more}</ul></aside><footer><p>© 2024</p></footer></body></html>"
    )


def junk(data: Path, part: str, pack: LanguagePack, each: int = EACH) -> Iterator[Sample]:
    """Every kind, `each` times, and some in the language's other scripts."""
    base = stock(data, part)
    for kind, make in JUNK.items():
        r = random.Random(f"{kind} {part}")
        for _ in range(each):
            text = make(r, base)
            yield Sample(kind, False, text, page(text.splitlines(), around(r, base), linked=kind == "links"))
            if kind in OTHER_SCRIPTS:
                scheme = r.choice(SCHEMES)
                other = pack.transliterate(text, scheme)
                rest = [pack.transliterate(x, scheme) for x in around(r, base)]
                yield Sample(f"{kind} in {scheme[:4]}", False, other, page(other.splitlines(), rest))


def around(r: random.Random, base: Stock) -> list[str]:
    titles = [" ".join(sentence(r, base).split()[:8]) for _ in range(6)]
    return [*r.sample(base.pools["menus"], 7), *titles]


def good(data: Path, part: str, pack: LanguagePack) -> Iterator[Sample]:
    """Genuine texts by kind."""
    base, r = stock(data, part), random.Random(part)
    tables = tomllib.loads((HERE / "good.toml").read_text("utf-8"))
    texts = {kind: list(table[part]) for kind, table in tables.items()}
    texts["news"] = ["\n".join(x) for x in base.passages]
    rows = [json.loads(x) for x in (data / "exams" / "kazqad_kk.jsonl").open(encoding="utf-8")]
    school = half(sorted({row["passage"] for row in rows}), part)
    texts["school"] = [x.strip() for x in school if 60 <= len(words(x)) <= 400]
    udhr = [x for x in lines_of(data / "lid" / "kk.tsv") if x.startswith("udhr")][8:]
    texts["law"] += ["\n".join(x) for x in half(passages([x.split("\t")[1] for x in udhr]), part)]
    if part == "report":
        texts["encyclopedia"] = ["\n".join(x) for x in passages(lines_of(data / "bench" / "flores_dev" / "kk.txt"))]
        texts["tales"] = ["\n".join(x) for x in passages(lines_of(data / "bench" / "ud_kazakh_ktb" / "kk.txt"))]
    for kind, some in texts.items():
        for n, text in enumerate(some):
            yield Sample(kind, True, text, page(text.splitlines(), around(r, base)))
            if kind in ("news", "law", "poems", "recipes", "school", "dialogue"):
                scheme = SCHEMES[n % len(SCHEMES)]
                other = pack.transliterate(text, scheme)
                rest = [pack.transliterate(x, scheme) for x in around(r, base)]
                yield Sample(
                    {"Latn": "Latin", "Arab": "Arabic"}[scheme[:4]], True, other, page(other.splitlines(), rest)
                )
