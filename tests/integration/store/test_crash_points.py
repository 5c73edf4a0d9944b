"""Whatever changes Redis names the point: the server itself says which of its commands do."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from pathlib import Path

from tests.unit.test_crash_point import bare, parsed
from translator import store as package
from translator.store.calls import Script

ANY_CODE = {"eval", "evalsha", "fcall", "execute_command", "register_script", "script_load"}
CLIENT = re.compile(r"(redis|pipe|client)\w*(\(.*\))?$")


async def writing(redis):
    """The commands of this server that change something, in small letters."""
    return {
        command["name"].lower()
        for command in (await redis.command()).values()
        if "write" in command["flags"] or b"write" in command["flags"]
    }


def scripts():
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        loaded = importlib.import_module(module.name)
        for name, value in vars(loaded).items():
            if isinstance(value, Script):
                yield name, value


async def test_a_script_that_writes_names_its_step(redis):
    writes = await writing(redis)
    assert {"hset", "xadd", "zadd", "del"} <= writes
    of_step = {}
    for name, script in scripts():
        called = {word.lower() for word in re.findall(r"redis\.p?call\(\s*'(\w+)'", script.text)}
        assert called, name
        assert bool(called & writes) == (script.step is not None), name
        if script.step is not None:
            assert of_step.setdefault(script.step, script) is script, f"{name}: the step of another script"
    assert len(of_step) >= 10


async def test_a_command_that_writes_names_its_step(redis):
    methods = ANY_CODE | {"delete" if name == "del" else name for name in await writing(redis)}
    for file, tree in parsed("store"):
        for node in bare(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                on_redis = CLIENT.search(ast.unparse(node.func.value))
                assert not (on_redis and node.func.attr in methods), f"{file}:{node.lineno}"


def test_only_the_store_speaks_to_redis():
    for file, tree in parsed():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = (
                    [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
                )
                if any(name.partition(".")[0] == "redis" for name in names):
                    assert "store" in Path(file).parts, file
