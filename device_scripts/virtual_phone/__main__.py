"""Lets `python -m device_scripts.virtual_phone` do what `virtual-phone` does."""

from device_scripts.virtual_phone.cli import main

main()
