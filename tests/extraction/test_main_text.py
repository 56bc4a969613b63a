"""Main text of pages in several scripts, without what stands around it, whatever the page is like."""

import numpy as np
import pytest

from anatili.extraction.blocks import read_blocks
from anatili.extraction.features import Features
from anatili.extraction.main_text import LEAST, TEMPER, chosen, lines, main_text, with_quotes
from anatili.extraction.page import extract_page

KAZAKH = [
    "Қала әкімдігі биыл жаңа саябақ ашатынын хабарлады, оның аумағы он екі гектарды алып жатыр.",
    "Құрылыс жұмыстары көктемде басталды, күзге қарай аяқталады деп күтілуде.",
    "«Саябақта балаларға арналған алаңдар, жүгіру жолдары мен кітапхана болады», — деді сәулетші.",
    "Тұрғындар жобаны талқылауға қатысып, екі жүзден астам ұсыныс жіберді.",
    "Саябаққа ағаш отырғызу науқаны келесі аптада басталады, оған кез келген адам қатыса алады.",
]
ARABIC = [
    "قالا اكىمدىگى بيىل جاڭا ساياباق اشاتىنىن حابارلادى، ونىڭ اۋماعى ون ەكى گەكتاردى الىپ جاتىر.",
    "قۇرىلىس جۇمىستارى كوكتەمدە باستالدى، كۇزگە قاراي اياقتالادى دەپ كۇتىلۋدە.",
    "تۇرعىندار جوبانى تالقىلاۋعا قاتىسىپ، ەكى جۇزدەن استام ۇسىنىس جىبەردى.",
    "ساياباققا اعاش وتىرعىزۋ ناۋقانى كەلەسى اپتادا باستالادى، وعان كەز كەلگەن ادام قاتىسا الادى.",
]
LATIN = [
    "Qala äkımdıgı biyl jaŋa saiabaq aşatynyn habarlady, onyŋ aumağy on ekı gektardy alyp jatyr.",
    "Qūrylys jūmystary köktemde bastaldy, küzge qarai aiaqtalady dep kütılude.",
    "Tūrğyndar jobany talqylauğa qatysyp, ekı jüzden astam ūsynys jıberdı.",
    "Saiabaqqa ağaş otyrğyzu nauqany kelesı aptada bastalady, oğan kez kelgen adam qatysa alady.",
]
CHINESE = [
    "市政府宣布今年将开放一座新公园，占地十二公顷，居民可以免费进入。",
    "工程于春季开始，预计秋季完工，目前进展顺利。",
    "居民参与了项目讨论，提出了两百多条建议。",
] * 2


def page(paragraphs, after="", inside="", rtl=False):
    menu = "".join(
        f'<li><a href="/{n}">{word}</a></li>' for n, word in enumerate(("Басты бет", "Саясат", "Спорт", "Әлем"))
    )
    body = "".join(f"<p>{paragraph}</p>\n" for paragraph in paragraphs)
    return (
        f"<!DOCTYPE html><html{' dir=rtl' if rtl else ''}><head><title>Жаңа саябақ</title></head>"
        f"<body><header><nav><ul>{menu}</ul></nav>"
        f'</header><main><article class="post"><h1>Жаңа саябақ</h1><div class="entry-content">{body}{inside}</div>'
        "</article>"
        f'{after}</main><footer class="footer"><p>© 2026 Барлық құқықтар қорғалған</p></footer></body></html>'
    )


@pytest.mark.parametrize("paragraphs", [KAZAKH, ARABIC, LATIN, CHINESE], ids=["Cyrillic", "Arabic", "Latin", "Chinese"])
def test_an_article_comes_whole_and_alone(paragraphs):
    text = main_text(page(paragraphs, rtl=paragraphs is ARABIC), "Жаңа саябақ")
    assert [line for line in text.split("\n") if line != "Жаңа саябақ"] == paragraphs


def test_comments_of_readers_are_left_out():
    comment = (
        '<li class="comment"><span class="author">Айгүл</span> <time>2026-05-01 12:30</time><p>{}</p>'
        "<a>Жауап беру</a></li>"
    )
    said = [f"Өте жақсы жаңалық, {n}-ші рет оқып отырмын, рахмет сіздерге!" for n in range(12)]
    comments = '<section id="comments" class="comments"><h3>Пікірлер</h3><ol class="comment-list">'
    text = main_text(page(KAZAKH, comments + "".join(map(comment.format, said)) + "</ol></section>"))
    assert KAZAKH[-1] in text
    assert "рахмет сіздерге" not in text


