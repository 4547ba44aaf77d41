"""
What must happen only once: a request that creates something is not repeated before its result has been looked for.

Periskope's API has no idempotency key. When the response to a create request is lost, what it creates may exist, and
sending the request again could create it a second time. So each task keeps a record of what it is creating, and what a
try of the task does first depends on the state of that record:

======  ==================================================  ==========================================================
state   meaning                                             what a try does first
======  ==================================================  ==========================================================
NONE    nothing was recorded                                sends; looks first if an earlier try may have sent
UNSENT  nothing was sent whose outcome is unknown           sends; looks first if another instance may have sent since
SENT    a request was sent, and its outcome is unknown      looks until the result can no longer appear, then sends
LOOKED  one may have been sent, and was looked for in vain  looks once, then sends
DONE    the result is known                                 returns it
======  ==================================================  ==========================================================

A record is outdated if something may have been sent without one since: without a task state store, the record of an
earlier try; with one, that of a mapped task that was cleared. It counts as NONE then, and a LOOKED one as SENT. A kind
can ask to look before a first request too: a group does under ``if_exists="reuse"`` and ``"fail"``.

:mod:`.rule` and :mod:`.doubt` are this table as code: the one acts, the other decides whether an earlier try may have
sent, and in which period its result can appear. Neither knows what is being created. :mod:`.record` holds the states
and the only transitions between them, and where a record is kept. There is one module for each kind of thing that can
be created: :mod:`.group`, :mod:`.message` and :mod:`.invitations`. A lost invitation is never sent again.

Nothing here imports Airflow. Internal.
"""
