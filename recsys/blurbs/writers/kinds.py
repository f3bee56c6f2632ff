"""What a product is, in a word or a few, as its own title says it."""

from __future__ import annotations

import re
from functools import lru_cache

from recsys.blurbs.display import lower_first, readable_kind
from recsys.blurbs.facts import FactSheet
from recsys.blurbs.tokens import stem

_NOUNS = (
    "adapter|adhesive|amplifier|anchor|applicator|apron|assortment|backpack|bag|balance|"
    "ball|bandage|barrel|battery|bead|beaker|bearing|belt|bench|bin|blade|blanket|"
    "block|board|bolt|book|bottle|bowl|box|bracket|brush|bucket|buckle|bulb|burner|"
    "bushing|button|cabinet|cable|calculator|caliper|camera|can|canister|cap|card|cart|"
    "cartridge|case|caster|caulk|centrifuge|chain|chair|charger|chart|chisel|clamp|"
    "cleaner|clip|clock|cloth|coating|collar|compass|compound|compressor|connector|"
    "container|controller|converter|cord|cot|counter|coupler|coupling|cover|crayon|cream|"
    "cup|curtain|cushion|cutoff wheel|cutter|cylinder|desk|detector|die|disc|dish|disk|"
    "dispenser|display|dolly|door|drawer|drill|drill bit|driver|drum|dryer|duct|earmuff|"
    "earplug|enclosure|end mill|envelope|epoxy|extruder|fabric|fan|fastener|faucet|"
    "feeder|filament|file|film|filter|fitting|flange|flashlight|flask|foam|folder|"
    "forceps|frame|funnel|fuse|gasket|gauge|gear|gel|generator|glasses|glove|glue|"
    "goggle|gown|grease|grinder|grip|grommet|hammer|handle|hanger|hat|header|heat sink|"
    "heater|helmet|hinge|holder|hook|hose|hotplate|hydrometer|incubator|indicator|insert|"
    "inverter|jacket|jar|key|keyboard|kit|knife|knob|label|ladder|lamp|laser|latch|"
    "lathe|lens|lever|light|liner|lock|lotion|lubricant|machine|magnet|magnifier|"
    "manifold|marker|mask|mat|meter|micrometer|microphone|microscope|mirror|mixer|module|"
    "monitor|mop|motor|mount|mouse|multimeter|nail|needle|notebook|nozzle|nut|oil|"
    "oscilloscope|oven|pad|pail|paint|pan|panel|paper|paste|pen|pencil|photometer|pin|"
    "pipe|pipette|plate|pliers|plug|pocket|pole|pouch|powder|primer|printer|probe|"
    "protector|pulley|pump|punch|putty|rack|razor|reamer|receiver|reducer|refractometer|"
    "regulator|relay|remover|resin|resistor|ring|rivet|robot|rod|roller|rope|router|"
    "ruler|sander|sandpaper|saw blade|scale|scalpel|scissors|scoop|scraper|screen|screw|"
    "screwdriver|seal|sealant|sealer|seat|sensor|set|shaft|sheet|shelf|shield|shim|"
    "shirt|shoe|sign|siphon|sleeve|slide|soap|socket|solder|solution|solvent|spacer|"
    "spatula|speaker|spindle|sponge|spool|spoon|spray|sprayer|spring|stand|stapler|"
    "stethoscope|sticker|stirrer|stone|stool|stopper|stopwatch|strainer|strap|strip|swab|"
    "switch|swivel|syringe|table|tachometer|tag|tape|tee|terminal|test lead|tester|"
    "thermocouple|thermometer|thermostat|tie|timer|tire|tongs|tool|toothbrush|torch|"
    "towel|towelette|toy|transducer|transformer|tray|trolley|tube|tubing|tweezers|vacuum|"
    "valve|vest|vial|vise|washer|watch|wheel|whistle|wipe|wiper|wire|wrap|wrench"
)
"""Nouns that name a thing by themselves, in the singular, where a title ends with one."""
_ENDS = (
    r"(?=\s*(?:$|[,;:|(\[.]|-\s|\u2013|\u2014|(?:with|w/|for|in|by|from|fits|size|black|white|"
    r"clear|blue|red|green|yellow|gr[ae]y|orange|brown|silver|pack|set of)\b|[#\d]))"
)
_AFTER = re.compile(
    r"\b(?:for|with|w|to|fits?|compatible|without|in|on|by|from|of|like|no|not|any|per|and|or)\b|"
    r"&|/\s"
)
"""What follows one of these in a title may be another thing than the product."""
_VESSELS = frozenset(
    "bag barrel bottle box bucket can canister cartridge case container cylinder drum envelope jar "
    "pouch roll spool tray tube vial".split()
)
"""Nouns that often name what the product comes in."""
_ALWAYS_PLURAL = frozenset("forceps glasses pliers scissors tongs tweezers".split())
_PLURAL = re.compile(r"(?i)(?:[^s]s|ses|xes|ches|shes)$")


