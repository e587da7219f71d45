"""``archdsl lsp``."""

from __future__ import annotations

import click


@click.command("lsp")
def command() -> None:
    """Run the language server, which editors start.

    It speaks on standard input and output.

    \b
    Example:
      archdsl lsp
      vim.lsp.start({ name = "archdsl", cmd = { "archdsl", "lsp" } })   in Neovim
    """
    from archdsl.lsp.server import serve

    serve()
