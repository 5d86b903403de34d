"""Recipes become options: includes, references, precedence, caching, and mistakes told in their place."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import Field

from fleet import schemas
from fleet.errors import RecipeError, UsageError
from fleet.facts import NAMES
from fleet.files.fields import UserName
from fleet.model import Data, Options, Satisfied, Situation, Step, Verdict
from fleet.recipe import Recipe, parse_extra
from fleet.recipe.cookbook import Recipes, shipped
from fleet.recipe.substitution import Scope, fill, references
from fleet.steps import STEPS

ROOT = Path(__file__).parents[2]


class BakeOptions(Options):
    """Options of every kind."""

    version: str | None = None
    minutes: int = Field(default=10, ge=1, le=600, description="How long to bake.")
    hot: bool = False
    users: tuple[UserName, ...] = ()
    ports: tuple[int, ...] = ()
    tins: dict[str, str] = Field(default_factory=dict)


class Bake(Step[BakeOptions]):
    """A step to bake."""

    name = "bake"
    title = "bread"
    requires = ("heat",)
    options = BakeOptions

    def verdict(self, situation: Situation[BakeOptions]) -> Verdict:
        """Always there."""
        return Satisfied("there")


class HeatOptions(Options):
    """One option."""

    fuel: str = "wood"


class Heat(Step[HeatOptions]):
    """A step that another requires."""

    name = "heat"
    title = "a hot oven"
    options = HeatOptions

    def verdict(self, situation: Situation[HeatOptions]) -> Verdict:
        """Always there."""
        return Satisfied("there")


BAKE, HEAT = Bake(), Heat()
Write = Callable[..., Recipes]


@pytest.fixture
def written(tmp_path: Path) -> Write:
    """Writes recipes, given by name, and gives the folder's Recipes."""

    def write(**texts: str) -> Recipes:
        for name, text in texts.items():
            (tmp_path / f"{name}.yml").write_text(text)
        return Recipes((tmp_path,), (HEAT, BAKE))

    return write


def loaded(written: Write, text: str) -> Recipe:
    """The recipe of this text."""
    return written(main=text).load("main")


def baked(written: Write, text: str, **scope: Any) -> BakeOptions:
    """The options of the step `bake` in a recipe of this text."""
    return loaded(written, text).options(BAKE, Scope(facts={"bits": 64, "model": None, "user": "pi"}, **scope))


def refused(written: Write, text: str, **scope: Any) -> RecipeError:
    """The error that a recipe of this text gives, at the latest when its options are made."""
    with pytest.raises(RecipeError) as caught:
        baked(written, text, **scope)
    return caught.value


# ── the shipped recipe ──


def test_docker_is_complete() -> None:
    """The default recipe can be read, checks without facts, and gives every step its options."""
    recipe = Recipes((ROOT / "recipes",)).load("docker")
    recipe.check(Scope(fact_names=NAMES))
    options = {step.name: recipe.options(step, Scope(facts={})) for step in STEPS}
    assert options["keyring"].model_dump() == {
        "url": "https://download.docker.com",
        "fingerprint": "9DC858229FC7DD38854AE2D88D81803C0EBFCD88",
    }
    assert recipe.used_vars == {"docker_mirror", "docker_key_fingerprint"}


def test_docker_documents_every_option() -> None:
    """Each step and each of its options is in the file, at least in a comment."""
    text = (ROOT / "recipes/docker.yml").read_text()
    for step in STEPS:
        section = re.search(rf"^(# )?{step.name}:(.*\n((#   |  ).*\n|\n(?=#   ))*)", text, re.MULTILINE)
        assert section, step.name
        for option in step.options.model_fields:
            assert re.search(rf"^(#   |  ){option}: ", section[0], re.MULTILINE), f"{step.name}.{option}"


def test_the_shipped_folder_is_found() -> None:
    """In a checkout it is the top-level folder."""
    assert (shipped() / "docker.yml").is_file()


