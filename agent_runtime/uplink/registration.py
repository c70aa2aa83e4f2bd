"""Registers a runtime with its tuner, and holds that both speak the same wire. Sends no trajectory."""

from coso.v1 import tuner_pb2, tuner_pb2_grpc

from agent_runtime import __version__
from agent_runtime.errors import TunerRefusedError
from agent_runtime.trajectory import PolicyIdentity
from agent_runtime.uplink.channel import CALL_DEADLINE_SEC, WIRE_VERSION, wire_mismatch


def registration(runtime_id: str, identity: PolicyIdentity) -> tuner_pb2.RegisterRuntimeRequest:
    """Return what a runtime of this release says of itself."""
    return tuner_pb2.RegisterRuntimeRequest(
        runtime_id=runtime_id,
        base_model_digest=identity.base_model_digest,
        tokenizer_digest=identity.tokenizer_digest,
        quantization=identity.quantization,
        action_grammar=identity.action_grammar,
        software_version=__version__,
        wire_version=WIRE_VERSION,
    )


def register(stub: tuner_pb2_grpc.TunerServiceStub, runtime_id: str, identity: PolicyIdentity) -> None:
    """Be admitted as that runtime.

    Raises:
        grpc.RpcError: the tuner will not have it, or did not answer.
        TunerRefusedError: it speaks a wire that this release does not.
    """
    answer = stub.RegisterRuntime(registration(runtime_id, identity), timeout=CALL_DEADLINE_SEC)
    mismatch = wire_mismatch(answer.wire_version)
    if mismatch is not None:
        raise TunerRefusedError(mismatch)