@lru_cache(maxsize=16_384)
def kind_in_title(sheet: FactSheet) -> tuple[str, bool]:
    """Return the product's kind as its title says it, and whether it is several; "" if it does not.

    The category's name is trusted only where the title uses the same words, so that "this
    hose clamp" is never said of something that merely stands on that shelf. Else the noun
    counts that the first part of the title ends with, if it names a thing.

    >>> from recsys.blurbs.facts import Fact
    >>> def of(title: str) -> tuple[str, bool]:
    ...     facts = (Fact("title", "title", title), Fact("category", "category", "Safety Valves"))
    ...     return kind_in_title(FactSheet("1", title, facts))
    >>> of("Safety valve, 150 psi"), of("Brass Pop-Off Valve, 150 psi"), of("Cap for a safety pipe")
    (('safety valve', False), ('valve', False), ('cap', False))
    """
    return _of_category(sheet) or _head(sheet) or ("", False)


def _of_category(sheet: FactSheet) -> tuple[str, bool] | None:
    kind = readable_kind(sheet.value("type") or sheet.value("category"))
    words = kind.split()
    if not words or len(words) > 3 or not kind.isascii() or "-" in kind:
        return None
    title = re.findall(r"[a-z]+", sheet.value("title").lower())
    stems = [stem(w) for w in title]
    if not all(stem(w.lower()) in stems for w in words):
        return None
    last = words[-1].lower()
    written = title[stems.index(stem(last))]
    single = singular(last)
    if written == last and last != single:
        return lower_first(kind), True
    return lower_first(" ".join([*words[:-1], single])), False


def _head(sheet: FactSheet) -> tuple[str, bool] | None:
    """Return the first noun of the title that a part of it ends with."""
    title = sheet.value("title").lower()
    shelf = re.findall(r"[a-z]{3,}", sheet.value("category").lower())[-1:]
    found = _noun(singular(shelf[0]) if shelf else "").search(title)
    if found is None or _AFTER.search(title[: found.start()]):
        return None
    word = found.group()
    one = singular(word)
    if one in _VESSELS and shelf and one != singular(shelf[0]):
        return None
    return word, word in _ALWAYS_PLURAL or word != one


@lru_cache(maxsize=4_096)
def _noun(more: str) -> re.Pattern[str]:
    """Match the nouns, and one more, in singular or plural, where a part of a title ends."""
    nouns = "|".join(sorted([*_NOUNS.split("|"), *([more] if more else [])], key=len, reverse=True))
    return re.compile(rf"(?<![\w-])(?:{nouns})(?:es|s)?\b{_ENDS}")


def singular(word: str) -> str:
    """Return the singular of a plural noun.

    >>> [singular(w) for w in ("clamps", "brushes", "batteries", "glass", "knives")]
    ['clamp', 'brush', 'battery', 'glass', 'knife']
    """
    if not _PLURAL.search(word) or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word in ("knives", "lives", "wives"):
        return word[:-3] + "fe"
    if re.search(r"(?:xes|ches|shes|sses|zzes)$", word):
        return word[:-2]
    return word[:-1]
