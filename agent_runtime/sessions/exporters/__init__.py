"""Formats of others that a session can be written in. Changes no session and prints nothing."""
