"""Lab hosts that are whole machines: an ARM processor emulated by qemu, a kernel of their own, and a Pi's device tree.

Real: the arm64 kernel (Debian's), its control groups, modules and boot, a 64- or 32-bit ARM userland, reboots, and
that the machine boots with what its cmdline.txt says. What only a Pi's own firmware, kernel and packages have is laid
in (`models`): the model's names in the device tree, /boot/firmware, vcgencmd.

Not real: Raspberry Pi's kernel and apt repository, the SD card (the disk is called vda), the video core, and more than
one processor core, which would only slow an emulation down. The board (`board`) is none of these machines: it has the
chip of a Pi 3 with its four cores, and its disk on USB.
"""
