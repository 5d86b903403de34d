"""What is in an archive of images: read from the laptop's disk."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from fleet.errors import CatalogError, FileError
from fleet.queries import Archived, ArchivedImage, ArchiveQuery
from fleet.shipping.archive import open_archive


def archived(query: ArchiveQuery) -> Archived:
    """The image of that name for each platform; CatalogError when the archive has none, or is none."""
    try:
        with closing(open_archive(Path(query.path))) as archive:
            images = archive.named(query.name)
    except FileError as error:
        raise CatalogError(error.message, error.hint) from error
    except OSError as error:
        raise CatalogError(f"{query.path} can't be read: {error.strerror}", "Look at its permissions.") from error
    return Archived(tuple(ArchivedImage(image.platform, tuple(sorted(image.ids))) for image in images))
