"""Check a pack: what every pack keeps, every file and key of it, and the cases that its linguist wrote down."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from anatili.identify import MODEL, identify, load_model, read_column
from anatili.lang import LanguagePack, codes, load_pack, read_toml, reference
from anatili.morphology import RULES
from anatili.problem import Problem
from anatili.text import show_path

TEXTS = ("stopwords.txt", "abbreviations.txt", "blocked.txt", "seeds.txt", "examples.txt", "small.txt")
TABLES = ("pack.toml", "cases.toml", "prompts.toml", "morphology.toml", "pairs.toml", "facts.toml", "translation.toml",
          "audit.toml")  # fmt: skip
MADE = ("lexicon.tsv", "endings.tsv", "quality.npz", MODEL.name)
CODE = ("normalize.py",)
IDENTIFIER = MODEL.name
CASES = ("normalize", "language", "personal", "stem")
KINDS: dict[type, str] = {dict: "a table", list: "a list", str: "text"}
HOST = re.compile(r"^[\w-]+(?:\.[\w-]+)+$")
BRACES = re.compile(r"\{\w*\}")


@dataclass(frozen=True)
class Check:
    """One rule or case. `problem` says what is wrong and what to do, "" if it holds; `todo` what may still be done."""

    name: str
    problem: str = ""
    todo: str = ""


def check_pack(code: str) -> list[Check]:
    """All rules and cases of the pack `code`, in order."""
    pack = load_pack(code)
    parts = (letters, word_lists, files, prompts, other_tables, identifier, normalize_cases, language_cases,
             personal_cases, stem_cases)  # fmt: skip
    return [check for part in parts for check in part(pack)]


def letters(pack: LanguagePack) -> Iterator[Check]:
    """The alphabets, and what is made of their letters."""
    alphabets = pack.config.letters
    every = set("".join(alphabets.values()))
    upper = [script for script, alphabet in alphabets.items() if alphabet != alphabet.lower()]
    yield Check("pack.toml: alphabets are in small letters", listed(upper, "write these in small letters"))
    twice = [f"{script} {letter}" for script, alphabet in alphabets.items()
             for letter in sorted(set(alphabet)) if alphabet.count(letter) > 1]  # fmt: skip
    yield Check("pack.toml: no letter stands twice in an alphabet", listed(twice, "take the second away"))
    gates = [f"[gate.{name}] {letter}" for name, groups in pack.config.gate.items()
             for letter in sorted(set("".join(groups)) - every)]  # fmt: skip
    yield Check("pack.toml: [gate] asks for letters of the alphabets", listed(gates, "add them to [letters]"))
    typed = sorted(set(pack.config.keyboard) - every)
    yield Check("pack.toml: [keyboard] has letters of the alphabets", listed(typed, "add them to [letters]"))
    meant = sorted({letter for letter in pack.config.lookalikes.values() if letter.lower() not in every})
    yield Check("pack.toml: [lookalikes] stand for letters of the alphabets", listed(meant, "add them to [letters]"))
    yield Check("pack.toml: the stemmer is one of Snowball's", stemmer_problem(pack))
    yield Check("pack.toml: [cut] has thresholds of the recipe", problem_of(lambda: cut(pack)))


def listed(what: list[str], advice: str) -> str:
    """The first few things that are wrong, and what to do about them; "" for none."""
    return f"{', '.join(what[:5])}{' ...' if len(what) > 5 else ''}: {advice}" if what else ""


def problem_of(read: Callable[[], object]) -> str:
    """What a reader finds wrong with its file."""
    try:
        read()
    except Problem as problem:
        return str(problem)
    return ""


def cut(pack: LanguagePack) -> None:
    from anatili.recipe import Cut
    from anatili.refine.cut import thresholds

    thresholds(Cut(), pack)


def stemmer_problem(pack: LanguagePack) -> str:
    import snowballstemmer

    known = sorted(snowballstemmer.algorithms())
    wrong = pack.config.stemmer and pack.config.stemmer not in known
    return f"no algorithm {pack.config.stemmer!r}; there are {', '.join(known)}" if wrong else ""


def word_lists(pack: LanguagePack) -> Iterator[Check]:
    every = set("".join(pack.config.letters.values())) | set("-'’ʼ ")
    strange = sorted(w for w in pack.stopwords if not set(unicodedata.normalize("NFC", w)) <= every)
    yield Check(
        "stopwords.txt: words are spelled in the alphabet",
        listed(strange, "add the letters to [letters], or correct the words"),
        ""
        if pack.stopwords
        else "write the 50 to 150 most frequent small words: without them `cut` takes every text for "
        "a list ([cut] min_stopwords)",
    )
    marks = [word for word in pack.words.get("abbreviations.txt", ()) if "." not in word]
    yield Check("abbreviations.txt: each has its full stop", listed(marks, "add the full stop, or take it out"))
    upper = [word for word in pack.words.get("blocked.txt", ()) if word != pack.lower(word)]
    yield Check("blocked.txt: words are in small letters", listed(upper, "write them in small letters"))
    hosts = [host for host in pack.words.get("seeds.txt", ()) if not HOST.fullmatch(host)]
    yield Check("seeds.txt: one host a line", listed(hosts, "write the host alone, without https:// and path"))
    once = pack.normalize(text := " ".join(sorted(pack.stopwords)))
    yield Check(
        "normalizing twice is normalizing once",
        "" if pack.normalize(once) == once else f"{text[:40]!r} changes each time: see [lookalikes] and normalize.py",
    )


def files(pack: LanguagePack) -> Iterator[Check]:
    """Which files there are, and where each comes from."""
    known = {*TEXTS, *TABLES, *MADE, *CODE}
    strange = sorted(set(pack.files) - known)
    yield Check(
        "every file has a name that is read", listed(strange, f"misspelled? Names are {', '.join(sorted(known))}")
    )
    stated = pack.config.sources
    without = [name for name in pack.files if name in known - {*CODE} and not (
        name in stated and stated[name].origin.strip() and stated[name].license.strip())]  # fmt: skip
    yield Check(
        "pack.toml: every file has a source and a license",
        listed(without, 'add under [sources]: "FILE" = { origin = "who wrote it", license = "CC0-1.0" }'),
    )
    tables = sorted(set(pack.cases) - {*CASES})
    yield Check("cases.toml: only known kinds of cases", listed(tables, f"there are {', '.join(CASES)}"))


def prompts(pack: LanguagePack) -> Iterator[Check]:
    """The pack's own prompts beside those of the reference language."""
    own = read_toml(pack.folder / "prompts.toml")
    wanted = load_pack(reference()).prompts
    yield Check("prompts.toml: keys and {braces} are right", "; ".join(prompt_problems(own, wanted, "")))
    asks = own.get("translate", {})
    strange = sorted(set(asks) - {*codes()}) if isinstance(asks, dict) else []
    yield Check("prompts.toml: [translate] has codes of languages", listed(strange, f"there are {', '.join(codes())}"))
    missing = sorted(set(flat(wanted)) - set(flat(pack.prompts)))
    lent = len(set(flat(wanted)) - set(flat(own)))
    yield Check(
        "prompts.toml: the assistant has its words",
        todo=listed(missing, 'write them, or name a language in pack.toml: prompts_from = "..."')
        or (f"{lent} of {len(flat(wanted))} lines are still in {pack.config.prompts_from}" if lent else ""),
    )


