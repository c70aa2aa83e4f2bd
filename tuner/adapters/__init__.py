"""Adapter versions on disk, as bytes with a manifest. Needs no torch."""
