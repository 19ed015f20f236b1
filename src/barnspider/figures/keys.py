"""The key of a figure: what its marks mean. A figure in a paper has no page around it that would say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import altair as alt

from barnspider.figures.frame import Frame, Palette

LINE, TICK = "stroke", "M0,-1V1"
CHANNELS = ("color", "fill", "shape", "size", "strokeDash", "strokeWidth")
_SYMBOL = 24  # pixels that a symbol takes with the room around it


@dataclass(frozen=True)
class Entry:
    """One line of a key: what it says, and the mark that it explains; without `fill` it is hollow."""

    label: str
    color: str
    shape: str = "circle"
    fill: str = "transparent"
    area: float = 60
    stroke: float = 1.8
    dash: tuple[float, ...] = (1, 0)


@dataclass(frozen=True)
class Key:
    """What a figure says about itself: the entries of its key, and a title above them."""

    entries: tuple[Entry, ...]
    title: str = ""

    def layer(self, palette: Palette, frame: Frame, room: float) -> alt.Chart:
        """Return a layer that draws nothing but this legend, in as many columns as fit into so many pixels."""
        longest = max(frame.length(entry.label) for entry in self.entries)
        legend = alt.Legend(
            orient="bottom", direction="horizontal", title=frame.lines(self.title, room) if self.title else None,
            columns=max(1, min(len(self.entries), int(room / (longest + _SYMBOL)))),
            titleFontWeight="normal", titleColor=palette.soft, titleFontSize=frame.letters, titleLimit=room,
            labelColor=palette.ink, labelFontSize=frame.letters, labelLimit=room - _SYMBOL,
            offset=frame.letters, rowPadding=2, columnPadding=frame.letters, symbolOpacity=1,
        )  # fmt: skip
        domain = [entry.label for entry in self.entries]

        def told(values: list[Any]) -> dict[str, Any]:
            return {"scale": alt.Scale(type="ordinal", domain=domain, range=values), "legend": legend}

        # One legend comes of all channels, since their domains are the same.
        channels: dict[str, Any] = {
            "color": alt.Color("key:N", **told([entry.color for entry in self.entries])),
            "fill": alt.Fill("key:N", **told([entry.fill for entry in self.entries])),
            "shape": alt.Shape("key:N", **told([entry.shape for entry in self.entries])),
            "size": alt.Size("key:N", **told([frame.area(entry.area) for entry in self.entries])),
            "strokeDash": alt.StrokeDash("key:N", **told([list(entry.dash) for entry in self.entries])),
            "strokeWidth": alt.StrokeWidth("key:N", **told([entry.stroke for entry in self.entries])),
        }
        return alt.Chart(alt.InlineData(values=[])).mark_point(filled=False).encode(**channels)
