"""The link between agent-server and an agent: one WebSocket that carries everything (docs/protocol.md).

`agent` and `server` are the two ends as state machines without I/O, clock or randomness: what comes and the
time go in, frames to send and actions come out. `client` and `hub` do the I/O, with `connection` and `calls`,
and each with its own: `dialler` and `offers`; `visit`.
"""
