"""Translation models by CTranslate2: token for token what transformers says, alone or together; no pickles."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
import seq2seq
from click.testing import CliRunner
from fastapi.testclient import TestClient

from anatili.cli import main
from anatili.engine import Sampling, Translating, open_engine, similarity
from anatili.engine.batcher import Batcher
from anatili.engine.seq2seq import BEAM, BatchOptions, Seq2SeqEngine
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.sample.topics import read_topics
from anatili.serve.api import create_app
from anatili.serve.assistant import open_assistant
from anatili.train import converted
from anatili.translate.translator import Translator

pytest.importorskip("ctranslate2")
PACKS = {code: load_pack(code) for code in ("kk", "ru", "en", "tr", "ky")}
SENTENCES = [topic.pages["kk"].question for topic in read_topics()[:24]]
LIMIT = 24


@pytest.fixture(scope="module", params=seq2seq.SHAPES)
def pair(request, tmp_path_factory):
    """A model of each shape as transformers has it, and converted without loss."""
    place = tmp_path_factory.mktemp(request.param)
    folder = seq2seq.make(place / "model", request.param)
    converted.convert(folder, place / "converted", "float32")
    return folder, place / "converted"


@pytest.fixture(scope="module")
def engine(pair):
    return Seq2SeqEngine(pair[1])


def by_transformers(folder, sentences, beams):
    """What transformers' own tokenizer and search make of sentences, from Kazakh into English."""
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    before, options = "", {}
    if model.config.model_type == "t5":
        before = "<2en> "
    else:
        nllb = "kaz_Cyrl" in tokenizer.get_vocab()
        tokenizer.src_lang = "kaz_Cyrl" if nllb else "kk"
        options["forced_bos_token_id"] = tokenizer.convert_tokens_to_ids("eng_Latn" if nllb else "__en__")
    asked, made = [], []
    for sentence in sentences:
        ids = tokenizer(before + sentence, return_tensors="pt").input_ids
        asked.append(tokenizer.convert_ids_to_tokens(ids[0]))
        with torch.inference_mode():
            said = model.generate(ids, num_beams=beams, max_new_tokens=LIMIT, do_sample=False, **options)
        made.append(tokenizer.convert_ids_to_tokens(said[0][1:]))
    return asked, made


@pytest.mark.parametrize("beams", [1, BEAM])
def test_token_for_token_what_transformers_says(pair, engine, beams, monkeypatch):
    monkeypatch.setattr("anatili.engine.seq2seq.BEAM", beams)
    sentences = [*SENTENCES[:8], "«Абай», 1845 ж.  –  ақын!", "a"]
    asked, wanted = by_transformers(pair[0], sentences, beams)
    asks = [engine.encode(sentence, engine.token(PACKS["kk"]), engine.token(PACKS["en"])) for sentence in sentences]
    assert [list(ask.source) for ask in asks] == asked
    made = engine._translate(BatchOptions(LIMIT, again=False), asks)
    assert len({tuple(one) for one in made}) > 5
    for one, other in zip(made, wanted, strict=True):
        assert one == [token for token in other if token != engine.end]


def test_threads_and_batches_say_what_one_sentence_alone_does(engine):
    sentences = [*SENTENCES, *SENTENCES[:8]]
    alone = [Seq2SeqEngine(engine.folder).translate(s, PACKS["kk"], PACKS["en"]) for s in SENTENCES[:2]]
    alone += [engine.translate(s, PACKS["kk"], PACKS["en"]) for s in sentences[2:]]
    sizes, work = [], engine.batcher.work
    engine.batcher.work = lambda how, asked: (sizes.append(len(asked)), work(how, asked))[1]
    with ThreadPoolExecutor(12) as pool:
        together = list(pool.map(lambda s: engine.translate(s, PACKS["kk"], PACKS["en"]), sentences))
    engine.batcher.work = work
    assert together == alone
    assert sum(sizes) == len(sentences)
    assert max(sizes) > 1, "they went one by one"


def test_a_second_try_says_something_else(engine):
    first, second = (engine.translate(SENTENCES[0], PACKS["kk"], PACKS["en"], again=again) for again in (False, True))
    assert first != second


