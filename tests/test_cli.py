"""The command line, as a person uses it."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

import pytest

from archdsl.cli.main import COMMANDS
from archdsl.cli.target import literal
from archdsl.diagnostic import ArchError
from archdsl.lint.engine import catalogue

Arch = Callable[..., "object"]

NET = """net tiny(width=8, classes=10)
variant tiny_wide(width=16)
input 3x32x32
3x3 conv width -> bn -> relu -> gap -> fc classes
"""


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.arch"
    path.write_text(NET)
    return path


# Help and usage


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_helps_with_an_example(arch: Arch, command: str) -> None:
    done = arch(command, "--help")
    assert done.code == 0
    assert re.search(rf"Example:\n +archdsl {command}\b", done.out)
    assert re.search(r"Exit codes: 0 [^.]*\b[12] [^.]*\.", " ".join(done.out.split()))


def test_the_list_of_commands_says_what_each_does(arch: Arch) -> None:
    listed = arch("--help").out.partition("Commands:\n")[2]
    assert [line.split()[0] for line in listed.splitlines()] == list(COMMANDS)
    assert "..." not in listed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chek"], "did you mean `check`?"),
        (["check"], "Missing argument"),
        (["check", "a.arch", "--jsn"], "--json"),
        (["draw", "tiny"], "--output"),
        (["explain", "E9999"], "no diagnostic has the code"),
        (["ops", "cnv"], "did you mean conv?"),
        (["summary", "NET", "--input", "3xa"], "'3xa' is not a shape"),
        (["summary", "NET", "--input", "3x8x8", "--input", "3x9x9"], "a name each"),
        (["summary", "NET", "--set", "width"], "not NAME=VALUE"),
        (["compile", "NET", "-o", "net.onnx"], "neither a .py nor a .pt2"),
    ],
)
def test_wrong_usage_is_explained(arch: Arch, net: Path, arguments: list[str], said: str) -> None:
    done = arch(*(str(net) if argument == "NET" else argument for argument in arguments))
    assert (done.code, done.out) == (2, "")
    assert said in done.err


# check


def test_check_is_content_with_a_good_file(arch: Arch, net: Path) -> None:
    assert arch("check", net) == type(arch("check", net))(0, "1 checked, no errors\n", "")


def test_check_reports_to_standard_error_and_exits_with_one(arch: Arch, net: Path) -> None:
    net.write_text(NET.replace("gap", "gapp"))
    done = arch("check", net)
    assert (done.code, done.out) == (1, "")
    assert "error[E0201]" in done.err
    assert f"{net}:4:" in done.err
    assert "^^^^" in done.err
    assert done.err.endswith("\n1 error\n")


def test_check_builds_every_variant_and_says_what_they_share_once(arch: Arch, net: Path) -> None:
    net.write_text(NET.replace("bn ->", "bn -> 1x1 conv 8 groups=width ->"))
    done = arch("check", net, "--json")
    (found,) = json.loads(done.out)["diagnostics"]
    assert (done.code, found["code"]) == (1, "E0403"), "16 groups do not divide 8 channels; 8 do"
    net.write_text(NET.replace("bn ->", "bn -> 1x1 conv 8 groups=3 ->"))
    assert len(json.loads(arch("check", net, "--json").out)["diagnostics"]) == 1


def test_check_can_be_asked_about_one_variant(arch: Arch, net: Path) -> None:
    net.write_text(NET.replace("bn ->", "bn -> 1x1 conv 8 groups=width ->"))
    assert arch("check", f"{net}:tiny").code == 0
    assert arch("check", f"{net}:tiny_wide").code == 1


def test_check_goes_on_after_a_file_that_cannot_be_read(arch: Arch, net: Path) -> None:
    broken = net.with_name("broken.arch")
    broken.write_text("input 3x8x8\nnope\n")
    done = arch("check", net.with_name("missing.arch"), broken, net)
    assert done.code == 1
    assert "error[E0503]" in done.err
    assert "error[E0201]" in done.err
    assert "2 errors" in done.err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good specifications, one of them further below, one with a mistake and a bias too many, and hidden ones."""
    for name in ("one.arch", "below/two.arch"):
        (tmp_path / "nets" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "nets" / name).write_text(NET)
    (tmp_path / "nets" / "three.arch").write_text("input 3x8x8\n3x3 conv 8 bias=true -> bn -> rellu\n")
    for name in (".hidden/four.arch", "node_modules/five.arch"):
        (tmp_path / "nets" / name).parent.mkdir()
        (tmp_path / "nets" / name).write_text("nope\n")
    return tmp_path / "nets"


