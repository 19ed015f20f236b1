"""What torch is told before a training, and what is written down about the machine afterwards."""

from __future__ import annotations

import os
import platform
from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch.utils import deterministic

from barnspider.errors import TrainingError
from barnspider.lab.recipe import Recipe

_BF16 = ("avx512_bf16", "amx_bf16", "bf16")
"""What torch calls a processor's instructions for bfloat16."""

TENSOR_FLOAT = True
"""Whether a GPU's convolutions may round the factors of float32 products to 10 bits after the point ("TF32"), as torch
lets them unless told otherwise: `docs/training.md` has what that is worth. Sums stay float32; no CPU does it."""

FICKLE = "does not have a deterministic implementation"
"""What torch says of an operation that it refuses where the same bits are wanted."""


@contextmanager
def prepared(recipe: Recipe, device: str) -> Generator[None]:
    """Set one thread and the kernels that the recipe asks for; put back what was set, torch's generators too.

    Raises
    ------
    TrainingError
        When the recipe's precision would be emulated here, many times slower; or what the block computes can only be
        computed in ways that give other bits every time, and the recipe does not permit that.
    """
    _check_precision(recipe, device)
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    # Read when cuBLAS is first used: without it, it refuses to be deterministic.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    memory: Any = deterministic  # torch's stubs do not know its one field
    fill = memory.fill_uninitialized_memory
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(recipe.deterministic)
    # Nothing here reads memory before it is written, and filling it first costs 6 % of a small network's time.
    memory.fill_uninitialized_memory = False
    try:
        with _gpu(recipe, device) if device.startswith("cuda") else torch.random.fork_rng(devices=[]):
            yield
    except RuntimeError as error:
        if FICKLE not in str(error):
            raise
        part = str(error).partition(FICKLE)[0].strip()
        raise TrainingError(
            f"network={recipe.network!r} has a part whose bits differ from run to run on {device} ({part}); expected"
            " deterministic = false in the recipe, or other layers"
        ) from error
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict)
        memory.fill_uninitialized_memory = fill


@contextmanager
def _gpu(recipe: Recipe, device: str) -> Generator[None]:
    """Compute in a queue of its own on this GPU, with torch's own kernels for float32 (`TENSOR_FLOAT`)."""
    strict = recipe.deterministic
    own = torch.cuda.Stream(device)
    with (
        torch.random.fork_rng(devices=[device]),
        torch.backends.cudnn.flags(enabled=True, benchmark=not strict, deterministic=strict, allow_tf32=TENSOR_FLOAT),
        torch.cuda.device(device),
        torch.cuda.stream(own),
    ):
        yield
        own.synchronize()


def placed(device: str, number: int) -> str:
    """Return the device of one of several workers: of "cuda", they take the GPUs in turn.

    Raises
    ------
    TrainingError
        When torch sees no such device.

    Examples
    --------
    >>> placed("cpu", 3)
    'cpu'
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    known = ["cpu", *(["cuda"] if gpus else []), *(f"cuda:{i}" for i in range(gpus))]
    if device not in known:
        raise TrainingError(f"device={device!r}; torch {torch.__version__} sees {', '.join(known)} here")
    return f"cuda:{number % gpus}" if device == "cuda" else device


def narrow(recipe: Recipe, device: str) -> torch.autocast:
    """Return the context in which the network computes: weights and sums stay float32, products are the recipe's."""
    return torch.autocast(device.partition(":")[0], torch.bfloat16, enabled=recipe.precision == "bfloat16")


def _check_precision(recipe: Recipe, device: str) -> None:
    if recipe.precision == "bfloat16" and not has_bf16(device):
        raise TrainingError(
            f"precision='bfloat16', but {device} has no instructions for it, and emulating them is many times slower;"
            " expected precision='float32' here"
        )


def has_bf16(device: str) -> bool:
    """Return whether a device has instructions for bfloat16.

    Examples
    --------
    >>> has_bf16("cpu") in (False, True)
    True
    """
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in _BF16)


def _rounds(recipe: Recipe, device: str) -> bool:
    return device.startswith("cuda") and TENSOR_FLOAT and recipe.precision == "float32"


def environment(recipe: Recipe, device: str) -> dict[str, str]:
    """Return what the bits of a run may depend on beside its recipe and seed.

    Examples
    --------
    >>> environment(Recipe("digits"), "cpu")["deterministic"]
    'yes'
    """
    library = recipe.network.partition("/")[0]
    theirs = {library: version(library)} if "/" in recipe.network else {}
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.machine()
    return {
        "torch": torch.__version__,
        **theirs,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "device": f"{device} ({name})",
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": "1",
        **({"convolutions": "tf32"} if _rounds(recipe, device) else {}),
        "deterministic": "yes" if recipe.deterministic else "no: the same run gives other bits",
    }
