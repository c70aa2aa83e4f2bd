"""What surrounds a device: the virtual phone, the small VLM's recipe, the demo."""
