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
LOOKED  the same, and it was looked for without success     looks once, then sends
DONE    the result is known                                 returns it
======  ==================================================  ==========================================================

:mod:`.rule` is this table as code and does not know what is being created. :mod:`.record` holds the states and the
only transitions between them, and where a record is kept. :mod:`.doubt` decides whether an earlier try may have sent,
and from when until when its result can appear. There is one module for each kind of thing that can be created:
:mod:`.group`, :mod:`.message`, and :mod:`.invitations`, of which a lost one is never sent again.

Nothing here imports Airflow. Internal.
"""
