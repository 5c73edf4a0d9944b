"""The rules that tie fields together.

They run on data that the schema may have faulted: each looks before it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from translator.task import pod_rules, resource_rules, volume_rules
from translator.task.blanks import is_null
from translator.task.finding import Finding
from translator.task.look import mappings, sub, words
from translator.task.names import env_name_warning
from translator.task.path import Path
from translator.task.problem import Severity

MAX_STRING = 128 * 1024 - 1
"""Bytes of one argument or ``NAME=value`` that Linux takes (MAX_ARG_STRLEN, 32 pages, less the final NUL)."""


def cross_findings(data: Mapping[str, Any]) -> list[Finding]:
    """Every fault that lies between fields, in no order."""
    rules: tuple[Callable[[Mapping[str, Any]], Iterator[Finding]], ...] = (
        _step_names,
        _programs,
        _scripts,
        _environments,
        volume_rules.volumes,
        volume_rules.mounts,
        resource_rules.resources,
        pod_rules.account,
        pod_rules.dns,
        pod_rules.tolerations,
        pod_rules.selectors,
    )
    return [finding for rule in rules for finding in rule(data)]


def steps(data: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The steps that are mappings, each with its path."""
    return mappings(("taskSpec", "steps"), sub(data, "taskSpec").get("steps"))


def _step_names(data: Mapping[str, Any]) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for number, (path, step) in enumerate(steps(data)):
        name = step.get("name")
        if not isinstance(name, str) or not name:
            continue
        if name in first:
            message = f"the step name {name!r} is already taken by step {first[name] + 1}"
            yield Finding((*path, "name"), message, "step names are unique", "duplicate-name")
        first.setdefault(name, number)


def _programs(data: Mapping[str, Any]) -> Iterator[Finding]:
    for path, step in steps(data):
        yield from _program(path, step)
        command = step.get("command")
        if isinstance(command, list) and command and command[0] == "":
            yield Finding((*path, "command", 0), "the program's name is empty", "", "empty")
        for key in ("command", "args"):
            for item_path, item in words((*path, key), step.get(key)):
                if len(item.encode()) > MAX_STRING:
                    yield _too_long(item_path, "an argument", item)


def _program(path: Path, step: Mapping[str, Any]) -> Iterator[Finding]:
    """A step is a script, or a command with or without args."""
    if step.get("script"):
        if step.get("command"):
            message, hint = "script and command exclude each other", "a step is either a script or a command"
            yield Finding((*path, "command"), message, hint, "script-and-command")
    elif not step.get("command"):
        if step.get("args"):
            hint = "write the image's entrypoint as command: Argo cannot always ask the registry for it"
            yield Finding((*path, "args"), "args need a command", hint, "args-without-command")
        elif key := next((key for key in ("script", "command") if key in step), None):
            yield Finding((*path, key), f"{key} is empty", "what shall the step run?", "empty")
        else:
            yield Finding(path, "the step runs nothing", "add script or command", "nothing-to-run")


def _scripts(data: Mapping[str, Any]) -> Iterator[Finding]:
    for path, step in steps(data):
        script = step.get("script")
        if isinstance(script, str) and script:
            yield from _script((*path, "script"), script)


def _script(path: Path, script: str) -> Iterator[Finding]:
    """What a shell or the kernel makes of a script, and its author does not see."""
    first = script.partition("\n")[0]
    shebang = first.startswith("#!")
    if shebang and "\r" in first:
        return  # an error, told by who translates it
    if "\r\n" in script:
        message = "its lines end in a carriage return, which a shell takes for a part of each command"
        hint = 'end lines with a line feed alone: "\\n"'
        yield Finding(path, message, hint, "carriage-return", Severity.WARNING)
    words = first[2:].split()
    if not shebang or len(words) < 3 or words[1].startswith(("-S", "--split-string")):
        return
    given, is_env = " ".join(words[1:]), words[0].endswith("/env")
    message = f"the kernel hands {given[:80]!r} to {words[0][:80]} as one argument"
    split = f"#!/usr/bin/env -S {given if is_env else ' '.join(words)}"
    if is_env:
        yield Finding(path, f"{message}, and there is no such program", f"write {split[:160]}", "shebang")
    else:
        hint = f"if it does not take that, write {split[:160]}"
        yield Finding(path, message, hint, "shebang", Severity.WARNING)


def _environments(data: Mapping[str, Any]) -> Iterator[Finding]:
    for path, holder in (("podTemplate",), sub(data, "podTemplate")), *steps(data):
        names: set[str] = set()
        for entry_path, entry in mappings((*path, "env"), holder.get("env")):
            yield from _variable(entry_path, entry)
            name = entry.get("name")
            if isinstance(name, str) and name in names:
                message = f"the variable {name} is set twice; the later value wins"
                place = (*entry_path, "name")
                yield Finding(place, message, "remove one", "duplicate-env", Severity.WARNING)
            names.add(name if isinstance(name, str) else "")


def _variable(path: Path, entry: Mapping[str, Any]) -> Iterator[Finding]:
    name, value, source = (entry.get(key) for key in ("name", "value", "valueFrom"))
    place = (*path, "valueFrom")
    if isinstance(name, str) and (new := env_name_warning(name)) is not None:
        yield Finding((*path, "name"), *new, "new-env-name", Severity.WARNING)
    if value and source:
        message = "value and valueFrom exclude each other"
        yield Finding(place, message, "remove one of the two", "two-values")
    if isinstance(source, dict) and len([item for item in source.values() if not is_null(item)]) != 1:
        hint = "configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef or fileKeyRef"
        yield Finding(place, "valueFrom needs exactly one source", hint, "one-source")
    if isinstance(value, str) and len(f"{name}={value}".encode()) > MAX_STRING:
        yield _too_long((*path, "value"), "a variable", value)


def _too_long(path: Path, what: str, value: str) -> Finding:
    message = f"{what} of {len(value.encode())} bytes is too long for Linux"
    return Finding(path, message, f"at most {MAX_STRING} bytes", "too-long")
