import gzip
import json
import tomllib
from pathlib import Path

import pytest
from metrics import extraction

from anatili.extraction.page import (
    decode,
    depth,
    extract_page,
    without_tags,
)
from anatili.sample.pages import render
from anatili.sample.topics import read_topics
from anatili.text import words

FLOORS = tomllib.loads((Path(__file__).parent.parent / "floors.toml").read_text("utf-8"))["extract"]
TEXT = read_topics()[0].pages["kk"]


def page(charset: str = "utf-8", head: str = "", style: int = 0) -> bytes:
    return render(TEXT.title, TEXT.text, "kk", style, head=head).encode(charset, "xmlcharrefreplace")


@pytest.mark.parametrize("style", range(4))
@pytest.mark.parametrize("mode", ["careful", "fast", "quick"])
def test_the_article_comes_without_what_is_around_it(style, mode):
    found = extract_page(page(style=style), mode=mode)
    wanted, got = words(TEXT.text), words(found.text)
    assert len(set(wanted) & set(got)) / len(set(wanted)) >= FLOORS["gold_sample"]
    assert found.title == TEXT.title
    if mode != "quick":
        assert "cookie" not in found.text
        assert "Жарнама" not in found.text
        assert "құқықтар қорғалған" not in found.text


@pytest.mark.parametrize(
    ("codec", "declared", "meta"),
    [
        ("kz1048", "KZ-1048", ""),
        ("kz1048", "", '<meta charset="kz-1048">'),
        ("cp1251", "windows-1251", ""),
        ("cp1251", "", '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">'),
        ("utf-16", "", ""),
        ("utf-16-le", "", ""),
        ("utf-8", "ISO-8859-1", ""),
        ("utf-8-sig", "", ""),
        ("utf-8", "no-such-charset", '<meta charset="x-unknown">'),
    ],
)
def test_any_charset_gives_the_same_text(codec, declared, meta):
    assert extract_page(page(codec, meta), charset=declared).text == extract_page(page()).text


def test_wrong_bytes_are_replaced_not_refused():
    text, charset = decode(b"\xff\xfe\xfd" * 3, "utf-8")
    assert text
    assert charset


@pytest.mark.parametrize(
    "payload", [b"", b"\x00" * 1000, b"<" * 50_000, b"<html>" + b"<div>" * 5000, bytes(range(256)) * 40]
)
def test_hostile_pages_do_no_harm(payload):
    assert extract_page(payload).text is not None


@pytest.mark.parametrize(("mode", "floor"), [("careful", "f1_careful"), ("fast", "f1_fast")])
def test_real_articles_are_extracted_well(data, mode, floor):
    """Scored as article-extraction-benchmark does: F1 of the mean precision and the mean recall."""
    folder = data / "bench" / "extraction"
    gold = json.loads((folder / "ground-truth.json").read_text("utf-8"))
    pairs = []
    for name, truth in sorted(gold.items()):
        page = gzip.decompress((folder / "html" / f"{name}.html.gz").read_bytes())
        pairs.append((truth["articleBody"], extract_page(page, mode=mode).text))
    p, r, score = extraction(pairs)
    print(f"{len(pairs)} pages: precision {p:.3f}, recall {r:.3f}, F1 {score:.3f}")
    assert score >= FLOORS[floor]


ARTICLE = "Қазақстан Республикасының тұңғыш ғарышкері туралы мақала осында жазылған. "
HOSTILE = {
    "nested elements": "<div>" * 50_000 + ARTICLE * 5 + "</div>" * 50_000,
    "elements never closed": "<b>" * 50_000 + ARTICLE * 5,
    "unknown elements": "<xyz>" * 50_000 + ARTICLE * 5,
    "a hundred thousand lines": "<body>" + "".join(f"<p>{ARTICLE}{n}</p>\n" for n in range(100_000)),
    "titles never closed": "<title>" * 100_000,
    "signs alone": "<" * 2_000_000,
    "half entities": "&#" * 1_000_000,
    "half tags": "<meta " * 200_000,
    "scripts never closed": "<script>" * 100_000,
    "attributes": "<p " + 'a="b" ' * 300_000 + ">",
    "a table without end": "<table>" + "<tr><td>" * 100_000,
    "nothing but zeros": "\0" * 500_000,
}


@pytest.mark.parametrize("mode", ["careful", "fast"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_pages_come_to_an_end(kind, mode):
    """Each of these took some tool minutes; here all together take some seconds."""
    found = extract_page(HOSTILE[kind].encode(), mode=mode)
    assert ("ғарышкері" in found.text) == (ARTICLE in HOSTILE[kind])


def test_tags_are_taken_off_pages_nested_too_deep():
    page = "<div>" * 5000 + "<script>var a = 1;</script><p>Бірінші</p><style>b{}</style><p>екінші &amp; үшінші</p>"
    assert without_tags(page) == "Бірінші\nекінші & үшінші"


def test_kz1048_that_is_called_windows_1251_is_read_right():
    payload = ('<meta charset="windows-1251"><p>' + TEXT.text).encode("kz1048", "replace")
    assert decode(payload)[1] == "kz1048"
    ukrainian = '<meta charset="windows-1251"><p>Її діти їли смачні ґедзі й пили воду із відра, а є ще й мед.'
    assert decode(ukrainian.encode("cp1251")) == (ukrainian, "cp1251")
    belarusian = '<meta charset="windows-1251"><p>Ён быў у лесе і ўбачыў воўка, які ішоў да вёскі.'
    assert decode(belarusian.encode("cp1251")) == (belarusian, "cp1251")


def test_drawings_do_not_count_as_nesting():
    icons = "<svg>" + '<path d="M0 0"/><circle r="1"/><use href="#a"/>' * 1000 + "</svg>"
    assert depth("<div>" + icons + "</div>") == 2


def test_the_share_of_links_is_handed_over():
    titles = ["Елордада жаңа кітапхана ашылды", "Ауыл мектебіне автобус берілді", "Көктемгі егіс басталып кетті"] * 5
    rows = "".join(
        f'<p><a class="x" href="/{n}"><b>{title}</b> толығырақ оқу</a></p>' for n, title in enumerate(titles)
    )
    links = extract_page(f"<html><body><main>{rows}</main></body></html>".encode())
    assert links.text
    assert links.linked > 0.9
    menu = '<nav><a href="/">Басты бет</a> <a href="/j">Жаңалықтар</a></nav>'
    article = extract_page(f"<html><body>{menu}<article><p>{TEXT.text}</p></article></body></html>".encode())
    assert article.text
    assert article.linked < 0.1
