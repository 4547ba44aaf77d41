"""Histories that once broke a promise, as the choices that it took. Each passes for good now."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.histories.choices import Made

FOUND: dict[str, Made] = {
    "a backfill is cleared that failed, and a run before it has made a group of its name": {
        "Airflow: release": "3.1",
        "run 1: kind": "backfill",
        "world: groups of the name from before": 1,
        "world: older group 0: seconds before": 3600,
        "run 1 try 1, request 1: POST": "invalid",
        "clear 1: after the run": "clear",
    },
    "a catch-up is cleared whose first try failed before it began": {
        "Airflow: release": "3.2",
        "Dag: retries": 0,
        "run 1: kind": "catch-up",
        "world: groups of the name from before": 1,
        "run 1 try 1: trouble": "fails before it begins",
        "clear 1: after the run": "clear",
    },
    "after a clear, if_exists='fail' takes the group that it has refused before": {
        "Airflow: release": "3.1",
        "Dag: if_exists": "fail",
        "run 1: kind": "backfill",
        "world: groups of the name from before": 1,
        "world: older group 0: seconds before": 3600,
        "run 1 try 1, request 1: GET": "phone off",
        "clear 1: after the run": "clear",
    },
    "a backfill of the current interval is cleared": {
        "Airflow: release": "2.11",
        "run 1: kind": "backfill of today",
        "clear 1: after the run": "clear",
        "clear 1: after the run it comes": 240,
    },
    "a gateway lets a create pass and answers 429": {
        "run 1 try 1, request 1: POST": "foreign JSON 429 after the work",
    },
    "a gateway lets a create pass and answers 404": {
        "run 1 try 1, request 1: POST": "HTML 404 after the work",
    },
    "a gateway lets a create pass and answers 401": {
        "run 1 try 1, request 1: POST": "HTML 401 after the work",
    },
    "phone B makes a group with phone A in it, while A's own request is lost": {
        "list: a group of two phones": "one row, both named",
        "world: phone B makes a group of the name": 0.5,
        "run 1 try 1, request 1: POST": "dropped",
    },
    "a worker is killed after a late request": {
        "Dag: retry_delay": 0,
        "run 1 try 1, store write 1: seconds a write takes": 20,
        "run 1 try 1, connection 1: connecting": "not made in time",
        "run 1 try 1, connection 2: connecting": "not made in time",
        "run 1 try 1, connection 3: connecting": "not made in time",
        "run 1 try 1, request 1: POST": "killed once it is sent, carried out late",
        "run 1 try 1, request 1: work comes after": 70,
        "run 1 try 1, request 1: listed after": 50,
    },
    "the list names another phone of ours for the group that was made": {
        "list: org_phone of a group": "whoever is in it",
        "run 1 try 1, request 1: POST": "not JSON, carried out",
    },
    "a backfill of the current interval is cleared when the interval is over": {
        "Airflow: release": "2.11",
        "run 1: kind": "backfill of today",
        "clear 1: after the run": "clear",
        "clear 1: after the run it comes": 3456000.0,
    },
    "if_exists='fail', and the list names another phone of ours for the group that exists": {
        "list: org_phone of a group": "whoever is in it",
        "Dag: if_exists": "fail",
        "Dag: name": "one for all runs",
        "second run: begins after": 360,
    },
    "the list names another phone of ours, and nothing tells who created the group": {
        "list: org_phone of a group": "whoever is in it",
        "chat: creator": "not marked",
        "run 1 try 1, request 1: POST": "error 500 after the work",
    },
    "a request is refused while an older one is in doubt": {
        "Dag: retry_delay": 30,
        "run 1 try 1, request 1: POST": "dropped, then the work",
        "run 1 try 1, request 1: work comes after": 110,
        "run 1 try 2, request 2: POST": "phone off",
    },
    "cleared without a record, and nothing tells that another phone of ours created the group": {
        "list: a group of two phones": "one row, both named",
        "chat: creator": "not marked",
        "Dag: retries": 0,
        "Dag: if_exists": "reuse",
        "world: phone B makes a group of the name": 200,
        "run 1 try 1: trouble": "fails before it begins",
        "clear 1: after the run": "clear with its list",
        "clear 1: after the run it comes": 3600,
    },
    "the next run is due six minutes later, and the clocks of scheduler and worker differ by nearly three": {
        "Airflow: release": "3.1",
        "scheduler: clock ahead": -85,
        "Dag: name": "one for all runs",
        "second run: begins after": 360,
        "run 2 try 1: trouble": "cut off at 0.5 s",
        "run 2 try 2: worker's clock ahead": 85,
    },
    "a request is refused after the last look, and only then the group of the try before is listed": {
        "Airflow: release": "3.1",
        "Dag: retries": 4,
        "Dag: retry_delay": 0,
        "Dag: if_exists": "fail",
        "run 1 try 1, request 2: POST": "killed as it is answered",
        "run 1 try 1, request 2: listed after": 90,
        "run 1 try 2, request 4: POST": "rate limit of 40 s",
    },
    "the same after a clear, where the record was removed when the task had succeeded": {
        "Airflow: release": "3.3, clear_on_success",
        "run 1 try 1, request 1: listed after": 90,
        "clear 1: after the run": "clear",
        "run 1 try 2, request 4: POST": "rate limit of 40 s",
    },
    "a backfill is cleared while its first try writes its record, and a group of the name is a day old": {
        "run 1: kind": "backfill",
        "world: groups of the name from before": 1,
        "while run 1 runs: somebody": "marks it failed and clears it",
        "run 1 try 1, store write 1: seconds a write takes": 20,
    },
    "a group of another phone is reused, and only then comes the work of a request from 110 s before": {
        "list: a group of two phones": "a row each",
        "Dag: retry_delay": 30,
        "Dag: if_exists": "reuse",
        "Dag: mapped over": 2,
        "world: phone B makes a group of the name": 0.5,
        "run 1[0] try 1, request 2: POST": "HTML 408, then the work",
        "run 1[0] try 1, request 2: work comes after": 110,
    },
}

FOUND_WITH_MESSAGES: dict[str, Made] = {
    "a message is in neither list for 45 s, and the state of the phone is read for 30 s": {
        "Dag: retry_delay": 0,
        "Dag: mapped over": 3,
        "run 1[0] try 1, request 1: POST": "HTML 504, then the work",
        "run 1[0] try 1, request 1: work comes after": 70,
        "run 1[0] try 1, store write 2: seconds a write takes": 3,
        "run 1[0] try 1, request 1: in neither list for": 45,
        "run 1[0] try 2, request 4: GET": "cut off",
        "run 1[0] try 2, request 13: seconds it takes": 30,
    },
    "a message is in neither list for 45 s, and its queue was read for a minute before": {
        "Dag: retry_delay": 30,
        "run 1 try 1, request 1: POST": "stalls",
        "run 1 try 1, request 1: seconds in the queue": 40,
        "run 1 try 1, request 1: in neither list for": 45,
        "run 1 try 1, request 1: the phone": "fails, then sends it",
        "run 1 try 1: next try late by": 40,
        "run 1 try 2, request 1: GET": "no answer",
    },
}
"""The same of messages."""
