"""Translation models by CTranslate2: token for token what transformers says, alone or together, from safetensors only."""

import json
import shutil
import threading

import pytest
import seq2seq

from anatili.engine import Translating, open_engine
from anatili.engine.seq2seq import BEAM, How, Seq2SeqEngine
from anatili.lang import load_pack
from anatili.problem import Problem
from anatili.sample.topics import read_topics
from anatili.train import converted

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
    asks = [engine.ask(sentence, engine.token(PACKS["kk"]), engine.token(PACKS["en"])) for sentence in sentences]
    assert [list(ask.source) for ask in asks] == asked
    made = engine._translate(How(LIMIT, again=False), asks)
    assert len({tuple(one) for one in made}) > 5
    for one, other in zip(made, wanted, strict=True):
        assert one == [token for token in other if token != engine.end]
