"""How many citations on falsehoods are taken away, and how many on true sentences stay.

    python bench/citations.py [--show KIND] [--half judge]

The passages are the pages of the sample in four languages. True: their sentences word for word, the written answers to
the sample's questions, and sentences of `citations.toml` (other order, endings, digits for words, shorter). Planted:
sentences and answers with one thing changed by a rule (year, digits, word for a number, unit, name, denial), and those
of `citations.toml`. The rules were made on the topics of the first half (every other one); the second half judges.
"""

import argparse
import random
import re
import time
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from anatili.lang import LanguagePack, load_pack
from anatili.lang.facts import names, numbers
from anatili.lang.facts_file import load_facts
from anatili.sample.topics import Topic, read_topics
from anatili.search.index import Passage
from anatili.serve.citations import bears_out
from anatili.text import sentences

CODES = ("kk", "ru", "en", "tr")
WRITTEN = Path(__file__).with_name("citations.toml")
UNITS = {  # what stands behind a number: instead of it
    "kk": (
        "шақырым:метр; километр:метр; метр:шақырым; пайыз:есе; минут:сағат; сағат:минут; жыл:ғасыр; "
        "градус:пайыз; килограмм:грамм; тонна:килограмм; гектар:шаршы метр; ғасыр:жыл; ай:апта; күн:сағат; "
        "литр:миллилитр; теңге:доллар; келі:тонна; апта:ай"
    ),
    "ru": (
        "километр:метр; метр:километр; процент:раз; минут:час; час:минут; секунд:минут; градус:процент; "
        "килограмм:грамм; тонн:килограмм; гектар:метр; месяц:недел; недел:месяц; литр:миллилитр; "
        "дней:месяцев; лет :дней ; веке:году; века:года; век:год"
    ),
    "en": (
        "kilometre:metre; metre:kilometre; per cent:times; minute:hour; hour:minute; second:minute; "
        "degree:per cent; kilogram:gram; tonne:kilogram; hectare:acre; month:week; week:month; "
        "litre:millilitre; days:months; years:days; century:year"
    ),
    "tr": (
        "kilometre:metre; metre:kilometre; yüzde:; dakika:saat; saat:dakika; saniye:dakika; derece:yüzde; "
        "kilogram:gram; ton :kilo ; hektar:metrekare; hafta:ay; litre:mililitre; gün:hafta; yıl:gün; "
        "yüzyıl:yıl"
    ),
}


@dataclass(frozen=True)
class Case:
    topic: int
    code: str
    kind: str
    true: bool
    text: str


def cases(topics: tuple[Topic, ...]) -> Iterator[Case]:
    for number, topic in enumerate(topics):
        for code in CODES:
            page, pack = topic.pages[code], load_pack(code)
            spoken = sentences(page.text, pack.abbreviations)
            answers = sentences(page.answer, pack.abbreviations)
            yield from (Case(number, code, "verbatim", True, text) for text in spoken)
            yield from (Case(number, code, "answer", True, text) for text in answers)
            choose = random.Random(f"{topic.slug} {code}")
            other = topics[(number + choose.randrange(1, len(topics))) % len(topics)].pages[code]
            for text in [*spoken, *answers]:
                for kind, planted in plant(text, page.text, other.text, pack, choose):
                    yield Case(number, code, kind, False, planted)
    slugs = [topic.slug for topic in topics]
    for row in tomllib.loads(WRITTEN.read_text("utf-8"))["case"] if WRITTEN.is_file() else ():
        for code in CODES:
            for key in ("true", "false"):
                for text in row.get(code, {}).get(key, ()):
                    kind, _, text = text.partition(": ")
                    yield Case(slugs.index(row["topic"]), code, f"written, {kind}", key == "true", text)


