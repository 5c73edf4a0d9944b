"""The command ``codo`` that runs inside the steps.

POSIX shell; needs ``sh``, ``od``, ``sed``, ``tr``, ``head``, ``mv``, ``mkdir`` and ``rmdir``, which busybox
and every distribution's base image have. The context is a sequence of ``;<key>=<value>``, each byte of key
and value as three octal digits. That is what travels and what the limit counts. Anything else, and what is
over the limit, is no context: the steps after it have none, and whoever asks is told why.

The text may hold neither ``{{`` nor ``$$`` nor ``$(ARGO_``: it travels inline.
"""

from __future__ import annotations

OVER = "!over"
"""Handed over in place of a context that is over the limit."""

FOREIGN = "!foreign"
"""Handed over in place of a context that the command has not written."""

PATTERN = "^(![a-z]*|[;=0-7]*)$"
"""What may be handed over: the command's own encoding, or one of the two words, which stays until a step sets
a value. Nothing that Argo evaluates, and no token, can be written with these characters."""

CODO = r"""#!/bin/sh
# codo: passes values from one step of a task to the steps after it.
#   codo set-context KEY=VALUE...   keeps the values, all or none
#   codo get-context KEY            prints the value and a line end
# Exit codes: 0 done; 1 no such key, over the limit, or not possible here; 2 wrong usage.
set -fu
umask 0
LC_ALL=C
fail() { printf 'codo: %s\n' "$1" >&2; exit 1; }
usage() {
  printf 'usage: codo set-context KEY=VALUE...\n       codo get-context KEY\n' >&2
  exit 2
}
encode() { printf %s "$1" | od -An -v -to1 | tr -d ' \t\n'; }
decode() { printf '%b\n' "$(printf %s "$1" | sed 's/.../\\0&/g')"; }

# A line end is cut, as Argo cuts it; NUL becomes a character that no context has.
load() {
  entries=${CODO_CONTEXT-}
  if [ -f "$CODO_CONTEXT_FILE" ]; then
    [ -r "$CODO_CONTEXT_FILE" ] || fail "cannot read $CODO_CONTEXT_FILE"
    entries=$(head -c "$((CODO_CONTEXT_LIMIT + 2))" "$CODO_CONTEXT_FILE" | tr '\000' '!')
    [ ${#entries} -le "$CODO_CONTEXT_LIMIT" ] || entries='!over'
  fi
  case $entries in
    '!over') lost "it is over $CODO_CONTEXT_LIMIT bytes" ;;
    *[!0-7=\;]*) lost 'it was not written by codo' ;;
  esac
}
lost() {
  printf 'codo: the context that an earlier step left is not handed over: %s\n' "$1" >&2
  entries=
}
# Calls that run at the same time wait for each other. A killed call's lock is taken after ten seconds.
lock() {
  tries=0
  until mkdir "$CODO_CONTEXT_FILE.lock" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -le 50 ] || break
    sleep 0.2 2>/dev/null || sleep 1
  done
  trap 'rmdir "$CODO_CONTEXT_FILE.lock" 2>/dev/null' EXIT
  trap 'exit 143' TERM
  trap 'exit 130' INT
}

set_context() {
  [ $# -gt 0 ] || usage
  for pair do
    case $pair in
      =*) printf 'codo: "%s" has no key\n' "$pair" >&2; exit 2 ;;
      *=*) ;;
      *) printf 'codo: "%s" is not KEY=VALUE\n' "$pair" >&2; exit 2 ;;
    esac
  done
  lock
  load
  for pair do
    key=$(encode "${pair%%=*}")
    kept=
    IFS=';'
    for entry in $entries; do
      case $entry in
        '' | "$key="*) ;;
        *) kept="$kept;$entry" ;;
      esac
    done
    unset IFS
    entries="$kept;$key=$(encode "${pair#*=}")"
  done
  [ ${#entries} -le "$CODO_CONTEXT_LIMIT" ] ||
    fail "the context would be ${#entries} bytes (three for each byte), over $CODO_CONTEXT_LIMIT"
  printf %s "$entries" >"$CODO_CONTEXT_FILE.new" && mv -f "$CODO_CONTEXT_FILE.new" "$CODO_CONTEXT_FILE" ||
    fail "cannot write $CODO_CONTEXT_FILE"
}

get_context() {
  [ $# -eq 1 ] && [ -n "$1" ] || usage
  load
  key=$(encode "$1")
  IFS=';'
  for entry in $entries; do
    case $entry in
      "$key="*) decode "${entry#*=}"; exit ;;
    esac
  done
  fail "no value for \"$1\" in this task's context"
}

[ -n "${CODO_CONTEXT_FILE-}" ] || fail 'this is no step of a task: CODO_CONTEXT_FILE is not set'
for program in od head sed tr; do
  command -v "$program" >/dev/null || fail "this image lacks the program $program"
done
case ${1-} in
  set-context) shift; set_context "$@" ;;
  get-context) shift; get_context "$@" ;;
  *) usage ;;
esac
"""
