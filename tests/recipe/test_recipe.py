import pytest

from anatili.problem import Problem
from anatili.recipe import Recipe, Section, load_recipe

GOOD = 'name = "t"\nlanguage = "kk"\n'


def load(tmp_path, text):
    path = tmp_path / "recipe.toml"
    path.write_text(text, "utf-8")
    return load_recipe(path)


def test_all_has_a_default_but_name_and_language(tmp_path):
    recipe = load(tmp_path, GOOD)
    assert recipe.cut.min_words == 30
    assert recipe.languages == ("kk",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "[cut]\nmin_word = 5\n", r"cut.min_word: unknown key"),
        (GOOD + '[cut]\nmin_words = "5"\n', r"cut.min_words: .*integer.*'5'"),
        (GOOD + "[pretrain]\ntokens = 1e6\n", r"pretrain.tokens: write an integer, such as 1_000_000, not 1000000.0"),
        (GOOD + '[tune]\nkinds = "question"\n', r"tune.kinds: write a list, such as .*, not 'question'"),
        (GOOD + "[cut]\nheld_out = 1.5\n", r"cut.held_out: .*less than or equal to 1"),
        (GOOD + "[pretrain]\nhidden_size = 100\nheads = 3\n", r"pretrain: .*whole even number"),
        (GOOD + "[[collect.sources]]\nname = 'A b'\npath = 'x'\n", r"collect.sources.0.name: .*pattern"),
        ("name = 't'\n", r"language: Field required$"),
        ("name = \n", r"recipe.toml:1: "),
    ],
)
def test_a_wrong_recipe_is_told_with_file_and_key(tmp_path, text, said):
    with pytest.raises(Problem, match=said) as caught:
        load(tmp_path, text)
    assert "recipe.toml" in str(caught.value)


def test_a_missing_recipe_says_where_others_are(tmp_path):
    with pytest.raises(Problem, match=r"bundled: .*tiny"):
        load_recipe(tmp_path / "none.toml")


def sections() -> list[type[Section]]:
    return [
        Recipe,
        *(
            f.annotation
            for f in Recipe.model_fields.values()
            if isinstance(f.annotation, type) and issubclass(f.annotation, Section)
        ),
    ]


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.__name__)
def test_every_key_has_its_sentence(section):
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            continue
        assert field.description, f"{section.__name__}.{name} has no description"
        assert field.description.endswith((".", "?")), f"{section.__name__}.{name}"
