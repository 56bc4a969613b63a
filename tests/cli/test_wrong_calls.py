"""Wrong calls of every command: a sentence that says what is wrong, a status that is not 0, and nothing left behind."""

import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from anatili.cli import main
from anatili.problem import Problem
from anatili.sample.topics import parse, read_topics

ROOT = Path(__file__).parents[2]
NOWHERE = "/sys/anatili"  # a folder in which not even root can write
RECIPE = 'name = "x"\nlanguage = "kk"\n[[collect.sources]]\nname = "s"\npath = "sample:"\n'


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Files of each wrong kind, and a good one of each right kind."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "bytes").write_bytes(b"\x1f\x8b\xff\xfe\x80 \xd3\n\xff")
    (tmp_path / "text.txt").write_text("Қазақ тілі – түркі тілдерінің бірі.\n" * 9, "utf-8")
    (tmp_path / "good.toml").write_text(RECIPE, "utf-8")
    return tmp_path


def call(*arguments, text=""):
    answer = CliRunner(catch_exceptions=True).invoke(main, list(map(str, arguments)), input=text)
    error = answer.exception
    assert error is None or isinstance(error, SystemExit | click.Abort), f"traceback: {error!r}"
    return answer


def refused(place, *arguments, text=""):
    """The message of a call that must fail and leave nothing behind."""
    before = sorted(place.rglob("*"))
    answer = call(*arguments, text=text)
    assert answer.exit_code not in (0, None), answer.output
    assert "Error: " in answer.stderr
    message = answer.stderr.partition("Error: ")[2].strip()
    assert 10 < len(message) < 600, message
    assert "Errno" not in message
    assert "codec" not in message
    left = [path for path in sorted(place.rglob("*")) if path not in before]
    assert not left, left
    return message


@pytest.mark.parametrize("question", ["Where is it?", "қайда орналасқан", "Когда?"])
def test_a_question_without_its_option_is_told_the_option(place, question):
    message = refused(place, "ask", "text.txt", question)
    assert message == f"there is no file or folder {question}; put --question before a question"
    assert "--question" not in refused(place, "ask", "text.txt", "none.txt")


READING = {
    "run": ("run", "FILE"),
    "run --dry-run": ("run", "FILE", "--dry-run"),
    "status": ("status", "FILE"),
    "why": ("why", "FILE", "https://a.example/"),
    "stats": ("stats", "FILE", "--what-if", "min_words=5"),
    "trace": ("trace", "FILE", "сөз"),
    "trace build": ("trace", "build", "FILE"),
    "refine": ("refine", "FILE", "--language", "kk", "-o", "out"),
    "tokenizer report": ("tokenizer", "report", "kazakh-26m", "--text", "FILE"),
    "tokenizer report of": ("tokenizer", "report", "FILE", "--text", "text.txt"),
    "tokenizer train": ("tokenizer", "train", "--text", "FILE", "-o", "out"),
    "tokenizer fit": ("tokenizer", "fit", "FILE", "--text", "text.txt", "--language", "kk", "-o", "out"),
    "evaluate": ("evaluate", "FILE", "--text", "text.txt"),
    "evaluate --text": ("evaluate", "kazakh-26m", "--text", "FILE"),
    "export": ("export", "FILE", "--gguf"),
    "export --package": ("export", "FILE", "--package"),
    "export --base": ("export", "FILE", "--base", "folder"),
    "sift": ("sift", "FILE", "--language", "kk"),
    "census index": ("census", "index", "FILE"),
    "census trend": ("census", "trend", "FILE", "--language", "kk"),
    "census overlap": ("census", "overlap", "FILE", "a", "b"),
    "extract": ("extract", "FILE"),
    "lang lexicon": ("lang", "lexicon", "kk", "--text", "FILE", "--into", "out"),
    "chat": ("chat", "FILE", "--question", "?"),
    "search": ("search", "FILE", "x"),
    "serve": ("serve", "FILE", "--no-browser"),
    "mcp": ("mcp", "FILE"),
    "serve --keys": ("serve", "kazakh-26m", "--keys", "FILE", "--no-browser"),
    "translate": ("translate", "FILE", "text.txt", "--target", "en"),
    "translate of": ("translate", "kazakh-26m", "FILE", "--target", "en"),
    "pivot": ("pivot", "FILE", "--target", "en", "--through", "ru"),
    "pivot --text": (
        "pivot",
        "kazakh-26m",
        "--target",
        "en",
        "--through",
        "ru",
        "--text",
        "FILE",
        "--reference",
        "FILE",
    ),
    "opensearch": ("opensearch", "FILE", "--out", "out"),
    "embed": ("embed", "FILE", "http://127.0.0.1:9"),
    "commons export": ("commons", "export", "FILE", "-o", "out"),
    "commons backup": ("commons", "backup", "FILE", "out.sqlite"),
    "commons restore": ("commons", "restore", "FILE", "out.sqlite"),
    "commons examples": ("commons", "examples", "FILE", "-o", "out"),
    "release": ("release", "FILE", "-o", "out"),
    "release --corpus": ("release", "FILE", "--corpus", "-o", "out"),
    "release --key": ("release", "kazakh-26m", "-o", "out", "--key", "FILE"),
    "licenses": ("licenses", "FILE"),
    "verify": ("verify", "FILE"),
    "publish": ("publish", "FILE", "--to", "out"),
    "site": ("site", "FILE", "-o", "out"),
    "reproduce": ("reproduce", "FILE"),
}
EITHER = {("lang lexicon", "empty")}
"""What may be right: a text without words is no error."""


