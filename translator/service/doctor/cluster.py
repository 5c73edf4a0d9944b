"""Whether the cluster is there, has Argo, and lets us do what we must."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from translator.errors import TranslatorError
from translator.finding import Finding, fault, fault_of, fine, warning
from translator.settings import Settings

if TYPE_CHECKING:
    from translator.engine.argo.examination import Executor

ABOUT = "cluster"
_REACH = "check argo.kubeconfig, argo.context and the network; kubectl get workflows must work"


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Ask the API server for its version, for Argo, and for our permissions."""
    # these take a second of CPU to import, and only this engine needs them
    from translator.engine.argo.client import ApiServer  # noqa: PLC0415
    from translator.engine.argo.examination import examined  # noqa: PLC0415

    chosen = settings.argo
    kubeconfig = str(chosen.kubeconfig.expanduser()) if chosen.kubeconfig else None
    api = ApiServer(kubeconfig=kubeconfig, context=chosen.context or None, request_timeout=15)
    try:
        await api.open()
        executor = settings.workflow.executor_service_account
        seen = await examined(api, chosen.namespaces or ("",), executor)
    except TranslatorError as error:
        yield fault_of(ABOUT, error, _REACH)
        return
    finally:
        await api.close()
    yield fine(ABOUT, f"Kubernetes {seen.kubernetes} answers")
    if seen.argo_missing:
        yield fault(ABOUT, seen.argo_missing, "install Argo Workflows 3.6 or later")
        return
    yield fine(ABOUT, "Argo Workflows' resources are there")
    for why in seen.gone.values():
        yield fault(
            ABOUT,
            why,
            "create it and apply what `translator rbac NAMESPACE` prints, or correct argo.namespaces",
        )
    for namespace, verbs in seen.missing.items():
        where = f"in namespace {namespace}" if namespace else "in all namespaces"
        if verbs:
            remedy = "apply what `translator rbac NAMESPACE` prints, or correct argo.namespaces"
            yield fault(ABOUT, f"not allowed {where}: {', '.join(verbs)}", remedy)
        else:
            yield fine(ABOUT, f"all permissions are there {where}")
    for namespace, found in seen.executors.items():
        yield _executor(namespace, executor, found)


def _executor(namespace: str, account: str, found: Executor) -> Finding:
    """Whether steps can report what they did, by the account of Argo's executor."""
    who, where = f"Argo's executor ({account})", f"in namespace {namespace}"
    remedy = f"translator rbac {namespace} | kubectl apply -f -"
    if found.token is False:
        return fault(ABOUT, f"{who} has no token {where}: no task runs there", remedy)
    if found.lacks:
        return fault(ABOUT, f"{who} is not allowed {where}: {', '.join(found.lacks)}", remedy)
    if found.lacks is None or found.token is None:
        what = "whether its token is there" if found.token is None else "what it may do"
        remedy = f"kubectl auth can-i create workflowtaskresults.argoproj.io -n {namespace} --as "
        remedy += f"system:serviceaccount:{namespace}:{account} (as an administrator, or run doctor as one)"
        return warning(ABOUT, f"of {who} {where} we may not ask {what}", remedy)
    return fine(ABOUT, f"{who} may report {where}")
