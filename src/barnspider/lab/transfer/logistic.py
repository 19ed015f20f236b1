"""A probe: multinomial logistic regression on features, its strength chosen on validation images.

With features x that are standardized by the training images (mean 0, variance 1; a feature that never changes is 0),
weights W and intercepts b, the probe of strength s minimizes

    mean over training images of cross_entropy(x W + b, label)  +  s / 2 * sum of W**2.

Intercepts are not penalized. (scikit-learn's `LogisticRegression` has C = 1 / (s n).) The sum is convex, in double
precision, and solved by Newton's method with conjugate gradients in a trust region (Steihaug 1983; Nocedal & Wright,
"Numerical optimization", 2006, algorithm 7.2), as SciPy has it: products of its Hessian are exact, on the device.
Strengths go from strong to weak, each from the solution of the one before: warm starts, as in glmnet (Friedman, Hastie
& Tibshirani 2010).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from barnspider.errors import InputError, TrainingError
from barnspider.lab.transfer.plan import STRENGTHS

EXACT = 1e-5
"""The length of the gradient at which a solution counts as one, in strengths: so far may weights be from the best."""

SMALLEST = 1e-8
"""No gradient is asked to be smaller: double precision does not tell losses apart there."""

STEPS = 200
"""Newton steps after which the solver is given up."""

PATIENCE, BETTER = 3, 0.001
"""The path ends after so many strengths in a row without a validation loss that is smaller by this share."""

_ROWS, _PART = 1 << 15, 1 << 24
"""So many rows at most, and so many of their numbers for all classes, are worked on at a time."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """One strength of a path: what validation images say of it, and how it was solved.

    Attributes
    ----------
    strength : of the penalty
    loss, accuracy : on the validation images of classes that have training images
    steps, gradient : of the solver, and the length of its last gradient
    """

    strength: float
    loss: float
    accuracy: float
    steps: int
    gradient: float


@dataclass(frozen=True, eq=False)
class Labelled:
    """Features, Float32[N, d], and the classes of their images, Int64[N]."""

    features: Tensor
    labels: Tensor


@dataclass(frozen=True, eq=False)
class Probe:
    """A probe that was fitted.

    Attributes
    ----------
    mean, std : Float32[d], of the training images' features
    weight : Float64[d + 1, k]; the last row are the intercepts
    present : Int64[k], which classes have training images; no other is ever answered
    classes : how many classes there are
    """

    mean: Tensor
    std: Tensor
    weight: Tensor
    present: Tensor
    classes: int

    def probabilities(self, features: Tensor) -> Tensor:
        """Float32[N, d] -> Float64[N, classes]."""
        found = features.new_zeros((len(features), self.classes), dtype=torch.float64)
        found[:, self.present] = _logits((features - self.mean) / self.std, self.weight).softmax(1)
        return found

    def answers(self, images: Labelled) -> tuple[Tensor, Tensor]:
        """Return each image's likeliest class, Int64[N], and the probability of its own, Float64[N]."""
        found: list[tuple[Tensor, Tensor]] = []
        for rows, labels in _parts(self.classes, images.features, images.labels):
            p = self.probabilities(rows)
            found.append((p.argmax(1), p.gather(1, labels[:, None])[:, 0]))
        guess, own = zip(*found, strict=True)
        return torch.cat(guess), torch.cat(own)


def follow(
    train: Labelled, validation: Labelled, classes: int, strengths: Sequence[float] = STRENGTHS
) -> tuple[Probe, tuple[Step, ...]]:
    """Fit probes from strong to weak; return the one with the smallest validation loss, and the whole path.

    Raises
    ------
    InputError
        When the training images are of fewer than two classes, or no validation image is of one of theirs.
    TrainingError
        When a feature is not finite, or the solver does not converge.

    Examples
    --------
    >>> x = torch.tensor([[-2.0], [-1.0], [1.0], [2.0]])
    >>> images = Labelled(x, torch.tensor([0, 0, 2, 2]))
    >>> probe, path = follow(images, images, classes=3, strengths=(1.0, 0.1))
    >>> probe.probabilities(x).argmax(1).tolist(), path[0].loss > path[1].loss
    ([0, 0, 2, 2], True)
    """
    _check(train, validation)
    present, labels = train.labels.unique(return_inverse=True)
    std, mean = torch.std_mean(train.features.double(), dim=0, correction=0)
    std = torch.where(std > 1e-6 * (1 + mean.abs()), std, math.inf)
    mean, std = mean.float(), std.float()
    x = (train.features - mean) / std
    weight = torch.zeros(x.shape[1] + 1, len(present), dtype=torch.float64, device=x.device)
    path: list[Step] = []
    best = Probe(mean, std, weight, present, classes)
    for strength in strengths:
        weight, steps, gradient = solve(x, labels, strength, weight)
        probe = Probe(mean, std, weight, present, classes)
        loss, accuracy = _judged(probe, validation)
        best = probe if loss < min((step.loss for step in path), default=math.inf) else best
        path.append(Step(strength, loss, accuracy, steps, gradient))
        if _is_over(path):
            break
    return best, tuple(path)


def _is_over(path: Sequence[Step]) -> bool:
    """Whether the last few strengths did no better than those before."""
    losses = [step.loss for step in path]
    return len(losses) > PATIENCE and min(losses[-PATIENCE:]) > (1 - BETTER) * min(losses[:-PATIENCE])