@pytest.mark.parametrize("wrong", ["missing", "folder", "empty", "bytes", "/proc/self/mem"])
@pytest.mark.parametrize("command", READING)
def test_a_wrong_file_is_told_in_a_sentence(place, command, wrong):
    if (command, wrong) in EITHER:
        call(*(wrong if part == "FILE" else part for part in READING[command]))
        return
    refused(place, *(wrong if part == "FILE" else part for part in READING[command]))


WRITING = {
    "run": ("run", "good.toml", "--runs", "FOLDER"),
    "refine": ("refine", "text.txt", "--language", "kk", "-o", "FOLDER"),
    "tokenizer train": ("tokenizer", "train", "--text", "text.txt", "--vocabulary", "512", "-o", "FOLDER"),
    "tokenizer report": ("tokenizer", "report", "kazakh-26m", "--text", "text.txt", "--plot", "FOLDER/a.png"),
    "sift": ("sift", "crawl.warc.gz", "--language", "kk", "-o", "FOLDER/a.warc.gz"),
    "census scan": ("census", "scan", "crawl.warc.gz", "--plot", "FOLDER/a.png"),
    "census trend": ("census", "trend", "trend.csv", "--language", "kk", "--plot", "FOLDER/a.png"),
    "lang new": ("lang", "new", "xal", "--into", "FOLDER"),
    "lang lexicon": ("lang", "lexicon", "kk", "--text", "words.txt", "--into", "FOLDER"),
    "export": ("export", "kazakh-26m", "--gguf", "-o", "FOLDER/a.gguf"),
    "translate": ("translate", "MODEL", "text.txt", "--target", "en", "-o", "FOLDER/a.txt"),
    "serve --contribute": ("serve", "kazakh-26m", "--no-browser", "--contribute", "FOLDER/a.sqlite"),
    "release": ("release", "kazakh-26m", "-o", "FOLDER"),
    "site": ("site", "kazakh-26m", "-o", "FOLDER"),
    "serve --feedback": ("serve", "kazakh-26m", "--no-browser", "--feedback", "FOLDER/a.jsonl"),
}


@pytest.fixture(scope="module")
def crawl(tmp_path_factory):
    """The sample as a crawl."""
    from anatili import sample

    return sample.build(tmp_path_factory.mktemp("crawl"))


@pytest.mark.parametrize("folder", [NOWHERE, "text.txt"])
@pytest.mark.parametrize("command", WRITING)
def test_what_cannot_be_written_is_told_in_a_sentence(place, crawl, six_directions, command, folder):
    shutil.copyfile(crawl, place / "crawl.warc.gz")
    words = "\n".join(topic.pages["kk"].text for topic in read_topics())
    (place / "words.txt").write_text(words, "utf-8")
    (place / "trend.csv").write_text(
        "crawl,primary_language,pages,urls,%pages/crawl\nCC-MAIN-2026-04,kaz,1,1,1\nCC-MAIN-2026-08,kaz,2,2,2\n"
    )
    parts = (part.replace("FOLDER", folder).replace("MODEL", str(six_directions)) for part in WRITING[command])
    message = refused(place, *parts)
    assert command == "export" or folder in message


