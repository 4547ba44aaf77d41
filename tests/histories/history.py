"""One history: what is in the world, who does what, and whether the promises were kept."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from tests.histories import network
from tests.histories.choices import Choices, Made
from tests.histories.groups import Groups, operator_for
from tests.histories.periskope import Periskope
from tests.histories.promises import EXEMPTIONS, judge
from tests.histories.scheduler import Airflow, Run
from tests.histories.virtual_time import EPOCH, Timeline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.histories.choices import Value

DAY = 86400.0


@dataclass
class History:
    """
    What has happened.

    :param violation: the promise that was broken, in words; ``None`` if all were kept.
    :param exempted: names of exemptions for what would have been a violation without them.
    """

    seed: int | None
    made: Made = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    violation: str | None = None
    exempted: list[str] = field(default_factory=list)
    counts: Counter[tuple[str, Value]] = field(default_factory=Counter)
    options: Mapping[str, set[Value]] = field(default_factory=dict)
    requests: int = 0
    kind: type[World] | None = None

    def __str__(self) -> str:
        lines = [f"violation: {self.violation}", f"seed: {self.seed}", "choices:"]
        lines += [f"    {name!r}: {value!r}," for name, value in self.made.items()]
        return "\n".join([*lines, "steps:", *(f"    {step}" for step in self.steps)])


class World:
    """
    All that takes part in a history of tasks that create groups.

    A history of tasks that create something else has a subclass of its own.
    """

    exemptions: ClassVar[Mapping[str, Any]] = EXEMPTIONS
    interferences: ClassVar[tuple[str, ...]] = (
        "clears it", "marks it failed and clears it", "clears it with its list", "goes on with the backfill",
        "renames a group", "leaves a group",
    )  # fmt: skip

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.timeline = Timeline()
        self.steps: list[str] = []
        self.periskope = Periskope(self.timeline, choices, self.tell)
        self.furnish()
        seconds = float(choices.pick("Dag: cool_down", (0, 90), 0.15, setting=True))
        self.cool_down = timedelta(seconds=seconds) if seconds else None
        self.airflow = Airflow(self.timeline, choices, self.tell, self.operator_for, self._run_finished)
        self.clears = 0
        self.store_was_lost = False

    def furnish(self) -> None:
        """Let the API have what can be created."""
        self.groups = Groups(self.periskope)

    def operator_for(self, *arguments: Any) -> Any:
        """Return the task that creates."""
        return operator_for(*arguments, cool_down=self.cool_down)

    def pick_option(self) -> str:
        """Choose how the tasks create."""
        return str(self.choices.pick("Dag: if_exists", ("create", "reuse", "fail"), 0.6, setting=True))

    def judge(self) -> tuple[str | None, list[str]]:
        """Return the promise that was broken, and the exemptions that were needed."""
        return judge(self)

    def tell(self, text: str) -> None:
        """Note a step."""
        seconds = self.timeline.now - EPOCH
        self.steps.append(f"{seconds:10.1f}  {text}")

    def plan(self) -> None:
        """Decide who does what, and let it begin."""
        pick, timeline = self.choices.pick, self.timeline
        option = self.pick_option()
        mapped = int(pick("Dag: mapped over", (0, 1, 2, 3), 0.35, setting=True))
        shared_name = (
            pick("Dag: name", ("of the run's own", "one for all runs"), 0.35, setting=True)
            != "of the run's own"
        )
        is_twice = (
            mapped > 1
            and pick("Dag: list", ("no name twice", "a name twice"), 0.08, setting=True) != "no name twice"
        )
        for number in (1, 2):
            begins = 60.0
            if number == 2:
                after = pick("second run: begins after", ("never", 2, 120, 360, 4000, 86400), 0.25)
                if after == "never":
                    break
                begins += float(after)
            names = [
                f"G{'' if shared_name else number}{'abc'[i] if mapped else ''}" for i in range(max(1, mapped))
            ]
            if is_twice:
                names[1] = names[0]
            kind = str(
                pick(f"run {number}: kind",
                     ("scheduled", "manual", "backfill", "catch-up", "backfill of today"), 0.6, setting=True)
            )  # fmt: skip
            timeline.after(
                begins, lambda n=str(number), k=kind, ns=names: self._start(n, k, ns, option, bool(mapped))
            )
            if number == 1:
                self.surround(names[0], begins)
                self._interfere(begins, names)

    def _start(self, number: str, kind: str, names: list[str], option: str, is_mapped: bool) -> None:
        now = self.airflow.now
        due = {"scheduled": now - 3, "manual": now, "backfill": now - 30 * DAY, "catch-up": now - 5 * DAY,
               "backfill of today": now + 0.4 * DAY}[kind]  # fmt: skip
        if kind == "manual" and not self.airflow.release.has_run_after:
            due = now - 0.4 * DAY  # the end of the last interval that is over
        run_type = {"catch-up": "scheduled", "backfill of today": "backfill"}.get(kind, kind)
        self.airflow.start_run(Run(number, run_type, due, names, "A", option, is_mapped))

    def surround(self, name: str, begins: float) -> None:
        """Let there be groups of the name that are not the task's."""
        pick, timeline, groups = self.choices.pick, self.timeline, self.groups
        for number in range(int(pick("world: groups of the name from before", (0, 1, 2), 0.25))):
            age = float(pick(f"world: older group {number}: seconds before", (86400, 3600, 900), 0.5))
            groups.add(name, "A", made_before=age)
            self.tell(f"there is {groups.all[-1].chat_id}, {age:.0f} s old")
        moment = pick("world: phone B makes a group of the name", ("never", 0.5, 30, 90, 200, -3600), 0.1)
        if moment != "never":

            def by_phone_b() -> None:
                group = groups.add(name, "B", listed_after=1, members=["A"])
                self.tell(f"phone B makes {group.chat_id}, with phone A in it")

            timeline.after(max(0.0, begins + float(moment)), by_phone_b)
        moment = pick("world: a person makes a group of the name", ("never", 5, 100, 500, -50), 0.05)
        if moment != "never":

            def by_hand() -> None:
                group = groups.add(name, "A", listed_after=1)
                self.tell(f"a person makes {group.chat_id} on phone A")

            timeline.after(begins + float(moment), by_hand)

    def _interfere(self, begins: float, names: list[str]) -> None:
        """Let a person do something while the first run is going on."""
        what = self.choices.pick("while run 1 runs: somebody", ("does nothing", *self.interferences), 0.2)
        if what == "does nothing":
            return
        moment = float(self.choices.pick("while run 1 runs: when", (3, 1.5, 40, 90, 330), 0.8))

        def act() -> None:
            run = self.airflow.runs[0]
            if what in ("renames a group", "leaves a group"):
                if found := self.groups.named(names[0]):
                    self.tell(f"a person {what}: {found[-1].chat_id}")
                    found[-1].was_changed = True
                    if what == "leaves a group":
                        found[-1].is_exited = True
                    else:
                        found[-1].name = "Renamed"
            elif run.state == "finished":
                pass
            elif what == "goes on with the backfill":
                if not self.airflow.release.has_run_after and run.kind == "backfill":
                    self.airflow.restart_backfill(run)
            elif what == "clears it with its list":
                self.airflow.clear(run, self._another_list(run, "while it runs"))
            else:
                self.airflow.clear(run, how="clear" if what == "clears it" else "mark failed first")

        self.timeline.after(begins + moment, act)

    def _another_list(self, run: Run, when: str) -> list[str] | None:
        if not run.is_mapped:
            return None
        names = list(run.names)
        match self.choices.pick(
            f"{when}: list becomes", ("as it was", "reversed", "longer", "shorter", "another"), 0.9
        ):
            case "reversed":
                return names[::-1]
            case "longer":
                return [f"{names[0]}+", *names]
            case "shorter":
                return names[1:] or names
            case "another":
                return [f"{name}*" for name in names]
            case _:
                return names

    def _run_finished(self, run: Run) -> None:
        if self.clears >= 2 or run.number != "1":
            return
        self.clears += 1
        where = f"clear {self.clears}"
        what = self.choices.pick(f"{where}: after the run", ("nothing", "clear", "clear with its list"), 0.4)
        if what == "nothing":
            self.clears = 2
            return
        delay = float(self.choices.pick(f"{where}: after the run it comes", (10, 240, 3600, 40 * DAY), 0.7))

        def act() -> None:
            if run.state != "finished":
                return
            if delay > 30 * DAY and self.airflow.release.has_store:
                self.tell("the task state store is cleaned up")
                self.store_was_lost = True
                for task in run.tasks.values():
                    task.store = {}
            self.airflow.clear(run, self._another_list(run, where) if what == "clear with its list" else None)

        self.timeline.after(delay, act)


