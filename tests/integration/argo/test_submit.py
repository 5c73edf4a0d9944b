from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from tests.integration.argo.fake_api import FakeApi, lost, says, status
from translator.engine.argo.client import ApiServer
from translator.engine.argo.submit import submit
from translator.errors import PermanentError, TemporaryError
from translator.observe import reasons
from translator.observe.observation import WorkflowRef
from translator.workflow.carried import carry
from translator.workflow.rendered import Rendered


def rendered(*, spec_hash: str = "abc", script: str = "echo {{x}}", files: bool = True) -> Rendered:
    return Rendered(
        workflow={
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {
                "name": "w",
                "namespace": "default",
                "annotations": {"codo.dev/spec-hash": spec_hash},
            },
            "spec": {},
        },
        files={
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "w-files", "namespace": "default"},
            "data": {"script": script},
        }
        if files
        else None,
    )


def with_secrets(**options: Any) -> Rendered:
    secrets = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "w-secrets", "namespace": "default"},
        "stringData": {"password": "hush"},
    }
    return replace(rendered(**options), secrets=secrets)


def secret_owners(fake: FakeApi) -> list[Any]:
    found: list[Any] = fake.objects["secrets"]["default", "w-secrets"]["metadata"]["ownerReferences"]
    return [(owner["kind"], owner["name"], owner["uid"]) for owner in found]


def owners(fake: FakeApi) -> list[Any]:
    found: list[Any] = fake.objects["configmaps"]["default", "w-files"]["metadata"].get("ownerReferences", [])
    return [(owner["kind"], owner["name"], owner["uid"]) for owner in found]


REF = WorkflowRef("default", "w", "uid-w")
OWNED = [("Workflow", "w", "uid-w")]


async def test_the_configmap_comes_first_and_is_owned_at_last(fake: FakeApi, api: ApiServer) -> None:
    assert await submit(api, rendered()) == REF
    asked = [(verb, resource) for verb, resource, _, _ in fake.bodies]
    assert asked == [("POST", "configmaps"), ("POST", "workflows"), ("PATCH", "configmaps")]
    assert owners(fake) == OWNED
    posts = [query for verb, _, query in fake.requests if verb == "POST"]
    assert posts == [{"fieldValidation": "Strict"}] * 2


async def test_without_literal_text_there_is_no_configmap(fake: FakeApi, api: ApiServer) -> None:
    assert await submit(api, rendered(files=False)) == REF
    assert fake.objects["configmaps"] == {}


async def test_a_second_submission_adopts_the_first(fake: FakeApi, api: ApiServer) -> None:
    first = await submit(api, rendered())
    assert await submit(api, rendered()) == first
    assert len(fake.objects["workflows"]) == 1
    assert owners(fake) == OWNED


@pytest.mark.parametrize("resource", ["workflows", "configmaps"])
async def test_a_lost_answer_is_no_lost_workflow(fake: FakeApi, api: ApiServer, resource: str) -> None:
    async def create_and_lose(request: web.Request) -> web.StreamResponse:
        await fake.put(resource, await request.json())
        return await lost(request)

    fake.faults["POST", resource].append(create_and_lose)
    assert await submit(api, rendered()) == REF
    assert owners(fake) == OWNED


async def test_a_try_that_died_before_the_owner_reference_is_finished(fake: FakeApi, api: ApiServer) -> None:
    await submit(api, rendered())
    del fake.objects["configmaps"]["default", "w-files"]["metadata"]["ownerReferences"]
    await submit(api, rendered())
    assert owners(fake) == OWNED


async def test_what_a_dead_try_of_other_content_left_is_replaced(fake: FakeApi, api: ApiServer) -> None:
    await fake.put(
        "configmaps", {"metadata": {"name": "w-files", "namespace": "default"}, "data": {"script": "old"}}
    )
    await submit(api, rendered())
    assert fake.objects["configmaps"]["default", "w-files"]["data"] == {"script": "echo {{x}}"}
    assert owners(fake) == OWNED


async def test_what_a_try_with_other_settings_made_is_adopted_whole(fake: FakeApi, api: ApiServer) -> None:
    await submit(api, rendered(script="as an earlier version rendered it"))
    del fake.objects["configmaps"]["default", "w-files"]["metadata"]["ownerReferences"]
    assert await submit(api, rendered()) == REF
    assert fake.objects["configmaps"]["default", "w-files"]["data"] == {
        "script": "as an earlier version rendered it"
    }
    assert owners(fake) == OWNED


