"""The part of a document that tells how images were taken: dose, defocus, size, detector, time."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from openem_nb.oscem._compose import INSTRUMENT_FILE, Composer, Pick, text_of
from openem_nb.oscem._gather import longest_pause
from openem_nb.oscem._sizes import sizes
from openem_nb.oscem.document import get_at
from openem_nb.oscem.readers import Finding

if TYPE_CHECKING:
    from openem_nb.oscem._gather import Group
    from openem_nb.oscem.instruments import Instrument

__all__ = ["acquisition"]

_A: Final = "acquisition"
HIGHEST_DOSE: Final = 200.0
"""Electrons per Å² of one exposure above which a number is no dose of a frozen sample."""
_BOXES: Final = (
    ("beam_shift", "beamshift"),
    ("beam_tilt", "beamtilt"),
    ("image_shift", "imageshift"),
)
_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII
)
_PAUSE: Final = timedelta(hours=24)


def acquisition(to: Composer, instrument: Instrument | None, zone: str) -> None:
    """Write everything below ``acquisition`` but detectors and tilt."""
    _when(to, instrument, zone)
    to.spread("defocus_nominal", f"{_A}.nominal_defocus")
    if not to.said("defocus_nominal"):
        _planned(to)
    _measured(to)
    to.same("magnification", whole=True)
    to.same("magnification_calibrated", whole=True)
    to.same("software", compare=False)
    sizes(to)
    _dose(to)
    _filter(to, instrument)
    to.same("exposure")
    _frames(to)
    _movies(to)
    for name, path in _BOXES:
        for axis in "xy":
            to.box(f"{name}_{axis}", axis, f"{_A}.{path}")
    if any(group.source in ("epu", "tomo5") for group, _tally in to.said("beam_shift_x")):
        to.find(
            Finding(
                "shift-units",
                "The units in which EPU writes beam shift, beam tilt and image shift are not"
                " documented; the numbers stand as they are in its XML.",
                "Use them to tell groups of images apart, not as lengths and angles.",
                "info",
            )
        )
    _phase_plate(to)
    _count(to, "optics_group", f"{_A}.beamtiltgroups")
    _count(to, "grid", f"{_A}.grids_imaged")
    to.same("screen_current")
    to.spread("temperature", f"{_A}.temperature")
    if to.same("holder") is None and instrument is not None and instrument.holder:
        to.put(f"{_A}.holder", instrument.holder, source=INSTRUMENT_FILE, tag="holder")
    if instrument is not None and instrument.cryogen:
        to.put(f"{_A}.cryogen", instrument.cryogen, source=INSTRUMENT_FILE, tag="cryogen")


def _when(to: Composer, instrument: Instrument | None, zone: str) -> None:
    """Write the earliest time; local time needs to be told its zone."""
    found = [(group, tally) for group, tally in to.said("time") if group.times.count]
    if not found:
        return
    group, tally = found[0]
    times = group.times
    if times.odd:
        to.find(
            Finding("no-time", "Some times cannot be read and are left out.", files=(group.file,))
        )
    hours = set().union(*(one.times.hours for one, _tally in found))
    if (pause := longest_pause(hours)) > _PAUSE:
        days = pause / timedelta(days=1)
        to.find(
            Finding(
                "two-sessions",
                f"Nothing was recorded for {days:.1f} days in between: these may be two sessions.",
                "Put each session into a folder of its own and extract them one by one.",
            )
        )
    path = f"{_A}.date_time"
    count = times.count
    if True in times.earliest:
        text = times.earliest[True][1]
        to.put(
            path,
            _rfc3339(text),
            Pick(text, group, tally, 1, count),
            rule="earliest",
            file=times.file[True],
        )
        return
    moment, text = times.earliest[False]
    named = zone or (instrument.time_zone if instrument is not None else "")
    if not named:
        to.needed[path] = f"the files say {text} local time, without a zone"
        to.find(
            Finding(
                "zone-unknown",
                f"Times are local and have no zone: the first is {text}. date_time is left out.",
                "Give time_zone='Europe/Zurich' or write time_zone into the instrument file.",
            )
        )
        return
    local = moment.replace(tzinfo=ZoneInfo(named))
    other = local.replace(fold=1)
    if local.utcoffset() != other.utcoffset():
        to.find(
            Finding(
                "clock-change",
                f"{text} is in the hour in which the clocks change in {named}; the offset before"
                " the change is taken.",
            )
        )
    to.put(
        path,
        local.isoformat(),
        Pick(text, group, tally, 1, count),
        rule=f"earliest; local time in {named}",
        file=times.file[False],
    )


def _rfc3339(text: str) -> str:
    """Return a time in the form of the schema, as it is written where that is its form."""
    return text if _RFC3339.fullmatch(text) else datetime.fromisoformat(text).isoformat()


def _planned(to: Composer) -> None:
    """Take the defocus of the session's list where the images do not say theirs."""
    for end, name in (("minimal", "defocus_planned_min"), ("maximal", "defocus_planned_max")):
        pick = to.pick(name)
        if pick is not None:
            to.put(f"{_A}.nominal_defocus.{end}", pick.value, pick, unit="nm", rule="as planned")


