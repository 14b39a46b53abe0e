import pytest
import yaml

from treadle.data.draft import draft_recipe
from treadle.errors import DataError, RecipeError
from treadle.recipe import Recipe, parse_recipe


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "shop.csv"
    lines = ["id,name,age,city,since,same,spent,left"]
    for row in range(200):
        lines.append(
            f"{7 * row + row % 3},Name {row},{20 + row % 50},{'Aix' if row % 3 else 'Bonn'},"
            f"2024-05-{1 + row % 30:02},7,{row * 1.37:.2f},{'yes' if row % 4 else 'no'}"
        )
    path.write_text("\n".join(lines))
    return str(path)


def test_the_draft_is_a_recipe_of_defaults(shop):
    text = draft_recipe(shop, "left", "shop")
    drafted = parse_recipe(yaml.safe_load(text))
    data = {"source": shop, "target": "left", "drop": ["id", "name", "same"], "positive": "no"}
    assert drafted == parse_recipe({"name": "shop", "task": "classification", "data": data})


def test_the_draft_explains_itself(shop):
    text = draft_recipe(shop, "left", "shop")
    for line in (
        "# Train it with: treadle train shop.yaml",
        "#   age    number    20 to 69, typically 44",
        "#   city   category  Aix, Bonn",
        "#   left   category  no, yes (target)",
        "  # - id is different in every row: it looks like an identifier",
        "  # - column 'name' holds 200 different texts in 200 rows, an identifier or free text",
        "  # - same has one value or none in all rows",
        "  drop: [id, name, same]",
        "    # Share of all rows that training never sees.",
        "  # neighbours: 5",
        "  optimizer: adamw",
        "  # momentum: 0.9",
    ):
        assert line in text.splitlines()


def test_every_setting_is_shown(shop):
    text = draft_recipe(shop, "left", "shop")
    for section in ("data", "features", "model", "training", "evaluation"):
        for key in Recipe.model_fields[section].annotation.model_fields:
            assert f"  {key}:" in text or f"  # {key}:" in text


def test_a_draft_for_a_number(shop):
    text = draft_recipe(shop, "spent", "spending")
    drafted = parse_recipe(yaml.safe_load(text))
    assert drafted.task == "regression"
    assert "left" not in drafted.data.drop
    assert "    # stratify: true" in text.splitlines()


def test_a_draft_from_the_catalogue():
    drafted = parse_recipe(yaml.safe_load(draft_recipe("phishing_small", "is_phishing", "phishing")))
    assert drafted.data.source == "phishing_small"
    assert drafted.data.positive == 1


@pytest.mark.parametrize(
    ("target", "name", "error", "message"),
    [
        ("lefft", "shop", DataError, r"data.target: no column 'lefft'; did you mean 'left'\?"),
        ("same", "shop", DataError, "the target 'same' is '7' in every row"),
        ("left", "my shop", RecipeError, "the drafted recipe: name: should be letters"),
    ],
)
def test_what_cannot_be_drafted(shop, target, name, error, message):
    with pytest.raises(error, match=message):
        draft_recipe(shop, target, name)


def test_prose_and_addresses_are_drafted_as_text(tmp_path):
    rows = [f"https://a{row}.test/,it was the film {row},code{row},{row % 2}" for row in range(80)]
    path = tmp_path / "films.csv"
    path.write_text("\n".join(["page,review,code,liked", *rows]))
    drafted = parse_recipe(yaml.safe_load(draft_recipe(str(path), "liked", "films")))
    assert drafted.data.kinds == {"page": "text", "review": "text"}
    assert drafted.data.drop == ("code",)


def test_a_tag_for_every_token_asks_for_tagging(tmp_path):
    path = tmp_path / "sentences.conllu"
    rows = "".join(f"{n}\tw{n}\t_\t{'NOUN' if n % 2 else 'VERB'}\tx{n}\t_\t0\troot\t_\t_\n" for n in range(1, 5))
    path.write_text(f"{rows}\n{rows}", encoding="utf-8")
    recipe = parse_recipe(yaml.safe_load(draft_recipe(str(path), "upos", "tags")))
    assert (recipe.task, recipe.data.target, recipe.data.drop) == ("tagging", "upos", ("xpos",))
    assert (recipe.data.kinds, recipe.features.text.tokens) == ({"text": "text"}, "spaced")


@pytest.mark.parametrize(
    ("name", "content", "column"),
    [
        ("lines.txt", "To be, or\nnot\nto be\n", "text"),
        ("lines.csv", 'verse\n"To be, or"\nnot to\n', "verse"),
        ("lines.jsonl", '{"verse": "To be"}\n{"verse": "or not"}\n', "verse"),
    ],
)
def test_a_text_alone_asks_for_its_next_words(tmp_path, name, content, column):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    recipe = parse_recipe(yaml.safe_load(draft_recipe(str(path), None, "lines")))
    assert (recipe.task, recipe.data.target, recipe.data.kinds) == ("next_word", None, {column: "text"})


def test_a_text_alone_is_no_target(tmp_path):
    path = tmp_path / "lines.csv"
    path.write_text("verse\nTo be\nor not\n")
    with pytest.raises(DataError, match=r"the target 'verse' is the only column; leave --target out to foretell the"):
        draft_recipe(str(path), "verse", "lines")


def test_a_table_needs_a_target(shop):
    with pytest.raises(RecipeError, match=r"--target is missing: the column to predict, one of '.*', 'left'"):
        draft_recipe(shop, None, "shop")
