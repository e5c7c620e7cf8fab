"""What was computed from movies of single particles, from motion to volumes."""

from __future__ import annotations

from openem_nb.oscem.model._parts import Anything, Number, Part, Text, Whole, needed, optional
from openem_nb.oscem.model.quantities import QuantityValue

__all__ = [
    "Astigmatism",
    "CTFs",
    "Classes2D",
    "Classes3D",
    "Coordinates",
    "Defocus",
    "Descriptors",
    "IsosurfaceImages",
    "Micrographs",
    "Movies",
    "OrthogonalSlices",
    "Processing",
    "Resolution",
    "Volume",
    "Volumes",
]

_MORE = "Anything else, by names of one's own"


class Descriptors(Part):
    """Something under a name of one's own."""

    descriptor_name: Text = needed("Name")
    descriptor_thing: Anything = optional("What it is: anything but a list")


class Movies(Part):
    """Movies as they were processed."""

    dark_image: Text | None = optional("File of the dark image")
    descriptors: list[Descriptors] | None = optional(_MORE)
    dose_per_image: QuantityValue | None = optional("Dose of one frame", unit="1/Å^2")
    gain_image: Text | None = optional("File of the gain reference")
    initial_dose: QuantityValue | None = optional("Dose before the first frame", unit="1/Å^2")


class Micrographs(Part):
    """Micrographs after motion correction."""

    descriptors: list[Descriptors] | None = optional(_MORE)
    number_micrographs: Number = needed("Number of micrographs")


class Astigmatism(Part):
    """Astigmatism over all micrographs."""

    astigmatism_histogram: Text | None = optional("File of the histogram of astigmatism")


class Defocus(Part):
    """Defocus over all micrographs, positive in the programs that fit it."""

    defocus_histogram: Text | None = optional("File of the histogram of defocus")
    defocus_micrograph_examples: Text | None = optional(
        "File of example micrographs in order of defocus"
    )
    output_avg_defocus: QuantityValue | None = optional("Mean defocus", unit="nm")
    output_max_defocus: QuantityValue | None = optional("Largest defocus", unit="nm")
    output_min_defocus: QuantityValue | None = optional("Smallest defocus", unit="nm")


class Resolution(Part):
    """Resolution to which the transfer functions fit."""

    output_avg_resolution: QuantityValue | None = optional("Mean resolution", unit="Å")
    output_max_resolution: QuantityValue | None = optional("Largest resolution", unit="Å")
    output_min_resolution: QuantityValue | None = optional("Smallest resolution", unit="Å")
    resolution_histogram: Text | None = optional("File of the histogram of resolution")


class CTFs(Part):
    """Contrast transfer functions."""

    amplitude_contrast: Number | None = optional("Amplitude contrast, as a fraction")
    astigmatism: Astigmatism | None = optional("Astigmatism")
    defocus: Defocus | None = optional("Defocus")
    descriptors: list[Descriptors] | None = optional(_MORE)
    resolution: Resolution | None = optional("Resolution of the fits")


class Coordinates(Part):
    """Particles that were picked."""

    descriptors: list[Descriptors] | None = optional(_MORE)
    micrograph_examples: Text | None = optional(
        "File of example micrographs in order of their number of particles"
    )
    num_source_micrographs: Whole | None = optional("Number of micrographs they were picked from")
    number_particles: Whole = needed("Number of particles")
    particles_histogram: Text | None = optional("File of the histogram of particles")
    particles_per_micrograph: Number | None = optional("Mean number of particles per micrograph")


class Classes2D(Part):
    """Two-dimensional classes."""

    descriptors: list[Descriptors] | None = optional(_MORE)
    images_classes_2D: Text | None = optional("File of the class averages")  # noqa: N815
    particles_per_2Dclass: list[Whole] | None = optional("Particles in each class")  # noqa: N815
    resolution_classes_2D: QuantityValue | None = optional(  # noqa: N815
        "Resolution of the classes", unit="Å"
    )


class IsosurfaceImages(Part):
    """Pictures of a volume's surface."""

    front_view: Text | None = optional("File of the front view")
    side_view: Text | None = optional("File of the side view")
    top_view: Text | None = optional("File of the top view")


class OrthogonalSlices(Part):
    """Slices of a volume."""

    orthogonal_slices_X: Text | None = optional("File of the slices along x")  # noqa: N815
    orthogonal_slices_Y: Text | None = optional("File of the slices along y")  # noqa: N815
    orthogonal_slices_Z: Text | None = optional("File of the slices along z")  # noqa: N815


class Volume(Part):
    """Pictures of the volume of a class."""

    isosurface_images: IsosurfaceImages | None = optional("Pictures of the surface")
    orthogonal_slices: OrthogonalSlices | None = optional("Slices")


class Classes3D(Part):
    """Three-dimensional classes."""

    descriptors: list[Descriptors] | None = optional(_MORE)
    images_classes_3D: Text | None = optional("File of the class volumes")  # noqa: N815
    particles_per_3Dclass: list[Whole] | None = optional("Particles in each class")  # noqa: N815
    resolution_classes_3D: QuantityValue | None = optional(  # noqa: N815
        "Resolution of the classes", unit="Å"
    )
    volume: list[Volume] | None = optional("Pictures of the volumes")


class Volumes(Part):
    """A reconstructed volume."""

    descriptors: list[Descriptors] | None = optional(_MORE)
    isosurface_images: IsosurfaceImages | None = optional("Pictures of the surface")
    orthogonal_slices: OrthogonalSlices | None = optional("Slices")
    size: list[Whole] | None = optional("Size in voxels")
    vol_number_particles: Whole | None = optional("Number of particles in the volume")
    vol_resolution: QuantityValue | None = optional("Resolution", unit="Å")
    volume_type: Text = needed("Kind of volume: initial, intermediate, final, sharpened")


class Processing(Part):
    """What was computed from the movies."""

    classes2D: Classes2D | None = optional("Two-dimensional classes")  # noqa: N815
    classes3D: Classes3D | None = optional("Three-dimensional classes")  # noqa: N815
    coordinates: Coordinates | None = optional("Particles that were picked")
    ctfs: CTFs | None = optional("Contrast transfer functions")
    micrographs: Micrographs | None = optional("Micrographs after motion correction")
    movies: Movies | None = optional("Movies")
    volumes: list[Volumes] | None = optional("Reconstructed volumes")
