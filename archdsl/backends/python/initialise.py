"""Writes ``reset_parameters``: every weight once, modules of one initialisation together."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from archdsl.backends.python.runtime import Runtime
from archdsl.backends.python.writer import Writer
from archdsl.graph.graph import Graph

_BIAS = "{module}.bias"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a module is initialised.

    Parameters
    ----------
    resets
        Whether the module's own ``reset_parameters`` comes first.
    optional_bias
        Whether statements about the bias are for modules that have one.
    """

    statements: tuple[str, ...]
    resets: bool
    optional_bias: bool = False

    @property
    def without_bias(self) -> Recipe:
        return Recipe(tuple(text for text in self.statements if _BIAS not in text), self.resets)


@dataclass(frozen=True, slots=True)
class _Module:
    path: str
    kind: str
    recipe: Recipe
    has_bias: bool


def write_reset(writer: Writer, graph: Graph, runtimes: Sequence[Runtime]) -> None:
    """Write the method; ``runtimes`` are the runtime modules in use."""
    modules = _modules(graph)
    writer.line("def reset_parameters(self) -> None:")
    with writer.indented():
        writer.line('"""Initialise all weights."""')
        if modules:
            _write_loop(writer, modules, runtimes)


def _write_loop(writer: Writer, modules: Sequence[_Module], runtimes: Sequence[Runtime]) -> None:
    nesting = {"nn.MultiheadAttention"} | {name for module in runtimes for name in _nesting(module)}
    has_nested = any(module.kind in nesting for module in modules)
    rules, exceptions = _rules(modules)
    if has_nested:
        writer.line("inside: set[nn.Module] = set()", comment="modules of modules that initialise them themselves")
    writer.line("for name, module in self.named_modules():" if exceptions else "for module in self.modules():")
    with writer.indented():
        branches = [(condition, recipe, False) for condition, recipe in exceptions]
        ordered = _derived_first(rules, runtimes)
        for (recipe, is_nesting), same in groupby(ordered, key=lambda kind: (rules[kind], kind in nesting)):
            kinds = list(same)
            tested = kinds[0] if len(kinds) == 1 else f"({', '.join(kinds)})"
            branches.append((f"isinstance(module, {tested})", recipe, is_nesting))
        if has_nested:
            writer.line("if module in inside:")
            with writer.indented():
                writer.line("continue")
        for index, (condition, recipe, is_nesting) in enumerate(branches):
            writer.line(f"{'elif' if index else 'if'} {condition}:")
            with writer.indented():
                _write_recipe(writer, recipe, hidden="_" if "nn.MultiheadAttention" in condition else "")
                if is_nesting:
                    writer.line("inside.update(module.modules())")


def _write_recipe(writer: Writer, recipe: Recipe, hidden: str) -> None:
    if recipe.resets:
        writer.line(f"module.{hidden}reset_parameters()")
    for text in recipe.statements:
        statement = text.format(module="module")
        if recipe.optional_bias and _BIAS in text:
            writer.line("if module.bias is not None:")
            with writer.indented():
                writer.line(statement)
        else:
            writer.line(statement)


def _modules(graph: Graph) -> list[_Module]:
    """Every module with weights, each once."""
    modules: dict[str, _Module] = {}
    for node in graph.nodes:
        if node.path in modules:
            continue
        types = graph.input_types(node)
        code = node.op.torch(types, node.outputs)
        if code.module is not None:
            recipe = Recipe(code.init, resets=not code.init_complete)
            modules[node.path] = _Module(node.path, code.module.name, recipe, "bias" in node.op.weights(*types))
    return list(modules.values())


def _rules(modules: Sequence[_Module]) -> tuple[dict[str, Recipe], list[tuple[str, Recipe]]]:
    """The recipe of each kind of module, and conditions on the name of a module that mean another one."""
    rules: dict[str, Recipe] = {}
    others: dict[Recipe, list[_Module]] = defaultdict(list)
    kinds: dict[str, list[_Module]] = defaultdict(list)
    for module in modules:
        kinds[module.kind].append(module)
    for kind, members in kinds.items():
        recipes = _recipes(members)
        rules[kind] = Counter(recipes).most_common(1)[0][0]
        for module, recipe in zip(members, recipes, strict=True):
            if recipe != rules[kind]:
                others[recipe].append(module)
    return rules, [(_condition(chosen, modules), recipe) for recipe, chosen in others.items()]


def _recipes(members: Sequence[_Module]) -> list[Recipe]:
    """The recipes of modules of one kind, where those with and without a bias may share one."""
    full = {module.recipe.without_bias: module.recipe for module in members if module.has_bias}
    bare_ones = {module.recipe for module in members if not module.has_bias}
    known = {module.recipe for module in members if module.has_bias}
    recipes = []
    for module in members:
        bare = module.recipe.without_bias
        whole = full.get(bare)
        if whole is not None and bare in bare_ones and [r.without_bias for r in known].count(bare) == 1:
            recipes.append(Recipe(whole.statements, whole.resets, optional_bias=whole != bare))
        else:
            recipes.append(module.recipe)
    return recipes


def _condition(chosen: Sequence[_Module], modules: Sequence[_Module]) -> str:
    """An expression that is true for the names of some modules alone."""
    paths = {module.path for module in chosen}
    last = {path.split(".")[-1] for path in paths}
    if len(paths) > 2 and len(last) == 1 and paths == {m.path for m in modules if m.path.split(".")[-1] in last}:
        return f'name.split(".")[-1] == "{last.pop()}"'
    names = ", ".join(f'"{module.path}"' for module in chosen)
    return f"name == {names}" if len(paths) == 1 else f"name in ({names})"


def _derived_first(rules: Mapping[str, Recipe], runtimes: Iterable[Runtime]) -> list[str]:
    """Kinds of modules in an order in which a test for one never catches another: runtime's own first."""
    bases = {name: found for module in runtimes for name, found in module.bases.items()}

    def depth(kind: str) -> int:
        return 1 + max(map(depth, bases[kind]), default=0) if kind in bases else 0

    order = {recipe: index for index, recipe in enumerate(dict.fromkeys(rules.values()))}
    return sorted(rules, key=lambda kind: (-depth(kind), order[rules[kind]]))


def _nesting(module: Runtime) -> Iterable[str]:
    """Classes of a runtime module that have modules of their own."""
    for node in ast.parse(module.body).body:
        if not isinstance(node, ast.ClassDef):
            continue
        made = (call.func for call in ast.walk(node) if isinstance(call, ast.Call))
        if any(
            isinstance(func, ast.Attribute)
            and isinstance(func.value, ast.Name)
            and func.value.id == "nn"
            and func.attr not in ("Parameter", "Buffer")
            for func in made
        ):
            yield node.name
