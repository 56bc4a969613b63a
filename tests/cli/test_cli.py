"""The commands as users type them."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from anatili.cli import main

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("run",),
        ("status",),
        ("why",),
        ("chat",),
        ("search",),
        ("serve",),
        ("identify",),
        ("extract",),
        ("lang",),
        ("lang", "check"),
        ("lang", "new"),
        ("lang", "list"),
    ],
    ids=" ".join,
)
def test_every_command_explains_itself(anatili, command):
    answer = anatili(*command, "--help")
    assert answer.returncode == 0
    assert "Usage:" in answer.stdout


def test_help_has_each_command_in_one_section_with_a_whole_sentence(anatili):
    text = anatili("--help", env={**os.environ, "COLUMNS": "200"}).stdout
    sections = re.findall(r"^(\w+):\n((?:  .*\n)+)", text, flags=re.MULTILINE)[1:]
    assert [name for name, _ in sections] == ["Begin", "Build", "Look", "Ask", "Publish"]
    lines = [line for _, rows in sections for line in re.findall(r"^  (\S+) +(.*(?:\n   .*)*)", rows, re.MULTILINE)]
    assert sorted(name for name, _ in lines) == sorted(main.commands)
    for name, sentence in lines:
        assert sentence.endswith("."), name
        assert not sentence.endswith("..."), name


def test_identify_gives_a_line_of_json_for_each_line(anatili):
    text = "Қазақстанның астанасы – Астана қаласы\n\nStolitsa\nqazaq tılı – memlekettık til, ony bilu kerek\n"
    answer = anatili("identify", "--json", input=text)
    rows = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [row["language"] for row in rows][:2] == ["kk", "und"]
    assert len(rows) == 4
    assert (rows[3]["language"], rows[3]["script"]) == ("kk", "Latn")
    assert rows[0].keys() == {"language", "script", "confidence"}


def test_identify_reads_a_file_that_is_not_utf8(anatili, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\n" + "қазақ тілі\n".encode())
    answer = anatili("identify", tmp_path / "a.txt")
    assert len(answer.stdout.splitlines()) == 2
    assert answer.stderr == "not UTF-8: 1 lines, the first is line 1; convert the text first\n"


def test_extract_prints_the_article(anatili, tmp_path):
    page = "<html><title>Т</title><nav>мәзір</nav><article><p>" + "Бұл мақала мәтіні. " * 20 + "</p></article></html>"
    (tmp_path / "a.html.gz").write_bytes(gzip.compress(page.encode(), mtime=0))
    answer = json.loads(anatili("extract", tmp_path / "a.html.gz", "--json").stdout)
    assert answer["text"].startswith("Бұл мақала мәтіні.")
    (tmp_path / "empty.html").write_text("")
    assert anatili("extract", tmp_path / "empty.html").returncode == 1
    assert anatili("extract", input="<p></p>").stderr == "Error: standard input: no main text found\n"
    assert anatili("extract", "-", input=page).stdout.split() == answer["text"].split()


def test_lang_check(anatili):
    answer = anatili("lang", "check", "kk")
    assert answer.returncode == 0, answer.stdout
    assert anatili("lang", "check", "zz").stderr.startswith("Error: no language pack 'zz'")


def test_status_chat_and_search_of_a_run(anatili, tiny_run):
    rows = json.loads(anatili("status", tiny_run, "--json").stdout)
    assert {row["state"] for row in rows["stages"]} == {"built"}
    assert "content" in anatili("status", "tiny", "--runs", tiny_run.parent).stdout
    answer = anatili("chat", "tiny", "--runs", tiny_run.parent, "--question", "Мушель деген не?", "--limit", 10)
    assert answer.stdout.index("Дереккөздер") < answer.stdout.index("Жауап\n")
    assert "сөзбе-сөз" in answer.stdout
    assert "https://" in answer.stdout
    bare = anatili("chat", tiny_run / "release" / "model", "--question", "Абай кім?", "--limit", 3)
    assert bare.returncode == 0, bare.stderr
    assert "Дереккөздер" not in bare.stdout
    piped = anatili("chat", tiny_run, "--limit", 5, "--json", input="Who was Abai?\n\nКто такой Абай?\n")
    assert [json.loads(line)["language"] for line in piped.stdout.splitlines()] == ["en", "ru"]
    hits = [json.loads(line) for line in anatili("search", tiny_run, "аральское море", "--json").stdout.splitlines()]
    assert hits[0]["title"] == "Аральское море"
    answer = anatili("search", tiny_run, "домбырра", "--prefer", "none")
    assert "домбырра: searched for домбыра" in answer.stderr
    assert "passages: kk" in answer.stderr
    assert all(
        json.loads(line)["language"] == "tr"
        for line in anatili("search", tiny_run, "Almatı", "--only", "tr", "--json").stdout.splitlines()
    )


def test_why_follows_a_page_through_the_stages(anatili, tiny_run):
    def why(kind: str, number: int = 0) -> str:
        address = f"https://tuzaq.example/trap/{kind}/{number}.html"
        answer = CliRunner().invoke(main, ["why", str(tiny_run), address], catch_exceptions=False)
        assert answer.exit_code == 0, answer.stderr
        return answer.stdout

    assert "lost: opted out" in why("opt-out")
    assert "duplicate" in why("exact")
    assert "duplicate" in why("near")
    assert "inflates past" in why("no-page", 6)
    assert "in the corpus (kk)" in why("personal", 3) or "held out" in why("personal", 3)
    assert "charset: kz1048" in why("charset-kz-1048")
    assert "language: ru" in why("foreign-article")
    assert "language: kk" in why("foreign-menu")
    assert re.search(r"lines: (\w\w|-) \d+(, (\w\w|-) \d+)*\n", why("foreign-menu")), "counts: a book has thousands"
    assert "script: Arab" in why("arab")
    assert "lost" in why("spam")
    assert "not an address or document" in anatili("why", tiny_run, "https://nowhere.example/").stderr


def test_mistakes_get_a_sentence_not_a_traceback(anatili, tmp_path):
    (tmp_path / "bad.toml").write_text('name = "x"\nlanguage = "kk"\n[cut]\nmin_word = 1\n')
    (tmp_path / "zz.toml").write_text(
        'name = "x"\nlanguage = "zz"\n[[collect.sources]]\nname = "s"\npath = "sample:"\n'
    )
    for arguments, message in (
        (("run", tmp_path / "none.toml"), "no recipe"),
        (("run", tmp_path / "bad.toml", "--runs", tmp_path), "cut.min_word: unknown key"),
        (("run", tmp_path / "zz.toml", "--runs", tmp_path), "no language pack 'zz'"),
        (("run", ROOT / "recipes" / "tiny.toml", "--runs", tmp_path, "--redo", "cat"), "no stage 'cat'"),
        (("status", "nothing", "--runs", tmp_path), "no run nothing"),
        (("chat", tmp_path), "no run"),
        (("chat", "http://127.0.0.1:9"), "no OpenAI-compatible server answers"),
        (("run", ROOT / "recipes" / "tiny.toml", "--runs", "/proc/none"), "cannot create the folder"),
    ):
        answer = anatili(*arguments)
        assert answer.returncode == 1, arguments
        assert message in answer.stderr
        assert "Traceback" not in answer.stderr


def test_ctrl_c_while_the_command_is_loaded_prints_no_traceback(tmp_path):
    (tmp_path / "click.py").write_text("import time\nprint('loading', flush=True)\ntime.sleep(60)\n", "utf-8")
    paths = os.pathsep.join([str(tmp_path), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-m", "anatili", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores Ctrl-C
    )
    assert process.stdout.readline() == "loading\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "stopped\n")


def test_a_long_table_of_counts_is_told_by_its_largest_entries():
    from anatili.cli.summaries import LARGEST, LONGEST, brief_facts

    counts = {f"l{n:02} Latn": n for n in range(LONGEST + 1)}
    (told,) = brief_facts({"languages": counts})
    assert told.startswith("languages: l20 Latn 20, l19 Latn 19, ")
    assert told.endswith(f"and {LONGEST + 1 - LARGEST} more with 78, which `anatili status` lists")
    (told,) = brief_facts({"epochs": {name: count / 10 for name, count in counts.items()}, "last_loss": None})
    assert told.startswith("epochs: l20 Latn 2.0, ")
    assert told.endswith(
        f"and {LONGEST + 1 - LARGEST} more up to {(LONGEST - LARGEST) / 10}, which `anatili status` lists"
    )
    (short,) = brief_facts({"languages": {"tr Latn": 1, "kk Cyrl": 5}})
    assert short == "languages: tr Latn 1, kk Cyrl 5"
