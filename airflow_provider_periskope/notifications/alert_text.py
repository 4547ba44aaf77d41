"""The text of an alert whose author wrote none: what happened, where, since when, why, and a link."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_periskope.phone_numbers import mask_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import tzinfo

    from airflow_provider_periskope.notifications.airflow_ui import AirflowUi

LONGEST_NAME = 80
LONGEST_REASON = 200
"""Characters after which a name and a reason are cut, so that an alert fits a phone's screen."""

MOST_TASKS = 5
"""How many failed tasks of a run are named."""

_TASK_STATES = {
    "failed": ("🔴", "Task failed"),
    "up_for_retry": ("🟠", "Task failed, will be retried"),
    "success": ("🟢", "Task succeeded"),
    "skipped": ("⚪", "Task skipped"),
    "running": ("🔵", "Task started"),
}
_RUN_REASONS = {
    "timed_out": "The run took longer than its dagrun_timeout.",
    "all_tasks_deadlocked": "All tasks are deadlocked.",
}

_DATE = re.compile(r"(?<!\d)\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,6})?)?)?(?!\d)")
_SECRETS = (
    (re.compile(r"(?<=://)[^\s/@]+(?=@)"), "***"),
    (re.compile(r"\b(bearer|basic)\s+[^\s'\",;]+", re.IGNORECASE), r"\1 ***"),
    (
        re.compile(
            r"(\b[\w-]*(?:passw(?:or)?d|pwd|secret|token|api[_-]?key|authorization|credential)[\w-]*['\"]?\s*[=:]\s*)"
            r"(?!(?:bearer|basic)\b)(\"[^\"]*\"|'[^']*'|[^\s,;&)]+)",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
    (re.compile(r"\beyJ[\w-]+\.[\w.-]+"), "***"),
)


def alert_text(context: Mapping[str, Any], ui: AirflowUi) -> str:
    """
    Compose the text for what a callback's context tells.

    The context of a task's callback has the task instance and its state. That of a Dag's callback has ``reason``. That
    of a missed deadline has ``deadline``, and of the run only a dictionary. What is missing is left out.

    :param context: context of the callback.
    :param ui: where Airflow's UI is.
    :return: the text, at most seven short lines and the link.
    """
    if "deadline" in context:
        lines = _deadline_missed(context, ui)
    elif "reason" in context:
        lines = _run_ended(context, ui)
    elif hasattr(context.get("task"), "generate_link_to_ui") and _state(context) in ("running", ""):
        lines = _approval_requested(context, ui)
    elif context.get("ti") is not None:
        lines = _task_ended(context, ui)
    else:
        lines = iter(
            [f"🔔 *{_named('Alert from Airflow', _dag_id(context))}*", *_where(context, with_dag=False)]
        )
    return "\n".join(line for line in lines if line)


def dag_id_of(context: Mapping[str, Any]) -> str | None:
    """Return which DAG an alert is about, if the context tells."""
    return _dag_id(context)


def _task_ended(context: Mapping[str, Any], ui: AirflowUi) -> Iterator[str]:
    ti, state = context["ti"], _state(context)
    tries, most = _of(ti, "try_number"), _of(ti, "max_tries")
    counted = isinstance(tries, int) and isinstance(most, int)
    if state in _TASK_STATES:
        mark, what = _TASK_STATES[state]
    elif counted and tries <= most:
        # The DAG processor calls back for a task that was killed, and does not say its state. Some releases call
        # on_failure_callback though Airflow retries the task.
        mark, what = "🟠", "Task failed, retries remain"
    else:
        mark, what = _TASK_STATES["failed"]
    yield f"{mark} *{_named(what, _task_name(ti))}*"
    yield from _where(context)
    # Airflow counts the retries, and a person the tries.
    counting = f", try {tries} of {most + 1}" if counted and most > 0 and state != "skipped" else ""
    yield _since(context, ti) + counting
    yield _first_line(context.get("exception"))
    yield ui.link(_dag_id(context), _run_id(context), _of(ti, "task_id"), _map_index(ti))


def _run_ended(context: Mapping[str, Any], ui: AirflowUi) -> Iterator[str]:
    reason = str(context["reason"])
    succeeded = reason == "success"
    yield f"{'🟢' if succeeded else '🔴'} *{_named('DAG succeeded' if succeeded else 'DAG failed', _dag_id(context))}*"
    yield from _where(context, with_dag=False)
    yield _since(context)
    yield _RUN_REASONS.get(reason, "")
    if not succeeded and (failed := Counter(_failed_tasks(context))):
        # Of a mapped task, hundreds may have failed.
        names = [_short(name) + (f" ×{times}" if times > 1 else "") for name, times in sorted(failed.items())]
        more = f" and {len(names) - MOST_TASKS} more" if len(names) > MOST_TASKS else ""
        yield f"Failed: {', '.join(names[:MOST_TASKS])}{more}"
    yield ui.link(_dag_id(context), _run_id(context))


def _deadline_missed(context: Mapping[str, Any], ui: AirflowUi) -> Iterator[str]:
    run = context.get("dag_run")
    yield f"⏰ *{_named('Deadline missed', _dag_id(context))}*"
    yield from _where(context, with_dag=False)
    if due := _moment(_of(context["deadline"], "deadline_time"), context):
        yield f"Due {due}"
    yield _since(context) or (
        f"Queued {moment}" if (moment := _moment(_of(run, "queued_at"), context)) else ""
    )
    if state := _value(_of(run, "state")):
        yield f"The run is {state}."
    yield ui.link(_dag_id(context), _run_id(context))


def _approval_requested(context: Mapping[str, Any], ui: AirflowUi) -> Iterator[str]:
    ti, task = context.get("ti"), context["task"]
    yield f"✋ *{_named('Approval requested', _task_name(ti))}*"
    yield _cut(str(_of(task, "subject") or "").strip().partition("\n")[0], LONGEST_REASON)
    yield from _where(context)
    yield _since(context, ti)
    if options := _of(task, "options"):
        yield _cut(f"Options: {', '.join(map(str, options))}", LONGEST_REASON)
    yield ui.link(
        _dag_id(context), _run_id(context), _of(ti, "task_id"), _map_index(ti), waits_for_approval=True
    )


def _where(context: Mapping[str, Any], *, with_dag: bool = True) -> Iterable[str]:
    dag_id, run_id = _dag_id(context), _run_id(context)
    if with_dag and dag_id:
        yield f"DAG {_short(dag_id)}"
    if run_id:
        yield f"Run {_short(run_id)}"


def _since(context: Mapping[str, Any], ti: Any = None) -> str:
    if moment := _moment(_of(ti, "start_date"), context):
        return f"Started {moment}"
    moment = _moment(_of(context.get("dag_run"), "start_date"), context)
    return f"Run started {moment}" if moment else ""


def _first_line(error: object) -> str:
    """Return the kind of an exception and the first line of its text, without numbers and secrets."""
    if error is None:
        return ""
    if isinstance(error, str) and error.startswith("{'DAG Id'"):
        return (
            "The process of the task was lost."  # Airflow 2.11 has only the names that the alert has already.
        )
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    kind = "" if isinstance(error, str) else type(error).__name__
    return _cut(without_secrets(": ".join(part for part in (kind, said) if part)), LONGEST_REASON)


def without_secrets(text: str) -> str:
    """
    Return a text with the phone numbers in it masked, and what looks like a password or a key removed.

    :param text: text of an exception. Dates in it stay.
    """
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    shown, end = "", 0
    for date in _DATE.finditer(text):
        shown += mask_numbers(text[end : date.start()]) + date[0]
        end = date.end()
    return shown + mask_numbers(text[end:])


def _failed_tasks(context: Mapping[str, Any]) -> list[str]:
    """Return the tasks of a run that failed, where Airflow can be asked: the ``ti`` of a Dag's callback may be any."""
    run: Any = context.get("dag_run")
    ti: Any = context.get("ti")
    with suppress(Exception):  # An alert with less in it is better than none.
        if hasattr(run, "get_task_instances"):  # Airflow 2.11
            return [failed.task_id for failed in run.get_task_instances(state=["failed"])]
        if asks_for_task_states():
            states = ti.get_task_states(dag_id=_dag_id(context), run_ids=[_run_id(context)])
            # A mapped task comes with its index, as load_3.
            tasks = {task.task_id for task in context["dag"].tasks}
            return [
                name if name in tasks else name.rpartition("_")[0]
                for of_run in states.values()
                for name, state in of_run.items()
                if _value(state) == "failed"
            ]
    return []


def asks_for_task_states() -> bool:
    """Return whether the DAG processor can be asked for the states of tasks; that of Airflow 3.0 would never answer."""
    from airflow import __version__

    return not __version__.startswith(("2.", "3.0."))


def _dag_id(context: Mapping[str, Any]) -> str | None:
    places = (context.get("ti"), context.get("dag_run"), context.get("dag"))
    return next((dag_id for place in places if (dag_id := _of(place, "dag_id"))), None)


def _run_id(context: Mapping[str, Any]) -> str | None:
    run = context.get("dag_run")
    return _of(run, "run_id") or _of(run, "dag_run_id") or context.get("run_id")


def _state(context: Mapping[str, Any]) -> str:
    return _value(_of(context.get("ti"), "state"))


def _value(state: Any) -> str:
    return str(getattr(state, "value", state) or "")


def _map_index(ti: Any) -> int:
    index = _of(ti, "map_index")
    return index if isinstance(index, int) else -1


def _task_name(ti: Any) -> str:
    task_id, index = _of(ti, "task_id") or "", _map_index(ti)
    return f"{task_id} [{_of(ti, 'rendered_map_index') or index}]" if index >= 0 else task_id


def _moment(value: Any, context: Mapping[str, Any]) -> str:
    """Return a moment in the time zone of the DAG; of a missed deadline the DAG is not known, so in UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return ""
    if not isinstance(value, datetime):
        return ""
    zone: tzinfo = _of(context.get("dag"), "timezone") or UTC
    moment = (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(zone)
    return f"{moment.day} {moment:%b %Y, %H:%M} {moment.tzname() or ''}".rstrip()


def _named(what: str, name: str | None) -> str:
    return f"{what}: {_short(name)}" if name else what


def _short(name: str) -> str:
    return _cut(name, LONGEST_NAME)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _of(thing: Any, name: str) -> Any:
    """Return an attribute, or an item where a context holds dictionaries; ``None`` where there is neither."""
    try:
        return thing.get(name) if hasattr(thing, "keys") else getattr(thing, name, None)
    except Exception:  # An attribute of Airflow may be a query.
        return None
