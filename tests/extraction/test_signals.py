import pytest

from anatili.extraction.signals import signals, translation_signals


@pytest.mark.parametrize(
    ("head", "headers", "said"),
    [
        ("", {"x-robots-tag": "noindex, NoAI"}, "X-Robots-Tag: noai"),
        ("<META NAME=robots CONTENT='index,noai'>", {}, "meta robots: noai"),
        ('<meta content="1" name="tdm-reservation">', {}, "meta tdm-reservation: 1"),
        ("", {"tdm-reservation": "1"}, "tdm-reservation: 1"),
        ("", {"tdm-reservation": "0"}, ""),
        ('<meta name="robots" content="noindex">', {"x-robots-tag": "noarchive"}, ""),
        ('<meta name="description" content="noai">', {}, ""),
    ],
)
def test_refusals_are_heard(head, headers, said):
    assert signals(head, headers) == said


@pytest.mark.parametrize(
    ("page", "url", "said"),
    [
        ('<html lang="kk" class="js translated-ltr">', "", "translated-ltr"),
        ("<html class='translated-rtl'>", "", "translated-rtl"),
        ('<meta name="translation-method" content="machine">', "", "meta translation-method: machine"),
        ('<meta http-equiv="X-Translated-By" content="Google">', "", "meta x-translated-by: Google"),
        ("<p>", "https://www-e-kz.translate.goog/a?_x_tr_sl=en", "served by www-e-kz.translate.goog"),
        (
            '<font style="vertical-align: inherit;"><font style="vertical-align: inherit;">Сәлем</font></font>' * 12,
            "",
            "text wrapped by a translator",
        ),
    ],
)
def test_what_shows_that_a_machine_translated_it(page, url, said):
    assert translation_signals(page, url) == said


ALTERNATES = "".join(f'<link rel="alternate" hreflang="x{n}" href="/">' for n in range(90))
OFFERS = (
    '<div id="google_translate_element" class="googtrans"></div><script src="//translate.google.com/translate_a/'
    'element.js?cb=googleTranslateElementInit"></script><div class="gtranslate_wrapper notranslate"></div>'
)


@pytest.mark.parametrize(
    "page",
    [
        ALTERNATES,  # the pages of the United Nations, of banks, of program documentation
        OFFERS,  # a widget: the page as it is fetched is the original
        "<p>The class translated-ltr is set by the browser's translator; x-translated-by: machine",
        '<meta name="translation-method" content="by Aigul Bekova">',
        '<a hreflang="kk">' * 60,
        "<html class=translated>",
    ],
)
def test_what_people_translate_is_not_called_a_machines_work(page):
    assert translation_signals(page, "https://www.un.org/kk/translate.goog") == ""


def test_a_name_that_only_resembles_a_crawlers_refuses_nothing():
    assert signals('<meta name="robots-hint" content="noai"><meta content="noai robots" name="other">', {}) == ""
    assert signals('<meta http-equiv="robots" content="noai">', {}) == ""
