"""The gate between the model and the device: what an action may not do, whatever the model was told.

`verdict` decides without I/O from an action and what is known of the screen; `device` reads the screen and stands in
front of a phone; `files` has the presets. Knows no model, no task and no episode.
"""