def test_the_schema_accepts_docker() -> None:
    """The JSON Schema is valid, has a text for every option, and lets references stand for any value."""
    schema = schemas.recipe(STEPS)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load((ROOT / "recipes/docker.yml").read_text()), schema)
    for name, definition in schema["$defs"].items():
        assert all(key.get("description") for key in definition.get("properties", {}).values()), name


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("bake: {minutes: 5, users: [ann, '${facts.user}'], hot: '${vars.hot}'}", True),
        ("bake:", True),
        ("bake: {minutes: soon}", False),
        ("bake: {minuts: 5}", False),
        ("cook: {}", False),
        ("bake: {users: ['a;b']}", False),
        ("vars: {a-b: 1}", False),
    ],
)
def test_the_schema_knows_the_steps(text: str, fine: bool) -> None:
    """What an editor marks and what it doesn't."""
    validator = jsonschema.Draft202012Validator(schemas.recipe((HEAT, BAKE)))
    assert validator.is_valid(yaml.safe_load(text)) is fine


# ── sections ──


@pytest.mark.parametrize("text", ["bake:\n", "bake: {}\n", "heat: {}\n", "bake: {version: , minutes: null}\n"])
def test_defaults(written: Write, text: str) -> None:
    """An empty section, a missing one and empty values mean the defaults."""
    assert baked(written, text) == BakeOptions()


def test_lists_become_tuples(written: Write) -> None:
    """Options are frozen; YAML's lists fit all the same."""
    assert baked(written, "bake: {users: [ann, bob], ports: [80]}").users == ("ann", "bob")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("bake:\n  minuts: 5\n", "bake: unknown key 'minuts'; did you mean 'minutes'?", "allowed here: version, minutes"),
        ("bake:\n  version: 28.10\n", "bake.version: expected text, got 28.10", 'write version: "28.10"'),
        ("bake:\n  hot: yes\n", "bake.hot: expected true or false, got 'yes'", "write hot: true"),
        ("bake:\n  minutes: 0\n", "bake.minutes: expected a number from 1 on, got 0", "How long to bake."),
        ("bake:\n  users: ann\n", "bake.users: expected a list, got 'ann'", "[ann]"),
        ("bake:\n  users: [a, 'b;c']\n", "bake.users[1]: 'b;c' is no user name: it has ; in it", "letters"),
        ("\nbake: [a]\n", "bake: expected keys with values, got a list", "takes the defaults"),
        ("\nbake: false\n", "bake: expected keys with values, got false", "leave the whole section out"),
        ("\nbaek: {}\n", "unknown key 'baek'; did you mean 'bake'?", "description, include, vars, heat, bake"),
        ("\ninclude: docker\n", "include: expected a list, got 'docker'", "[docker]"),
        ("\nvars: {a-b: 1}\n", "'a-b' is no name for a var", "letters, digits and _"),
        ("vars:\n  a: x ${vars.b}\n", "vars.a: a var can't refer to others", "write the value out"),
    ],
)
def test_mistakes(written: Write, text: str, message: str, hint: str) -> None:
    """File, line, key, what was expected, and what to type."""
    error = refused(written, text)
    assert message in str(error)
    assert (hint in error.hint, error.line) == (True, 2)


# ── references ──


def test_references_keep_types_and_format_as_text(written: Write) -> None:
    """Alone a value keeps its type, in longer text it is written as text."""
    text = """
vars: {many: [ann, bob], five: 5, yes_please: true, version: 28.10}
bake:
  users: "${vars.many}"
  minutes: "${ vars.five }"
  hot: "${vars.yes_please}"
  version: v${vars.version}-${vars.five}-${vars.yes_please}-${facts.bits}-$${HOME}
"""
    options = baked(written, text)
    assert (options.users, options.minutes, options.hot) == (("ann", "bob"), 5, True)
    assert options.version == "v28.10-5-true-64-${HOME}"


def test_a_list_may_mix_text_and_references(written: Write) -> None:
    """References inside lists and nested keys are filled in as well."""
    options = baked(written, "vars: {t: tin}\nbake: {users: [ann, '${facts.user}'], tins: {a: '${vars.t}'}}")
    assert (options.users, options.tins) == (("ann", "pi"), {"a": "tin"})


@pytest.mark.parametrize("value", ["${vars.other}", "${facts.user}", "$(reboot)", "`id`", "'; rm -rf /'", "{{ 1 }}", "%s {0}"])
def test_what_is_put_in_is_data(written: Write, value: str) -> None:
    """Neither a reference nor a command inside a value means anything."""
    scope: dict[str, Data] = {"v": value, "other": "wrong"}
    assert baked(written, "bake: {version: '${vars.v}'}", vars=scope).version == value
    assert baked(written, "bake: {version: 'a ${vars.v} b'}", vars=scope).version == f"a {value} b"


