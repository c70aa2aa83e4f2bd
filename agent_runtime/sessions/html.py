"""Fills a template of this package and writes it as one HTML file. Knows no session."""

from importlib import resources
from pathlib import Path

from agent_runtime.errors import SessionError


def write_html(path: Path, template: str, **facts: object) -> None:
    """Write the template of that name with the facts in it, each escaped, over what is there.

    Raises:
        SessionError: it cannot be written.
    """
    from jinja2 import Environment, StrictUndefined, select_autoescape

    environment = Environment(
        autoescape=select_autoescape(default=True), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = resources.files("agent_runtime.sessions").joinpath(template).read_text("utf-8")
    page = environment.from_string(source).render(**facts)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, "utf-8", errors="replace")
    except OSError as error:
        raise SessionError(f"Got no place for the page ({error}), expected a file to write: name another.") from error
