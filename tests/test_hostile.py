"""Hostile addresses, headers, bodies, texts and TOML through every stage and loader: none may end in a traceback.

What can go wrong with bad input is told as a `Problem` or a lost record; anything else that is raised fails the test.
"""

import contextlib
import gzip
import io
import string

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anatili.census.count import scan, site_of
from anatili.cli import main
from anatili.collect.collect import Job, collect_one
from anatili.collect.fetch import Fetcher, FetchError
from anatili.collect.files import root_of
from anatili.collect.robots import matches
from anatili.compression import unpack_body
from anatili.document import Document, Duplicate, Kept, Lost, Mark, read_shard
from anatili.extraction.page import extract_page
from anatili.extraction.signals import signals, translation_signals
from anatili.identify.gate import load_gate
from anatili.lang import PackFile, load_pack
from anatili.lang_check import check_pack
from anatili.pool import LocalPool
from anatili.problem import Problem
from anatili.recipe import Collect, Cut, Dedup, Extract, MarkSettings, Recipe, Source, load_recipe
from anatili.refine import boilerplate, dedup
from anatili.refine.cut import cut_shard
from anatili.refine.extract import extract_shard
from anatili.refine.mark import look_at, mark_shard, personal_patterns
from anatili.refine.personal import find_personal, mask
from anatili.sample.topics import read_topics
from anatili.stage import Quiet, Task
from anatili.text import clean
from anatili.urls import host_of, join_url, split_url
from anatili.warc import Broken, Page, Sifted, read_pages

QUICK = settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
"""The same examples each time: a test that fails by chance teaches people to run it again."""
SLOW = settings(QUICK, max_examples=12)
KAZAKH = read_topics()[0].pages["kk"].text
PACKS = {code: load_pack(code) for code in ("kk", "ru")}

texts = st.text(st.characters(), max_size=60) | st.text(string.printable, max_size=60)
addresses = st.one_of(
    st.sampled_from(
        [
            "https://[::1/x",
            "https://[::1]:x/",
            "http://[v1.a]/",
            "https://a.kz:99999/",
            "https://a.kz:port/",
            "//",
            "://",
            "https://",
            "",
            "http://\u2100.kz/",
            "https://a.kz\\@b.kz/",
            "http://user:p@ss@[::1",
            "javascript:alert(1)",
            "data:,x",
            "https://xn--/",
            "file:///etc/passwd",
            "https://a.kz/\x00\xff",
            "https://\udcff.kz",
            "http://[fe80::1%25eth0]/",
            "https://a.kz/" + "a" * 3000,
            "urn:uuid:1",
            "HTTPS://A.KZ",
        ]
    ),
    st.builds(
        "".join,
        st.lists(
            st.sampled_from(
                [
                    "http",
                    "s",
                    ":",
                    "//",
                    "[",
                    "]",
                    "@",
                    ".",
                    "/",
                    "?",
                    "#",
                    "%",
                    "%zz",
                    "қаз",
                    "a",
                    "\\",
                    " ",
                    "\t",
                    "1",
                    "..",
                    "\u2100",
                ]
            ),
            max_size=12,
        ),
    ),
    texts,
)
headers = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "Content-Type",
                "Content-Encoding",
                "Transfer-Encoding",
                "Content-Length",
                "X-Robots-Tag",
                "TDM-Reservation",
                "X-Anatili-Opt-Out",
                "Date",
                "Link",
                "",
            ]
        ),
        st.sampled_from(
            [
                "text/html",
                "text/html; charset=",
                "text/html; charset=rot13",
                "text/html; charset=../../x",
                "gzip",
                "br",
                "chunked",
                "deflate, br",
                "-1",
                "1e9",
                "noai",
                "1",
            ]
        )
        | texts,
    ),
    max_size=4,
)
markup = st.builds(
    "".join,
    st.lists(
        st.sampled_from(
            [
                "<",
                ">",
                "</",
                "<p>",
                "<div>",
                "<table><tr>",
                "<title>",
                "<meta charset=",
                "<meta name=robots content=",
                "<html lang=",
                "<!--",
                "-->",
                "<![CDATA[",
                "<script>",
                "&#",
                "&#x110000;",
                "&#xd800;",
                "&amp;",
                "\0",
                "\u202e",
                "\ud800",
                "қазақ тілі ",
                KAZAKH,
                "noai",
                '"',
                "'",
                "=",
                "\r\n",
                "<?xml encoding=utf-99?>",
                "<svg>",
                "</html>",
            ]
        ),
        max_size=15,
    ),
)
bodies = st.one_of(
    st.binary(max_size=200),
    markup.map(lambda text: text.encode("utf-8", "surrogatepass")),
    markup.map(lambda text: gzip.compress(text.encode("utf-8", "replace"), mtime=0)),
    st.sampled_from(
        [b"5\r\nhello", b"FFFFFFFF\r\nx", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd\x20", b"\xff\xfe<\0", b"WARC/1.0\r\n"]
    ),
)
lengths = st.sampled_from([None, None, None, "", "-1", "0", "7", "99999", "1e3", "9" * 30, "x"])


def member(url, fields, body, length, kind="response", version="WARC/1.0") -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in fields).encode("utf-8", "surrogatepass")
    http = b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + body
    said = str(len(http)) if length is None else length
    lines = f"{version}\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
    lines += f"Content-Type: application/http; msgtype=response\r\nContent-Length: {said}\r\n\r\n"
    return lines.encode("utf-8", "surrogatepass") + http + b"\r\n\r\n"


