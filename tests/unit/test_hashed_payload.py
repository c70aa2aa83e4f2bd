"""A payload's digest made on arrival is that of its bytes, however they were cut."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.adapters.hashed import HashedPayload, sha256_of


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_the_digest_made_on_arrival_is_that_of_the_whole(chunks: list[bytes]) -> None:
    payload, content = HashedPayload(), b"".join(chunks)
    for chunk in chunks:
        payload.add(chunk)
    assert payload == content
    assert len(payload) == len(content)
    assert payload.sha256 == sha256_of(payload) == sha256_of(content) == hashlib.sha256(content).hexdigest()


def test_a_part_of_a_hashed_payload_is_hashed_anew() -> None:
    payload = HashedPayload()
    payload.add(b"whole")
    part = payload[1:]
    assert not isinstance(part, HashedPayload)
    assert sha256_of(part) == hashlib.sha256(b"hole").hexdigest()
