"""The API server's rules between the fields of a pod's own structures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from translator.task.finding import Finding
from translator.task.look import mappings, sub
from translator.task.path import Path


def dns(data: Mapping[str, Any]) -> Iterator[Finding]:
    """``dnsPolicy: None`` leaves the pod without name servers unless dnsConfig names some."""
    pod = sub(data, "podTemplate")
    servers = sub(pod, "dnsConfig").get("nameservers")
    if pod.get("dnsPolicy") == "None" and not (isinstance(servers, list) and any(servers)):
        path: Path = ("podTemplate", "dnsPolicy")
        yield Finding(
            path, "dnsPolicy None needs dnsConfig.nameservers", "name at least one", "no-nameserver"
        )


def account(data: Mapping[str, Any]) -> Iterator[Finding]:
    """A task says its service account once, at its top or in podTemplate."""
    top, pod = data.get("serviceAccountName"), sub(data, "podTemplate").get("serviceAccountName")
    if top and pod and top != pod:
        message = "podTemplate.serviceAccountName says another account"
        yield Finding(("serviceAccountName",), message, "say it once", "two-values")


def tolerations(data: Mapping[str, Any]) -> Iterator[Finding]:
    """What core/v1's validation asks of a toleration's fields."""
    for path, entry in mappings(("podTemplate", "tolerations"), sub(data, "podTemplate").get("tolerations")):
        operator = entry.get("operator") or "Equal"
        if operator == "Exists" and entry.get("value"):
            hint = "remove value, or use the operator Equal"
            yield Finding((*path, "value"), "the operator Exists takes no value", hint, "bad-toleration")
        if operator == "Equal" and not entry.get("key"):
            hint = "add key, or use the operator Exists to tolerate all"
            yield Finding(path, "the operator Equal needs a key", hint, "bad-toleration")
        if entry.get("tolerationSeconds") is not None and entry.get("effect") != "NoExecute":
            hint = "effect: NoExecute"
            field = (*path, "tolerationSeconds")
            yield Finding(field, "tolerationSeconds is for the effect NoExecute", hint, "bad-toleration")


def selectors(data: Mapping[str, Any]) -> Iterator[Finding]:
    """In and NotIn compare with values; Exists and DoesNotExist have none; Gt and Lt have one."""
    pod = sub(data, "podTemplate")
    for field in ("affinity", "topologySpreadConstraints"):
        for path, entry in _expressions(("podTemplate", field), pod.get(field)):
            operator, values = entry.get("operator"), entry.get("values")
            count = len(values) if isinstance(values, list) else 0
            wrong = {
                "In": count == 0,
                "NotIn": count == 0,
                "Exists": count > 0,
                "DoesNotExist": count > 0,
                "Gt": count != 1,
                "Lt": count != 1,
            }
            if isinstance(operator, str) and wrong.get(operator, False):
                need = "no values" if count and operator not in ("Gt", "Lt") else "values"
                need = "one value" if operator in ("Gt", "Lt") else need
                hint = f"the operator {operator} takes {need}"
                yield Finding(path, f"{count} values for the operator {operator}", hint, "bad-selector")


def _expressions(path: Path, value: Any) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    # bounded: the tree has at most MAX_DEPTH levels
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _expressions((*path, index), item)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key in ("matchExpressions", "matchFields"):
                yield from mappings((*path, key), item)
            else:
                yield from _expressions((*path, key), item)
