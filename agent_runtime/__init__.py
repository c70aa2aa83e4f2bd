"""The runtime at the device: look, think, act, judge. Learns nothing itself; the tuner does."""

__version__ = "0.1.0"
