"""Licenses of texts: what each allows, alone and together, and which documents stand against a result."""

import pytest

from anatili.licenses import KINDS, check_names, hub_name, is_allowed, license_of, report, table
from anatili.problem import Problem


def test_every_row_of_the_table_is_whole():
    names = set().union(*(row.results for row in table().values()))
    for row in table().values():
        assert row.kind in KINDS[:-1], row.name
        # A license that allows results of its own kind allows itself.
        assert row.name not in names or row.name in row.results, row.name
        assert row.kind != "no-derivatives" or not row.results


@pytest.mark.parametrize(
    ("expression", "kind", "allows", "forbids"),
    [
        ("CC0-1.0", "public-domain", "CC0-1.0", ""),
        ("CC-BY-4.0", "permissive", "CC-BY-SA-4.0", "CC0-1.0"),
        ("CC-BY-SA-4.0", "share-alike", "GPL-3.0-only", "CC-BY-4.0"),
        ("GPL-2.0-only", "copyleft", "GPL-2.0-only", "GPL-3.0-only"),
        ("GPL-2.0-or-later", "copyleft", "GPL-3.0-only", "MIT"),
        ("Apache-2.0", "permissive", "GPL-3.0-or-later", "GPL-2.0-only"),
        ("GPL-2.0-only OR CC-BY-SA-3.0", "share-alike", "CC-BY-SA-4.0", "MIT"),
        ("(MIT OR GPL-2.0-only) AND CC-BY-SA-4.0", "share-alike", "CC-BY-SA-4.0", "MIT"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "copyleft", "GPL-2.0-only", "MIT"),
        ("CC-BY-NC-4.0", "noncommercial", "CC-BY-NC-SA-4.0", "CC-BY-4.0"),
        ("CC-BY-ND-4.0", "no-derivatives", "", "CC-BY-4.0"),
        ("LicenseRef-Gemma", "own-terms", "", "MIT"),
        ("LicenseRef-per-package", "unknown", "", "MIT"),
        ("unknown", "unknown", "", "MIT"),
        ("", "unknown", "", "MIT"),
        ("All rights reserved (c) 2020", "unknown", "", "MIT"),
    ],
)
def test_what_an_expression_allows(expression, kind, allows, forbids):
    found = license_of(expression)
    assert found.kind == kind
    assert not allows or allows in found.results
    assert forbids not in found.results


def test_a_report_names_what_stands_against_each_result():
    found = report({"CC0-1.0": 5, "CC-BY-SA-4.0": 7, "GPL-3.0-only": 2, "": 1})
    assert found.possible == ()
    assert [(row.license, row.kind, row.documents) for row in found.licenses][:2] == [
        ("CC-BY-SA-4.0", "share-alike", 7),
        ("CC0-1.0", "public-domain", 5),
    ]
    assert found.of_kind("unknown") == 1
    by_name = {result.license: result for result in found.results}
    assert found.results[0].license == "GPL-3.0-only"
    assert by_name["GPL-3.0-only"].documents == 1
    assert by_name["MIT"].documents == 10
    assert {row.license for row in found.against("MIT")} == {"CC-BY-SA-4.0", "GPL-3.0-only", "unknown"}
    assert report({"CC0-1.0": 5}).possible[0] == "CC0-1.0"
    assert "GPL-3.0-only" in report({"CC-BY-SA-4.0": 7, "GPL-3.0-only": 2}).possible


@pytest.mark.parametrize(
    ("expression", "names", "expected"),
    [
        ("MIT", (), True),
        ("mit", ("MIT",), True),
        ("MIT", ("permissive",), True),
        ("CC0-1.0", ("permissive",), True),
        ("MIT", ("public-domain",), False),
        ("GPL-3.0-only", ("permissive",), False),
        ("GPL-3.0-only OR MIT", ("permissive",), True),
        ("GPL-3.0-only AND MIT", ("permissive",), False),
        ("unknown", ("permissive",), False),
        ("unknown", ("unknown",), True),
        ("(", ("permissive",), False),
    ],
)
def test_a_text_is_chosen_by_its_license(expression, names, expected):
    assert is_allowed(expression, names) == expected


def test_a_misspelt_license_is_refused():
    assert check_names(["CC-BY-4.0", "permissive"]) == ("CC-BY-4.0", "permissive")
    with pytest.raises(Problem, match="no license 'CC-BY' is known"):
        check_names(["CC-BY"])


def test_the_hub_has_names_of_its_own():
    names = {"Apache-2.0": "apache-2.0", "GPL-3.0-only": "gpl-3.0", "LicenseRef-Gemma": "gemma", "unknown": "other"}
    assert {name: hub_name(name) for name in names} == names
