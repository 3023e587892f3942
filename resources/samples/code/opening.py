"""Opening hours: when the shop is open, and when it opens next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LONGEST_SEARCH_DAYS = 366


@dataclass(frozen=True)
class Hours:
    """From one time of a day to another."""

    opens: time
    closes: time

    def __post_init__(self) -> None:
        if self.opens >= self.closes:
            raise ValueError("the shop opens before it closes")

    def holds(self, moment: time) -> bool:
        return self.opens <= moment < self.closes

    def length(self) -> timedelta:
        today = date.min
        return datetime.combine(today, self.closes) - datetime.combine(today, self.opens)


class Opening:
    """Hours for each day of the week; no hours on holidays."""

    def __init__(self, hours: dict[int, list[Hours]], holidays: set[date] | None = None) -> None:
        self._hours = {day: sorted(found, key=lambda each: each.opens) for day, found in hours.items()}
        self._holidays = holidays or set()

    def hours_on(self, day: date) -> list[Hours]:
        if day in self._holidays:
            return []
        return self._hours.get(day.weekday(), [])

    def is_open(self, moment: datetime) -> bool:
        return any(hours.holds(moment.time()) for hours in self.hours_on(moment.date()))

    def opens_next(self, moment: datetime) -> datetime | None:
        """The next time at which the doors open; none within a year means never."""
        for offset in range(_LONGEST_SEARCH_DAYS):
            day = moment.date() + timedelta(days=offset)
            for hours in self.hours_on(day):
                opens = datetime.combine(day, hours.opens)
                if opens > moment:
                    return opens
        return None

    def open_hours_in_week(self, monday: date) -> timedelta:
        """How long the shop is open in the week that begins then."""
        days = [monday + timedelta(days=offset) for offset in range(7)]
        return sum((hours.length() for day in days for hours in self.hours_on(day)), timedelta())

    def describe(self, day: date) -> str:
        """As it stands on the door."""
        hours = self.hours_on(day)
        if not hours:
            return f"{WEEKDAYS[day.weekday()]}: closed"
        spans = ", ".join(f"{each.opens:%H:%M} to {each.closes:%H:%M}" for each in hours)
        return f"{WEEKDAYS[day.weekday()]}: {spans}"
