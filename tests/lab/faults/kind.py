"""A kind of creation: what is created, how it is recognised at the sandbox, and how a run is judged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tests.lab.command_line import NEVER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_periskope.sandbox.calls import Call
    from tests.lab.faults.case import Case
    from tests.lab.faults.rows import Row

OURS, HTTP = "ours", "http"
CONTENDERS = (OURS, HTTP)


@dataclass
class Finding:
    """What a case came to: one line of the table."""

    fault: str
    contender: str
    airflow: str
    state: str
    tries: int
    made: int
    posts: int
    downstream: str
    outcome: str
    seconds: int
    last_try: int
    problem: str = ""


class Kind(ABC):
    """What is created under faults. Only runs of our operator are judged; HttpOperator's are measured.

    :cvar name: its name on the command line
    :cvar dags: its file in ``tests/lab/dags``
    :cvar page: the name of its table in ``docs/_generated``
    :cvar operator: our operator
    :cvar contenders: whether it is compared with HttpOperator, which makes one call alone
    :cvar thing: what one creation makes, in one word
    :cvar result: what is passed on to the next task
    :cvar request: what its requests are called
    :cvar outcome: what our operator says of it
    :cvar texts: what no log may contain, beside keys and phone numbers
    :cvar rows: the rows of its table
    """

    name: ClassVar[str]
    dags: ClassVar[str]
    page: ClassVar[str]
    operator: ClassVar[str]
    contenders: ClassVar[Sequence[str]] = CONTENDERS
    thing: ClassVar[str]
    result: ClassVar[str] = "ID"
    request: ClassVar[str] = "POST"
    outcome: ClassVar[str]
    texts: ClassVar[Sequence[str]]
    rows: ClassVar[Sequence[Row]]

    @abstractmethod
    def scope(self, case: Case) -> dict[str, Any]:
        """Return the fields of a sandbox fault by which it meets only the create of this case."""

    @abstractmethod
    def creates(self, case: Case, call: Call) -> bool:
        """Return whether a request at the sandbox is a create of this case."""

    @abstractmethod
    def made(self, case: Case) -> list[str]:
        """Return the IDs of all that the case has made."""

    @abstractmethod
    def arguments(self, case: Case) -> dict[str, Any]:
        """Return what the DAG file needs to know, beside what it is told for every kind."""

    def prepare(self, case: Case) -> None:  # noqa: B027 - most kinds need nothing
        """Put into the sandbox what the case needs, such as a group to write to."""

    def is_right(self, case: Case, passed_on: Any, made: list[str]) -> bool:
        """Return whether what the next task received is true: by default, whether it is the ID of the one thing."""
        return [passed_on] == made

    def wanted(self, case: Case) -> int:
        """Return how many things there are to be: by default what the row says."""
        return case.row.makes

    def problems(self, case: Case, finding: Finding) -> list[str]:
        """Return what is wrong with a run of ours: anything but one thing made, and its ID passed on."""
        problems = []
        row = case.row
        wanted = self.wanted(case)
        if finding.state != "success":
            problems.append(f"the run is {finding.state}")
        if finding.made != wanted:
            problems.append(f"{NEVER + ': ' if finding.made > wanted else ''}{finding.made} {self.thing}s")
        if finding.downstream != "right":
            told = f"{self.result} downstream: {finding.downstream}"
            problems.append(told if finding.downstream == "none" else f"{NEVER}: {told}")
        if finding.outcome != self.outcome:
            problems.append(f"outcome {finding.outcome!r}")
        if finding.posts > row.posts:
            problems.append(f"{finding.posts} creates sent, not {row.posts}")
        if row.retries == 0 and row.act is None and finding.tries != 1:
            problems.append(f"{finding.tries} tries")
        if row.refusal and case.airflow.release.keeps_task_state and finding.last_try > 30:
            problems.append(f"the last try looked for {finding.last_try} s for what was never made")
        return problems
