"""The site of a release: complete without scripts, the same in four languages, readable on a phone."""

import re
from dataclasses import replace
from urllib.parse import unquote

import pytest
from browsing import ARGUMENTS, BROWSER, no_barriers
from click.testing import CliRunner

from anatili import models
from anatili.cli import main
from anatili.problem import Problem
from anatili.release.bars import Bar, chart
from anatili.release.facts import read_facts, write_facts
from anatili.release.localization import words_of
from anatili.release.site import inline, write_site

CONTACT = "derekter@example.kz"


@pytest.fixture(scope="module")
def site(tiny_run, tmp_path_factory):
    """The site of the tiny run, with a contact."""
    folder = tmp_path_factory.mktemp("site")
    facts = read_facts(tiny_run / "release")  # with fewer measures: the checks of a browser take time for each cell
    write_facts(folder / "release", replace(facts, contact=f"Team <{CONTACT}>", measures=facts.measures[:4]))
    assert write_site(folder / "release", folder / "site") == ["index.html", "ru.html", "en.html", "tr.html"]
    return folder / "site"


def test_a_page_has_card_scores_data_hosts_and_licenses(site):
    facts = read_facts(site / "files")
    page = (site / "en.html").read_text("utf-8")
    for row in facts.scores:
        assert f">{row['who']}</td><td>{row['bits_per_byte']:.3f}</td>" in page
    for host in facts.hosts:
        assert f">{host.host}</td><td>{host.documents}</td>" in page
    assert f'<td class="text">CC0-1.0</td><td class="text">public domain</td><td>{facts.uses["training"]}</td>' in page
    assert page.count("<svg") == 2


@pytest.mark.parametrize("name", ["index.html", "ru.html", "en.html", "tr.html"])
def test_a_page_needs_nothing_but_itself(site, name):
    page = (site / name).read_text("utf-8")
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=\"https?:|url\(|\{\w+\}|\*\*|\]\(", page)
    for link in re.findall(r'href="([^"#]+)"', page):
        assert (site / link).is_file(), link
    for anchor in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{anchor}"' in page, anchor


def test_the_form_writes_a_letter_in_the_language_of_the_page(site):
    page = (site / "ru.html").read_text("utf-8")
    action = re.search(r'<form action="([^"]+)" method="post" enctype="text/plain">', page)
    assert action
    assert unquote(action[1]) == f"mailto:{CONTACT}?subject={words_of('ru')('form_subject', name='tiny')}"
    assert re.findall(r'name="(\w+)"(?: required)?>', page) == ["url", "text", "reason", "name"]


def test_people_read_it_without_scripts_on_a_phone_and_on_a_desk(site):
    if not BROWSER:
        pytest.skip("no browser is installed")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        for width in (360, 1200):
            context = browser.new_context(viewport={"width": width, "height": 800}, java_script_enabled=False)
            page = context.new_page()
            page.goto(f"file://{site / 'index.html'}")
            main_part = page.locator("main").bounding_box()
            assert main_part["x"] >= 0
            assert main_part["width"] <= width
            page.click("nav.languages a[lang=tr]")
            assert page.locator("html").get_attribute("lang") == "tr"
            page.click("nav a[href='#removal']")
            assert page.locator("form input[name=url]").is_visible()
            letters = page.locator("svg text").first.bounding_box()
            assert letters["height"] >= 10, "the letters of a chart are too small"
            context.close()
        page = browser.new_page(viewport={"width": 360, "height": 800})
        page.goto(f"file://{site / 'index.html'}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.evaluate("document.querySelectorAll('tr:nth-child(n+3)').forEach((row) => row.remove())")  # axe is slow
        no_barriers(page)
        browser.close()


def test_a_bundled_model_has_a_site_and_says_that_it_has_no_contact(tmp_path):
    answer = CliRunner().invoke(main, ["site", "kazakh-26m", "-o", str(tmp_path / "site")])
    assert answer.exit_code == 0, answer.output
    page = (tmp_path / "site" / "en.html").read_text("utf-8")
    assert "<form" not in page
    assert "does not suit 155,257 of 270,660 documents" in page
    with pytest.raises(Problem, match="is not empty"):
        write_site(models.HERE / "kazakh-26m", tmp_path / "site")


def test_facts_cannot_put_html_into_a_page():
    assert inline("<b>x</b> **y** `<z>`") == "&lt;b&gt;x&lt;/b&gt; <strong>y</strong> <code>&lt;z&gt;</code>"
    drawing = chart([Bar("<script>", 1.0, "1"), Bar("b", 2.0, "2", False, (1.5, 2.5))], "<d>")
    assert "<script>" not in drawing
    assert "<title>&lt;d&gt;</title>" in drawing
    widths = [float(width) for width in re.findall(r'width="([\d.]+)"', drawing)]
    assert widths[1] == pytest.approx(2 * widths[0], abs=0.2)
