"""The tuner's identity: every field must agree, and the first that does not is named in one sentence."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from agent_runtime.trajectory import PolicyIdentity
from tuner.ingest.identity import Identity

OWN = Identity("b" * 64, "7" * 64, "nf4", "json")


def test_what_is_equal_does_not_mismatch() -> None:
    assert OWN.mismatch(replace(OWN)) is None


@pytest.mark.parametrize("name", [field.name for field in fields(Identity)])
@pytest.mark.parametrize("other", ["other", "", "0" * 64])
def test_a_field_that_differs_is_named(name: str, other: str) -> None:
    sentence = OWN.mismatch(replace(OWN, **{name: other}))
    assert sentence is not None
    assert sentence.startswith(f"Got the {name.replace('_', ' ')} ")
    assert sentence.endswith(": start the runtime with the tuner's.")


def test_long_digests_are_shortened_and_names_are_not() -> None:
    assert OWN.mismatch(replace(OWN, base_model_digest="0" * 64)) == (
        "Got the base model digest '000000000000…', expected 'bbbbbbbbbbbb…': start the runtime with the tuner's."
    )
    assert OWN.mismatch(replace(OWN, quantization="int8")) == (
        "Got the quantization 'int8', expected 'nf4': start the runtime with the tuner's."
    )


def test_of_several_differences_the_first_field_is_named() -> None:
    sentence = OWN.mismatch(Identity("0" * 64, "0" * 64, "int8", "auto-ui"))
    assert sentence is not None
    assert "base model digest" in sentence
    assert "quantization" not in sentence


def test_a_digest_that_differs_only_at_its_end_is_another() -> None:
    assert OWN.mismatch(replace(OWN, tokenizer_digest="7" * 63 + "8")) is not None
    assert OWN.mismatch(replace(OWN, action_grammar="JSON")) is not None


def test_the_runtime_speaks_of_the_same_fields() -> None:
    assert [field.name for field in fields(Identity)] == [field.name for field in fields(PolicyIdentity)]
