"""The demo: phone, tuner and runtime as processes of their own, and a report of what they did."""