def test_teasers_of_other_articles_are_left_out():
    teaser = (
        '<div class="card"><a href="/{0}"><img src=x><h4>Басқа мақаланың тақырыбы {0}</h4></a>'
        "<p>Оның бірінші сөйлемі осында…</p></div>"
    )
    text = main_text(page(KAZAKH, '<aside class="related">' + "".join(teaser.format(n) for n in range(8)) + "</aside>"))
    assert KAZAKH[-1] in text
    assert "Басқа мақаланың" not in text


def test_lists_tables_and_code_of_an_article_are_kept():
    inside = (
        "<p>Саябаққа бару үшін мына құжаттар керек болады:</p><ul><li>Жеке куәліктің көшірмесі</li>"
        "<li>Тұрғылықты жер туралы анықтама</li></ul>"
        "<p>Жұмыс кестесі төмендегі кестеде көрсетілген, өзгерістер болуы мүмкін:</p>"
        "<table><tr><td>Дүйсенбі күні</td><td>сағат тоғыздан беске дейін</td></tr></table>"
        "<p>Кестені бағдарламамен былай алуға болады, мысал төменде:</p>"
        "<pre><code>def read():\n    return 1</code></pre>"
        "<p>Барлық сұрақтар бойынша әкімдіктің анықтама қызметіне хабарласыңыз.</p>"
    )
    text = main_text(page(KAZAKH, inside=inside))
    assert "\n- Жеке куәліктің көшірмесі\n- Тұрғылықты жер туралы анықтама\n" in text
    assert "\nДүйсенбі күні | сағат тоғыздан беске дейін\n" in text
    assert "\ndef read():\n    return 1\n" in text


POST = (
    '<blockquote class="twitter-tweet"><p lang="kk" dir="ltr">{}</p>&mdash; Әкімдік (@akimat) '
    '<a href="https://example.org/1">12 мамыр</a></blockquote>'
)


def test_posts_that_an_article_quotes_are_kept():
    said = "Саябақтың ашылу салтанатына бәріңізді шақырамыз!"
    text = main_text(page(KAZAKH, inside=POST.format(said) + f"<p>{RUSSIAN[0]}</p>"))
    places = [text.index(part) for part in (KAZAKH[-1], said, "— Әкімдік (@akimat) 12 мамыр", RUSSIAN[0])]
    assert places == sorted(places)


def quoted(kept):
    html = (
        "<div><blockquote><p>a</p></blockquote><p>b</p><section><p>c</p><blockquote><p>d</p><div><blockquote><p>e</p>"
        "</blockquote></div><p><a>f</a></p></blockquote></section></div><blockquote><p>g</p></blockquote>"
    )
    blocks = read_blocks(html)
    texts = [blocks.texts.index(text) for text in kept]
    return "".join(blocks.texts[block] for block in with_quotes(texts, blocks, Features(blocks, html, "")))


@pytest.mark.parametrize(
    ("kept", "whole"), [("", ""), ("b", "bg"), ("c", "cdeg"), ("bc", "bcdeg"), ("d", "deg"), ("ab", "abg"), ("g", "g")]
)
def test_a_quotation_is_taken_whole_but_for_links_where_some_text_comes_before_it(kept, whole):
    assert quoted(kept) == whole


@pytest.mark.parametrize("even", [0, 1.5, 3])
@pytest.mark.parametrize("size", [1, 2, 50])
def test_the_choice_has_the_greatest_expected_f1(even, size):
    draw = np.random.default_rng(size)
    odds, letters = draw.uniform(LEAST + 0.1, 8, size), draw.integers(1, 300, size)
    likely = letters / (1 + np.exp((even - odds) / TEMPER))

    def expected(kept):
        return 2 * likely[kept].sum() / (letters[kept].sum() + likely.sum())

    kept = chosen(odds, letters, even)
    assert expected(kept) == pytest.approx(max(expected(odds >= limit) for limit in odds), abs=1e-4)
    assert set(kept) == set(np.flatnonzero(odds >= odds[kept].min()))


