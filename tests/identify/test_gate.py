"""The gate on texts of the sample, in every way in which pages write them."""

import random
import unicodedata

import pytest

from anatili.identify.gate import Gate, both_cases, load_gate, make_rules
from anatili.lang import codes, load_pack
from anatili.sample.topics import read_neighbors, read_topics

KAZAKH = [topic.pages["kk"].text for topic in read_topics()]
RUSSIAN = [topic.pages["ru"].text for topic in read_topics()]
CHROME = "<html><head><title>Новости</title></head><body><p>" + RUSSIAN[0] + "</p>"


def entities(text: str, letters: str = "") -> str:
    return "".join(f"&#{ord(c)};" if not c.isascii() and (not letters or c in letters) else c for c in text)


def hexadecimal(text: str) -> str:
    return "".join(c if c.isascii() else f"&#x{ord(c):X};" for c in text)


def json(text: str) -> str:
    return "".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in text)


def to_1251(text: str) -> bytes:
    return ('<meta charset="windows-1251">' + text).encode("cp1251", "xmlcharrefreplace")


FORMS = {
    "UTF-8": str.encode,
    "NFD": lambda t: unicodedata.normalize("NFD", t).encode(),
    "Russian chrome": lambda t: (CHROME + t).encode(),
    "entities": lambda t: entities(t).encode(),
    "hexadecimal entities": lambda t: hexadecimal(t).encode(),
    "JSON": lambda t: b'<script>{"a":"' + json(t).encode() + b'"}</script>',
    "upper-case JSON": lambda t: json(t).upper().replace("\\U", "\\u").encode(),
    "UTF-16 with mark": lambda t: ("<p>" + t).encode("utf-16"),
    "UTF-16 LE": lambda t: ("<html><head><title>News</title></head>" * 3 + t).encode("utf-16-le"),
    "KZ-1048": lambda t: ('<meta charset="kz-1048">' + t).encode("kz1048", "replace"),
    "KZ-1048 called 1251": lambda t: ('<meta charset="windows-1251">' + t).encode("kz1048", "replace"),
    "KZ-1048 undeclared": lambda t: t.encode("kz1048", "replace"),
    "windows-1251 with entities": to_1251,
}


def windows(texts: list[str], letters: int, count: int) -> list[str]:
    rng = random.Random(1)
    whole = [t for t in texts if len(t) > letters + 10]
    cuts = []
    for _ in range(count):
        text = rng.choice(whole)
        start = rng.randrange(len(text) - letters)
        cuts.append(text[start : start + letters])
    return cuts


@pytest.mark.parametrize("form", FORMS)
def test_kazakh_passes_in_every_form(form):
    gate = load_gate("kk")
    missed = [text for text in windows(KAZAKH, 300, 300) if not gate.admits(FORMS[form](text))]
    assert missed == []


@pytest.mark.parametrize(("scheme", "least"), [("Latn2021", 0.985), ("Latn2018", 0.96), ("Arab", 0.99)])
@pytest.mark.parametrize("form", ["UTF-8", "NFD", "entities", "JSON", "UTF-16 with mark"])
def test_other_scripts_pass_too(scheme, least, form):
    gate, pack = load_gate("kk"), load_pack("kk")
    texts = [pack.transliterate(text, scheme) for text in windows(KAZAKH, 400, 200)]
    assert sum(bool(gate.admits(FORMS[form](text))) for text in texts) >= least * len(texts)


@pytest.mark.parametrize("code", ["ru", "en", "tr"])
def test_pages_of_large_languages_do_not_pass(code):
    gate = load_gate("kk")
    texts = [topic.pages[code].text for topic in read_topics()]
    assert [t[:80] for t in texts if gate.admits(t.encode())] == []
    assert [t[:80] for t in texts if gate.admits(to_1251(t))] == []


def test_ukrainian_in_its_charset_is_not_taken_for_kazakh_in_another():
    text = "Її діти їли смачні ґедзі й пили воду із відра. " * 20
    assert load_gate("kk").admits(('<meta charset="windows-1251">' + text).encode("cp1251")) == ""
    assert load_gate("kk").admits(text.encode("cp1251")) == ""


def test_the_charset_that_http_declares_is_asked():
    payload = KAZAKH[0].encode("kz1048", "replace")
    assert load_gate("kk").admits(payload, lambda: "kz-1048") == "Cyrl"


@pytest.mark.parametrize("code", ["kk", "ky", "tt", "ba", "mn", "uk", "tr"])
def test_both_scans_give_the_same_verdicts(code):
    pytest.importorskip("hyperscan")
    rules = make_rules(load_pack(code))
    fast, plain = Gate(rules, "hyperscan"), Gate(rules, "numpy")
    rng = random.Random(2)
    texts = [t for topic in read_topics() for page in topic.pages.values() for t in [page.text]] + neighbors_texts()
    for text in texts:
        for form in FORMS.values():
            # Few letters of the language in much else: verdicts near the threshold.
            start, size = rng.randrange(len(text)), rng.choice([5, 20, 60, 400])
            payload = b"<p>" + form(text[start : start + size]) + b"&amp; \\u003c &#8217;"
            assert fast.admits(payload) == plain.admits(payload), payload[:200]
    forms = [FORMS[name] for name in ("UTF-8", "NFD", "entities", "hexadecimal entities", "JSON", "upper-case JSON")]
    for _ in range(1000):  # some letters in each of several forms
        letters = [rng.choice(KAZAKH[0] + "іқңғұūñıäǵńڭۇە") for _ in range(rng.randrange(1, 30))]
        payload = b" ".join(rng.choice(forms)(letter) for letter in letters)
        assert fast.admits(payload) == plain.admits(payload), payload
    for _ in range(500):
        payload = rng.randbytes(rng.randrange(300))
        assert fast.admits(payload) == plain.admits(payload)