def test_a_full_disk_is_told_and_leaves_nothing(place, crawl):
    """The limit on the size of a file stands for it: no disk need be filled."""
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); "
        "from anatili.cli import main; main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", program, "sift", str(crawl), "--language", "kk", "-o", "out.warc.gz"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=place)
    assert answer.returncode == 1
    assert answer.stderr.startswith("Error: no space left to write out.warc.gz"), answer.stderr
    assert not list(place.glob("*out.warc*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "folder"), "folder is a folder"),
        (("run", "none.toml"), "no recipe none.toml; bundled: "),
        (("search", "sample", "x", "--only", "zz"), "no language 'zz'"),
        (("search", "sample", "x", "--prefer", "zz"), "no language 'zz'"),
        (("export", "kazakh-26m", "--gguf"), "is GGUF already"),
        (("chat", "kazakh-26m", "--question", ""), "question is empty"),
        (("chat", "nothing", "--question", "x"), "kazakh-26m"),
        (("serve", "nothing"), "kazakh-26m"),
        (("serve", "--proxy", "nginx", "--no-browser"), "address of the proxy"),
        (("serve", "--audio", "whisper", "--no-browser"), "starts with http"),
        (("key", "a", "--expires", "soon"), "a day such as"),
        (("key", "a", "--expires", "2001-01-01"), "is over"),
        (("key", "two words"), "one word"),
        (("translate", "nothing", "text.txt", "--target", "en"), "kazakh-26m"),
        (("translate", "kazakh-26m", "empty", "--target", "xx"), "empty"),
        (("translate", "kazakh-26m", "text.txt", "--target", "xx"), "no language 'xx'"),
        (("translate", "kazakh-26m", "text.txt", "--target", "en", "--source", "xx"), "'xx'"),
    ],
)
def test_weak_messages_are_strong(place, arguments, said):
    assert said in refused(place, *arguments)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('"kk"', '"kz"'), "no language pack 'kz'"),
        (("sample:", "gone"), "no file at"),
        (("[[collect", '[mark]\nbenchmarks = ["gone.txt"]\n[[collect'), "gone.txt"),
        (("[[collect", '[tune]\ninstructions = "gone.jsonl"\n[[collect'), "gone.jsonl"),
        (("[[collect", '[evaluate]\ntexts = {kk = ["gone.txt"]}\n[[collect'), "gone.txt"),
        (("[[collect", '[tune]\ninstructions = "text.txt"\n[[collect'), "text.txt:1: not a conversation"),
        (("[[collect", '[tune]\npreferences = "text.txt"\n[[collect'), "text.txt:1: not a preference"),
        (("[[collect", '[evaluate]\ntexts = {kk = ["bytes"]}\n[[collect'), "bytes:1: not UTF-8"),
        (("[[collect", '[tokenizer]\nbase = "gone"\n[[collect'), "no model in"),
        (("[[collect", "[cut]\nmin_word = 1\n[[collect"), "cut.min_word: unknown key"),
    ],
)
def test_a_recipe_that_is_refused_leaves_no_run(place, change, said):
    (place / "bad.toml").write_text(RECIPE.replace(*change), "utf-8")
    assert said in refused(place, "run", "bad.toml", "--runs", "runs")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'name = "x"\nlanguage =\n', "bad.toml:2: "),
        (b'name = "x"\nlanguage = "kk"\n[cut\nmin_words = 1\n', "bad.toml:3: "),
        (b'name = "x"\nlanguage = "kk"\nbeside = ["ru",\n\n[cut]\nmin_words = 1\n', "bad.toml:5: "),
        (b'name = "x"\nlanguage = "kk"\nbeside = ["ru",\n\n\n', "bad.toml:3: "),
        (b'name = "x"\nlanguage = "kk"\nname = "y"\n', "bad.toml:3: "),
        (b'name = "x"\nlanguage = """kk\n\n', "bad.toml:2: "),
        ("name = 'x'\nlanguage = 'қ'\n".encode("cp1251", "replace") + b"\xff", "bad.toml:3: "),
        (b'name = "x"\n# \xea\xe0\xe7\nlanguage = "kk"\n', "bad.toml:2: not UTF-8"),
        (b"a = " + b"[" * 5000 + b"\n", "bad.toml"),
    ],
)
def test_an_error_in_a_recipe_names_its_line(place, text, said):
    (place / "bad.toml").write_bytes(text)
    assert said in refused(place, "run", "bad.toml")


def test_a_recipe_with_a_mark_at_its_start_is_read(place):
    (place / "marked.toml").write_bytes(b"\xef\xbb\xbf" + RECIPE.encode())
    assert call("run", "marked.toml", "--dry-run").exit_code == 0


def test_an_error_in_a_topic_names_its_line():
    whole = "== kk\nТақырып\nМәтін.\n? Сұрақ?\n! Жауап."
    assert parse("x", f"category: a\n{whole}\n{whole.replace('kk', 'ru')}").pages.keys() == {"kk", "ru"}
    for wrong in ("== ru", "== ru\nTitle\nText.\n? Question?"):
        with pytest.raises(Problem, match=r"topics/x.txt:7: ru: needs a title, a text, and question"):
            parse("x", f"category: a\n{whole}\n{wrong}\n")


