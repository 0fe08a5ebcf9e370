"""The training loop; its state can be saved at any step and resumed with bit-identical results."""

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
from atlantis_core.learning.training.attacked_batches import AttackedBatches
from atlantis_core.learning.training.divergence import DivergenceMonitor
from atlantis_core.learning.training.early_stopping import BestWeights
from atlantis_core.learning.training.gradients import GradientComputer
from atlantis_core.learning.training.mixstyle import mix_style
from atlantis_core.learning.training.optimizer import set_rates
from atlantis_core.learning.training.weight_averaging import MovingAverage, StartingWeights, copy_into

if TYPE_CHECKING:
    import torch
    from torch import Tensor

STATE_NAME = "state.safetensors"


@dataclass(slots=True)
class TrainingLoop:
    """A training in progress."""

    key: str
    """Content hash of the training; the state of another training is not resumed."""
    recipe: Recipe
    gradients: GradientComputer
    optimizer: torch.optim.Optimizer
    monitor: DivergenceMonitor
    average: MovingAverage | None
    start: StartingWeights | None
    best: BestWeights | None
    measure: Callable[[], float] | None
    """Measures the current model on validation queries."""
    embed: Callable[[Tensor], Tensor]
    """Activations (B, ...) -> embeddings (B, D) of the current model, as used for search."""
    attacked: AttackedBatches | None = None
    """Attacks a share of every batch; the loader then gives pixels."""
    seed: int = 0
    steps: int = 0

    def run(self, loader: BatchLoader, batches: Iterator[Batch], saver: StateSaver) -> None:
        """Train until the batches end or validation says stop; then apply the kept weights.

        Raises:
            TrainingFailed: The training diverged or collapsed.
        """
        import torch

        activations: Tensor | None = None
        processes = self.gradients.processes
        batches, copied = itertools.tee(batches)
        for batch, given in zip(batches, loader.stream(map(processes.own_part, copied)), strict=True):
            saver.before_step(self)
            labels = torch.from_numpy(batch.labels).to(given.device)
            activations = given if self.attacked is None else self.attacked(given, labels, self.steps)
            if self.recipe.mixstyle:
                activations = mix_style(activations, self.recipe.mixstyle, self.seed, self.steps)
            self._step(activations, labels)
            if self._should_stop():
                break
        if self.best is not None:
            self.best.apply()
        else:
            self._apply_kept_weights()
        if activations is not None:
            self.monitor.conclude(processes.gather(self.embed(activations)))

    def _apply_kept_weights(self) -> None:
        if self.average is not None:
            self.average.apply()
        if self.start is not None:
            self.start.mix()

    def _step(self, activations: Tensor, labels: Tensor) -> None:
        import torch

        set_rates(self.optimizer, self.steps, self.recipe)
        self.optimizer.zero_grad()
        loss, embeddings = self.gradients(activations, labels)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip_norm)
        self.monitor.check(loss, norm.item(), embeddings)
        self.optimizer.step()
        self.steps += 1
        if self.average is not None:
            self.average.update()

    def _should_stop(self) -> bool:
        """Validate if that is due; return whether to stop early."""
        if self.best is None or self.measure is None:
            return False
        if self.steps % self.recipe.validate_every and self.steps < self.recipe.steps:
            return False
        last = [parameter.detach().clone() for parameter in self.parameters]
        self._apply_kept_weights()
        should_continue = self.best.consider(self.steps, self.measure())
        copy_into(last, self.parameters)
        return not should_continue

    @property
    def parameters(self) -> list[Any]:
        """All trained parameters, including proxies of the loss."""
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]

    def save(self, file: Path) -> None:
        """Write the state atomically."""
        from safetensors.torch import save_file

        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self._tensors().items()}
        facts = {
            "key": self.key,
            "steps": self.steps,
            "losses": self.monitor.losses,
            "collapsed": self.monitor.collapsed,
            "measured": self.best.measured if self.best else [],
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(file) as part:
            save_file(tensors, part, metadata={"facts": json.dumps(facts)})

    def restore(self, file: Path) -> None:
        """Resume from a saved state; ignore that of another training and a damaged one."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(file, framework="pt") as opened:
                tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (not a mapping)
                facts: dict[str, Any] = json.loads((opened.metadata() or {})["facts"])
        except (FileNotFoundError, SafetensorError, KeyError, ValueError):
            return
        if facts["key"] != self.key:
            return
        self._load_tensors(tensors)
        self.steps, self.monitor.losses = facts["steps"], facts["losses"]
        self.monitor.collapsed = facts["collapsed"]
        if self.average is not None:
            self.average.steps = self.steps
        if self.best is not None:
            self.best.measured = [(steps, value) for steps, value in facts["measured"]]

    def _tensors(self) -> dict[str, Tensor]:
        import torch

        state = self.optimizer.state
        named: dict[str, Tensor] = {}
        for number, parameter in enumerate(self.parameters):
            named[f"parameter.{number}"] = parameter
            for name, value in state.get(parameter, {}).items():
                named[f"optimizer.{number}.{name}"] = torch.as_tensor(value)
        for kind, tensors in self._extra_copies().items():
            named |= {f"{kind}.{number}": tensor for number, tensor in enumerate(tensors)}
        return named

    def _extra_copies(self) -> dict[str, list[Tensor]]:
        means = self.average.means if self.average else []
        return {"mean": means, "best": self.best.kept if self.best else []}

    def _load_tensors(self, tensors: dict[str, Tensor]) -> None:
        import torch

        with torch.no_grad():
            for number, parameter in enumerate(self.parameters):
                parameter.copy_(tensors[f"parameter.{number}"])
                prefix = f"optimizer.{number}."
                own = {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
                self.optimizer.state[parameter] = {
                    name: value if name == "step" else value.to(parameter.device) for name, value in own.items()
                }
            for kind, copies in self._extra_copies().items():
                for number, copy in enumerate(copies):
                    copy.copy_(tensors[f"{kind}.{number}"])


class StateSaver:
    """Reports progress, and saves the state every `seconds` (never without a file)."""

    def __init__(self, file: Path | None, seconds: float, progress: Progress) -> None:
        self.file = file
        self.seconds = seconds
        self.progress = progress
        self._last = time.monotonic()

    def before_step(self, loop: TrainingLoop) -> None:
        """Report progress, and save the state if that is due."""
        self.progress("training", loop.steps, loop.recipe.steps)
        if self.file is not None and loop.steps and time.monotonic() - self._last >= self.seconds:
            loop.save(self.file)
            self._last = time.monotonic()