def test_a_fact_without_value(written: Write) -> None:
    """Alone it counts as not said; in text it is an error, since the text would be wrong."""
    assert baked(written, "bake: {version: '${facts.model}'}").version is None
    assert "has no value here" in str(refused(written, "bake: {version: 'on ${facts.model}'}"))


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("${vars.nmae}", "there is no var 'nmae'; did you mean 'name'?"),
        ("${vars.__class__}", "there is no var '__class__'"),
        ("${vars.name.upper}", "there is no var 'name.upper'"),
        ("${facts.bit}", "there is no fact 'bit'; did you mean 'bits'?"),
        ("${facts.__init__.__globals__}", "there is no fact '__init__.__globals__'"),
        ("${HOME}", "${HOME} is no reference"),
        ("${}", "${} is no reference"),
        ("${vars.}", "${vars.} is no reference"),
        ("${vars.a b}", "is no reference"),
        ("${env.HOME}", "is no reference"),
        ("${vars.name", "${ without a closing }"),
        ("a ${", "${ without a closing }"),
        ("${vars.${vars.name}}", "${ without a closing }"),
        ("a ${vars.many}", "is a list and can't be put into text"),
    ],
)
def test_bad_references(written: Write, reference: str, message: str) -> None:
    """Unknown names and anything that is no plain name are errors with file and line."""
    error = refused(written, f"vars: {{name: x, many: [1]}}\nbake:\n  version: {reference!r}\n")
    assert message in str(error)
    assert error.line == 3


def test_a_value_from_a_var_is_checked_too(written: Write) -> None:
    """The error stands at the reference, and shows it."""
    error = refused(written, "bake:\n  minutes: '${vars.m}'\n", vars={"m": 9000})
    assert "main.yml:2: bake.minutes: expected a number up to 600, got 9000, from ${vars.m}" in str(error)


def test_fill_leaves_its_input_alone() -> None:
    """The section is shared by all hosts."""
    data: dict[str, Data] = {"a": ["${vars.x}"]}
    assert fill(data, Scope({"x": 1})).data == {"a": [1]}
    assert data == {"a": ["${vars.x}"]}
    assert references(data) == {"vars.x"}


# ── vars ──


def test_precedence_of_vars(written: Write) -> None:
    """What the scope brings wins over the recipe, and the including recipe over the included one."""
    recipes = written(
        base="vars: {a: base, b: base, c: base}\nbake: {version: '${vars.a}-${vars.b}-${vars.c}'}",
        main="include: [base]\nvars: {b: main, c: main}",
    )
    assert recipes.load("main").options(BAKE, Scope({"c": "host"}, {})).version == "base-main-host"


def test_words_of_the_command_line_fit_the_option(written: Write) -> None:
    """-e gives text; it is read as a number, true or false, or a list only where an option wants one."""
    extra = parse_extra(["m=5", "h=true", "u=ann, bob", "p=80,443", "v=28.10"])
    text = "bake: {minutes: '${vars.m}', hot: '${vars.h}', users: '${vars.u}', ports: '${vars.p}', version: '${vars.v}'}"
    assert baked(written, text, vars=extra) == BakeOptions(
        minutes=5, hot=True, users=("ann", "bob"), ports=(80, 443), version="28.10"
    )
    assert baked(written, "bake: {version: '${vars.m}'}", vars=extra).version == "5"


@pytest.mark.parametrize("value", ["five", "5.5", "", "١", "9" * 30])
def test_words_that_do_not_fit(written: Write, value: str) -> None:
    """What is no number is refused, with the word."""
    error = refused(written, "bake: {minutes: '${vars.m}'}", vars=parse_extra([f"m={value}"]))
    assert "bake.minutes: expected a " in str(error)


@pytest.mark.parametrize("word", ["novalue", "=x", "a-b=x", "1a=x", "a b=x", "a=\x00", "a=x\ny", "a=\udcff", "\u0430=x"])
def test_bad_extra(word: str) -> None:
    """Anything but NAME=VALUE on one line is a usage error."""
    with pytest.raises(UsageError, match="-e "):
        parse_extra([word])


def test_extra_may_hold_equals_and_the_last_one_wins() -> None:
    """Only the first = separates."""
    assert parse_extra(["a=1", "a=b=c", "e="]) == {"a": "b=c", "e": ""}


