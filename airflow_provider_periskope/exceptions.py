"""What can go wrong, told apart by what its reader has to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def is_the_apis_own(status: int, code: object, trace_id: str | None) -> bool:
    """Return whether the API itself refused, and not something on the way to it, which may have let a request pass."""
    return status in (401, 404, 422, 429) or (isinstance(code, str) and bool(trace_id))


class PeriskopeError(Exception):
    """
    Base of every error of this provider.

    No ``AirflowException``: whether a task is tried again is decided by the operator, in one place.

    ``retryable`` says whether another try of the same call can end differently.
    """

    retryable = True


class PeriskopeConnectionError(PeriskopeError):
    """The Airflow connection lacks something, or holds something that cannot be used."""

    retryable = False


class PeriskopeNoConnectionError(PeriskopeConnectionError):
    """The Airflow connection is not there; or a secrets backend is down, which Airflow does not tell apart."""

    retryable = True


class PeriskopeInputError(PeriskopeError):
    """
    The input was refused before anything was sent.

    :param subject: what was to be done, e.g. ``"The group was not created"``.
    :param problems: every problem found, each with its place in the input.
    """

    retryable = False

    def __init__(self, subject: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = f"{len(self.problems)} problems" if len(self.problems) > 1 else "a problem"
        super().__init__(
            f"{subject}, and nothing was sent: {count} with the input.\n"
            + "\n".join(f"- {problem}" for problem in self.problems)
        )


class PeriskopeUnreachableError(PeriskopeError):
    """No connection to the API could be made, so nothing was sent."""


class PeriskopeNoAnswerError(PeriskopeError):
    """
    A request was sent and no answer that tells anything came back.

    :param message: text of the error.
    :param status: HTTP status of the unusable answer; ``None`` where there was none.
    :param trace_id: ``x-periskope-trace-id`` of the answer; ``None`` where there was none.
    """

    def __init__(self, message: str, *, status: int | None = None, trace_id: str | None = None) -> None:
        self.status = status
        self.trace_id = trace_id
        super().__init__(message)


class PeriskopeOutcomeUnknownError(PeriskopeNoAnswerError):
    """A request that changes something was sent, and nobody knows whether it was carried out."""


class PeriskopeApiError(PeriskopeError):
    """
    The API, or something on the way to it, refused a request.

    :param message: text of the error.
    :param status: HTTP status.
    :param code: the API's own code, such as ``VALIDATION_ERROR``.
    :param api_message: the API's own words, phone numbers masked.
    :param fields: for a refused input, what is wrong with which field, phone numbers masked.
    :param trace_id: ``x-periskope-trace-id``, for Periskope's support.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str | None = None,
        api_message: str | None = None,
        fields: Mapping[str, str] | None = None,
        trace_id: str | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.message = api_message
        self.fields = dict(fields or {})
        self.trace_id = trace_id
        super().__init__(message)

    @property
    def is_the_apis_own(self) -> bool:
        """Whether it is certain that the API itself refused, and that nothing was changed."""
        return is_the_apis_own(self.status, self.code, self.trace_id)


class PeriskopeAuthenticationError(PeriskopeApiError):
    """The API key is wrong."""

    retryable = False


class PeriskopePlanError(PeriskopeApiError):
    """The organisation's plan has no API."""

    retryable = False


class PeriskopePhoneOffError(PeriskopeApiError):
    """The phone's instance is switched off; it can be restarted."""


class PeriskopeNotFoundError(PeriskopeApiError):
    """What the request speaks of does not exist."""

    retryable = False


class PeriskopeValidationError(PeriskopeApiError):
    """The API refused the input."""

    retryable = False


class PeriskopeRateLimitError(PeriskopeApiError):
    """
    Too many requests, and the wait is longer than what is waited in place.

    :param retry_after: seconds until the API takes requests again.
    """

    def __init__(self, message: str, *, retry_after: float, **details: Any) -> None:
        self.retry_after = retry_after
        super().__init__(message, **details)


class PeriskopeGroupExistsError(PeriskopeError):
    """A group of this name is there already, and ``if_exists="fail"``."""

    retryable = False


class PeriskopeAmbiguousGroupError(PeriskopeError):
    """
    Several groups could be the one that is meant, or one that might be: a person has to decide.

    :param chat_ids: the groups that could be meant.
    """

    retryable = False

    def __init__(self, message: str, *, chat_ids: Sequence[str]) -> None:
        self.chat_ids = tuple(chat_ids)
        super().__init__(message)
