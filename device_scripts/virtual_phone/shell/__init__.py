"""The phone's shell: an interpreter and its commands, all in this process. No text ever reaches the host's shell."""
