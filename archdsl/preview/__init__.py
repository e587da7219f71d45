"""A page on this machine that shows a specification while it is being written: its picture, its figures, its mistakes.

``desk`` turns a text into what the page shows, ``watch`` tells when files change, ``access`` says who may ask, and
``server`` answers; ``static`` is the page.
"""
