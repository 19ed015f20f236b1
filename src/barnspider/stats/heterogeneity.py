"""Is the effect class-dependent at all? The spread of true effects, and what it says about each class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from barnspider.stats.borrow import effective_classes, independent_series
from barnspider.stats.crossed import Contrast, RunPart, combine
from barnspider.stats.intervals import Over, spread, t_interval

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Noise:
    """What chance alone adds to the sum of squares of class effects about their mean.

    Attributes
    ----------
    total : its expectation
    df : of the scaled chi-square that it follows (Satterthwaite: total**2 / trace of the squared covariance)
    known_df : degrees of freedom with which `total` itself was estimated
    image : the part of images alone, which is never less than 0 by chance
    """

    total: float
    df: float
    known_df: float
    image: float


@dataclass(frozen=True)
class Dependence:
    """Class dependence: the standard deviation of true effects over classes, its interval, p of "all alike"."""

    tau: float
    low: float
    high: float
    p: float


NOTHING = Dependence(np.nan, np.nan, np.nan, np.nan)
"""What can be said with fewer than two classes of two images: nothing."""


@dataclass(frozen=True)
class Scatter:
    """How much class effects scatter about their mean, and what chance adds to that.

    Attributes
    ----------
    observed : sum of squares about the mean
    noise : what chance alone adds
    classes : how many
    lever : variance that chance gives to the effect of a class, averaged with squared distances from the mean as
        weights: where the classes far out are also the noisy ones, the sum of squares is less sure
    """

    observed: float
    noise: Noise
    classes: int
    lever: float

    def exceed(self, excess: Floats | np.float64, observed: float) -> Floats:
        """Return P(sum of squares >= observed) when the true effects' sum of squares is `excess`.

        A noncentral chi-square by its first two moments (Patnaik 1949); that `total` is estimated adds its variance.
        """
        from scipy.special import chdtrc  # importing scipy costs 0.1 s; only numbers need it

        noise, unit = self.noise, self.noise.total / self.noise.df
        mean = noise.total + excess
        variance = 2 * unit**2 * noise.df + 4 * max(unit, self.lever) * excess + 2 * noise.total**2 / noise.known_df
        return chdtrc(2 * mean**2 / variance, 2 * mean * observed / variance)

    @property
    def least(self) -> float:
        """The observed sum of squares, or what chance alone adds where that is more.

        Upper limits start from it: less scatter than chance gives does not prove that there is no dependence, and
        inverted as it stands could leave an empty interval (power-constrained limits, Cowan et al. 2011).
        """
        return max(self.observed, self.noise.total, self.noise.image)

    def to_tau(self, excess: Floats | float) -> Floats:
        """Return the standard deviation (divisor C - 1) of true effects with this sum of squares."""
        return np.sqrt(np.maximum(excess, 0.0) / (self.classes - 1))

    def tau_at(self, chance: Floats) -> Floats:
        """Return the upper confidence limits of tau whose levels are `chance`: the confidence distribution of tau."""
        grid = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, 400)]) ** 2
        top = _solve(lambda x: float(self.exceed(np.float64(x), self.least)) - 0.9999, float(self.classes))
        level = np.maximum.accumulate(self.exceed(grid * max(top, 1e-12), self.least))
        return np.interp(chance, level, self.to_tau(grid * max(top, 1e-12)), left=0.0)


def scatter(c: Contrast, over: Over) -> Scatter | None:
    """Return how classes with two images or more scatter; None with fewer than two of them."""
    use = c.n > 1
    if int(use.sum()) < 2:
        return None
    noise, effect = _noise(c, use, over), c.estimate[use]
    square, classes = (effect - effect.mean()) ** 2, int(use.sum())
    image = np.zeros(classes) if over == "runs" else c.image_var[use] / c.n[use]
    rest = max(noise.total - float(image.sum()), 0.0) / classes
    lever = float(square @ image) / max(float(square.sum()), 1e-12) + rest
    return Scatter(float(square.sum()), noise, classes, lever)


def class_dependence(c: Contrast, over: Over, level: float) -> Dependence:
    """Estimate tau, the standard deviation of the true effects of these very classes.

    Observed effects scatter about their mean by tau and by chance; what chance adds is known without bias from the
    variance components (of effects *about their mean*: what runs do to all classes alike cancels), so tau**2 is
    the difference (Cochran 1954; Hedges & Olkin 1985). The interval inverts the noncentral chi-square of the sum of
    squares: it holds for fixed classes, not for classes drawn from a population, and reaches 0 when
    p > (1 - level) / 2. Classes with fewer than two images are left out; with fewer than two others all is NaN, and
    two are compared by a t interval, since so few say little about the noise.
    """
    from scipy.special import fdtrc  # importing scipy costs 0.1 s; only numbers need it

    s = scatter(c, over)
    if s is None:
        return NOTHING
    if s.classes == 2:
        return _two_classes(c, over, level, s)
    tail, most, noise = (1 - level) / 2, float(s.classes), s.noise
    low = _solve(lambda x: float(s.exceed(np.float64(x), s.observed)) - tail, most)
    high = _solve(lambda x: float(s.exceed(np.float64(x), s.least)) - (1 - tail), most)
    tau, p = float(s.to_tau(s.observed - noise.total)), float(fdtrc(noise.df, noise.known_df, s.observed / noise.total))
    return Dependence(tau, 0.0 if p > tail else min(float(s.to_tau(low)), tau), max(float(s.to_tau(high)), tau), p)


def _two_classes(c: Contrast, over: Over, level: float, s: Scatter) -> Dependence:
    """Return tau of two classes: their difference over the root of 2, with the interval of its size."""
    weight = np.zeros(len(c.n))
    weight[np.flatnonzero(c.n > 1)] = (1.0, -1.0)
    apart = combine(c, weight)
    made = t_interval(apart.estimate, spread(apart, over, level), level, bound=2.0)
    ends = np.abs([made.low[0], made.high[0]])
    low = 0.0 if made.low[0] <= 0 <= made.high[0] else float(ends.min())
    tau, root = float(s.to_tau(s.observed - s.noise.total)), np.sqrt(2)
    return Dependence(tau, min(low / root, tau), max(float(ends.max()) / root, tau), float(made.p[0]))


def _noise(c: Contrast, use: NDArray[np.bool_], over: Over) -> Noise:
    n, classes = c.n[use].astype(np.float64), int(use.sum())
    share = 1 - 1 / classes
    image = np.zeros(classes) if over == "runs" else c.image_var[use] / n
    total, square = share * float(image.sum()), float(np.sum(image**2))
    doubt = float(np.sum(2 * image**2 / (n - 1)))
    worth = _independent(c, use) if over != "images" else 1.0
    for part in () if over == "images" else c.parts:
        trace, within = _run_trace(part, use), 0.0 if over == "runs" else share * float(part.within[use].sum())
        own = (trace - within) * part.share
        # Image noise is independent between classes, run noise need not be: its cross terms, and what classes share.
        square += max(own, 0.0) * (max(own, 0.0) + 2 * float(image.sum())) / classes
        square += (trace * part.share) ** 2 * (1 / worth - 1 / classes)
        total, doubt = total + own, doubt + 2 * (trace * part.share) ** 2 / worth / (part.runs - 1)
    # Without a single wrong answer there is still chance: one image's worth of it, spread over the classes.
    floor = share * float(np.sum(c.binomial[use] / n**2)) / classes
    total = max(total, floor)
    df = min(total**2 / square, classes - 1.0) if square > 0 else classes - 1.0
    known = max(2 * total**2 / doubt, 1.0) if doubt > 0 else classes - 1.0
    return Noise(total, max(df, 1.0), known, share * float(image.sum()))


def _run_trace(part: RunPart, use: NDArray[np.bool_]) -> float:
    """Return the sum over classes of the variance between runs, of class means about their run's mean."""
    means = part.means[:, use]
    return float(np.sum(np.var(means - means.mean(axis=1, keepdims=True), axis=0, ddof=1)))


