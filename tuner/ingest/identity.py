"""What must agree between the tuner and every runtime that joins. Reads no checkpoint."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Identity:
    """Digests are hex sha256 of the base checkpoint and its tokenizer."""

    base_model_digest: str
    tokenizer_digest: str
    quantization: str
    action_grammar: str

    def mismatch(self, other: "Identity") -> str | None:
        """Return in one sentence how the other differs from this, the tuner's own; None when it does not."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if mine != theirs:
                name = field.name.replace("_", " ")
                return f"Got the {name} {_short(theirs)}, expected {_short(mine)}: start the runtime with the tuner's."
        return None


def _short(value: str) -> str:
    return repr(value if len(value) < 64 else value[:12] + "…")