def plant(text: str, page: str, other: str, pack: LanguagePack, choose: random.Random) -> Iterator[tuple[str, str]]:
    """The sentence with one thing changed, by kinds."""
    there = {number.value for number in numbers(page, pack)}
    digits = list(re.finditer(r"\d+", text))
    if digits:
        match = choose.choice(digits)
        old = int(match.group())
        new = next(n for n in iter(lambda: changed(old, choose), None) if n not in there or old > 1000)
        if new != old:
            yield (
                "year" if len(match.group()) == 4 else "digits",
                text[: match.start()] + str(new) + text[match.end() :],
            )
        years = [y for y in re.findall(r"\d{4}", page) if y not in text]
        if len(match.group()) == 4 and years:
            yield "year of the same page", text[: match.start()] + choose.choice(years) + text[match.end() :]
    yield from (("number word", one) for one in other_word(text, pack, choose))
    units = UNITS[pack.code].split("; ")
    for pair in choose.sample(units, len(units)):
        old_unit, new_unit = pair.split(":")
        spans = [
            (n.end, n.last) for n in numbers(text, pack) if re.search(rf"\b{old_unit.strip()}", text[n.end : n.last])
        ]
        if spans and new_unit:
            start, end = spans[0]
            yield "unit", text[:start] + text[start:end].replace(old_unit.strip(), new_unit.strip()) + text[end:]
            break
    own = [name for name in names(text, pack) if name.sure and len(name.words[0]) > 3]
    if own:
        name = choose.choice(own)
        for kind, source in (("name of another page", other), ("name of the same page", page)):
            words = {word for n in names(source, pack) if n.sure for word in n.words if len(word) > 3}
            words = {w for w in words if not any(alike(w, one, pack) for one in re.findall(r"\w+", text))}
            if kind == "name of another page":
                words = {w for w in words if not any(alike(w, one, pack) for one in re.findall(r"\w+", page))}
            if words:
                new_name = choose.choice(sorted(words))
                yield kind, text[: name.start] + bare(new_name) + ending(name.words[-1]) + text[name.end :]
    denied = DENY[pack.code](text)
    if denied:
        yield "denial", denied


def alike(one: str, other: str, pack: LanguagePack) -> bool:
    return pack.lower(one)[:4] == pack.lower(other)[:4]


def bare(name: str) -> str:
    return re.split("['’]", name)[0]


def ending(name: str) -> str:
    found = re.search("['’].*", name)
    return found.group() if found else ""


def changed(old: int, choose: random.Random) -> int:
    if old > 1000:
        return old + choose.choice((-100, -30, -10, -3, -1, 1, 2, 10, 28, 100))
    return max(2, old + choose.choice((-7, -2, -1, 1, 2, 3, 10, 20))) if old > 2 else old + choose.choice((2, 3))


def other_word(text: str, pack: LanguagePack, choose: random.Random) -> Iterator[str]:
    said = load_facts(pack.folder).numbers
    for number in numbers(text, pack):
        word = text[number.start : number.end]
        low = word.lower()
        table = {**(said.stems if pack.code in ("kk", "tr") else {}), **said.words}
        value = table.get(low)
        if number.worded and value and 2 <= value <= 1000:
            group = [w for w, v in table.items() if v != value and same_kind(v, value) and w[-1:] == low[-1:]]
            group = group or [w for w, v in table.items() if v != value and same_kind(v, value)]
            if group:
                yield text[: number.start] + choose.choice(group) + text[number.end :]
                return


def same_kind(one: int, other: int) -> bool:
    return one > 1 and len(str(one)) == len(str(other)) and (one > 9) == (other > 9)


def deny_kk(text: str) -> str:
    present = re.search(r"(\w{2,}?)(?:ады|еді|йды|йді)\.$", text)
    if present:
        stem = present.group(1)
        vowels = re.findall("[аоұыуәеөүі]", stem)
        mark = "п" if stem[-1] in "кқпстфхцчшщ" else "б" if stem[-1] in "зжмнң" else "м"
        return text[: present.start()] + stem + mark + ("айды." if vowels and vowels[-1] in "аоұыу" else "ейді.")
    for rule, new in (
        (r"(\w*[аәеоөұүыіу])(?:ды|ді)\.$", r"\1{m}."),
        (r"(\w+[^\Wаәеоөұүыіу])(?:ды|ді|ты|ті)\.$", r"\1{m}."),
        (r"(\w+)(ған|ген|қан|кен)\.$", r"\1\2 жоқ."),
        (r"\b(бар)\b", "жоқ"),
        (r"\bжоқ\b", "бар"),
    ):
        found = re.search(rule, text)
        if found:
            word = found.group(found.re.groups and 1)
            if "{m}" in new:
                if word.endswith(("й", "а", "е")) and found.group().endswith(("ды.", "ді.")) and word[-1] == "а":
                    word = word[:-1]
                back = re.search(r"[аоұыуәеөүі](?=[^аоұыуәеөүі]*$)", word)
                vowel = "а" if back and back.group() in "аоұыу" else "е"
                mark = "п" if word[-1] in "кқпстфхцчшщ" else "б" if word[-1] in "зжмнң" else "м"
                return (
                    text[: found.start()] + word + mark + vowel + "ды."
                    if vowel == "а"
                    else (text[: found.start()] + word + mark + vowel + "ді.")
                )
            return text[: found.start()] + re.sub(rule, new, text[found.start() :])
    return ""


