"""An operator's own TorchScript model.

A TorchScript archive is a program: loading it runs what it holds with the rights of this process. It is therefore only
loaded from a card that says `trust_code = true`, which `shingan detectors add --trust-code` writes.
"""

import warnings
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from detector.classifier.own_card import Floats, OwnCard, read_table
from detector.classifier.own_expert import OwnExpert
from detector.classifier.scorer import as_floats
from detector.errors import ModelUnavailable


class TorchScriptExpert(OwnExpert):
    def __init__(self, own: OwnCard, model: torch.jit.ScriptModule, device: str) -> None:
        super().__init__(own)
        self._model = model
        self._device = device

    @classmethod
    def load(cls, own: OwnCard, *, device: str) -> "TorchScriptExpert":
        """The expert of `own`; raises `ModelUnavailable` if its code is not trusted or it does not load."""
        if read_table(own.path)["model"].get("trust_code") is not True:
            raise ModelUnavailable(f"{own.card.file} holds code; `shingan detectors add --trust-code` allows it to run")
        try:
            data = BytesIO(own.model_path().read_bytes())
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # the format is on its way out, and operators have it
                model = torch.jit.load(data, map_location=device).eval()  # type: ignore[no-untyped-call]
        except (RuntimeError, ValueError) as error:
            raise ModelUnavailable(f"{own.card.file} is no TorchScript archive that loads here") from error
        return cls(own, model, device)

    @torch.inference_mode()
    def _run(self, batch: Floats) -> Sequence[NDArray[Any]]:
        try:
            outputs = self._model(torch.from_numpy(batch).to(self._device))
        except RuntimeError as error:
            raise ModelUnavailable(f"{self.card.file} failed on a batch of shape {batch.shape}") from error
        together = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        return [np.asarray(as_floats(output)) for output in together]
