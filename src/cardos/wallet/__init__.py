"""What runs on the card's disk: the electronic deposit and purse, and the purchase SAM."""

from __future__ import annotations
