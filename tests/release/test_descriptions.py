"""What a release says to machines, checked by the libraries of those who read it: of a run and of bundled models."""

import io
import json
import re
import shutil
from dataclasses import replace

import pytest
import yaml
from huggingface_hub import DatasetCard, ModelCard

from anatili import models
from anatili.licenses import table
from anatili.models.packaging import renew_cards
from anatili.release.assemble import assemble_model
from anatili.release.facts import read_facts
from anatili.release.model_card import with_added_parts

NAMES = ("tiny", "kazakh-26m", "kazakh-270m")


@pytest.fixture(scope="module")
def releases(tiny_run, tmp_path_factory):
    """Name -> the folder to publish."""
    base = tmp_path_factory.mktemp("releases")
    for name in NAMES:
        source = tiny_run / "release" if name == "tiny" else models.HERE / name
        assemble_model(source, base / name, None)
    return {name: base / name for name in NAMES}


@pytest.fixture(params=NAMES)
def folder(request, releases):
    return releases[request.param]


def test_the_hub_reads_both_cards(folder):
    facts = read_facts(folder)
    card = ModelCard((folder / "README.md").read_text("utf-8"), ignore_metadata_errors=False)
    assert card.data.license in ("apache-2.0", "gemma")
    assert (card.data.language, card.data.pipeline_tag) == (list(facts.languages), "text-generation")
    results = {(r.dataset_name, r.metric_type): r.metric_value for r in card.data.eval_results}
    tuned = [row for row in facts.scores if row["who"] == "tune"]
    assert tuned
    for row in tuned:
        assert results[f"{row['texts']} ({row['language']})", "bits_per_byte"] == row["bits_per_byte"]
    data = DatasetCard((folder / "DATA.md").read_text("utf-8"), ignore_metadata_errors=False).data
    assert data.language == list(facts.languages)
    assert data.size_categories[0] in ("n<1K", "10K<n<100K", "100K<n<1M")


