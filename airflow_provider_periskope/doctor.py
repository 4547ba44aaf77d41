"""The command ``periskope-doctor``: whether what this provider assumes of the API holds for an account."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import partial
from importlib.metadata import version
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_periskope import __version__
from airflow_provider_periskope.exceptions import PeriskopeError
from airflow_provider_periskope.hooks.periskope import PeriskopeHook
from airflow_provider_periskope.membership import Membership
from airflow_provider_periskope.models import Group
from airflow_provider_periskope.once import rule
from airflow_provider_periskope.once.doubt import CLOCK_MARGIN, WORKERS_CLOCK_MARGIN
from airflow_provider_periskope.phone_numbers import digits_of, mask_creator, mask_numbers, masked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_periskope.models import Chat

NO_TASK_RUNS = "No task can run."
GROUP_CANNOT_BE_FOUND = (
    "A group whose response is lost cannot be found: such a task ends with an unknown outcome."
)
MESSAGE_CANNOT_BE_FOUND = (
    "A message whose response is lost cannot be found: such a task ends with an unknown outcome, and "
    "sends no second one."
)

LONGEST_WAIT = 180.0
"""Seconds that a new group is waited for until it is listed."""


class Level(StrEnum):
    """What a finding means for the promises of this provider: they hold, with a reservation, or not."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True)
class Finding:
    """
    One line of the report.

    :param level: whether what was found is right.
    :param found: what was found, without a key and without a whole number.
    :param meaning: what follows from it.
    :param checked: what was checked.
    """

    level: Level
    found: str
    meaning: str = ""
    checked: str = ""


def green(found: str, meaning: str = "") -> Finding:
    """Return a finding that is right."""
    return Finding(Level.GREEN, found, meaning)


def yellow(found: str, meaning: str) -> Finding:
    """Return a finding with a reservation."""
    return Finding(Level.YELLOW, found, meaning)


def red(found: str, meaning: str) -> Finding:
    """Return a finding that breaks a promise."""
    return Finding(Level.RED, found, meaning)


def examine(hook: PeriskopeHook) -> Iterator[Finding]:
    """
    Check what can be read, with about a dozen calls.

    :param hook: hook of the connection and phone.
    :return: findings, each as soon as it is known. Without a key that works there is nothing more to find.
    """
    for checked, check, refused in (
        ("Versions", _versions, NO_TASK_RUNS),
        ("Connection", _connection, NO_TASK_RUNS),
        ("Key and plan", _key, NO_TASK_RUNS),
        ("Phone", _phone, NO_TASK_RUNS),
        ("Number of the phone", _number, NO_TASK_RUNS),
        ("Clock", _clock, NO_TASK_RUNS),
        ("Rate limit", _rate_limit, NO_TASK_RUNS),
        ("List of groups", _list, GROUP_CANNOT_BE_FOUND),
        ("Pages of the list", _pages, GROUP_CANNOT_BE_FOUND),
        ("A group", _group, GROUP_CANNOT_BE_FOUND),
        ("Queue of messages", _queue, MESSAGE_CANNOT_BE_FOUND),
        ("Messages of a group", _messages, MESSAGE_CANNOT_BE_FOUND),
    ):
        finding = _of(checked, partial(check, hook), refused)
        yield finding
        if finding.level is Level.RED and checked in ("Connection", "Key and plan"):
            return


def examine_by_making(hook: PeriskopeHook, group_name: str, number: str) -> Iterator[Finding]:
    """
    Create a group, see when it is listed and what comes back, and leave it.

    :param hook: hook of the connection and phone.
    :param group_name: its name.
    :param number: the person to add.
    :return: findings.
    """
    begun = time.monotonic()
    try:
        chat = hook.create_group(group_name, [number])
    except PeriskopeError as error:
        yield Finding(Level.RED, _said(error), "Look on the phone whether the group is there.", "A new group")
        return
    answered = time.monotonic()
    yield replace(_created(hook, chat, answered - begun), checked="A new group")
    for checked, check in (
        ("How soon it is listed", partial(_listed, hook, chat.chat_id, answered)),
        ("What comes back", partial(_shown, hook, chat)),
        ("Leaving it", partial(_left, hook, chat.chat_id)),
    ):
        yield _of(checked, check, "Look on the phone: the group may still be there.")