def neighbors_texts() -> list[str]:
    return [text for _, _, text in read_neighbors()]


@pytest.mark.parametrize("code", ["ky", "tt", "ba"])
def test_other_languages_have_gates_from_their_letters_alone(code):
    gate = load_gate(code)
    texts = [text for language, _, text in read_neighbors() if language == code]
    assert gate.rules
    assert texts
    assert all(gate.admits(text.encode()) for text in texts)
    assert sum(bool(gate.admits(text.encode())) for text in RUSSIAN) <= 2  # some name things in Kazakh


LETTERS_OF_NEIGHBORS = {
    "kk": "Қазіргі таңда еліміздің өңірлерінде ұлттық мұражайлар ашылып, әрбір үйірмеге балалар қатысады. ",
    "ky": "Азыркы учурда өлкөбүздүн бардык аймактарында музейлер ачылып, жаңы көргөзмөлөр өткөрүлүп жатат. ",
    "tt": "Хәзерге вакытта республикабызның барлык төбәкләрендә музейлар ачыла, җыр һәм бию бәйгеләре үткәрелә. ",
    "ba": "Башҡортостандың ҙур ҡалаларында һәм ауылдарында тыуған телде һаҡлау өсөн яңы мәктәптәр асыла, балалар "
    "ҡурайҙа уйнай. ",
    "mn": "Өнөөдөр манай улсын бүх аймагт шинэ сургууль нээгдэж, сурагчид өвөг дээдсийнхээ түүхийг үзэж, өгүүллэг "
    "бичиж, бүтээлээ үзүүлж байна. ",
}


@pytest.mark.parametrize("code", LETTERS_OF_NEIGHBORS)
def test_a_neighbor_does_not_pass_the_gate_and_a_page_of_both_does(code):
    """The neighbors share letters: a gate asks whether its language is needed to explain those of the page."""
    own = LETTERS_OF_NEIGHBORS[code]
    for other, text in LETTERS_OF_NEIGHBORS.items():
        admitted = load_gate(code).admits((text * 20).encode())
        assert bool(admitted) == (other == code), f"{other} at the gate of {code}"
        if other != code and code != "mn":  # all letters of Mongolian are also Kazakh and Kyrgyz
            both = (text * 8 + own * 8).encode()
            assert load_gate(code).admits(both) == "Cyrl", f"{code} between {other}"


def test_few_letters_are_no_proof_against_a_page():
    for code in ("ky", "tt", "ba", "mn", "kk"):
        assert load_gate(code).admits(LETTERS_OF_NEIGHBORS[code].encode()) == "Cyrl"


def test_a_folder_with_an_alphabet_is_enough(tmp_path, monkeypatch):
    """Uyghur has no pack of ours: its letters alone make a gate."""
    (tmp_path / "ug").mkdir()
    (tmp_path / "ug" / "pack.toml").write_text(
        'name = "Uyghur"\nown_name = "ئۇيغۇرچە"\n[letters]\nArab = "ئاەبپتجچخدرزژسشغفقكگڭلمنھوۇۆۈۋېىي"\n', "utf-8"
    )
    (tmp_path / "ug" / "stopwords.txt").write_text("ۋە\n", "utf-8")
    monkeypatch.setenv("ANATILI_PACKS", str(tmp_path))
    gate = Gate(make_rules(load_pack("ug")))
    uyghur = "ھەممە ئادەم زانىدىنلا ئەركىن، ئىززەت-ھۆرمەت ۋە ھوقۇقتا باپباراۋەر بولۇپ تۇغۇلغان."
    arabic = "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق، وقد وهبوا عقلا وضميرا."
    for form in ("UTF-8", "entities", "JSON", "UTF-16 with mark"):
        assert gate.admits(FORMS[form](uyghur)) == "Arab"
        assert gate.admits(FORMS[form](arabic)) == ""
    load_pack.cache_clear()


def test_a_language_without_letters_of_its_own_admits_everything():
    for code in ("en", "uz", "ru"):
        assert make_rules(load_pack(code)) == ()
        assert load_gate(code).admits(b"") == "any"


def test_every_pack_makes_a_gate():
    for code in codes():
        for rule in make_rules(load_pack(code)):
            assert all(least > 0 and letters for letters, least in rule.groups)


@pytest.mark.parametrize(
    "payload", [b"", b"a", b"\xff", b"\xd2", b"&#", b"\\u0", b"&#99999999;", b"\xff\xfe", b"\xff\xfe\x00"]
)
def test_scraps_are_no_page(payload):
    for backend in ("auto", "numpy"):
        assert load_gate("kk", backend).admits(payload) == ""


def test_groups_hold_both_cases_but_no_ascii():
    assert both_cases("ıқ") == {"ı", "қ", "Қ"}
