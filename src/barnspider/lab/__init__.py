"""The laboratory: studies are planned, trained and stored here. The only room that may import torch.

Planning needs no torch; training happens in worker processes, which do.

    from barnspider import lab
    sweep = lab.Sweep(lab.Recipe(dataset="fashion-mnist"), vary="crop", doses=(0.0, 0.3, 0.6), seeds=range(8))
    predictions = lab.run(sweep, lab.Store("runs"))
"""

from barnspider.lab.command import Command, CommandRun, CommandSweep
from barnspider.lab.recipe import KNOBS, Dose, Knob, Recipe
from barnspider.lab.run import run, train_missing
from barnspider.lab.study import read_study
from barnspider.lab.sweep import Run, Sweep
from barnspider.lab.tally import Tally
from barnspider.store import Store

__all__ = [
    "KNOBS",
    "Command",
    "CommandRun",
    "CommandSweep",
    "Dose",
    "Knob",
    "Recipe",
    "Run",
    "Store",
    "Sweep",
    "Tally",
    "read_study",
    "run",
    "train_missing",
]
