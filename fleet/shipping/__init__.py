"""Images on their way to hosts without a registry: archives, and what of them a host still lacks."""
