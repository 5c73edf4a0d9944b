"""Objects as JSON and YAML text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

# Plain in every reader of YAML 1.1 and 1.2; PyYAML, kubectl and Argo differ on y, 0o17, 1e3 and more.
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*(:[A-Za-z0-9_./-]+)*", re.ASCII)
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"))


def as_json(objects: Sequence[Mapping[str, Any]]) -> str:
    """One ``List`` that ``kubectl apply -f -`` takes."""
    whole = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def as_yaml(objects: Sequence[Mapping[str, Any]]) -> str:
    """One document an object; each string stays a string for every reader."""
    return yaml.dump_all(
        objects, Dumper=_Dumper, sort_keys=False, allow_unicode=True, explicit_start=True, width=1_000_000
    )


class _Dumper(yaml.CSafeDumper):
    """Quotes whatever is not surely a string, and writes scripts as blocks."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # kubectl's users read no anchors
        return True


def _string(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    if "\n" in text:
        style = "|" if _fits_block(text) else '"'
    else:
        style = "" if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _fits_block(text: str) -> bool:
    # A block that begins with a blank needs an indentation indicator, which not every reader gets right.
    return text.isprintable() or (
        all(letter in "\n\t" or letter.isprintable() for letter in text) and text[0] not in " \n\t"
    )


_Dumper.add_representer(str, _string)