# ── made once ──


def test_options_are_made_once_for_equal_hosts(written: Write) -> None:
    """A thousand hosts with the same values share one object; another value makes another."""
    recipe = loaded(written, "bake: {version: '${vars.v}'}\nheat: {fuel: gas}")
    first = recipe.options(BAKE, Scope({"v": "1", "unused": "a"}, {}))
    assert recipe.options(BAKE, Scope({"v": "1", "unused": "b"}, {})) is first
    assert recipe.options(BAKE, Scope({"v": "2"}, {})).version == "2"
    assert recipe.options(HEAT, Scope({"v": "1"}, {})) is recipe.options(HEAT, Scope({"v": "2"}, {}))


def test_options_tell_types_apart(written: Write) -> None:
    """5 and "5" are not the same value."""
    recipe = loaded(written, "bake: {minutes: '${vars.m}'}")
    assert recipe.options(BAKE, Scope({"m": 5}, {})).minutes == 5
    with pytest.raises(RecipeError):
        recipe.options(BAKE, Scope({"m": "5"}, {}))


# ── without hosts ──


def test_check_without_facts(written: Write) -> None:
    """Facts are unknown, and all else is checked; a required step without a section, too."""
    names = ("bits", "user")
    loaded(written, "bake: {version: 'b${facts.bits}', users: ['${facts.user}'], minutes: 5}").check(Scope(fact_names=names))
    recipe = loaded(written, "bake:\n  version: ${facts.bit}\n  minutes: 0\n  users: ['${facts.user}', 'b c']\n")
    with pytest.raises(RecipeError) as caught:
        recipe.check(Scope(fact_names=names))
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert "there is no fact 'bit'" in lines[0]
    assert "bake.minutes" in lines[1]
    assert "bake.users[1]" in lines[2]


# ── includes ──


def test_includes_are_merged_key_by_key(written: Write) -> None:
    """A later include wins over an earlier one and the file over all; lists are replaced; an empty section changes nothing."""
    recipes = written(
        one="bake: {version: one, minutes: 1, users: [a, b], tins: {a: one, b: one}}",
        two="bake: {version: two, tins: {b: two}}\nheat: {fuel: gas}",
        main="description: Mine\ninclude: [one, two]\nbake: {users: [c], tins: {c: main}}\nheat:",
    )
    recipe = recipes.load("main")
    assert recipe.options(BAKE, Scope(facts={})) == BakeOptions(
        version="two", minutes=1, users=("c",), tins={"a": "one", "b": "two", "c": "main"}
    )
    assert recipe.options(HEAT, Scope(facts={})).fuel == "gas"
    assert recipe.description == "Mine"
    assert [Path(source).name for source in recipe.sources] == ["one.yml", "two.yml", "main.yml"]


def test_a_mistake_in_an_included_file_is_told_there(written: Write) -> None:
    """The path is that of the file which has the value."""
    recipes = written(base="\n\nbake: {minutes: 0}", main="include: [base]\nbake: {hot: true}")
    with pytest.raises(RecipeError, match=r"base\.yml:3: bake\.minutes"):
        recipes.load("main").options(BAKE, Scope(facts={}))


def test_cycles(written: Write) -> None:
    """A recipe that includes itself, also in a roundabout way, is an error that shows the way."""
    with pytest.raises(RecipeError, match=r"include each other: .*main\.yml → .*b\.yml → .*main\.yml") as caught:
        written(main="description: x\ninclude: [b]", b="include: [main]").load("main")
    assert caught.value.line == 1


def test_missing_include(written: Write) -> None:
    """Names the line of the include, and what there is."""
    with pytest.raises(RecipeError, match=r"main\.yml:2: there is no recipe 'bsae'; did you mean 'base'\?"):
        written(base="bake:", main="include:\n  - bsae").load("main")


def test_many_includes_cost_little(written: Write) -> None:
    """Each file is read once, so including twice at every level does not double the work each time."""
    texts = {f"r{n}": f"include: [r{n + 1}, r{n + 1}]" for n in range(15)}
    assert written(**texts, r15="bake: {version: deep}").load("r0").sections == {"bake": {"version": "deep"}}


def test_endless_includes(written: Write) -> None:
    """A chain that nobody can follow is refused."""
    with pytest.raises(RecipeError, match="more than 16 deep"):
        written(**{f"r{n}": f"include: [r{n + 1}]" for n in range(30)}, r30="bake:").load("r0")


