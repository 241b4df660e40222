"""Moved to filters.designators; removed once nothing imports it from here."""

from filters.designators import *  # noqa: F403  (for the moment of the move)
