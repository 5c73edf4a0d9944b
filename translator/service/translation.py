"""How tasks become Workflows, as the settings have it now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from translator.observe.masking import Mask
from translator.task.model import Task
from translator.workflow.options import Options
from translator.workflow.rendered import Rendered
from translator.workflow.secret_params import exactly, secret_names, secret_values
from translator.workflow.translate import check, translate


class Translation:
    """One for the whole service, so that a reload of the settings reaches all who translate.

    Args:
        options: the translation's settings.
        template: what every Workflow starts from.
        hidden: the service's own secrets, which no task's log may show.
    """

    def __init__(self, options: Options, template: Mapping[str, Any], hidden: Sequence[str] = ()) -> None:
        self.use(options, template, hidden)

    def use(self, options: Options, template: Mapping[str, Any], hidden: Sequence[str] = ()) -> None:
        """Translate like this from now on."""
        self._options = options
        self._template = template
        self._hidden = hidden

    def secret_names(self, params: Iterable[tuple[str, str]]) -> tuple[str, ...]:
        """The names of the parameters that are secret by the present settings."""
        return secret_names(params, self._options.secret_params)

    def mask(self, params: Iterable[tuple[str, str]], were_secret: Iterable[str] = ()) -> Mask:
        """What hides the values of a task's secret parameters, and the service's own secrets.

        Args:
            params: the task's.
            were_secret: names that were secret when the task was submitted; the settings may have changed.
        """
        patterns = (*self._options.secret_params, *exactly(were_secret))
        return Mask((*secret_values(params, patterns), *self._hidden))

    def check(self, task: Task) -> None:
        """Find out whether a task can be translated.

        Raises:
            Untranslatable: it cannot.
        """
        check(task, options=self._options, template=self._template)

    def render(self, task: Task, attempt: int, were_secret: Iterable[str] = ()) -> Rendered:
        """The objects of one attempt.

        Args:
            task: the task.
            attempt: its number.
            were_secret: as `mask` has it.

        Raises:
            Untranslatable: there are none that do what the task says.
        """
        options = self._options
        options = replace(options, secret_params=(*options.secret_params, *exactly(were_secret)))
        return translate(task, attempt=attempt, options=options, template=self._template)