def flat(table: dict[str, Any], before: str = "") -> list[str]:
    """The keys of a table and of the tables in it, but for those of [translate], which differ."""
    return [name for key, value in table.items() if key != "translate"
            for name in (flat(value, f"{key}.") if isinstance(value, dict) else [f"{before}{key}"])]  # fmt: skip


def prompt_problems(own: dict[str, Any], wanted: dict[str, Any], before: str) -> Iterator[str]:
    """What is wrong with each key, told with its name."""
    for key, value in own.items():
        name, model = f"{before}{key}", wanted.get(key)
        if before == "translate.":
            model = ""
        if model is None:
            # The scripts of a language have words of their own on the page.
            if not name.startswith("page.script_"):
                yield f"{name}: unknown key (misspelled?)"
        elif type(value) is not type(model):
            yield f"{name}: must be {KINDS[type(model)]}"
        elif isinstance(value, dict):
            yield from prompt_problems(value, model, f"{name}.")
        elif isinstance(value, list) and len(value) != len(model):
            yield f"{name}: {len(value)} entries, must be {len(model)}"
        elif isinstance(value, str) and model and not set(BRACES.findall(value)) <= set(BRACES.findall(model)):
            yield f"{name}: only {', '.join(sorted(set(BRACES.findall(model)))) or 'no braces'} may stand in it"


