"""No language stands outside `src/anatili/lang/`: no letters, no words, no codes of one, in any Python module."""

import ast
import io
import re
import tokenize
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from anatili.lang import codes

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "anatili"
# The packs (`lang/kk/` and so on) are where languages stand; the algorithms beside them (`lang/*.py`) know none.
MODULES = sorted(
    path for path in SOURCE.rglob("*.py") if path.parent.parent.name != "lang" or path.parent.name == "lang"
)
# (file, name that is assigned or ""): why letters may stand there.
EXCEPTIONS = {
    ("text.py", "SCRIPTS"): "a script is a block of Unicode, shared by many languages",
    ("identify/gate.py", ""): "U+0370 ends the block of combining marks: a bound for bytes, no letter of a text",
}
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|N\{([^}]+)\})")


def resolved(value: str) -> str:
    """A string with the escapes resolved that a raw string leaves to the regular expression."""

    def letter(match: re.Match[str]) -> str:
        if match[4]:
            return unicodedata.lookup(match[4])
        return chr(int(match[1] or match[2] or match[3], 16))

    return ESCAPE.sub(letter, value)


def foreign(value: str) -> str:
    """The letters outside ASCII of a string; apostrophes that Unicode calls letters (ʼ) are none."""
    return "".join(c for c in value if not c.isascii() and unicodedata.category(c) in ("Lu", "Ll", "Lt", "Lo"))


def names_language(value: str, packs: frozenset[str]) -> bool:
    """Whether a string is a language's code, several, or one with its script or country: `kk`, `kk,ru`, `kk-Latn`."""
    parts = re.split(r"[-_,;/ ]+", value.strip())
    return parts[0] in packs and all(p in packs or re.fullmatch(r"[A-Z][a-z]{3}|[A-Z]{2}", p) for p in parts)


def strings(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """(line, name that the module assigns it to, value) of all strings that are used; bytes where they are text."""
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    owner = {}
    for node in getattr(tree, "body", ()):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        name = next((t.id for t in targets if isinstance(t, ast.Name)), "")
        owner |= {id(inner): name for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and id(node) not in bare:
            value = node.value
            if isinstance(value, bytes):
                try:
                    value = value.decode()
                except UnicodeDecodeError:  # the bytes of a file format
                    continue
            yield node.lineno, owner.get(id(node), ""), value


def languages(text: str, packs: frozenset[str]) -> Iterator[tuple[int, str, str]]:
    """(line, name, what) of everything of a language in the Python module `text`, comments and docstrings aside."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME and (foreign(token.string) or token.string in packs):
            yield token.start[0], token.string, f"the name {token.string}"
    for line, name, value in strings(ast.parse(text)):
        if letters := foreign(resolved(value)):
            yield line, name, f"the letters {letters[:40]}"
        if names_language(value, packs):
            yield line, name, f"the language code {value!r}"


def file_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=file_of)
def test_no_language_outside_its_folder(path):
    rows = list(languages(path.read_text("utf-8"), frozenset(codes())))
    new = [f"line {line}: {what}" for line, name, what in rows if (file_of(path), name) not in EXCEPTIONS]
    assert new == [], "put it into the language packs"
    allowed = {key for key in EXCEPTIONS if key[0] == file_of(path)}
    assert allowed <= {(file_of(path), name) for _, name, _ in rows}, "no longer needed: take it out of EXCEPTIONS"


def test_every_exception_names_a_module():
    assert {file for file, _ in EXCEPTIONS} <= {file_of(path) for path in MODULES}


def test_all_modules_but_the_packs_are_read():
    files = {file_of(path) for path in MODULES}
    assert {
        "lang/__init__.py",
        "identify/__init__.py",
        "morphology/__init__.py",
        "sample/pages.py",
        "cli/__init__.py",
    } <= files
    assert not [file for file in files if re.match(r"lang/\w+/", file)]


PLANTED = {
    "letters behind a hash inside a string": 'URL = "#"\nWORD = "# жақсы"',
    "letters behind a string with a hash": 'A = "x # y"\nB = f("қ")',
    "a range of letters": 'import re\nA = re.compile("[a-zа-я]")',
    "letters as escapes": 'A = "[\\u0430-\\u044f]"',
    "letters as escapes of a raw string": 'A = r"[^\\u0430-\\u044f]"',
    "letters by name in a raw string": 'A = r"\\N{CYRILLIC SMALL LETTER A}"',
    "one letter": 'A = "ı"',
    "letters in an f-string": 'A = f"{x} жоқ"',
    "letters as bytes": f"A = {'сөз'.encode()!r}",
    "a name with letters": "сөз = 1",
    "a code in a dict": 'A = {"kk": 1}',
    "a code as a keyword": "f(kk=1)",
    "a code as default": 'def f(language="ru"): pass',
    "codes in one string": 'A = "kk ru en".split()',
    "a code with its script": 'A = "kk-Latn"',
    "a code in a comparison": 'if language == "tr": pass',
    "a code as bytes": 'A = b"tt"',
}


@pytest.mark.parametrize("text", PLANTED.values(), ids=PLANTED)
def test_what_is_planted_is_found(text):
    assert list(languages(text, frozenset({"kk", "ru", "en", "tr", "tt"})))


def test_comments_docstrings_and_punctuation_are_not():
    text = '''"""Қазақ."""
# жақсы, "kk"
def f(x):
    """Мысалы: `kk`."""
    A = 1
    """Бір."""
    return x.strip("«»“”’ʼ…—№ ") + "code" + "\\u200b" + "kk of a kind"
'''
    assert list(languages(text, frozenset({"kk"}))) == []