def chosen(path: Sequence[Step]) -> Step:
    """Return the step of the smallest validation loss; at a tie, the strongest."""
    return min(path, key=lambda step: step.loss)


def _check(train: Labelled, validation: Labelled) -> None:
    present = train.labels.unique()
    if len(present) < 2:
        raise InputError(
            f"training images are of {len(present)} class; expected two classes or more, between which a probe can tell"
        )
    if not torch.isin(validation.labels, present).any():
        raise InputError(
            "no validation image is of a class that has training images, so nothing can choose the probe's strength"
        )
    if not (train.features.isfinite().all() and validation.features.isfinite().all()):
        raise TrainingError("the backbone's features are not all finite")


def _judged(probe: Probe, images: Labelled) -> tuple[float, float]:
    """Return log loss and accuracy over images of classes that the probe knows."""
    known = torch.isin(images.labels, probe.present)
    labels = images.labels[known]
    guess, own = probe.answers(Labelled(images.features[known], labels))
    return float(-own.clamp(min=1e-300).log().mean()), float((guess == labels).double().mean())


def solve(x: Tensor, labels: Tensor, strength: float, start: Tensor) -> tuple[Tensor, int, float]:
    """Return the probe's weights, Float64[d + 1, k], the solver's steps, and the length of the gradient.

    Parameters
    ----------
    x : Float32[N, d], standardized
    labels : Int64[N], below k
    start : Float64[d + 1, k]

    Raises
    ------
    TrainingError
        When the gradient is not small after so many steps: nothing is said by weights that are no solution.
    """
    from scipy.optimize import minimize

    problem, enough = _Problem(x, labels, strength, start.shape), max(EXACT * strength, SMALLEST)
    found = minimize(
        problem.loss_and_gradient, start.flatten().cpu().numpy(), jac=True, hessp=problem.curvature, method="trust-ncg",
        options={"gtol": enough, "maxiter": STEPS},
    )  # fmt: skip
    length = float(np.linalg.norm(found.jac))
    if not length <= enough:
        raise TrainingError(
            f"the probe of strength {strength:.2g} did not converge: after {found.nit} steps its gradient is"
            f" {length:.2g} long; expected at most {enough:.2g}"
        )
    return problem.weight(found.x), int(found.nit), length


@dataclass(eq=False)
class _Problem:
    """The penalized mean loss of weights, its gradient and its Hessian; a part of the rows at a time.

    Weights are Float64[(d + 1) * k] for the solver. Probabilities are kept where the loss was asked for last: products
    of the Hessian are asked for there.
    """

    x: Tensor
    labels: Tensor
    strength: float
    shape: torch.Size
    at: Floats | None = None
    p: list[Tensor] = field(default_factory=list[Tensor])

    def weight(self, flat: Floats) -> Tensor:
        """Return the solver's weights as Float64[d + 1, k], on the device."""
        return torch.tensor(flat, device=self.x.device).view(self.shape)

    def loss_and_gradient(self, flat: Floats) -> tuple[float, Floats]:
        weight = self.weight(flat)
        penalized = self._penalized(weight)
        loss, gradient, kept = (penalized * weight).sum() / 2, penalized, list[Tensor]()
        for rows, own in _parts(self.shape[1], self.x, self.labels):
            log_p = _logits(rows, weight).log_softmax(1)
            loss = loss - log_p.gather(1, own[:, None]).sum() / len(self.x)
            kept.append(log_p.exp_())
            # In place and back again: with many classes, a copy costs as much as all the rest.
            p_own = log_p.gather(1, own[:, None])
            self._add(gradient, rows, log_p.scatter_(1, own[:, None], p_own - 1))
            log_p.scatter_(1, own[:, None], p_own)
        self.at, self.p = flat.copy(), kept
        return float(loss), gradient.flatten().cpu().numpy()

    def curvature(self, flat: Floats, direction: Floats) -> Floats:
        """Return the Hessian times a direction."""
        if self.at is None or not np.array_equal(self.at, flat):
            self.loss_and_gradient(flat)
        along = self.weight(direction)
        product = self._penalized(along)
        for (rows, _), p in zip(_parts(self.shape[1], self.x, self.labels), self.p, strict=True):
            change = _logits(rows, along).mul_(p)
            self._add(product, rows, change.addcmul_(p, change.sum(1, keepdim=True), value=-1))
        return product.flatten().cpu().numpy()

    def _penalized(self, weight: Tensor) -> Tensor:
        penalized = self.strength * weight
        penalized[-1] = 0
        return penalized

    def _add(self, total: Tensor, rows: Tensor, excess: Tensor) -> None:
        total[:-1].addmm_(rows.double().T, excess, alpha=1 / len(self.x))
        total[-1] += excess.sum(0) / len(self.x)


def _parts(classes: int, features: Tensor, labels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield rows and their labels; fewer at a time where there are many classes."""
    size = max(1, min(_ROWS, _PART // classes))
    return zip(features.split(size), labels.split(size), strict=True)


def _logits(rows: Tensor, weight: Tensor) -> Tensor:
    return torch.addmm(weight[-1], rows.double(), weight[:-1])
