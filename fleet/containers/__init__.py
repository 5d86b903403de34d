"""Containers on hosts: what to ask Docker, how to read its answers, and which of them a person means. Pure."""
