"""`anatili plan` as a user types it."""

import json
import shutil
import subprocess
import sys

import pytest
from planning import RECIPES, about, command

from anatili.compute.plan import described, estimate, make_plan
from anatili.compute.report import lines
from anatili.recipe import load_recipe

SHERKALA = (RECIPES / "sherkala-8b.toml", "--chips", "H200", "--number", 64)


def planned(*arguments: object) -> dict:
    """The plan as JSON."""
    answer = command("plan", *arguments, "--json")
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


@pytest.fixture(scope="module")
def sherkala():
    return planned(*SHERKALA, "--words", "2e9", "--fertility", "1.6", "--epochs", 10, "--without", "nvidia")


def test_words_become_tokens_hours_and_money(sherkala):
    assert sherkala["text"] == {
        "tokens": 32_000_000_000,
        "unique_tokens": 3_200_000_000,
        "words": 2e9,
        "tokens_per_word": 1.6,
        "epochs": 10.0,
    }
    low, middle, high = sherkala["chip_hours"]
    assert middle == pytest.approx(1582, rel=0.01)
    assert low < middle < high
    assert sherkala["days"][1] == pytest.approx(middle / 64 / 24, rel=0.01)
    assert sherkala["dollars"][1] == pytest.approx(4 * middle, rel=0.01)
    assert sherkala["megawatt_hours"][1] == pytest.approx(middle * 700 * 1.2 / 1e6, rel=0.01)
    assert sherkala["chip"]["memory_gb"] == {"value": 141, "source": "ml-eng"}
    assert sherkala["layouts"]


def test_repeating_the_text_has_its_ceiling(sherkala):
    data = sherkala["data"]
    assert data["repeats_too_often"]
    assert data["worth_tokens"] < 10 * sherkala["text"]["unique_tokens"]
    assert data["best"]["loss"] < data["loss"]


def test_an_embargo_costs_days_and_certainty(sherkala):
    embargo = sherkala["embargo"]
    assert embargo["asked_is_barred"]
    assert embargo["without"] == ["nvidia"]
    assert not {"H100", "B200", "A100-80GB"} & set(embargo["left"])
    assert "Ascend910B" in embargo["left"]
    ascend = next(row for row in sherkala["alternatives"] if row["chip"] == "Ascend910B")
    assert ascend["extra_days"] > 0
    assert ascend["interval_width"] > ascend["asked_interval_width"]
    assert ascend["dollars"] == "not published"
    assert "risks violat" in ascend["status"]


def test_a_destination_and_a_day_decide_what_is_left():
    before, after = (planned(*SHERKALA, "--destination", "D:1", "--date", day) for day in ("2023-01-01", "2025-05-13"))
    assert before["barred"] == ""
    assert after["barred"] == "license required"
    assert "2023-11-17" in after["embargo"]["rule"]
    assert "Ascend910B" in before["embargo"]["left"]
    assert not {"Ascend910B", "MI300X"} & set(after["embargo"]["left"])
    assert after["embargo"]["instead"]["extra_days"] > 1


def test_chips_that_came_later_are_not_listed():
    arguments = (RECIPES / "sherkala-8b.toml", "--chips", "H100", "--number", 64, "--destination", "D:1", "--date")
    then = planned(*arguments, "2023-11-01")
    listed = {row["chip"] for row in then["alternatives"]}
    assert {"A100-80GB", "H800", "Ascend910B", "H20"} <= listed  # of a year or month, the whole of it counts
    assert not {"H200", "B200", "GB200", "MI300X", "Gaudi3", "Ascend910C", "Ascend950DT", "RTX5090"} & listed
    assert {"H200", "MI300X"} <= {row["chip"] for row in planned(*arguments, "2023-12-06")["alternatives"]}
    assert not any("was announced" in note for note in then["notes"])
    early = planned(*arguments, "2015-01-01")
    assert early["alternatives"] == []
    assert "H100 was announced in 2022-03, after 2015-01-01: nobody had it then" in early["notes"]


