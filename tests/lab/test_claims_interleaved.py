"""Workers that reach for one dead claim at once: one operation on the disk at a time, in any order that there is."""

import json
import threading
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from barnspider.lab import claims

DEAD = json.dumps({"host": "elsewhere", "pid": 1, "nonce": "dead"})


class Disk:
    """Files by name, with what is in them and when they were touched; each operation waits for its worker's turn."""

    def __init__(self) -> None:
        self.now, self.files, self.local = 1000.0, {"k": [DEAD, 0.0]}, threading.local()

    def turn(self) -> None:
        if actor := getattr(self.local, "actor", None):
            actor.wait_for_turn()


class Path:
    """As much of a `pathlib.Path` on that disk as claims use."""

    def __init__(self, disk: Disk, name: str) -> None:
        self.disk, self.name, self.parent = disk, name, self

    def _there(self):
        self.disk.turn()
        if self.name not in self.disk.files:
            raise FileNotFoundError(2, "none", self.name)
        return self.disk.files[self.name]

    def touched(self):
        self._there()[1] = self.disk.now

    def open(self, mode, encoding):
        self.disk.turn()
        if self.name in self.disk.files:
            raise FileExistsError
        made = self.disk.files[self.name] = ["", self.disk.now]
        return Writing(self.disk, made)

    def read_text(self, **_):
        return self._there()[0]

    def stat(self):
        return SimpleNamespace(st_mtime=self._there()[1])

    def with_name(self, name):
        return Path(self.disk, name)

    def rename(self, other):
        self.disk.files[other.name] = self._there()
        del self.disk.files[self.name]

    def hardlink_to(self, other):
        kept = other._there()
        if self.name in self.disk.files:
            raise FileExistsError
        self.disk.files[self.name] = kept

    def unlink(self, missing_ok=False):
        self.disk.turn()
        if self.disk.files.pop(self.name, None) is None and not missing_ok:
            raise FileNotFoundError

    def glob(self, pattern):
        self.disk.turn()
        return [Path(self.disk, name) for name in list(self.disk.files) if name.startswith(pattern.rstrip("*"))]


class Writing:
    """A file that is written into, whatever its name is by now."""

    def __init__(self, disk, made):
        self.disk, self.made = disk, made

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def write(self, text):
        self.disk.turn()
        self.made[:] = [text, self.disk.now]


class Actor:
    """A worker that does something to the claim, in a thread that does one operation when it is told to."""

    def __init__(self, disk: Disk, signature: str, job) -> None:
        self.claim = claims.Claim(Path(disk, "k"), signature, disk.now)
        self.disk, self.job, self.has_it = disk, job, False
        self.go, self.rests, self.over = threading.Semaphore(0), threading.Semaphore(0), False
        threading.Thread(target=self._run, daemon=True).start()
        self.rests.acquire()

    def _run(self) -> None:
        self.disk.local.actor = self
        try:
            self.has_it = self.job(self.claim)
        finally:
            self.over = True
            self.rests.release()

    def wait_for_turn(self) -> None:
        self.rests.release()
        self.go.acquire()

    def step(self) -> None:
        if not self.over:
            self.go.release()
            self.rests.acquire()

    def has_it_still(self) -> bool:
        """Whether it believes that the claim is its own, after one more look."""
        return self.has_it and looks(self.claim)


def takes(claim: claims.Claim) -> bool:
    """Take the claim or take it over, as `claimed` does."""
    path, mine = claim.path, claim.signature
    return claims._take(path, mine) or (claims._is_void(path) and claims._retire(path) and claims._take(path, mine))


def looks(claim: claims.Claim) -> bool:
    try:
        claim.look()
    except claims.LostClaim:
        return False
    return True


def beats(claim: claims.Claim) -> bool:
    """Wake after a pause, as the heart does."""
    try:
        claim.beat()
    except claims.LostClaim:
        return False
    return True


def takes_and_gives_back(claim: claims.Claim) -> bool:
    if takes(claim):
        claim.give_back()
    return False


def taker(number: int) -> str:
    return json.dumps({"host": f"node {number}", "pid": 1})


ORDERS = some.lists(some.tuples(some.integers(0, 3), some.integers(1, 12)), max_size=8)
"""Which worker does how many operations, before which other does."""

LATE = [(0, 4), (1, 11), (0, 1)]
"""The first finds the claim void, the second takes it over, the first moves away what is the second's."""


def play(jobs, order) -> tuple[Disk, list[Actor]]:
    """Let workers do their operations in this order, then what is left, one worker after the other."""
    disk = Disk()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, "time", SimpleNamespace(time=lambda: disk.now))
        patch.setattr(claims, "os", SimpleNamespace(utime=lambda path: path.touched()))
        actors = [Actor(disk, DEAD if job is beats else taker(i), job) for i, job in enumerate(jobs)]
        for number, operations in order:
            for _ in range(operations):
                actors[number % len(actors)].step()
        for actor in actors:
            while not actor.over:
                actor.step()
    return disk, actors


@settings(max_examples=50, deadline=None)
@given(ORDERS)
@example([*LATE, (1, 20)])
def test_of_two_that_take_over_one_succeeds_whatever_the_order(order):
    disk, actors = play([takes, takes], order)
    assert sum(actor.has_it for actor in actors) == 1
    assert sum(actor.has_it_still() for actor in actors) == 1, "and has it after a look"
    assert list(disk.files) == ["k"]


@settings(max_examples=50, deadline=None)
@given(ORDERS)
@example([*LATE, (2, 20)])
def test_of_three_that_take_over_one_still_has_it_after_a_look(order):
    disk, actors = play([takes, takes, takes], order)
    assert sum(actor.has_it for actor in actors) <= 2
    assert sum(actor.has_it_still() for actor in actors) == 1
    assert list(disk.files) == ["k"]


@settings(max_examples=50, deadline=None)
@given(ORDERS)
def test_an_owner_that_wakes_while_it_is_taken_over_knows_it_after_a_look(order):
    disk, actors = play([beats, takes, takes], order)
    assert sum(actor.has_it_still() for actor in actors) == 1
    assert list(disk.files) == ["k"]


@settings(max_examples=50, deadline=None)
@given(ORDERS)
@example([*LATE, (1, 20)])
def test_what_is_given_back_while_others_look_at_it_does_not_stay(order):
    disk, actors = play([takes_and_gives_back, takes_and_gives_back, takes_and_gives_back], order)
    assert not any(actor.has_it for actor in actors)
    assert list(disk.files) in ([], ["k"])
    assert disk.files.get("k", [DEAD])[0] == DEAD, "nobody had it"
