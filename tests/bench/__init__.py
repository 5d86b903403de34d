"""How fast `fleet` is, as ratios: against bare OpenSSH, pyinfra and ansible-core, interleaved in one run on real lab hosts.

Nothing here is a test, since a shared machine's clock proves nothing; `python -m tests.bench` prints what it measured.
"""