# ── names and paths ──


@pytest.mark.parametrize("name", ["", "..", "../main", ".main", "-main", "main\x00", "a;b", "mаin"])
def test_names_are_no_paths(written: Write, name: str) -> None:
    """A name can't lead out of the folders."""
    with pytest.raises(RecipeError):
        written(main="bake:").load(name)


def test_a_path_may_be_given(written: Write, tmp_path: Path) -> None:
    """With a / or .yml in it, the word is a path; its includes are looked for beside it first."""
    recipes = written(main="include: [base]", base="bake: {version: beside}")
    elsewhere = Recipes((tmp_path / "none",), (HEAT, BAKE))
    assert elsewhere.load(str(tmp_path / "main.yml")).options(BAKE, Scope(facts={})).version == "beside"
    assert recipes.load("main").sections
    with pytest.raises(RecipeError, match="no such file"):
        elsewhere.load(str(tmp_path / "none.yml"))


def test_a_folder_is_no_recipe(tmp_path: Path) -> None:
    """Also with a recipe's name: it is neither listed nor what was meant."""
    (tmp_path / "odd.yml").mkdir()
    with pytest.raises(RecipeError) as caught:
        Recipes([tmp_path]).load("odd")
    assert "did you mean" not in str(caught.value)


def test_the_first_folder_wins(tmp_path: Path) -> None:
    """A recipe may be a file or a folder with recipe.yml; broken ones are listed with their problem."""
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    for folder in (mine / "cake", theirs):
        folder.mkdir(parents=True)
    (mine / "cake/recipe.yml").write_text("description: My cake\nbake:")
    (theirs / "cake.yml").write_text("description: Their cake")
    (theirs / "broken.yml").write_text("bkae: {}")
    recipes = Recipes((mine, theirs), (HEAT, BAKE))
    assert recipes.load("cake").description == "My cake"
    assert [(listed.name, listed.description, bool(listed.problem)) for listed in recipes.listing()] == [
        ("broken", "", True),
        ("cake", "My cake", False),
    ]


class SlicesOptions(Options):
    """An option without a default."""

    slices: int


class Slice(Step[SlicesOptions]):
    """A step that can't guess what is wanted."""

    name = "slice"
    title = "slices"
    options = SlicesOptions

    def verdict(self, situation: Situation[SlicesOptions]) -> Verdict:
        """Always there."""
        return Satisfied("there")


@pytest.mark.parametrize(("text", "line"), [("slice: {}\n", 1), ("slice: {slices: }\n", 1), ("bake: {}\n", None)])
def test_a_missing_option(tmp_path: Path, text: str, line: int | None) -> None:
    """Is named, also when the step has no section."""
    (tmp_path / "main.yml").write_text(text)
    recipe = Recipes((tmp_path,), (HEAT, BAKE, Slice())).load("main")
    with pytest.raises(RecipeError, match="slice: the key 'slices' is missing") as caught:
        recipe.options(Slice(), Scope(facts={}))
    assert (caught.value.path, caught.value.line) == (str(tmp_path / "main.yml"), line)


class _PathOptions(Options):
    trees: dict[str, dict[str, str]] = Field(default_factory=dict)
    parts: list[str] = Field(default_factory=list)


class _PathStep(Step[_PathOptions]):
    name = "paths"
    title = "paths"
    paths = (("trees", "*", "file"), ("parts", "*"))
    options = _PathOptions

    def verdict(self, situation: Situation[_PathOptions]) -> Verdict:
        return Satisfied("")


def test_paths_are_meant_from_the_recipes_folder(tmp_path: Path) -> None:
    """Also when it is included from elsewhere; an absolute one and one that begins with a reference stay."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "recipe.yml").write_text(
        "paths:\n  trees: {a: {file: a.txt, other: b.txt}}\n  parts: [x, /y, '${vars.z}/z']\nvars: {z: /z}\n"
    )
    (tmp_path / "top.yml").write_text("include: [deep]\n")
    made = Recipes([tmp_path], (_PathStep(),)).load("top").options(_PathStep(), Scope({}, {}, ()))
    folder = tmp_path / "deep"
    assert made.trees == {"a": {"file": str(folder / "a.txt"), "other": "b.txt"}}
    assert made.parts == [str(folder / "x"), "/y", "/z/z"]
