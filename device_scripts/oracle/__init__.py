"""An oracle for the task suites: it knows each task's plan and acts through the screen alone. Learns nothing."""
