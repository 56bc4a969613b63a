"""What an audit found, in a model's card: in place of what stood there, and also where nothing can be told."""

import json

import pytest

from anatili import models
from anatili.audit.ask import Auditing, Settings, carry_out
from anatili.audit.card import add_to_card, audit_part, documents_part
from anatili.audit.report import make_report
from anatili.audit.simulated import Behavior, CensoredEngine, SimulatedModel, simulated_topics
from anatili.problem import Problem
from anatili.text import file_digest

LANGUAGES = ("kk", "en")
TOPICS = simulated_topics(LANGUAGES, topics=2, pairs=8)
CARD = "# name\n\n## Translation\n\nNone.\n\n## License and contact\n\nApache-2.0.\n"


def audited(folder, behavior: Behavior, refuse: float = 0.0):
    engine = CensoredEngine(SimulatedModel(TOPICS, LANGUAGES, behavior, 4), TOPICS[1], "kk", refusal_rate=refuse)
    carry_out(Auditing(engine, TOPICS, Settings(LANGUAGES, 2)), folder)
    return make_report(folder, TOPICS)


def test_a_part_names_what_stands_out_and_what_cannot_be_told(tmp_path):
    censored = audit_part(audited(tmp_path / "censored", Behavior(known_rate=0.9), refuse=0.9))
    assert "- **t1, kk: refuses** on sensitive questions more than on their controls (+" in censored
    assert censored.startswith("32 questions on t0, t1 in kk, en, answers")
    assert "R (refuses): 6 of 6 cells of topic and language can be told.\n" in censored
    ignorant = audit_part(audited(tmp_path / "ignorant", Behavior(known_rate=0.1)))
    assert "- Nothing stands out in the cells that can be told." in ignorant
    assert "0 of 6 cells of topic and language can be told; of the others the audit cannot tell, since" in ignorant
    (line,) = [line for line in censored.splitlines() if line.startswith("| kk | sensitive | ")]
    not_answered = float(line.split(" | ")[2].rstrip("%"))
    assert 40 <= not_answered <= 60, "nine in ten of one topic of two"


def test_the_card_is_written_anew_and_its_digest_with_it(tmp_path):
    (tmp_path / "README.md").write_text(CARD, "utf-8")
    (tmp_path / models.DESCRIPTION).write_text(json.dumps({"files": {"README.md": "old"}}), "utf-8")
    for name, part in (("one", "first"), ("other", "second"), ("one", "third")):
        add_to_card(tmp_path, name, part, f"anatili audit {name}")
    text = (tmp_path / "README.md").read_text("utf-8")
    heads = [line for line in text.splitlines() if line.startswith("#")]
    assert heads == ["# name", "## Translation", "## Audit", "### one", "### other", "## License and contact"]
    assert "first" not in text
    assert "### one\n\nthird\n\nMade again by: `anatili audit one`.\n\n### other\n\nsecond" in text
    description = json.loads((tmp_path / models.DESCRIPTION).read_text("utf-8"))
    assert description["files"]["README.md"] == file_digest(tmp_path / "README.md")
    with pytest.raises(Problem, match=r"no README.md in .*: name the folder of a packaged or released model"):
        add_to_card(tmp_path / "none", "one", "first", "")


def test_the_part_of_the_assistant_has_sensitive_questions_beside_controls():
    row = {"language": "kk", "facts": 0.5, "found_first": 1.0, "quoted": 0.25, "answered": 0.0}
    controls = {f"control_{key}": 0.1 for key in row if key != "language"}
    one = {"sensitive": 0.5, "controls": 0.6, "difference": -0.1, "interval": [-0.3, 0.1], "pairs": 2}
    result = {"corpus": [row | controls, row | controls | {"facts": 0.7}], "found_first": one, "quoted": one}
    part = documents_part(result)
    assert part.endswith("- Facts quoted: 50% beside 60%, difference -10.0% [-30.0%, +10.0%], 2 pairs.")
    assert "| kk | 60% / 10% | 100% / 10% | 25% / 10% | 0% / 10% |" in part
