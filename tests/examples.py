"""How many random examples a law is tried on, and which.

The suite draws the same ones on every run, so that it fails for a change and never by chance. To search for what nobody
has thought of, ``ARCHDSL_EXAMPLES=30 pytest -k laws`` draws thirty times as many, others on each run.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

FACTOR = int(os.environ.get("ARCHDSL_EXAMPLES", "1"))


def examples(count: int) -> settings:
    """A decorator that tries a law on ``count`` examples, or as many times that as was asked for."""
    return settings(
        max_examples=count * FACTOR,
        derandomize=FACTOR == 1,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        print_blob=True,
    )
