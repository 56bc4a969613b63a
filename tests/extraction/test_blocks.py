"""Blocks of text: where they begin and end, what stands around them, and pages that are broken or hostile."""

import pytest

from anatili.extraction.blocks import CACHE, MAX_CACHE, MAX_TAG, read_blocks, remember, value_buckets


def elements_around(blocks, block):
    """Names of the elements around a block, innermost first."""
    element, names = blocks.inside[block], []
    while element >= 0:
        names.append(blocks.elements[element])
        element = blocks.parents[element]
    return names


def test_text_is_cut_at_block_elements_and_not_at_inline_ones():
    blocks = read_blocks("<body><p>Бір <b>екі</b> <a href=x>үш</a>.</p><div>төрт<p>бес</div>алты")
    assert blocks.texts == ["Бір екі үш.", "төрт", "бес", "алты"]
    assert elements_around(blocks, 2) == ["p", "div", "body", "html"]
    assert blocks.linked == [2, 0, 0, 0]
    assert blocks.links == [1, 0, 0, 0]


def test_each_element_covers_the_blocks_inside_of_it():
    blocks = read_blocks("<div><p>a<p>b</div><ul><li>c<li>d</ul>")
    ranges = {name: (start, end) for name, start, end in zip(blocks.elements, blocks.starts, blocks.ends, strict=True)}
    assert ranges["html"] == (0, 4)
    assert ranges["div"] == (0, 2)
    assert ranges["ul"] == (2, 4)
    assert all(parent < element for element, parent in enumerate(blocks.parents))


@pytest.mark.parametrize(
    ("page", "texts"),
    [
        ("<ul><li>a<li>b</ul>c", ["a", "b", "c"]),
        ("<table><tr><td>a<td>b<tr><td>c</table>", ["a", "b", "c"]),
        ("<dl><dt>a<dd>b<dt>c</dl>", ["a", "b", "c"]),
        ("<p>a<div>b</div>", ["a", "b"]),
        ("a<br>b<br><br>c", ["a\x0bb", "c"]),
        ("a<hr>b", ["a", "b"]),
        ("</div></p>a</section>b", ["a", "b"]),
        ("1 < 2 және 3 > 2", ["1 < 2 және 3 > 2"]),
        ("a &lt;b&gt; &amp; қ&#601;", ["a <b> & қə"]),
        ("<p title='a > b'>c</p>", ["c"]),
        ('<p title="<b>x</b>">c</p>', ["c"]),
        ("<p>it<i title=\"it's\">x</i> 'y'</p>", ["itx 'y'"]),
        ("a<script>if (a<b) '</p>'</script>b<style>p{}</style>c", ["abc"]),
        ("a<!-- b <p>c</p> -->d", ["ad"]),
        ("a<!-- b <p>c</p>", ["a", "c"]),
        ("<script>a<p>b", ["b"]),
        ("<P CLASS=X>a</P>", ["a"]),
        ("<svg/>a<p>b", ["a", "b"]),
        ("<head><title>t</title></head><header>a</header>", ["a"]),
        ("<", ["<"]),
        ("", []),
    ],
)
def test_html_as_it_is_written(page, texts):
    assert read_blocks(page).texts == texts


def test_names_are_taken_apart():
    whole, post, content = value_buckets("post-Content2")
    assert value_buckets("post") == (post,)
    assert value_buckets("CONTENT") == (content,)
    blocks = read_blocks("<p class=post-Content2 id='x'>a<P CLASS=x>b<p data-class=y>c<p style='display: none'>d")
    assert {whole, post, content, *value_buckets("x")} < set(blocks.names[1])
    assert set(value_buckets("x")) < set(blocks.names[2])
    assert len(blocks.names[3]) == 1
    assert len(blocks.names[4]) == 2


@pytest.mark.parametrize(
    "piece",
    [
        "<div>",
        "<p>",
        "</b>",
        "<!--",
        "<script>",
        "<a title='",
        '<p class="',
        "<li>",
        "<table><tr><td>",
        "<",
        "</div>",
        "<textarea>",
    ],
)
def test_a_tag_repeated_without_end_is_read(piece):
    text = piece * 50_000 + "мәтін"
    blocks = read_blocks(text)
    assert sum(map(len, blocks.texts)) <= len(text)
    assert len(blocks.parents) == len(blocks.ends) == len(blocks.names)


def test_what_is_remembered_does_not_grow_without_end():
    from anatili.extraction import blocks

    for n in range(MAX_CACHE + 10):
        remember(f"x{n}", (1,))
        blocks.known_tag(f"p class=x{n}")
    assert len(blocks.WORD_BUCKETS) <= MAX_CACHE
    assert len(blocks.CACHE) <= MAX_CACHE


def test_the_blocks_of_a_page_do_not_depend_on_pages_before_it():
    # A tag that another begins inside of, and one whose quote ends only behind the next sign of a tag.
    pages = ["<p>one<br <b>two</b><p>three", '<p>one<div title="a>two<p>b" id=x>three</div>']
    CACHE.clear()
    alone = [read_blocks(page) for page in pages]
    for before in ("<br ><b>x</b>", '<div title="a>' + "<p>x" * (MAX_TAG + 2)):
        read_blocks(before)
    assert [read_blocks(page) for page in pages] == alone
