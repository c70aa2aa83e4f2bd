"""Has a decoder's last layer work only where its output is read. Changes no value that is read.

Behind the last layer only the answer's positions are looked at: of all others it must give keys and values, and
nothing else. Its query and output projections and its feed-forward part then run on the answer's positions alone,
and give 0 elsewhere.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor


@contextmanager
def last_layer_only_at(base: Any, positions: Tensor) -> Iterator[None]:
    """Let the last layer of ``base``'s language model work at ``positions`` [B, S], True where its output is read.

    A model built otherwise than Llama's or Qwen's decoders works as ever.
    """
    with ExitStack() as hooks:
        for module in _read_at_answers_only(base):
            hooks.enter_context(_Only(module, positions))
        yield


def _read_at_answers_only(base: Any) -> list[Any]:
    layers = getattr(getattr(base.model, "language_model", None), "layers", None)
    if not layers:
        return []
    attention = getattr(layers[-1], "self_attn", None)
    parts = [getattr(attention, "q_proj", None), getattr(attention, "o_proj", None), getattr(layers[-1], "mlp", None)]
    return parts if all(part is not None for part in parts) else []


class _Only:
    """Two hooks on one module: rows [B, S, D] in and out become [N, D], those of the positions."""

    def __init__(self, module: Any, positions: Tensor) -> None:
        self._module = module
        self._positions = positions
        self._handles: list[Any] = []

    def __enter__(self) -> None:
        self._handles = [
            self._module.register_forward_pre_hook(self._gather),
            self._module.register_forward_hook(self._scatter),
        ]

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _gather(self, module: Any, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        assert args[0].shape[:2] == self._positions.shape
        return (args[0][self._positions], *args[1:])

    def _scatter(self, module: Any, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        whole = output.new_zeros((*self._positions.shape, output.shape[-1]))
        whole[self._positions] = output
        return whole
