"""How often another policy would succeed, told from recorded episodes (off-policy evaluation). Plays nothing."""
