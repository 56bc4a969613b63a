"""Passages as they are compared with questions."""

from anatili.lang import load_pack
from anatili.search.analysis import terms
from anatili.search.index import Passage
from anatili.serve.passage_words import groups_of, read_passage

TEXT = (
    "Абай 1845 жылы Семейде дүниеге келген. Кітапты акад. Әлкей Марғұлан мен т.б. Алматы ғалымдары наурызда жазды. "
    "Мұнда он бес ағаш бар, себебі жер құнарлы."
)


def test_the_sentences_of_a_passage_with_their_facts():
    passage = Passage("1:0", "1", "Абай Құнанбайұлы", TEXT, "", "", "", "", "kk", "Cyrl")
    read = read_passage(passage)
    texts = [TEXT[sentence.start : sentence.end] for sentence in read.sentences]
    assert [text.split()[0] for text in texts] == ["Абай", "Кітапты", "Мұнда"], "not cut at an abbreviation"
    first, second, third = read.sentences
    assert {"year", "name"} <= first.facts
    assert first.names == {"семейде"}
    assert "month" in second.facts
    assert {"number", "reason"} <= third.facts
    assert "абай" in read.title.terms
    assert "дүниег" in first.prefixes
    born = groups_of(load_pack("kk"))[terms("kk")["туған"]]
    assert first.groups & set(born), "born: туған, дүниеге келген"
    assert read_passage(passage) is read


def test_what_the_numbers_of_a_sentence_measure():
    text = "The pass is 4,506 metres high. It was opened in 2001. Three hundred people live there."
    passage = Passage("1:0", "1", "A pass", text, "", "", "", "", "en", "Latn")
    high, opened, people = read_passage(passage).sentences
    assert "length" in high.quantities
    assert opened.quantities == opened.counted == frozenset(), "a year counts nothing"
    assert "people" in people.quantities
    assert "length" not in people.quantities
