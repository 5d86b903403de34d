"""Which images the fleet is to have, by digest, and which it has."""
