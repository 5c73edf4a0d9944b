"""All looks, in the order in which a reader would mend what they find."""

from __future__ import annotations

from collections.abc import AsyncIterator

from translator.errors import TranslatorError
from translator.finding import Finding, fault_of, fine
from translator.service.doctor import agent_server, cluster, machine, redis
from translator.service.template import load_template
from translator.settings import Settings


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Look at all that the service needs; what cannot be looked at is a fault, never an exception."""
    try:
        load_template(settings.workflow.template)
        yield fine("settings", "they fit together, and the Workflow template is one")
    except TranslatorError as error:
        yield fault_of("settings", error, "mend the template that workflow.template names")
    looks = [machine, redis, agent_server]
    if settings.engine == "argo":
        looks.append(cluster)
    for look in looks:
        async for finding in look.examine(settings):
            yield finding
