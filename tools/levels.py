"""Names the levels of the native core that run here, all but the best one."""

from __future__ import annotations

from cardos.crypto import backend

print(*[level.name for level in backend.levels if level.runs][:-1])