def test_a_folder_stands_for_all_the_specifications_below_it(
    arch: Arch, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = arch("check", folder, "--json")
    assert done.code == 1
    assert [(item["code"], item["file"]) for item in json.loads(done.out)["diagnostics"]] == [
        ("E0201", str(folder / "three.arch"))
    ]
    monkeypatch.chdir(folder)
    assert "::error file=three.arch,line=2" in arch("check", ".", "--format", "github").out
    assert json.loads(arch("lint", ".", "--format", "sarif").out)["runs"][0]["results"]
    assert arch("check", ".", "--fix", "--unsafe").err.startswith("three.arch: 1 finding mended\n")
    assert arch("check", ".").out == "3 checked, no errors\n"
    done = arch("lint", ".")
    assert done.code == 1
    assert re.findall(r"--> (.+?):", done.err) == ["one.arch", "three.arch", "below/two.arch"]


def test_a_file_is_looked_at_once_however_it_is_named(
    arch: Arch, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "three.arch").write_text("input 3x8x8\nrelu->bn\n")
    (folder / "link.arch").symlink_to(folder / "one.arch")
    monkeypatch.chdir(folder)
    names = ("below", "one.arch", ".", "./one.arch", folder, folder / "below" / "two.arch", "lenet5", "lenet5")
    assert arch("check", *names).out == "4 checked, no errors\n"
    assert arch("check", "one.arch", "one.arch:tiny_wide").out == "2 checked, no errors\n"
    assert arch("fmt", "--check", *names[:-2]).out == "would format three.arch\n"
    done = arch("fmt", *names[:-2])
    assert (done.out, done.err) == ("formatted three.arch\n", "1 formatted, 2 as they should be\n")


@pytest.mark.parametrize("command", ["check", "lint", "fmt"])
def test_a_folder_without_specifications_is_wrong_usage(arch: Arch, folder: Path, command: str) -> None:
    empty = folder / "node_modules" / "empty"
    empty.mkdir()
    done = arch(command, folder / "below", empty)
    assert (done.code, done.out) == (2, "")
    assert f"there are no specifications (*.arch) below `{empty}`" in done.err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is closed to the superuser")
def test_a_folder_that_is_closed_is_told(arch: Arch, folder: Path) -> None:
    (folder / "below").chmod(0)
    done = arch("check", folder)
    (folder / "below").chmod(0o700)
    assert (done.code, done.err) == (2, f"error: {folder / 'below'}: permission denied\n")


def test_check_accepts_a_library(arch: Arch, net: Path) -> None:
    library = net.with_name("blocks.arch")
    library.write_text("unit(width): 3x3 conv width -> bn -> relu\n")
    assert arch("check", library).code == 0
    assert arch("summary", library).code == 1


def test_warnings_alone_are_no_failure(arch: Arch, net: Path) -> None:
    net.write_text(NET + "spare: relu\n")
    done = arch("check", net)
    assert done.code == 0
    assert "warning[W0601]" in done.err


def test_a_network_may_come_from_standard_input(arch: Arch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"input 3x8x8\nnope\n")))
    done = arch("check", "-")
    assert done.code == 1
    assert "--> <stdin>:2:1" in done.err


# summary


def test_summary_counts(arch: Arch, net: Path) -> None:
    figures = json.loads(arch("summary", net, "--json").out)
    assert figures["params"] == 3 * 8 * 9 + 2 * 8 + 8 * 10 + 10
    assert figures["macs"] == 3 * 8 * 9 * 32 * 32 + 8 * 10
    assert f"{figures['params']:,}" in arch("summary", net).out


def test_set_input_and_variant_change_the_network(arch: Arch, net: Path) -> None:
    figures = json.loads(arch("summary", f"{net}:tiny_wide", "--set", "classes=7", "--input", "1x8x6", "--json").out)
    assert figures["inputs"] == {"input": [1, 8, 6]}
    assert figures["params"] == 1 * 16 * 9 + 2 * 16 + 16 * 7 + 7


def test_an_unknown_parameter_is_a_finding(arch: Arch, net: Path) -> None:
    done = arch("summary", net, "--set", "classe=7")
    assert done.code == 1
    assert "error[E0205]" in done.err
    assert "classes" in done.err


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10", 10),
        ("-3", -3),
        ("0.25", 0.25),
        ("true", True),
        ("same", "same"),
        ('"a b"', "a b"),
        ("[3, [4, -6], x]", (3, (4, -6), "x")),
    ],
)
def test_values_are_read_as_in_a_specification(text: str, value: object) -> None:
    assert literal("name", text) == value
    assert type(literal("name", text)) is type(value)


@pytest.mark.parametrize("text", ["", "[1", "2*3", "{1: 2}", "1; relu", "in.channels", "1\nrelu"])
def test_what_is_no_plain_value_is_an_error_with_a_place(text: str) -> None:
    with pytest.raises(ArchError) as caught:
        literal("name", text)
    assert "--set:" in str(caught.value)


# draw, compile, build


