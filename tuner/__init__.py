"""The long-running service: stores trajectories, learns from them, publishes adapters."""
