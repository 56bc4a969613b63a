"""Make a new pack, and check one: the rules every pack keeps, and the cases its linguist wrote down."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from anatili.identify import identify
from anatili.lang import FOLDER, LanguagePack, load_pack
from anatili.problem import Problem

TEMPLATE = """\
name = "{code}"          # English name of the language
own_name = "{code}"      # its own name for itself

[letters]                # script (ISO 15924) = the whole alphabet, lower case; the main script first
Latn = "abcdefghijklmnopqrstuvwxyz"

[sources]                # where each file comes from
"pack.toml" = {{ origin = "", licence = "CC0-1.0" }}
"stopwords.txt" = {{ origin = "", licence = "CC0-1.0" }}
"""
CASES = """\
# Each case is a promise; `anatili lang check {code}` keeps it.
#
# [[language]]
# text = "a sentence"
# is = "{code}"
"""


@dataclass(frozen=True)
class Check:
    """One rule or case. `problem` is "" if it holds."""

    name: str
    problem: str


def new_pack(code: str, into: Path | None = None) -> Path:
    """Write the folder of a new pack from the template; `Problem` if it is there already or cannot be written."""
    if not re.fullmatch(r"[a-z]{2,3}(_[a-z0-9]+)?", code):
        raise Problem(
            f"{code!r} is no language code: two or three small letters (ISO 639), such as those in `lang list`"
        )
    folder = (into or FOLDER) / code
    if folder.exists():
        raise Problem(f"{folder} is there already; edit it, then: anatili lang check {code}")
    try:
        folder.mkdir(parents=True)
        (folder / "pack.toml").write_text(TEMPLATE.format(code=code), "utf-8")
        (folder / "stopwords.txt").write_text("# Words too common to search for; one a line.\n", "utf-8")
        (folder / "cases.toml").write_text(CASES.format(code=code), "utf-8")
    except OSError as error:
        raise Problem(f"cannot write {folder}: {error.strerror}; name another place with --into FOLDER") from error
    return folder


def check_pack(code: str) -> list[Check]:
    """All rules and cases of the pack `code`, in order."""
    pack = load_pack(code)
    _ = pack.morphology  # `Problem` if it is wrong
    return [*rules(pack), *normalize_cases(pack), *language_cases(pack), *personal_cases(pack), *stem_cases(pack)]


def rules(pack: LanguagePack) -> Iterator[Check]:
    """What every pack keeps."""
    letters = set("".join(pack.said.letters.values()))
    strange = sorted(w for w in pack.stopwords if not set(unicodedata.normalize("NFC", w)) <= letters | set("-'’ʼ "))
    yield Check("there are stop words", "" if pack.stopwords else "stopwords.txt is empty")
    yield Check("stop words are spelt in the alphabet", ", ".join(strange[:5]))
    upper = [script for script, alphabet in pack.said.letters.items() if alphabet != alphabet.lower()]
    yield Check("alphabets are in lower case", ", ".join(upper))
    twice = [script for script, alphabet in pack.said.letters.items() if len(set(alphabet)) < len(alphabet)]
    yield Check("no letter stands twice in an alphabet", ", ".join(twice))
    gates = {name: set("".join(groups)) - letters for name, groups in pack.said.gate.items()}
    yield Check(
        "the gate asks for letters of the alphabets", ", ".join(f"{n}: {''.join(x)}" for n, x in gates.items() if x)
    )
    typed = set(pack.said.keyboard) - letters
    yield Check("the keyboard stands in for letters of the alphabets", " ".join(sorted(typed)))
    files = [f for f in pack.files if f.endswith((".txt", ".toml")) and not pack.said.sources.get(f)]
    yield Check("every file has a source and a licence", ", ".join(files))
    yield cut_check(pack)
    text = " ".join(sorted(pack.stopwords))
    once = pack.normalize(text)
    yield Check("normalizing twice is normalizing once", "" if pack.normalize(once) == once else "it is not")


def cut_check(pack: LanguagePack) -> Check:
    from anatili.recipe import Cut
    from anatili.refine.cut import thresholds

    problem = ""
    try:
        thresholds(Cut(), pack)
    except Problem as error:
        problem = str(error)
    return Check("[cut] has thresholds of the recipe", problem)


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
        yield Check(f"normalize {case['given']!r}", "" if got == case["wanted"] else f"got {got!r}")


def language_cases(pack: LanguagePack) -> Iterator[Check]:
    for case in cases_of(pack, "language", "text", "is"):
        got = identify(case["text"])
        wanted = (case["is"], case.get("script", got.script))
        yield Check(f"language of {case['text'][:40]!r}", "" if (got.language, got.script) == wanted else f"got {got}")


def personal_cases(pack: LanguagePack) -> Iterator[Check]:
    from anatili.refine.personal import count_kinds, find_personal

    for case in cases_of(pack, "personal", "text", "found"):
        got = count_kinds(find_personal(case["text"], pack.said.personal))
        yield Check(f"personal data in {case['text'][:40]!r}", "" if got == case["found"] else f"got {got!r}")


def stem_cases(pack: LanguagePack) -> Iterator[Check]:
    from anatili.search.analysis import stem

    for case in cases_of(pack, "stem", "word", "stem"):
        got = stem(case["word"], pack)
        yield Check(f"stem of {case['word']!r}", "" if got == case["stem"] else f"got {got!r}")
