"""Do causal weights help? A small policy learns on the virtual phone under every arm, with paired seeds."""
