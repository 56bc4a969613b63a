"""The network in the package: small, and each block hears only of its own page."""

from importlib.resources import files

import numpy as np

from anatili.extraction.blocks import read_blocks
from anatili.extraction.features import Features
from anatili.extraction.network import WEIGHTS, network, path_of

PAGE = (
    "<nav><a>Басты бет</a><a>Байланыс</a></nav><article><h1>Тақырып</h1>"
    + "<p>Бұл мақаланың бір бөлігі, ұзын сөйлем. " * 6
)


def odds(page):
    return network()(Features(read_blocks(page), page, ""))


def test_there_is_a_value_for_each_block():
    assert odds(PAGE).shape == (len(read_blocks(PAGE).texts),)
    assert np.isfinite(odds(PAGE)).all()
    assert odds("a").shape == (1,)


def test_the_same_page_gives_the_same_values():
    assert (odds(PAGE) == odds(PAGE)).all()


def test_neighbors_and_containers_count():
    alone, among = odds("<p>Қысқа сөйлем осы."), odds(PAGE + "<p>Қысқа сөйлем осы.")
    assert alone[0] != among[-1]


def test_the_weights_are_small():
    assert (files("anatili.extraction") / WEIGHTS).stat().st_size < 200_000


def test_each_block_has_the_sum_of_the_elements_around_it():
    blocks = read_blocks("<div><p>бір<p>екі</div><section>үш<b>төрт</b><ul><li>бес<li>алты</ul></section>жеті")
    features = Features(blocks, "", "")
    vectors = np.arange(2.0 * len(blocks.elements), dtype=np.float32).reshape(-1, 2)
    for block, element in enumerate(blocks.inside):
        around = []
        while element >= 0:
            around.append(element)
            element = blocks.parents[element]
        assert path_of(vectors, features)[block].tolist() == vectors[around].sum(0).tolist()
