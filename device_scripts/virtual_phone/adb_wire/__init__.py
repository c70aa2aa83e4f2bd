"""The device side of the ADB protocol without any I/O: bytes in, events out. Knows nothing of phones or sockets."""
