"""Words taken apart: what the rules allow, what the lexicon prefers, and how near that comes to a treebank."""

import tomllib
from collections import Counter
from pathlib import Path

import pytest
from metrics import conflation, lemma_share

from anatili.lang import load_pack
from anatili.morphology import Morphology, load_morphology
from anatili.morphology.lexicon import count_words, learn, save
from anatili.morphology.typed import Typed
from anatili.problem import Problem
from anatili.sample.topics import read_topics

FLOORS = tomllib.loads((Path(__file__).parents[1] / "floors.toml").read_text("utf-8"))["morphology"]
KAZAKH = load_pack("kk")
CONTENT = {"NOUN", "VERB", "ADJ", "PROPN", "ADV"}


@pytest.fixture(scope="module")
def morphology() -> Morphology:
    return KAZAKH.morphology


@pytest.mark.parametrize(
    ("word", "lemma", "slots"),
    [
        ("балаларымыздың", "бала", ("plural", "ours", "case")),
        ("қаласындағылар", "қала", ("his", "his_locative", "of_place", "again_plural")),
        ("кітабы", "кітап", ("his",)),
        ("орнында", "орын", ("his", "his_locative")),
        ("оқиды", "оқы", ("present",)),
        ("қояды", "қой", ("present",)),
        ("тауып", "тап", ("converb",)),
        ("келмегендердің", "кел", ("not", "participle", "plural", "case")),
        ("жазылғанын", "жаз", ("passive", "participle", "his", "his_case")),
    ],
)
def test_a_word_is_read_as_its_grammar_says(morphology, word, lemma, slots):
    assert (lemma, slots) in {(reading.lemma, reading.slots) for reading in morphology.readings(word)}
    assert morphology.lemma(word) == lemma


def test_endings_that_break_harmony_are_no_endings(morphology):
    for right, wrong in (("балаларға", "балалерге"), ("мектепте", "мектепта"), ("сөзден", "сөзнен")):
        lemma = morphology.lemma(right)
        assert lemma != right
        assert all(reading.lemma != lemma for reading in morphology.readings(wrong)), wrong


def test_strange_words_are_no_trouble(morphology):
    for word in ("", "ә", "к", "ққққ", "covid", "20", "ьььь", "я" * 40, "ию", "яю"):
        assert morphology.lemma(word) is not None
        assert morphology.stem(morphology.stem(word)) == morphology.stem(word)


def test_a_stem_is_its_own_stem(morphology):
    words = {w for t in read_topics() for w in count_words([t.pages["kk"].text], KAZAKH.config.letters["Cyrl"], 1)}
    assert len(words) > 5000
    assert all(morphology.stem(morphology.stem(word)) == morphology.stem(word) for word in words)


def forms(data: Path) -> Counter[tuple[str, str]]:
    """(form, lemma) of the content words of UD Kazakh-KTB, lower case, in the Kazakh alphabet."""
    alphabet = set(KAZAKH.config.letters["Cyrl"])
    found: Counter[tuple[str, str]] = Counter()
    for path in (data / "bench" / "ud_kazakh_ktb").glob("*.conllu"):
        for line in path.read_text("utf-8").splitlines():
            columns = line.split("\t")
            if len(columns) > 3 and columns[0].isdigit() and columns[3] in CONTENT:
                form, lemma = columns[1].lower(), columns[2].lower()
                if alphabet.issuperset(form + lemma) and len(form) > 1:
                    found[form, lemma] += 1
    return found


def test_lemmas_of_a_treebank_are_found(data, morphology):
    gold = forms(data)
    lemma = lemma_share(gold, morphology.lemma)
    precision, recall, f1 = conflation(gold, morphology.stem)
    print(f"lemma {lemma:.3f}, conflation F1 {f1:.3f} (P {precision:.3f}, R {recall:.3f}), n = {len(gold)}")
    assert lemma >= FLOORS["lemma"]
    assert f1 >= FLOORS["conflation"]


def test_a_lexicon_is_learned_from_text_alone(tmp_path):
    pages = [topic.pages["kk"] for topic in read_topics()]
    words = count_words((page.text for page in pages), KAZAKH.config.letters["Cyrl"], 1)
    bare = Morphology(KAZAKH.morphology.rules)
    learned = learn(words, bare)
    (tmp_path / "morphology.toml").write_bytes((KAZAKH.folder / "morphology.toml").read_bytes())
    save(learned, tmp_path, "test")
    found = load_morphology(tmp_path)
    cases = KAZAKH.cases["stem"]
    right = [sum(one.stem(case["word"]) == case["stem"] for case in cases) for one in (bare, found)]
    assert right[1] > right[0]
    again = learn(words, found)  # what was learned before has no say
    assert again == learned


def test_too_little_text_and_wrong_files_are_told(tmp_path):
    with pytest.raises(Problem, match="too few to learn"):
        learn({"бала": 3}, KAZAKH.morphology)
    for name in ("morphology.toml", "lexicon.tsv", "endings.tsv"):
        (tmp_path / name).write_bytes((KAZAKH.folder / name).read_bytes())
    (tmp_path / "lexicon.tsv").write_text("noun\tбала\tмного\n", "utf-8")
    with pytest.raises(Problem, match=r"lexicon.tsv:1: write two words and a number with tabs between them, not 'noun"):
        load_morphology(tmp_path)
    assert load_morphology(tmp_path / "nowhere") is None


def test_words_typed_without_their_own_letters_are_understood(morphology):
    typed = Typed(morphology, KAZAKH.config.keyboard)
    for word, lemma in (
        ("тілінің", "тіл"),
        ("қазақстанның", "қазақстан"),
        ("өмір", "өмір"),
        ("қоғамның", "қоғам"),
        ("кітабы", "кітап"),
        ("келмегендердің", "кел"),
        ("қала", "қала"),
        ("үкіметтен", "үкімет"),
        ("халқының", "халық"),
    ):
        assert typed.lemma(typed.fold(word)) == lemma, word
    assert typed.lemma("ыыыыы") == ""
    assert typed.lemma("") == ""


def test_typing_costs_few_lemmas_of_a_treebank(data, morphology):
    typed = Typed(morphology, KAZAKH.config.keyboard)
    known = {lemma for _, lemma in morphology.lemmas}
    gold = [(form, lemma) for form, lemma in forms(data) if lemma in known and typed.fold(form) != form]
    right = lemma_share(gold, lambda form: typed.lemma(typed.fold(form)))
    whole = lemma_share(gold, morphology.lemma)
    print(f"lemma of folded words {right:.3f}, of whole ones {whole:.3f}, n = {len(gold)}")
    assert right >= FLOORS["folded_lemma"]
