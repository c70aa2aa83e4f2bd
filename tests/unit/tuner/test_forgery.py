"""Trajectories that claim what does not follow are named; those a runtime makes pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from coso.v1 import policy_pb2, trajectory_pb2
from hypothesis import assume, given
from hypothesis import strategies as st

from agent_runtime.actions import Finish, LongPress, OpenApp, Swipe, Tap, TypeText, Wait, grammar_named
from agent_runtime.actions.grammar import GRAMMAR_NAMES
from agent_runtime.trajectory import Verdict
from agent_runtime.uplink.codec import action_to_message
from tests.wire_world import JSON, manifest, message
from tuner.adapters.store import AdapterStore
from tuner.ingest.forgery import Recomputation

UNIT = st.floats(0, 1, exclude_max=True)


@pytest.fixture
def store(tmp_path: Path) -> AdapterStore:
    return AdapterStore(tmp_path / "adapters")


@pytest.fixture
def recomputation(store: AdapterStore) -> Recomputation:
    return Recomputation(JSON, store)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_what_a_runtime_makes_passes(recomputation: Recomputation, verdict: Verdict) -> None:
    assert recomputation.forged(message("t", verdict=verdict, steps=3)) is None


def _other_action(told: trajectory_pb2.Trajectory) -> None:
    told.steps[0].action.tap.x_norm = 0.9


def _other_kind(told: trajectory_pb2.Trajectory) -> None:
    told.steps[0].action.press_key.key = trajectory_pb2.PressKey.KEY_BACK


def _no_action_in_the_text(told: trajectory_pb2.Trajectory) -> None:
    told.steps[0].utterance = "I tap"


def _paid_void(told: trajectory_pb2.Trajectory) -> None:
    told.verdict, told.void_reason = trajectory_pb2.VERDICT_VOID, "DeviceError: gone"


def _silent_success(told: trajectory_pb2.Trajectory) -> None:
    del told.steps[-1]


def _unpaid_success(told: trajectory_pb2.Trajectory) -> None:
    told.reward = 0.0


def _paid_silence(told: trajectory_pb2.Trajectory) -> None:
    told.verdict = trajectory_pb2.VERDICT_FAILURE
    del told.steps[-1]


def _past_a_denial(told: trajectory_pb2.Trajectory) -> None:
    told.steps[0].gate.rule = "verb"


def _after_the_end(told: trajectory_pb2.Trajectory) -> None:
    told.steps[0].CopyFrom(told.steps[-1])
    told.steps[0].index = 0


def _version_never_published(told: trajectory_pb2.Trajectory) -> None:
    told.steps[1].adapter_version = 3


def _base_model_with_an_adapter(told: trajectory_pb2.Trajectory) -> None:
    told.steps[1].adapter_digest = "d" * 64


@pytest.mark.parametrize(
    ("forge", "sentence"),
    [
        (_other_action, "In step 0: got the action tap"),
        (_other_kind, "In step 0: got the action press_key"),
        (_no_action_in_the_text, "In step 0: got the action tap"),
        (_paid_void, "in a void episode"),
        (_silent_success, "without its announcement"),
        (_unpaid_success, "with the reward 0"),
        (_paid_silence, "without its announcement"),
        (_past_a_denial, "past an action that was held back"),
        (_after_the_end, "steps after the announcement in step 0"),
        (_version_never_published, "In step 1: got adapter version 3"),
        (_base_model_with_an_adapter, "In step 1: got other bytes as adapter version 0"),
    ],
)
def test_a_claim_that_does_not_follow_is_named(
    recomputation: Recomputation, forge: Callable[[trajectory_pb2.Trajectory], None], sentence: str
) -> None:
    told = message("t", steps=3)
    forge(told)
    found = recomputation.forged(told)
    assert found is not None
    assert sentence in found


def test_an_adapter_is_the_one_published_under_its_number(recomputation: Recomputation, store: AdapterStore) -> None:
    digest = store.publish(manifest(1), b"tensors").payload_sha256
    told = message("t")
    told.steps[0].adapter_version, told.steps[0].adapter_digest = 1, digest
    assert recomputation.forged(told) is None
    told.steps[0].adapter_digest = "d" * 64
    assert "other bytes" in (recomputation.forged(told) or "")


def test_a_version_that_was_removed_since_cannot_be_told_and_passes(
    recomputation: Recomputation, store: AdapterStore
) -> None:
    for version in (1, 2):
        store.publish(policy_pb2.AdapterManifest(version=version), b"tensors")
    store.remove(1)
    told = message("t")
    told.steps[0].adapter_version, told.steps[0].adapter_digest = 1, "d" * 64
    assert recomputation.forged(told) is None


ACTIONS = st.one_of(
    st.builds(Tap, UNIT, UNIT),
    st.builds(LongPress, UNIT, UNIT),
    st.builds(Swipe, UNIT, UNIT, UNIT, UNIT),
    st.builds(TypeText, st.text(min_size=1, max_size=20)),
    st.builds(OpenApp, st.text(min_size=1, max_size=20)),
    st.builds(Finish, st.booleans()),
    st.builds(Wait, st.floats(0, 60)),
)


@pytest.mark.parametrize("name", GRAMMAR_NAMES)
@given(action=ACTIONS)
def test_what_a_grammar_reads_in_its_own_words_is_never_named_forged(name: str, action: object) -> None:
    grammar = grammar_named(name, (1080, 2400))
    try:
        utterance = grammar.render(action)  # type: ignore[arg-type]
    except ValueError:  # some have no words for some actions
        assume(False)
    told = message("t", verdict=Verdict.FAILURE)
    told.action_grammar = name
    told.steps[0].utterance = utterance
    told.steps[0].action.CopyFrom(action_to_message(grammar.parse(utterance)))
    read_again = trajectory_pb2.Trajectory.FromString(told.SerializeToString())
    assert Recomputation(grammar, AdapterStore(Path("nowhere"))).forged(read_again) is None
