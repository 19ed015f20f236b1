"""Runs that somebody else's command makes: planned, started, read and sealed here. Needs no torch."""

from barnspider.lab.command.sweep import Command, CommandRun, CommandSweep

__all__ = ["Command", "CommandRun", "CommandSweep"]
