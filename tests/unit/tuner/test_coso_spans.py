"""Thought and action tokens: spans of text by grammar, and of tokens by decoding prefixes, byte by byte."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from agent_runtime.actions import Finish, PressKey, Tap, TypeText, grammar_named
from agent_runtime.actions.grammar import GRAMMAR_NAMES
from agent_runtime.actions.vocabulary import Action, Key
from tuner.coso.spans import THOUGHT_SPANS, thought_mask, thought_span, token_spans


@pytest.mark.parametrize(
    ("text", "thought"),
    [
        ('{"thought":"Clock 250 312","action":"tap","x":1,"y":2}', "Clock 250 312"),
        ('{"thought":"say \\"hi\\" \\\\","action":"finish","status":"success"}', 'say \\"hi\\" \\\\'),
        ('{"action":"tap","x":1,"y":2,"thought":"late"}', "late"),
        ('{"action":{"thought":"inner"},"thought":"outer"}', "outer"),
        (' \n{ "thought" : "wide" , "action":"tap"}', "wide"),
        ('{"thought":"broken off', "broken off"),
        ('{"thought":"on a\nnew line","action":"tap"}', "on a\nnew line"),
        ('{"thought":"then nonsense" tap', "then nonsense"),
        ('{"action":"type","text":"\\"thought\\":\\"no\\""}', ""),
        ('{"thought":5,"action":"tap"}', ""),
        ('{"thought":"","action":"tap"}', ""),
        ('{x"thought":"no"}', ""),
        ('["thought","no"]', ""),
        ("tap 5 5", ""),
        ("", ""),
        ("{", ""),
        ('{"a":', ""),
        ("[" * 100_000, ""),
        ('{"a":' + "[" * 100_000, ""),
    ],
)
def test_json_thoughts(text: str, thought: str) -> None:
    start, end = thought_span("json", text)
    assert text[start:end] == thought


@pytest.mark.parametrize(
    ("text", "thought"),
    [
        ('Action Plan: [DUAL_POINT] ; Action Decision: "action_type": "TYPE"', " [DUAL_POINT]"),
        ('Action Plan: [A, B]; Action Decision: "x"', " [A, B]"),
        ("Action Plan: a; b ; Action Decision: Action Decision:", " a; b"),
        ("Action Plan: and then", " and then"),
        ("Plan: [A] ; Action Decision:", "Plan: [A]"),
        ("no plan and no decision", ""),
        ("Action Plan:" + " " * 50_000 + "Action Decision:", ""),
    ],
)
def test_auto_ui_plans(text: str, thought: str) -> None:
    start, end = thought_span("auto-ui", text)
    assert text[start:end] == thought


@pytest.mark.parametrize(
    ("name", "text", "thought"),
    [
        ("ui-tars", "Thought: At the top.\nAction: click(x)", " At the top."),
        ("ui-tars", "At the top.\n  Action: click(x)", "At the top."),
        ("ui-tars", "Thought: on one line. Action: click(x)", " on one line."),
        ("ui-tars", "Thought: broken off", " broken off"),
        ("ui-tars", "click(x)", ""),
        ("autoglm", '<think>Not open.</think>\n<answer>do(action="Back")</answer>', "Not open."),
        ("autoglm", 'Not open.\n<answer>do(action="Back")</answer>', "Not open."),
        ("autoglm", 'do(action="Back")', ""),
        ("autoglm", 'Not open. do(action="Back")', "Not open."),
        ("cogagent", "Action: Click it.\nGrounded Operation: CLICK(box=[[1,2,3,4]])", " Click it."),
        ("qwen-mobile-use", "Thought: Above.\n<tool_call>\n{}\n</tool_call>", " Above."),
        ("android-world", 'Reason: Done.\nAction: {"action_type": "status"}', " Done."),
        ("android-world", 'Reason: {"action_type": "status"}', ""),
        ("agentcpm", '{"thought":"up","POINT":[1,2]}', "up"),
    ],
)
def test_thoughts_before_a_marker(name: str, text: str, thought: str) -> None:
    start, end = thought_span(name, text)
    assert text[start:end] == thought


def test_every_grammar_has_its_rule() -> None:
    assert THOUGHT_SPANS.keys() == set(GRAMMAR_NAMES)


def test_a_grammar_without_a_rule_is_all_action() -> None:
    assert thought_span("another", '{"thought":"a"}') == (0, 0)


ACTIONS: list[Action] = [Tap(0.1, 0.2), TypeText('"thought":"x"'), TypeText("Action: Thought:"), PressKey(Key.HOME)]


@pytest.mark.parametrize("action", [*ACTIONS, Finish(True)])
@pytest.mark.parametrize("name", GRAMMAR_NAMES)
def test_another_thought_in_the_same_place_never_changes_the_action(name: str, action: Action) -> None:
    grammar = grammar_named(name, (1000, 2000))
    try:
        text = grammar.render(action, "first")
    except ValueError:
        pytest.skip("no words for it")
    start, end = thought_span(name, text)
    assert text[start:end].strip() == "first"
    assert grammar.parse(text[:start] + " quite another" + text[end:]) == grammar.parse(text)


# ---- tokens


def _byte_level(texts: list[str], merges: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=257 + merges, initial_alphabet=alphabet, special_tokens=["<end>"], show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


BYTES = _byte_level([], 0)  # every byte is a token
MERGED = _byte_level(['{"thought":"Clock 250 312; größe 😀","action":"tap","x":250,"y":312}'] * 5, 40)
END = MERGED.token_to_id("<end>") or 0


class _Decoder:
    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def __call__(self, token_ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(token_ids), skip_special_tokens=True))


@settings(deadline=None, max_examples=150)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12))
def test_a_token_of_one_byte_belongs_to_its_character(text: str) -> None:
    expected = [(place, place + 1) for place, letter in enumerate(text) for _ in letter.encode()]
    assert token_spans(BYTES.encode(text).ids, _Decoder(BYTES)) == expected


@settings(deadline=None, max_examples=150)
@given(st.text(alphabet='Clock größe😀é {"thought":0123', max_size=20))
def test_merged_tokens_cover_the_characters_of_their_bytes(text: str) -> None:
    ids = MERGED.encode(text).ids
    owner = [place for place, letter in enumerate(text) for _ in letter.encode()]
    at, expected = 0, []
    for token in ids:
        size = len(MERGED.id_to_token(token) or "")  # one letter of the byte alphabet for each byte
        expected.append((owner[at], owner[at + size - 1] + 1))
        at += size
    assert token_spans(ids, _Decoder(MERGED)) == expected


@settings(deadline=None, max_examples=300)
@given(st.lists(st.integers(0, 256), max_size=24))
def test_any_tokens_whatsoever_have_spans_inside_the_text_and_in_order(token_ids: list[int]) -> None:
    decode = _Decoder(BYTES)
    spans = token_spans(token_ids, decode)
    assert len(spans) == len(token_ids)
    assert all(0 <= start <= end <= len(decode(token_ids)) for start, end in spans)
    assert [start for start, _ in spans] == sorted(start for start, _ in spans)


def test_the_end_of_turn_has_no_text_and_is_action() -> None:
    ids = [*MERGED.encode('{"thought":"go').ids, END]
    assert token_spans(ids, _Decoder(MERGED))[-1] == (14, 14)
    assert thought_mask(ids, _Decoder(MERGED), "json")[-1] is False


def test_a_special_token_amid_the_thought_is_thought() -> None:
    ids = [*MERGED.encode('{"thought":"go').ids, END, *MERGED.encode(' on"}').ids]
    mask = thought_mask(ids, _Decoder(MERGED), "json")
    assert mask[ids.index(END)] is True


@pytest.mark.parametrize("tokenizer", [BYTES, MERGED], ids=["bytes", "merged"])
def test_the_mask_is_true_for_the_thought_and_nothing_else(tokenizer: Tokenizer) -> None:
    text = '{"thought":"größe 😀 ok","action":"tap","x":250,"y":312}'
    ids = tokenizer.encode(text).ids
    mask = thought_mask(ids, _Decoder(tokenizer), "json")
    thought = [token for token, inside in zip(ids, mask, strict=True) if inside]
    action = [token for token, inside in zip(ids, mask, strict=True) if not inside]
    assert _Decoder(tokenizer)(thought) == "größe 😀 ok"
    assert _Decoder(tokenizer)(action) == text.replace("größe 😀 ok", "")


def test_a_token_that_straddles_the_edge_is_action() -> None:
    pieces = ['{"thought":"go', " on", ' now","action":"tap"}']

    def decode(token_ids: Sequence[int]) -> str:
        return "".join(pieces[token] for token in token_ids)

    assert thought_mask([0, 1, 2], decode, "json") == [False, True, False]


def test_without_a_thought_everything_is_action() -> None:
    ids = MERGED.encode("tap").ids
    assert thought_mask(ids, _Decoder(MERGED), "json") == [False] * len(ids)
    assert thought_mask([], _Decoder(MERGED), "json") == []
