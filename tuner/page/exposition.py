"""Writes how the tuner stands as Prometheus text. Counts nothing itself."""

from __future__ import annotations

from collections.abc import Iterator

from coso.v1 import policy_pb2
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from tuner.ingest.ledger import LedgerCounts
from tuner.page.standing import Standing

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LEARNER_STATES = ("starting", "waiting", "training", "failed", "stopped")


class _Collected(Collector):
    def __init__(self, standing: Standing, counts: LedgerCounts, latest: policy_pb2.AdapterManifest) -> None:
        self._standing = standing
        self._counts = counts
        self._latest = latest

    def collect(self) -> Iterator[Metric]:
        """Give every family once."""
        standing, counts = self._standing, self._counts
        identity = standing.identity
        facts = {
            "version": standing.software_version,
            "base_model_digest": identity.base_model_digest,
            "quantization": identity.quantization,
            "action_grammar": identity.action_grammar,
        }
        yield InfoMetricFamily("tuner", "The software and what it serves.", value=facts)
        yield _gauge("tuner_uptime_seconds", "Seconds since the service started.", standing.uptime_sec)
        yield _gauge("tuner_trajectories_stored", "Trajectories in the ledger.", counts.stored)
        yield _gauge("tuner_trajectories_void", "Stored trajectories that are void.", counts.void)
        yield _gauge("tuner_trajectories_waiting", "Stored trajectories that wait to be learned from.", counts.waiting)
        yield _gauge("tuner_trajectories_consumed", "Stored trajectories an update has used.", counts.consumed)
        yield _gauge("tuner_trajectories_damaged", "Stored trajectories set aside as damaged.", counts.damaged)
        yield _gauge(
            "tuner_adapter_latest_version", "Newest adapter version; 0 before the first.", self._latest.version
        )
        yield _gauge("tuner_adapter_payload_bytes", "Bytes of the newest adapter.", self._latest.payload_bytes)
        yield from self._labelled()

    def _labelled(self) -> Iterator[Metric]:
        standing = self._standing
        submissions = CounterMetricFamily(
            "tuner_submissions", "Trajectories answered since the start, by outcome.", labels=["outcome"]
        )
        for outcome, count in standing.submissions.items():
            submissions.add_metric([outcome], count)
        states = GaugeMetricFamily("tuner_learner_state", "1 for the state the learner is in.", labels=["state"])
        for state in dict.fromkeys((*LEARNER_STATES, standing.learner_state)):
            states.add_metric([state], float(state == standing.learner_state))
        figures = GaugeMetricFamily("tuner_learner_metric", "Figures of the latest update.", labels=["name"])
        for name, value in sorted(standing.learner_metrics.items()):
            figures.add_metric([name], value)
        yield from (submissions, states, figures)


def prometheus_text(standing: Standing, counts: LedgerCounts, latest: policy_pb2.AdapterManifest) -> bytes:
    """Return the metrics as Prometheus reads them, those of this process included."""
    registry = CollectorRegistry()
    registry.register(_Collected(standing, counts, latest))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(name, says, value=value)
