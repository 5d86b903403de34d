"""A lab of real hosts on one Linux machine: booted systemd machines and an Internet in a box.

It knows nothing of the tool that it tests. People use ``python -m tests.lab``, tests use ``fixtures``.
"""