def test_a_plan_needs_no_torch():
    code = (
        "import sys\nfrom anatili.cli import main\n"
        f"try: main(['plan', {str(SHERKALA[0])!r}, '--chips', 'H200', '--number', '64', '--words', '2e9'])\n"
        "except SystemExit as end: assert not end.code\n"
        "sys.exit(','.join(sorted({'torch', 'transformers', 'matplotlib', 'tokenizers'} & set(sys.modules))) or 0)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert "H200" in answer.stdout


def test_what_nobody_publishes_is_not_called_a_limit():
    """Links of the 910B are not published: that the links allow the whole peak would be a figure out of nothing."""
    arguments = ("plan", SHERKALA[0], "--chips", "Ascend910B", "--number", 64, "--price", "1,2,3")
    text = command(*arguments).stdout
    assert "links allow" not in text
    assert text.count("links not published") == 2
    facts = json.loads(command(*arguments, "--json").stdout)
    assert facts["recipe_layout"]["link_limit"] == "not published"
    hours = facts["chip_hours"][1]
    assert facts["dollars"][1] == pytest.approx(2 * hours, rel=0.01)
    assert "(as given)" in text, "a price of one's own is not one of a price list"
    alone = command("plan", SHERKALA[0], "--chips", "Ascend910B").stdout
    assert "links" not in alone.partition("utilization")[2].partition("\n")[0], "one chip needs no links"


def test_weights_of_a_small_model_are_not_rounded_away():
    text = command("plan", "serving", "kazakh-26m", "--users", 10).stdout
    assert "weights 0.0513 GB" in text, "25.6 million weights of two bytes"


def test_people_read_the_same_figures(sherkala):
    text = command(
        "plan", *SHERKALA, "--words", "2e9", "--fertility", "1.6", "--epochs", 10, "--without", "nvidia"
    ).stdout
    assert text.splitlines() == list(lines(sherkala))
    assert "2 G words x 1.6 = 3.2 G tokens, trained on 32 G (10 passes)" in text
    assert "10 passes are worth" in text
    assert "not published" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SHERKALA[0], "--chips", "H900"), "no chip 'H900'; known: A100-80GB"),
        ((SHERKALA[0],), "name the kind of chip with --chips"),
        ((*SHERKALA, "--words", 0), "0 is not above 0 and finite: a plan needs text"),
        ((*SHERKALA, "--tokens", -5), "-5 is not above 0"),
        ((*SHERKALA, "--words", "inf"), "inf is not above 0 and finite"),
        ((*SHERKALA, "--words", "many"), "'many' is not a valid float"),
        ((RECIPES / "commoncrawl-kk.toml", "--chips", "H200"), "commoncrawl-kk.toml has no shape: write layers"),
        ((*SHERKALA, "--destination", "D:1", "--date", "2099-01-01"), "2099-01-01 is in the future"),
        ((*SHERKALA, "--date", "2025-05-13"), "--date needs --destination"),
        ((*SHERKALA, "--destination", "X:7"), "no destination 'X:7'"),
        ((*SHERKALA, "--without", "acme"), "no vendor 'acme'; known: amd, google, huawei"),
        ((*SHERKALA, "--price", "cheap"), "--price 'cheap': give low,middle,high in dollars"),
        ((*SHERKALA, "--price", "nan"), "--price 'nan': give low,middle,high in dollars"),
        ((*SHERKALA, "--price", "2,4,inf"), "--price '2,4,inf': give low,middle,high in dollars"),
        ((*SHERKALA, "--price", "7,4,2"), "--price '7,4,2': give low,middle,high in dollars"),
        ((*SHERKALA, "--words", "2e9", "--fertility", "0"), "--fertility 0: tokens per word are between"),
        ((*SHERKALA, "--words", "2e9", "--fertility", "no/such"), "no/such"),
        ((*SHERKALA, "--fertility", "2"), "--fertility turns --words into tokens: give both"),
        ((*SHERKALA, "--destination", "Kazakhstan"), "the three letters of a country in one, such as KAZ, or other"),
        ((*SHERKALA, "--epochs", 3), "--epochs are passes over --words"),
        ((*SHERKALA, "--grid", "ATL"), "no grid 'ATL'; known: KAZ, FRA, WORLD"),
        (("--log", "nothing"), "no run nothing"),
        ((*SHERKALA, "--save", "nan"), "'nan' is not a finite number"),
        (("serving", SHERKALA[0], "--speed", "inf"), "'inf' is not a finite number"),
        ((), "Usage:"),
        (("no-such.toml", "--chips", "H200"), "no recipe no-such.toml"),
        (("validate", "no-such.toml"), "no file no-such.toml"),
        (("serving", SHERKALA[0], "--quantization", "q3"), "no quantization 'q3'"),
    ],
    ids=str,
)
def test_bad_input_gets_a_sentence(arguments, message):
    answer = command("plan", *arguments)
    assert answer.exit_code != 0
    assert message in answer.output
    assert isinstance(answer.exception, SystemExit)  # a sentence, not a traceback


