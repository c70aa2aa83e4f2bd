"""CoSo's wire contract."""
