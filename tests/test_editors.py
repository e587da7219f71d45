"""What editors know of the language: one vocabulary, three grammars, and the files around them."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import Comment, Error, Keyword, Name, Number, Operator, String, _TokenType

import archdsl
from archdsl.highlight import ArchLexer, structures
from archdsl.render import render_text
from archdsl.syntax import tree
from archdsl.syntax.parse import parse
from archdsl.syntax.words import RESERVED, STATEMENTS
from tests.arch_texts import texts
from tests.examples import examples

ROOT = Path(__file__).parents[1]
VSCODE, VIM = ROOT / "tools" / "vscode", ROOT / "tools" / "vim"
SPECS = sorted([*(ROOT / "specs").rglob("*.arch"), *(ROOT / "archdsl").rglob("*.arch")])


def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("editors", ROOT / "tools" / "editors.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["editors"] = module
    spec.loader.exec_module(module)
    return module


editors = _tool()


# One vocabulary


@pytest.mark.parametrize("path", editors.FILES, ids=lambda path: path.name)
def test_no_list_of_words_is_stale(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text == editors.FILES[path](text, editors.vocabulary()), "write it anew: python tools/editors.py"


def test_a_stale_list_is_noticed_and_written_anew() -> None:
    words = editors.vocabulary()
    for kind in ("statements", "reserved", "operators", "structures", "functions"):
        older = replace(words, **{kind: getattr(words, kind)[1:]})
        for path, renewed in editors.FILES.items():
            text = path.read_text("utf-8")
            stale = renewed(text, older)
            assert stale != text
            assert renewed(stale, words) == text


def test_words_are_those_of_the_grammar() -> None:
    words = editors.vocabulary()
    assert set(words.statements) == set(STATEMENTS)
    assert set(words.reserved) == {*RESERVED, "as"}
    assert {"conv", "bn", "concat"} <= set(words.operators)
    assert not set(words.operators) & set(words.statements)


def test_structures_are_the_definitions_of_the_standard_library() -> None:
    defined = set()
    for path in (ROOT / "archdsl" / "std").glob("*.arch"):
        file = parse(archdsl.Source(path.name, path.read_text("utf-8"))).file
        defined |= {statement.name for statement in file.statements if isinstance(statement, tree.Definition)}
    assert set(structures()) == defined


# Pygments


def test_the_lexer_is_found_by_name_and_by_file() -> None:
    assert isinstance(get_lexer_by_name("arch"), ArchLexer)
    assert isinstance(get_lexer_for_filename("net.arch"), ArchLexer)


def _tokens(text: str) -> list[tuple[_TokenType, str]]:
    return [(kind, value) for _, kind, value in ArchLexer().get_tokens_unprocessed(text)]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_specification_has_colours_and_stays_as_it_is(path: Path) -> None:
    text = path.read_text("utf-8")
    found = _tokens(text)
    assert "".join(value for _, value in found) == text
    assert [value for kind, value in found if kind in Error] == []


@examples(40)
@given(texts())
def test_every_text_of_the_grammar_has_colours(text: str) -> None:
    found = _tokens(text)
    assert "".join(value for _, value in found) == text
    assert [value for kind, value in found if kind in Error] == []


@pytest.mark.parametrize(
    ("text", "word", "kind"),
    [
        ("net resnet(depth=50)", "resnet", Name.Class),
        ("net resnet(depth=50)", "depth", Name.Attribute),
        ("3x3 conv 64 /2", "3x3", Number.Integer),
        ("3x3 conv 64 /2", "conv", Name.Builtin),
        ("3x3 maxpool pad=1", "pad", Name.Attribute),
        ("unit(a) where a > 1: relu\nunit(3)", "unit", Name.Function),
        ("dense growth=4 { relu }", "dense", Name.Function),
        ("relu x 3", "x", Operator.Word),
        ("x[0] = relu", "x", Name.Variable),
        ("for i in 1..3 { relu }", "in", Keyword),
        ("relu -> in", "in", Name.Builtin.Pseudo),
        ("let note = 1.5", "1.5", Number.Float),
        ('note "# no"', '"# no"', String),
        ("relu # net", "# net", Comment.Single),
        ("y = in.channels", "channels", Name.Property),
        ("table t { X . / . X }", ".", Number),
    ],
)
def test_a_word_is_coloured_by_what_it_is(text: str, word: str, kind: _TokenType) -> None:
    assert (kind, word) in _tokens(text)


# Visual Studio Code


MANIFEST = json.loads((VSCODE / "package.json").read_text("utf-8"))
SNIPPETS = json.loads((VSCODE / "snippets" / "arch.json").read_text("utf-8"))


def _paths(value: object) -> list[str]:
    if isinstance(value, dict):
        return [path for item in value.values() for path in _paths(item)]
    if isinstance(value, list):
        return [path for item in value for path in _paths(item)]
    return [value] if isinstance(value, str) and re.fullmatch(r"\./[\w./-]+|icons/[\w.]+", value) else []


def test_every_file_that_the_extension_names_exists() -> None:
    named = [path for path in _paths(MANIFEST) if "dist/" not in path]
    assert len(named) >= 5
    assert [path for path in named if not (VSCODE / path).is_file()] == []


def test_every_command_of_the_extension_is_registered() -> None:
    code = (VSCODE / "src" / "extension.js").read_text("utf-8")
    for command in MANIFEST["contributes"]["commands"]:
        assert f'command("{command["command"]}"' in code
    for setting in MANIFEST["contributes"]["configuration"]["properties"]:
        name = setting.removeprefix("archdsl.")
        used = any(f'"{name}"' in path.read_text("utf-8") for path in (VSCODE / "src").glob("*.js"))
        assert used or name == "trace.server", "the client itself reads its own level of traces"


def test_indentation_and_words_of_the_editor() -> None:
    configuration = json.loads((VSCODE / "language-configuration.json").read_text("utf-8"))
    deeper = re.compile(configuration["indentationRules"]["increaseIndentPattern"])
    assert all(
        deeper.match(line) for line in ("unit: residual {", "a = (", "let s = [  # of the paper", 'note "{" -> {')
    )
    assert not any(deeper.match(line) for line in ("relu", "# {", "a = { relu }", 'note "{"'))
    word = re.compile(configuration["wordPattern"])
    assert word.findall("3x3 conv 64 -> stem_2") == ["3x3", "conv", "64", "stem_2"]


def _expanded(body: str | list[str]) -> str:
    """A snippet as it stands when all its proposals are taken."""
    text = body if isinstance(body, str) else "\n".join(body)
    while (shorter := re.sub(r"\$\{\d+:((?:[^{}$\\]|\{[^{}$]*\})*)\}", r"\1", text)) != text:
        text = shorter
    return re.sub(r"\$\{\d+\|(\w+)[^}]*\}|\$\d+", r"\1", text)


def _definition_used(text: str) -> str:
    called = re.match(r"(?:tied )?(\w+)\(\w+.*?\).*?:", text)
    return f"{text}\n{called[1]}(16)\n" if called else text


SETTINGS = {"Variant": "net name(width=64)\ninput 3x8x8\n1x1 conv width\n", "Network": ""}


@pytest.mark.parametrize("name", SNIPPETS)
def test_every_snippet_is_right_as_proposed(name: str) -> None:
    text = _expanded(SNIPPETS[name]["body"])
    assert "$" not in text
    if name == "Table":
        text += "\nlet ones = sum([sum(links[i]) for i in 0..1])\nrelu x (ones)"
    if name == "Early exit":
        text += "\ngap -> fc 10"
    before = SETTINGS.get(name, "input 64x8x8\n")
    found = archdsl.check(archdsl.text(f"{before}{_definition_used(text)}"))
    assert render_text([item for item in found if item.is_error]) == ""


def test_the_grammar_by_the_engine_of_the_editor() -> None:
    if shutil.which("node") is None or not (VSCODE / "node_modules" / "vscode-textmate").is_dir():
        pytest.skip("npm ci in tools/vscode brings the engine")
    done = subprocess.run(
        ["node", "--test", "test/"], cwd=VSCODE, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout


def test_the_package_holds_what_the_extension_needs() -> None:
    packages = sorted(VSCODE.glob("*.vsix"))
    if not packages:
        pytest.skip("npm run package in tools/vscode builds it")
    with zipfile.ZipFile(packages[-1]) as package:
        names = set(package.namelist())
        assert package.testzip() is None
    assert {"[Content_Types].xml", "extension.vsixmanifest", "extension/dist/extension.js"} <= names
    assert [path for path in _paths(MANIFEST) if f"extension/{path.removeprefix('./')}" not in names] == []
    assert not any("node_modules" in name or "/src/" in name for name in names)


# Vim


SAMPLE = """net demo(width=64)  # "no string"
unit(out, stride=1) where out % 8 == 0: residual { 3x3 conv out /stride -> bn } -> relu
stem = 7x7 conv 64 /2 pad=3 x 2
for s in 1..3 { (s | in) -> add }
table t { X . / . x }
let input = 1
"""

GROUPS = {
    (1, "net"): "archStatement",
    (1, "demo"): "archNetwork",
    (1, "width"): "archArgument",
    (1, '"no string"'): "archComment",
    (2, "unit"): "archDefinition",
    (2, "where"): "archReserved",
    (2, "residual"): "archStructure",
    (2, "3x3"): "archNumber",
    (2, "conv"): "archOperator",
    (3, "stem"): "archBinding",
    (3, "pad"): "archArgument",
    (3, "x 2"): "archRepeat",
    (4, "in 1"): "archLoop",
    (4, "in)"): "archInput",
    (4, "->"): "archOperatorSign",
    (5, "X"): "archCell",
    (6, "input"): "archBinding",
}


def _vim(tmp_path: Path, script: list[str], file: Path) -> list[str]:
    """The lines that a script of Vim writes about a file; skipped where there is no Vim."""
    vim = shutil.which("vim")
    if vim is None:
        pytest.skip("there is no Vim")
    start, commands, result = tmp_path / "start.vim", tmp_path / "commands.vim", tmp_path / "result"
    start.write_text(f"set runtimepath^={VIM}\nfiletype plugin on\nsyntax on\n")
    commands.write_text("\n".join(["let out = []", *script, f"call writefile(out, '{result}')", "qall!"]))
    command = [vim, "-Nes", "-u", str(start), "-i", "NONE", str(file), "-S", str(commands)]
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60, cwd=tmp_path)
    return result.read_text("utf-8").splitlines()


def test_vim_colours_words_by_what_they_are(tmp_path: Path) -> None:
    file = tmp_path / "demo.arch"
    file.write_text(SAMPLE)
    lines = SAMPLE.splitlines()
    ask = "call add(out, synIDattr(synID({}, {}, 1), 'name'))"
    script = [ask.format(line, lines[line - 1].index(word) + 1) for line, word in GROUPS]
    assert dict(zip(GROUPS, _vim(tmp_path, script, file), strict=True)) == GROUPS


def test_vim_settings(tmp_path: Path) -> None:
    file = tmp_path / "demo.arch"
    file.write_text(SAMPLE)
    script = ["call extend(out, [&filetype, &commentstring, &formatprg, &makeprg, string(&shiftwidth)])"]
    assert _vim(tmp_path, script, file) == ["arch", "# %s", "archdsl fmt -", "archdsl check --lint %:S", "2"]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("input 3x8x8\n3x3 conv 8 -> rellu\nblub\n", [["2", "15", "E"], ["3", "1", "E"]]),
        ("input 3x8x8\nrelu\nlet unused = 3\n", [["3", "5", "W"]]),
        ("input 64x56x56\n(3x3 conv 64 /2 | skip) -> add\n", [["2", "28", "E"]]),
    ],
)
def test_vim_finds_the_places_of_what_check_says(text: str, places: list[list[str]], tmp_path: Path) -> None:
    file = tmp_path / "demo.arch"
    file.write_text(text)
    said = tmp_path / "said"
    said.write_text(render_text(archdsl.check(str(file))))
    script = [
        f"execute 'cgetfile {said}'",
        "for e in getqflist()",
        "  call add(out, join([e.lnum, e.col, e.type, bufname(e.bufnr), e.text], '|'))",
        "endfor",
    ]
    found = [line.split("|") for line in _vim(tmp_path, script, file)]
    assert [line[:3] for line in found] == places
    assert all(Path(line[3]).name == "demo.arch" and line[4] for line in found)
