"""Finds the rules, runs them, and keeps what nobody has asked to ignore."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from archdsl import render
from archdsl.codes import CATALOGUE, Code
from archdsl.diagnostic import Diagnostic
from archdsl.lint import rules as folder
from archdsl.lint.ignore import UNUSED_IGNORE, kept, needless
from archdsl.lint.rule import Rule, Subject
from archdsl.render import in_order


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, in order of its code: each is a file of ``archdsl.lint.rules``."""
    modules = [import_module(f"{folder.__name__}.{module.name}") for module in iter_modules(folder.__path__)]
    return tuple(sorted(modules, key=lambda module: module.CODE.id))


def catalogue() -> Mapping[str, Code]:
    """Every code there is by its number, those of the rules included."""
    found = [*CATALOGUE.values(), *(rule.CODE for rule in rules()), UNUSED_IGNORE]
    return {code.id: code for code in found}


def explain(code: str) -> str:
    """What a code means, with an example of the mistake and of its mending.

    Raises
    ------
    ValueError
        There is no such code.
    """
    return render.explain(code, catalogue())


def lint(
    subject: Subject, known: Iterable[Diagnostic] = (), watch: Callable[[Rule], object] = id
) -> tuple[Diagnostic, ...]:
    """What might be better about a specification, in order of place, each place once for each rule.

    Parameters
    ----------
    known
        What the check of the file found: comments may hide its warnings too.
    watch
        Called with each rule before it looks; what it raises goes through.
    """
    found = {(item.code.id, item.span): item for item in known}
    for rule in rules():
        watch(rule)
        for item in rule.find(subject):
            found.setdefault((item.code.id, item.span), item)
    everything = tuple(found.values())
    is_all_seen = subject.is_whole and bool(subject.graphs) and not any(item.is_error for item in everything)
    remarks = needless(subject.file.source, everything, is_all_seen=is_all_seen)
    return in_order((*kept(everything), *remarks))
