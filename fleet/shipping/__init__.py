"""Images on their way to hosts without a registry: archives, and what of them a host still lacks."""

from fleet.shipping.archive import Archive, Layer, Packed, open_archive
from fleet.shipping.cargo import Cargo
from fleet.shipping.parcel import Parcel, checkpoint, parcels
from fleet.shipping.press import Press

__all__ = ["Archive", "Cargo", "Layer", "Packed", "Parcel", "Press", "checkpoint", "open_archive", "parcels"]
