"""The net below all pages: what takes too long is ended, is lost with its reason, and the next page goes on."""

import contextlib
import re
import signal
import sys
import threading
import time
import weakref

import pytest

from anatili.document import Document, Duplicate, Lost, Mark, read_shard, write_shard
from anatili.extraction import time_limit
from anatili.extraction.page import extract_page
from anatili.extraction.time_limit import TookTooLong, within
from anatili.lang import load_pack
from anatili.recipe import Cut, Extract, MarkSettings
from anatili.refine.cut import why_not
from anatili.refine.extract import extract_shard
from anatili.refine.mark import look_at, mark_shard
from anatili.sample.topics import read_topics
from anatili.warc import Page, WarcFile

KAZAKH = read_topics()[0].pages["kk"].text


def spin() -> None:
    while True:
        with contextlib.suppress(Exception):  # as parsers do
            sum(range(1000))


def test_what_runs_for_ever_is_ended_though_it_catches_errors(monkeypatch):
    monkeypatch.setattr(time_limit, "BASE_SECONDS", 0.1)
    with pytest.raises(TookTooLong, match="CPU-seconds"), within(1000):
        spin()


def test_a_pattern_that_runs_for_ever_is_ended(monkeypatch):
    monkeypatch.setattr(time_limit, "BASE_SECONDS", 0.1)
    with pytest.raises(TookTooLong), within(1000):
        re.search(r"(?:a|a)*$", "a" * 40 + "b")


def test_the_end_is_not_missed_when_a_finalizer_drops_the_exception(monkeypatch):
    """Python ignores what is raised in a callback of `weakref`, and the work may end before the next alarm."""
    monkeypatch.setattr(time_limit, "BASE_SECONDS", 0.1)

    class Page:
        pass

    def spin_for_a_while(reference: object) -> None:
        ended = time.process_time() + 0.5
        while time.process_time() < ended:
            sum(range(1000))

    dropped = []
    monkeypatch.setattr(sys, "unraisablehook", dropped.append)
    pages = [Page()]
    reference = weakref.ref(pages[0], spin_for_a_while)
    with pytest.raises(TookTooLong), within(0):
        pages.clear()
    assert reference() is None
    assert [type(drop.exc_value) for drop in dropped] == [TookTooLong]


def test_what_ends_in_time_is_left_alone(monkeypatch):
    monkeypatch.setattr(time_limit, "BASE_SECONDS", 0.2)
    monkeypatch.setattr(time_limit, "RETRY_SECONDS", 0.05)
    with within(0):
        pass
    ended = time.process_time() + 0.5
    while time.process_time() < ended:  # the alarm is off: else this raises TookTooLong
        pass
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def test_waiting_costs_nothing(monkeypatch):
    """A machine that is busy with other things does not change what is kept: CPU time counts, not the clock."""
    monkeypatch.setattr(time_limit, "BASE_SECONDS", 0.1)
    with within(0):
        time.sleep(0.4)


def test_other_threads_work_without_a_bound():
    seen = []
    thread = threading.Thread(target=lambda: seen.append([1 for _ in [0] if not within(1).__enter__()]))
    thread.start()
    thread.join()
    assert seen == [[1]]


def test_a_page_that_takes_too_long_to_extract_is_lost_with_its_reason(tmp_path, monkeypatch):
    shard = tmp_path / "part-0.warc.gz"
    slow = "<html><body>" + "".join(f"<p>{KAZAKH} {n}</p>" for n in range(3000))
    with shard.open("wb") as file:
        warc = WarcFile(file, {"source": "s", "license": "CC0-1.0"})
        for name, body in (("slow", slow), ("good", f"<html><body><p>{KAZAKH}</p>")):
            warc.write(Page(f"https://a.example/{name}", "2026-01-01T00:00:00Z", body.encode(), charset="utf-8"))
        warc.close()
    extract_page(f"<p>{KAZAKH}</p>".encode())  # libraries are loaded on first use
    monkeypatch.setattr(time_limit, "SECONDS_PER_MILLION", 0.0)
    monkeypatch.setattr(time_limit, "BASE_SECONDS", 0.25)
    extract_shard(shard, tmp_path / "out" / "part-0.parquet", ("kk",), Extract())
    (lost,) = read_shard(tmp_path / "out" / "lost" / "part-0.parquet", Lost)
    assert (lost.url, lost.reason) == ("https://a.example/slow", "took too long")
    assert lost.detail == "extract: more than 0 CPU-seconds"
    assert [row.url for row in read_shard(tmp_path / "out" / "part-0.parquet", Document)] == ["https://a.example/good"]


def test_a_page_that_takes_too_long_to_mark_is_lost_with_its_reason(tmp_path, monkeypatch):
    bodies = {"slow": f"{KAZAKH}\n" * 4000, "good": KAZAKH}
    rows = [
        Document(name, body, "", "https://a.example/" + name, "s", "", "", "", "utf-8") for name, body in bodies.items()
    ]
    write_shard(tmp_path / "part-0.parquet", Document, rows)
    look_at(rows[1], {"kk": load_pack("kk")}, 25)  # models are loaded on first use
    monkeypatch.setattr(time_limit, "SECONDS_PER_MILLION", 0.0)
    monkeypatch.setattr(time_limit, "BASE_SECONDS", 0.25)
    mark_shard(tmp_path / "part-0.parquet", tmp_path / "out.parquet", ("kk",), MarkSettings(), tmp_path)
    slow, good = read_shard(tmp_path / "out.parquet", Mark)
    assert len(slow.lines) == len(bodies["slow"].splitlines())
    unique, limits = Duplicate("", "", "", 0.0), {"kk": Cut()}
    assert why_not(rows[0], slow, unique, limits) == ("took too long", "mark: more than 0 CPU-seconds")
    assert why_not(rows[1], good, unique, limits)[0] != "took too long"
