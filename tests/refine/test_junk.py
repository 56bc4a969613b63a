"""The default thresholds on texts of our own that nothing was trained on: the part `report` of bench/junk.toml and
bench/good.toml. bench/junk.py asks more, with real data."""

import random
import tomllib

import pytest
from metrics import ROOT, bench

from anatili.document import Document, Duplicate
from anatili.lang import load_pack
from anatili.recipe import Cut
from anatili.refine.cut import thresholds, why_not
from anatili.refine.mark import look_at
from anatili.sample.topics import read_topics

KINDS = bench("junk_kinds")
PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}
LIMITS = {code: thresholds(Cut(), pack) for code, pack in PACKS.items()}
SCHEMES = ("", "Latn2021", "Arab")


def reason(text: str) -> str:
    document = Document("1", text, "", "", "s", "", "", "", "utf-8")
    return why_not(document, look_at(document, PACKS, 25), Duplicate("1", "", "", 0.0), LIMITS)[0]


def in_script(text: str, scheme: str) -> str:
    return PACKS["kk"].transliterate(text, scheme) if scheme else text


@pytest.mark.parametrize("scheme", SCHEMES)
def test_most_pages_of_advertising_notices_and_lists_are_refused(scheme):
    tables = tomllib.loads((ROOT / "bench" / "junk.toml").read_text("utf-8"))
    fill = tables.pop("fill")
    stock = KINDS.Stock("report", [], [], [], [], {}, {kind: pool["report"] for kind, pool in tables.items()}, fill)
    kinds = ("cookies", "loans", "essays", "casino", "adverts", "prices", "keywords", "menus")
    texts = [KINDS.JUNK[kind](random.Random(n), stock) for kind in kinds for n in range(4)]
    kept = [text for text in texts if not reason(in_script(text, scheme))]
    print(f"{scheme}: {len(kept)} of {len(texts)} kept")
    assert len(kept) <= (4 if not scheme else 8)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_recipes_poems_dialogue_law_and_formulas_stay(scheme):
    tables = tomllib.loads((ROOT / "bench" / "good.toml").read_text("utf-8"))
    texts = [text for table in tables.values() for text in table["report"]]
    lost = [(reason(in_script(text, scheme)), text[:40]) for text in texts if reason(in_script(text, scheme))]
    print(scheme, lost)
    assert len(texts) > 20
    assert len(lost) <= (3 if not scheme else 5)


@pytest.mark.parametrize("language", ["ru", "tr"])
def test_spam_in_other_languages_is_refused_and_what_a_school_reads_is_kept(language):
    pools = tomllib.loads((ROOT / "bench" / "junk_others.toml").read_text("utf-8"))[language]
    for kind in ("loans", "casino"):
        lines = [line.format(n=15, m=50_000, city="", thing="", subject="") for line in pools[kind]["report"]]
        assert reason(" ".join(lines)) in ("quality", "blocked words"), kind
    topics = [topic.pages[language].text for topic in read_topics() if language in topic.pages]
    assert sum(not reason(text) for text in topics[1::2]) >= 0.95 * len(topics[1::2])
