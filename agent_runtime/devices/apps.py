"""Which package an app's everyday name means. Asks no device: the installed packages are given."""

from collections.abc import Collection

KNOWN_PACKAGES = {
    "browser": ("com.android.browser", "com.android.chrome"),
    "calculator": ("com.google.android.calculator", "com.android.calculator2"),
    "calendar": ("com.google.android.calendar", "com.android.calendar"),
    "camera": ("com.android.camera2", "com.google.android.GoogleCamera"),
    "chrome": ("com.android.chrome",),
    "clock": ("com.google.android.deskclock", "com.android.deskclock"),
    "contacts": ("com.google.android.contacts", "com.android.contacts"),
    "files": ("com.google.android.documentsui", "com.android.documentsui"),
    "maps": ("com.google.android.apps.maps",),
    "messages": ("com.google.android.apps.messaging", "com.android.messaging"),
    "notes": ("org.example.notes",),
    "phone": ("com.google.android.dialer", "com.android.dialer"),
    "settings": ("com.android.settings",),
    "youtube": ("com.google.android.youtube",),
}


def package_of(app_name: str, installed: Collection[str]) -> str | None:
    """Return the installed package an app's name means, None where there is none.

    A name is looked up in ``KNOWN_PACKAGES``, then taken as a package's own name, then as its last part.
    The answer is always a member of ``installed``: nothing of the name itself reaches the device.
    """
    name = app_name.strip().lower()
    for package in KNOWN_PACKAGES.get(name, ()):
        if package in installed:
            return package
    by_name = sorted(package for package in installed if name in (package.lower(), package.lower().rsplit(".", 1)[-1]))
    return by_name[0] if by_name else None
