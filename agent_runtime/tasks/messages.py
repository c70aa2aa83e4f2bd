"""Tasks of text messages, for a phone that has an app for them. Draws none."""

from agent_runtime.tasks.checks import column_is, counts, has, lacks
from agent_runtime.tasks.setups import row
from agent_runtime.tasks.state_task import StateTask

SMS_URI, INBOX_URI, SENT_URI = "content://sms", "content://sms/inbox", "content://sms/sent"
NUMBERS = ("5552100", "5552211", "5552322", "5552433", "5552544", "5552655", "5552766", "5552877")
WORDS = ("hello", "lunch", "tomorrow", "yes", "late", "happy", "train", "good")
_NUMBER = {"number": NUMBERS}
_NUMBER_AND_WORD = {"number": NUMBERS, "word": WORDS}
_OTHER = {"other": "number"}
_QUESTION = "are you there"
_ASKED = row(INBOX_URI, address="{number}", body=_QUESTION, read=0)
_OTHER_ASKED = row(INBOX_URI, address="{other}", body=_QUESTION, read=0)
_ONLY_SENT = [column_is(SENT_URI, "body", "{word}", address="{number}"), counts(SENT_URI, "1")]

MESSAGES_TEMPLATES = (
    StateTask(
        *("messages/send", "Send the message {word} to {number}", ["Messages"], 8),
        params=_NUMBER_AND_WORD,
        checks=_ONLY_SENT,
    ),
    StateTask(
        *("messages/reply", "Reply {word} to the message of {number}", ["Messages"], 7),
        params=_NUMBER_AND_WORD,
        set_up=[_ASKED],
        checks=_ONLY_SENT,
    ),
    StateTask(
        *("messages/read", "Read the new message of {number}", ["Messages"], 4),
        params=_NUMBER,
        set_up=[_ASKED],
        checks=[has(SMS_URI, address="{number}", read="1")],
    ),
    StateTask(
        *("messages/delete", "Delete the conversation with {number}", ["Messages"], 6),
        params=_NUMBER,
        others=_OTHER,
        set_up=[_ASKED, _OTHER_ASKED],
        checks=[lacks(SMS_URI, address="{number}"), has(SMS_URI, address="{other}")],
    ),
    StateTask(
        *("messages/send-two", "Send the message {word} to {number} and to {other}", ["Messages"], 14),
        params=_NUMBER_AND_WORD,
        others=_OTHER,
        level=2,
        checks=[
            *(column_is(SENT_URI, "body", "{word}", address=number) for number in ("{number}", "{other}")),
            counts(SENT_URI, "2"),
        ],
    ),
    StateTask(
        *("messages/read-both", "Read the new messages of {number} and {other}", ["Messages"], 6),
        params=_NUMBER,
        others=_OTHER,
        set_up=[_ASKED, _OTHER_ASKED],
        level=2,
        checks=[counts(SMS_URI, "0", read="0")],
    ),
    StateTask(
        *("messages/forward", "Forward the message of {number} to {other}, word by word", ["Messages"], 10),
        params=_NUMBER_AND_WORD,
        others=_OTHER,
        set_up=[row(INBOX_URI, address="{number}", body="say {word} to all", read=0)],
        level=2,
        checks=[column_is(SENT_URI, "body", "say {word} to all", address="{other}"), counts(SENT_URI, "1")],
    ),
    StateTask(
        *("messages/reply-and-delete", "Reply {word} to {number} and delete what {other} wrote", ["Messages"], 12),
        params=_NUMBER_AND_WORD,
        others=_OTHER,
        set_up=[_ASKED, _OTHER_ASKED],
        level=2,
        checks=[*_ONLY_SENT, lacks(SMS_URI, address="{other}")],
    ),
    StateTask(
        *("messages/reply-twice", "Reply to {number} with two messages, first {word} and then bye", ["Messages"], 10),
        params=_NUMBER_AND_WORD,
        set_up=[_ASKED],
        level=2,
        checks=[column_is(SENT_URI, "body", "{word}", "bye", address="{number}"), counts(SENT_URI, "2")],
    ),
)
