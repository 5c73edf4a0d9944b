from tests.unit.workflow.sample_tasks import rendered, step, task
from translator.workflow.tree import tree


def test_a_person_reads_what_each_step_does():
    found = rendered(
        task(
            step("build", script="#!/bin/bash\nmake\n", timeout_ns=10**10, on_error_continue=True),
            step("pack", script="#!/bin/sh\necho $$\n"),
            step("ship", command=("codo", "set-context"), args=("a=1\nb" + "x" * 80,)),
        )
    )
    assert tree(found) == (
        f"default/{found.name}  'd'\n"
        "deadline 600s, one pod a step\n"
        "├── build\n"
        "│      image    alpine:3.20\n"
        "│      timeout  10s, with its start at most 310s\n"
        "│      onError  continue\n"
        "│      script   /bin/bash, inline, 17 bytes\n"
        "├── pack after build\n"
        "│      image    alpine:3.20\n"
        "│      timeout  1h0m0s, with its start at most 3900s\n"
        "│      onError  stopAndFail\n"
        "│      script   /bin/sh, ConfigMap key pack.script\n"
        "└── ship after pack\n"
        "       image    alpine:3.20\n"
        "       timeout  1h0m0s, with its start at most 3900s\n"
        "       onError  stopAndFail\n"
        "       command  codo set-context a=1\\nb" + "x" * 36 + "…\n"
        f"ConfigMap {found.name}-files\n"
        "    pack.script  18 bytes\n"
    )


def test_without_literal_text_there_is_no_config_map():
    text = tree(rendered(task(step())))
    assert text.endswith("       script   /bin/sh -e, inline, 7 bytes\n")
    assert "ConfigMap" not in text


def test_one_pod_is_told_as_one():
    found = rendered(task(step("a"), step("b", command=("true",))), layout="pod")
    assert tree(found) == (
        f"default/{found.name}  'd'\n"
        "deadline 600s, one pod\n"
        "├── a\n"
        "│      image    alpine:3.20\n"
        "│      script   /bin/sh -e, ConfigMap key a.script\n"
        "└── b after a\n"
        "       image    alpine:3.20\n"
        "       command  true\n"
        f"ConfigMap {found.name}-files\n"
        "    a.script  7 bytes\n"
    )
