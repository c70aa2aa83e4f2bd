"""The phone's toolkit: widgets, their layout into boxes, and drawing boxes with Pillow. Knows no app."""
