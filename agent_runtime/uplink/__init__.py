"""The way to the tuner: trajectories out through a durable spool, adapters in. Needs no torch."""
