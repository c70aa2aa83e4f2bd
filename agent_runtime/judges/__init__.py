"""Judging an episode by its last screens, where no probe of the device's state exists. Runs no episode.

`base` says what a judge is; `panel` counts votes; `openai` asks a model over HTTP. Import what is needed from these.
"""
