"""The command ``archdsl``: finds its commands when they are called and turns errors into exit codes."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import click

from archdsl import __version__
from archdsl.cli.console import Failure, report
from archdsl.diagnostic import ArchError, near

#: Files of this package with a ``command``, in the order of ``--help``.
COMMANDS = (
    *("new", "watch", "preview", "check", "lint", "fmt", "summary", "draw", "diff", "compile", "build"),
    *("extract", "fold", "zoo", "ops", "explain", "doctor", "lsp"),
)

FINDINGS, INTERRUPTED = 1, 130


class _Commands(click.Group):
    """Imports a command only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"archdsl.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        if "Exit codes:" not in (command.help or ""):
            command.epilog = _exit_codes(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            meant = near(args[0], COMMANDS)
            hint = f"did you mean `{meant}`?" if meant else "`archdsl --help` lists the commands"
            raise click.UsageError(f"there is no command `{args[0]}`; {hint}", ctx)
        return super().resolve_command(ctx, args)


def _exit_codes(command: click.Command) -> str:
    """What a command says at the end of its help; one whose codes mean something else says so itself."""
    reads = any(parameter.name in {"target", "targets", "file"} for parameter in command.params)
    errors = "1 the specification has errors, " if reads else ""
    return f"Exit codes: 0 fine, {errors}2 wrong usage, or a file or program that fails."


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="archdsl %(version)s")
def archdsl() -> None:
    """Describe neural networks in text; check, count, draw and compile them.

    A TARGET is a name of the zoo (resnet50), a file (nets/resnet.arch), a variant in a file
    (nets/resnet.arch:resnet101), or - for standard input.

    \b
    Example:
      archdsl build resnet50 -o out

    Exit codes: 0 fine, 1 errors were found, 2 wrong usage, or a
    file or program that fails.
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    try:
        return archdsl.main(args=arguments, prog_name="archdsl", standalone_mode=False) or 0
    except ArchError as error:
        report(error.diagnostics)
        return FINDINGS
    except click.exceptions.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except OSError as error:
        failure = Failure(f"{error.filename or 'file'}: {(error.strerror or str(error)).lower()}")
        failure.show()
        return failure.exit_code


def main() -> NoReturn:
    """Entry point of the ``archdsl`` script."""
    gc.set_threshold(50_000, 20, 20)  # a command makes much and drops little
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looking for some takes longer than checking LeNet
    sys.exit(run())
