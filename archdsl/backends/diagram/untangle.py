"""Figures for styles that draw a series with branches: what is wired in another way stays closed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from archdsl.backends.diagram.column import arrange, streams
from archdsl.backends.diagram.figure import Box, Figure, Frame, Member, keys_of
from archdsl.backends.diagram.options import Options
from archdsl.backends.diagram.subject import Subject

#: Tangles within tangles are looked for this often.
MAX_ROUNDS = 6


def untangled(subject: Subject, options: Options, figure: Figure, *, folds: bool = True) -> Figure:
    """A figure without the frames in which boxes form neither a series nor branches that part and meet again."""
    for _ in range(MAX_ROUNDS):
        closing = {frame.key for tangle in arrange(figure).tangles for frame in _to_close(figure, set(tangle))}
        if not closing:
            break
        opened = frozenset(_scopes(figure.members, closing))
        figure = subject.figure(options, budget=None, folds=folds, opened=opened)
    return figure


def without_losses(figure: Figure) -> Figure:
    """A figure without the inputs and losses of training, and what leads to these only; auxiliary heads stay."""
    exits = {key for frame in figure.frames() if frame.kind == "exit" for key in keys_of(frame)}
    dropped = {box.key for box in figure.boxes() if box.is_training and box.key not in exits}
    if not dropped:
        return figure
    links = list(streams(figure))
    heads: defaultdict[str, set[str]] = defaultdict(set)
    for link in links:
        heads[link.tail].add(link.head)
    while idle := {key for key, after in heads.items() if key not in dropped and after <= dropped}:
        dropped |= idle
    kept = tuple(link for link in links if not {link.tail, link.head} & dropped)
    return replace(figure, members=tuple(_kept(figure.members, dropped)), links=kept)


def _kept(members: Sequence[Member], dropped: Collection[str]) -> Iterator[Member]:
    """Members without some boxes, and without frames that are empty then; junctions have had their day."""
    for member in members:
        if isinstance(member, Frame):
            inner = tuple(_kept(member.members, dropped))
            if inner:
                yield replace(member, members=inner)
        elif isinstance(member, Box) and member.key not in dropped:
            yield member


def _to_close(figure: Figure, tangle: Collection[str]) -> list[Frame]:
    """The innermost frame around a tangle, or the innermost ones in which streams fork or meet, if it spans several."""
    around = _innermost(figure.members, tangle)
    if around:
        return around
    links = list(streams(figure))
    ends = Counter(link.tail for link in links), Counter(link.head for link in links)
    knots = {key for key in tangle if any(count[key] > 1 for count in ends)}
    frames = {frame.key: frame for key in knots for frame in _innermost(figure.members, {key})}
    tied = [frame for frame in frames.values() if len(knots & set(keys_of(frame))) > 1]
    return tied or list(frames.values())


def _innermost(members: Sequence[Member], keys: Collection[str]) -> list[Frame]:
    """The innermost frame of a scope around all of some boxes, if there is one."""
    for member in members:
        if isinstance(member, Frame) and set(keys) <= set(keys_of(member)):
            inner = _innermost(member.members, keys)
            return inner or ([member] if _is_scope(member) else [])
    return []


def _scopes(members: Sequence[Member], closing: Collection[str]) -> Iterator[int]:
    """Numbers of the scopes of all frames but some, and those within."""
    for member in members:
        if not isinstance(member, Frame) or member.key in closing:
            continue
        if _is_scope(member):
            yield int(member.key[1:])
        yield from _scopes(member.members, closing)


def _is_scope(frame: Frame) -> bool:
    return frame.kind != "repeat"
