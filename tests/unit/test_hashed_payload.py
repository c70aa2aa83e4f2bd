"""A payload's digest made on arrival is that of its bytes, however they were cut."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.adapters.hashed import HashedPayload, HashingBuffer, sha256_of


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_the_digest_made_on_arrival_is_that_of_the_whole(chunks: list[bytes]) -> None:
    buffer = HashingBuffer()
    for chunk in chunks:
        buffer += chunk
    payload, content = buffer.whole(), b"".join(chunks)
    assert payload == content
    assert len(buffer) == len(content)
    assert payload.sha256 == sha256_of(payload) == sha256_of(content) == hashlib.sha256(content).hexdigest()


def test_a_part_of_a_hashed_payload_is_plain_bytes_and_hashed_anew() -> None:
    buffer = HashingBuffer()
    buffer += b"whole"
    part = buffer.whole()[1:]
    assert not isinstance(part, HashedPayload)
    assert sha256_of(part) == hashlib.sha256(b"hole").hexdigest()
