"""Sessions: a run recorded once, replayed and looked at ever after. Drives no device and loads no model by itself.

`writer` records, `reader` opens and verifies, `replay` and `course` run a recording again, `page` shows it.
The format is described in docs/sessions.md. Nothing is imported here, so that `--help` stays fast.
"""
