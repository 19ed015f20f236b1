"""A finding of the doctor: something about data or answers that a person should know before any statistics."""

from __future__ import annotations

from dataclasses import dataclass

from barnspider.errors import listing


@dataclass(frozen=True)
class Finding:
    """Something that a person should know.

    Attributes
    ----------
    kind : what it is, in one word
    wrong : whether it would bias a study, or make a comparison of something else than was meant
    count : how many images, classes or runs it is about
    text : what it is, and what to do, in plain words
    names : some of these images, classes or runs, or all of them when all were asked for
    lines : a line about each of them
    """

    kind: str
    wrong: bool
    count: int
    text: str
    names: tuple[str, ...]
    lines: tuple[str, ...]

    def __str__(self) -> str:
        more = self.count - len(self.lines)
        lines = [listing([line]) for line in self.lines]  # from strangers: shown on one line, inert
        return "\n    ".join([self.text, *lines, *([f"... and {more:,} more"] if lines and more > 0 else [])])


def told(findings: tuple[Finding, ...], wrong: str, well: str) -> list[str]:
    """Return the lines that a person reads: what is wrong under this heading, or that all is well; then the rest."""
    bad = [f"- {finding}" for finding in findings if finding.wrong]
    known = [f"- {finding}" for finding in findings if not finding.wrong]
    lines = [wrong, *bad] if bad else [well]
    return [*lines, "Worth knowing:", *known] if known else lines
