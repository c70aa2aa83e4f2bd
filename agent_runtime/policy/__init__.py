"""The quantized VLM that decides: load, prompt, generate with log-probs, verify and swap adapters.

Only `identity`, `base`, `scripted`, `server` and `turn_lock` import without torch.
"""

import logging

# bitsandbytes says at import that it would like a package which is of no use here; peft imports it as well.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
