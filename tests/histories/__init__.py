"""
Simulated histories: the operator, hook and engine as they are, in a world whose every failure is chosen.

A history is one Dag with its runs, retries and clears, from the first try until nothing moves any more. Time, Airflow,
the network and Periskope are simulated. Read it in this order:

- :mod:`.history`: what is in the world and who does what, from a seed or from given choices;
- :mod:`.promises`: the judge, by the documentation alone, and what the documentation exempts; :mod:`.units` is what
  the judges of all kinds share;
- :mod:`.scheduler`, :mod:`.periskope`, :mod:`.network`, :mod:`.virtual_time`: what is simulated;
- :mod:`.groups`, and :mod:`.messages` with a world and a judge of its own: the kinds of things that are created;
- :mod:`.choices`, :mod:`.many`: how a history is chosen, shrunk, counted;
- :mod:`.found`, :mod:`.mutants`: histories that once broke a promise, and engines that are broken on purpose.
"""

from __future__ import annotations