def _measured(to: Composer) -> None:
    """Write a measured defocus if it is there for all images that say a nominal one."""
    measured = to.said("defocus_measured")
    if measured:
        group, tally = measured[0]
        target = group.tallies.get("defocus_nominal")
        if target is None or tally.count == target.count:
            to.spread("defocus_measured", f"{_A}.calibrated_defocus")
            return
    lens = to.said("defocus_lens")
    if lens and lens[0][1].low is not None and lens[0][1].high is not None:
        ends = dict.fromkeys(f"{one:.5g}" for one in (lens[0][1].low, lens[0][1].high))
        to.find(
            Finding(
                "lens-defocus",
                f"The objective lens stood at {' to '.join(ends)} nm; this counts from where"
                " focus was last reset and is no measured defocus. calibrated_defocus is left out.",
                "Give calibrated_defocus from a CTF fit.",
                "info",
            )
        )


def _dose(to: Composer) -> None:
    linear = to.said("dose_linear")
    if linear:
        tally = linear[0][1]
        to.find(
            Finding(
                "linear-dose",
                f"The camera did not count electrons; the dose that the files state, "
                f"{tally.mean:.4g} e/Å² on average, is no dose. dose_per_movie is left out.",
                "Measure the dose rate with a counting camera or the screen, and give"
                " dose_per_movie yourself.",
                files=(tally.file,),
                count=tally.count,
            )
        )
    said = to.said("dose")
    if not said:
        if not linear:
            _dose_of_pixels(to)
        return
    group, tally = said[0]
    if linear and linear[0][1].count > tally.count:
        return
    if tally.mean > HIGHEST_DOSE:
        to.find(
            Finding(
                "implausible-dose",
                f"The files state {tally.mean:.4g} e/Å² for one exposure, which no frozen sample"
                " survives. dose_per_movie is left out.",
                "Look whether the dose was calibrated, and give dose_per_movie yourself.",
                files=(tally.file,),
                count=tally.count,
            )
        )
        return
    count = tally.count
    if count < group.count:
        to.find(
            Finding(
                "some-doses",
                f"Only {count:,} of {group.count:,} exposures state a dose; dose_per_movie is the"
                " mean of these.",
                "Give dose_per_movie yourself if the others had another dose.",
                files=(tally.file,),
            )
        )
    rule = "mean of all" if tally.low != tally.high else ""
    pick = Pick(tally.mean, group, tally, count, count)
    to.put(f"{_A}.dose_per_movie", float(tally.mean), pick, unit="1/Å^2", rule=rule)


