"""Kubernetes' selectors, affinity, tolerations and topologySpreadConstraints (core/v1, Kubernetes 1.35)."""

from __future__ import annotations

from translator.task.schema.kinds import INT32, labels, mapping, sequence, text, texts, whole

_REQUIRED_DURING = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED_DURING = "preferredDuringSchedulingIgnoredDuringExecution"

LABEL_SELECTOR = mapping(
    {
        "matchExpressions": sequence(
            mapping(
                {
                    "key": text(required=True),
                    "operator": text(required=True, allowed=("In", "NotIn", "Exists", "DoesNotExist")),
                    "values": sequence(text()),
                }
            )
        ),
        "matchLabels": labels(),
    }
)

_NODE_REQUIREMENTS = sequence(
    mapping(
        {
            "key": text(required=True),
            "operator": text(required=True, allowed=("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")),
            "values": sequence(text()),
        }
    )
)

_NODE_TERM = {"matchExpressions": _NODE_REQUIREMENTS, "matchFields": _NODE_REQUIREMENTS}

_NODE_AFFINITY = mapping(
    {
        _REQUIRED_DURING: mapping(
            {"nodeSelectorTerms": sequence(mapping(_NODE_TERM), required=True, minimum=1)},
        ),
        _PREFERRED_DURING: sequence(
            mapping(
                {
                    "preference": mapping(_NODE_TERM, required=True),
                    "weight": whole(required=True, minimum=1, maximum=100),
                }
            )
        ),
    }
)

_POD_TERM = {
    "labelSelector": LABEL_SELECTOR,
    "matchLabelKeys": texts(),
    "mismatchLabelKeys": texts(),
    "namespaceSelector": LABEL_SELECTOR,
    "namespaces": texts(),
    "topologyKey": text(required=True),
}

_POD_AFFINITY = mapping(
    {
        _REQUIRED_DURING: sequence(mapping(_POD_TERM)),
        _PREFERRED_DURING: sequence(
            mapping(
                {
                    "podAffinityTerm": mapping(_POD_TERM, required=True),
                    "weight": whole(required=True, minimum=1, maximum=100),
                }
            )
        ),
    }
)

AFFINITY = mapping(
    {"nodeAffinity": _NODE_AFFINITY, "podAffinity": _POD_AFFINITY, "podAntiAffinity": _POD_AFFINITY}
)

TOLERATIONS = sequence(
    mapping(
        {
            "effect": text(allowed=("NoSchedule", "PreferNoSchedule", "NoExecute")),
            "key": text(),
            "operator": text(allowed=("Equal", "Exists")),
            "tolerationSeconds": whole(minimum=-(1 << 63)),
            "value": text(),
        }
    ),
    blanks=True,
)

_POLICY = ("Honor", "Ignore")

TOPOLOGY_SPREAD_CONSTRAINTS = sequence(
    mapping(
        {
            "labelSelector": LABEL_SELECTOR,
            "matchLabelKeys": texts(),
            "maxSkew": whole(required=True, minimum=1, maximum=INT32),
            "minDomains": whole(minimum=1, maximum=INT32),
            "nodeAffinityPolicy": text(allowed=_POLICY),
            "nodeTaintsPolicy": text(allowed=_POLICY),
            "topologyKey": text(required=True),
            "whenUnsatisfiable": text(required=True, allowed=("DoNotSchedule", "ScheduleAnyway")),
        }
    ),
    blanks=True,
)
