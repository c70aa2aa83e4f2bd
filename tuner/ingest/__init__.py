"""The tuner's front: takes trajectories in over gRPC and hands adapters out. Needs no torch."""
