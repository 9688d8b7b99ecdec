"""What all tests share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A machine that is busy with other tests must not fail one for being slow.
settings.register_profile("batuta", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("batuta")
