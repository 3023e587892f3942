"""How long a job takes, as a person says it, on the command line and in the window."""

import math


def duration(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "some time"
    minutes = round(seconds / 60)
    if seconds < 60:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes < 60 * 48 else f"{minutes / 1440:.1f} days"
