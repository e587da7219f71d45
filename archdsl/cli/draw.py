"""``archdsl draw``."""
