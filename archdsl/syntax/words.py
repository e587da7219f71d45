"""The words of the language; those with which statements begin are ordinary names everywhere else."""

STATEMENTS = (
    *("net", "title", "paper", "note", "variant", "input", "use", "let"),
    *("set", "tied", "exit", "tap", "output", "expect", "require", "table"),
)

RESERVED = ("if", "else", "for", "where", "in", "and", "or", "not", "true", "false")
"""What is a name nowhere."""