def test_draw_writes_the_format_of_the_suffix(arch: Arch, net: Path) -> None:
    done = arch("draw", net, "-o", net.with_suffix(".svg"))
    assert (done.code, done.out) == (0, f"wrote {net.with_suffix('.svg')}\n")
    assert ElementTree.parse(net.with_suffix(".svg")).getroot().tag.endswith("svg")
    assert arch("draw", net, "-o", net.with_suffix(".png")).code == 0
    assert net.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_draw_explains_what_it_cannot_show(arch: Arch, net: Path) -> None:
    done = arch("draw", net, "-o", "-", "--expand", "nothing")
    assert done.code == 2
    assert "nothing" in done.err


def test_compiled_source_runs_alone(arch: Arch, net: Path, tmp_path: Path) -> None:
    path = tmp_path / "out" / "tiny.py"
    assert arch("compile", net, "-o", path).code == 0
    assert arch("compile", net, "-o", "-").out == path.read_text()
    assert "archdsl" not in re.findall(r"^(?:from|import) (\w+)", path.read_text(), re.MULTILINE)


def test_an_exported_program_computes(arch: Arch, net: Path) -> None:
    import torch

    path = net.with_suffix(".pt2")
    assert arch("compile", net, "-o", path, "--seed", "0").code == 0
    program = torch.export.load(path)
    assert program.module()(torch.zeros(4, 3, 32, 32)).shape == (4, 10)


def test_build_writes_everything(arch: Arch, net: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    done = arch("build", net, "-o", folder)
    names = [f"tiny.{suffix}" for suffix in ("py", "svg", "png", "txt", "json")]
    assert done.code == 0, done.err
    assert done.out.splitlines() == [f"wrote {folder / name}" for name in names]
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    assert json.loads((folder / "tiny.json").read_text())["name"] == "tiny"


def test_a_place_that_cannot_be_written_is_an_error_without_traceback(arch: Arch, net: Path) -> None:
    done = arch("compile", net, "-o", net / "below" / "a.py")
    assert done.code == 2
    assert re.fullmatch(r"error: .+: .+\n", done.err)


# zoo, ops, explain


def test_zoo_names_are_targets(arch: Arch) -> None:
    names = arch("zoo", "--names").out.split()
    assert "resnet50" in names
    assert json.loads(arch("zoo", "--names", "--json").out) == names
    assert arch("check", "resnet50").code == 0


def test_ops_documents_an_operator(arch: Arch) -> None:
    listed = arch("ops").out
    assert re.search(r"^  conv +\S", listed, re.MULTILINE)
    shown = arch("ops", "conv").out
    assert re.search(r"^  out: integer; required\n +\S", shown, re.MULTILINE)
    record = json.loads(arch("ops", "conv", "--json").out)
    assert next(a for a in record["arguments"] if a["name"] == "groups")["default"] == "1"


def test_explain_lists_and_explains(arch: Arch) -> None:
    listed = arch("explain").out.partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in listed[1:]] == list(catalogue())
    assert arch("explain", "e0402").out.startswith("E0402: ")


# The terminal


#: Seconds that a command may take: many times what it takes on a machine with nothing else to do.
PATIENCE = 120


def command_line(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    code = [sys.executable, "-m", "archdsl", *arguments]
    return subprocess.Popen(code, stdin=pipe, stdout=pipe, stderr=pipe, env={**os.environ, **environment})


def test_a_broken_pipe_is_quiet() -> None:
    process = command_line("ops", "--json")
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=PATIENCE)
    assert err == b""


def test_an_interrupt_is_quiet() -> None:
    text = b"input 3x8x8\n" + b"3x3 conv 8\n" * 50_000
    process = command_line("check", "-")
    assert process.stdin is not None
    process.stdin.write(text)  # more than a pipe holds: by the end of it, the command reads, whatever it takes to start
    process.stdin.close()
    process.send_signal(signal.SIGINT)
    process.stdin = None
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert b"Traceback" not in err


def said_on(terminal: int) -> Iterator[bytes]:
    """What a terminal was told, piece by piece as it comes, until those who could say more are gone."""
    with os.fdopen(terminal, "rb", buffering=0) as lines, suppress(OSError):  # the error is Linux' way to say the end
        while piece := lines.read(4096):
            yield piece


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are of Unix")
@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours_are_for_terminals_and_can_be_refused(tmp_path: Path, no_color: str, coloured: bool) -> None:
    import pty

    path = tmp_path / "a.arch"
    path.write_text("input 3x8x8\nnope\n")
    main, terminal = pty.openpty()
    environment = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm"}
    command = [sys.executable, "-m", "archdsl", "check", str(path)]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=terminal, env=environment, check=False, timeout=PATIENCE)
    os.close(terminal)
    shown = b"".join(said_on(main))
    assert b"E0201" in shown
    assert (b"\x1b[1;31m" in shown) is coloured
