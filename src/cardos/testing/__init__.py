"""Kits for other people's code: what a transport must do, shown against any implementation of one."""

from __future__ import annotations

from .transports import KIT_ATR as KIT_ATR
from .transports import KitCard as KitCard
from .transports import check_transport as check_transport