def _independent(c: Contrast, use: NDArray[np.bool_]) -> float:
    """Return how many independent classes the scatter of runs is worth, about each run's own mean."""
    rows = independent_series([x[:, use] for x in c.series], paired=c.paired)
    return effective_classes([x - x.mean(axis=1, keepdims=True) for x in rows], np.ones(int(use.sum())))


def _solve(rising: Callable[[float], float], most: float) -> float:
    """Return the root of a rising function on [0, most], or the end that is nearest to it."""
    low, high = 0.0, most
    if rising(low) >= 0:
        return low
    for _ in range(60):
        mid = (low + high) / 2
        low, high = (mid, high) if rising(mid) < 0 else (low, mid)
    return high


@dataclass(frozen=True, eq=False)
class Shrunk:
    """Posterior of each class's true effect: mean, standard deviation and P(effect < 0). Float[C] each."""

    mean: Floats
    sd: Floats
    prob_harm: Floats


TAILS = np.array([[0.6, 0.9, 1.6, 4.0], [0.4, 0.4, 0.17, 0.03]])
"""Variances (before they are brought to mean 1) and weights of the normals that a true effect may come from."""


def shrink(effect: Floats, variance: Floats, common: float = 0.0) -> Shrunk:
    """Draw effects towards their mean as far as their noise makes them untrustworthy.

    True effects are taken as a mixture of normals about a common mean, with heavier tails than one normal (Stephens
    2017: a few classes may be far out, and must not be drawn in as the crowd is), with a flat prior on the mean and on
    tau squared (Stein's harmonic prior: Morris & Tang 2011), integrated over a grid of tau. So neither the mean nor
    tau is taken as known: where tau happens to be estimated as 0, classes are not all taken for one and the same.
    Efron & Morris (1975) is the case of one normal and a known tau. A class without evidence (NaN) gets what the other
    classes say. `common` is the variance of the mean of all effects, where classes err together: it widens what is
    believed of the mean.

    Examples
    --------
    >>> made = shrink(np.array([-0.3, 0.0, 0.01, 0.02, np.nan]), np.full(5, 0.0004))
    >>> made.prob_harm.round(2).tolist()[:2]
    [1.0, 0.52]
    """
    known = np.isfinite(effect) & np.isfinite(variance)
    if not known.any():
        nothing = np.full(effect.shape, np.nan)
        return Shrunk(nothing, nothing, nothing)
    y, v = effect[known], variance[known]
    model = _Mixture.fit(y, v, common)
    own = model.posterior(y, v)
    if known.all():
        return own
    other = model.posterior(np.zeros(1), np.array([1e9]))
    pairs = ((own.mean, other.mean), (own.sd, other.sd), (own.prob_harm, other.prob_harm))
    return Shrunk(*(_fill(known, values, float(value[0])) for values, value in pairs))