@pytest.fixture
def packs(place, monkeypatch):
    """A folder of packs with one that is whole."""
    from anatili.lang import load_pack
    from anatili.lang.new import new_pack

    folder = new_pack("xal", place / "packs", prompts_from="ru")
    (folder / "stopwords.txt").write_text("ba\n", "utf-8")
    monkeypatch.setenv("ANATILI_PACKS", str(place / "packs"))
    load_pack.cache_clear()
    yield folder
    load_pack.cache_clear()


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("pack.toml", b"name =\n", "pack.toml:1: "),
        ("pack.toml", b'name = "x"\n# \xff\n', "pack.toml:2: not UTF-8"),
        ("stopwords.txt", b"a\n\xff\n", "stopwords.txt:2: not UTF-8"),
        ("prompts.toml", b'a = "\n', "prompts.toml:1: "),
        ("cases.toml", b"[[normalize]]\na =\n", "cases.toml:2: "),
        ("morphology.toml", b"a =\n", "morphology.toml:1: "),
        ("normalize.py", b"def normalize(text)\n", "normalize.py"),
        ("normalize.py", b"x = 1\n", "normalize.py"),
    ],
)
def test_an_error_in_a_pack_names_file_and_line(place, packs, file, text, said):
    (packs / file).write_bytes(text)
    (place / "own.toml").write_text(RECIPE.replace('"kk"', '"xal"'), "utf-8")
    assert said in refused(place, "lang", "check", "xal")
    if file != "cases.toml":
        assert said in refused(place, "run", "own.toml", "--runs", "runs")


@pytest.mark.parametrize(
    ("cut", "said"),
    [
        ("min_words = 20", ""),
        ("max_other = 0.5", ""),
        ("keep_folded = true", ""),
        ('scripts = ["Latn"]', ""),
        ("min_wrods = 20", "cut.min_wrods: unknown key"),
        ("max_other = 5", "cut.max_other: "),
        ('min_words = "20"', "cut.min_words: "),
    ],
)
def test_thresholds_of_a_pack_are_those_of_the_recipe(place, packs, cut, said):
    from anatili.lang import load_pack
    from anatili.recipe import Cut
    from anatili.refine.cut import thresholds

    with (packs / "pack.toml").open("a") as file:
        file.write(f"\n[cut]\n{cut}\n")
    (place / "own.toml").write_text(RECIPE.replace('"kk"', '"xal"'), "utf-8")
    answer = call("lang", "check", "xal")
    if said:
        assert said in answer.output
        assert said in refused(place, "run", "own.toml", "--runs", "runs")
    else:
        assert "[cut]" not in answer.output.replace("ok    pack.toml: [cut]", "")
        key, value = cut.split(" = ")
        expected = tomllib.loads(f"x = {value}")["x"]
        found = getattr(thresholds(Cut(), load_pack("xal")), key)
        assert (list(found) if isinstance(found, tuple) else found) == expected


def test_a_language_without_prompts_is_answered(packs):
    """What was said was ".", with status 0."""
    from anatili.engine import Sampling
    from anatili.lang import load_pack
    from anatili.serve.assistant import Assistant
    from anatili.serve.citations import Report

    class Small:
        name, parameters, context, slots = "small", 1_000_000, 128, 1

    class Nothing:
        def find(self, *arguments):
            return []

    assistant = Assistant(Small(), {"xal": load_pack("xal")}, Nothing())
    prepared = assistant.prepare([{"role": "user", "content": "Ba?"}])
    answer = "".join(chunk.text for chunk in assistant.answer(prepared, Sampling(), Report()))
    assert len(answer) > 10


def test_an_interrupted_run_says_that_the_same_command_goes_on(place):
    process = subprocess.Popen(
        [sys.executable, "-m", "anatili", "run", "good.toml"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=place,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while not list((place / "runs" / "x" / "extract").glob("part-*")):
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "same command" in said
    assert "Traceback" not in said
    assert "Aborted" not in said


def test_a_cache_that_cannot_be_written_to_is_told_with_its_variable(tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("a file", "utf-8")
    monkeypatch.setenv("ANATILI_CACHE", str(tmp_path / "taken" / "cache"))
    done = CliRunner().invoke(main, ["search", "sample", "Абай"])
    assert (done.exit_code, "ANATILI_CACHE=FOLDER" in done.output) == (1, True), done.output
