"""Scores that can be counted another way come out the same."""

from math import log

import pytest
import small_models
from click.testing import CliRunner

torch = pytest.importorskip("torch")

from anatili.cli import main  # noqa: E402
from anatili.confidence_intervals import wilson  # noqa: E402
from anatili.engine import open_engine  # noqa: E402
from anatili.evaluate import pairs as pairing  # noqa: E402
from anatili.evaluate.behavior import contamination_rows, memorization_row  # noqa: E402
from anatili.evaluate.likelihood import Likelihood, middle  # noqa: E402
from anatili.evaluate.text_sets import TextSet  # noqa: E402
from anatili.lang import load_pack  # noqa: E402


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_models.make_folder(tmp_path_factory.mktemp("m"), "qwen3")


def test_bits_are_the_sum_over_tokens_whatever_is_scored_beside(model):
    scored = Likelihood(open_engine(model))
    texts = ["Қазақ тілі – түркі тілдерінің бірі.", "Иә", "", small_models.texts("kk")[0] * 4]
    bits = scored.bits(texts)
    assert bits[2] == 0
    ids = [scored.begin, *scored.ids(texts[0])]
    with torch.inference_mode():
        chances = torch.log_softmax(scored.engine.model(input_ids=torch.tensor([ids])).logits[0], -1)
    by_hand = -sum(chances[place, token].item() for place, token in enumerate(ids[1:])) / log(2)
    assert bits[0] == pytest.approx(by_hand, rel=1e-4)
    assert scored.bits(texts[3:])[0] == pytest.approx(bits[3], rel=1e-5)  # longer than one window
    tensor = torch.tensor([ids])
    loss = scored.engine.model(input_ids=tensor, labels=tensor).loss.item()  # transformers' own mean over tokens
    assert bits[0] == pytest.approx(loss * (len(ids) - 1) / log(2), rel=1e-4)


def test_the_second_half_is_what_the_whole_costs_less_the_first(model):
    scored = Likelihood(open_engine(model))
    sentence = "Алматы қаласында биыл жаңа кітапхана ашылды."
    at = middle(sentence)
    assert sentence[at] == " "
    assert abs(at - len(sentence) / 2) < 8
    bits, sizes = scored.second_halves([sentence])
    whole, first = scored.bits([sentence, sentence[:at]])
    assert bits[0] == pytest.approx(whole - first, rel=1e-3)
    assert sizes[0] == len(sentence[at:].encode())
    assert middle("бір") == 1


def test_a_continuation_is_what_the_whole_costs_less_what_is_given(model):
    scored = Likelihood(open_engine(model))
    given, text = "Қазақстанның астанасы", " Астана қаласы."
    (bits,) = scored.continuations([(given, text)])
    whole, first = scored.bits([given + text, given])
    assert bits == pytest.approx(whole - first, rel=1e-3)
    long = "Бұл ұзақ мәтін. " * 200
    assert scored.continuations([(long + given, text)])[0] > 0, "its beginning is left out, its end is given"
    (alone,), (behind,) = (scored.continuations([(before, long)]) for before in ("", given))
    assert alone == pytest.approx(scored.bits([long])[0], rel=1e-5), "each token is scored once, however long it is"
    assert behind == pytest.approx(alone, rel=0.1)
    within = scored.ids("Астана")[0:1] != scored.ids("Аста")[0:1]
    (apart,) = scored.continuations([("Аста", "на")])
    assert apart == pytest.approx(scored.bits(["Астана"])[0], rel=1e-4) or not within


def test_what_is_known_by_heart_is_what_greedy_decoding_says(model):
    scored = Likelihood(open_engine(model))
    ids = scored.ids(small_models.texts("kk")[0])[:32]
    with torch.inference_mode():
        made = scored.engine.model.generate(
            torch.tensor([[scored.begin, *ids]]), max_new_tokens=32, do_sample=False, pad_token_id=0, eos_token_id=None
        )[0, 1:].tolist()
    known = pytest.MonkeyPatch()
    known.setattr(scored, "ids", lambda text: made if text == "greedy" else scored.engine.tokenize(text))
    row = memorization_row(scored, ["greedy", *small_models.texts("kk")[:3]], "kk")
    known.undo()
    assert (row["value"], row["count"]) == (0.25, 4)


