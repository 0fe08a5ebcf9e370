"""The training loop, as something that can be saved in the middle and goes on with the same bits."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base.atomic_file import write_atomically
from atlantis_core.base.ports import Progress
from atlantis_core.learning.inputs.loaders import BatchLoader
from atlantis_core.learning.inputs.pk_sampler import Batch
from atlantis_core.learning.recipe import Recipe
from atlantis_core.learning.training.divergence import DivergenceMonitor
from atlantis_core.learning.training.early_stopping import BestWeights
from atlantis_core.learning.training.gradients import GradientComputer
from atlantis_core.learning.training.optimizer import set_rates
from atlantis_core.learning.training.weight_averaging import MovingAverage, StartingWeights, copy_into

if TYPE_CHECKING:
    import torch
    from torch import Tensor

STATE_NAME = "state.safetensors"


@dataclass(slots=True)
class TrainingLoop:
    """A training on its way."""

    key: str
    """Content address of the training; a state saved by another one is not continued."""
    recipe: Recipe
    descent: GradientComputer
    optimizer: torch.optim.Optimizer
    health: DivergenceMonitor
    average: MovingAverage | None
    start: StartingWeights | None
    best: BestWeights | None
    measure: Callable[[], float] | None
    """Validation of the model as it is now."""
    place: Callable[[Tensor], Tensor]
    """Activations (B, ...) -> embeddings (B, D) that the model as it is now is searched by."""
    steps: int = 0
    """Done so far."""

    def run(self, feed: BatchLoader, batches: Iterator[Batch], pauses: StateSaver) -> None:
        """Train until there are no more batches or validation says stop, then put the weights to keep in place.

        Raises:
            TrainingFailed: It diverged.
        """
        import torch

        activations: Tensor | None = None
        whole, own = itertools.tee(batches)
        for batch, activations in zip(whole, feed.stream(map(self.descent.fleet.share, own)), strict=True):
            pauses.before(self)
            self._step(activations, torch.from_numpy(batch.labels).to(activations.device))
            if self._measured_and_done():
                break
        if self.best is not None:
            self.best.apply()
        else:
            self._put_kept()
        if activations is not None:
            self.health.conclude(self.descent.fleet.gather(self.place(activations)))

    def _put_kept(self) -> None:
        """Turn the weights of the last step into those that are kept."""
        if self.average is not None:
            self.average.apply()
        if self.start is not None:
            self.start.mix()

    def _step(self, activations: Tensor, labels: Tensor) -> None:
        import torch

        set_rates(self.optimizer, self.steps, self.recipe)
        self.optimizer.zero_grad()
        loss, embeddings = self.descent(activations, labels)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip_norm)
        self.health.check(loss, norm.item(), embeddings)
        self.optimizer.step()
        self.steps += 1
        if self.average is not None:
            self.average.update()

    def _measured_and_done(self) -> bool:
        """Measure where it is time to; return whether to stop."""
        if self.best is None or self.measure is None:
            return False
        if self.steps % self.recipe.validate_every and self.steps < self.recipe.steps:
            return False
        last = [parameter.detach().clone() for parameter in self.parameters]
        self._put_kept()
        goes_on = self.best.consider(self.steps, self.measure())
        copy_into(last, self.parameters)
        return not goes_on

    @property
    def parameters(self) -> list[Any]:
        """Everything that is trained, proxies of the loss included."""
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]

    def save(self, file: Path) -> None:
        """Write the state, whole or not at all."""
        from safetensors.torch import save_file

        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self._tensors().items()}
        facts = {
            "key": self.key,
            "steps": self.steps,
            "losses": self.health.losses,
            "collapsed": self.health.collapsed,
            "measured": self.best.measured if self.best else [],
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(file) as part:
            save_file(tensors, part, metadata={"facts": json.dumps(facts)})

    def restore(self, file: Path) -> None:
        """Go on where a saved state of the same training was; another's, or a damaged one, is left alone."""
        found = _read_state(file)
        if found is None or found[1]["key"] != self.key:
            return
        tensors, facts = found
        self._take(tensors)
        self.steps, self.health.losses = facts["steps"], facts["losses"]
        self.health.collapsed = facts["collapsed"]
        if self.average is not None:
            self.average.steps = self.steps
        if self.best is not None:
            self.best.measured = [(steps, value) for steps, value in facts["measured"]]

    def _tensors(self) -> dict[str, Tensor]:
        """Return everything that a step reads and changes."""
        import torch

        state = self.optimizer.state
        named: dict[str, Tensor] = {}
        for number, parameter in enumerate(self.parameters):
            named[f"parameter.{number}"] = parameter
            for name, value in state.get(parameter, {}).items():
                named[f"optimizer.{number}.{name}"] = torch.as_tensor(value)
        for kind, tensors in self._copies().items():
            named |= {f"{kind}.{number}": tensor for number, tensor in enumerate(tensors)}
        return named

    def _copies(self) -> dict[str, list[Tensor]]:
        means = self.average.means if self.average else []
        return {"mean": means, "best": self.best.kept if self.best else []}

    def _take(self, tensors: dict[str, Tensor]) -> None:
        import torch

        with torch.no_grad():
            for number, parameter in enumerate(self.parameters):
                parameter.copy_(tensors[f"parameter.{number}"])
                prefix = f"optimizer.{number}."
                own = {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
                self.optimizer.state[parameter] = {
                    name: value if name == "step" else value.to(parameter.device) for name, value in own.items()
                }
            for kind, copies in self._copies().items():
                for number, copy in enumerate(copies):
                    copy.copy_(tensors[f"{kind}.{number}"])


def _read_state(file: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Return tensors and facts of a saved state; None where there is none that is whole."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (it is no mapping)
            facts: dict[str, Any] = json.loads((opened.metadata() or {})["facts"])
    except (FileNotFoundError, SafetensorError, KeyError, ValueError):
        return None
    return tensors, facts


class StateSaver:
    """Shows progress and saves the state every so many seconds.

    Args:
        file: Where the state goes; None saves nothing.
        seconds: Between saves.
        progress: Told of steps.
    """

    def __init__(self, file: Path | None, seconds: float, progress: Progress) -> None:
        self.file = file
        self.seconds = seconds
        self.progress = progress
        self._last = time.monotonic()

    def before(self, fit: TrainingLoop) -> None:
        """Do what is due before a step."""
        self.progress("training", fit.steps, fit.recipe.steps)
        if self.file is not None and fit.steps and time.monotonic() - self._last >= self.seconds:
            fit.save(self.file)
            self._last = time.monotonic()
