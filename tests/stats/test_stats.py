"""What other thresholds would do is what they do when the corpus is built with them; and the page that shows it."""

import json
import re

import pytest
from click.testing import CliRunner
from small_runs import write_recipe

from anatili import stage
from anatili.cli import main
from anatili.document import Kept, read_shard
from anatili.pool import LocalPool
from anatili.problem import Problem
from anatili.recipe import Cut, load_recipe
from anatili.run import Run
from anatili.stats.thresholds import read_marks, settings, what_if

NOT_A_NUMBER_OF_A_DOCUMENT = {
    "keep_folded",
    "keep_translated",
    "scripts",
    "obey_opt_outs",
    "mask_personal",
    "held_out",
    "max_other",
    "min_verse",
    "licenses",
}


def build(folder, root, **options) -> Run:
    recipe, run = write_recipe(folder, **options), Run(root)
    for _ in stage.carry_out(load_recipe(recipe), run, LocalPool(), base=folder, until="cut"):
        pass
    (root / "recipe.toml").write_bytes(recipe.read_bytes())
    return run


def corpus(run: Run) -> set[str]:
    shards = [*run.folder("cut").glob("part-*.parquet"), *run.folder("cut").glob("held-out/*.parquet")]
    return {row.id for shard in shards for row in read_shard(shard, Kept)}


def test_every_threshold_of_a_number_can_be_asked_about():
    assert set(Cut.model_fields) - set(settings()) == NOT_A_NUMBER_OF_A_DOCUMENT


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[int, Run]:
    """Runs of the same texts with different least numbers of words."""
    folder = tmp_path_factory.mktemp("stats")
    return {words: build(folder, folder / str(words), min_words=words) for words in (5, 45)}


@pytest.mark.parametrize(("first", "then"), [(5, 45), (45, 5)])
def test_the_answer_is_what_building_with_it_gives(runs, first, then):
    before, after = runs[first], runs[then]
    marks = read_marks(before)
    change = what_if(before, marks, "min_words", then)
    assert change.documents == len(corpus(before)) == marks.kept.sum()
    assert change.lost == len(corpus(before) - corpus(after))
    assert change.gained == len(corpus(after) - corpus(before))
    assert change.lost + change.gained > 0
    assert len(change.lost_examples) == min(10, change.lost)
    assert {example.id for example in change.lost_examples} <= corpus(before) - corpus(after)
    assert {example.id for example in change.gained_examples} <= corpus(after) - corpus(before)
    assert all(first <= example.value < then for example in change.lost_examples)
    assert sum(change.by_source.values()) == change.lost


def test_the_page_shows_every_threshold_and_the_examples(runs, tmp_path):
    page = tmp_path / "page.html"
    command = ["stats", str(runs[5].root), "-o", str(page), "--what-if", "min_words=45", "--json"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    change = json.loads(result.stdout)
    text = page.read_text("utf-8")
    assert "<script" not in text
    assert not re.search(r'(?:src|href)="', text)
    assert [name for name in settings() if f"<h3>{name} = " not in text] == []
    assert text.count("<svg") == len(settings())
    assert f"would lose {change['lost']:,} of {change['documents']:,} documents" in text
    assert all(example["url"] in text for example in change["lost_examples"])
    shown = CliRunner().invoke(main, command[:2] + command[4:6]).stdout
    assert shown.startswith("min_words = 45 in place of 5 would lose")
    assert shown.count("\n  - ") == 10


@pytest.mark.parametrize(
    ("change", "message"),
    [("min_words", "write it as KEY=VALUE"), ("min_wrods=5", "there are min_words"), ("scripts=1", "no threshold")],
)
def test_wrong_questions_are_told(runs, change, message):
    result = CliRunner().invoke(main, ["stats", str(runs[5].root), "--what-if", change])
    assert (result.exit_code, message in result.stderr) == (1, True), result.stderr


def test_a_run_without_a_corpus_is_told(tmp_path):
    with pytest.raises(Problem, match="has no corpus yet"):
        read_marks(Run(tmp_path))
