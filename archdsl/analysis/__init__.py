"""From a graph to frozen tables: cost, depth, memory, receptive fields, totals of blocks, equal blocks."""

from archdsl.analysis.analyse import Analysis, analyse

__all__ = ["Analysis", "analyse"]