def play(
    seed: int | None = None,
    fixed: Mapping[str, Value] | None = None,
    without: frozenset[tuple[str, Value]] = frozenset(),
    kind: type[World] = World,
) -> History:
    """
    Play one history.

    :param kind: what the tasks create; the other parameters are those of :class:`Choices`.
    """
    choices = Choices(seed, fixed, without)
    world = kind(choices)
    random.seed(1)
    with world.timeline.in_charge(), network.simulated(world.periskope):
        world.plan()
        world.timeline.run()
    history = History(seed, choices.made, world.steps, counts=choices.counts, options=choices.seen, kind=kind)
    history.requests = len(world.periskope.requests)
    history.violation, history.exempted = world.judge()
    history.counts.update(world.airflow.counts)
    return history


def shrink(history: History) -> History:
    """Return the history with as few choices as still break the promise."""
    violation = (history.violation or "").partition(":")[0]
    kind = history.kind or World

    def still_fails(made: Made) -> History | None:
        played = play(fixed=made, kind=kind)
        return played if played.violation and played.violation.startswith(violation) else None

    best = still_fails(history.made)
    if best is None:
        return history
    size = max(1, len(best.made) // 2)
    while True:
        names, shrunk = list(best.made), False
        for start in range(0, len(names), size):
            without = {
                name: value for name, value in best.made.items() if name not in names[start : start + size]
            }
            if len(without) < len(best.made) and (smaller := still_fails(without)):
                best, shrunk = smaller, True
        if not shrunk and size == 1:
            break
        size = size if shrunk and size == 1 else max(1, size // 2)
    best.seed = history.seed
    return best
