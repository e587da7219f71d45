"""Sessions of Vim and of Neovim with the package in ``tools/vim``, as a person has them; no window is needed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tools" / "vim"
SPECS = sorted((ROOT / "specs").rglob("*.arch"))

PROGRAMS = [
    pytest.param("vim", ["-Nes", "-i", "NONE"], id="Vim"),
    pytest.param("nvim", ["--headless", "-n", "-i", "NONE"], id="Neovim"),
]


def _found(name: str) -> str:
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"there is no {name}")
    return program


@pytest.mark.parametrize(("name", "arguments"), PROGRAMS)
def test_every_specification_opens_without_an_error(name: str, arguments: list[str], tmp_path: Path) -> None:
    program = _found(name)
    start, commands, result = tmp_path / "start.vim", tmp_path / "commands.vim", tmp_path / "result"
    start.write_text(f"set runtimepath^={PACKAGE}\nfiletype plugin on\nsyntax on\n")
    script = ["let out = []"]
    for path in SPECS:
        script += [
            "let v:errmsg = ''",
            f"edit {path}",
            # Colours are made when they are looked at: here for the first words of some lines.
            "for line in range(1, line('$'), 5) | call synID(line, 1, 1) | endfor",
            "call add(out, &filetype . '|' . exists('b:current_syntax') . '|' . v:errmsg)",
        ]
    commands.write_text("\n".join([*script, f"call writefile(out, '{result}')", "qall!"]))
    command = [program, *arguments, "-u", str(start), "-S", str(commands)]
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=120, cwd=tmp_path)
    assert result.read_text("utf-8").splitlines() == ["arch|1|"] * len(SPECS)


TEXT = """net tiny(width=8)
input 3x32x32
stem = 3x3   conv width->relu
head = gapp -> fc 10
"""

#: Opens the file with the server, waits for its findings, asks about `conv`, formats, and writes down what it saw.
SESSION = """
local seen = {}
local function see(text) vim.list_extend(seen, vim.split(text, "\\n")) end

local function session()
  local config = { name = "archdsl", cmd = { "PYTHON", "-m", "archdsl", "lsp" }, root_dir = "FOLDER" }
  if vim.lsp.start then
    vim.lsp.start(config)
  else -- before Neovim 0.8
    vim.lsp.buf_attach_client(0, vim.lsp.start_client(config))
  end
  see("type " .. vim.bo.filetype)
  vim.wait(60000, function() return #vim.diagnostic.get(0) > 0 end)
  for _, found in ipairs(vim.diagnostic.get(0)) do
    see("found " .. found.lnum .. ":" .. found.col .. " " .. found.code)
  end
  local place = { textDocument = vim.lsp.util.make_text_document_params(), position = { line = 2, character = 14 } }
  for _, answer in pairs(vim.lsp.buf_request_sync(0, "textDocument/hover", place, 60000)) do
    see("hover " .. answer.result.contents.value)
  end
  if vim.lsp.buf.format then
    vim.lsp.buf.format({ timeout_ms = 60000 })
  else
    vim.lsp.buf.formatting_sync(nil, 60000)
  end
  see("text " .. vim.api.nvim_buf_get_lines(0, 2, 3, false)[1])
end

local good, wrong = pcall(session)
if not good then see("wrong " .. tostring(wrong)) end
vim.fn.writefile(seen, "FOLDER/seen")
vim.cmd("qall!")
"""


def test_a_session_of_neovim_with_the_server(tmp_path: Path) -> None:
    program = _found("nvim")
    file, start, script = tmp_path / "net.arch", tmp_path / "start.vim", tmp_path / "session.lua"
    file.write_text(TEXT)
    start.write_text(f"set runtimepath^={PACKAGE}\nfiletype plugin on\nsyntax on\n")
    script.write_text(SESSION.replace("PYTHON", sys.executable).replace("FOLDER", str(tmp_path)))
    command = [program, "--headless", "-n", "-i", "NONE", "-u", str(start), str(file), "-c", f"luafile {script}"]
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=200, cwd=ROOT)
    seen = (tmp_path / "seen").read_text("utf-8").splitlines()
    assert not [line for line in seen if line.startswith("wrong")]
    assert seen[:2] == ["type arch", "found 3:7 E0201"]
    assert seen[2] == "hover `3x32x32 → 8x32x32`"
    assert seen[-1] == "text stem = 3x3 conv width -> relu"
