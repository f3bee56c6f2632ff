"""English: words around a product that say nothing of it, unless the facts have them."""

from __future__ import annotations

COMPLIMENTS = frozenset(
    "easy easily easier effortless effortlessly comfortably lovely charming cheerful cute fun "
    "clever pleasant decent fitting straightforward delightful attractive appealing nifty tidy "
    "humble classy graceful homely stylish elegant pretty beautiful beautifully usable useable "
    "dependable trusty friendly inviting eye-catching catching eye simple simpler simply "
    "smart neatly comfy cozy cosy enjoyable loving proper properly suitably perfectly just-right "
    "quick quickly dear warmly humbly decently pleasing welcoming "
    "decorated adorned inspired inspiring tempting worthy hassle-free hassle fuss trouble "
    "bother".split()
)
"""Praise without content, and adverbs of ease."""

EMPTY = frozenset(
    "good great nice fine best better excellent ideal perfect wonderful quality efficient "
    "ultra-efficient effective efficiently effectively reliable reliably convenient conveniently "
    "versatile useful handy practical valuable helpful simple advanced modern innovative unique "
    "special popular professional perform performance job work solution tool product item device "
    "unit very ultra thing way choice option feature function purpose need want make help "
    "use".split()
)
"""Words that may be true of anything, and say nothing new of a product."""

PREDICATES = frozenset(
    "measure measures measuring blend blends blending mix mixes mixing combine combines "
    "combining "
    "merge merges draw draws drawing consume consumes meet meets meeting satisfy satisfies "
    "comply "
    "complies conform conforms deliver delivers sport sports sporting span spans total totals "
    "totaling average averages accept accepts accepting rest rests perch perches lie lies slot "
    "tuck tucks nestle nestles settle settles shrug shrugs fend fends brave braves tackle "
    "tackles "
    "face faces handle handles handling manage manages cope copes tops topping cap caps describe "
    "describes explore explores exploring center centers revolve revolves await awaits deserve "
    "deserves earn earns lend lends end ends invite invites notice check decide swap trade step "
    "suffice suffices feel feels seem appear appears become becomes prove proves buy buying "
    "bought "
    "purchase purchased order ordered own owning enjoy enjoyed appreciate appreciates love loves "
    "like likes fall falls spend spends pass passes play plays tend tends allow allows enable "
    "enables permit permits house houses opt opting treat combine pose poses choose chooses "
    "chosen select selected prefer value values regard regards describe described referred refer "
    "note noted please pleased await sheds shed".split()
) | frozenset(
    "afterwards afterward meanwhile little roughly merely slightly somewhat fairly afar apiece "
    "thereby therein hereby accordingly equally likewise overall indeed surely certainly "
    "honestly "
    "frankly sometimes occasionally regularly generously comfortably gladly busy lazy cozy "
    "sunny rainy someone anyone somebody anybody covering connect connects connecting better "
    "early late own fellow certain given suitable appropriate relevant "
    "respective corresponding mere sheer plain-spoken daily regular usual".split()
)
"""Verbs and adverbs that only lead over to what is said."""

OCCASIONS = frozenset(
    # when
    "morning mornings evening evenings night nights afternoon afternoons weekend weekends "
    "weekday "
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
    "staple staples essential essentials basics find finds treat treats helper workhorse duo "
    "trio "
    "combo team touch bit dash splash supply supplies gift gifts present presents surprise "
    "companions additions suggestion suggestions option choices classic gem pleasure joy delight "
    "help comfort ease effort care pick picks offering contender candidate bet "
    "inspiration refresh refresher top-up solution answer purchase interest interests taste "
    "tastes "
    "hobby hobbies plan plans need needs demand demands activity activities "
    # what the shopper does with it
    "relax unwind greet share enjoy savor savour sip celebrate restock replenish brighten treat "
    "decorate spoil cheer reading watching cooking browsing shopping "
    "film films movie movies living list theme change word words chance charm flair "
    "character personality atmosphere vibe "
    "accent statement centerpiece centrepiece highlight twist spirit nod lounge hallway den "
    "studio "
    "lab class project projects task tasks dip dish recipe recipes trips adventure adventures "
    "outing outings walk walks picnic picnics party parties gathering gatherings wear "
    "wears wearing set place spread top pour serve brew match run runs running dress slip".split()
)
"""When, where and for whom a product is used, and what it is to the shopper."""