def _dose_of_pixels(to: Composer) -> None:
    """Take the dose from the electrons of a pixel where only the movies' headers say how many."""
    said, pixel = to.said("dose_per_pixel"), get_at(to.document, f"{_A}.pixel_size.value")
    counting = to.pick("counting", compare=False)
    if not said or not pixel or counting is None or not counting.value:
        return
    group, tally = said[0]
    dose, count = tally.mean / pixel**2, tally.count
    if dose <= HIGHEST_DOSE:
        rule = "mean of all, electrons per pixel ÷ (pixel size)²"
        pick = Pick(tally.mean, group, tally, count, count)
        to.put(f"{_A}.dose_per_movie", dose, pick, unit="1/Å^2", rule=rule, spread=False)


def _filter(to: Composer, instrument: Instrument | None) -> None:
    """Write the energy filter, which the schema wants with a width as soon as it is there."""
    path = f"{_A}.energy_filter"
    used, width = to.pick("slit_used"), to.pick("slit_width")
    if used is None:
        return
    if width is None:
        if used.value:
            to.put(f"{path}.used", True, used, wait=True)
            to.needed[f"{path}.width_energy_filter"] = "a slit was in, and no file says its width"
        return
    if not used.value:
        to.find(
            Finding(
                "slit-out",
                f"The slit of the energy filter was out; its width of {text_of(width.value)} eV"
                " was set and not used.",
                level="info",
            )
        )
    to.put(f"{path}.used", used.value, used)
    to.put(f"{path}.width_energy_filter", width.value, width, unit="eV")
    if to.same("filter_model") is None and instrument is not None and instrument.filter_model:
        to.put(f"{path}.model", instrument.filter_model, source=INSTRUMENT_FILE, tag="filter_model")


def _phase_plate(to: Composer) -> None:
    """Keep the phase plate back until its type is known, which the schema wants."""
    used = to.pick("phase_plate_used")
    if used is None or used.value is not True:
        return
    path = f"{_A}.specialist_optics.phaseplate"
    name = to.pick("phase_plate")
    where = f" at the position {text_of(name.value)}" if name is not None else ""
    to.put(f"{path}.used", True, used, wait=True)
    to.needed[f"{path}.instrument_type"] = f"a phase plate was used{where}, of a type no file says"
    to.find(
        Finding(
            "phase-plate",
            f"A phase plate was used{where}; the files do not say of which type, so it is left"
            " out.",
            "Give acquisition.specialist_optics.phaseplate.instrument_type, such as Volta.",
        )
    )


def _frames(to: Composer) -> None:
    """Write how many frames a movie has; an EER file has no fixed number of them."""
    if any(group.kind == "tilt" for group in to.gathered.groups.values()):
        header = [one for one in to.said("frames") if one[0].kind == "file header"]
        if header and len(to.said("frames")) == len(header):
            return  # pages of a stack are tilts
    pick = to.pick("fractionation", compare=False)
    if pick is not None and pick.value == "EerFractionation":
        to.find(
            Finding(
                "eer",
                "Movies are EER files: how many fractions are made of them is decided later, so"
                " frames_per_movie is left out.",
                level="info",
            )
        )
        return
    to.same("frames", whole=True)


def _movies(to: Composer) -> None:
    """Write how many images there are, counted by what tells of each of them once."""
    for kind in ("tilt", "image", "signal", "fractions", "file header"):
        groups = [one for one in to.gathered.groups.values() if one.kind == kind and one.count]
        if not groups:
            continue
        best: Group = max(groups, key=lambda one: one.count)
        count = best.count
        if kind == "file header":
            if to.gathered.sampled:
                return  # among the files that were not looked into there may be others than movies
            movies = sum(one.tallies["frames"].count for one in groups if "frames" in one.tallies)
            count = movies or sum(one.count for one in groups)
        tally = next(iter(best.tallies.values()), None)
        if tally is None:
            continue
        to.put(
            f"{_A}.images_generated",
            count,
            Pick(count, best, tally, count, count),
            tag=f"(counted: {kind})",
        )
        return


def _count(to: Composer, name: str, path: str) -> None:
    said = to.said(name)
    if said and not said[0][1].many:
        group, tally = said[0]
        different = len(tally.values)
        if different:
            rule = "how many different ones"
            pick = Pick(different, group, tally, tally.count, tally.count)
            to.put(path, different, pick, rule=rule)
