"""Vagrant with libvirt, as a user has it, on a laptop of its own.

Real: Vagrant, vagrant-libvirt, libvirt, its dnsmasq and NAT, qemu, and the machine that boots in it, with a kernel of its
own. They live in a root file system in the cache and run in a mount, network and process namespace: no package, rule,
bridge, file or process of this machine is theirs, and all of it ends with the namespace.

Not real: the processor is emulated, and the box boots by its kernel and not by a boot loader.
"""
