"""Typed reading of resolved CloudFormation properties, with errors that name the place."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet


class MappingError(ValueError):
    """A property of an event source mapping is refused by AWS, or not honoured by the local run."""


class Properties:
    """The properties of one resource, or of one section of them.

    CloudFormation hands numbers and booleans over as text just as well, so both are read.
    """

    def __init__(self, name: str, values: Mapping[str, object], path: str = "") -> None:
        self.name = name
        self._values = values
        self._path = path

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def error(self, key: str, problem: str) -> MappingError:
        """The error for one property, to be raised by the caller."""
        return MappingError(f"{self.name}: {self._path}{key}: {problem}")

    def only(self, known: AbstractSet[str]) -> None:
        """Raise for the first property, by name, that is not `known`."""
        for key in sorted(self._values.keys() - known):
            raise self.error(key, "does not apply to this event source, or the local run lacks it")

    def text(self, key: str) -> str:
        """A required, non-empty text."""
        value = self._values.get(key)
        if not isinstance(value, str) or not value:
            raise self.error(key, f"must be text, not {value!r}")
        return value

    def texts(self, key: str) -> list[str]:
        """A list of texts; absent counts as empty."""
        value = self._values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(key, f"must be a list of texts, not {value!r}")
        return list(value)

    def section(self, key: str) -> Properties:
        """A nested object; absent counts as empty."""
        value = self._values.get(key, {})
        if not isinstance(value, Mapping):
            raise self.error(key, f"must be an object, not {value!r}")
        return Properties(self.name, value, f"{self._path}{key}.")

    def flag(self, key: str, *, default: bool) -> bool:
        """A boolean, or the text of one."""
        value = self._values.get(key, default)
        if isinstance(value, bool):
            return value
        if value in ("true", "false"):
            return value == "true"
        raise self.error(key, f"must be true or false, not {value!r}")

    def number(self, key: str) -> float:
        """A required number, or the text of one."""
        value = self._values.get(key)
        if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            try:
                return float(value)
            except ValueError:
                pass  # reported below, with the property's name
        raise self.error(key, f"must be a number, not {value!r}")

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number from `low` to `high`, or the text of one."""
        if key not in self._values:
            return default
        value = self.number(key)
        if not value.is_integer() or not low <= value <= high:
            shown = self._values[key]
            raise self.error(key, f"must be a whole number from {low} to {high}, not {shown!r}")
        return int(value)
