"""Counterfactual Soft RL: which tokens decide the action, and the losses using it. Knows no process and no storage."""
