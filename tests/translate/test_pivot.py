"""The pivot meter: it finds what a detour is known to have spoilt, and nothing where both ways are the same."""

import json

import pytest

from anatili.cli import main
from anatili.engine import Chunk
from anatili.lang import load_pack
from anatili.lang.translation import load_translation
from anatili.problem import Problem
from anatili.translate import compare
from anatili.translate.checks import Expected, Sample, checks, own_samples
from anatili.translate.journal import read_journal, weights_of
from anatili.translate.pivot import prepare
from anatili.translate.translator import Translator

PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr")}
ASKING = {(PACKS[one].prompts["translate"][other] + " "): (one, other) for one in PACKS for other in PACKS}
ENGLISH = {
    "he": "Yesterday he came to our old school and told the children a long story.",
    "they": "Yesterday they came to our old school and told the children a long story.",
}


class Spoiling:
    """An engine whose English is without gender from Kazakh and has one from Russian; numbers stay."""

    slots, name, context, parameters = 2, "spoiling", 1024, 1

    def __init__(self, spoils: bool = True) -> None:
        self.spoils, self.asked = spoils, 0

    def generate(self, prompt, sampling):
        self.asked += 1
        said = prompt[0]["content"]
        (source, target), text = next(
            (way, said.removeprefix(ask)) for ask, way in ASKING.items() if said[: len(ask)] == ask
        )
        digits = " ".join(word for word in text.split() if word.isdigit())
        if target == "ru":
            yield Chunk(f"Он вчера пришёл в нашу старую школу и рассказал детям длинную историю. {digits}".strip())
        else:
            word = "he" if source == "ru" and self.spoils else "they"
            yield Chunk(f"{ENGLISH[word]} {digits}".strip())
        yield Chunk("", finish="stop")


def measured(tmp_path, spoils: bool, pair=None):
    engine = Spoiling(spoils)
    meter = prepare(Translator(engine, PACKS), "kk", "en", "ru", pair, 0)
    ways = meter.measure(tmp_path / "t.jsonl", lambda count: None)
    return engine, meter, ways


def test_a_gender_put_in_by_the_detour_is_found(tmp_path):
    _, meter, ways = measured(tmp_path, spoils=True)
    said = compare.report(meter, ways)
    row = next(row for row in said["own"]["checks"] if row["check"] == "gender open")
    assert (row["direct"]["share"], row["pivot"]["share"], row["n"]) == (1.0, 0.0, 50)
    assert row["p"] < 0.001
    assert said["own"]["genders"]["pivot"] == {"masculine": 50, "feminine": 0, "both": 0, "sentences": 50}
    told = next(row for row in said["own"]["checks"] if row["check"] == "gender told")
    assert (told["direct"]["held"], told["pivot"]["held"]) == (0, 20)  # the men


def test_two_ways_that_are_the_same_differ_in_nothing(tmp_path):
    _, meter, ways = measured(tmp_path, spoils=False)
    assert {row["p"] for row in compare.report(meter, ways)["own"]["checks"]} == {1.0}


def test_scores_have_intervals_and_the_gain_of_copying_beside_them(tmp_path):
    (tmp_path / "kk.txt").write_text("Ол кеше мектепке келді.\n\nОл балаларға әңгіме айтты.\n" * 10, "utf-8")
    (tmp_path / "en.txt").write_text((ENGLISH["they"] + "\n\nThey told the children a story.\n") * 10, "utf-8")
    _, meter, ways = measured(tmp_path, spoils=True, pair=(tmp_path / "kk.txt", tmp_path / "en.txt"))
    said = compare.report(meter, ways)["text"]
    assert said["sentences"] == 20
    score = said["scores"]["chrF2++"]
    assert score["direct"]["score"] > score["pivot"]["score"] > score["copy"]["score"]
    assert score["direct"]["interval"][0] <= score["direct"]["score"] <= score["direct"]["interval"][1]
    assert score["lost"]["interval"][0] > 0
    assert "bs:1000" in score["signature"]
    compare.draw(tmp_path / "p.svg", compare.report(meter, ways))
    assert "gender open" in (tmp_path / "p.svg").read_text("utf-8")


