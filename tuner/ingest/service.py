"""Answers the tuner's calls. Opens no port, starts no process and needs no torch."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from coso.v1 import policy_pb2, trajectory_pb2, tuner_pb2, tuner_pb2_grpc
from google.rpc import code_pb2

from agent_runtime.uplink.channel import WIRE_VERSION, wire_mismatch
from tuner import __version__
from tuner.adapters.store import AdapterStore
from tuner.errors import LedgerError, RollbackError, StoreError
from tuner.ingest.forgery import Recomputation
from tuner.ingest.free_space import FreeSpace
from tuner.ingest.identity import Identity
from tuner.ingest.learner_view import LearnerView
from tuner.ingest.ledger import Ledger, LedgerCounts, StoreOutcome
from tuner.ingest.outgoing import CHUNK_BYTES, as_sent, cut, delta_for, parts
from tuner.ingest.refusal import Context as _Context
from tuner.ingest.refusal import refuse as _refuse
from tuner.ingest.rollout import Rollout
from tuner.ingest.shared_answer import SharedAnswer
from tuner.ingest.validate import broken_bound, broken_runtime_id

_ROOM_SEC = 3.0
"""When to ask again whether there is room."""
_Outcome = tuner_pb2.SubmitOutcome
_WORDS = {
    _Outcome.SUBMIT_OUTCOME_STORED: "stored",
    _Outcome.SUBMIT_OUTCOME_DUPLICATE: "duplicate",
    _Outcome.SUBMIT_OUTCOME_REFUSED: "refused",
}
Sign = Callable[[policy_pb2.AdapterManifest], None]
Result = TypeVar("Result")
_LOG = logging.getLogger(__name__)


class TunerService(tuner_pb2_grpc.TunerServiceServicer):
    """The five calls. All ledger work happens on ``executor``, one thread, which also opened the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        store: AdapterStore,
        identity: Identity,
        learner: LearnerView,
        executor: ThreadPoolExecutor,
        sign: Sign | None = None,
        rollout: Rollout | None = None,
        free_space: FreeSpace | None = None,
        recomputation: Recomputation | None = None,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._rollout = rollout or Rollout(store)
        self._free_space = free_space
        self._recomputation = recomputation
        self._identity = identity
        self._learner = learner
        self._executor = executor
        self._counted = SharedAnswer(self._count)
        """Trajectories wait behind one count at most, however many ask."""
        self._sign = sign
        self.submissions = {"stored": 0, "duplicate": 0, "refused": 0}
        """Trajectories answered so far, by outcome."""
        self._started_sec = time.monotonic()
        self._closing = asyncio.Event()

    def close(self) -> None:
        """End the streams that would otherwise stay open."""
        self._closing.set()
        self._learner.wake_all()

    async def RegisterRuntime(  # noqa: N802
        self, request: tuner_pb2.RegisterRuntimeRequest, context: _Context
    ) -> tuner_pb2.RegisterRuntimeResponse:
        """Admit a runtime whose model is the tuner's own."""
        theirs = Identity(
            request.base_model_digest, request.tokenizer_digest, request.quantization, request.action_grammar
        )
        mismatch = self._identity.mismatch(theirs)
        if mismatch is not None:
            await _refuse(context, code_pb2.FAILED_PRECONDITION, mismatch, "MODEL_MISMATCH")
        apart = wire_mismatch(request.wire_version)
        if apart is not None:
            await _refuse(context, code_pb2.FAILED_PRECONDITION, apart, "WIRE_VERSION")
        broken = broken_runtime_id(request.runtime_id)
        if broken is not None:
            await _refuse(context, code_pb2.INVALID_ARGUMENT, broken, "NO_ID")
        await self._on_ledger(context, lambda: self._ledger.note_runtime(request.runtime_id, request.software_version))
        latest = self._store.latest()
        return tuner_pb2.RegisterRuntimeResponse(
            latest_version=latest.version if latest else 0, wire_version=WIRE_VERSION, software_version=__version__
        )

    async def SubmitTrajectories(  # noqa: N802
        self, request_iterator: AsyncIterator[tuner_pb2.SubmitTrajectoriesRequest], context: _Context
    ) -> AsyncIterator[tuner_pb2.SubmitTrajectoriesResponse]:
        """Store each trajectory and answer once it is durable."""
        requests = aiter(request_iterator)
        while (request := await anext(requests, None)) is not None:
            trajectory = request.trajectory
            del request
            answer = await self._submitted(trajectory, context)
            del trajectory  # a stream that waits must not keep its last message
            yield answer

    async def FollowAdapters(  # noqa: N802
        self, request: tuner_pb2.FollowAdaptersRequest, context: _Context
    ) -> AsyncIterator[tuner_pb2.FollowAdaptersResponse]:
        """Stream the version the caller is to have, whenever it is above what it has, as a delta where that serves."""
        have_version, have_sha256 = request.have_version, request.have_adapter_sha256
        before_sha256 = request.before_adapter_sha256
        partial_sha256 = request.partial_payload_sha256
        with self._rollout.following(request.runtime_id):
            while not self._closing.is_set():
                seen = self._learner.news
                manifest = self._rollout.newer_for(request.runtime_id, have_version)
                if manifest is not None:
                    outgoing, delta = as_sent(manifest), None
                    outgoing.replaces_any = manifest.parent_version != have_version
                    if not outgoing.replaces_any:
                        delta = delta_for(self._store, outgoing, request.encodings, have_sha256, before_sha256)
                    have_version, have_sha256, before_sha256 = manifest.version, manifest.payload_sha256, have_sha256
                    outgoing.tokenizer_digest = self._identity.tokenizer_digest
                    if self._sign is not None:
                        self._sign(outgoing)
                    is_known = outgoing.payload_sha256 == partial_sha256
                    known_bytes = request.partial_bytes if is_known else 0
                    partial_sha256 = ""
                    pieces = cut(delta) if delta is not None else self._store.pieces(manifest, CHUNK_BYTES)
                    try:
                        for part in parts(outgoing, pieces, known_bytes):
                            yield part
                    except StoreError as error:  # its last piece was kept back, and the next look finds another version
                        await _refuse(context, code_pb2.UNAVAILABLE, str(error), "VERSION")
                await self._learner.wait_for_news(after=seen)

    async def RollbackAdapter(  # noqa: N802
        self, request: tuner_pb2.RollbackAdapterRequest, context: _Context
    ) -> tuner_pb2.RollbackAdapterResponse:
        """Have the learner return to an older version."""
        latest = self._store.latest() or policy_pb2.AdapterManifest()
        if request.latest_version != latest.version:
            sentence = (
                f"Got {request.latest_version} as the latest version, expected {latest.version}: look and ask again."
            )
            await _refuse(context, code_pb2.FAILED_PRECONDITION, sentence, "NOT_LATEST")
        try:
            new_version = await self._learner.roll_back(request.version, request.latest_version)
        except RollbackError as error:
            await _refuse(context, code_pb2.FAILED_PRECONDITION, str(error), "NOT_ROLLED_BACK")
        return tuner_pb2.RollbackAdapterResponse(new_version=new_version)

    async def GetStatus(  # noqa: N802
        self, request: tuner_pb2.GetStatusRequest, context: _Context
    ) -> tuner_pb2.GetStatusResponse:
        """Say how the service stands."""
        try:
            counts, runtime_ids = await self._counted.get()
        except LedgerError as error:
            await _refuse(context, code_pb2.UNAVAILABLE, str(error), "LEDGER")
        latest = self._store.latest() or policy_pb2.AdapterManifest()
        standing = self._rollout.standing
        return tuner_pb2.GetStatusResponse(
            software_version=__version__,
            base_model_digest=self._identity.base_model_digest,
            quantization=self._identity.quantization,
            action_grammar=self._identity.action_grammar,
            uptime_seconds=int(time.monotonic() - self._started_sec),
            trajectories_stored=counts.stored,
            trajectories_void=counts.void,
            trajectories_waiting=counts.waiting,
            trajectories_consumed=counts.consumed,
            latest_version=latest.version,
            latest_payload_bytes=latest.payload_bytes,
            latest_payload_sha256=latest.payload_sha256,
            learner_state=self._learner.state,
            learner_message=self._learner.message,
            learner_metrics=self._learner.metrics,
            runtime_ids=runtime_ids,
            trusted_version=standing.trusted,
            trial_version=standing.trial,
            withdrawn_version=standing.withdrawn,
            trajectories_damaged=counts.damaged,
        )

    async def _count(self) -> tuple[LedgerCounts, list[str]]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: (self._ledger.counts(), self._ledger.runtime_ids()))

    async def _submitted(
        self, trajectory: trajectory_pb2.Trajectory, context: _Context
    ) -> tuner_pb2.SubmitTrajectoriesResponse:
        full = self._free_space.refusal() if self._free_space is not None else None
        if full is not None:
            await _refuse(context, code_pb2.RESOURCE_EXHAUSTED, full, "DISK_FULL", _ROOM_SEC)
        reason = broken_bound(trajectory, self._identity)
        shown = trajectory.purpose == trajectory_pb2.PURPOSE_DEMONSTRATE
        if reason is None and self._recomputation is not None and not shown:
            reason = self._recomputation.forged(trajectory)
        if reason is None:
            outcome, reason = await self._store_one(trajectory, context)
        else:
            outcome = _Outcome.SUBMIT_OUTCOME_REFUSED
        self.submissions[_WORDS[outcome]] += 1
        return tuner_pb2.SubmitTrajectoriesResponse(
            trajectory_id=trajectory.trajectory_id, outcome=outcome, reason=reason
        )

    async def _store_one(
        self, trajectory: trajectory_pb2.Trajectory, context: _Context
    ) -> tuple["tuner_pb2.SubmitOutcome", str]:
        stored = await self._on_ledger(context, lambda: self._ledger.store(trajectory))
        if stored is StoreOutcome.CONFLICT:
            return _Outcome.SUBMIT_OUTCOME_REFUSED, "Got other content under an id that is stored: use a new id."
        if stored is StoreOutcome.DUPLICATE:
            return _Outcome.SUBMIT_OUTCOME_DUPLICATE, ""
        self._learner.trajectory_stored()
        await self._weigh(trajectory)
        return _Outcome.SUBMIT_OUTCOME_STORED, ""

    async def _weigh(self, trajectory: trajectory_pb2.Trajectory) -> None:
        """Let the trials know of an episode that is stored already: what goes wrong here must not refuse it."""
        trials = self._rollout.trials
        if trials is None:
            return
        try:
            is_decided = await asyncio.get_running_loop().run_in_executor(self._executor, trials.note, trajectory)
        except LedgerError as error:
            _LOG.warning("an episode was not counted in a trial: %s", error)
            return
        if is_decided:
            self._learner.tell_news()

    async def _on_ledger(self, context: _Context, work: Callable[[], Result]) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except LedgerError as error:
            await _refuse(context, code_pb2.UNAVAILABLE, str(error), "LEDGER")
