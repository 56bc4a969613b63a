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
