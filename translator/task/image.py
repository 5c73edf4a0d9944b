"""Container image references, by the grammar of the distribution project's ``reference`` package."""

from __future__ import annotations

import re

_DOMAIN_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PATH_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_NAME = rf"(?:{_DOMAIN}/)?{_PATH_PART}(?:/{_PATH_PART})*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_REFERENCE = re.compile(rf"(?P<name>{_NAME})(?::{_TAG})?(?:@{_DIGEST})?")

MAX_LENGTH = 512
"""Longer than any legal reference: name (255), tag (128), digest."""


def image_fault(text: str) -> tuple[str, str] | None:
    """What keeps the text from being an image reference, with a hint; None where it is one."""
    if len(text) > MAX_LENGTH:
        return f"the image reference has {len(text)} characters; the limit is {MAX_LENGTH}", ""
    match = _REFERENCE.fullmatch(text)
    if match is None:
        return f"{text!r} is not an image reference", _hint(text)
    if len(match["name"]) > 255:
        return f"the image's name has {len(match['name'])} characters; the limit is 255", ""
    return None


def _hint(text: str) -> str:
    if any(char.isspace() for char in text):
        return "remove the white space"
    if "://" in text:
        return f"without the scheme: {text.partition('://')[2]}"
    head, slash, tail = text.rpartition("/")
    if _REFERENCE.fullmatch(head.lower() + slash + tail.partition(":")[0].lower()):
        return "repository names are lower case; then :tag or @digest"
    return "such as registry.example/library/alpine:3.20"