def deny_ru(text: str) -> str:
    if re.search(r"\bне ", text):
        return re.sub(r"\b[Нн]е ", "", text, count=1)
    found = re.search(r"(?<=[\w,] )(?=\w{2,}(?:лся|лась|лось|лись|ился|ется|ются|ится|ят|ёт|ала|или|ил|ал)\b)", text)
    return text[: found.start()] + "не " + text[found.start() :] if found else ""


def deny_en(text: str) -> str:
    if re.search(r"\b(?:not|never) ", text):
        return re.sub(r"\b(?:not|never) ", "", text, count=1)
    found = re.search(r"\b(?:was|were|is|are|can|has|had)\b", text)
    return text[: found.end()] + " not" + text[found.end() :] if found else ""


def deny_tr(text: str) -> str:
    if "değil" in text:
        return re.sub(r" değil(?:dir)?", "", text, count=1)
    for rule, new in (
        (r"(\w+?)[dt][iıuü]r\.$", r"\1 değildir."),
        (r"(\w*[aeıioöuü]\w*?)(?:d[ıu]|t[ıu])\.$", r"\1madı."),
        (r"(\w*[aeıioöuü]\w*?)(?:d[iü]|t[iü])\.$", r"\1medi."),
        (r"\bvar(?:dır)?\b", "yoktur"),
    ):
        if re.search(rule, text):
            return re.sub(rule, new, text, count=1)
    return ""


DENY = {"kk": deny_kk, "ru": deny_ru, "en": deny_en, "tr": deny_tr}


def passage_of(topic: Topic, code: str) -> Passage:
    page = topic.pages[code]
    script = load_pack(code).main_script
    return Passage(topic.slug, topic.slug, page.title, page.text, "", "", "", "CC0-1.0", code, script)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--show", default="", help="print the sentences of this kind that are judged wrong")
    ask.add_argument("--half", choices=("rules", "judge"), default="")
    ask.add_argument("--code", default="", help="only this language")
    ask.add_argument("--every", type=int, default=1, help="only one topic in so many of the half")
    chosen = ask.parse_args()
    topics = read_topics()
    passages = {(n, c): passage_of(t, c) for n, t in enumerate(topics) for c in CODES}
    for half, name in enumerate(("rules", "judge")):
        if chosen.half not in ("", name):
            continue
        rows: dict[tuple[bool, str], dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
        began, count = time.process_time(), 0
        for case in cases(topics):
            if case.topic % (2 * chosen.every) != half or chosen.code not in ("", case.code):
                continue
            count += 1
            kept = bears_out(passages[case.topic, case.code], case.text)
            rows[case.true, case.kind][case.code].append(kept == case.true)
            if case.kind == chosen.show and kept != case.true:
                print(f"  {topics[case.topic].slug} {case.code}: {case.text}")
        print_table(name, rows)
        print(f"{count} sentences, {(time.process_time() - began) / max(1, count) * 1000:.2f} ms a sentence\n")


def print_table(name: str, rows: dict[tuple[bool, str], dict[str, list[bool]]]) -> None:
    print(f"{name:<34}" + "".join(f"{code:>14}" for code in CODES) + f"{'all':>14}")
    for true in (True, False):
        total: dict[str, list[bool]] = defaultdict(list)
        print("true sentences, citation kept" if true else "falsehoods, citation taken away")
        for (is_true, kind), found in sorted(rows.items()):
            if is_true == true:
                print(f"  {kind:<32}" + line(found))
                for code, one in found.items():
                    total[code] += one
        print(f"  {'all':<32}" + line(total))


def line(found: dict[str, list[bool]]) -> str:
    columns = [found.get(code, []) for code in CODES]
    columns.append([one for column in columns for one in column])
    return "".join(f"{sum(c) / len(c):>7.3f} ({len(c):>4})" if c else f"{'-':>14}" for c in columns)


if __name__ == "__main__":
    main()
