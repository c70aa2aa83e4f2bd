"""Plans for contacts and messages."""

from device_scripts.oracle.steps import BACK, Plan, app, choose, text


def add(name: str, number: str) -> Plan:
    """Add a contact from the list of contacts."""
    return ("Add", text(name), "Number", text(number), "Save")


def send(number: str, word: str) -> Plan:
    """Send a message from the list of conversations; the conversation is on the screen then."""
    return ("New message", text(number), "Message", text(word), "Send")


def reply(number: str, word: str) -> Plan:
    """Answer from the list of conversations."""
    return (number, "Message", text(word), "Send")


PEOPLE_PLANS: dict[str, Plan] = {
    "contacts/add": [app("Contacts"), *add("{name}", "{number}")],
    "contacts/delete": [app("Contacts"), "{name}", "Delete", "Yes"],
    "contacts/number": [app("Contacts"), "{name}", "Edit", "x", text("{number}"), "Save"],
    "contacts/star": [app("Contacts"), "{name}", choose("state", on=["Add star"], off=["Remove star"])],
    "contacts/add-two": [app("Contacts"), *add("{name}", "{number}"), *add("{other}", "5550000")],
    "contacts/add-starred": [app("Contacts"), *add("{name}", "{number}"), "{name}", "Add star"],
    "contacts/delete-two": [app("Contacts"), "{name}", "Delete", "Yes", "{other}", "Delete", "Yes"],
    "contacts/move-star": [app("Contacts"), "{other}", "Remove star", BACK, "{name}", "Add star"],
    "contacts/replace": [app("Contacts"), "{other}", "Delete", "Yes", *add("{name}", "{number}")],
    "messages/send": [app("Messages"), *send("{number}", "{word}")],
    "messages/reply": [app("Messages"), *reply("{number}", "{word}")],
    "messages/read": [app("Messages"), "{number}"],
    "messages/delete": [app("Messages"), "{number}", "Delete all", "Yes"],
    "messages/send-two": [app("Messages"), *send("{number}", "{word}"), BACK, *send("{other}", "{word}")],
    "messages/read-both": [app("Messages"), "{number}", BACK, "{other}"],
    "messages/forward": [app("Messages"), "{number}", BACK, *send("{other}", "say {word} to all")],
    "messages/reply-and-delete": [
        *(app("Messages"), *reply("{number}", "{word}"), BACK, BACK),
        *("{other}", "Delete all", "Yes"),
    ],
    "messages/reply-twice": [app("Messages"), *reply("{number}", "{word}"), "Message", text("bye"), "Send"],
}
