"""Small trajectories whose content follows from their number, for harnesses of the stores. Imports no torch."""

from coso.v1 import trajectory_pb2


def episode(number: int) -> trajectory_pb2.Trajectory:
    """Return a trajectory whose id stands in every page that it fills."""
    trajectory_id = f"episode-{number:04d}"
    return trajectory_pb2.Trajectory(
        trajectory_id=trajectory_id,
        purpose=trajectory_pb2.PURPOSE_EXPLORE,
        verdict=trajectory_pb2.VERDICT_SUCCESS,
        goal=trajectory_id * (150 + 90 * (number % 5)),
    )