def test_less_likely_blocks_are_taken_where_none_is_likely():
    letters = np.full(20, 100, np.float32)
    unsure = np.array([-2.0] * 10 + [-9.0] * 10, np.float32)
    sure = np.array([8.0] * 10 + [-2.0] * 2 + [-9.0] * 8, np.float32)
    assert chosen(unsure, letters, 1.5) == chosen(sure, letters, 1.5) == list(range(10))
    assert chosen(np.full(20, LEAST, np.float32), letters, 1.5) == []


def test_lines_of_a_block():
    blocks = read_blocks("<p>a\n b<br>c  d</p><pre>e\n  f</pre><table><tr><td>1<td>2<tr><td>3</table>")
    assert lines(blocks, list(range(len(blocks.texts)))) == ["a b\nc d", "e\n  f", "1 | 2", "3"]
    assert lines(blocks, []) == []


RUSSIAN = [
    "Городской совет утвердил план ремонта улиц на этот год, работы начнутся в мае и продлятся до осени.",
    "В первую очередь обновят дороги возле школ и больниц, сообщил журналистам заместитель мэра.",
    "На ремонт выделено два миллиарда, часть этих денег город получит из областного бюджета.",
    "Жители могут следить за ходом работ на карте, которую разместили на сайте управления.",
]


def has_kazakh_letters(texts):
    return [any(letter in text for letter in "әғқңөұүһі") for text in texts]


def test_a_passage_in_the_wanted_language_is_not_lost_altogether():
    footer = '<footer class="footer">'
    html = page(RUSSIAN * 3).replace(footer, f"{footer}<p>{KAZAKH[0]}</p><p>{KAZAKH[1]}</p>")
    without, asked = main_text(html), main_text(html, "", has_kazakh_letters)
    assert KAZAKH[0] not in without
    assert asked == "\n".join([without, *KAZAKH[:2]])


def test_links_and_single_lines_in_the_wanted_language_are_no_passage():
    links = "".join(f'<li><a href="/{n}">{line}</a></li>' for n, line in enumerate(KAZAKH))
    for around in (f"<aside><ul>{links}</ul></aside>", f"<aside><p>{KAZAKH[1]}</p></aside>"):
        html = page(RUSSIAN * 3, around)
        assert main_text(html, "", has_kazakh_letters) == main_text(html)


def test_what_stands_around_a_text_in_the_wanted_language_is_left_out():
    asked = []
    said = "".join(f'<li class="comment"><b>Айгүл {n}</b><p>{KAZAKH[n]}</p></li>' for n in range(3))
    html = page(KAZAKH, f'<section id="comments" class="comments"><ol class="comment-list">{said}</ol></section>')
    assert main_text(html, "", lambda texts: asked.append(len(texts)) or has_kazakh_letters(texts)) == main_text(html)
    assert sum(asked) <= 3, "a few answers are enough"


@pytest.mark.parametrize("cut", [0.5, 0.7, 0.9])
def test_a_page_cut_short_gives_what_there_is(cut):
    whole = page(KAZAKH * 3)
    text = main_text(whole[: int(len(whole) * cut)])
    assert text.split("\n")[1:3] == KAZAKH[1:3] or KAZAKH[1] in text


def test_tags_that_are_never_closed_do_no_harm():
    body = "".join(f"<div><p>{paragraph}" for paragraph in KAZAKH)
    text = main_text(f"<body><b>{body}")
    assert [line for line in KAZAKH if line in text] == KAZAKH


def test_depth_and_size_are_no_obstacle():
    quotes = "<p>Мәтін</p>" + "<blockquote>a" * 20_000 + "</blockquote>" * 20_000
    assert main_text(quotes) is not None
    deep = "<div>" * 20_000 + "".join(f"<p>{line}" for line in KAZAKH) + "</div>" * 20_000
    assert extract_page(deep.encode(), mode="fast").text is not None
    long = extract_page(page(KAZAKH * 2000).encode(), mode="fast").text
    assert long.count(KAZAKH[0]) >= 1900


@pytest.mark.parametrize("empty", ["", " ", "<html></html>", "<script>x</script>", "<p> </p>", "<img alt='мәтін'>"])
def test_a_page_without_text_has_none(empty):
    assert main_text(empty) == ""
