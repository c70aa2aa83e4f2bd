"""Parser weights against enumeration of the whole vocabulary, on random utterances and distributions."""

from collections.abc import Sequence

import pytest
import torch

from agent_runtime.actions.grammar import grammar_named
from agent_runtime.actions.vocabulary import Malformed
from tuner.coso.labels import Utterance, action_labels
from tuner.coso.parser_weights import ParserWeights

torch.set_num_threads(1)
PIECES = ['{"thought":"', "go", "\\", '"', '","action":"tap","x":', "1", "2", "0", ',"y":', "}", "<end>"]
GRAMMAR = grammar_named("json")
END = PIECES.index("<end>")
TAP = (0, 1, 4, 5, 6, 8, 6, 9, END)


def _decode(token_ids: Sequence[int]) -> str:
    return "".join(PIECES[token] for token in token_ids if token != END)


def _enumerated(token_ids: tuple[int, ...], probabilities: torch.Tensor, top_k: int) -> list[float]:
    original = GRAMMAR.parse(_decode(token_ids))
    answer = []
    for place, written in enumerate(token_ids):
        row = probabilities[place].tolist()
        ranked = sorted(range(len(PIECES)), key=row.__getitem__, reverse=True)[:top_k]
        others = [token for token in ranked if token != written]
        moved = 0.0
        for token in others:
            action = GRAMMAR.parse(_decode([*token_ids[:place], token, *token_ids[place + 1 :]]))
            same = action == original or (isinstance(action, Malformed) and isinstance(original, Malformed))
            moved += 0.0 if same else row[token]
        mass = sum(row[token] for token in others)
        answer.append(moved / mass if mass else 0.0)
    return answer


@pytest.mark.parametrize("top_k", [1, 2, 5, 11, 50])
@pytest.mark.parametrize("seed", range(6))
def test_weights_equal_enumeration(seed: int, top_k: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    random_ids = tuple(torch.randint(0, len(PIECES), (7,), generator=generator).tolist())
    for token_ids in (TAP, random_ids, (0,), (END,), (END, END)):
        logits = 2 * torch.randn(len(token_ids), len(PIECES), generator=generator)
        utterance = Utterance(token_ids, action_labels(GRAMMAR.parse(_decode(token_ids))))
        everywhere = torch.ones(len(token_ids), dtype=torch.bool)
        found = ParserWeights(GRAMMAR, _decode, top_k).weights([utterance], [everywhere], [logits.softmax(-1)])[0]
        assert found.tolist() == pytest.approx(_enumerated(token_ids, logits.softmax(-1), top_k), abs=1e-6)


def test_weights_do_not_depend_on_the_batch_or_on_what_was_asked_before() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = [TAP, TAP[:5], (0,)]
    utterances = [Utterance(ids, action_labels(GRAMMAR.parse(_decode(ids)))) for ids in rows]
    needed = [torch.ones(len(ids), dtype=torch.bool) for ids in rows]
    tables = [torch.randn(len(ids), len(PIECES), generator=generator).softmax(-1) for ids in rows]
    source = ParserWeights(GRAMMAR, _decode)
    for _ in range(2):
        together = source.weights(utterances, needed, tables)
        for place, found in enumerate(together):
            alone = ParserWeights(GRAMMAR, _decode).weights([utterances[place]], [needed[place]], [tables[place]])[0]
            assert torch.equal(found, alone)
