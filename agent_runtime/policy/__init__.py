"""The quantized VLM that decides: load, prompt, generate with log-probs, verify and swap adapters.

Only `identity`, `base` and `scripted` import without torch.
"""
