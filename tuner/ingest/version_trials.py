"""Puts new versions on trial and decides by their episodes, durably in the ledger. Sends nothing; the rule is `canary`.

All calls come from the ledger's thread. The tables stand beside the ledger's own:

    version_decisions    what was decided of which version, why, on which figures; appended only
    episode_facts        what each episode says of the adapter that acted in it; nothing depends on a lost row
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from typing import Final

from coso.v1 import policy_pb2, trajectory_pb2

from tuner.adapters.store import AdapterStore
from tuner.canary.facts import EpisodeFacts, facts_of
from tuner.canary.rule import Arm, Moments, Outcomes, Rule, judge, log_entropy, log_latency
from tuner.canary.standing import Kind, Standing, VersionDecision, standing_after
from tuner.errors import StoreError
from tuner.ingest.ledger import Ledger

STABLE_EPISODES: Final = 400
"""Of the trusted version the latest so many are compared with: a device may have changed since the others."""
LEAST_STABLE_EPISODES: Final = 80
"""Where it has fewer since it is trusted, those of its own trial fill up, which it won with some luck."""
TRIAL_EPISODES: Final = 1000
"""More than a trial can have before it is decided."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS version_decisions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    adapter_digest TEXT NOT NULL,
    reason TEXT NOT NULL,
    figures TEXT NOT NULL,
    recorded_at_unix_sec REAL NOT NULL,
    episodes_before INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS episode_facts (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    adapter_digest TEXT NOT NULL,
    stratum TEXT NOT NULL,
    runtime_id TEXT NOT NULL,
    is_void INTEGER NOT NULL,
    succeeded INTEGER NOT NULL,
    malformed INTEGER NOT NULL,
    surprise_nats REAL,
    decide_ms REAL
);
CREATE INDEX IF NOT EXISTS facts_by_adapter ON episode_facts (adapter_digest, number);
"""


class VersionTrials:
    """The trials of one ledger and store; call ``open`` first."""

    def __init__(self, ledger: Ledger, store: AdapterStore, rule: Rule) -> None:
        self.standing = Standing()
        self.delivered: dict[str, str] = {}
        """The digest of the adapter that each runtime was sent last."""
        self._ledger = ledger
        self._store = store
        self._rule = rule

    def open(self) -> None:
        """Make the tables where there are none, and read how things stand.

        Raises:
            LedgerError: the ledger refused.
        """
        with self._ledger.sql() as sql:
            sql.executescript(_SCHEMA)
        self.standing = standing_after(self.decisions())

    def decisions(self, at_most: int = -1) -> list[VersionDecision]:
        """Return the latest decisions, the oldest first; all of them by default.

        Raises:
            LedgerError: the ledger refused.
        """
        with self._ledger.sql() as sql:
            return read_decisions(sql, at_most)

    def newest_version(self) -> int:
        """Return the newest version in the store, 0 where there is none."""
        return max(self._store.versions(), default=0)

    def look(self) -> bool:
        """Decide what the versions in the store call for; return whether anything was decided.

        Raises:
            LedgerError: the decision could not be kept, and does not hold.
        """
        before = self.standing
        manifests = self._manifests()
        for manifest in manifests:
            if manifest.version > self.standing.newest_known:
                self._trust_as_it_is(manifest)
        if not manifests:
            return self.standing != before
        newest = manifests[-1]
        if not self.standing.trusted:
            self._decide("trust", newest.version, newest.payload_sha256, "It was in use when trials began.")
        if self.standing.trial and all(self.standing.trial != manifest.version for manifest in manifests):
            standing = self.standing
            self._decide("trust", standing.trusted, standing.trusted_digest, "The version on trial is gone.")
        is_free = not self.standing.trial and not self.standing.withdrawn
        if is_free and newest.version > self.standing.trusted and self._trusted_episodes() >= self._rule.min_trusted:
            self._decide(
                "trial", newest.version, newest.payload_sha256, f"It is newer than version {self.standing.trusted}."
            )
        return self.standing != before

    def note(self, trajectory: trajectory_pb2.Trajectory) -> bool:
        """Take an episode into account; return whether it led to a decision.

        Raises:
            LedgerError: the ledger refused; the episode is not counted.
        """
        facts = facts_of(trajectory, without_steps=self.delivered.get(trajectory.runtime_id, ""))
        if facts is None:
            return False
        self._keep(facts)
        standing = self.standing
        if not standing.trial:
            return self.look()
        if standing.trial_digest != facts.adapter_digest:
            return False
        judged = judge(self._trusted_arm(), self._arm(standing.trial_digest, TRIAL_EPISODES), self._rule)
        if judged.decision == "wait":
            return False
        self._decide(judged.decision, standing.trial, standing.trial_digest, judged.reason, judged.ratios)
        return True

    def promote_by_hand(self, version: int) -> bool:
        """Promote the version on trial because a person says so; return whether it is the one on trial.

        Raises:
            LedgerError: the decision could not be kept, and does not hold.
        """
        standing = self.standing
        if not version or standing.trial != version:
            return False
        self._decide("promote", version, standing.trial_digest, "A person promoted it.")
        return True

    def _manifests(self) -> list[policy_pb2.AdapterManifest]:
        """Return the manifests of what can be read, from the trusted version on, ascending."""
        manifests = []
        for version in self._store.versions():
            if version < self.standing.trusted:
                continue
            try:
                manifests.append(self._store.manifest(version))
            except StoreError:
                continue  # the store set it aside
        return manifests

    def _trust_as_it_is(self, manifest: policy_pb2.AdapterManifest) -> None:
        """Trust a version that nothing was learned in since a trusted one: the first, or older tensors again."""
        if manifest.rolled_back_to:
            reason = f"It has the tensors of version {manifest.rolled_back_to} again."
        elif not manifest.optimizer_steps:
            reason = "Nothing was learned in it."
        else:
            return
        self._decide("trust", manifest.version, manifest.payload_sha256, reason)

    def _decide(
        self, kind: Kind, version: int, digest: str, reason: str, figures: Mapping[str, float] | None = None
    ) -> None:
        with self._ledger.sql() as sql:
            before = sql.execute("SELECT COALESCE(MAX(number), 0) FROM episode_facts").fetchone()[0]
            decision = VersionDecision(kind, version, digest, reason, dict(figures or {}), time.time(), before)
            sql.execute(
                "INSERT INTO version_decisions (kind, version, adapter_digest, reason, figures, recorded_at_unix_sec, "
                "episodes_before) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (kind, version, digest, reason, json.dumps(decision.figures), decision.recorded_at_unix_sec, before),
            )
        self.standing = self.standing.after(decision)

    def _keep(self, facts: EpisodeFacts) -> None:
        with self._ledger.sql() as sql:
            sql.execute(
                "INSERT INTO episode_facts (adapter_digest, stratum, runtime_id, is_void, succeeded, malformed, "
                "surprise_nats, decide_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    facts.adapter_digest,
                    facts.stratum,
                    facts.runtime_id,
                    facts.is_void,
                    facts.succeeded,
                    facts.malformed,
                    facts.surprise_nats,
                    facts.decide_ms,
                ),
            )

    def _trusted_arm(self) -> Arm:
        """Return the trusted version's episodes: those since it is trusted, unless these are few."""
        since = self._trusted_episodes(self.standing.trusted_since)
        at_most = min(max(since, LEAST_STABLE_EPISODES), STABLE_EPISODES)
        return self._arm(self.standing.trusted_digest, at_most)

    def _trusted_episodes(self, after: int = 0) -> int:
        with self._ledger.sql() as sql:
            counted = sql.execute(
                "SELECT COUNT(*) FROM episode_facts WHERE adapter_digest = ? AND number > ?",
                (self.standing.trusted_digest, after),
            )
            return int(counted.fetchone()[0])

    def _arm(self, digest: str, at_most: int) -> Arm:
        with self._ledger.sql() as sql:
            rows = sql.execute(
                "SELECT stratum, runtime_id, is_void, succeeded, malformed, surprise_nats, decide_ms "
                "FROM episode_facts WHERE adapter_digest = ? ORDER BY number DESC LIMIT ?",
                (digest, at_most),
            ).fetchall()
        outcomes: dict[str, Outcomes] = {}
        entropy: dict[str, Moments] = {}
        latency: dict[str, Moments] = {}
        for stratum, runtime_id, is_void, succeeded, malformed, surprise_nats, decide_ms in rows:
            outcomes[stratum] = outcomes.get(stratum, Outcomes()).and_episode(is_void, succeeded, malformed)
            if surprise_nats is not None:
                entropy[stratum] = entropy.get(stratum, Moments()).and_value(log_entropy(surprise_nats))
            if decide_ms is not None:
                latency[runtime_id] = latency.get(runtime_id, Moments()).and_value(log_latency(decide_ms))
        return Arm(outcomes, entropy, latency)


def read_decisions(sql: sqlite3.Connection, at_most: int = -1) -> list[VersionDecision]:
    """Return the latest decisions of a ledger, the oldest first; none where there were no trials so far.

    Raises:
        sqlite3.Error: the ledger cannot be read.
    """
    if not sql.execute("SELECT 1 FROM sqlite_master WHERE name = 'version_decisions'").fetchone():
        return []
    rows = sql.execute(
        "SELECT kind, version, adapter_digest, reason, figures, recorded_at_unix_sec, episodes_before "
        "FROM version_decisions ORDER BY number DESC LIMIT ?",
        (at_most,),
    ).fetchall()
    return [
        VersionDecision(kind, version, digest, reason, json.loads(figures), recorded_at, before)
        for kind, version, digest, reason, figures, recorded_at, before in reversed(rows)
    ]