def _fill(known: NDArray[np.bool_], values: Floats, other: float) -> Floats:
    out = np.full(known.shape, other)
    out[known] = values
    return out


@dataclass(frozen=True, eq=False)
class _Mixture:
    """What all classes say of the prior, over a grid of T values of tau: Float[T] each.

    Attributes
    ----------
    tau2 : the grid, squared
    belief : posterior weight
    centre, doubt : mean of true effects, and its variance
    """

    tau2: Floats
    belief: Floats
    centre: Floats
    doubt: Floats

    @classmethod
    def fit(cls, y: Floats, v: Floats, common: float) -> _Mixture:
        top = 3 * np.sqrt(np.var(y) + np.min(v))
        rough = cls._on(np.linspace(0, top, 33), y, v, common)
        # A fine grid where one normal already finds the belief; heavier tails move it, but not far.
        likely = np.sqrt(rough.tau2[rough.belief > 1e-5])
        step = top / 32
        fine = np.linspace(max(likely.min() - 2 * step, 0.0), likely.max() + 2 * step, 15)
        made = cls._on(fine, y, v, common)
        fit = made._log_likelihood(y, v)[0].sum(axis=1) - 0.5 * np.log(made._precision(v)) + 0.5 * np.log(made.tau2)
        belief = np.exp(fit - fit.max())
        keep = belief > 1e-4 * belief.sum()
        return cls(made.tau2[keep], belief[keep] / belief[keep].sum(), made.centre[keep], made.doubt[keep])

    @classmethod
    def _on(cls, tau: Floats, y: Floats, v: Floats, common: float) -> _Mixture:
        """Weigh a grid of tau as if true effects were normal, the mean integrated out (Rubin 1981, eight schools)."""
        tau2 = tau**2 + 1e-12
        weight = 1 / (tau2[:, None] + v)
        precision = weight.sum(axis=1)
        centre = weight @ y / precision
        fit = 0.5 * (np.log(weight) - weight * (y - centre[:, None]) ** 2).sum(axis=1) - 0.5 * np.log(precision)
        belief = np.exp(fit - fit.max())
        return cls(tau2, belief / belief.sum(), centre, np.maximum(1 / precision, common))

    def _precision(self, v: Floats) -> Floats:
        return np.sum(1 / (self.tau2[:, None] + v), axis=1)

    def _log_likelihood(self, y: Floats, v: Floats) -> tuple[Floats, Floats]:
        """Return log p(y | tau), Float[T, C], and the share of each normal in it, Float[K, T, C]."""
        size = TAILS[0] / (TAILS[0] @ TAILS[1])
        weight = 1 / (size[:, None, None] * self.tau2[:, None] + v)
        log = np.log(TAILS[1])[:, None, None] + 0.5 * (np.log(weight) - weight * (y - self.centre[:, None]) ** 2)
        most = log.max(axis=0)
        part = np.exp(log - most)
        whole = part.sum(axis=0)
        return most + np.log(whole), part / whole

    def posterior(self, y: Floats, v: Floats) -> Shrunk:
        from scipy.special import ndtr  # importing scipy costs 0.1 s; only numbers need it

        size = TAILS[0] / (TAILS[0] @ TAILS[1])
        share = self._log_likelihood(y, v)[1] * self.belief[:, None]
        prior = size[:, None, None] * self.tau2[:, None]
        trust = prior / (prior + v)
        mean = self.centre[:, None] + trust * (y - self.centre[:, None])
        var = prior * (1 - trust) + (1 - trust) ** 2 * self.doubt[:, None]
        blended = np.einsum("ktc,ktc->c", share, mean)
        square = np.einsum("ktc,ktc->c", share, var + (mean - blended) ** 2)
        return Shrunk(blended, np.sqrt(square), np.einsum("ktc,ktc->c", share, ndtr(-mean / np.sqrt(var))))
