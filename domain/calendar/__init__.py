"""Business time (DESIGN §7): pure rules over calendars with nights, holidays, 调休 and alternate weeks.

Instants are aware and UTC, in and out. For activities and pages; workflow code gets the results recorded.
"""

from domain.calendar.explanation import (
    CauseTotal,
    ExplainedSpan,
    Explanation,
    MakeUpDay,
    SpanCode,
    explain,
)
from domain.calendar.models import (
    Calendar,
    CalendarProblem,
    CalendarVersion,
    DayKind,
    DayName,
    DayRule,
    Interval,
    Weekday,
    WeekPattern,
)
from domain.calendar.open_time import (
    BusinessTime,
    NeverOpenError,
    add_business_minutes,
    count_business_minutes,
    is_open,
    is_provisional,
    next_closing,
    next_opening,
)

__all__ = [
    "BusinessTime",
    "Calendar",
    "CalendarProblem",
    "CalendarVersion",
    "CauseTotal",
    "DayKind",
    "DayName",
    "DayRule",
    "ExplainedSpan",
    "Explanation",
    "Interval",
    "MakeUpDay",
    "NeverOpenError",
    "SpanCode",
    "WeekPattern",
    "Weekday",
    "add_business_minutes",
    "count_business_minutes",
    "explain",
    "is_open",
    "is_provisional",
    "next_closing",
    "next_opening",
]