async def test_another_workflow_of_that_name_is_a_conflict(fake: FakeApi, api: ApiServer) -> None:
    await submit(api, rendered(files=False))
    with pytest.raises(PermanentError, match="exists already, with other content") as refused:
        await submit(api, rendered(spec_hash="def", files=False))
    assert refused.value.reason == reasons.CONFLICT


async def test_an_owned_configmap_of_other_content_is_a_conflict(fake: FakeApi, api: ApiServer) -> None:
    await submit(api, rendered())
    with pytest.raises(PermanentError) as refused:
        await submit(api, rendered(spec_hash="def", script="other"))
    assert refused.value.reason == reasons.CONFLICT
    assert fake.objects["configmaps"]["default", "w-files"]["data"] == {"script": "echo {{x}}"}


async def test_a_refused_workflow_leaves_no_configmap(fake: FakeApi, api: ApiServer) -> None:
    fake.faults["POST", "workflows"].append(
        says(400, status(400, 'strict decoding error: unknown field "spec.x"'))
    )
    with pytest.raises(PermanentError, match="unknown field") as refused:
        await submit(api, rendered())
    assert refused.value.reason == reasons.INVALID_WORKFLOW
    assert fake.objects["configmaps"] == {}


async def test_a_missing_namespace_is_told(fake: FakeApi, api: ApiServer) -> None:
    said = status(404, 'namespaces "default" not found', "NotFound", kind="namespaces", name="default")
    fake.faults["POST", "configmaps"].append(says(404, said))
    with pytest.raises(PermanentError) as refused:
        await submit(api, rendered())
    assert refused.value.reason == reasons.NAMESPACE_NOT_FOUND
    assert fake.objects["workflows"] == {}


async def test_429_is_for_the_caller_to_wait_out(fake: FakeApi, api: ApiServer) -> None:
    fake.faults["POST", "workflows"].append(says(429, status(429, "slow down"), **{"Retry-After": "5"}))
    with pytest.raises(TemporaryError) as later:
        await submit(api, rendered())
    assert later.value.retry_after == 5
    assert await submit(api, rendered()) == REF


@pytest.mark.parametrize("resource", ["workflows", "configmaps"])
async def test_a_server_error_is_for_later(fake: FakeApi, api: ApiServer, resource: str) -> None:
    fake.faults["POST", resource].append(says(500, "etcdserver: leader changed"))
    with pytest.raises(TemporaryError, match="leader changed"):
        await submit(api, rendered())
    assert await submit(api, rendered()) == REF
    assert owners(fake) == OWNED