def other_tables(pack: LanguagePack) -> Iterator[Check]:
    """The tables that only some stages read."""
    from anatili.evaluate.pairs import pairs_of
    from anatili.lang.audit_words import load_words
    from anatili.lang.facts_file import load_facts
    from anatili.lang.translation import load_translation

    yield Check("morphology.toml: endings can be read", problem_of(lambda: stems(pack)))
    yield Check("facts.toml: keys and values are right", problem_of(lambda: load_facts(pack.folder)))
    yield Check("translation.toml: keys and values are right", problem_of(lambda: load_translation(pack.folder)))
    yield Check("audit.toml: keys and values are right", problem_of(lambda: load_words(pack.folder)))
    yield Check("pairs.toml: pairs can be made", problem_of(lambda: pairs_of(pack)))


def stems(pack: LanguagePack) -> None:
    """Take the stop words apart; `Problem` if a rule is wrong that only then is asked."""
    if pack.morphology:
        try:
            for word in pack.stopwords:
                pack.morphology.stem(word)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise Problem(f"{show_path(pack.folder / RULES)}: the morphology is wrong: {error!r}") from error


def identifier(pack: LanguagePack) -> Iterator[Check]:
    again = f"anatili lang identify {pack.code} --text FILE"
    if IDENTIFIER in pack.files and (problem := problem_of(lambda: read_column(pack.folder / IDENTIFIER))):
        yield Check("identify.npz can be read", f"{problem}. Make it again: {again}")
        return
    known = pack.code in load_model().codes
    yield Check(
        "the identifier knows the language",
        todo="" if known else f'teach it: {again}. Until then a source in a recipe can say: language = "{pack.code}"',
    )


def cases_of(pack: LanguagePack, kind: str, *keys: str) -> Iterator[dict[str, str]]:
    """The cases `[[kind]]` of a pack; `Problem` if one is not made as they are."""
    rows = pack.cases.get(kind, [])
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], 1):
        if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in keys):
            raise Problem(
                f"{pack.folder / 'cases.toml'}: [[{kind}]] number {number} must have {' and '.join(keys)}, as text"
            )
        yield row


def normalize_cases(pack: LanguagePack) -> Iterator[Check]:
    for case in cases_of(pack, "normalize", "given", "wanted"):
        got = pack.normalize(case["given"])
        yield Check(f"normalize {case['given']!r}", "" if got == case["wanted"] else f"it becomes {got!r}")


def language_cases(pack: LanguagePack) -> Iterator[Check]:
    for case in cases_of(pack, "language", "text", "is"):
        got = identify(case["text"])
        wanted = (case["is"], case.get("script", got.script))
        problem = f"the identifier says {got.language} in {got.script}, confidence {got.confidence:.2f}"
        yield Check(f"language of {case['text'][:40]!r}", "" if (got.language, got.script) == wanted else problem)


def personal_cases(pack: LanguagePack) -> Iterator[Check]:
    from anatili.refine.personal import count_kinds, find_personal

    for case in cases_of(pack, "personal", "text", "found"):
        got = count_kinds(find_personal(case["text"], pack.config.personal))
        yield Check(f"personal data in {case['text'][:40]!r}", "" if got == case["found"] else f"found {got!r}")


def stem_cases(pack: LanguagePack) -> Iterator[Check]:
    from anatili.search.analysis import stem

    for case in cases_of(pack, "stem", "word", "stem"):
        got = stem(case["word"], pack)
        yield Check(f"stem of {case['word']!r}", "" if got == case["stem"] else f"found {got!r}")
