"""Check a pack: the rules for all packs, every file and key of this one, and the cases in its `cases.toml`."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from anatili.identify import MODEL, identify, load_model, read_column
from anatili.lang import LanguagePack, codes, load_pack, read_toml, reference
from anatili.morphology import RULES
from anatili.problem import Problem
from anatili.text import show_path

TEXTS = ("stopwords.txt", "abbreviations.txt", "blocked.txt", "seeds.txt", "small.txt")
TABLES = (
    "pack.toml",
    "cases.toml",
    "prompts.toml",
    "morphology.toml",
    "pairs.toml",
    "facts.toml",
    "translation.toml",
    "audit.toml",
    "review.toml",
    "commons.toml",
    "questions.toml",
    "release.toml",
)
GENERATED = ("lexicon.tsv", "endings.tsv", "dictionary.tsv", "quality.npz", "prose.npz", "frequencies.tsv", MODEL.name)
CODE = ("normalize.py",)
CATALOGS = ("commands.po",)
IDENTIFIER = MODEL.name
CASES = ("normalize", "language", "personal", "stem")
KINDS: dict[type, str] = {dict: "a table", list: "a list", str: "text"}
HOST = re.compile(r"^[\w-]+(?:\.[\w-]+)+$")
BRACES = re.compile(r"\{\w*\}")


@dataclass(frozen=True)
class Check:
    """One rule or case. `problem` says what is wrong and what to do, "" if the check passes; `todo` says what could
    still be added."""

    name: str
    problem: str = ""
    todo: str = ""


def check_pack(code: str) -> list[Check]:
    """All rules and cases of the pack `code`, in order."""
    pack = load_pack(code)
    parts = (
        letters,
        word_lists,
        files,
        prompts,
        other_tables,
        identifier,
        normalize_cases,
        language_cases,
        personal_cases,
        stem_cases,
    )
    return [check for part in parts for check in part(pack)]


def letters(pack: LanguagePack) -> Iterator[Check]:
    """The alphabets, and the tables that use their letters."""
    alphabets = pack.config.letters
    known = set("".join(alphabets.values()))
    upper = [script for script, alphabet in alphabets.items() if alphabet != alphabet.lower()]
    yield Check("pack.toml: alphabets are in lower case", listed(upper, "write these in lower case"))
    repeated = [
        f"{script} {letter}"
        for script, alphabet in alphabets.items()
        for letter in sorted(set(alphabet))
        if alphabet.count(letter) > 1
    ]
    yield Check("pack.toml: each letter is in an alphabet once", listed(repeated, "remove the second one"))
    gates = [
        f"[gate.{name}] {letter}"
        for name, groups in pack.config.gate.items()
        for letter in sorted(set("".join(groups)) - known)
    ]
    yield Check("pack.toml: [gate] uses letters of the alphabets", listed(gates, "add them to [letters]"))
    typed = sorted(set(pack.config.keyboard) - known)
    yield Check("pack.toml: [keyboard] uses letters of the alphabets", listed(typed, "add them to [letters]"))
    meant = sorted({letter for letter in pack.config.lookalikes.values() if letter.lower() not in known})
    yield Check("pack.toml: [lookalikes] stand for letters of the alphabets", listed(meant, "add them to [letters]"))
    yield Check("pack.toml: the stemmer is a Snowball algorithm", stemmer_problem(pack))
    yield Check("pack.toml: [cut] has thresholds of the recipe", problem_of(lambda: check_thresholds(pack)))


def listed(wrong: list[str], advice: str) -> str:
    """The first five things that are wrong, and what to do about them; "" for none."""
    return f"{', '.join(wrong[:5])}{' ...' if len(wrong) > 5 else ''}: {advice}" if wrong else ""


def problem_of(read: Callable[[], object]) -> str:
    """The message of the `Problem` that `read` raises, "" if it raises none."""
    try:
        read()
    except Problem as problem:
        return str(problem)
    return ""


def check_thresholds(pack: LanguagePack) -> None:
    """`Problem` if a threshold of the pack is not one of [cut]."""
    from anatili.recipe import Cut
    from anatili.refine.cut import thresholds

    thresholds(Cut(), pack)


def stemmer_problem(pack: LanguagePack) -> str:
    import Stemmer

    known = sorted(Stemmer.algorithms())
    wrong = pack.config.stemmer and pack.config.stemmer not in known
    return f"no algorithm {pack.config.stemmer!r}; choose one of {', '.join(known)}" if wrong else ""


def word_lists(pack: LanguagePack) -> Iterator[Check]:
    """The word lists, and that normalizing is stable."""
    alphabets = [set(letters) | set("-'’ʼ ") for letters in pack.config.letters.values()]
    spelled = {word: set(unicodedata.normalize("NFC", pack.lower(word))) for word in pack.stopwords}
    misspelled = sorted(word for word, letters in spelled.items() if not letters <= set().union(*alphabets))
    mixed = [w for w, letters in spelled.items() if not any(map(letters.issubset, alphabets)) and w not in misspelled]
    odd = [word for word in pack.stopwords if word != pack.lower(word) or " " in word]
    yield Check(
        "stopwords.txt: words are spelled in the alphabet",
        listed(misspelled, "add the letters to [letters], or correct the words"),
        ""
        if pack.stopwords
        else "write the 50 to 150 most frequent small words: without them `cut` treats every text as "
        "a list ([cut] min_stopwords)",
    )
    yield Check(
        "stopwords.txt: no word has letters of two scripts",
        listed(sorted(mixed), "a letter only looks like the right one: type the word anew"),
    )
    yield Check(
        "stopwords.txt: one word a line, in lower case",
        listed(sorted(odd), "write one word a line, in small letters, otherwise it is never found"),
    )
    without_stop = [word for word in pack.words.get("abbreviations.txt", ()) if "." not in word]
    yield Check(
        "abbreviations.txt: each has its full stop", listed(without_stop, "add the full stop, or remove the word")
    )
    upper = [word for word in pack.words.get("blocked.txt", ()) if word != pack.lower(word)]
    yield Check("blocked.txt: words are in lower case", listed(upper, "write them in lower case"))
    not_hosts = [host for host in pack.words.get("seeds.txt", ()) if not HOST.fullmatch(host)]
    yield Check("seeds.txt: one host per line", listed(not_hosts, "write only the host, without https:// and path"))
    once = pack.normalize(text := " ".join(sorted(pack.stopwords)))
    yield Check(
        "normalizing twice gives the same as once",
        "" if pack.normalize(once) == once else f"{text[:40]!r} changes each time: see [lookalikes] and normalize.py",
    )


def files(pack: LanguagePack) -> Iterator[Check]:
    """The names of the files, and that each file says where it comes from."""
    known = {*TEXTS, *TABLES, *GENERATED, *CODE, *CATALOGS}
    unknown = sorted(set(pack.files) - known)
    yield Check("every file has a known name", listed(unknown, f"misspelled? The names are {', '.join(sorted(known))}"))
    sources = pack.config.sources
    without = [
        name
        for name in pack.files
        if name in known - {*CODE}
        and not (name in sources and sources[name].origin.strip() and sources[name].license.strip())
    ]
    yield Check(
        "pack.toml: every file has a source and a license",
        listed(without, 'add under [sources]: "FILE" = { origin = "who wrote it", license = "CC0-1.0" }'),
    )
    tables = sorted(set(pack.cases) - {*CASES})
    yield Check("cases.toml: only known kinds of cases", listed(tables, f"the kinds are {', '.join(CASES)}"))


def prompts(pack: LanguagePack) -> Iterator[Check]:
    """The pack's own prompts, compared with those of the reference language."""
    own = read_toml(pack.folder / "prompts.toml")
    model = load_pack(reference()).prompts
    yield Check("prompts.toml: keys and {braces} are right", "; ".join(prompt_problems(own, model, "")))
    translate = own.get("translate", {})
    unknown = sorted(set(translate) - {*codes()}) if isinstance(translate, dict) else []
    yield Check("prompts.toml: [translate] has language codes", listed(unknown, f"the codes are {', '.join(codes())}"))
    missing = sorted(set(flat_keys(model)) - set(flat_keys(pack.prompts)))
    borrowed = len(set(flat_keys(model)) - set(flat_keys(own)))
    yield Check(
        "prompts.toml: the texts of the assistant",
        todo=listed(missing, 'write them, or name a language in pack.toml: prompts_from = "..."')
        or (f"{borrowed} of {len(flat_keys(model))} lines are still in {pack.config.prompts_from}" if borrowed else ""),
    )


