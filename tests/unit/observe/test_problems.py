from __future__ import annotations

import pytest

from translator.observe import problems, reasons


@pytest.mark.parametrize(
    ("reason", "message", "want"),
    [
        ("ErrImagePull", 'failed to resolve reference "r/x:1": r/x:1: not found', reasons.IMAGE_NOT_FOUND),
        ("ErrImagePull", "manifest unknown: manifest unknown", reasons.IMAGE_NOT_FOUND),
        ("ErrImagePull", "failed to authorize: 401 Unauthorized", reasons.IMAGE_PULL_DENIED),
        (
            "ImagePullBackOff",
            'Back-off pulling image "x": ErrImagePull: pull access denied, repository does not exist',
            reasons.IMAGE_PULL_DENIED,
        ),
        ("ImagePullBackOff", 'Back-off pulling image "x"', reasons.IMAGE_PULL_FAILED),
        ("ErrImagePull", "dial tcp: lookup registry: no such host", reasons.IMAGE_PULL_FAILED),
        ("InvalidImageName", "couldn't parse image name", reasons.IMAGE_NOT_FOUND),
        ("ErrImageNeverPull", "image is not present with pull policy of Never", reasons.IMAGE_NOT_FOUND),
        (
            "CreateContainerConfigError",
            'configmap "x" not found',
            reasons.CREATE_CONTAINER_CONFIG_ERROR,
        ),
        ("CreateContainerError", "no command specified", reasons.CONTAINER_START_FAILED),
        ("StartError", "no such file or directory", reasons.CONTAINER_START_FAILED),
        ("Unschedulable", "0/3 nodes are available", reasons.UNSCHEDULABLE),
        ("PodInitializing", "", ""),
        ("ContainerCreating", "", ""),
        ("Completed", "", ""),
        ("", "", ""),
    ],
)
def test_why_a_container_waits(reason, message, want):
    assert problems.waiting(reason, message) == want


@pytest.mark.parametrize(
    ("message", "want"),
    [
        ("Unschedulable: 0/1 nodes are available", (reasons.UNSCHEDULABLE, "0/1 nodes are available")),
        ("ImagePullBackOff", (reasons.IMAGE_PULL_FAILED, "ImagePullBackOff")),
        ("ErrImagePull: r/x:1: not found", (reasons.IMAGE_NOT_FOUND, "r/x:1: not found")),
        ("StartError (exit code 128): no such dir", (reasons.CONTAINER_START_FAILED, "no such dir")),
        ("PodInitializing", ("", "")),
        ("Error (exit code 3)", ("", "")),
        ("OOMKilled (exit code 137)", ("", "")),
        ("timeout", ("", "")),
        ("", ("", "")),
    ],
)
def test_a_nodes_message(message, want):
    assert problems.pending(message) == want


@pytest.mark.parametrize(
    ("message", "want"),
    [
        ('pods "x" is forbidden: exceeded quota: cpu, requested: cpu=4', reasons.QUOTA_EXCEEDED),
        ('admission webhook "policy" denied the request: no latest tag', reasons.ADMISSION_DENIED),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest"', reasons.ADMISSION_DENIED),
        ('pods "x" is forbidden: error looking up service account default/a', reasons.OBJECT_MISSING),
        ('pods "x" is forbidden: no PriorityClass with name a was found', reasons.OBJECT_MISSING),
        ('pods "x" is forbidden: pod rejected: RuntimeClass "a" not found', reasons.OBJECT_MISSING),
        ("task 'x.s1' errored: serviceaccounts \"executor\" not found", reasons.OBJECT_MISSING),
        (
            'wait: Error (exit code 64): workflowtaskresults.argoproj.io is forbidden: User "x" cannot',
            reasons.EXECUTOR_FORBIDDEN,
        ),
        ('workflowtaskresults.argoproj.io "w" is forbidden: User "x"', reasons.EXECUTOR_FORBIDDEN),
        ('pods is forbidden: User "x" cannot create resource "pods"', reasons.FORBIDDEN),
        ("invalid spec: templates.task: failed to resolve {{x}}", reasons.INVALID_WORKFLOW),
        ("workflow is longer than maximum allowed size. compressed size 2000000", reasons.WORKFLOW_TOO_LARGE),
        ("Error (exit code 1)", ""),
    ],
)
def test_what_was_refused(message, want):
    assert problems.refused(message) == want
