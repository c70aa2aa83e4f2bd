"""The rules of the four games: hands, legal moves, rewards and ends, held against the published ones."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_scripts.virtual_phone.cards import blackjack, ez_points, formula_game, number_line, points24
from device_scripts.virtual_phone.cards.card import HIGHEST_RANK, SUITS, Card, draw_card
from device_scripts.virtual_phone.cards.formula import value_of
from device_scripts.virtual_phone.cards.formula_game import FormulaGame
from device_scripts.virtual_phone.cards.number_line import NumberLine

numbers = st.integers(0, 10_000_000)


def hand(*ranks: int) -> tuple[Card, ...]:
    return tuple(Card(rank, "spade") for rank in ranks)


def played(rules: formula_game.FormulaRules, game: FormulaGame, moves: str) -> FormulaGame:
    return reduce(lambda so_far, move: formula_game.step(rules, so_far, move), moves.split(), game)


# --- cards


def test_every_card_is_drawn_about_as_often() -> None:
    rng = random.Random(0)
    seen = Counter(draw_card(rng) for _ in range(52_000))
    assert len(seen) == HIGHEST_RANK * len(SUITS)
    assert all(870 < count < 1130 for count in seen.values())  # 1000 each, standard deviation about 31


def test_cards_count_and_are_called_as_players_do() -> None:
    cards = [Card(1, "spade"), Card(10, "heart"), Card(11, "diamond"), Card(12, "club"), Card(13, "heart")]
    assert [card.value for card in cards] == [1, 10, 10, 10, 10]
    assert [card.code for card in cards] == ["AS", "10H", "JD", "QC", "KH"]
    assert cards[3].name == "queen of clubs"


@given(numbers)
def test_a_number_is_always_the_same_game(number: int) -> None:
    points24.start.cache_clear()
    for game in (number_line, ez_points, points24, blackjack):
        assert game.start(number) == game.start(number)


# --- NumberLine


@given(numbers, st.lists(st.sampled_from(number_line.MOVES), max_size=12))
def test_number_line_pays_for_the_way_to_the_target(number: int, moves: list[str]) -> None:
    game = number_line.start(number)
    assert game.position != game.target
    for made, move in enumerate(moves, start=1):
        if game.score.done:
            break
        before = abs(game.position - game.target)
        game = number_line.step(game, move)
        after = abs(game.position - game.target)
        assert 0 <= game.position <= 5
        assert game.score.reward == (1 if after == 0 else 0 if after < before else -1)
        assert game.score.done == (after == 0 or made == 10)
    assert -10 <= game.score.total <= 1


def test_number_line_at_an_end_stays_and_at_worst_returns_minus_ten() -> None:
    game = reduce(number_line.step, ["left"] * 10, NumberLine(target=3, position=0))
    assert (game.position, game.score.total, game.score.done, game.score.won) == (0, -10, True, False)


def test_one_wrong_move_on_the_line_is_no_success() -> None:
    game = reduce(number_line.step, ["left", "right", "right"], NumberLine(target=3, position=2))
    assert (game.score.total, game.score.done, game.score.won) == (0, True, False)  # -1 + 0 + 1


# --- formulas


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8 / ( 3 - 8 / 3 )", Fraction(24)),  # 23.99… in floating point
        ("1 - 2 * 3", Fraction(-5)),
        ("( 1 - 2 ) * 3", Fraction(-3)),
        ("2 / 3 / 4", Fraction(1, 6)),
        ("- 5 - - 3", Fraction(-2)),
        ("- 2 * - 3", Fraction(6)),
        ("1 / ( 2 - 2 )", None),
        ("1 2", None),
        ("2 * * 3", None),
        ("4 / / 3", None),
        ("( 1 + 2", None),
        ("1 + 2 )", None),
        ("( )", None),
        ("4 ( 5 )", None),
        ("1 +", None),
        ("", None),
        ("x", None),
        ("²", None),
        ("1 " + "+ 1 " * 40, None),
    ],
)
def test_a_formula_has_its_exact_value_or_none(text: str, value: Fraction | None) -> None:
    assert value_of(text.split()) == value


@st.composite
def formulas(draw: st.DrawFn, depth: int = 3) -> tuple[str, Fraction | None]:
    """A well-formed formula, in full parentheses, and its value worked out beside it."""
    if depth == 0 or draw(st.booleans()):
        number = draw(st.integers(0, 13))
        return str(number), Fraction(number)
    left, left_value = draw(formulas(depth=depth - 1))
    right, right_value = draw(formulas(depth=depth - 1))
    sign = draw(st.sampled_from("+-*/"))
    text = f"( {left} {sign} {right} )"
    if left_value is None or right_value is None or (sign == "/" and right_value == 0):
        return text, None
    by_sign = {"+": left_value + right_value, "-": left_value - right_value, "*": left_value * right_value}
    return text, left_value / right_value if sign == "/" else by_sign[sign]


@given(formulas())
def test_values_are_those_of_exact_arithmetic(formula: tuple[str, Fraction | None]) -> None:
    text, value = formula
    assert value_of(text.split()) == value


@given(st.lists(st.sampled_from(points24.RULES.moves), max_size=30))
def test_any_tokens_have_a_value_or_none(tokens: list[str]) -> None:
    value = value_of(tokens)
    assert value is None or isinstance(value, Fraction)


# --- EZPoints and Points24


@given(numbers)
def test_ez_points_hands_make_twelve(number: int) -> None:
    first, second = (card.value for card in ez_points.start(number).hand)
    assert 12 in (first + second, first * second)


@given(numbers)
def test_points24_hands_can_be_solved(number: int) -> None:
    assert points24.is_solvable(card.value for card in points24.start(number).hand)


def test_which_hands_can_be_solved() -> None:
    assert points24.is_solvable([8, 3, 8, 3])
    assert points24.is_solvable([5, 5, 5, 1])  # 5 * (5 - 1 / 5)
    assert not points24.is_solvable([1, 1, 1, 1])
    assert not points24.is_solvable([10, 10, 10, 10])


@pytest.mark.parametrize(
    ("ranks", "moves", "rewards"),
    [
        ((3, 4), "3 * 4 =", [0, 0, 0, 10]),
        ((12, 2), "2 + 10 =", [0, 0, 0, 10]),  # a queen counts 10
        ((3, 4), "3 + 4 =", [0, 0, 0, -1]),
        ((3, 4), "3 * 4 + =", [0, 0, 0, 0, -1]),
        ((1, 2), "1 2 =", [0, 0, -1]),  # side by side is not 12
        ((6, 2), "6 + 6 =", [0, 0, -1, -1]),  # there is one 6
        ((6, 2), "6 + 6 2 =", [0, 0, -1, 0, -1]),
        ((6, 2), "5 6 * 2 =", [-1, 0, 0, 0, 10]),  # a blank is passed over
        ((3, 4), "=", [-1]),
        ((3, 4), "+ + + + + + =", [0] * 6 + [-1]),
        ((3, 4), "9 9 9 9 9 9 9", [-1] * 7),  # the lowest return
    ],
)
def test_ez_points_pays_as_published(ranks: tuple[int, ...], moves: str, rewards: list[int]) -> None:
    game, paid = FormulaGame(hand(*ranks)), []
    for move in moves.split():
        assert not game.score.done
        game = ez_points.step(game, move)
        paid.append(game.score.reward)
    assert paid == rewards
    assert game.score.done
    assert game.score.total == sum(rewards)
    assert game.score.won == (sum(rewards) > 0)


def test_points24_needs_every_card_and_the_exact_value() -> None:
    dealt = FormulaGame(hand(3, 8, 3, 8))
    assert played(points24.RULES, dealt, "8 / ( 3 - 8 / 3 ) =").score.total == 10
    assert played(points24.RULES, dealt, "3 * 8 =").score.total == -1
    assert played(points24.RULES, dealt, "3 * 8 + 3 - 3 =").score.total == -2  # the third 3 is blank: 24, 3 cards
    assert played(points24.RULES, dealt, "7 " * 22).score.total == points24.RULES.lowest_return == -22
    assert played(points24.RULES, dealt, "( " * 21).score.done is False


@given(numbers, st.lists(st.sampled_from(points24.RULES.moves), max_size=30))
def test_a_formula_game_ends_with_equals_or_by_length_and_stays_in_its_bounds(number: int, moves: list[str]) -> None:
    game = points24.start(number)
    for place, move in enumerate(moves):
        if game.score.done:
            assert moves[place - 1] == "=" or place == 22
            break
        game = points24.step(game, move)
        assert not Counter(game.used) - Counter(str(card.value) for card in game.hand)
    assert points24.RULES.lowest_return <= game.score.total <= 10


# --- Blackjack


def test_aces_count_eleven_while_they_can() -> None:
    cases = {(1, 9): 20, (1, 1): 12, (1, 13): 21, (1, 6, 10): 17, (1, 1, 9): 21, (11, 12, 2): 22}
    assert {ranks: blackjack.hand_sum(hand(*ranks)) for ranks in cases} == cases
    assert blackjack.has_usable_ace(hand(1, 6))
    assert not blackjack.has_usable_ace(hand(1, 6, 10))


@given(numbers, st.integers(0, 12))
def test_blackjack_is_scored_as_by_gymnasium(number: int, hits: int) -> None:
    game = blackjack.start(number)
    assert (len(game.player), len(game.dealer)) == (2, 2)
    for _ in range(hits):
        game = blackjack.step(game, "hit")
        bust = blackjack.hand_sum(game.player) > 21
        assert (game.score.done, game.score.reward, len(game.dealer)) == (bust, -1 if bust else 0, 2)
        if bust:
            return
    game = blackjack.step(game, "stick")
    mine, theirs = blackjack.hand_sum(game.player), blackjack.hand_sum(game.dealer)
    assert theirs >= 17
    assert len(game.dealer) == 2 or blackjack.hand_sum(game.dealer[:-1]) < 17
    won, drawn = theirs > 21 or mine > theirs, mine == theirs
    assert game.score.reward == (1 if won else 0 if drawn else -1)
    assert game.score.done


def test_a_natural_only_draws_with_a_twenty_one_of_three_cards() -> None:
    """That is ``sab=False``: with ``sab=True``, Gymnasium's registered default, it would win."""
    natural = next(
        game
        for number in range(100_000)
        if blackjack.hand_sum((game := blackjack.start(number)).player) == 21
        and blackjack.hand_sum((ended := blackjack.step(game, "stick")).dealer) == 21
        and len(ended.dealer) > 2
    )
    assert blackjack.step(natural, "stick").score.total == 0


