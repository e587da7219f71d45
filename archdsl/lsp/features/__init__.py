"""One file for each question that an editor asks."""