def flat_keys(table: dict[str, Any], prefix: str = "") -> list[str]:
    """The keys of a table and of the tables in it, except those of [translate], which differ from pack to pack."""
    return [
        name
        for key, value in table.items()
        if key != "translate"
        for name in (flat_keys(value, f"{key}.") if isinstance(value, dict) else [f"{prefix}{key}"])
    ]


def prompt_problems(own: dict[str, Any], model: dict[str, Any], prefix: str) -> Iterator[str]:
    """What is wrong with each key of `own`, compared with the prompts `model`."""
    for key, value in own.items():
        name, example = f"{prefix}{key}", model.get(key)
        if prefix == "translate.":
            example = ""
        if example is None:
            # The page has texts for the scripts of a language, which differ.
            if not name.startswith("page.script_"):
                yield f"{name}: unknown key (misspelled?)"
        elif type(value) is not type(example):
            yield f"{name}: must be {KINDS[type(example)]}"
        elif isinstance(value, dict):
            yield from prompt_problems(value, example, f"{name}.")
        elif isinstance(value, list) and len(value) != len(example):
            yield f"{name}: has {len(value)} entries, must have {len(example)}"
        elif isinstance(value, str) and example and not set(BRACES.findall(value)) <= set(BRACES.findall(example)):
            known = sorted(set(BRACES.findall(example)))
            yield f"{name}: may contain {'only ' + ', '.join(known) if known else 'no braces'}"