def test_sticking_at_once_returns_what_the_odds_say() -> None:
    """Against a dealer who stands on 17 an endless deck gives a player who always sticks about -0.186 a hand.

    Worked out exactly: ``exact_return_of_sticking``. The mean of 20,000 hands has a standard deviation of 0.007.
    """
    exact = float(exact_return_of_sticking())
    total = sum(blackjack.step(blackjack.start(number), "stick").score.total for number in range(20_000))
    assert abs(total / 20_000 - exact) < 0.03


def exact_return_of_sticking() -> Fraction:
    odds = {value: Fraction(4 if value == 10 else 1, 13) for value in range(1, 11)}

    def best(total: int, aces: bool) -> int:
        return total + 10 if aces and total + 10 <= 21 else total

    def dealer(total: int, aces: bool, cards: int) -> dict[int, Fraction]:
        stands = best(total, aces)
        if cards >= 2 and stands >= 17:
            return {stands if stands <= 21 else 0: Fraction(1)}
        ends: dict[int, Fraction] = {}
        for value, share in odds.items():
            for end, part in dealer(total + value, aces or value == 1, cards + 1).items():
                ends[end] = ends.get(end, Fraction(0)) + share * part
        return ends

    ends = dealer(0, False, 0)
    return sum(
        (
            odds[a] * odds[b] * part * ((mine > end) - (mine < end))
            for a in odds
            for b in odds
            for mine in [best(a + b, 1 in (a, b))]
            for end, part in ends.items()
        ),
        Fraction(0),
    )


# --- moves


def test_moves_that_are_none_and_moves_after_the_end_are_refused() -> None:
    with pytest.raises(ValueError, match="expected one of left right"):
        number_line.step(number_line.start(1), "up")
    with pytest.raises(ValueError, match="expected one of hit stick"):
        blackjack.step(blackjack.start(1), "double")
    with pytest.raises(ValueError, match="after the end"):
        blackjack.step(blackjack.step(blackjack.start(1), "stick"), "hit")
    with pytest.raises(ValueError, match="expected one of 1 2 3"):
        ez_points.step(ez_points.start(1), "-")