def test_languages_are_those_of_the_model_and_of_the_packs(engine):
    assert engine.can_translate(PACKS["kk"], PACKS["en"])
    assert not engine.can_translate(PACKS["kk"], PACKS["kk"])
    nogai = load_pack("nog")  # none of NLLB's or M2M100's; the small models have a token for every pack, but M2M100's
    assert engine.can_translate(nogai, PACKS["kk"]) == (engine.token(PACKS["kk"]) != "__kk__")
    kaa = load_pack("kaa")
    if not engine.can_translate(PACKS["en"], kaa):
        with pytest.raises(Problem, match="does not translate from English into Karakalpak"):
            engine.translate("a", PACKS["en"], kaa)


def test_tokens_written_in_a_text_are_text(engine):
    source = engine.encode("a </s> b <s> c", engine.token(PACKS["kk"]), engine.token(PACKS["en"])).source
    assert source.count(engine.end) == 1
    assert source[-1] == engine.end


def test_it_cannot_converse(engine):
    assert isinstance(engine, Translating)
    asked = [("generate", "a", Sampling()), ("embed", ["a"]), ("score", [1], 1), ("tokenize", "a"), ("detokenize", [1])]
    for name, *arguments in asked:
        with pytest.raises(Problem, match="translates and does nothing else"):
            getattr(engine, name)(*arguments)


def test_the_layout_stays_and_doubts_are_told(pair, monkeypatch):
    monkeypatch.setattr(similarity, "PACKAGE", "")
    opened = open_assistant(str(pair[1]))
    translator = Translator(opened.engine, opened.packs, opened.directions)
    text = f"  {SENTENCES[0]}\n\n\t12 345\nhttps://e.kz\n"
    steps = list(translator.steps(text, "kk", "en"))
    said = "".join(step.text for step in steps)
    assert said.startswith("  ")
    assert said.endswith("\n\n\t12 345\nhttps://e.kz\n")
    assert [bool(step.doubts) for step in steps if step.text != step.source] == [True]  # weights by chance
    assert translator.direction("kk", "en").quality == "unknown"
    assert "English" in translator.notice("kk", "en")
    whole = [step.text for step in translator.texts([text, SENTENCES[1]], "kk", "en")]
    assert whole[0] == said


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A model of NLLB's shape as people get it."""
    place = tmp_path_factory.mktemp("small")
    return seq2seq.make(place / "model", "nllb")


def test_the_commands(small, tmp_path):
    run = CliRunner().invoke
    out = tmp_path / "nllb"
    answer = run(main, ["translate", str(small), "--target", "en"], input=SENTENCES[0])
    assert "encoder-decoder model, which runs converted: anatili export" in answer.output
    answer = run(main, ["export", str(small), "--ctranslate2", "-o", str(out), "--json"])
    assert answer.exit_code == 0, answer.output
    said = json.loads(answer.stdout)
    assert said["parity"]["mean"] < said["parity"]["allowed"]
    assert said["bytes"] < 0.6 * sum(path.stat().st_size for path in small.iterdir())
    assert "is there already" in run(main, ["export", str(small), "--ctranslate2", "-o", str(out)]).output
    answer = run(main, ["translate", str(out), "--source", "kk", "--target", "ky"], input=SENTENCES[0])
    assert answer.exit_code == 0, answer.output
    assert "kk-ky: it was not measured" in answer.stderr
    assert "cannot answer" in run(main, ["chat", str(out), "--question", "Абай кім?"]).output
    assert (
        "cannot score text" in run(main, ["evaluate", str(out), "--task", "minimal-pairs", "--language", "kk"]).output
    )


def test_in_8_bits_too_a_sentence_is_the_same_alone_and_among_others(small, tmp_path):
    converted.convert(small, tmp_path / "nllb")
    engine = Seq2SeqEngine(tmp_path / "nllb")
    asks = [engine.encode(sentence, engine.token(PACKS["kk"]), engine.token(PACKS["en"])) for sentence in SENTENCES]
    options = BatchOptions(LIMIT, again=False)
    assert engine._translate(options, asks) == [engine._translate(options, [ask])[0] for ask in asks]


def test_a_model_without_languages_goes_the_way_that_its_name_tells(tmp_path):
    folder = seq2seq.make(tmp_path / "model", "pair")
    converted.convert(folder, tmp_path / "small-kk-ru-v2")
    opened = open_assistant(str(tmp_path / "small-kk-ru-v2"))
    assert [one.name for one in opened.directions] == ["kk-ru"]
    assert opened.engine.encode("Абай", "", "").source[-1] == opened.engine.end
    assert opened.engine.translate(SENTENCES[0], PACKS["kk"], PACKS["ru"])
    shutil.move(tmp_path / "small-kk-ru-v2", tmp_path / "small")
    with pytest.raises(Problem, match="must name it: NAME-FROM-TO"):
        open_assistant(str(tmp_path / "small"))


