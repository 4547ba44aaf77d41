"""
Checks of rendered arguments, before anything is sent: every problem is found and reported at once. Internal.

Knows nothing of HTTP. What passes leaves as a model of :mod:`airflow_provider_periskope.models`.
"""