async def test_the_secret_belongs_to_the_configmap_and_so_to_the_workflow(
    fake: FakeApi, api: ApiServer
) -> None:
    assert await submit(api, with_secrets()) == REF
    asked = [(verb, resource) for verb, resource, _, _ in fake.bodies]
    assert asked == [
        ("POST", "configmaps"), ("POST", "secrets"), ("POST", "workflows"), ("PATCH", "configmaps"),
    ]  # fmt: skip
    created = next(body for verb, resource, _, body in fake.bodies if (verb, resource) == ("POST", "secrets"))
    (owner,) = created["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("ConfigMap", "uid-w-files")
    assert owners(fake) == OWNED


async def test_a_secret_is_never_read(fake: FakeApi, api: ApiServer) -> None:
    await submit(api, with_secrets())
    await submit(api, with_secrets())
    # the answer to a patch would have the data in it
    assert {verb for verb, path, _ in fake.requests if "secrets" in path} <= {"POST", "DELETE"}
    assert fake.count("POST", "secrets") == 2


async def test_what_a_dead_try_left_is_renewed(fake: FakeApi, api: ApiServer) -> None:
    fake.faults["POST", "workflows"].append(says(500, status(500, "later")))
    with pytest.raises(TemporaryError):
        await submit(api, with_secrets())
    assert [kind for kind, _, _ in secret_owners(fake)] == ["ConfigMap"]
    fake.objects["secrets"]["default", "w-secrets"]["stringData"] = {"password": "old"}
    assert await submit(api, with_secrets()) == REF
    assert fake.objects["secrets"]["default", "w-secrets"]["stringData"] == {"password": "hush"}


async def test_a_secret_whose_creation_was_not_answered_is_used(fake: FakeApi, api: ApiServer) -> None:
    async def created_and_lost(request: web.Request) -> web.StreamResponse:
        await fake.put("secrets", await request.json())
        return await lost(request)

    fake.faults["POST", "secrets"].append(created_and_lost)
    assert await submit(api, with_secrets()) == REF
    assert [kind for kind, _, _ in secret_owners(fake)] == ["ConfigMap"]


async def test_a_secret_whose_creation_got_lost_is_created_again(fake: FakeApi, api: ApiServer) -> None:
    fake.faults["POST", "secrets"].append(lost)
    assert await submit(api, with_secrets()) == REF
    assert [kind for kind, _, _ in secret_owners(fake)] == ["ConfigMap"]
    assert fake.count("POST", "secrets") == 2


async def test_another_workflows_secret_is_left_alone(fake: FakeApi, api: ApiServer) -> None:
    await submit(api, with_secrets())
    other = with_secrets(spec_hash="other")
    other.secrets["stringData"]["password"] = "theirs"  # type: ignore[index]
    with pytest.raises(PermanentError) as caught:
        await submit(api, other)
    assert caught.value.reason == reasons.CONFLICT
    assert fake.objects["secrets"]["default", "w-secrets"]["stringData"] == {"password": "hush"}


@pytest.mark.parametrize("resource", ["configmaps", "secrets"])
async def test_what_is_there_again_as_soon_as_it_was_deleted_is_for_later(
    fake: FakeApi, api: ApiServer, resource: str
) -> None:
    await fake.put("configmaps", {"metadata": {"name": "w-files", "namespace": "default"}, "data": {}})
    await fake.put("secrets", {"metadata": {"name": "w-secrets", "namespace": "default"}})
    there = says(409, status(409, f"{resource} already exists", "AlreadyExists"))
    fake.faults["POST", resource].extend([there, there])
    with pytest.raises(TemporaryError, match="already exists"):
        await submit(api, with_secrets())
    assert await submit(api, with_secrets()) == REF


async def test_a_conflict_takes_nothing_from_the_workflow_that_is_there(
    fake: FakeApi, api: ApiServer
) -> None:
    await submit(api, with_secrets())
    del fake.objects["configmaps"]["default", "w-files"]["metadata"]["ownerReferences"]
    with pytest.raises(PermanentError) as caught:
        await submit(api, with_secrets(spec_hash="other"))
    assert caught.value.reason == reasons.CONFLICT
    assert ("default", "w-files") in fake.objects["configmaps"]
    assert ("default", "w-secrets") in fake.objects["secrets"]


async def test_a_service_that_may_not_write_secrets_says_so(fake: FakeApi, api: ApiServer) -> None:
    fake.faults["POST", "secrets"].append(says(403, status(403, "secrets is forbidden", "Forbidden")))
    with pytest.raises(PermanentError) as caught:
        await submit(api, with_secrets())
    assert caught.value.reason == reasons.FORBIDDEN
    assert fake.objects["configmaps"] == {}
    assert fake.objects["workflows"] == {}


async def test_with_a_workflow_that_is_refused_the_secret_goes(fake: FakeApi, api: ApiServer) -> None:
    fake.faults["POST", "workflows"].append(says(422, status(422, "no", "Invalid")))
    with pytest.raises(PermanentError):
        await submit(api, with_secrets())
    assert fake.objects["secrets"] == fake.objects["configmaps"] == {}


def of(installation: str, made: Rendered) -> Rendered:
    """As a service of this installation submits it."""
    return carry(made, installation, "h", {})


async def test_every_object_says_whose_it_is(fake: FakeApi, api: ApiServer) -> None:
    await submit(api, of("ours", with_secrets()))
    for kind in ("configmaps", "secrets", "workflows"):
        [thing] = fake.objects[kind].values()
        assert thing["metadata"]["annotations"]["codo.dev/installation"] == "ours"


@pytest.mark.parametrize("kind", ["configmaps", "workflows"])
async def test_what_another_installation_made_is_neither_used_nor_replaced(
    fake: FakeApi, api: ApiServer, kind: str
) -> None:
    await submit(api, of("theirs", rendered()))
    other = "workflows" if kind == "configmaps" else "configmaps"
    fake.objects[other].clear()
    before = dict(fake.objects[kind])
    with pytest.raises(PermanentError) as caught:
        await submit(api, of("ours", rendered()))
    assert caught.value.reason == reasons.CONFLICT
    assert fake.objects[kind] == before


async def test_a_configmap_that_was_swept_away_meanwhile_is_made_again(fake: FakeApi, api: ApiServer) -> None:
    """A clock that jumped forward makes it look old."""

    async def swept(_: web.Request) -> None:
        fake.objects["configmaps"].clear()

    fake.faults["PATCH", "configmaps"].append(swept)
    with pytest.raises(TemporaryError, match="deleted meanwhile"):
        await submit(api, rendered())
    assert await submit(api, rendered()) == REF
    assert owners(fake) == OWNED