GOOD = member(
    "https://a.kz/good", [("Content-Type", "text/html; charset=utf-8")], f"<html><body><p>{KAZAKH}</p>".encode(), None
)
members = st.builds(
    member,
    addresses,
    headers,
    bodies,
    lengths,
    st.sampled_from(["response"] * 6 + ["conversion", "resource", "request", "", "\xff"]),
    st.sampled_from(["WARC/1.0"] * 6 + ["WARC/1.1", "WARC/9", "", "HTTP/1.1"]),
)
archives = st.builds(
    lambda records, pack: b"".join(pack(record) for record in [GOOD, *records, GOOD]),
    st.lists(members | st.binary(max_size=40), max_size=3),
    st.sampled_from([gzip.compress, bytes]),
)


@QUICK
@given(archives, st.sampled_from([None, "kk"]))
def test_archives(data, gate):
    items = list(read_pages(io.BytesIO(data), 100_000, load_gate(gate).admits if gate else None))
    assert all(isinstance(item, Page | Broken | Sifted) for item in items)
    assert any(isinstance(item, Page) and item.url == "https://a.kz/good" for item in items)


@QUICK
@given(st.binary(max_size=300), st.integers(0, 5000), st.booleans())
def test_archives_with_bytes_put_into_them(data, at, packed):
    whole = (gzip.compress(GOOD, mtime=0) if packed else GOOD) * 3
    at %= len(whole)
    for spoilt in (whole[:at] + data + whole[at:], whole[:at] + data + whole[at + len(data) :], whole[:at]):
        for item in read_pages(io.BytesIO(spoilt), 100_000):
            assert isinstance(item, Page | Broken)


def stages(folder, data: bytes) -> tuple[list[Kept], list[Lost]]:
    """`collect` to `cut` of one archive, called as the stages call them."""
    archive = folder / "a.warc.gz"
    archive.write_bytes(data)
    source = Source(name="s", path=str(archive))
    collect_one(Job("file", str(archive), folder / "collect" / "lost-00-00000.parquet"), source, Collect())
    lost = list(read_shard(folder / "collect" / "lost-00-00000.parquet", Lost))
    shards = sorted((folder / "collect").glob("part-*.warc.gz"))
    for shard in shards:
        name = shard.name.split(".")[0] + ".parquet"
        extract_shard(shard, folder / "extract" / name, ("kk",), Extract())
        mark_shard(folder / "extract" / name, folder / "mark" / name, ("kk", "ru"), MarkSettings(), folder)
        lost += read_shard(folder / "extract" / "lost" / name, Lost)
    inputs = {name: folder / name for name in ("extract", "mark")}
    recipe = Recipe(name="a", language="kk", beside=["ru"])
    dedup.run(Task(recipe, Dedup(), folder, inputs, folder / "dedup", LocalPool(1), Quiet()))
    kept: list[Kept] = []
    for shard in sorted((folder / "extract").glob("part-*.parquet")):
        target = folder / "cut" / shard.name
        cut_shard(
            shard, target, folder / "mark", folder / "dedup", ("kk", "ru"), Cut(held_out=0.0, min_words=5), folder
        )
        kept += read_shard(target, Kept)
        lost += read_shard(folder / "cut" / "lost" / shard.name, Lost)
    return kept, lost


