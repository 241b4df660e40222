"""CloudFormation's intrinsic functions, worked out against parameters and deployed resources.

Source: AWS CloudFormation user guide, Intrinsic function reference, Pseudo parameters reference and
Parameters. What cannot be known before deployment elsewhere (ImportValue, SSM parameters) is
refused with the path of the place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]*)\}")
_NO_VALUE = object()
_PAIR = 2


class TemplateError(Exception):
    """Something in a template cannot be used; the message names its path."""

    def __init__(self, path: str, problem: str) -> None:
        """`path` as in `Resources.X.Properties.Y[0]`; `problem` says what is wrong there."""
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Physical:
    """A resource as it exists: what Ref gives, and what Fn::GetAtt gives by attribute name."""

    ref: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stack lives: the values of the pseudo parameters."""

    region: str
    account: str
    stack: str
    stack_id: str = ""
    partition: str = "aws"

    def pseudo(self) -> dict[str, str]:
        """Pseudo parameters by name."""
        stack_id = self.stack_id or self.arn("cloudformation", f"stack/{self.stack}/local")
        return {
            "AWS::Region": self.region,
            "AWS::AccountId": self.account,
            "AWS::Partition": self.partition,
            "AWS::StackName": self.stack,
            "AWS::StackId": stack_id,
            "AWS::URLSuffix": "amazonaws.com",
        }

    def arn(self, service: str, resource: str, *, regional: bool = True) -> str:
        """The ARN of a resource of this account, for example `arn("sqs", "name")`."""
        region = self.region if regional else ""
        return f"arn:{self.partition}:{service}:{region}:{self.account}:{resource}"


