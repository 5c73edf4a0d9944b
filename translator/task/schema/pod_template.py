"""What a task says of its pods (core/v1's PodSpec, as far as the seed has it)."""

from __future__ import annotations

import ipaddress

from translator.task.names import Fault, subdomain_fault
from translator.task.schema.affinity import AFFINITY, TOLERATIONS, TOPOLOGY_SPREAD_CONSTRAINTS
from translator.task.schema.fields import ENV, VOLUMES
from translator.task.schema.kinds import flag, labels, mapping, said, sequence, text
from translator.task.schema.security import POD_SECURITY_CONTEXT


def _ip_fault(value: str) -> Fault | None:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return f"{value!r} is not an IP address", "such as 10.0.0.1"
    return None


_DNS_CONFIG = mapping(
    {
        "nameservers": sequence(text(find=_ip_fault, code="bad-address"), blanks=True),
        "options": sequence(mapping({"name": text(required=True), "value": text()}), blanks=True),
        "searches": sequence(text(), blanks=True),
    }
)

_HOST_ALIASES = sequence(
    mapping(
        {
            "hostnames": sequence(text(required=True, find=subdomain_fault)),
            "ip": text(required=True, find=_ip_fault, code="bad-address"),
        }
    ),
    blanks=True,
)

_IMAGE_PULL_SECRETS = sequence(mapping({"name": text(required=True, find=subdomain_fault)}), blanks=True)

POD_TEMPLATE = mapping(
    {
        "affinity": said(
            AFFINITY,
            "Which nodes and which neighbours the pods want or avoid.",
            "Pod 对节点以及其他 Pod 的亲缘性与反亲缘性。",
        ),
        "automountServiceAccountToken": said(
            flag(),
            "Whether steps get the service account's token, where the policy allows that. Default: false, or "
            "true where serviceAccountName is given.",
            "步骤是否挂载服务账号令牌（须策略允许）。默认 false；写了 serviceAccountName 时默认 true。",
        ),
        "dnsConfig": said(
            _DNS_CONFIG,
            "DNS parameters, merged with those of dnsPolicy.",
            "DNS 参数，与 dnsPolicy 生成的配置合并。",
        ),
        "dnsPolicy": said(
            text(allowed=("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")),
            "How names are resolved. Default: ClusterFirst.",
            "DNS 策略。默认 ClusterFirst。",
        ),
        "enableServiceLinks": said(
            flag(),
            "Whether the namespace's Services appear as environment variables. Default: true.",
            "是否把命名空间内的 Service 注入为环境变量。默认 true。",
        ),
        "env": said(
            ENV,
            "Environment variables of every step. A step's own env and scriptParams win over them.",
            "所有步骤的环境变量；步骤自己的 env 和 scriptParams 优先。",
        ),
        "hostAliases": said(
            _HOST_ALIASES,
            "Lines for the pods' /etc/hosts.",
            "写入 Pod 的 /etc/hosts 的条目。",
        ),
        "hostNetwork": said(
            flag(),
            "Whether the pods use their node's network. Default: false.",
            "是否使用宿主机网络。默认 false。",
        ),
        "imagePullSecrets": said(
            _IMAGE_PULL_SECRETS,
            "Secrets of the same namespace with which images are pulled.",
            "拉取镜像所用的同命名空间 Secret。",
        ),
        "nodeSelector": said(
            labels(),
            "Labels that a node must have.",
            "节点必须具有的标签。",
        ),
        "priorityClassName": said(
            text(find=subdomain_fault),
            "The PriorityClass. Default: the cluster's.",
            "优先级类。默认使用集群的设置。",
        ),
        "runtimeClassName": said(
            text(find=subdomain_fault),
            "The RuntimeClass that runs the containers.",
            "运行容器的 RuntimeClass。",
        ),
        "schedulerName": said(
            text(find=subdomain_fault),
            "The scheduler. Default: default-scheduler.",
            "调度器。默认 default-scheduler。",
        ),
        "securityContext": said(
            POD_SECURITY_CONTEXT,
            "Security attributes of the pods, such as runAsUser and fsGroup.",
            "Pod 级别的安全属性，如 runAsUser、fsGroup。",
        ),
        "serviceAccountName": said(
            text(find=subdomain_fault),
            "The service account of the pods, where the policy allows its token.",
            "Pod 的服务账号（须策略允许其令牌）。",
        ),
        "tolerations": said(
            TOLERATIONS,
            "Taints that the pods tolerate.",
            "Pod 能容忍的污点。",
        ),
        "topologySpreadConstraints": said(
            TOPOLOGY_SPREAD_CONSTRAINTS,
            "How the pods are spread over the cluster.",
            "Pod 在各拓扑域之间的分布。",
        ),
        "volumes": said(
            VOLUMES,
            "Volumes that steps may mount.",
            "步骤可以挂载的卷。",
        ),
    }
)
