"""The names of a group's options. Imports nothing, so that a DAG file can be checked while it is parsed."""

from __future__ import annotations

API_NAMES = {
    "add_members_admins_only": "addMembersAdminsOnly",
    "description": "description",
    "image": "image",
    "info_admins_only": "infoAdminsOnly",
    "messages_admins_only": "messagesAdminsOnly",
    "force_add_participants": "force_add_participants",
}
"""The API's name of each option, by its name in snake_case."""


def api_name(name: object) -> str | None:
    """Return the API's name of an option given by either of its names; ``None`` if there is no such option."""
    return API_NAMES.get(str(name)) or (str(name) if name in API_NAMES.values() else None)


def unknown_option(name: object) -> str:
    """Return the problem with an option that does not exist."""
    from difflib import get_close_matches

    nearest = get_close_matches(str(name), [*API_NAMES, *API_NAMES.values()], n=1, cutoff=0.5)
    hint = (
        f"did you mean {nearest[0]!r}?" if nearest else f"valid options are {', '.join(API_NAMES.values())}"
    )
    return f"options.{name} is not a valid option: {hint}"
