"""A deterministic Android phone: screens, apps and the device side of ADB. Imports none of our other packages."""
