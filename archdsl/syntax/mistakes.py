from dataclasses import dataclass
from typing import NamedTuple
from archdsl.codes import SYNTAX
from archdsl.diagnostic import Diagnostic
class Word(NamedTuple):
    text: str
    start: int
@dataclass
class Failure:
    source: object
    start: int
    place: int
    expected: frozenset[str]
    opener: object
def explain(f):
    return Diagnostic(SYNTAX,"unexpected text",f.source.span(f.place,f.place+1),hint=' '.join(sorted(f.expected)))
