"""Write down what shall be made, and leave the making to others: nothing is decoded, trained or started."""

from __future__ import annotations

from barnspider.lab.claims import clear_abandoned
from barnspider.lab.data.survey import survey
from barnspider.lab.study import AnySweep
from barnspider.lab.sweep import Sweep
from barnspider.store import Store


def plan_only(sweep: AnySweep, store: Store) -> int:
    """Write a sweep's plan into the store; return how many of its runs are missing.

    Raises
    ------
    InputError, DataError
        When the sweep does not fit the data, which are looked at only, or there are no such data.
    StoreError
        When the store cannot be written.
    """
    if isinstance(sweep, Sweep):
        looked = survey(sweep.base.dataset, split_seed=sweep.base.split_seed).sample
        sweep.check_classes(looked.classes)
        sweep.check_channels(looked.shape[0])
    runs = sweep.runs()
    store.plan(sweep.identity, runs, sweep.as_dict())
    clear_abandoned(store.root)
    return len(store.missing(runs))
