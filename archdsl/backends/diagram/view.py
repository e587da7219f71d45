"""Which blocks are open: breadth first up to a budget, or as the reader asks."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from archdsl.backends.diagram.blocks import Block, Item, Leaf, Repeat
from archdsl.diagnostic import near

#: Nodes that a page holds and a person takes in.
NODE_BUDGET = 40


class UnknownBlock(ValueError):
    """A block that is to be opened or closed does not exist."""


@dataclass(frozen=True, slots=True)
class View:
    """What the reader wants to see.

    Parameters
    ----------
    depth
        Levels of blocks to open; None opens as many as the budget allows.
    expand, collapse
        Paths or names of definitions whose blocks are open, with all around them, or closed, whatever the depth.
    budget
        Number of boxes not to exceed where ``depth`` does not decide; None for no limit.
    opened
        Numbers of the scopes whose blocks are open, whatever else is asked for; None leaves it to the rest.
    """

    depth: int | None = None
    expand: tuple[str, ...] = ()
    collapse: tuple[str, ...] = ()
    budget: int | None = NODE_BUDGET
    opened: frozenset[int] | None = None


def open_blocks(root: Block, view: View, extra: int = 0, kept: frozenset[int] = frozenset()) -> frozenset[int]:
    """Scope numbers of the blocks that are open.

    Parameters
    ----------
    extra
        Boxes that are visible whatever is open.
    kept
        Scope numbers of blocks that stay closed unless the reader asks for them.

    Raises
    ------
    UnknownBlock
        ``view`` names a block that does not exist.
    """
    if view.opened is not None:
        return view.opened | {root.scope.id}
    known = list(_blocks(root, ()))
    _require_known(known, (*view.expand, *view.collapse))
    closed = {block.scope.id for block, _ in known if _is_named(block, view.collapse)}
    opened = {root.scope.id}
    is_asked = view.depth is not None or view.budget is None
    for block, around in known:
        if _is_named(block, view.expand):
            opened |= {block.scope.id, *around}
    if view.depth is not None:
        opened |= {block.scope.id for block, around in known if len(around) < view.depth}
    else:
        _open_breadth_first(root, opened, closed if is_asked else closed | (kept - opened), view.budget, extra)
    return frozenset(opened - closed)


def drawn(item: Block | Repeat) -> Sequence[Item]:
    """Items directly below that are drawn: of what repeats, the first copy."""
    return item.items if isinstance(item, Block) else item.copies[0]


def _blocks(item: Item, around: tuple[int, ...]) -> Iterator[tuple[Block, tuple[int, ...]]]:
    """Blocks below an item that can be drawn, with the scopes of the blocks around each."""
    if isinstance(item, Leaf):
        return
    inner = around
    if isinstance(item, Block) and item.scope.parent is not None:
        yield item, around
        inner = (*around, item.scope.id)
    for child in drawn(item):
        yield from _blocks(child, inner)


def _names(block: Block) -> set[str]:
    names = {block.scope.path, block.call.path, block.scope.name, block.call.name, block.call.definition}
    return {name for name in names if name}


def _is_named(block: Block, wanted: Collection[str]) -> bool:
    return not _names(block).isdisjoint(wanted)


def _require_known(known: Sequence[tuple[Block, tuple[int, ...]]], wanted: Sequence[str]) -> None:
    names = {name for block, _ in known for name in _names(block)}
    for name in wanted:
        if name not in names:
            guess = near(name, names)
            raise UnknownBlock(f"no block of this diagram is called {name!r}" + (f"; near: {guess}" if guess else ""))


#: A block that may be opened next, and the one around it.
_Candidate = tuple[Block, Block]


def _open_breadth_first(root: Block, opened: set[int], closed: set[int], budget: int | None, extra: int) -> None:
    """Open level after level, what holds further blocks first; of a level that does not fit, families and examples."""
    for is_outer in (True, False):
        while level := _level(root, opened, closed, is_outer=is_outer):
            whole = _scopes(level)
            if budget is None or _boxes(root, opened | whole) + extra <= budget:
                opened |= whole
            else:
                _open_families(root, level, opened, budget - extra)
                closed |= whole - opened


def _level(root: Block, opened: set[int], closed: set[int], *, is_outer: bool) -> list[_Candidate]:
    """Blocks that may be opened next; with ``is_outer``, those of families that hold blocks."""
    front = [(block, home) for block, home in _front(root, opened, root) if block.scope.id not in closed]
    families = {_family(block) for block, _ in front if _holds_blocks(block) or not is_outer}
    return [(block, home) for block, home in front if _family(block) in families]


def _open_families(root: Block, level: Sequence[_Candidate], opened: set[int], budget: int) -> None:
    """Open families that fit as a whole; of others, the first block of each kind, within a frame with its like.

    Where an inner block does not fit, none opens in the frames behind, nor stays open beside it as a part of the same
    unit: it would seem to be a special one.
    """
    families: dict[str, list[_Candidate]] = {}
    for candidate in level:
        families.setdefault(_family(candidate[0]), []).append(candidate)
    kinds = [(kind, family) for family in families.values() for kind in _kinds(family)]
    is_full = False
    for kind, family in sorted(kinds, key=lambda pair: level.index(pair[0][0])):
        home = kind[0][1]
        if is_full and home is not root:
            continue
        chosen = next((some for some in _choices(kind, family, root) if _boxes(root, opened | some) <= budget), None)
        if chosen is not None:
            opened |= chosen
        elif home is not root:
            is_full = True
            opened -= _scopes([pair for pair in level if pair[1] is home and pair not in family and _is_unit(home)])


def _choices(kind: Sequence[_Candidate], family: Sequence[_Candidate], root: Block) -> Iterator[set[int]]:
    """What may be opened of a kind of blocks, the most first.

    Of outermost blocks none in the middle is opened, and of a unit no single part: they would seem to be special.
    """
    home = kind[0][1]
    if home is not root or _is_row(family, root):
        yield _scopes(family)
    if home is not root:
        yield _scopes([pair for pair in kind if pair[1] is home])
    if home is root or not _is_unit(home):
        yield _scopes(kind[:1])


def _scopes(candidates: Sequence[_Candidate]) -> set[int]:
    return {block.scope.id for block, _ in candidates}


def _is_row(family: Sequence[_Candidate], root: Block) -> bool:
    """Whether outermost blocks follow on one another, or all lead aside."""
    blocks = [item for outer in root.items for item in (outer, *_copy(outer)) if isinstance(item, Block)]
    places = [place for place, block in enumerate(blocks) if any(block is member for member, _ in family)]
    is_aside = all(block.scope.kind == "exit" for block, _ in family)
    return is_aside or (len(places) == len(family) and places[-1] - places[0] == len(places) - 1)


def _is_unit(block: Block) -> bool:
    """Whether a block has operators of its own, and is no mere series of blocks."""
    return any(isinstance(item, Leaf) for item in block.items)


def _kinds(family: Sequence[_Candidate]) -> Iterable[Sequence[_Candidate]]:
    """Blocks of a family by what a reader would take for the same again."""
    is_called = all(block.call.definition for block, _ in family)
    kinds: dict[Hashable, list[_Candidate]] = {}
    for block, home in family:
        kinds.setdefault(_kind(block) if is_called else None, []).append((block, home))
    return kinds.values()


def _family(block: Block) -> str:
    """What the names of blocks have in common that continue or repeat each other: ``stage`` of ``stage3``."""
    return re.sub(r"(?<=[^\d_])_?\d.*", "", block.scope.name)


def _front(item: Item, opened: set[int], home: Block) -> Iterator[_Candidate]:
    """The outermost blocks that are not open yet."""
    if isinstance(item, Leaf):
        return
    if isinstance(item, Block):
        if item.scope.id not in opened:
            yield item, home
            return
        home = item
    for child in drawn(item):
        yield from _front(child, opened, home)


def _boxes(item: Item, opened: Collection[int]) -> int:
    """Number of boxes that an item takes."""
    if isinstance(item, Leaf) or (isinstance(item, Block) and item.scope.id not in opened):
        return 1
    return sum(_boxes(child, opened) for child in drawn(item))


def _holds_blocks(block: Block) -> bool:
    return any(isinstance(child, Block) for item in block.items for child in (item, *_copy(item)))


def _copy(item: Item) -> Sequence[Item]:
    return item.copies[0] if isinstance(item, Repeat) else ()


def _kind(item: Item) -> Hashable:
    """What blocks of one kind have in common: their definition and how they nest, whatever the numbers."""
    if isinstance(item, Leaf):
        return len(item.nodes)
    if isinstance(item, Repeat):
        return ("repeat", tuple(_kind(child) for child in item.copies[0]))
    kinds = [(_kind(child), isinstance(child, Leaf)) for child in item.items]
    first = [kind for place, (kind, is_leaf) in enumerate(kinds) if is_leaf or (kind, False) not in kinds[:place]]
    return (item.call.definition, tuple(first))
