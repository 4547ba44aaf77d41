"""What can go wrong, distinguished by what its reader has to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class PeriskopeError(Exception):
    """
    Base of every error of this provider.

    It is not an ``AirflowException``: whether a task is tried again is decided by the operator, in one place, by two
    attributes. ``retryable`` says whether another try of the same call can end differently. ``in_doubt`` says whether
    the call may have changed something all the same, so that it must not be repeated before its result was looked for.

    :param what: what happened: one line of less than 90 characters.
    :param what_to_do: what its reader can do now.
    :param trace_id: ``x-periskope-trace-id`` of the response, for Periskope's support; ``None`` where there was none.
    :param details: further lines, such as what the API said.
    """

    retryable = True
    in_doubt = False

    def __init__(
        self, what: str, *, what_to_do: str = "", trace_id: str | None = None, details: Sequence[str] = ()
    ) -> None:
        super().__init__(what)
        self.what_to_do = what_to_do
        self.trace_id = trace_id
        self.details = tuple(details)

    def add(self, sentence: str, *, what_to_do: str | None = None) -> Self:
        """
        Add what is known of the circumstances.

        :param sentence: a further line of the text.
        :param what_to_do: what to do now, in place of what the error said so far.
        :return: this error.
        """
        self.details = (*self.details, sentence)
        self.what_to_do = self.what_to_do if what_to_do is None else what_to_do
        return self

    def __str__(self) -> str:
        lines = [
            str(self.args[0]),
            f"What to do: {self.what_to_do}" if self.what_to_do else "",
            f"Trace id for Periskope's support: {self.trace_id}" if self.trace_id else "",
            *self.details,
        ]
        return "\n".join(line for line in lines if line)

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception is unpickled by calling its class with ``args``, which lacks the keyword arguments.
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[PeriskopeError], args: tuple[Any, ...], state: dict[str, Any]) -> PeriskopeError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class PeriskopeConfigurationError(PeriskopeError):
    """The Airflow connection lacks something, or holds something that cannot be used."""

    retryable = False


class PeriskopeConnectionNotFoundError(PeriskopeConfigurationError):
    """The Airflow connection is not defined; or a secrets backend is down, which Airflow does not distinguish."""

    retryable = True


class PeriskopeInputError(PeriskopeError):
    """
    The input was refused before anything was sent.

    :param subject: what was not done, e.g. ``"The group was not created"``.
    :param problems: every problem found, each with its place in the input.
    """

    retryable = False

    def __init__(self, subject: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = f"{len(self.problems)} problems" if len(self.problems) > 1 else "1 problem"
        super().__init__(
            f"{subject}, nothing was sent: {count} with the input.",
            details=[f"- {problem}" for problem in self.problems],
        )


class PeriskopeUnreachableError(PeriskopeError):
    """No connection to the API could be made, so nothing was sent."""


class PeriskopeNoResponseError(PeriskopeError):
    """
    A request was sent and no usable response came back.

    :param what: what happened.
    :param status: HTTP status of the unusable response; ``None`` where there was none.
    :param more: further arguments of :class:`PeriskopeError`.
    """

    def __init__(self, what: str, *, status: int | None = None, **more: Any) -> None:
        self.status = status
        super().__init__(what, **more)


class PeriskopeOutcomeUnknownError(PeriskopeNoResponseError):
    """A request that creates something was sent, and it is unknown whether it was carried out."""

    in_doubt = True


class PeriskopeApiError(PeriskopeError):
    """
    The API, or something on the way to it, refused a request.

    :param what: what happened.
    :param status: HTTP status.
    :param code: the API's own code, such as ``VALIDATION_ERROR``.
    :param api_message: the API's own words, phone numbers masked.
    :param fields: for a refused input, what is wrong with which field, phone numbers masked.
    :param in_doubt: whether the refusal may come from something on the way that let the request pass.
    :param more: further arguments of :class:`PeriskopeError`.
    """

    def __init__(
        self,
        what: str,
        *,
        status: int,
        code: str | None = None,
        api_message: str | None = None,
        fields: Mapping[str, str] | None = None,
        in_doubt: bool = False,
        **more: Any,
    ) -> None:
        self.status = status
        self.code = code
        self.api_message = api_message
        self.fields = dict(fields or {})
        self.in_doubt = in_doubt
        super().__init__(what, **more)


class PeriskopeAuthenticationError(PeriskopeApiError):
    """The API key is wrong."""

    retryable = False


class PeriskopePlanError(PeriskopeApiError):
    """The organisation's plan does not include API access."""

    retryable = False


class PeriskopePhoneOffError(PeriskopeApiError):
    """The phone's instance is switched off; it can be restarted."""


class PeriskopeNotFoundError(PeriskopeApiError):
    """What the request names does not exist."""

    retryable = False


class PeriskopeValidationError(PeriskopeApiError):
    """The API refused the input."""

    retryable = False


class PeriskopeRateLimitError(PeriskopeApiError):
    """
    Too many requests, and the wait is longer than what is waited in place.

    :param what: what happened.
    :param retry_after: seconds until the API accepts requests again.
    :param more: further arguments of :class:`PeriskopeApiError`.
    """

    def __init__(self, what: str, *, retry_after: float, **more: Any) -> None:
        self.retry_after = retry_after
        super().__init__(what, **more)


class PeriskopeConflictError(PeriskopeError):
    """What was found does not allow to continue: a person has to decide."""

    retryable = False


class PeriskopeGroupExistsError(PeriskopeConflictError):
    """A group of this name exists from before the run, and ``if_exists="fail"``."""


class PeriskopeAmbiguousGroupError(PeriskopeConflictError):
    """
    It cannot be told which group is meant.

    :param what: what happened.
    :param chat_ids: the groups that could be meant.
    :param more: further arguments of :class:`PeriskopeError`.
    """

    def __init__(self, what: str, *, chat_ids: Sequence[str], **more: Any) -> None:
        self.chat_ids = tuple(chat_ids)
        super().__init__(what, **more)


class PeriskopeMessageError(PeriskopeError):
    """
    The API has accepted a message, and it is not out.

    :param what: what happened.
    :param unique_id: id of the message.
    :param more: further arguments of :class:`PeriskopeError`.
    """

    def __init__(self, what: str, *, unique_id: str, **more: Any) -> None:
        self.unique_id = unique_id
        super().__init__(what, **more)


class PeriskopeMessageFailedError(PeriskopeMessageError):
    """The phone has tried to send a message, and failed. Periskope may try again by itself."""


class PeriskopeMessageWaitingError(PeriskopeMessageError):
    """A message did not come as far as was waited for in time. It is not lost."""


class PeriskopeParticipantsError(PeriskopeConflictError):
    """
    Not everybody was added to a group, or removed from it.

    :param what: what happened.
    :param outcomes: the outcome of each person, by number; not shown in the text.
    :param more: further arguments of :class:`PeriskopeError`.
    """

    def __init__(self, what: str, *, outcomes: Mapping[str, str], **more: Any) -> None:
        self.outcomes = dict(outcomes)
        super().__init__(what, **more)
