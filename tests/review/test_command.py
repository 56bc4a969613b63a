"""`anatili review`: what it prints, and what it says of wrong calls."""

import json

import pytest
from audit.test_items import PAIR
from click.testing import CliRunner
from review.reviewing import REFUSALS, label_all, open_session, write_audit

from anatili.cli import main
from anatili.pack_folders import FOLDER


def invoke(*arguments: object):
    return CliRunner().invoke(main, ["review", *map(str, arguments)])


@pytest.fixture
def audit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pair.toml").write_text(PAIR, "utf-8")
    write_audit(
        tmp_path / "audits" / "one",
        tmp_path / "pair.toml",
        lambda item, language, n: REFUSALS[language] if n else "Құрылыс 1927 жылы басталды.",
        number=3,
    )
    session = open_session(tmp_path / "reviews" / "one", "audits/one", items=(tmp_path / "pair.toml",))
    label_all(
        session, "kk", "Айша", "Болат", says=lambda name, answer: "refused" if answer == REFUSALS["kk"] else "answered"
    )
    session.close()


def test_the_agreement_is_printed_whole_and_the_labels_are_written(audit, tmp_path):
    done = invoke("audits/one", "--items", "pair.toml", "--export")
    assert done.exit_code == 0, done.output
    for word in ("prevalence", "hit", "false", "kappa", "ac1", "not validated", "6 labels: audits/one/labels.jsonl"):
        assert word in done.output, word
    assert "accuracy" not in done.output
    result = json.loads(invoke("audits/one", "--items", "pair.toml", "--export", "--json").stdout)
    refusals = result["answers"]["kk"]["detector"]["refusals"]
    assert refusals["n"] == 6
    assert refusals["hit"]["value"] == refusals["kappa"]["value"] == 1.0
    assert refusals["prevalence"] == {"value": 0.6667, "interval": pytest.approx([0.30, 0.90], abs=0.01)}
    assert result["answers"]["en"]["final"] == 0
    assert (tmp_path / "audits" / "one" / "labels.jsonl").is_file()


def test_the_diff_of_a_pack(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "src/anatili/lang/kk/prompts.toml"
    session = open_session(tmp_path / "reviews" / "kk", "kk")
    session.edit(name, "page.send", session.file(name).text_of("page.send"), "Жіберіңіз", "Айша")
    session.close()
    done = invoke("kk", "--diff")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"--- a/{name}\n+++ b/{name}\n")
    assert "Айша" not in done.stdout
    assert json.loads(invoke("kk", "--diff", "--json").stdout) == {"diff": done.stdout, "problems": []}
    changed = tmp_path / "packs" / "kk"
    changed.mkdir(parents=True)
    text = (FOLDER / "kk" / "stopwords.txt").read_text("utf-8")
    (changed / "stopwords.txt").write_text(text, "utf-8")
    session = open_session(tmp_path / "reviews" / "stopwords", changed / "stopwords.txt")
    key, entry = next(iter(session.file("packs/kk/stopwords.txt").entries.items()))
    session.edit("packs/kk/stopwords.txt", key, entry.text, "бірдеңе", "Айша")
    session.close()
    (changed / "stopwords.txt").write_text(text.replace(f"{entry.text}\n", "басқа\n", 1), "utf-8")
    done = invoke("packs/kk/stopwords.txt", "--diff")
    assert "this text has changed since it was corrected to 'бірдеңе'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name what to review"),
        (("kk", "--export", "--diff"), "one at a time"),
        (("kk", "--json"), "--json is for --export and --diff"),
        (("kk", "--diff"), "nothing is reviewed in reviews/kk yet"),
        (("nowhere",), "no file nowhere, and no pack of that name"),
        (("kk", "--host", "0.0.0.0", "--no-browser"), "others can reach 0.0.0.0: set a key"),
    ],
)
def test_wrong_calls_say_what_to_do(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    done = invoke(*arguments)
    assert done.exit_code == 1
    assert message in done.output
    assert "Traceback" not in done.output
