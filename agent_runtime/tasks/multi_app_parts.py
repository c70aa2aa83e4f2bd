"""What both halves of the suite ``multi-app`` check and set up. Holds no template."""

from agent_runtime.tasks.checks import column_is, counts
from agent_runtime.tasks.messages import INBOX_URI, SENT_URI
from agent_runtime.tasks.setups import row
from agent_runtime.tasks.state_task import Check, SetUp


def message(body: str) -> SetUp:
    """Have a new message of ``{number}``."""
    return row(INBOX_URI, address="{number}", body=body, read=0)


def sent(body: str) -> list[Check]:
    """Have sent that to ``{number}``, and nothing else."""
    return [column_is(SENT_URI, "body", body, address="{number}"), counts(SENT_URI, "1")]
