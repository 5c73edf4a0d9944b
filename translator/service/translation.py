"""How tasks become Workflows, as the settings have it now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from translator.observe.masking import Mask
from translator.task.model import Task
from translator.workflow.options import Options
from translator.workflow.rendered import Rendered
from translator.workflow.secret_params import secret_values
from translator.workflow.translate import check, translate


class Translation:
    """One for the whole service, so that a reload of the settings reaches all who translate.

    Args:
        options: the translation's settings.
        template: what every Workflow starts from.
    """

    def __init__(self, options: Options, template: Mapping[str, Any]) -> None:
        self.use(options, template)

    def use(self, options: Options, template: Mapping[str, Any]) -> None:
        """Translate like this from now on."""
        self._options = options
        self._template = template

    def mask(self, params: Iterable[tuple[str, str]]) -> Mask:
        """What hides the values of a task's secret parameters."""
        return Mask(secret_values(params, self._options.secret_params))

    def check(self, task: Task) -> None:
        """Find out whether a task can be translated.

        Raises:
            Untranslatable: it cannot.
        """
        check(task, options=self._options, template=self._template)

    def render(self, task: Task, attempt: int) -> Rendered:
        """The objects of one attempt.

        Raises:
            Untranslatable: there are none that do what the task says.
        """
        return translate(task, attempt=attempt, options=self._options, template=self._template)
