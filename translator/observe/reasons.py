"""Why a task or a step ended, waits or was refused: the constants that events carry, each with its remedy.

A reason is for programs, its remedy for the person who reads the event: one line that says what to do.
"""

from __future__ import annotations

from typing import Final

# What the user's process did.
STEP_FAILED: Final = "StepFailed"
DEADLINE_EXCEEDED: Final = "DeadlineExceeded"
OOM_KILLED: Final = "OOMKilled"
INTERPRETER_MISSING: Final = "InterpreterMissing"

# Why a step cannot start.
IMAGE_PULL_FAILED: Final = "ImagePullFailed"
IMAGE_NOT_FOUND: Final = "ImageNotFound"
IMAGE_PULL_DENIED: Final = "ImagePullDenied"
CREATE_CONTAINER_CONFIG_ERROR: Final = "CreateContainerConfigError"
CONTAINER_START_FAILED: Final = "ContainerStartFailed"
UNSCHEDULABLE: Final = "Unschedulable"
START_TIMEOUT: Final = "StartTimeout"

# What happened to the objects that ran it.
POD_DELETED: Final = "PodDeleted"
POD_EVICTED: Final = "Evicted"
WORKFLOW_DELETED: Final = "WorkflowDeleted"
RUNNER_LOST: Final = "RunnerLost"
TERMINATED: Final = "Terminated"
ENGINE_ERROR: Final = "EngineError"

EXECUTOR_FORBIDDEN: Final = "ExecutorForbidden"

# What the whole task waits for.
SUSPENDED: Final = "Suspended"
CLUSTER_UNREACHABLE: Final = "ClusterUnreachable"
UNOBSERVED: Final = "Unobserved"
EXECUTOR_TOKEN_MISSING: Final = "ExecutorTokenMissing"  # noqa: S105 - no password

# What the service decided.
TASK_DEADLINE_EXCEEDED: Final = "TaskDeadlineExceeded"
REVOKED: Final = "Revoked"

# Why the Workflow was refused.
INVALID_TASK: Final = "InvalidTask"
POLICY_VIOLATION: Final = "PolicyViolation"
INVALID_WORKFLOW: Final = "InvalidWorkflow"
WORKFLOW_TOO_LARGE: Final = "WorkflowTooLarge"
QUOTA_EXCEEDED: Final = "QuotaExceeded"
ADMISSION_DENIED: Final = "AdmissionDenied"
NAMESPACE_NOT_FOUND: Final = "NamespaceNotFound"
NAMESPACE_NOT_WATCHED: Final = "NamespaceNotWatched"
FORBIDDEN: Final = "Forbidden"
CONFLICT: Final = "Conflict"
NOT_FOUND: Final = "NotFound"
OBJECT_MISSING: Final = "ObjectMissing"
ARGO_NOT_INSTALLED: Final = "ArgoNotInstalled"

REMEDIES: Final[dict[str, str]] = {
    STEP_FAILED: "read the step's last log lines; set onError: continue if the task may go on without it",
    DEADLINE_EXCEEDED: "raise the step's timeout, or find in its log what took so long",
    OOM_KILLED: "raise limits.memory in the step's computeResources, or make the step use less memory",
    INTERPRETER_MISSING: "use an image that has it, or correct the script's first line (#!) or the command",
    IMAGE_PULL_FAILED: "check that the node reaches the registry, and try the pull there by hand",
    IMAGE_NOT_FOUND: "correct the image's name or tag, or push the image",
    IMAGE_PULL_DENIED: "name a Secret with the registry's credentials in podTemplate.imagePullSecrets",
    CREATE_CONTAINER_CONFIG_ERROR: "create or correct what the message names: ConfigMap, Secret, env, user",
    CONTAINER_START_FAILED: "correct what the message names: command, workingDir, mounts or securityContext",
    UNSCHEDULABLE: "lower the requests, correct nodeSelector, affinity or tolerations, or add a node",
    START_TIMEOUT: "look at the pod's events (kubectl describe pod) for what kept it from starting",
    POD_DELETED: "find out what deleted the pod (a person, a drained node), then run the task again",
    POD_EVICTED: "give the step what the message names (memory, ephemeral-storage, sizeLimit); run it again",
    WORKFLOW_DELETED: "cancel tasks through agent-server, not by deletion; run the task again if needed",
    RUNNER_LOST: "run the task again: the local engine's steps end with the process that runs them",
    TERMINATED: "somebody stopped the Workflow in Argo; run the task again if that was not meant",
    ENGINE_ERROR: "look at the Workflow in Argo and at the log of its workflow-controller",
    EXECUTOR_FORBIDDEN: "run: translator rbac NAMESPACE | kubectl apply -f - (then run the task again)",
    SUSPENDED: "go on with it: argo resume (in the namespace and with the name that the workflow field has)",
    CLUSTER_UNREACHABLE: "make the API server and the namespace reachable again: the task goes on by itself",
    UNOBSERVED: "look at the Workflow, if it is there, for how it ended; run the task again if that is safe",
    EXECUTOR_TOKEN_MISSING: "run: translator rbac NAMESPACE | kubectl apply -f - (the task then goes on)",
    TASK_DEADLINE_EXCEEDED: "raise args.timeout and the taskYaml's timeout: the smaller one counts",
    REVOKED: "none is needed: the task was cancelled on request",
    INVALID_TASK: "mend what the message names (translator validate shows all), and submit again",
    POLICY_VIOLATION: "change what the message names, or ask the operator for the policy key in it",
    INVALID_WORKFLOW: "mend what the message names, and submit the task again",
    WORKFLOW_TOO_LARGE: "split the task, shorten its scripts, or turn on nodeStatusOffLoad in Argo",
    QUOTA_EXCEEDED: "free or raise the namespace's ResourceQuota, or ask for less in computeResources",
    ADMISSION_DENIED: "change the task so that the cluster's admission policy named in the message allows it",
    NAMESPACE_NOT_FOUND: "create the namespace, or name one that exists",
    NAMESPACE_NOT_WATCHED: "name a namespace where tasks may run, or have it added to argo.namespaces",
    FORBIDDEN: "give the translator's service account the permission that the message names",
    CONFLICT: "use another task id, or delete the object of the same name",
    NOT_FOUND: "submit the task again: what the message names was deleted, or never existed",
    OBJECT_MISSING: "create what the message names (an account, a class, …), or name one that exists",
    ARGO_NOT_INSTALLED: "install Argo Workflows in the cluster",
}
"""What the reader can do about each reason, in one line."""


def remedy(reason: str) -> str:
    """Return what the reader can do about a reason, or an empty text where nothing is known."""
    return REMEDIES.get(reason, "")
