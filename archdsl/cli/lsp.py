"""``archdsl lsp``."""

from __future__ import annotations

import click


@click.command("lsp")
def command() -> None:
    """Run the language server, for editors, on standard input and output.

    \b
    Example, for Neovim:
      vim.lsp.start({ name = "archdsl", cmd = { "archdsl", "lsp" } })
    """
    from archdsl.lsp.server import serve

    serve()
