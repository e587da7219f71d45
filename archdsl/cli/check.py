"""``archdsl check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli.findings import Form, form_option, gather, show
from archdsl.cli.target import TARGET, every_target, opened, target_options

if TYPE_CHECKING:
    from archdsl.diagnostic import Diagnostic
    from archdsl.reading import InputLike


@click.command("check")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...", type=TARGET)
@target_options
@form_option
@click.option("--lint", "with_lint", is_flag=True, help="Also report what `archdsl lint` finds.")
@click.option("--fix", "is_fixing", is_flag=True, help="Apply the fixes that cannot change what a file means.")
@click.option("--unsafe", is_flag=True, help="With --fix: apply the others too.")
@click.pass_context
def command(
    context: click.Context,
    targets: tuple[str, ...],
    settings: dict[str, object],
    shape: InputLike | None,
    form: Form,
    with_lint: bool,
    is_fixing: bool,
    unsafe: bool,
) -> None:
    """Check specifications with all their variants.

    A TARGET may also be a folder: all the .arch files below it.

    \b
    Example:
      archdsl check nets
    """
    if unsafe and not is_fixing:
        raise click.UsageError("--unsafe goes with --fix")

    def examine(target: str) -> tuple[Diagnostic, ...]:
        return _findings(target, settings, shape, with_lint, is_fixing, unsafe)

    each = every_target(targets)
    found = gather(each, "checking", examine)
    show(found, form, f"{len(each)} checked, no errors")
    context.exit(int(any(diagnostic.is_error for diagnostic in found)))


def _findings(
    target: str, settings: dict[str, Any], shape: InputLike | None, with_lint: bool, is_fixing: bool, unsafe: bool
) -> tuple[Diagnostic, ...]:
    """What is found in one target, after it has been mended if that is asked for."""
    from archdsl.project import find
    from archdsl.review import findings, repair

    found = find(opened(target))
    if not is_fixing:
        return findings(found, settings, shape, with_lint=with_lint)
    path = found.project.path_of(found.source)
    if path is None or not _is_file(target):
        raise click.UsageError(f"--fix changes files, and `{target}` names none")
    repaired = repair(found, settings, shape, with_lint=with_lint, unsafe=unsafe)
    if repaired.target.source.text != found.source.text:
        from archdsl.project import write

        write(path, repaired.target.source.text)
        findings_mended = "1 finding" if repaired.mended == 1 else f"{repaired.mended} findings"
        click.echo(f"{found.source.name}: {findings_mended} mended", err=True)
    return repaired.diagnostics


def _is_file(target: str) -> bool:
    """Whether a target is a file that somebody has named, or a variant in it, rather than a network of the package."""
    return Path(target).is_file() or Path(target.rpartition(":")[0]).is_file()
