"""Where output goes: data to stdout, talk to stderr."""

from __future__ import annotations

import json
from typing import Any

import typer

from barnspider.names import visible


def talk(text: str) -> None:
    """Say something to the person, line by line, inert; stdout is for data."""
    typer.echo("\n".join(visible(line, longest=10_000) for line in text.splitlines()), err=True)


def show(document: dict[str, Any] | None, text: object) -> None:
    """Print the JSON document if there is one, else the text."""
    typer.echo(str(text) if document is None else dump(document))


def dump(document: dict[str, Any]) -> str:
    """Return a JSON document on one line."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False)