def other_tables(pack: LanguagePack) -> Iterator[Check]:
    """The tables that only some stages read."""
    from anatili.evaluate.pairs import pairs_of
    from anatili.lang import dictionary
    from anatili.lang.audit_words import load_words
    from anatili.lang.facts_file import load_facts
    from anatili.lang.page_words import COMMONS, RELEASE, REVIEW, words_of_page
    from anatili.lang.questions_file import load_questions
    from anatili.lang.translation import load_translation

    yield Check("morphology.toml: endings can be read", problem_of(lambda: stems(pack)))
    yield Check("facts.toml: keys and values are right", problem_of(lambda: load_facts(pack.folder)))
    yield Check("translation.toml: keys and values are right", problem_of(lambda: load_translation(pack.folder)))
    yield questions_check(pack, problem_of(lambda: load_questions(pack.folder)))
    yield Check("audit.toml: keys and values are right", problem_of(lambda: load_words(pack.folder)))
    for file in (REVIEW, COMMONS, RELEASE):
        yield Check(f"{file}: keys and values are right", problem_of(partial(words_of_page, pack, file)))
    yield Check("pairs.toml: pairs can be made", problem_of(lambda: pairs_of(pack)))
    if (pack.folder / dictionary.NAME).exists():
        yield Check("dictionary.tsv: each line has three columns", problem_of(lambda: dictionary.dictionary(pack)))


def questions_check(pack: LanguagePack, problem: str) -> Check:
    """`questions.toml` can be read; what to add if it is missing."""
    from anatili.lang.questions_file import load_questions

    name = "questions.toml: keys and values are right"
    if problem:
        return Check(name, problem)
    todo = "write the words that ask: until then they are searched for like the subject of a question"
    return Check(name, todo="" if load_questions(pack.folder).kinds else todo)


def stems(pack: LanguagePack) -> None:
    """Stem all stop words; `Problem` if this shows that a rule is wrong."""
    if pack.morphology:
        try:
            for word in pack.stopwords:
                pack.morphology.stem(word)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise Problem(f"{show_path(pack.folder / RULES)}: the morphology is wrong: {error!r}") from error


def identifier(pack: LanguagePack) -> Iterator[Check]:
    command = f"anatili lang identify {pack.code} --text FILE"
    if IDENTIFIER in pack.files and (problem := problem_of(lambda: read_column(pack.folder / IDENTIFIER))):
        yield Check("identify.npz can be read", f"{problem}. Make it again with: {command}")
        return
    known = pack.code in load_model().codes
    yield Check(
        "the identifier knows the language",
        todo="" if known else f'teach it: {command}. Until then a source in a recipe can say language = "{pack.code}"',
    )


def cases_of(pack: LanguagePack, kind: str, *keys: str) -> Iterator[dict[str, str]]:
    """The cases `[[kind]]` of a pack; `Problem` if one lacks a key."""
    rows = pack.cases.get(kind, [])
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], 1):
        if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in keys):
            raise Problem(
                f"{pack.folder / 'cases.toml'}: [[{kind}]] number {number} must have {' and '.join(keys)} as text"
            )
        yield row


def normalize_cases(pack: LanguagePack) -> Iterator[Check]:
    for case in cases_of(pack, "normalize", "given", "wanted"):
        text = pack.normalize(case["given"])
        yield Check(
            f"cases.toml: normalize {case['given']!r}", "" if text == case["wanted"] else f"the result is {text!r}"
        )


def language_cases(pack: LanguagePack) -> Iterator[Check]:
    for case in cases_of(pack, "language", "text", "is"):
        verdict = identify(case["text"])
        expected = (case["is"], case.get("script", verdict.script))
        problem = f"the identifier says {verdict.language} in {verdict.script}, confidence {verdict.confidence:.2f}"
        right = (verdict.language, verdict.script) == expected
        yield Check(f"cases.toml: language of {case['text'][:40]!r}", "" if right else problem)


def personal_cases(pack: LanguagePack) -> Iterator[Check]:
    from anatili.refine.personal import count_kinds, find_personal

    for case in cases_of(pack, "personal", "text", "found"):
        kinds = count_kinds(find_personal(case["text"], pack.config.personal))
        yield Check(
            f"cases.toml: personal data in {case['text'][:40]!r}",
            "" if kinds == case["found"] else f"the kinds found are {kinds!r}",
        )


def stem_cases(pack: LanguagePack) -> Iterator[Check]:
    from anatili.lang.stemming import stem

    for case in cases_of(pack, "stem", "word", "stem"):
        result = stem(case["word"], pack)
        yield Check(
            f"cases.toml: stem of {case['word']!r}", "" if result == case["stem"] else f"the result is {result!r}"
        )
