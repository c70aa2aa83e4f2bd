"""The small VLM's recipe: data from the virtual phone's own screens, training from scratch, packaging."""
