from __future__ import annotations

from tests.unit.agent_server.link.frames import checked_frames

__all__ = ["checked_frames"]