def test_fertility_comes_from_a_tokenizer_or_a_run(tmp_path):
    from small_models import byte_level
    from tokenizers import Tokenizer

    from anatili import sample

    folder = byte_level(tmp_path / "tokenizer")
    text = planned(*SHERKALA, "--words", "1e9", "--fertility", folder)["text"]
    encode = Tokenizer.from_file(str(folder / "tokenizer.json")).encode
    sentences = [row["kk"] for row in sample.sentences(held_out=True)]
    tokens = sum(len(encode(sentence, add_special_tokens=False).ids) for sentence in sentences)
    assert text["tokens_per_word"] == round(tokens / sum(len(sentence.split()) for sentence in sentences), 3)
    assert text["tokens"] == round(text["tokens_per_word"] * 1e9)
    run = tmp_path / "runs" / "sherkala-8b"
    (run / "tokenizer").mkdir(parents=True)
    shutil.copy(SHERKALA[0], run / "recipe.toml")
    record = {
        "stage": "tokenizer",
        "identity": {},
        "fingerprint": "",
        "content": "",
        "outputs": {},
        "provenance": {},
        "summary": {"vocabulary": 8, "tokens_per_word": {"kk": 1.9}},
    }
    (run / "tokenizer" / "record.json").write_text(json.dumps(record))
    for more in (("--fertility", run), ("--runs", tmp_path / "runs")):
        assert planned(*SHERKALA, "--words", "1e9", *more)["text"]["tokens"] == 1_900_000_000


def test_a_run_s_own_log_replaces_the_prior(tmp_path):
    shutil.copy(RECIPES / "tiny.toml", tmp_path / "recipe.toml")
    (tmp_path / "pretrain").mkdir()
    rows = [{"step": step, "tokens": 1024 * (step + 1), "tokens_per_second": 2048.0} for step in range(60)]
    (tmp_path / "pretrain" / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    facts, tokens = planned("--log", tmp_path), load_recipe(RECIPES / "tiny.toml").pretrain.tokens
    assert facts["hours_from"] == "the first 60 steps of the run itself"
    assert facts["chip_hours"][1] == pytest.approx(tokens / 2048 / 3600, rel=0.02)
    assert facts["own_speed"]["hours_left"][1] == pytest.approx((tokens - 61_440) / 2048 / 3600, rel=0.02)
    assert facts["utilization"] == "not published"
    more = [{"step": step, "tokens": 1024 * (step + 1), "tokens_per_second": 2048.0} for step in range(60, 449)]
    with (tmp_path / "pretrain" / "log.jsonl").open("a") as log:
        log.writelines(json.dumps(row) + "\n" for row in more)
    assert planned("--log", tmp_path)["own_speed"]["hours_left"] == [0, 0, 0]  # a training has whole steps
    other = command("plan", *SHERKALA, "--log", tmp_path)
    assert (other.exit_code, "trains another model than sherkala-8b" in other.output) == (1, True)


def test_serving_and_validating_as_a_user_does():
    answer = command("plan", "serving", SHERKALA[0], "--chips", "H200", "--users", 1000, "--json")
    assert json.loads(answer.stdout)["chips"] >= 5
    answer = command("plan", "validate", RECIPES.parent / "src/anatili/compute/runs_public.toml", "--json")
    assert {"n", "median_factor", "worst_factor", "coverage", "constant_median", "constant_worst"} <= json.loads(
        answer.stdout
    ).keys()


def test_a_price_of_one_s_own_replaces_the_list():
    facts = planned(*SHERKALA, "--price", "1,2,3")
    assert facts["dollars"][1] == pytest.approx(2 * facts["chip_hours"][1], rel=0.01)
    assert facts["dollars"][2] == pytest.approx(3 * facts["chip_hours"][2], rel=0.01)


def test_a_smaller_chip_takes_longer_and_a_disputed_one_is_less_certain():
    question = about()
    h200, a100, ascend = (estimate(question, chip) for chip in map(_chip, ("H200", "A100", "Ascend910B")))
    assert h200.cost.days.middle < a100.cost.days.middle
    assert ascend.cost.days.width > a100.cost.days.width


def test_where_nothing_fits_the_plan_says_so():
    facts = described(make_plan(about(chip=_chip("RTX4090"), number=1)))
    assert facts["layouts"] == []
    assert any("no layout fits 1 chips" in line for line in lines(facts))


def _chip(name: str):
    from anatili.compute.chips import find_chip

    return find_chip(name)
