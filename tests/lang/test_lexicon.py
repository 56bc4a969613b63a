"""The lexicon of a pack, learned from the texts of the sample."""

import pytest

from anatili.lang.lexicon import learn_lexicon
from anatili.morphology import ENDINGS, LEXICON, load_morphology
from anatili.problem import Problem
from anatili.sample.topics import read_topics


def test_lemmas_are_learned_from_text_and_saved_with_their_origin(tmp_path):
    text = tmp_path / "pages.txt"
    text.write_text("\n".join(topic.pages["kk"].text for topic in read_topics()), "utf-8")
    messages: list[str] = []
    folder, learned = learn_lexicon("kk", [text], tmp_path, min_count=1, tell=messages.append)
    assert folder == tmp_path
    assert ("noun", "қала") in learned.lemmas
    assert messages[-1].startswith("pass 3 of 3")
    assert f"from {learned.words:,} words of pages.txt" in (tmp_path / LEXICON).read_text("utf-8")
    assert (tmp_path / ENDINGS).stat().st_size > 100
    assert load_morphology(tmp_path) is None  # the rules stay in the pack


def test_a_pack_without_endings_is_reported(tmp_path):
    with pytest.raises(Problem, match=r"the pack en has no endings"):
        learn_lexicon("en", [], tmp_path)
