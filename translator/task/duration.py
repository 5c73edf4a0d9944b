"""Go's durations, as the seed's ``timeout`` fields use them, in nanoseconds."""

from __future__ import annotations

import re

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,  # MICRO SIGN
    "\u03bcs": 1_000,  # GREEK SMALL LETTER MU
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_LIMIT = 1 << 63
_PART = re.compile(r"([0-9]*)(?:(\.)([0-9]*))?([^0-9.]*)")


def parse_duration(text: str) -> int:
    """Read a duration exactly as Go 1.26's ``time.ParseDuration`` does, rounding of fractions included.

    Args:
        text: such as ``300ms``, ``-1.5h`` or ``2h45m``.

    Returns:
        Nanoseconds; may be zero or negative.

    Raises:
        ValueError: with Go's own sentence, where the text is no duration or does not fit int64.
    """
    invalid = ValueError(f"invalid duration {_quote(text)}")
    rest = text[1:] if text[:1] in ("-", "+") else text
    negative = text.startswith("-")
    if rest == "0":
        return 0
    if not rest:
        raise invalid
    total = 0
    while rest:
        match = _PART.match(rest)
        if match is None or not (match[1] or match[3]):
            raise invalid
        whole = _leading_int(match[1])
        if whole is None:
            raise invalid
        if not match[4]:
            raise ValueError(f"missing unit in duration {_quote(text)}")
        unit = _UNITS.get(match[4])
        if unit is None:
            raise ValueError(f"unknown unit {_quote(match[4])} in duration {_quote(text)}")
        if whole > _LIMIT // unit:
            raise invalid
        total += whole * unit + _fraction(match[3] or "", unit)
        if total > _LIMIT:
            raise invalid
        rest = rest[match.end() :]
    if negative:
        return -total
    if total > _LIMIT - 1:
        raise invalid
    return total


def format_duration(ns: int) -> str:
    """Nanoseconds as Go's ``Duration.String`` prints them: ``1h0m0s``, ``1.5s``, ``300ms``, ``0s``."""
    sign, rest = ("-", -ns) if ns < 0 else ("", ns)
    if rest < _UNITS["s"]:
        if rest == 0:
            return "0s"
        for name, unit in (("ms", 1_000_000), ("\u00b5s", 1_000)):
            if rest >= unit:
                return f"{sign}{_decimal(rest, unit)}{name}"
        return f"{sign}{rest}ns"
    minutes, seconds_ns = divmod(rest, _UNITS["m"])
    seconds = f"{_decimal(seconds_ns, _UNITS['s'])}s"
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{sign}{hours}h{minutes_left}m{seconds}"
    return f"{sign}{minutes_left}m{seconds}" if minutes else f"{sign}{seconds}"


def _leading_int(digits: str) -> int | None:
    # 19 digits hold every value up to 1<<63; the length check keeps int() from huge inputs
    value = int(digits.lstrip("0") or "0") if len(digits.lstrip("0")) <= 19 else _LIMIT + 1
    return value if value <= _LIMIT else None


def _fraction(digits: str, unit: int) -> int:
    """The part behind the point, in nanoseconds.

    Go multiplies as float64, so that ``0.3333333333333333333h`` is 20 minutes and not one nanosecond less;
    integers would be exact and differ from Go.
    """
    value, scale = 0, 1.0
    for digit in digits:
        if value > (_LIMIT - 1) // 10:
            break
        longer = value * 10 + int(digit)
        if longer > _LIMIT:
            break
        value, scale = longer, scale * 10
    return int(float(value) * (float(unit) / scale))


def _decimal(value: int, unit: int) -> str:
    whole, part = divmod(value, unit)
    digits = str(part).rjust(len(str(unit)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def _quote(text: str) -> str:
    r"""The text in quotes as Go's time package writes it: bytes beyond ASCII as ``\xNN``."""
    out = []
    for char in text:
        if char in '"\\':
            out.append("\\" + char)
        elif " " <= char < "\x80":
            out.append(char)
        else:
            out.extend(f"\\x{byte:02x}" for byte in char.encode(errors="surrogatepass"))
    return '"' + "".join(out) + '"'
