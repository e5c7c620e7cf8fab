"""Trim the PDBx/mmCIF dictionary to what the package needs of it: ``pdbx_em.dic.gz``.

The full dictionary (``mmcif_pdbx.dic`` or ``.dic.gz``, CC0, from the wwPDB or the Debian package
``libcifpp-data``) holds six megabytes, four fifths of them prose and examples. What stays is every
rule: types, units, enumerations, ranges, mandatory codes, keys and links of all categories, so that
a model that goes with the metadata is checked too. Descriptions stay for the categories that
:mod:`openem_nb.mmcif` writes or asks for, because forms show them.

    python scripts/trim_dictionary.py mmcif_pdbx_v5.413.dic.gz

The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from pathlib import Path
from typing import Final

from gemmi import cif

TARGET: Final = Path(__file__).parents[1] / "openem_nb" / "mmcif" / "pdbx_em.dic.gz"

_EXPLAINED: Final = ("em_", "entity", "entry", "struct.", "exptl.", "pdbx_audit_support")
_EXPLAINED_TOO: Final = ("pdbx_contact_author", "pdbx_entity_nonpoly", "pdbx_entry_details")
_PROSE: Final = frozenset(
    {
        *("_category_examples", "_category_group", "_item_aliases", "_item_dependent"),
        *("_item_examples", "_item_related", "_item_sub_category", "_ndb_category_examples"),
        *("_pdbx_category_description", "_pdbx_item_description", "_pdbx_item_examples"),
        *("_pdbx_item_enumeration_details", "_category_group_list", "_dictionary_history"),
        *("_pdbx_dictionary_component", "_pdbx_dictionary_component_history", "_sub_category"),
    }
)
_DESCRIPTIONS: Final = frozenset({"_category.description", "_item_description.description"})


def trim(text: str) -> tuple[str, str]:
    """Return the trimmed dictionary and its version.

    Parameters
    ----------
    text :
        The full dictionary.
    """
    document = cif.read_string(text)
    (block,) = document
    version = cif.as_string(block.find_value("_dictionary.version"))
    for item in block:
        if item.frame is not None:
            _trim_frame(item.frame)
        elif _category(item) in _PROSE:
            item.erase()
    head = f"# PDBx/mmCIF dictionary {version} (CC0, wwPDB), trimmed by scripts/trim_dictionary.py"
    return f"{head}\n{document.as_string()}", version


def _trim_frame(frame: cif.Block) -> None:
    name = frame.name.removeprefix("_")
    explained = name.startswith((*_EXPLAINED, *_EXPLAINED_TOO))
    for item in frame:
        tag = _first_tag(item)
        if _category(item) in _PROSE or (tag in _DESCRIPTIONS and not explained):
            item.erase()
    # Details of choices are prose too; lists without them are half as long.
    for table in ("_item_enumeration.", "_pdbx_item_enumeration."):
        found = frame.find_mmcif_category(table)
        tags = list(found.tags)
        if f"{table}detail" in tags and frame.find_loop(f"{table}value").get_loop() is not None:
            kept = frame.get_mmcif_category(table, raw=True)
            kept.pop("detail", None)
            frame.set_mmcif_category(table, kept, raw=True)


def _first_tag(item: cif.Item) -> str:
    if item.pair is not None:
        return str(item.pair[0])
    return str(item.loop.tags[0]) if item.loop is not None else ""


def _category(item: cif.Item) -> str:
    return _first_tag(item).partition(".")[0]


def main(arguments: list[str] | None = None) -> None:
    """Trim the dictionary that the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("dictionary", type=Path, help="mmcif_pdbx.dic or .dic.gz")
    parser.add_argument("-o", "--output", type=Path, default=TARGET)
    options = parser.parse_args(arguments)
    data = options.dictionary.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    trimmed, version = trim(data.decode("utf-8"))
    packed = gzip.compress(trimmed.encode("utf-8"), 9, mtime=0)
    options.output.write_bytes(packed)
    sys.stdout.write(f"{options.output}: version {version}, {len(packed):,} bytes\n")


if __name__ == "__main__":
    main()
