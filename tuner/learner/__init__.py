"""The learner: takes trajectories from the ledger, updates the LoRA adapter, publishes it. Its own process."""
