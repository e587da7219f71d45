"""The argument TARGET and the options that say what to make of it, which many commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from archdsl.cli.console import report
from archdsl.diagnostic import ArchError, Diagnostic
from archdsl.source import Source

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from archdsl.network import Network
    from archdsl.project import TargetLike
    from archdsl.reading import InputLike
    from archdsl.syntax import tree

Command = TypeVar("Command", bound=Callable[..., Any])


class TargetType(click.types.StringParamType):
    """A TARGET; shells complete it with names of the zoo, files, and variants in a file."""

    name = "target"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """What ``incomplete`` may become; where only files can follow, the shell itself completes them."""
        from click.shell_completion import CompletionItem

        from archdsl.project import SUFFIX, variants, zoo

        path, colon, begun = incomplete.rpartition(":")
        if colon and path.endswith(SUFFIX):
            return [CompletionItem(f"{path}:{name}") for name in variants(Path(path)) if name.startswith(begun)]
        names = [
            CompletionItem(name, help=entry.family) for name, entry in zoo().items() if name.startswith(incomplete)
        ]
        return (
            [*names, *map(CompletionItem, _files(incomplete))] if names else [CompletionItem(incomplete, type="file")]
        )


def _files(begun: str) -> list[str]:
    """Specifications and folders here whose names begin so."""
    from archdsl.project import SUFFIX

    found = [path for path in sorted(Path().iterdir()) if path.name.startswith(begun) and path.name[0] != "."]
    return [f"{path}/" if path.is_dir() else str(path) for path in found if path.is_dir() or path.suffix == SUFFIX]


TARGET = TargetType()


def target_options(command: Command) -> Command:
    """Give a command the options ``--set`` and ``--input``."""
    settings = click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="NAME=VALUE",
        callback=_settings,
        help="Set a parameter of the network; repeatable. Values as in a specification: 10, 0.5, true, [3, 4].",
    )
    inputs = click.option(
        "--input",
        "shape",
        multiple=True,
        metavar="[NAME=]SHAPE",
        callback=_inputs,
        help="Shape of the input, 3x512x512; repeatable with names: image=3x512x512.",
    )
    return settings(inputs(command))


def opened(target: str) -> TargetLike:
    """What a TARGET names, where ``-`` is standard input."""
    if target != "-":
        return target
    from archdsl.project import MAX_BYTES, received

    return received(sys.stdin.buffer.read(MAX_BYTES + 1), "<stdin>")


def every_target(targets: Iterable[str]) -> list[str]:
    """Each target once, with a folder's specifications in its place.

    Raises
    ------
    UsageError
        There are none below a folder.
    OSError
        A folder cannot be read.
    """
    found: dict[object, str] = {}
    for target in targets:
        for path in _below(target) if _is_folder(target) else [target]:
            found.setdefault(_identity(path), path)
    return list(found.values())


def _is_folder(target: str) -> bool:
    with suppress(OSError):  # as of a name that is too long
        return Path(target).is_dir()
    return False


def _below(folder: str) -> list[str]:
    from archdsl.project import SUFFIX, specifications

    found = [str(path) for path in specifications(Path(folder), on_error=_raise)]
    if not found:
        raise click.UsageError(f"there are no specifications (*{SUFFIX}) below `{folder}`")
    return found


def _raise(error: OSError) -> NoReturn:
    raise error


def _identity(target: str) -> object:
    """What two targets have in common that name the same file."""
    with suppress(OSError):
        if Path(target).is_file():
            return Path(target).resolve()
    return target


def read_network(target: str, settings: Mapping[str, object], shape: InputLike | None) -> Network:
    """The network that a command is about; its warnings go to standard error.

    Raises
    ------
    ArchError
        The specification has errors.
    """
    from archdsl.reading import read

    network = read(opened(target), settings, shape)
    report(network.warnings)
    return network


# Options -----------------------------------------------------------------------------------------------------------


def _settings(_context: click.Context, _option: click.Parameter, texts: tuple[str, ...]) -> dict[str, object]:
    settings: dict[str, object] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise click.BadParameter(f"{text!r} is not NAME=VALUE")
        settings[name] = literal(name, value)
    return settings


def literal(name: str, text: str) -> object:
    """The value that is written in ``text``; a bare word is a string.

    Raises
    ------
    ArchError
        It is no expression, or one that needs computing.
    """
    from archdsl.syntax import tree
    from archdsl.syntax.parse import parse

    head = f"let {name} = "
    parsed = parse(Source("--set", head + text))
    statement = next((item for item in parsed.file.statements if isinstance(item, tree.Let)), None)
    if parsed.diagnostics or statement is None or len(parsed.file.statements) != 1:
        raise ArchError(parsed.diagnostics or [_no_literal(Source("--set", head + text), len(head))])
    return _folded(statement.value)


def _folded(expression: tree.Expression) -> object:
    from archdsl.syntax import tree

    match expression:
        case tree.Number(value=value) | tree.String(value=value) | tree.Boolean(value=value):
            return value
        case tree.Name(name=name):
            return name
        case tree.List(items=items):
            return tuple(_folded(item) for item in items)
        case tree.Unary(operator="-", operand=tree.Number(value=value)):
            return -value
    raise ArchError([_no_literal(expression.span.source, expression.span.start)])


def _no_literal(source: Source, start: int) -> Diagnostic:
    from archdsl.codes import BAD_VALUE

    hint = "give a number, true or false, a word, or a list of these"
    return Diagnostic(BAD_VALUE, "this is not a plain value", source.span(start, len(source.text)), hint=hint)


def _inputs(_context: click.Context, _option: click.Parameter, texts: tuple[str, ...]) -> InputLike | None:
    if not texts:
        return None
    pairs = [text.rpartition("=") for text in texts]
    shapes = {name: _shape(size) for name, _, size in pairs}
    if len(shapes) < len(texts):
        raise click.BadParameter("several inputs need a name each: --input image=3x224x224 --input mask=1x224x224")
    return shapes[""] if set(shapes) == {""} else shapes


def _shape(text: str) -> tuple[int, ...]:
    from archdsl.reading import shape_of

    try:
        return shape_of(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
