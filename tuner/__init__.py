"""The long-running service: stores trajectories, learns from them, publishes adapters."""

__version__ = "0.1.0"