def test_what_was_broken_off_goes_on_to_the_same_bytes(tmp_path):
    unbroken, _, _ = measured(tmp_path, spoils=True)
    whole = (tmp_path / "t.jsonl").read_bytes()
    (tmp_path / "t.jsonl").write_bytes(whole[: len(whole) // 2])
    engine, _, _ = measured(tmp_path, spoils=True)
    assert (tmp_path / "t.jsonl").read_bytes() == whole
    assert 0 < engine.asked < unbroken.asked
    again, _, _ = measured(tmp_path, spoils=True)
    assert again.asked == 0
    with pytest.raises(Problem, match="other sentences or by another model"):
        read_journal(tmp_path / "t.jsonl", {"model": "another"})


def test_a_translation_with_a_line_separator_is_gone_on_from(tmp_path):
    head, row = {"model": "a"}, {"text": "бір\u2028екі\x85үш"}
    assert read_journal(tmp_path / "t.jsonl", head) == []
    with (tmp_path / "t.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
    assert read_journal(tmp_path / "t.jsonl", head) == [row]


def test_a_text_without_letters_of_the_language_keeps_nothing():
    sample = Sample("Ол кеше 5 кітап оқыды.", "", Expected("open", False))
    assert not any(checks(sample, "Он вчера прочитал 5 книг.", PACKS["en"]).values())
    assert not any(checks(sample, "", PACKS["en"]).values())
    assert all(checks(sample, "They read 5 books yesterday evening.", PACKS["en"]).values())


@pytest.mark.parametrize(
    ("code", "denies", "affirms"),
    [
        (
            "kk",
            "Мен бармадым. / Ол жоқ. / Біз көрмейміз. / Бұл емес.",
            "Мен бардым. / Ол бар. / Біз көреміз. / Жұмабай келді.",
        ),
        ("ru", "Я не пошёл. / Его нет. / Никто не знает.", "Я пошёл. / Он небогат. / Все знают."),
        ("en", "I didn’t go. / There is no bread. / Nobody knows.", "I went. / There is bread. / I know."),
        ("tr", "Gitmedim. / Ekmek yok. / Bilmiyorum.", "Gittim. / Ekmek var. / Biliyorum."),
    ],
)
def test_signs_of_denial(code, denies, affirms):
    import re

    pattern = load_translation(PACKS[code].folder).negation
    assert all(re.search(pattern, text) for text in denies.split(" / "))
    assert not any(re.search(pattern, text) for text in affirms.split(" / "))


def test_every_sentence_of_the_kazakh_pack_has_what_it_says(tmp_path):
    said = load_translation(PACKS["kk"].folder)
    for group in said.sentences:
        if group.negated is not None:
            import re

            assert all(bool(re.search(said.negation, text)) == group.negated for text in group.texts)
    texts = [text for group in said.sentences for text in group.texts] + [row.text for row in said.names]
    assert len(texts) == len(set(texts)) == 170
    assert all({"en", "ru", "tr"} <= set(row.model_extra) for row in said.names)


def test_the_command_goes_before_a_real_model(tmp_path, monkeypatch, llama_address):
    from click.testing import CliRunner

    few = list(own_samples(PACKS["kk"], PACKS["en"]))[::10]  # the model takes a minute for all
    monkeypatch.setattr("anatili.translate.pivot.own_samples", lambda *packs: few)
    command = ["pivot", llama_address, "--source", "kk", "--target", "en", "--through", "kk", "--json"]
    answer = CliRunner().invoke(main, command)
    assert answer.exit_code == 1
    assert "kk is named twice" in answer.output
    command[command.index("--through") + 1] = "ru"
    answer = CliRunner().invoke(main, [*command, "--plot", "x.pdf", "-o", str(tmp_path / "none")])
    assert "a plot ends in .png or .svg" in answer.output
    assert not (tmp_path / "none").exists(), "told before the work"
    (tmp_path / "kk.txt").write_text("бір\nекі\n", "utf-8")
    answer = CliRunner().invoke(
        main,
        [
            *command,
            "--text",
            str(tmp_path / "kk.txt"),
            "--reference",
            str(tmp_path / "kk.txt"),
            "-o",
            str(tmp_path / "out"),
        ],
    )
    assert answer.exit_code == 0, answer.output
    said = json.loads(answer.output)
    assert (said["own"]["sentences"], said["text"]["sentences"]) == (17, 2)
    assert said["notices"]


def test_other_weights_under_the_same_name_are_not_gone_on_with(tmp_path):
    (tmp_path / "m.gguf").write_bytes(b"one")
    first = weights_of([tmp_path / "m.gguf"])
    assert first == weights_of([tmp_path / "m.gguf"]) != ""
    (tmp_path / "m.gguf").write_bytes(b"another")
    translator = Translator(Spoiling(), PACKS)
    prepare(translator, "kk", "en", "ru", None, 0, first).measure(tmp_path / "t.jsonl", lambda count: None)
    again = prepare(translator, "kk", "en", "ru", None, 0, weights_of([tmp_path / "m.gguf"]))
    with pytest.raises(Problem, match="by another model"):
        again.measure(tmp_path / "t.jsonl", lambda count: None)
