"""The goals the small VLM is taught, in the words of the runtime's task suite. Knows no screen."""

GOAL_TEXTS = {
    "apps/open": "Open {app}",
    "settings/toggle": "Turn {state} {switch}",
    "clock/alarm": "Turn {state} the {time} alarm",
    "clock/stopwatch": "Start the stopwatch",
    "notes/write": "Write a note saying {word}",
    "notes/delete": "Delete the note {word}",
    "browser/search": "Search the shop for {product}",
    "browser/cart": "Put the {product} in the cart",
}
NOTE_WORDS = (
    "milk",
    "bread",
    "taxi",
    "rent",
    "gift",
    "soap",
    "lamp",
    "keys",
    "book",
    "rice",
    "tea",
    "fish",
    "coat",
    "tape",
    "plant",
    "cable",
)
