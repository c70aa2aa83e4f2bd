"""A person's own demonstration on a phone, recorded as a session."""
