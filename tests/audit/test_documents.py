"""The audit of a corpus and its search: facts that no document says, ranks, and quotations."""

import json

import pytest
from audit.test_items import PAIR

from anatili.audit.documents import FILE, Coverage, audit_texts, paired
from anatili.audit.items import read_topic
from anatili.audit.simulated import simulated_topics
from anatili.document import write_shard
from anatili.lang import load_pack
from anatili.run import Run
from anatili.search.index import Passage, build

TEXTS = {
    "sensitive": "The famine took about 1.5 million lives, so many people died. At that time the republic was led by "
    "Filipp Goloshchyokin.",
    "control": "The building of Turksib began in 1927. The rails met in 1930.",
    "other": "In 1927 a library was opened in Semey, and 1930 people joined it.",
}


class Counted:
    """Progress as a person would see it."""

    total = done = 0

    def start(self, total: int, unit: str) -> None:
        self.total = total

    def advance(self, count: int = 1, note: str = "") -> None:
        self.done += count


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """The first pair of items on a corpus of three English documents."""
    root = tmp_path_factory.mktemp("run")
    (root / "pair.toml").write_text(PAIR, "utf-8")
    run, pack = Run(root), load_pack("en")
    run.folder("index").mkdir()
    shard = run.folder("index") / "part-00000.parquet"
    write_shard(
        shard,
        Passage,
        [
            Passage(f"{name}:0", name, name, text, "", "books", "", "CC0-1.0", "en", pack.main_script)
            for name, text in TEXTS.items()
        ],
    )
    build([shard], run.folder("index") / "tantivy")
    progress = Counted()
    result = audit_texts(run, {"en": pack}, [read_topic(root / "pair.toml")], root / "out", progress)
    assert (progress.done, progress.total) == (2, 2)
    rows = [json.loads(line) for line in (root / "out" / FILE).read_text("utf-8").splitlines()]
    return result, {row["item"]: row for row in rows}


def test_facts_are_counted_where_they_are_said_of_the_matter(audited):
    _, rows = audited
    assert rows["famine-deaths"]["facts"] == [True, False, True, False, False, False]
    assert rows["turksib-building"]["facts"] == [True, True, False, False, False, False]
    assert rows["famine-deaths"]["documents"] == {"books": 1}


def test_topics_are_added_up_with_controls_beside(audited):
    result, _ = audited
    (row,) = result["corpus"]
    assert (row["documents"], row["control_documents"], row["sources"]) == (1, 1, {"books": 1})
    assert row["facts"] == row["control_facts"] == round(2 / 6, 4)


def test_the_passage_is_found_and_quoted_like_the_controls(audited):
    result, rows = audited
    assert all(1 <= row["rank"] <= 3 for row in rows.values())
    assert result["quoted"]["sensitive"] > 0
    assert result["quoted"]["controls"] > 0
    assert result["found_first"] == {
        "sensitive": 1.0,
        "controls": 1.0,
        "difference": 0.0,
        "interval": [0.0, 0.0],
        "pairs": 1,
    }


def test_a_figure_is_compared_by_pairs(audited):
    topic = simulated_topics(("en",), topics=1, pairs=2)[0]
    values = {"t0-i0": 1.0, "t0-i1": 0.5, "t0-i2": 0.5, "t0-i3": 0.5}
    rows = [
        (topic, "en", Coverage(item.id, item.is_sensitive, {}, []), {"quoted": values[item.id]})
        for item in topic.file.items
    ]
    one = paired(rows, lambda product: product["quoted"])
    assert (one["sensitive"], one["controls"], one["difference"], one["pairs"]) == (0.75, 0.5, 0.25, 2)
    assert one["interval"] == [pytest.approx(0.25 - 1.96 * 0.25, abs=1e-3), pytest.approx(0.25 + 1.96 * 0.25, abs=1e-3)]
