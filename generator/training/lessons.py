"""The loop that every training here shares: steps until the time is spent, a checkpoint now and then."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch
from torch import nn

SAVE_SECONDS: Final = 60
LOG_STEPS: Final = 25


def teach(
    network: nn.Module,
    step: Callable[[float], Callable[[], str]],
    *,
    seconds: float,
    device: str,
    checkpoint: Path,
    log: Callable[[str], None],
) -> None:
    """Calls `step` with the share of the time that is spent; what that returns says how the step went.

    Seconds are of processor time on the CPU, and of the clock on a GPU. Leaves `network` on the CPU.
    """
    clock = time.process_time if device == "cpu" else time.monotonic
    started, saved, count = clock(), 0.0, 0
    while (spent := clock() - started) < seconds:
        said, count = step(spent / seconds), count + 1
        if count % LOG_STEPS == 0:
            log(f"{spent:.0f} s step {count} {said()}")
        if spent - saved > SAVE_SECONDS:
            torch.save(network.state_dict(), checkpoint)
            saved = spent
    torch.save(network.state_dict(), checkpoint)
    network.cpu()