@SLOW
@given(archives)
def test_stages_from_collect_to_cut(tmp_path_factory, data):
    kept, lost = stages(tmp_path_factory.mktemp("stages"), data)
    assert "https://a.kz/good" in {row.url for row in kept}
    assert all(row.reason for row in lost)


def test_a_malformed_address_goes_through_all_stages(tmp_path):
    record = member(
        "https://[::1/x", [("Content-Type", "text/html")], f"<html><body><p>{KAZAKH[::-1]} {KAZAKH}</p>".encode(), None
    )
    kept, lost = stages(tmp_path, gzip.compress(GOOD, mtime=0) + gzip.compress(record, mtime=0))
    assert {row.url for row in kept} | {row.url for row in lost} >= {"https://a.kz/good", "https://[::1/x"}


@SLOW
@given(st.lists(addresses, min_size=1, max_size=4))
def test_a_census_of_malformed_addresses(tmp_path_factory, urls):
    path = tmp_path_factory.mktemp("census") / "a.warc"
    body = [("Content-Type", "text/html")]
    path.write_bytes(b"".join(member(url, body, f"<html><body><p>{KAZAKH}".encode(), None) for url in urls) + GOOD)
    found = scan([path], ("kk",), lambda: None)
    assert found.pages["kk"] >= 1
    found.top_hosts("kk", 5)


def test_census_scan_does_not_die_of_a_malformed_address(tmp_path):
    record = member("https://[::1/x", [("Content-Type", "text/html")], f"<p>{KAZAKH}".encode(), None)
    (tmp_path / "a.warc").write_bytes(record + GOOD)
    answer = CliRunner().invoke(main, ["census", "scan", str(tmp_path / "a.warc"), "--language", "kk", "--json"])
    assert answer.exit_code == 0, answer.output


@QUICK
@given(addresses, addresses, st.lists(st.sampled_from(["a", "*", "/", "$", "?", ".", "("]), max_size=30).map("".join))
def test_addresses(url, other, pattern):
    assert split_url(url).netloc == host_of(url)
    join_url(url, other)
    site_of(url)
    matches(pattern, split_url(url).path)
    translation_signals("<p>", url)
    boilerplate.lines_of(document(KAZAKH, url), boilerplate.np.array([1], "int64"))
    with contextlib.suppress(Problem):
        root_of(url)


@pytest.fixture(scope="module")
def fetcher():
    fetcher = Fetcher(tries=1, pause=0)
    yield fetcher
    fetcher.close()


@SLOW
@given(
    addresses.filter(lambda url: not host_of(url)) | st.sampled_from(["https://[::1/x", "http://[v1.a]/", "http:///a"])
)
def test_addresses_that_cannot_be_fetched(fetcher, url):
    with pytest.raises(FetchError):
        fetcher.get(url)


@SLOW
@given(archives, st.sampled_from(["sift", "census scan"]))
def test_commands_that_read_archives(tmp_path_factory, data, command):
    path = tmp_path_factory.mktemp("command") / "a.warc"
    path.write_bytes(data)
    answer = CliRunner().invoke(main, [*command.split(), str(path), "--language", "kk", "--json"])
    assert answer.exception is None or isinstance(answer.exception, SystemExit), answer.exception
    assert "Traceback" not in answer.output


@QUICK
@given(bodies, st.lists(st.sampled_from(["gzip", "br", "deflate", "zstd", "chunked", "", "x"]), max_size=4))
def test_bodies(body, codings):
    with contextlib.suppress(ValueError):
        assert len(unpack_body(body, codings, 1000)) <= max(1001, len(body))


