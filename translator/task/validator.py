"""The cerberus validator: built once, and quick with many errors too."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from cerberus import TypeDefinition, Validator
from cerberus.errors import ValidationError
from cerberus.schema import UnvalidatedSchema

from translator.task.compiled import compiled
from translator.task.node import NullWord
from translator.task.schema.task import TASK


class TaskValidator(Validator):  # type: ignore[misc]  # cerberus publishes no types
    """Accepts ``null`` written as a word where a field may be null."""

    types_mapping = Validator.types_mapping | {
        "null-word": TypeDefinition("null-word", (NullWord,), ()),
        # for Python a boolean is a number; cerberus follows it
        "integer": TypeDefinition("integer", (int,), (bool,)),
        "float": TypeDefinition("float", (float, int), (bool,)),
    }

    def _error(self, *args: Any) -> None:
        # cerberus sorts and indexes all errors anew with each one it adds: quadratic, and not needed here
        if len(args) == 1:
            self._errors.extend(args[0])
        else:
            super()._error(*args)


_lock = threading.Lock()  # a validator keeps state while it runs
# the tests let cerberus check the schema; doing so here would cost 0.2 s at each start
_validator = TaskValidator(UnvalidatedSchema(TASK))
_keeps_schema = compiled(TASK, TaskValidator.types_mapping)


def schema_errors(data: Mapping[str, Any]) -> list[ValidationError]:
    """Where the data breaks the schema: the single errors, without cerberus' groups, in no order."""
    if _keeps_schema(data):
        return []
    with _lock:
        _validator.validate(data, normalize=False)
        return list(_single(_validator._errors))  # noqa: SLF001 - the tree it offers instead is slow


def _single(errors: Iterable[ValidationError]) -> Iterable[ValidationError]:
    for error in errors:
        if error.child_errors:
            yield from _single(error.child_errors)
        else:
            yield error
