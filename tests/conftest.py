"""What all tests share."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# A machine that is busy with other tests must not fail one for being slow.
settings.register_profile("batuta", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Where a change is judged, the same code gives the same verdict; new examples are looked for everywhere else.
settings.register_profile("ci", settings.get_profile("batuta"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "batuta")
