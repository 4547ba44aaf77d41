from __future__ import annotations

import inspect
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope import exceptions
from airflow_provider_periskope.exceptions import PeriskopeError, PeriskopeRateLimitError

if TYPE_CHECKING:
    from collections.abc import Iterator

ARGUMENTS: dict[str, Any] = {
    "what": "It happened.",
    "subject": "The group was not created",
    "problems": ["group_name is empty", "participants is empty"],
    "status": 429,
    "code": "SOME_ERROR",
    "api_message": "No 9195•••••844",
    "fields": {"participants.0": "not on WhatsApp"},
    "in_doubt": True,
    "retry_after": 12.5,
    "outcomes": {"919537851844": "refused"},
    "chat_ids": ["1@g.us", "2@g.us"],
    "unique_id": "message-1",
    "what_to_do": "Do this.",
    "trace_id": "trace-1",
    "details": ["Further line."],
}
"""A value for each parameter that an error has; one that is missing here is missed by the tests."""


def tree(kind: type[PeriskopeError]) -> Iterator[type[PeriskopeError]]:
    yield kind
    for subclass in kind.__subclasses__():
        yield from tree(subclass)


KINDS = list(dict.fromkeys(kind for kind in tree(PeriskopeError) if kind.__module__ == exceptions.__name__))


def made(kind: type[PeriskopeError]) -> PeriskopeError:
    """Return an error with every argument that its class takes, those of its bases included."""
    names: dict[str, None] = {}
    for base in inspect.getmro(kind):
        if "__init__" not in vars(base) or not issubclass(base, PeriskopeError):
            continue
        parameters = inspect.signature(vars(base)["__init__"]).parameters
        names |= dict.fromkeys(
            name
            for name, found in parameters.items()
            if found.kind is not found.VAR_KEYWORD and name != "self"
        )
        if not any(found.kind is found.VAR_KEYWORD for found in parameters.values()):
            break
    return kind(**{name: ARGUMENTS[name] for name in names})


def test_all_classes_are_there() -> None:
    public = {
        thing
        for thing in vars(exceptions).values()
        if inspect.isclass(thing) and issubclass(thing, PeriskopeError)
    }
    assert set(KINDS) == public
    assert len(KINDS) > 15


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
class TestEveryKind:
    def test_survives_pickling_with_its_attributes(self, kind: type[PeriskopeError]) -> None:
        error = made(kind).add("Of the circumstances.")
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is kind
        assert (again.args, vars(again), str(again)) == (error.args, vars(error), str(error))
        assert vars(again)["details"][-1] == "Of the circumstances."
        assert (again.retryable, again.in_doubt) == (error.retryable, error.in_doubt)

    def test_is_no_airflow_exception(self, kind: type[PeriskopeError]) -> None:
        assert {base.__module__ for base in inspect.getmro(kind)} == {exceptions.__name__, "builtins"}

    def test_says_of_itself_what_it_is(self, kind: type[PeriskopeError]) -> None:
        assert kind.__doc__


class TestText:
    def test_has_what_happened_what_to_do_the_trace_and_details(self) -> None:
        error = PeriskopeError(
            "It happened.", what_to_do="Do this.", trace_id="t-1", details=["More.", "Even."]
        )
        assert str(error).splitlines() == [
            "It happened.",
            "What to do: Do this.",
            "Trace id for Periskope's support: t-1",
            "More.",
            "Even.",
        ]

    def test_leaves_out_what_is_not_known(self) -> None:
        assert str(PeriskopeError("It happened.")) == "It happened."


class TestAdd:
    def test_adds_a_line_and_replaces_what_to_do(self) -> None:
        error = PeriskopeError("It happened.", what_to_do="Do this.", trace_id="t-1", details=["More."])
        assert error.add("Here.") is error
        assert error.what_to_do == "Do this."
        assert str(error.add("There.", what_to_do="Do that.")).splitlines() == [
            "It happened.",
            "What to do: Do that.",
            "Trace id for Periskope's support: t-1",
            "More.",
            "Here.",
            "There.",
        ]

    def test_leaves_the_rest(self) -> None:
        error = PeriskopeRateLimitError("Too many.", retry_after=5, status=429, code="RATE_LIMIT_ERROR")
        error.add("Here.")
        assert (error.retry_after, error.status, error.code, error.retryable) == (
            5,
            429,
            "RATE_LIMIT_ERROR",
            True,
        )


@pytest.mark.parametrize(
    ("kind", "retryable", "in_doubt"),
    [
        (exceptions.PeriskopeConfigurationError, False, False),
        (exceptions.PeriskopeConnectionNotFoundError, True, False),
        (exceptions.PeriskopeInputError, False, False),
        (exceptions.PeriskopeUnreachableError, True, False),
        (exceptions.PeriskopeNoResponseError, True, False),
        (exceptions.PeriskopeOutcomeUnknownError, True, True),
        (exceptions.PeriskopeAuthenticationError, False, False),
        (exceptions.PeriskopePlanError, False, False),
        (exceptions.PeriskopePhoneOffError, True, False),
        (exceptions.PeriskopeNotFoundError, False, False),
        (exceptions.PeriskopeValidationError, False, False),
        (exceptions.PeriskopeRateLimitError, True, False),
        (exceptions.PeriskopeConflictError, False, False),
        (exceptions.PeriskopeGroupExistsError, False, False),
        (exceptions.PeriskopeAmbiguousGroupError, False, False),
    ],
)
def test_two_attributes_decide(kind: type[PeriskopeError], retryable: bool, in_doubt: bool) -> None:
    error = made(kind)
    assert error.retryable is retryable
    # Whether a refusal is in doubt depends on where it came from.
    assert error.in_doubt is (in_doubt or issubclass(kind, exceptions.PeriskopeApiError))
