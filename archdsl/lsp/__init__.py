"""The language server: what editors ask about a specification while it is being written.

``features`` answer each question by a pure function over a ``Document``; ``server`` speaks the protocol.
"""
