"""Calibration: bins and gaps by hand, and the whole action as the unit."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tuner.coso.calibration import expected_calibration_error, whole_action_confidence


def _ece(pairs: list[tuple[float, bool]], bins: int = 15) -> float:
    confidences, correct = zip(*pairs, strict=True)
    return expected_calibration_error(torch.tensor(confidences, dtype=torch.float64), torch.tensor(correct), bins)


def test_the_error_by_hand() -> None:
    # two bins: (0, 0.5] holds 0.2 wrong and 0.4 right: |0.5 − 0.3| = 0.2; (0.5, 1] holds 0.9 right: 0.1
    # 2/3 · 0.2 + 1/3 · 0.1 = 1/6
    assert _ece([(0.2, False), (0.4, True), (0.9, True)], bins=2) == pytest.approx(1 / 6)


def test_errors_of_opposite_sign_cancel_inside_a_bin_only() -> None:
    pairs = [(0.7, True), (0.7, False), (0.7, True)]  # 2/3 right at 0.7 sure
    assert _ece(pairs) == pytest.approx(0.7 - 2 / 3)
    assert _ece([(0.3, True), (0.7, False)]) == pytest.approx(0.7)


def test_always_right_and_sure_is_perfect_and_always_wrong_and_sure_is_one() -> None:
    assert _ece([(1.0, True)] * 4) == 0
    assert _ece([(1.0, False)] * 4) == 1
    assert _ece([(0.0, False)] * 4) == 0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40), st.integers(1, 20))
def test_the_error_is_the_sum_over_bins_written_out(pairs: list[tuple[float, bool]], bins: int) -> None:
    expected = 0.0
    for place in range(bins):
        inside = [(c, r) for c, r in pairs if place < c * bins <= place + 1 or (place == 0 and c == 0)]
        if inside:
            right = sum(r for _, r in inside) / len(inside)
            sure = sum(c for c, _ in inside) / len(inside)
            expected += len(inside) / len(pairs) * abs(right - sure)
    assert _ece(pairs, bins) == pytest.approx(expected, abs=1e-9)
    assert 0 <= _ece(pairs, bins) <= 1 + 1e-9


def test_an_action_is_right_when_every_field_is_and_as_sure_as_their_product() -> None:
    # fields: odds 1 : 3, and 9 : 1 : 2
    first = torch.tensor([[1.0, 3.0], [1.0, 3.0]]).log()
    second = torch.tensor([[9.0, 1.0, 2.0], [9.0, 1.0, 2.0]]).log()
    confidence, correct = whole_action_confidence([first, second], torch.tensor([[1, 0], [1, 2]]))
    assert confidence.tolist() == pytest.approx([3 / 4 * 9 / 12] * 2)
    assert correct.tolist() == [True, False]


def test_wrong_shapes_are_refused_first() -> None:
    with pytest.raises(AssertionError):
        expected_calibration_error(torch.zeros(2), torch.zeros(3).bool())
    with pytest.raises(AssertionError):
        expected_calibration_error(torch.zeros(0), torch.zeros(0).bool())
    with pytest.raises(AssertionError):
        whole_action_confidence([torch.zeros(2, 3)], torch.zeros(2, 2).long())
