"""The phone's own words in Dutch, keyed by the English ones. Holds nothing else."""

DUTCH: dict[str, str] = {}
