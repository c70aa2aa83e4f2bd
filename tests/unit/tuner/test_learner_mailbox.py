"""The mailbox: JSON lines in and out, and a stop that is never missed."""

import io
import json

from tuner.learner.mailbox import Mailbox


def _started(lines: str) -> tuple[Mailbox, io.StringIO]:
    answers = io.StringIO()
    mailbox = Mailbox(io.StringIO(lines), answers)
    mailbox.start()
    return mailbox, answers


def _wait_for_stop(mailbox: Mailbox) -> None:
    while not mailbox.stop_requested:
        mailbox.wait()


def test_a_stop_is_seen() -> None:
    mailbox, _ = _started('{"event": "trajectory_stored"}\n{"event": "stop"}\n')
    _wait_for_stop(mailbox)


def test_the_end_of_the_input_is_a_stop() -> None:
    _wait_for_stop(_started("")[0])


def test_a_line_that_is_no_event_does_no_harm() -> None:
    _wait_for_stop(_started('nonsense\n[1]\n{"event": 3}\n{"event": "stop"}\n')[0])


def test_waiting_after_a_stop_returns_at_once() -> None:
    mailbox, _ = _started('{"event": "stop"}\n')
    _wait_for_stop(mailbox)
    mailbox.wait()
    mailbox.wait()


def test_answers_are_json_lines() -> None:
    answers = io.StringIO()
    mailbox = Mailbox(io.StringIO(), answers)
    mailbox.state("waiting", "for 8")
    mailbox.published(3)
    mailbox.consumed(8)
    mailbox.metrics({"loss": 0.5})
    assert [json.loads(line) for line in answers.getvalue().splitlines()] == [
        {"event": "state", "state": "waiting", "message": "for 8"},
        {"event": "published", "version": 3},
        {"event": "consumed", "count": 8},
        {"event": "metrics", "metrics": {"loss": 0.5}},
    ]
