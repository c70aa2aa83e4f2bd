"""The small CA that lets runtimes and operators in: making, keeping and revoking certificates. Opens no port."""
