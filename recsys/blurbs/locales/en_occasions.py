"""English: words around a product that say nothing of it, unless the facts have them."""

from __future__ import annotations

COMPLIMENTS = frozenset(
    "easy easily easier effortless effortlessly comfortably lovely charming cheerful cute fun "
    "clever pleasant decent fitting straightforward delightful attractive appealing nifty tidy "
    "humble classy graceful homely stylish elegant pretty beautiful beautifully usable useable "
    "dependable trusty friendly inviting eye-catching catching eye simple simpler simply "
    "smart neatly comfy cozy cosy enjoyable loving proper properly suitably perfectly just-right "
    "quick quickly dear warmly humbly decently pleasing welcoming "
    "decorated adorned inspired inspiring tempting worthy hassle-free hassle fuss trouble bother".split()
)
"""Praise without content, and adverbs of ease."""

OCCASIONS = frozenset(
    # when
    "morning mornings evening evenings night nights afternoon afternoons weekend weekends weekday "
    "weekdays dinner dinners lunch lunches breakfast breakfasts brunch supper suppers meal meals "
    "holiday holidays season seasons moment moments mood moods session sessions year years "
    "month months week weeks tonight today tomorrow while start finish beginning end life lives "
    # who
    "guest guests family families people loved ones crowd reader readers viewer viewers maker "
    "makers cook cooks hobbyist hobbyists enthusiast enthusiasts "
    # where it is kept
    "pantry cupboard shelf shelves drawer drawers counter countertop toolbox toolboxes workbench "
    "bench workshop kitchen bathroom bedroom garage lineup line-up toolkit kit arsenal wardrobe "
    "outfit outfits library watchlist playlist trolley room table desk home house place corner "
    "inside spot space office household "
    # what it is to the shopper
    "staple staples essential essentials basics find finds treat treats helper workhorse duo trio "
    "combo team touch bit dash splash supply supplies gift gifts present presents surprise "
    "companions additions suggestion suggestions option choices classic gem pleasure joy delight "
    "help comfort ease effort care pick picks offering contender candidate bet "
    "inspiration refresh refresher top-up solution answer purchase interest interests taste tastes "
    "hobby hobbies plan plans need needs demand demands activity activities "
    # what the shopper does with it
    "relax unwind greet share enjoy savor savour sip celebrate restock replenish brighten treat "
    "decorate spoil cheer reading watching cooking browsing shopping "
    "wear wears wearing set place spread top pour serve brew match run runs running dress slip".split()
)
"""When, where and for whom a product is used, and what it is to the shopper."""
