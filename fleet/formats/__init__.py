"""Formats of the field: keys, versions of packages, names of images. Pure, and of use to anybody."""
