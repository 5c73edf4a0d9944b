"""A few seconds of what `./just fuzz` does for as long as one likes."""

from __future__ import annotations

from hypothesis import given, settings

from tests.fuzz.documents import documents, repeated, submissions
from tests.fuzz.properties import check_document, check_linear, check_submission


@settings(max_examples=40, deadline=None)
@given(documents)
def test_a_document_is_read_or_refused_at_its_place(text):
    check_document(text)


@settings(max_examples=40, deadline=None)
@given(submissions())
def test_a_submission_is_read_or_refused(submission):
    check_submission(*submission)


@settings(max_examples=15, deadline=None)
@given(repeated)
def test_reading_is_linear(parts):
    check_linear(*parts)
