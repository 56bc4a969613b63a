"""The report: made from transcripts only, in all languages, without scripts, every claim with its answers."""

import json
import re
from html.parser import HTMLParser

import pytest
from chat_server import ChatServer
from click.testing import CliRunner

from anatili.audit.ask import TRANSCRIPTS, Auditing, Settings, carry_out
from anatili.audit.items import draw_pairs
from anatili.audit.judge import judge_answers, read_judge
from anatili.audit.labels import AGREEMENT, LABELS
from anatili.audit.report import make_report, share_of
from anatili.audit.session import Request, time_here
from anatili.audit.simulated import Behavior, CensoredEngine, SimulatedModel, simulated_topics
from anatili.cli import main
from anatili.cli.audit import report_of
from anatili.engine import open_engine
from anatili.problem import Problem

LANGUAGES = ("kk", "ru", "en", "tr")
TOPICS = simulated_topics(LANGUAGES, topics=3, pairs=8)


class Links(HTMLParser):
    """The links and scripts of a page, and whether its elements are closed."""

    VOID = ("meta", "line", "path", "circle")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links, self.open, self.scripts = [], [], 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.scripts += tag == "script" or any(name.startswith("on") for name, _ in attributes)
        self.links += [value for name, value in attributes if name == "href"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """An audit of a model that refuses nine in ten questions of a topic in Kazakh."""
    folder = tmp_path_factory.mktemp("audit")
    model = SimulatedModel(TOPICS, LANGUAGES, Behavior(known_rate=0.9), 4)
    engine = CensoredEngine(model, TOPICS[1], "kk", refusal_rate=0.9)
    carry_out(Auditing(engine, TOPICS, Settings(LANGUAGES)), folder)
    return folder, make_report(folder, TOPICS)


def test_the_table_has_no_empty_column_and_no_share_of_nothing(audited):
    text = (audited[0] / "report.en.html").read_text("utf-8")
    table = next(part for part in text.split("<table") if '<td class="figure">' in part)
    heads = re.findall(r"<th>(.*?)</th>", table)
    rows = [re.findall(r'<td class="figure">(.*?)</td>', line) for line in table.split("<tr>") if "figure" in line]
    assert {len(row) for row in rows} == {len(heads) - 2}
    assert all(any(column) for column in zip(*rows, strict=True))
    nothing = {"stated_of_known": 0.0, "known_facts": 0, "known": 0.0}
    assert (share_of(nothing, "stated_of_known"), share_of(nothing, "known")) == ("", "0%")


def test_the_censor_is_named_with_its_control_beside(audited):
    folder, result = audited
    assert ("R", "t1", "kk") in {(flag["figure"], flag["topic"], flag["language"]) for flag in result["flags"]}
    text = (folder / "report.en.html").read_text("utf-8")
    claims = re.findall(r'<p class="claim">(.*?)</p>', text)
    assert re.search(r"does not answer (8|9)\d% of sensitive questions and \d% of their controls", claims[0])
    assert 'href="answers/t1.kk.html"' in claims[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_have_no_scripts_and_links_that_lead_somewhere(audited, language):
    folder, _ = audited
    for page in (folder / f"report.{language}.html", folder / "answers" / f"t1.{language}.html"):
        found = Links(page.read_text("utf-8"))
        assert (found.scripts, found.open) == (0, [])
        assert found.links
        assert all((page.parent / link).is_file() for link in found.links)


def test_the_same_transcripts_give_the_same_bytes(audited):
    folder, _ = audited
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    make_report(folder, TOPICS)
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == before


def test_without_transcripts_there_is_no_report(tmp_path):
    with pytest.raises(Problem, match="a report is made from an audit's answers"):
        make_report(tmp_path, TOPICS)


def test_other_items_do_not_fit_the_transcripts(audited):
    folder, _ = audited
    with pytest.raises(Problem, match="the items have changed"):
        make_report(folder, TOPICS[:2])


def test_a_model_that_knows_little_cannot_be_told(tmp_path):
    engine = SimulatedModel(TOPICS, LANGUAGES, Behavior(known_rate=0.1), 4)
    carry_out(Auditing(engine, TOPICS, Settings(LANGUAGES, 1)), tmp_path)
    result = make_report(tmp_path, TOPICS)
    assert len([cell for cell in result["cannot_tell"] if cell["figure"] == "H"]) == 3 * 5
    text = (tmp_path / "report.en.html").read_text("utf-8")
    assert "It knows too few in these topics" in text
    assert "<li>1: қазақ тілі " in text
    assert "Nothing stands out" in text


def test_answers_that_are_too_short_for_their_language_to_be_told_are_counted(tmp_path):
    topics = simulated_topics(LANGUAGES, topics=1, pairs=1)
    server = ChatServer(lambda question: "In 1931, perhaps.")
    carry_out(Auditing(open_engine(server.url), topics, Settings(LANGUAGES, 1, facts="asked")), tmp_path)
    result = make_report(tmp_path, topics)
    assert sum(row["language_not_told"] for row in result["figures"]) == 2 * 2 * 4
    text = (tmp_path / "report.en.html").read_text("utf-8")
    assert "16 of 16 answers have fewer than 20 letters: their language cannot be told" in text


def test_answers_are_shown_as_text(tmp_path):
    topics = simulated_topics(LANGUAGES, topics=1, pairs=1)
    server = ChatServer(lambda question: "<script>alert(1)</script>")
    carry_out(Auditing(open_engine(server.url), topics, Settings(LANGUAGES, 1, facts="asked")), tmp_path)
    make_report(tmp_path, topics)
    page = (tmp_path / "answers" / "t0.ru.html").read_text("utf-8")
    assert "Отвечает · названо фактов 0 из 6 · температура 0,7" in page, (
        "of one answer, as the page of a review says it"
    )
    assert Links((tmp_path / "answers" / "t0.kk.html").read_text("utf-8")).scripts == 0


def test_a_judge_is_shown_only_where_people_agree_with_it(tmp_path):
    folder, topics = tmp_path, TOPICS[1:2]
    engine = CensoredEngine(SimulatedModel(topics, ("kk", "en"), Behavior(), 4), topics[0], "en", refusal_rate=0.9)
    carry_out(Auditing(engine, topics, Settings(("kk", "en"), 2)), folder)
    server = ChatServer(lambda prompt: "REFUSED" if "can't" in prompt else "ANSWERED")
    judge_answers(open_engine(server.url), folder)
    asked = server.asked
    rows = [json.loads(line) for line in (folder / TRANSCRIPTS).read_text("utf-8").splitlines()[1:]]
    labels = [
        {
            "item": row["item"],
            "language": "en",
            "number": row["number"],
            "label": "refused" if "can't" in row["answer"] else "answered",
        }
        for row in rows
        if row["kind"] == "open" and row["language"] == "en"
    ]
    (folder / LABELS).write_text("".join(json.dumps(label) + "\n" for label in labels), "utf-8")
    judged = read_judge(folder, rows)
    assert judged.languages["en"].is_valid
    assert judged.languages["en"].kappa > 0.9
    assert not judged.languages["kk"].is_valid
    make_report(folder, topics)
    assert "not validated in this language" in (folder / "report.en.html").read_text("utf-8")
    judge_answers(open_engine(server.url), folder)
    assert server.asked == asked


FIGURES = {
    "n": 200,
    "validated": True,
    **{name: {"value": 0.86, "interval": [0.77, 0.93]} for name in ("kappa", "ac1")},
    "of_all_answers": {name: {"value": 0.05, "interval": [0.02, 0.1]} for name in ("prevalence", "hit", "false")},
}


def test_the_report_says_in_which_languages_labels_of_people_bear_it_out(tmp_path):
    topics = simulated_topics(LANGUAGES, topics=1, pairs=1)
    server = ChatServer(lambda question: "A) 1928")
    carry_out(Auditing(open_engine(server.url), topics, Settings(LANGUAGES, 1, facts="asked")), tmp_path)
    make_report(tmp_path, topics)
    assert "by people in: қазақ тілі, русский, English, Türkçe." in (tmp_path / "report.en.html").read_text("utf-8")
    unlabeled = {"detector": {"refusals": {"n": 0}}}
    (tmp_path / AGREEMENT).write_text(json.dumps({"kk": {"detector": {"refusals": FIGURES}}, "ru": unlabeled}), "utf-8")
    make_report(tmp_path, topics)
    text = (tmp_path / "report.en.html").read_text("utf-8")
    assert "by people in: русский, English, Türkçe." in text
    assert "by 200 answers labeled by people, 5% [2%, 10%] of all answers refuse" in text
    assert "kappa 0.86 [0.77, 0.93]" in text
    for language in LANGUAGES:
        assert "200" in (tmp_path / f"report.{language}.html").read_text("utf-8")
    (tmp_path / AGREEMENT).write_text('{"kk": 1}', "utf-8")
    with pytest.raises(Problem, match=r"agreement.json is not what `anatili review --export` writes"):
        make_report(tmp_path, topics)


def invoke(*arguments: object):
    return CliRunner().invoke(main, ["audit", *map(str, arguments)])


def test_the_command_tells_the_cost_asks_and_reports(tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "secret")
    server = ChatServer(lambda question: "A) 1928")
    options = ["--key-env", "SOME_KEY", "--answers", 1, "-o", tmp_path / "out", "--language", "en", "--json"]
    items = ["--items", tmp_path / "pair.toml"]
    from audit.test_items import PAIR

    (tmp_path / "pair.toml").write_text(PAIR, "utf-8")
    cost = invoke(server.url, "--dry-run", *options, *items)
    assert json.loads(cost.stdout)["calls"] == 2 * 2 + 2 * 2 * 6
    assert not (tmp_path / "out").exists()
    answer = invoke(server.url, *options, *items)
    assert answer.exit_code == 0, answer.output
    assert "28 answers" in answer.stderr
    result = json.loads(answer.stdout)
    assert result["flags"] == []
    assert (tmp_path / "out" / "report.en.html").is_file()


def test_a_dry_run_tells_the_time_of_a_model_of_this_machine_and_asks_no_server():
    asked, told = [], []

    class Asked(SimulatedModel):
        def generate(self, prompt, sampling):
            asked.append(prompt)
            return super().generate(prompt, sampling)

    auditing = Auditing(Asked(TOPICS, LANGUAGES, Behavior(), 4), TOPICS, Settings(LANGUAGES))
    assert time_here(Request("kazakh-26m", TOPICS), auditing, told.append)["seconds"] >= 0
    assert len(asked) == 1 + 4, "one to warm up, four that are timed"
    assert told[0].endswith("minutes here, by the time that 4 items take")
    assert time_here(Request("https://host/v1", TOPICS), auditing, told.append) == {}
    assert len(asked) == 1 + 4


def test_a_drawn_audit_is_reported_as_such(tmp_path):
    drawn = draw_pairs(TOPICS[1:], 2)
    engine = SimulatedModel(TOPICS, LANGUAGES, Behavior(), 4)
    carry_out(Auditing(engine, drawn, Settings(LANGUAGES, 1, pairs=2)), tmp_path)
    result = make_report(tmp_path, TOPICS)  # the command reads all topics if none are named
    assert result["items"] == 2 * 2 * 2
    assert not any(cell["told"] for cell in result["cells"])
    text = (tmp_path / "report.en.html").read_text("utf-8")
    assert "Of each topic 2 pairs of questions were drawn by lot" in text
    assert "<p>Nothing can be told of this model.</p>" in text
    assert "Of topics with fewer than 4 pairs of questions nothing can be told" in text


@pytest.mark.parametrize(("locale", "code"), [("C.UTF-8", "en"), ("ru_RU.UTF-8", "ru"), ("de_DE.UTF-8", "en")])
def test_the_report_that_is_named_is_in_the_reader_s_language(monkeypatch, locale, code):
    for name in ("ANATILI_LANG", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LC_ALL", locale)
    result = {"report": "audits/x/report.kk.html", "languages": list(LANGUAGES)}
    assert report_of(result) == f"audits/x/report.{code}.html"
    assert report_of({"report": "audits/x/report.kk.html", "languages": ["kk", "tr"]}) == "audits/x/report.kk.html"


def test_wrong_calls_say_what_to_do(tmp_path):
    assert "name what to audit" in invoke().output
    assert "NO_SUCH is empty" in invoke("kazakh-26m", "--key-env", "NO_SUCH").output
    assert "is not an address" in invoke("kazakh-26m", "--model", "x").output


def test_the_lint_s_command_lists_problems_and_fails(tmp_path):
    from audit.test_items import PAIR

    path = tmp_path / "pair.toml"
    path.write_text(PAIR, "utf-8")
    assert json.loads(invoke("--lint", "--json", "--items", path).stdout) == {"items": 2, "problems": []}
    path.write_text(PAIR.replace('source = "payne"', 'source = "pain"'), "utf-8")
    answer = invoke("--lint", "--items", path)
    assert answer.exit_code == 1
    assert "[sources] has no 'pain'" in answer.output
    assert "2 items in 1 topics, 6 problems" in answer.output
