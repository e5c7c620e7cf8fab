"""What microscopists write, and the word that the PDBx/mmCIF lists have for it.

One table for each list, read both ways: the first word of a row is the one that goes back into an
OSC-EM document. A word that is in no row and not in the list itself is never bent to fit: it
becomes a question with the list as choices.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["TABLES", "as_ascii", "from_list", "looks_like_serial", "to_list"]

Rows = tuple[tuple[str, tuple[str, ...]], ...]

_MICROSCOPES: Final[Rows] = (
    ("TFS KRIOS", ("Titan Krios", "Krios", "Krios G3i", "Krios G4", "Krios 5")),
    ("TFS KRIOS", ("Titan Krios G1", "Titan Krios G2", "Titan Krios G3", "Titan Krios G3i")),
    ("TFS KRIOS", ("Titan Krios G4", "Krios G1", "Krios G2", "Krios G3")),
    ("TFS GLACIOS", ("Glacios", "Glacios 2")),
    ("TFS TALOS F200C", ("Talos F200C",)),
    ("TFS TALOS L120C", ("Talos L120C",)),
    ("TFS TALOS", ("Talos",)),
    ("TFS TITAN THEMIS", ("Titan Themis", "Themis")),
    ("TFS TUNDRA", ("Tundra",)),
    ("FEI TALOS ARCTICA", ("Talos Arctica",)),
    ("FEI TECNAI ARCTICA", ("Tecnai Arctica",)),
    ("FEI POLARA 300", ("Polara", "Tecnai Polara", "Polara 300")),
    ("FEI TECNAI F20", ("Tecnai F20",)),
    ("FEI TECNAI F30", ("Tecnai F30",)),
    ("FEI TECNAI 12", ("Tecnai 12",)),
    ("FEI TECNAI SPIRIT", ("Tecnai Spirit",)),
    ("JEOL CRYO ARM 300", ("CRYO ARM 300", "CRYO ARM 300 II", "JEM-Z300FSC", "JEM-3300")),
    ("JEOL CRYO ARM 200", ("CRYO ARM 200", "JEM-Z200FSC")),
    ("JEOL 1400", ("JEM-1400",)),
    ("JEOL 2100", ("JEM-2100",)),
    ("JEOL 2100F", ("JEM-2100F",)),
    ("JEOL 2200FS", ("JEM-2200FS",)),
    ("JEOL 3200FSC", ("JEM-3200FSC",)),
)
_DETECTORS: Final[Rows] = (
    ("TFS FALCON 4i (4k x 4k)", ("Falcon 4i", "Falcon4i", "Falcon 4i EC")),
    ("FEI FALCON IV (4k x 4k)", ("Falcon 4", "Falcon4", "Falcon IV", "Falcon 4EC")),
    ("FEI FALCON III (4k x 4k)", ("Falcon 3", "Falcon3", "Falcon III", "Falcon 3EC")),
    ("FEI FALCON II (4k x 4k)", ("Falcon 2", "Falcon2", "Falcon II")),
    ("FEI FALCON I (4k x 4k)", ("Falcon 1", "Falcon I")),
    ("TFS FALCON C (2k x 2k)", ("Falcon C",)),
    ("FEI CETA (4k x 4k)", ("Ceta", "BM-Ceta", "Ceta 16M", "Ceta-D", "Ceta D")),
    ("GATAN K3 BIOQUANTUM (6k x 4k)", ("BioQuantum K3", "K3 BioQuantum")),
    ("GATAN K3 BIOCONTINUUM (6k x 4k)", ("BioContinuum K3", "K3 BioContinuum")),
    ("GATAN K3 (6k x 4k)", ("K3", "K3 Base")),
    ("GATAN K2 SUMMIT (4k x 4k)", ("K2 Summit",)),
    ("GATAN K2 BASE (4k x 4k)", ("K2 Base",)),
    ("GATAN K2 QUANTUM (4k x 4k)", ("K2 Quantum", "Quantum K2")),
    ("GATAN K2 (4k x 4k)", ("K2",)),
    ("GATAN ALPINE (2.3k x 3.2k)", ("Alpine",)),
    ("DIRECT ELECTRON APOLLO (4k x 4k)", ("Apollo", "DE-Apollo")),
    ("DIRECT ELECTRON DE-64 (8k x 8k)", ("DE-64",)),
    ("DIRECT ELECTRON DE-20 (5k x 3k)", ("DE-20",)),
    ("DECTRIS SINGLA (1k x 1k)", ("Singla",)),
)
_FILTERS: Final[Rows] = (
    ("TFS Selectris", ("Selectris",)),
    ("TFS Selectris X", ("Selectris X", "SelectrisX")),
    ("GIF Bioquantum", ("BioQuantum", "Gatan BioQuantum", "GIF BioQuantum")),
    ("GIF Quantum LS", ("Quantum LS", "Gatan Quantum LS")),
    ("GIF Quantum SE", ("Quantum SE", "Gatan Quantum SE")),
    ("GIF Quantum ER", ("Quantum ER",)),
    ("GIF Quantum ERS", ("Quantum ERS",)),
    ("CEOS CEFID", ("CEFID",)),
    ("In-column Omega Filter", ("Omega", "Omega filter", "in-column")),
)
_FUNDERS: Final[Rows] = (
    (
        "Swiss National Science Foundation",
        (
            *("Swiss National Science Foundation", "SNF", "SNSF", "FNS"),
            *("Swiss National Science Foundation (SNSF)", "Schweizerischer Nationalfonds"),
        ),
    ),
    ("ETH Zurich", ("ETH Zurich", "ETHZ", "ETH")),
    ("University of Zurich", ("University of Zurich", "UZH")),
    (
        "Swiss State Secretariat for Education, Research and Innovation",
        ("Swiss State Secretariat for Education, Research and Innovation", "SERI", "SBFI"),
    ),
    ("Wellcome Trust", ("Wellcome Trust", "Wellcome")),
)

TABLES: Final[Mapping[str, Rows]] = {
    "microscope": _MICROSCOPES,
    "detector": _DETECTORS,
    "energy filter": _FILTERS,
    "funder": _FUNDERS,
    "illumination": (
        ("FLOOD BEAM", ("Parallel", "Flood Beam", "FloodBeam")),
        ("SPOT SCAN", ("SpotScan", "Spot Scan")),
        ("OTHER", ("Other",)),
    ),
    "imaging": (
        ("BRIGHT FIELD", ("BrightField", "Bright Field")),
        ("DARK FIELD", ("DarkField", "Dark Field")),
        ("DIFFRACTION", ("Diffraction",)),
        ("4D-STEM", ("4D-STEM", "4DSTEM")),
        ("OTHER", ("Other",)),
    ),
    "electron source": (
        ("FIELD EMISSION GUN", ("FieldEmission", "Field Emission", "FEG", "XFEG", "X-FEG")),
        ("FIELD EMISSION GUN", ("CFEG", "E-CFEG", "Cold FEG", "Cold field emission")),
        ("FIELD EMISSION GUN", ("Schottky", "Schottky FEG", "S-FEG", "Schottky field emission")),
        ("LAB6", ("LaB6",)),
        ("TUNGSTEN HAIRPIN", ("Tungsten", "Tungsten hairpin")),
        ("OTHER", ("Other",)),
    ),
    "detector mode": (
        ("COUNTING", ("counting", "electron counting", "counted")),
        ("INTEGRATING", ("integrating", "linear", "integration")),
        ("SUPER-RESOLUTION", ("super-resolution", "super resolution", "superresolution")),
        ("OTHER", ("other",)),
    ),
    "software": (
        ("EPU", ("EPU", "Fei EPU")),
        ("EPU-D", ("EPU-D",)),
        ("SerialEM", ("SerialEM",)),
        ("FEI tomography", ("Tomography", "Tomo5", "Tomo 5", "Tomography 5")),
        ("Latitude", ("Latitude", "Latitude S")),
        ("DigitalMicrograph", ("DigitalMicrograph", "Digital Micrograph", "GMS")),
        ("Velox", ("Velox",)),
        ("Leginon", ("Leginon",)),
        ("PACEtomo", ("PACEtomo",)),
        ("SmartScope", ("SmartScope",)),
    ),
    "phase plate": (
        ("VOLTA PHASE PLATE", ("Volta", "Volta phase plate", "VPP")),
        ("ZERNIKE PHASE PLATE", ("Zernike", "Zernike phase plate")),
        ("OTHER", ("other",)),
    ),
    "imaging cryogen": (
        ("NITROGEN", ("nitrogen", "liquid nitrogen", "LN2", "N2")),
        ("HELIUM", ("helium", "liquid helium", "LHe", "He")),
    ),
    "vitrification cryogen": (
        ("ETHANE", ("ethane", "liquid ethane")),
        ("PROPANE", ("propane", "liquid propane")),
        ("ETHANE-PROPANE", ("ethane-propane", "ethane/propane", "propane/ethane")),
        ("ETHANE-PROPANE", ("ethane propane mixture", "propane-ethane")),
        ("NITROGEN", ("nitrogen", "liquid nitrogen", "LN2")),
        ("HELIUM", ("helium", "liquid helium")),
        ("METHANE", ("methane",)),
        ("FREON 12", ("freon 12",)),
        ("FREON 22", ("freon 22",)),
        ("OTHER", ("other",)),
    ),
    "grid material": (
        ("COPPER", ("Cu", "copper")),
        ("GOLD", ("Au", "gold")),
        ("NICKEL", ("Ni", "nickel")),
        ("MOLYBDENUM", ("Mo", "molybdenum")),
        ("TITANIUM", ("Ti", "titanium")),
        ("PLATINUM", ("Pt", "platinum")),
        ("TUNGSTEN", ("W", "tungsten")),
        ("COPPER/RHODIUM", ("Cu/Rh", "CuRh")),
        ("COPPER/PALLADIUM", ("Cu/Pd", "CuPd")),
        ("NICKEL/TITANIUM", ("Ni/Ti", "NiTi")),
        ("SILICON NITRIDE", ("Si3N4", "SiN", "silicon nitride")),
        ("GRAPHENE OXIDE", ("graphene oxide",)),
    ),
    "film material": (
        ("CARBON", ("carbon", "C", "amorphous carbon", "holey carbon", "HoleyCarbon")),
        ("GOLD", ("gold", "Au", "HoleyGold", "holey gold")),
        ("GRAPHENE", ("graphene",)),
        ("GRAPHENE OXIDE", ("graphene oxide",)),
        ("FORMVAR", ("formvar",)),
        ("SILICON DIOXIDE", ("SiO2", "silicon dioxide")),
    ),
    "film topology": (
        ("HOLEY", ("holey", "HoleyCarbon", "holey carbon", "HoleyGold", "holey gold")),
        ("LACEY", ("lacey", "lacey carbon", "LaceyCarbon")),
        ("CONTINUOUS", ("continuous", "continuous carbon")),
        ("HOLEY ARRAY", ("holey array", "array of holes")),
    ),
    "pretreatment": (
        ("GLOW DISCHARGE", ("glow discharge", "glow discharged", "glow-discharging")),
        ("PLASMA CLEANING", ("plasma cleaning", "plasma cleaned", "plasma")),
    ),
    "role": (
        (
            "principal investigator/group leader",
            ("principal investigator/group leader", "principal investigator", "group leader", "PI"),
        ),
        ("responsible scientist", ("responsible scientist",)),
        ("investigator", ("investigator",)),
    ),
    "organization": (
        ("academic", ("Academic",)),
        ("commercial", ("Commercial",)),
        ("government", ("Government",)),
        ("other", ("Other",)),
    ),
    "country": (
        ("Switzerland", ("Switzerland", "CH", "CHE", "Schweiz", "Suisse")),
        ("United States", ("United States", "USA", "US", "United States of America")),
        ("United Kingdom", ("United Kingdom", "UK", "GB", "Great Britain")),
        ("Germany", ("Germany", "DE", "Deutschland")),
    ),
    "source": (
        ("NATURAL", ("natural", "natural host", "natural source", "native", "nat")),
        ("RECOMBINANT", ("recombinant", "recombinantly expressed", "man")),
        ("SYNTHETIC", ("synthetic", "syn")),
        ("MULTIPLE SOURCES", ("multiple sources",)),
    ),
    "polymer": (
        ("polypeptide(L)", ("polypeptide(L)", "polypeptide", "protein")),
        ("polydeoxyribonucleotide", ("polydeoxyribonucleotide", "DNA")),
        ("polyribonucleotide", ("polyribonucleotide", "RNA")),
    ),
    "sectioning": (
        ("FOCUSED ION BEAM", ("FIB milling", "FIB", "focused ion beam", "cryo-FIB", "FIB-milling")),
        ("FOCUSED ION BEAM", ("cryo FIB milling", "focused ion beam milling", "plasma FIB")),
        ("ULTRAMICROTOMY", ("ultramicrotomy", "cryo-ultramicrotomy", "CEMOVIS", "microtomy")),
        ("NO SECTIONING", ("none", "no sectioning")),
    ),
    "holder": (("FEI TITAN KRIOS AUTOGRID HOLDER", ("Krios autoloader", "autogrid holder")),),
    "assembly": (),
    "molecule class": (),
}
"""By name of the list: its words, and what is written for each, the OSC-EM word first."""

_MAKERS: Final = re.compile(r"^(thermo ?fisher( scientific)?|tfs|fei|gatan|jeol) ")
_LETTERS: Final = str.maketrans(
    {
        "ß": "ss",
        "Æ": "AE",
        "æ": "ae",
        "Ø": "O",
        "ø": "o",
        "Œ": "OE",
        "œ": "oe",
        "Ł": "L",
        "ł": "l",
        "Đ": "D",
        "đ": "d",
        "ı": "i",
        "‐": "-",
        "‑": "-",
        "–": "-",
        "—": "-",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "µ": "u",
        "μ": "u",
        "\u00a0": " ",
        "…": "...",
        "×": "x",
        "−": "-",
        "²": "2",
        "³": "3",
        "°": " degrees",
        "Å": "A",
        "\u212b": "A",
    }
)


def to_list(word: str, table: str, choices: Iterable[str]) -> str | None:
    """Return the choice that ``word`` means, None if no row and no choice says so.

    Parameters
    ----------
    word :
        What the document says.
    table :
        Name of one of :data:`TABLES`; empty for a list without synonyms.
    choices :
        The list of the dictionary.
    """
    offered = list(choices)
    if word in offered:
        return word
    wanted = _plain(word)
    short = _MAKERS.sub("", wanted)
    for choice, words in TABLES.get(table, ()):
        if choice in offered and any(_plain(one) in (wanted, short) for one in words):
            return choice
    same = {choice for choice in offered if _plain(choice) == wanted}
    if not same:  # "Name (ABC)" also answers to its name and to its letters
        for choice in offered:
            named = re.fullmatch(r"(.+) \(([^()]+)\)", choice)
            if named and wanted in (_plain(named[1]), _plain(named[2])):
                same.add(choice)
    return same.pop() if len(same) == 1 else None


def from_list(choice: str, table: str) -> str:
    """Return the word of an OSC-EM document for a choice of the dictionary."""
    for listed, words in TABLES.get(table, ()):
        if listed == choice:
            return words[0]
    return choice


def looks_like_serial(text: str) -> bool:
    """Return whether a microscope's "model" is a serial number, such as TITAN52339260."""
    return re.fullmatch(r"[A-Za-z]{2,}[-_ ]?\d{5,}", text.strip()) is not None


def as_ascii(text: str) -> str:
    """Return ``text`` in the characters that PDBx/mmCIF allows, as far as that can be done."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return "".join(one for one in decomposed if not unicodedata.combining(one))


def _plain(text: str) -> str:
    return re.sub(r"[\s_-]+", " ", as_ascii(text)).strip().lower()