@SLOW
@given(bodies, texts, st.dictionaries(st.sampled_from(["x-robots-tag", "x-anatili-opt-out", "tdm-reservation"]), texts))
def test_pages(body, charset, fields):
    for mode in ("quick", "fast", "careful"):
        found = extract_page(body, charset=charset, headers=fields, mode=mode, url="https://[::1")
        found.text.encode("utf-8")  # what cannot be written would stop the shard
        found.title.encode("utf-8")
    signals(body.decode("latin-1"), fields)
    for code in ("kk", "ky"):
        load_gate(code).admits(body, lambda: charset)


def document(body: str, url: str = "https://a.kz/") -> Document:
    return Document("1", body, "", url, "s", "", "", "", "utf-8")


@QUICK
@given(
    st.lists(
        st.sampled_from(
            [
                "қазақ ",
                "aқ",
                "+7 701 123 45 67",
                "a@b.kz",
                "KZ86 125K ZT50 0410 0100",
                "4111 1111 1111 1111",
                "\n",
                "\u2028",
                "\x85",
                "\x1c",
                "1" * 30,
                "\u0301" * 50,
                "(at)",
                "\U0001f600",
                "\ud83d",
                KAZAKH[:200],
            ]
        )
        | texts,
        max_size=12,
    ).map("".join)
)
def test_texts(body):
    body = clean(body.encode("utf-8", "replace").decode())
    found = look_at(document(body), PACKS, 25)
    assert isinstance(found, Mark)
    assert len(found.lines) == len(body.splitlines())
    mask(body, find_personal(body, personal_patterns(PACKS)))
    for pack in PACKS.values():
        pack.normalize(body)
    dedup.sign(document(body), 8, dedup.comparable_text(document(body), found, PACKS))
    assert Duplicate("1", "", "", 0.0)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=5
)
KEYS = st.sampled_from([*Recipe.model_fields, *Collect.model_fields, *Cut.model_fields, *Dedup.model_fields, "sources"])


def toml(value) -> str:
    import json

    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{json.dumps(key, ensure_ascii=True)} = {toml(one)}" for key, one in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return "nan" if value is None else str(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=True)


files = st.one_of(
    st.binary(max_size=100),
    st.dictionaries(KEYS | texts, values, max_size=5).map(
        lambda table: "\n".join(f"{toml(key)} = {toml(value)}" for key, value in table.items()).encode(
            "utf-8", "replace"
        )
    ),
    st.tuples(KEYS, st.dictionaries(KEYS, values, max_size=3)).map(
        lambda pair: (
            f'name = "a"\nlanguage = "kk"\n[{pair[0]}]\n'
            + "\n".join(f"{toml(k)} = {toml(v)}" for k, v in pair[1].items())
        ).encode("utf-8", "replace")
    ),
)


@QUICK
@given(files)
def test_recipes(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("recipe") / "a.toml"
    path.write_bytes(data)
    with contextlib.suppress(Problem):
        assert isinstance(load_recipe(path), Recipe)


PACK_KEYS = st.sampled_from([*PackFile.model_fields])


@QUICK
@given(
    st.sampled_from(["pack.toml", "prompts.toml", "cases.toml"]),
    files
    | st.dictionaries(PACK_KEYS, values, max_size=3).map(
        lambda table: (
            'name = "x"\nown_name = "x"\nletters = {Cyrl = "абв"}\n'
            + "\n".join(
                f"{key} = {toml(value)}" for key, value in table.items() if key not in ("name", "own_name", "letters")
            )
        ).encode("utf-8", "replace")
    ),
)
def test_packs(tmp_path_factory, name, data):
    folder = tmp_path_factory.mktemp("packs") / "zz"
    folder.mkdir()
    (folder / "pack.toml").write_text('name = "x"\nown_name = "x"\nletters = {Cyrl = "абв"}\n', "utf-8")
    (folder / "stopwords.txt").write_text("аб\n", "utf-8")
    (folder / name).write_bytes(data)
    patch = pytest.MonkeyPatch()
    patch.setenv("ANATILI_PACKS", str(folder.parent))
    load_pack.cache_clear()
    try:
        with contextlib.suppress(Problem):
            assert load_pack("zz").code == "zz"
            check_pack("zz")
    finally:
        patch.undo()
        load_pack.cache_clear()