def test_kazakh_pairs_differ_in_one_point_and_the_right_one_is_right():
    found = pairing.pairs_of(load_pack("kk"))
    kinds = {pair.kind for pair in found}
    assert {"dative: harmony", "ablative: assimilation", "possession"} <= kinds
    assert len(found) > 800
    assert all(pair.right != pair.wrong for pair in found)
    sentences = {pair.right for pair in found}
    assert not sentences & {pair.wrong for pair in found}
    by_hand = {"Ол маған емес, кітапқа қарады.", "Ол бұрын адамнан қорқатын.", "Айтшы, бұл үй ме?"}
    assert by_hand <= {p.right for p in pairing.suffix_pairs(_said())}
    assert pairing.pairs_of(load_pack("en")) == []


def _said():
    import tomllib

    return tomllib.loads((load_pack("kk").folder / pairing.FILE).read_text("utf-8"))


def test_pairs_are_scored_by_the_likelier_sentence():
    class Known:
        def bits(self, sentences, advance):
            import numpy as np

            return np.array([1.0 if "right" in sentence else 2.0 for sentence in sentences])

    some = [pairing.Pair("a", "right", "wrong"), pairing.Pair("a", "wrong", "right"), pairing.Pair("b", "right", "no")]
    found = pairing.pair_figures(pairing.pair_records(Known(), some, ["1", "2", "3"]))
    assert found["right"] == round(2 / 3, 4)
    assert found["kinds"]["b"] == {"right": 1.0, "interval": wilson(1, 1), "count": 1}


def test_wilson_has_the_ends_that_are_published():
    assert wilson(15, 20) == pytest.approx([0.5313, 0.8881], abs=1e-4)
    assert wilson(0, 10) == pytest.approx([0.0, 0.2775], abs=1e-4)
    assert wilson(0, 0) is None


def test_a_test_text_in_the_corpus_is_found(tmp_path):
    from anatili.document import Kept, write_shard

    text = "Алматы қаласында биыл қазан айында жаңа үлкен кітапхана ашылды деп хабарлады."
    rows = [Kept("1", f"Кіріспе. {text} Соңы.", "", "", "s", "", "", "kk", "Cyrl")]
    write_shard(tmp_path / "part-0.parquet", Kept, rows)
    sets = [TextSet("kk", "test", (text, "Басқа сөйлем, мұнда ешқандай ортақ сегіз сөз тізбегі мүлдем жоқ екен ғой."))]
    (row,) = contamination_rows(sets, tmp_path)
    assert row["value"] == 0.5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("evaluate", "{model}"), "nothing to evaluate"),
        (("evaluate", "{model}", "--task", "nothing"), "no task 'nothing': name a file, or one of answer-language"),
        (("evaluate", "{model}", "--task", "second-halves"), "give --text FILE"),
        (("evaluate", "{model}", "--task", "minimal-pairs", "--language", "en"), "has no data for en"),
        (("evaluate", "http://127.0.0.1:9", "--text", "{text}"), "no OpenAI-compatible server answers"),
        (("evaluate", "{model}", "--text", "nowhere.txt"), "no file"),
        (("evaluate", "nowhere", "--text", "x"), "no"),
        (("export", "{model}", "--quantization", "q3"), "no quantization 'q3'"),
        (("tokenizer", "report", "--text", "x.txt"), "no tokenizer to report on"),
    ],
)
def test_what_is_wrong_with_a_command_is_said_in_a_sentence(model, arguments, words):
    done = CliRunner().invoke(main, [a.format(model=model, text=__file__) for a in arguments])
    assert done.exit_code == 1
    assert words in done.output
    assert isinstance(done.exception, SystemExit)
