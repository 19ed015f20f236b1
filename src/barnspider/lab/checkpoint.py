"""Where a long run goes on after it was killed: its whole state on disk, a few minutes old at most.

The file is that of `states`: it appears whole or not at all, and carries its sum. Resumed, a run gives the bits that it
would have given undisturbed; so a state of other data, or of another environment, is not taken up.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load as from_safetensors
from safetensors.torch import save as in_safetensors
from torch import Tensor, nn

from barnspider.files import write_whole
from barnspider.lab.averaging import Average
from barnspider.lab.claims import Claim
from barnspider.lab.states import DIGITS, sum_of
from barnspider.lab.weighing import Weighing

EVERY = 180.0
"""Seconds of training between two checkpoints: what a kill costs. Shorter runs never write one."""

_ABOUT, _CPU_CHANCE, _CUDA_CHANCE = "about", "chance.cpu", "chance.cuda"


@dataclass(eq=False)
class Course:
    """How far a training is: with the recipe, the seed and the data, all that its next step depends on.

    Attributes
    ----------
    loss : sum of the losses of this epoch's steps, on the device
    weighing : how much each class counts in the loss; None while all images count alike
    step : steps taken, of all epochs
    curve : validation accuracy after each epoch that is done
    seconds : wall time that went into it before this process
    """

    net: nn.Module
    optimizer: torch.optim.SGD
    average: Average
    loss: Tensor
    weighing: Weighing | None = None
    step: int = 0
    curve: list[float] = field(default_factory=list[float])
    seconds: float = 0.0

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor of the state, by name; writing into them changes the state."""
        return {
            "loss": self.loss,
            **({} if self.weighing is None else {"weighing": self.weighing.state}),
            **{f"net.{name}": tensor for name, tensor in self.net.state_dict().items()},
            **{f"average.{i}": tensor for i, tensor in enumerate(self.average.sums)},
            **{f"momentum.{i}": tensor for i, tensor in enumerate(self._momenta())},
        }

    def _momenta(self) -> list[Tensor]:
        """Return what the optimizer remembers of each weight; what it does not remember yet is 0, which is the same."""
        weights = [weight for group in self.optimizer.param_groups if group["momentum"] for weight in group["params"]]
        states = [self.optimizer.state[weight] for weight in weights]
        for weight, state in zip(weights, states, strict=True):
            if state.get("momentum_buffer") is None:
                state["momentum_buffer"] = torch.zeros_like(weight)
        return [state["momentum_buffer"] for state in states]


@dataclass(eq=False)
class Checkpoint:
    """The file that keeps a run's state.

    Attributes
    ----------
    path : the file, which need not be there
    fingerprint : of the data that the run sees
    every : seconds between two savings
    claim : on the run, without which nothing is written
    """

    path: Path
    fingerprint: str
    every: float = EVERY
    claim: Claim | None = None
    _last: float = field(default_factory=time.monotonic)

    def due(self) -> bool:
        """Return whether it is time to save."""
        return time.monotonic() - self._last >= self.every

    def look(self) -> None:
        """Raise `LostClaim` where the run is another's by now. This costs nothing, and is for every step."""
        if self.claim is not None:
            self.claim.look_if_late()

    def save(self, course: Course, environment: Mapping[str, str], seconds: float) -> None:
        """Write a training's state; `seconds` of wall time have gone into it.

        Raises
        ------
        StoreError
            When the disk is full or the folder cannot be written; an older checkpoint stays.
        LostClaim
            When the run is another's by now, and so is its checkpoint.
        """
        about = {
            "step": course.step, "curve": course.curve, "seconds": seconds,
            "fingerprint": self.fingerprint, "environment": dict(environment),
        }  # fmt: skip
        text = torch.frombuffer(bytearray(json.dumps(about).encode()), dtype=torch.uint8)
        state = {_ABOUT: text, **_chance(course.loss.device), **course.tensors()}
        # A copy of each: safetensors refuses tensors that share memory, as tied weights do.
        payload = in_safetensors({name: t.detach().cpu().contiguous().clone() for name, t in state.items()})
        if self.claim is not None:
            self.claim.look()
        write_whole(self.path, lambda file: file.writelines((sum_of(payload), payload)))
        self._last = time.monotonic()

    @torch.no_grad()
    def restore(self, course: Course, environment: Mapping[str, str]) -> None:
        """Bring a training to where the file has it; say so when the file is there and of no use."""
        if not self.path.exists():
            return
        state = _read(self.path)
        about = json.loads(state[_ABOUT].numpy().tobytes()) if state else {}
        if about.get("fingerprint") != self.fingerprint or about["environment"] != dict(environment):
            why = "is of other data or of another environment" if state else "is damaged"
            sys.stderr.write(f"note: {str(self.path)!r} {why}; its run starts again\n")
            return
        for name, tensor in course.tensors().items():
            tensor.copy_(state[name])
        _set_chance(course.loss.device, state)
        course.step, course.curve, course.seconds = about["step"], about["curve"], about["seconds"]

    def remove(self) -> None:
        """Remove the file: the run is sealed."""
        self.path.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Tensor]:
    """Return a checkpoint's tensors; none when it is damaged."""
    whole = path.read_bytes()
    sum_, payload = whole[:DIGITS], whole[DIGITS:]
    return from_safetensors(payload) if sum_of(payload) == sum_ else {}


def _chance(device: torch.device) -> dict[str, Tensor]:
    """Return the state of torch's generators, from which others' networks draw."""
    own = {_CPU_CHANCE: torch.get_rng_state()}
    return own if device.type != "cuda" else own | {_CUDA_CHANCE: torch.cuda.get_rng_state(device)}


def _set_chance(device: torch.device, state: Mapping[str, Tensor]) -> None:
    torch.set_rng_state(state[_CPU_CHANCE])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state[_CUDA_CHANCE], device)
