"""A deterministic simulation of whole servers, with faults, from one seed.

Theory of operation. The real executor, scheduler and workers run above the real statements of the SQLite
store, on an event loop whose time is virtual: when nothing is left to do, the clock jumps to the next timer.
One seed decides everything: which flows there are, what people ask for, how long each commit takes, which
hints are lost, when a server dies (`weather.py`). What a server does goes through a door (`servers.py`) that
the weather shuts: a dead server's calls never come back, and its memory is gone, while the rows stay.

Each commit is shown to the checker (`checker.py`), which keeps a model of its own and compares. At the end
the weather clears, everything is let go on, and the world must come to rest with nothing lost and nothing
doubled. `bugs.py` holds known bugs that are switched on one at a time, to prove that the checker sees them.

    python -m tests.simulation --seeds 10000        many seeds, over all cores
    python -m tests.simulation --seed 4711 --verbose   one of them again
"""
