"""Which blocks are open: breadth first up to a budget, or as the reader asks."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Sequence
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


def _open_breadth_first(root: Block, opened: set[int], closed: set[int], budget: int | None, extra: int) -> None:
    """Open level after level, what holds further blocks first; of a level that does not fit, the first of each kind."""
    kinds: set[Hashable] = set()
    for is_outer in (True, False):
        _open_pass(root, opened, closed, kinds, budget, extra, is_outer=is_outer)


def _open_pass(
    root: Block,
    opened: set[int],
    closed: set[int],
    kinds: set[Hashable],
    budget: int | None,
    extra: int,
    *,
    is_outer: bool,
) -> None:
    """Open level after level, of blocks that hold blocks or of those that do not, as long as the budget allows."""
    while True:
        front = [block for block in _front(root, opened) if block.scope.id not in closed and _kind(block) not in kinds]
        level = [block for block in front if _holds_blocks(block) or not is_outer]
        if not level:
            return
        whole = {block.scope.id for block in level}
        if budget is None or _boxes(root, opened | whole) + extra <= budget:
            opened |= whole
            continue
        if not _open_examples(root, level, opened, closed, kinds, budget - extra):
            return


def _open_examples(
    root: Block, level: Sequence[Block], opened: set[int], closed: set[int], kinds: set[Hashable], budget: int
) -> bool:
    """Open the first block of each kind that fits, and close its like for good; whether any was opened."""
    found = False
    for block in level:
        kind = _kind(block)
        if kind not in kinds and _boxes(root, opened | {block.scope.id}) <= budget:
            opened.add(block.scope.id)
            found = True
        else:
            closed.add(block.scope.id)
        kinds.add(kind)
    return found


def _front(item: Item, opened: set[int]) -> Iterator[Block]:
    """The outermost blocks that are not open yet."""
    if isinstance(item, Leaf):
        return
    if isinstance(item, Block) and item.scope.id not in opened:
        yield item
        return
    for child in drawn(item):
        yield from _front(child, opened)


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
    return (item.call.definition, tuple(_kind(child) for child in item.items))