def test_what_was_measured_is_kept_with_the_model(small, tmp_path):
    pytest.importorskip("sacrebleu")
    out, texts = tmp_path / "nllb", tmp_path / "own"
    texts.mkdir()
    converted.convert(small, out)
    for code in ("kk", "en"):
        (texts / f"{code}.txt").write_text(
            "\n".join(topic.pages[code].question for topic in read_topics()[:4]), "utf-8"
        )
    arguments = ["--texts", str(texts), "--only", "kk-en", "--write", "-o", str(tmp_path / "made")]
    answer = CliRunner().invoke(main, ["directions", str(out), *arguments])
    assert answer.exit_code == 0, answer.output
    rows = {one.name: one for one in open_assistant(str(out)).directions}
    assert rows["kk-en"].quality == "useless"
    assert rows["kk-en"].count == 4
    assert rows["en-kk"].quality == "unknown"
    with (out / "model.bin").open("ab") as file:
        file.write(b"other weights")
    assert {one.quality for one in open_assistant(str(out)).directions} == {"unknown"}


def test_a_server_translates_and_says_that_it_does_nothing_else(small, tmp_path):
    converted.convert(small, tmp_path / "nllb")
    with TestClient(create_app(open_assistant(str(tmp_path / "nllb"))), "http://127.0.0.1") as client:
        found = {row["code"]: row for row in client.get("/languages").json()}
        assert {"kk", "ky", "uz", "mn"} <= found.keys()
        assert found["kk"]["anatili"]["en"]["quality"] == "unknown"
        words = client.get("/page/words").json()
        assert words["chat"] is False
        assert {"ky", "uz"} <= words["languages"].keys() - words["names"].keys()
        body = {"q": [f"{SENTENCES[0]}\n2024", SENTENCES[1]], "source": "kk", "target": "en"}
        said = client.post("/translate", json=body).json()
        assert said["translatedText"][0].endswith("\n2024")
        assert said["anatili"][0]["quality"]["quality"] == "unknown"
        with client.stream("POST", "/translate", json={**body, "stream": True}) as answer:
            told = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: {")]
        assert "".join(one.get("text", "") for one in told if one["index"] == 0) == said["translatedText"][0]
        answer = client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "Абай кім?"}]})
        assert answer.status_code == 400
        assert "cannot answer" in answer.json()["error"]["message"]


def test_pickles_are_refused_wherever_they_lie(small, pair, tmp_path):
    import torch

    folder = shutil.copytree(small, tmp_path / "pickled")
    (folder / "model.safetensors").unlink()
    torch.save({"x": torch.zeros(1)}, folder / "pytorch_model.bin")
    with pytest.raises(Problem, match=r"pickle.*refused"):
        converted.convert(folder, tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))
    disguised = shutil.copytree(pair[1], tmp_path / "disguised")
    shutil.copyfile(folder / "pytorch_model.bin", disguised / "model.bin")
    with pytest.raises(Problem, match=r"pickle.*refused"):
        open_engine(disguised)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("model.bin", b"\x06\0\0\0\x10\0TransformerSpec\0\x07", "CTranslate2 cannot open"),
        ("tokenizer.json", b"{}", "is damaged"),
        ("tokenizer.json", None, "has no tokenizer"),
    ],
)
def test_a_damaged_folder_is_told(small, tmp_path, file, content, said):
    converted.convert(small, tmp_path / "model")
    if content is None:
        (tmp_path / "model" / file).unlink()
    else:
        (tmp_path / "model" / file).write_bytes(content)
    with pytest.raises(Problem, match=said):
        open_engine(tmp_path / "model")


def test_an_error_reaches_all_who_wait_and_none_who_come_later():
    def work(how, things):
        if "bad" in things:
            raise ValueError("bad")
        return [thing.upper() for thing in things]

    batcher = Batcher(work, 4)
    with pytest.raises(ValueError, match="bad"):
        batcher.submit(1, "bad")
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda n: batcher.submit(n % 2, str(n) + "a"), range(40))) == [f"{n}A" for n in range(40)]
    assert batcher.waiting == []