def _of(checked: str, check: Callable[[], Finding], refused: str) -> Finding:
    """Run a check; what is refused is a finding, too."""
    try:
        return replace(check(), checked=checked)
    except PeriskopeError as error:
        return Finding(Level.RED, _said(error), refused, checked)


def _said(error: PeriskopeError) -> str:
    trace = f" Trace id: {error.trace_id}" if error.trace_id else ""
    return mask_numbers(
        " ".join(filter(None, (str(error.args[0]), *error.details, error.what_to_do))) + trace
    )


def _versions(hook: PeriskopeHook) -> Finding:
    del hook
    installed = version("apache-airflow")
    keeps = tuple(int(part) for part in installed.split(".")[:2]) >= (3, 3)
    return green(
        f"Airflow {installed}, provider {__version__}, Python {platform.python_version()}",
        "Records outlive a try, and waits for rate limits need no triggerer."
        if keeps
        else "A retry looks before it sends; waits of more than 10 s need a running triggerer.",
    )


def _connection(hook: PeriskopeHook) -> Finding:
    settings = hook.settings
    settling = hook.settling_time or rule.SETTLING
    found = (
        f"{hook.periskope_conn_id!r}: {urlsplit(settings.base_url).netloc}, phone {masked(settings.phone)}, "
        f"timeout {settings.read_timeout:.0f} s, settling time {settling.total_seconds():.0f} s"
    )
    if settings.read_timeout < 30:
        return yellow(found, "With so short a timeout, the outcome of more tasks is unknown.")
    return green(found)


def _key(hook: PeriskopeHook) -> Finding:
    hook.get_phone()
    return green("accepted")


def _phone(hook: PeriskopeHook) -> Finding:
    phone = hook.get_phone()
    found = f"state {phone.wa_state or 'not given'}, ready: {phone.is_ready}"
    if phone.is_known_to_be_connected:
        return green(found)
    if phone.can_send:
        meaning = "Whether a lost message waits in its queue cannot be told: such a task ends with an unknown outcome."
        return yellow(found, meaning)
    return red(found, "Nothing is sent until it is connected in the Periskope console.")


def _number(hook: PeriskopeHook) -> Finding:
    number = hook.own_digits or digits_of(hook.get_phone().org_phone)
    if number:
        return green(masked(number))
    meaning = "With several phones in one organisation, it cannot be told which of them created a group."
    return yellow("not given", meaning)


def _clock(hook: PeriskopeHook) -> Finding:
    ahead = hook.api_clock_ahead
    if ahead is None:
        meaning = "Groups are recognised by their time of creation: keep this machine's clock right."
        return yellow("the API does not say its time", meaning)
    found = f"differs by {abs(ahead.total_seconds()):.0f} s from the API's"
    if abs(ahead) <= CLOCK_MARGIN:
        return green(found)
    if abs(ahead) <= WORKERS_CLOCK_MARGIN:
        return yellow(found, "It is taken into account. Let NTP set this machine's clock.")
    return red(found, "Clocks of workers that differ by minutes can hide a group. Set them by NTP.")


def _rate_limit(hook: PeriskopeHook) -> Finding:
    headers = hook.get_headers("/phones")
    limit, reset = (headers.get(f"X-RateLimit-{name}") for name in ("Limit", "Reset"))
    if not headers.get("x-periskope-trace-id"):
        meaning = "Refusals may be taken for a gateway's, so that a task looks where it need not."
        return yellow(f"limit {limit or 'not given'}, and no trace id", meaning)
    if limit and reset and reset.isdigit():
        return green(f"{limit} calls, and the moment of the reset is given")
    meaning = "A task that is refused waits 2 and then 4 s, and after that outside its worker."
    return yellow(f"limit {limit or 'not given'}, reset {reset or 'not given'}", meaning)


