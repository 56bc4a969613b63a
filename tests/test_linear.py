"""No pattern and no mark may take more than linear time, whatever a page holds: one odd page must not stop a run."""

import ast
import importlib
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from re._parser import parse as sre_parse
from typing import Any

import pytest

from anatili import text
from anatili.document import Document
from anatili.extraction.links import linked_share
from anatili.extraction.page import decode, depth, title_of, without_tags
from anatili.extraction.signals import SIGN, signals, translation_signals
from anatili.lang import codes, load_pack
from anatili.lang.questions_file import question_words
from anatili.refine import mark, personal
from anatili.refine.personal import find_personal
from anatili.text import clean, paragraphs, sentences, words

SOURCE = Path(__file__).parent.parent / "src" / "anatili"
PIECES = (
    "a",
    "ә",
    "aә",
    "қ_",
    "1",
    "1 ",
    "1-",
    "1.",
    "(1)",
    "+7",
    "8 7",
    ".",
    "a.",
    "ә. ",
    "a@",
    "a@b.",
    ".@",
    "@",
    "[",
    "]",
    "(",
    "{a",
    "}",
    "<",
    "</",
    "<a ",
    "<p>",
    "<meta ",
    "<meta charset=",
    "<link ",
    "<link hreflang=a",
    "<title",
    "<loc> ",
    "<script>",
    "<!--",
    "<?xml ",
    ">",
    "&",
    "&#",
    "=",
    "a=",
    "a='",
    'a="',
    "href='",
    " ",
    "  \n",
    "\n",
    "\r\n",
    "\r",
    "\u2028",
    '"',
    "'",
    "»",
    "a'",
    "a-",
    "-",
    "_",
    "*",
    "#",
    "%",
    "%(",
    "%1$",
    "\\u0",
    "/",
    "http://",
    "www.",
    "KZ12 ABCD ",
    "AB12",
    ":",
    ",",
    "!",
    "? A",
    "charset =",
    "encoding='",
    "WARC/1.0\r\n",
    "WARC-Type:",
    "<unused1",
    "<|",
    "e\u0301",
    "\u0301",
    "емес ",
    "не ",
    "n't",
    "ставка ",
    "A ",
    "А.",
    "0x",
    "\U0001d400",
    "中",
)
"""What texts are made of that drive patterns into the ground: each repeated, alone and between a word and a sign."""
SIZE = 2_500
FLOOR = 0.03
"""CPU seconds under which growth is not asked: at four times SIZE a quadratic pattern takes some tenths."""
MOST = 8
"""Times that four times the text may cost: 4 is linear, 16 quadratic."""


def cost(work: Callable[[str], Any], text: str, times: int = 1) -> float:
    best = float("inf")
    for _ in range(times):
        began = time.process_time()
        work(text)
        best = min(best, time.process_time() - began)
    return best


def growth(work: Callable[[str], Any], make: Callable[[int], str], size: int = SIZE) -> str:
    """What is wrong with how the cost of `work` grows, "" if nothing is."""
    small, large = make(size), make(4 * size)
    if cost(work, large) < FLOOR:
        return ""
    before, after = cost(work, small, 3), cost(work, large, 2)
    if after < FLOOR or after < MOST * before:
        return ""
    return f"{after / before:.0f} times the time for 4 times the text ({after:.2f} CPU-s)"


