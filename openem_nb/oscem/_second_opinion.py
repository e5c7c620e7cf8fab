"""What a JSON Schema file says of a document, beside our own check."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any, Final

from openem_nb.errors import InvalidInput, NotFound
from openem_nb.oscem.document import join

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["opinions"]

_LARGEST: Final = 20_000_000


def opinions(
    document: dict[str, Any], schema: Path, *, most: int
) -> Iterator[tuple[str, str, Any]]:
    """Yield path, message without its full stop, and value of what a schema file does not like.

    Nothing is fetched from elsewhere: a schema that refers to another address is refused.

    Raises
    ------
    NotFound, InvalidInput
        If there is no such file, or it is no JSON Schema.
    """
    import jsonschema
    import referencing
    from referencing.exceptions import Unresolvable

    loaded = _read(schema)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # names of formats that moved
        kind = jsonschema.validators.validator_for(loaded, default=jsonschema.Draft201909Validator)
    wrong = f"{schema} is not a JSON Schema that can be used"
    try:
        kind.check_schema(loaded)
        judge = kind(loaded, registry=referencing.Registry(), format_checker=kind.FORMAT_CHECKER)
        for count, error in enumerate(judge.iter_errors(document)):
            if count >= most:
                return
            yield join(tuple(error.absolute_path)), str(error.message)[:300], error.instance
    except jsonschema.SchemaError as error:
        raise InvalidInput(f"{wrong}: {error.message[:200]}.", hint=_HINT) from error
    except Unresolvable as error:
        raise InvalidInput(f"{wrong}: it refers to {error.ref}.", hint=_HINT) from error


_HINT: Final = "Give a published schema of OSC-EM, or another whole JSON Schema."


def _read(schema: Path) -> Any:
    try:
        if schema.stat().st_size > _LARGEST:
            raise InvalidInput(f"{schema} is too large for a JSON Schema.", hint=_HINT)
        loaded = json.loads(schema.read_text("utf-8"))
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {schema}.", hint="Check its name.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{schema} cannot be read as JSON: {error}.", hint=_HINT) from error
    if not isinstance(loaded, dict):
        raise InvalidInput(f"{schema} is no JSON Schema: it holds no object.", hint=_HINT)
    return loaded