def _rows(hook: PeriskopeHook, offset: int, limit: int) -> list[dict[str, Any]]:
    params = {"offset": offset, "limit": limit, "chat_type": "group"}
    body = hook.request("GET", "/chats", params=params)
    rows = body.get("chats") if isinstance(body, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _list(hook: PeriskopeHook) -> Finding:
    begun = time.monotonic()
    page = next(iter(hook.iter_chat_pages("group")), [])
    found = f"{len(page):,} on the first page, in {time.monotonic() - begun:.1f} s"
    if not page:
        return yellow(found, "Make a group on the phone, and run this again.")
    if others := sum(not str(row.get("chat_id", "")).endswith("@g.us") for row in page):
        meaning = "The list is not restricted to groups. A look costs more calls."
        return yellow(f"{found}, of which {others:,} are no groups", meaning)
    for name, meaning in (
        ("chat_name", "A group whose response is lost cannot be found."),
        ("created_at", "Each group of the name costs a call of its own."),
        ("org_phone", "Groups of the organisation's other phones cannot be left out."),
    ):
        if without := sum(not row.get(name) for row in page):
            level = Level.RED if name == "chat_name" and without == len(page) else Level.YELLOW
            return Finding(level, f"{found}, {without:,} of them without {name}", meaning)
    changed = [str(row.get("updated_at") or "") for row in page]
    order = "newest change first" if changed == sorted(changed, reverse=True) else "in another order"
    return green(f"{found}, {order}")


def _pages(hook: PeriskopeHook) -> Finding:
    two, second = _rows(hook, 0, 2), _rows(hook, 1, 1)
    if len(two) < 2:
        return yellow("fewer than two groups", "It cannot be told whether paging works.")
    ids, shown = [row.get("chat_id") for row in two], [row.get("chat_id") for row in second]
    if shown == ids[1:]:
        return green("offset and limit are kept")
    meaning = (
        "Run this again: a list that just changed looks the same. Otherwise groups beyond a page go unseen."
    )
    return red("another row than expected is second", meaning)


def _group(hook: PeriskopeHook) -> Finding:
    rows = _rows(hook, 0, 1)
    if not rows:
        return yellow("there is none", "Make a group on the phone, and run this again.")
    chat = hook.get_chat(str(rows[0]["chat_id"]))
    if chat.created_at is None:
        return red("shows no time of its creation", GROUP_CANNOT_BE_FOUND)
    if not chat.members:
        meaning = "The sensor and the participants' operators cannot tell who is in a group."
        return red("shows no members", meaning)
    membership = Membership.of(Group.model_validate(chat.model_dump()), ())
    found = f"{membership.count:,} members, {membership.hidden:,} of them without a number"
    if not any(member.is_super_admin for member in chat.members.values()):
        meaning = "With several phones in one organisation, it cannot be told which of them created a group."
        return yellow(f"{found}; its creator is not marked", meaning)
    if membership.hidden:
        meaning = "Who is hidden cannot be told: the sensor counts them, and names them as missing."
        return yellow(found, meaning)
    return green(f"{found}; its creator is marked")


def _queue(hook: PeriskopeHook) -> Finding:
    jobs = hook.get_message_queue()
    if silent := sum(job.message is None for job in jobs):
        found = f"{len(jobs):,} messages wait, {silent:,} of them shown without their content"
        return yellow(found, MESSAGE_CANNOT_BE_FOUND)
    return green(f"can be read; {len(jobs):,} messages wait")


def _messages(hook: PeriskopeHook) -> Finding:
    for row in _rows(hook, 0, 3):
        messages = list(islice(hook.iter_messages(str(row["chat_id"])), 20))
        moments = [message.timestamp for message in messages]
        if not messages:
            continue
        if None in moments:
            return red("some have no time", MESSAGE_CANNOT_BE_FOUND)
        if moments != sorted(filter(None, moments), reverse=True):
            return red("not the newest first", MESSAGE_CANNOT_BE_FOUND)
        return green(f"{len(messages)} read, newest first")
    return yellow("the newest groups have none", "Send one, and run this again.")


def _created(hook: PeriskopeHook, chat: Chat, seconds: float) -> Finding:
    found = f"{mask_creator(chat.chat_id)} was created within {seconds:.1f} s"
    timeout = hook.settings.read_timeout
    if seconds > timeout / 2:
        return yellow(
            found, f"The response is waited for {timeout:.0f} s. Set a longer timeout in the connection."
        )
    return green(found)


def _listed(hook: PeriskopeHook, chat_id: str, since: float) -> Finding:
    settling = (hook.settling_time or rule.SETTLING).total_seconds()
    while (passed := time.monotonic() - since) < LONGEST_WAIT:
        if any(row.get("chat_id") == chat_id for row in _rows(hook, 0, 100)):
            found = f"within {passed:.1f} s; the settling time is {settling:.0f} s"
            if passed <= settling / 2:
                return green(found)
            meaning = f"Set settling_time in the connection's extra to {max(60, round(passed * 4))} or more."
            return Finding(Level.YELLOW if passed <= settling else Level.RED, found, meaning)
        time.sleep(1)
    meaning = (
        "A group whose response is lost is not found, and a retry makes another one. Do not retry such tasks."
    )
    return red(f"not within {LONGEST_WAIT:.0f} s", meaning)


def _shown(hook: PeriskopeHook, chat: Chat) -> Finding:
    membership = hook.get_membership(chat.chat_id)
    link = "an invite link" if chat.invite_link else "no invite link"
    found = f"{link}; {membership.count} people are in beside the phone"
    if not chat.invite_link:
        return yellow(found, "invite_link in XCom is empty.")
    if not membership.count:
        meaning = "The person was invited, not added: save people as contacts of the phone first."
        return yellow(found, meaning)
    return green(found)


def _left(hook: PeriskopeHook, chat_id: str) -> Finding:
    hook.leave_group(chat_id)
    return green("the phone has left the group")


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command.

    :param arguments: in place of those of the command line.
    :return: 0 unless something is red, then 1.
    """
    parser = argparse.ArgumentParser(
        prog="periskope-doctor",
        description="Check an Airflow connection to Periskope, and what this provider assumes of the API. It changes "
        "nothing, and its output holds no key and no whole number.",
    )
    parser.add_argument("--conn-id", default="periskope_default", help="default: %(default)s")
    parser.add_argument("--phone", help="another phone of the organisation than the connection's")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument("--make-a-group", metavar="NAME", help="create a group too, measure, and leave it")
    parser.add_argument(
        "--with", dest="number", metavar="NUMBER", help="a person to add, who knows of it, with country code"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before a group is created")
    options = parser.parse_args(arguments)
    if bool(options.make_a_group) != bool(options.number):
        parser.error("--make-a-group and --with belong together")
    page = sys.stdout
    findings = []
    # Airflow logs to the standard output on some releases.
    with redirect_stdout(sys.stderr):
        for finding in _findings(options):
            findings.append(finding)
            if not options.json:
                print(_lines(finding), file=page, flush=True)
    levels = {finding.level for finding in findings}
    told = (
        json.dumps([asdict(finding) for finding in findings], indent=2) if options.json else _summary(levels)
    )
    print(told, file=page)
    return int(Level.RED in levels)


def _findings(options: argparse.Namespace) -> Iterator[Finding]:
    hook = PeriskopeHook(options.conn_id, phone=options.phone)
    levels = set()
    for finding in examine(hook):
        levels.add(finding.level)
        yield finding
    if not options.make_a_group or Level.RED in levels:
        return
    question = f"Create the group {options.make_a_group!r} with {masked(options.number)}? [y/N] "
    if options.yes or input(question).strip().lower() in ("y", "yes"):
        yield from examine_by_making(hook, options.make_a_group, options.number)


def _lines(finding: Finding) -> str:
    first = f"{finding.level.value:6}  {finding.checked}: {finding.found}"
    return f"{first}\n{'':6}  {finding.meaning}" if finding.meaning else first


def _summary(levels: set[Level]) -> str:
    if Level.RED in levels:
        return "\nNot everything that this provider promises holds here: see the lines in red."
    if Level.YELLOW in levels:
        return "\nIt works, with the reservations in yellow."
    return "\nEverything is as this provider assumes."


if __name__ == "__main__":
    sys.exit(main())
