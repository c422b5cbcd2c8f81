"""What no schema says of valid values: the formats of the document that are its
own, and that an Idempotency-Key is new for each request."""

import itertools

import schemathesis
from hypothesis import strategies as st

ZONES = [
    "UTC",
    "Europe/Berlin",
    "america/new_york",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Etc/GMT+12",
    "America/Argentina/ComodRivadavia",
]
schemathesis.openapi.format("iana-time-zone", st.sampled_from(ZONES))


@st.composite
def rules(draw):
    """Recurrence rules (RFC 5545), in some of their spellings."""
    frequency = draw(st.sampled_from(["HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = ["FREQ=" + frequency]
    if draw(st.booleans()):
        parts.append(f"INTERVAL={draw(st.integers(1, 99))}")
    days = draw(st.lists(st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), unique=True))
    if days:
        parts.append("BYDAY=" + ",".join(days))
    months = draw(st.lists(st.integers(1, 12), unique=True, max_size=3))
    if months:
        parts.append("BYMONTH=" + ",".join(map(str, months)))
    end = draw(st.sampled_from(["", "COUNT=7", "COUNT=100000", "UNTIL=20311231", "UNTIL=20311231T235959Z"]))
    if end:
        parts.append(end)
    rule = ";".join(parts)
    return draw(st.sampled_from([rule, "RRULE:" + rule, rule.lower()]))


schemathesis.openapi.format("rrule", rules())

numbers = itertools.count(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes each key that is one a new one: a second request with the first one's
    key is refused, as documented."""
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive or not case.headers:
        return
    for name in list(case.headers):
        if name.lower() != "idempotency-key":
            continue
        key, number = case.headers[name], next(numbers)
        if key.startswith('"'):
            key = f'"{number} {key[1:]}' if len(key) < 200 else f'"{number}"'
        else:
            key = f"{number}-{key}" if len(key) < 200 else f"{number}"
        case.headers[name] = key