def parameter_values(
    template: Mapping[str, Any], given: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Each parameter's value: the given one, else its default; Number and list types converted.

    Raises TemplateError for a parameter without a value, of an unknown name, or not allowed.
    """
    declared = template.get("Parameters", {})
    given = given or {}
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise TemplateError("Parameters", f"the template has no parameter {', '.join(unknown)}")
    return {name: _parameter(name, one, given.get(name)) for name, one in declared.items()}


def _parameter(name: str, declared: Mapping[str, Any], given: str | None) -> Any:  # noqa: ANN401  (its Type decides)
    path = f"Parameters.{name}"
    kind = str(declared.get("Type", "String"))
    value = given if given is not None else declared.get("Default")
    if value is None:
        raise TemplateError(path, "has no default; pass a value for it")
    if kind.startswith("AWS::SSM::"):
        raise TemplateError(path, f"type {kind} needs an account; give it a plain type")
    allowed = declared.get("AllowedValues")
    if allowed is not None and str(value) not in {str(one) for one in allowed}:
        raise TemplateError(path, f"{value!r} is not one of {', '.join(map(str, allowed))}")
    if kind == "Number":
        return _number(path, value)
    if kind == "CommaDelimitedList" or kind.startswith("List<"):
        return [part.strip() for part in str(value).split(",")]
    return str(value)


def _number(path: str, value: object) -> int | float:
    try:
        number = float(str(value))
    except ValueError:
        raise TemplateError(path, f"{value!r} is not a number") from None
    return int(number) if number.is_integer() else number


class Resolver:
    """Replaces intrinsic functions by their values.

    `physical` holds the resources as deployed, by logical id. A resource or attribute that is not
    there raises TemplateError with the path of the place that asks for it.
    """

    def __init__(
        self,
        template: Mapping[str, Any],
        *,
        parameters: Mapping[str, Any],
        place: Place,
        physical: Mapping[str, Physical],
    ) -> None:
        self._mappings = template.get("Mappings", {})
        self._conditions = template.get("Conditions", {})
        self._values = {**place.pseudo(), **parameters}
        self._physical = physical
        self._functions: dict[str, Callable[[Any, str], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Split": self._split,
            "Fn::Select": self._select,
            "Fn::FindInMap": self._find_in_map,
            "Fn::If": self._if,
            "Fn::Equals": self._equals,
            "Fn::Not": self._not,
            "Fn::And": self._and,
            "Fn::Or": self._or,
            "Condition": self.condition,
        }

    def resolve(self, value: Any, path: str) -> Any:  # noqa: ANN401  (any JSON value)
        """`value` with every intrinsic function in it replaced; `path` is for errors."""
        found = self._resolve(value, path)
        return None if found is _NO_VALUE else found

    def condition(self, name: object, path: str) -> bool:
        """Whether the named condition of the template holds."""
        if not isinstance(name, str) or name not in self._conditions:
            raise TemplateError(path, f"the template has no condition {name!r}")
        return self._truth(self._conditions[name], f"Conditions.{name}")

    def exists(self, resource: Mapping[str, Any], path: str) -> bool:
        """Whether a resource is created: it has no Condition, or one that holds."""
        name = resource.get("Condition")
        return name is None or self.condition(name, path)

    def _resolve(self, value: Any, path: str) -> Any:  # noqa: ANN401
        if isinstance(value, Mapping):
            if len(value) == 1:
                [(name, argument)] = value.items()
                # "Condition" is a function only among conditions; elsewhere (in a policy's
                # statement, say) it is a plain key whose value is a mapping.
                plain = name == "Condition" and not isinstance(argument, str)
                if name in self._functions and not plain:
                    return self._functions[name](argument, f"{path}.{name}")
                if name.startswith("Fn::"):
                    raise TemplateError(path, f"{name} cannot be worked out here")
            pairs = ((key, self._resolve(one, f"{path}.{key}")) for key, one in value.items())
            return {key: one for key, one in pairs if one is not _NO_VALUE}
        if isinstance(value, list):
            items = (self._resolve(one, f"{path}[{at}]") for at, one in enumerate(value))
            return [one for one in items if one is not _NO_VALUE]
        return value

    def _text(self, value: Any, path: str) -> str:  # noqa: ANN401
        found = self._resolve(value, path)
        if isinstance(found, bool):
            return "true" if found else "false"
        if isinstance(found, str | int | float):
            return str(found)
        raise TemplateError(path, "a text is needed here")

    def _list(self, value: Any, path: str, length: int | None = None) -> list[Any]:  # noqa: ANN401
        if not isinstance(value, list) or (length is not None and len(value) != length):
            wanted = "a list" if length is None else f"a list of {length}"
            raise TemplateError(path, f"{wanted} is needed here")
        return value

    def _truth(self, value: Any, path: str) -> bool:  # noqa: ANN401
        found = self._resolve(value, path)
        if isinstance(found, bool):
            return found
        if found in ("true", "false"):
            return bool(found == "true")
        raise TemplateError(path, "a condition is needed here")

    def _ref(self, name: Any, path: str) -> Any:  # noqa: ANN401
        if name == "AWS::NoValue":
            return _NO_VALUE
        if isinstance(name, str):
            if name in self._values:
                return self._values[name]
            if name in self._physical:
                return self._physical[name].ref
        raise TemplateError(path, f"{name!r} is neither a parameter nor a resource known here")

    def _get_att(self, argument: Any, path: str) -> str:  # noqa: ANN401
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        logical, attribute = self._list(parts, path, _PAIR)
        attribute = self._text(attribute, path)
        found = self._physical.get(logical)
        if found is None:
            raise TemplateError(path, f"there is no resource {logical!r}")
        if attribute not in found.attributes:
            raise TemplateError(path, f"attribute {attribute!r} of {logical} is not known here")
        return found.attributes[attribute]

    def _sub(self, argument: Any, path: str) -> str:  # noqa: ANN401
        text, local = argument, {}
        if not isinstance(argument, str):
            text, local = self._list(argument, path, _PAIR)

        def value(match: re.Match[str]) -> str:
            literal, name = match[1], match[2].strip()
            if literal:
                return "${" + match[2] + "}"
            if name in local:
                return self._text(local[name], f"{path}[1].{name}")
            found = self._get_att(name, path) if "." in name else self._ref(name, path)
            return self._text(found, path)

        return _PLACEHOLDER.sub(value, text)

    def _join(self, argument: Any, path: str) -> str:  # noqa: ANN401
        separator, parts = self._list(argument, path, _PAIR)
        items = self._list(self._resolve(parts, f"{path}[1]"), f"{path}[1]")
        return str(separator).join(self._text(one, f"{path}[1]") for one in items)

    def _split(self, argument: Any, path: str) -> list[str]:  # noqa: ANN401
        separator, text = self._list(argument, path, _PAIR)
        return self._text(text, f"{path}[1]").split(str(separator))

    def _select(self, argument: Any, path: str) -> Any:  # noqa: ANN401
        at, items = self._list(argument, path, _PAIR)
        index = _number(f"{path}[0]", self._text(at, f"{path}[0]"))
        found = self._list(self._resolve(items, f"{path}[1]"), f"{path}[1]")
        if not isinstance(index, int) or not 0 <= index < len(found):
            raise TemplateError(path, f"there is no item {index} among {len(found)}")
        return found[index]

    def _find_in_map(self, argument: Any, path: str) -> Any:  # noqa: ANN401
        keys = [self._text(one, path) for one in self._list(argument, path, 3)]
        found: Any = self._mappings
        for key in keys:
            if not isinstance(found, Mapping) or key not in found:
                raise TemplateError(path, f"Mappings has no {'.'.join(keys)}")
            found = found[key]
        return found

    def _if(self, argument: Any, path: str) -> Any:  # noqa: ANN401
        name, then, otherwise = self._list(argument, path, 3)
        chosen = 1 if self.condition(name, path) else 2
        return self._resolve(then if chosen == 1 else otherwise, f"{path}[{chosen}]")

    def _equals(self, argument: Any, path: str) -> bool:  # noqa: ANN401
        left, right = self._list(argument, path, _PAIR)
        return self._text(left, f"{path}[0]") == self._text(right, f"{path}[1]")

    def _not(self, argument: Any, path: str) -> bool:  # noqa: ANN401
        return not self._truth(self._list(argument, path, 1)[0], f"{path}[0]")

    def _and(self, argument: Any, path: str) -> bool:  # noqa: ANN401
        items = self._list(argument, path)
        return all(self._truth(one, f"{path}[{at}]") for at, one in enumerate(items))

    def _or(self, argument: Any, path: str) -> bool:  # noqa: ANN401
        items = self._list(argument, path)
        return any(self._truth(one, f"{path}[{at}]") for at, one in enumerate(items))
