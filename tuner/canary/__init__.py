"""Whether a new adapter version may go to everyone, judged by the episodes of a few. Needs no torch."""