def texts() -> Iterator[tuple[str, Callable[[int], str]]]:
    for chunk in PIECES:
        yield chunk, lambda n, chunk=chunk: chunk * (n // len(chunk))
        yield f"a {chunk} !", lambda n, chunk=chunk: "a" + chunk * (n // len(chunk)) + "!"


FILLS = (" ", "a", "1", "<", "-", ".", "=", "\n", '"')


def heads(pattern: re.Pattern[Any]) -> list[str]:
    """What the pattern asks for by the letter: what stands before its repeats must be there to set them off."""
    runs: list[str] = [""]

    def walk(items: Any) -> None:
        for kind, value in items:
            if str(kind) == "LITERAL":
                runs[-1] += chr(value)
                continue
            runs.append("")
            for part in value if isinstance(value, tuple | list) else ():
                if hasattr(part, "data"):
                    walk(part)
                elif isinstance(part, list):  # the branches of an alternative
                    for branch in part:
                        walk(branch)
            runs.append("")

    walk(sre_parse(pattern.pattern, pattern.flags))
    return sorted(set(filter(None, runs)), key=len)[-6:]


def own_texts(pattern: re.Pattern[Any]) -> Iterator[tuple[str, Callable[[int], str]]]:
    for head in heads(pattern):
        for fill in FILLS:
            yield f"{head}, {fill} ...", lambda n, head=head, fill=fill: head + fill * n
            both = head + fill
            yield f"{head} {fill} ...", lambda n, both=both: both * (n // len(both))


def calls(tree: ast.AST) -> Iterator[tuple[str, Any]]:
    """The patterns written in a module, in `re.compile` and in the calls that take one."""
    names = {"compile", "search", "match", "fullmatch", "sub", "subn", "findall", "finditer", "split"}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names):
            continue
        if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "re" and node.args):
            continue
        first = node.args[0]
        if isinstance(first, ast.Constant):
            yield f"line {node.lineno}", first.value
        elif isinstance(first, ast.JoinedStr):  # what is filled in is taken as a word
            yield f"line {node.lineno}", "".join(v.value if isinstance(v, ast.Constant) else "a" for v in first.values)


def compiled(value: Any) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from compiled(one)
    elif isinstance(value, tuple | list):
        for one in value:
            yield from compiled(one)


def patterns() -> dict[str, re.Pattern[Any]]:
    """Every pattern of the tree by where it stands: those of modules, those in calls, those of the packs."""
    found: dict[tuple[Any, int], str] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        where = path.relative_to(SOURCE).as_posix()
        for place, pattern in calls(ast.parse(path.read_text("utf-8"))):
            one = re.compile(pattern)
            found.setdefault((one.pattern, one.flags), f"{where} {place}")
        if path.name in ("normalize.py", "__main__.py") or "static" in path.parts:
            continue
        name = ".".join(["anatili", *path.relative_to(SOURCE).with_suffix("").parts]).removesuffix(".__init__")
        try:
            module = importlib.import_module(name)
        except ImportError:  # parts whose libraries are not installed here
            continue
        for key, value in vars(module).items():
            for one in compiled(value):
                found.setdefault((one.pattern, one.flags), f"{where} {key}")
    for code in codes():
        pack = load_pack(code)
        for kind, said in pack.config.personal.items():
            found[said.pattern, re.compile(said.pattern).flags] = f"lang/{code} personal {kind}"
        if pattern := mark.blocked_pattern(code):
            found[pattern.pattern, pattern.flags] = f"lang/{code} blocked"
        for key, value in strings(pack_table(code)):
            found[value, re.compile(value).flags] = f"lang/{code} translation {key}"
    return {
        where: re.compile(pattern, flags & ~re.UNICODE if isinstance(pattern, bytes) else flags)
        for (pattern, flags), where in found.items()
    }


def pack_table(code: str) -> Any:
    from anatili.lang import read_toml

    return read_toml(load_pack(code).folder / "translation.toml")


def strings(table: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """The patterns of a pack's rules of translation."""
    if isinstance(table, str) and key in ("negation", "pattern", "source", "target", "must", "must_not"):
        yield key, table
    elif isinstance(table, dict):
        for name, value in table.items():
            yield from strings(value, name)
    elif isinstance(table, list):
        for value in table:
            yield from strings(value, key)


PATTERNS = patterns()


def test_the_patterns_are_found():
    names = " ".join(PATTERNS)
    assert len(PATTERNS) > 60
    for part in ("lang/kk personal", "lang/kk blocked"):
        assert part in names
    for pattern in (SIGN, personal.EMAIL, text.WORD):
        assert pattern in PATTERNS.values()


def test_a_quadratic_pattern_is_found():
    for pattern in (r"(?=\w*[A-Z])(?=\w*[\u0400-\u052f])[^\W\d_]+", r"\s*\[", r"[\w-]+=", r"<loc>\s*(?:<x)?\s*[^<\s]"):
        one = re.compile(pattern)
        makes = [make for _, make in [*own_texts(one), *texts()]]
        assert any(growth(lambda text, one=one: list(one.finditer(text)), make) for make in makes), pattern


@pytest.mark.parametrize("where", PATTERNS)
def test_no_pattern_is_more_than_linear(where):
    pattern = PATTERNS[where]
    is_bytes = isinstance(pattern.pattern, bytes)

    def find(text: str) -> None:
        for _ in pattern.finditer(text.encode("utf-8") if is_bytes else text):
            pass

    for chunk, make in [*texts(), *own_texts(pattern)]:
        assert growth(find, make) == "", (pattern.pattern, chunk)


PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}
PERSONAL = mark.personal_patterns(PACKS)
KAZAKH = load_pack("kk")


def document(text: str) -> Document:
    return Document("1", text, "", "", "s", "", "", "", "utf-8")


FUNCTIONS: dict[str, Callable[[str], Any]] = {
    "words": words,
    "sentences": sentences,
    "paragraphs": lambda text: list(paragraphs(text)),
    "clean": clean,
    "normalize": KAZAKH.normalize,
    "alphabet": lambda text: KAZAKH.alphabet_share(text, "Cyrl"),
    "personal": lambda text: find_personal(text, PERSONAL),
    "repeated lines": mark.repeated_lines,
    "repeated sequence": lambda text: mark.repeated_sequence(text.split()),
    "blocked": lambda text: mark.count_blocked(text, "kk"),
    "all marks": lambda text: mark.look_at(document(text), PACKS, 25),
    "decode": lambda text: decode(text.encode("utf-8")),
    "decode, other bytes": lambda text: decode(b"\xff" + text.encode("utf-8")),
    "depth": depth,
    "without tags": without_tags,
    "title": title_of,
    "linked share": lambda text: linked_share(text, text),
    "signals": lambda text: signals(text, {"x-robots-tag": text, "x-anatili-opt-out": text}),
    "translation signals": translation_signals,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_function_is_more_than_linear(name):
    for chunk, make in texts():
        assert growth(FUNCTIONS[name], make) == "", chunk


def test_words_that_people_ask_with_are_found_in_linear_time():
    known = question_words(KAZAKH)
    for table, phrase in ((known.talk, "сәлем "), (known.asking, "туралы "), (known.tasks, "жаз ")):
        assert growth(lambda text, table=table: table.labels(text.split()), lambda n, phrase=phrase: phrase * n) == ""
