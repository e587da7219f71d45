"""``python -m archdsl``."""

from archdsl.cli.main import main

main()