def test_the_bill_of_materials_is_valid_cyclonedx(folder):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = (folder / "bom.cdx.json").read_text("utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bom = json.loads(text)
    assert bom["metadata"]["component"]["type"] == "machine-learning-model"
    assert bom["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    sums = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
    files = [part for part in bom["components"] if part["type"] == "file"]
    assert [part["name"] for part in files if part["name"].endswith((".safetensors", ".gguf"))]
    assert all(part["hashes"][0]["content"] == sums[part["name"]] for part in files)
    sources = {row.source for row in read_facts(folder).sources}
    assert {part["name"] for part in bom["components"] if part["type"] == "data"} == sources


def test_the_other_bill_of_materials_is_valid_spdx(folder):
    from spdx_python_model.bindings import v3_0_1 as model

    objects = model.SHACLObjectSet()
    with (folder / "release.spdx3.json").open("rb") as file:
        model.JSONLDDeserializer().read(file, objects)  # refuses unknown names and wrong types
    model.JSONLDSerializer().write(objects, io.BytesIO())  # refuses what lacks something
    assert not objects.missing_ids
    (ai,) = [each for each in objects.foreach_type(model.ai_AIPackage) if each.name == read_facts(folder).name]
    for needed in (
        "suppliedBy",
        "releaseTime",
        "software_packageVersion",
        "software_downloadLocation",
        "software_primaryPurpose",
    ):
        assert getattr(ai, needed), f"the AI profile needs {needed}"
    trained = [each for each in objects.foreach_type(model.Relationship) if each.from_ is ai]
    kinds = {each.relationshipType.rpartition("/")[2] for each in trained}
    assert {"trainedOn", "contains", "hasDeclaredLicense", "hasConcludedLicense"} <= kinds


def test_croissant_reads_the_data(folder, caplog):
    mlcroissant = pytest.importorskip("mlcroissant")

    dataset = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    assert not dataset.metadata.ctx.issues.report()
    assert "not standard" not in caplog.text
    facts = read_facts(folder)
    rows = list(dataset.records("sources"))
    assert [row["sources/documents"] for row in rows] == [row.documents for row in facts.sources]
    if (folder / "documents").is_dir():
        assert len(list(dataset.records("documents"))) == sum(facts.uses.values())


def test_the_european_summary_has_all_sections_filled(folder):
    text = (folder / "training-summary-eu.md").read_text("utf-8")
    sections = re.findall(r"(?m)^#{2,4} ([\d.]+) ", text)
    assert " ".join(sections) == "1. 1.1 1.2 1.3 2. 2.1 2.2 2.2.1 2.2.2 2.3 2.4 2.5 2.6 3. 3.1 3.2 3.3"
    assert "Less than 1 billion tokens" in text
    assert "$" not in text
    for row in read_facts(folder).hosts:
        assert f"| {row.host} |" in text


def test_a_citation_can_be_read(folder):
    citation = yaml.safe_load((folder / "CITATION.cff").read_text("utf-8"))
    assert citation.keys() >= {"cff-version", "message", "title", "authors", "version"}
    assert citation["authors"][0]["name"]
    assert citation.get("license", "MIT").lower() in table()


def test_the_cards_are_in_four_languages_with_the_same_figures(folder):
    facts = read_facts(folder)
    for stem in ("README", "DATA"):
        english = (folder / f"{stem}.md").read_text("utf-8")
        for code in ("kk", "ru", "tr"):
            card = (folder / f"{stem}.{code}.md").read_text("utf-8")
            assert (
                re.findall(r"(?m)^\|(?:-+\|)+$", english.partition("## Audit")[0])[:3]
                == re.findall(r"(?m)^\|(?:-+\|)+$", card)[:3]
            )
            assert "{" not in card
            assert facts.name in card


def test_a_released_package_is_still_a_package(releases):
    assert models.find(str(releases["kazakh-26m"])) == releases["kazakh-26m"]
    assert models.open_packaged(releases["kazakh-26m"], print).name == "kazakh-26m.gguf"
    assert "## Audit" in (releases["kazakh-26m"] / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", NAMES[1:])
def test_cards_of_bundled_models_are_as_the_program_words_them(name, tmp_path):
    folder = tmp_path / name
    shutil.copytree(models.HERE / name, folder)
    renew_cards(folder)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        bundled = models.HERE / name / path.relative_to(folder)
        assert path.read_bytes() == bundled.read_bytes(), "run: models.packaging.renew_cards"


def test_a_card_names_what_stands_against_its_license_and_both_readings():
    card = (models.HERE / "kazakh-26m" / "README.md").read_text("utf-8")
    said = card.partition("## License and contact")[2]
    assert "Nearest is GPL-3.0-only, which does not suit 54,935 documents" in said
    assert "Apache-2.0, does not suit 155,257 of 270,660 documents" in said
    assert "kaznu (lines) (CC-BY-SA-4.0) 18,150" in said, "the first stage's data binds too"
    assert "kaznu (CC-BY-SA-4.0) 1,846" in said
    assert "counts as an adaptation" in said
    assert "On the other reading" in said
    assert "stands word for word in its training text: not measured." in card


def test_bytes_that_were_counted_for_some_sources_only_are_not_given_as_those_of_all():
    facts = read_facts(models.HERE / "kazakh-26m")
    counted = tuple(row for row in facts.sources if row.bytes)
    assert 0 < len(counted) < len(facts.sources), "those of its first stage were not counted"
    assert facts.bytes == 0
    assert replace(facts, sources=counted).bytes == sum(row.bytes for row in counted) > 0


def test_a_part_that_somebody_added_to_a_card_stays():
    card = "# m\n\n## Scores\n\nnew\n\n## License and contact\n\nMIT\n"
    older = "# m\n\n## Scores\n\nold\n\n## Audit\n\nfound\n\n## License and contact\n\nx\n"
    assert with_added_parts(card, older) == card.replace("## License", "## Audit\n\nfound\n\n## License")
    assert with_added_parts(card, card) == card
