"""The rules of the four card games of RL4VLM: pure functions of a game's number and its moves. Draws nothing.

Source of rules and rewards: Zhai et al., arXiv 2405.10292, and its code, github.com/RL4VLM/RL4VLM at b989b57,
``gym-cards`` (read for its facts; nothing of it is copied). Each module names what it does differently.
A game counts as won when the sum of its rewards, its return, is above 0, as that code's training loop counts it.
"""
