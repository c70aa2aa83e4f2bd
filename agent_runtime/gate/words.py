"""The verbs a gate can hold back, in the languages it ships, and how they are found in labels and ids. Pure."""

import re
import unicodedata
from collections.abc import Collection, Iterable

LANGUAGES = ("en", "de", "es", "fr", "nl")
VERBS: dict[str, tuple[str, ...]] = {
    "pay": (
        *("pay", "pays", "paynow", "payment", "checkout", "check out", "place order", "donate", "transfer money"),
        *(
            "bezahlen",
            "zahlen",
            "zahlung",
            "zahlungspflichtig",
            "kostenpflichtig",
            "zur kasse",
            "spenden",
            "überweisen",
        ),
        *("pagar", "paga", "pago", "donar", "transferir", "realizar pedido"),
        *("payer", "paiement", "passer la commande", "faire un don", "virement"),
        *("betalen", "betaal", "betaling", "afrekenen", "doneren", "geld overmaken", "bestelling plaatsen"),
    ),
    "buy": (
        *("buy", "buynow", "purchase", "order now"),
        *("kaufen", "kauf", "bestellen", "erwerben", "comprar", "compra", "acheter", "achat", "commander"),
        *("kopen", "koop", "aankoop", "aanschaffen", "bestel"),
    ),
    "send": (
        *("send", "sends", "resend", "submit", "publish"),
        *("senden", "absenden", "versenden", "verschicken", "abschicken", "veröffentlichen"),
        *("enviar", "envía", "reenviar", "publicar", "envoyer", "renvoyer", "publier", "soumettre"),
        *("sturen", "stuur", "versturen", "verstuur", "verzenden", "verzend", "indienen", "publiceren"),
    ),
    "delete": (
        *("delete", "deletes", "erase", "remove", "wipe", "factory reset", "clear data", "clear storage", "trash"),
        *("löschen", "entfernen", "werkseinstellungen", "papierkorb", "eliminar", "borrar", "suprimir", "quitar"),
        *("supprimer", "effacer", "retirer", "corbeille"),
        *("verwijderen", "verwijder", "weghalen", "leegmaken", "prullenbak", "fabrieksinstellingen"),
        *("lijst wissen", "gesprekken wissen", "gegevens wissen", "opslag wissen", "alles wissen"),
    ),
    "uninstall": ("uninstall", "deinstallieren", "desinstalar", "désinstaller", "verwijderen", "deïnstalleren"),
    "grant": (
        *("allow", "grant", "authorize", "authorise", "permit", "while using the app", "only this time"),
        *("zulassen", "erlauben", "gewähren", "genehmigen", "bei nutzung der app", "nur dieses mal"),
        *("permitir", "conceder", "autorizar", "mientras se usa la app", "solo esta vez"),
        *("autoriser", "accorder", "permettre", "lorsque vous utilisez", "cette fois ci"),
        *("toestaan", "toelaten", "toegang verlenen", "tijdens gebruik van de app", "alleen deze keer"),
    ),
}
"""Every form of a verb, whichever language the screen is in: an attacker may switch it."""
_REFUSALS = (
    *("don't allow", "dont allow", "do not allow", "not allowed", "nicht zulassen", "nicht erlauben"),
    *("no permitir", "ne pas autoriser", "niet toestaan"),
)
"""A button that refuses names the verb, too."""
AGREEMENTS = (
    *("ok", "okay", "yes", "confirm", "continue", "proceed", "next", "agree", "accept", "ja", "bestätigen", "weiter"),
    *("fortfahren", "akzeptieren", "sí", "confirmar", "continuar", "aceptar", "oui", "confirmer", "continuer"),
    *("accepter", "bevestigen", "doorgaan", "akkoord", "accepteren", "volgende"),
)
_LOOKALIKES = str.maketrans("аеорсухіјѕһԁԛԝкмнтвαεορτυχικνβ", "aeopcyxijshdqwkmhtbaeoptuxikvb")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LETTERS = re.compile(r"(?<!\w)(?:\w ){2,}\w(?!\w)")
_NO_WORD = re.compile(r"[\W_]+")


def plain(text: str) -> str:
    """Return the words of a text as `` one two ``: one form of each letter, no marks, nothing that does not show."""
    folded = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(mark for mark in folded if unicodedata.category(mark) not in ("Mn", "Cf"))
    words = _NO_WORD.sub(" ", kept.translate(_LOOKALIKES)).strip()
    return f" {_LETTERS.sub(lambda spaced: spaced[0].replace(' ', ''), words)} "


_FORMS = {verb: tuple(plain(form) for form in forms) for verb, forms in VERBS.items()}
_PLAIN_REFUSALS = tuple(plain(refusal) for refusal in _REFUSALS)
_PLAIN_AGREEMENTS = frozenset(plain(agreement).strip() for agreement in AGREEMENTS)
_LONGEST_AGREEMENT_WORDS = 4


def verb_in(text: str, verbs: Collection[str], words: Iterable[str] = ()) -> str | None:
    """Return the first of these verbs, or of the further words, that a label says; None where it says none."""
    said = plain(text)
    for refusal in _PLAIN_REFUSALS:
        said = said.replace(refusal, " ")
    for verb in verbs:
        if any(form in said for form in _FORMS[verb]):
            return verb
    return next((word for word in words if _is_said(plain(word), said)), None)


def _is_said(form: str, said: str) -> bool:
    """Whether a form stands in a text: as whole words, but in scripts that know no spaces (nor cases) anywhere."""
    bare = form.replace(" ", "")
    if bare.upper() == bare.lower() and any(mark.isalpha() for mark in bare):
        return bare in said.replace(" ", "")
    return form in said


def verb_in_id(resource_id: str, verbs: Collection[str], words: Iterable[str] = ()) -> str | None:
    """The same for a resource id such as ``app:id/btnSendNow``: its name is read as words."""
    return verb_in(_CAMEL.sub(" ", resource_id.rpartition("/")[2]), verbs, words)


def agrees(text: str) -> bool:
    """Whether a label only says yes to what stands elsewhere: a few words, and one of them says so."""
    said = plain(text).split()
    return len(said) <= _LONGEST_AGREEMENT_WORDS and not _PLAIN_AGREEMENTS.isdisjoint(said)
