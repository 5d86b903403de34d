"""What only the network knows, looked up by the laptop, once for all hosts.

Importing this is cheap: a run over hosts that are as wanted asks nothing, and loads neither ssl nor an HTTP client.
"""

from fleet.catalog.downloads import cache_folder, download
from fleet.catalog.resolver import Resolver

__all__ = ["Resolver", "cache_folder", "download"]
