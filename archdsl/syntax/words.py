"""The words with which statements begin; they are ordinary names everywhere else."""

STATEMENTS = (
    *("net", "title", "paper", "note", "variant", "input", "use", "let"),
    *("set", "tied", "exit", "tap", "output", "expect", "require", "table"),
)
