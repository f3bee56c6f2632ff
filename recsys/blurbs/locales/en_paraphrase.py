"""English: what a faithful paraphrase may add or exchange without saying anything new."""

from __future__ import annotations

LINKING = frozenset(
    "add adds added adding bring brings call called carry carries carrying come comes coming "
    "complete completes comprise comprises comprising consist consists consisting count counts "
    "couple couples employ employs ensure ensures ensuring find finds finding found get gets getting "
    "got give gives given giving go goes going help helps helping incorporate incorporates "
    "incorporating join joins joining know known leave leaves let lets letting look looks looking "
    "make makes making mean means meant intended intend name named need needs needed offer offers "
    "offered offering pick picks present presents provide provides provided providing put puts "
    "putting rate rated reach remain remains rely say says see seems serve serves serving show shows "
    "sit sits specify specified spelled stand stands stay stays suggest suggested suit "
    "suits suited supply supplied take takes taken taking tell tells think thanks thank turn turns "
    "try trying want wants wish work works working follow follows following "
    "fitted fitting equipped built construct constructed construction craft crafted "
    "manufactured produced boast boasts list lists listed sold feature features featured featuring "
    "recommend recommended recommendation suggestion introducing meet enjoy enjoys enjoying welcome "
    "consider remember imagine expect start starts begin begins keep keeps keeping "
    "happen happens belong belongs".split()
)
"""Verbs that link a product to what the facts say of it."""

GLUE = frozenset(
    # Nouns that stand for the product, the purchase or the occasion.
    "use used uses using sized item items product products piece thing things option options choice pick one ones kind sort "
    "type version example addition companion complement counterpart partner match mate sidekick "
    "accompaniment follow-up follow step idea job jobs task tasks project projects purpose purposes "
    "occasion need shopper basket cart collection shelf stash list routine setup home day days hand "
    "thought thoughts company hands way ways place part share time reason news note detail details specification "
    "specifications spec specs range label brand maker name model glance choice neighbour business "
    "store purchase purchases order orders history trip shape shaped form design designed deal lover "
    "lovers fan fans buyer buyers owner owners "
    # Adverbs, adjectives and connecting words without content.
    "enough like unlike able about across actually additional again ahead alongside already also altogether always "
    "another anyone anything anyway apart aside away back basically because besides beyond both but "
    "clearly chiefly commonly conveniently convenient currently directly during each either else "
    "especially essentially even ever every everyday everything exactly extra fine former formerly "
    "frequently fully further generally good great half handy happily happy hence here how however "
    "i'd if instead just keen largely last lastly later least likely ll lot lots mainly many maybe "
    "more moreover most mostly much namely natural naturally neat neatly never new next nice nicely "
    "normally now obvious obviously often ok once only onto other otherwise our out over own "
    "particular particularly perhaps plenty plus possible practical practically pretty primarily "
    "probably quite rather re ready real really regarding related right same shall should similar "
    "similarly simply since so some something soon special specially specific specifically still "
    "straight such sure than that then there therefore these they those though thus together too "
    "top toward towards true typically under underneath unless until up upon useful usual usually ve "
    "very via well what whatever when whenever where wherever whether which while whole why widely "
    "will with within without worth worthwhile would yes yet yourself thoughtful sensible logical "
    "total altogether round among amongst hello hi hey say "
    "i we us me my respectively additionally versatile wonder worry friend friends".split()
) - frozenset({"half", "natural", "extra", "top", "round", "under", "versatile", "range"})
"""Words that neither the facts nor the history must have."""

SYNONYMS = tuple(
    tuple(group.split())
    for group in (
        "pack package packet packaging",
        "aluminum aluminium",
        "color colour hue shade",
        "gray grey",
        "height high tall",
        "width wide",
        "length long",
        "thickness thick",
        "depth deep",
        "weight weigh",
        "capacity hold volume",
        "transparent see-through",
        "quick fast rapid speedy swift",
        "easy simple effortless ease",
        "big large",
        "small little compact tiny",
        "strong strength sturdy robust",
        "durable durability",
        "protect guard shield safeguard",
        "prevent avoid",
        "household house",
        "vehicle car automobile",
        "auto automatic automate",
        "bike bicycle",
        "photo photograph picture",
        "sofa couch",
        "fridge refrigerator",
        "assorted assortment",
        "approximate approx",
        "maximum max",
        "minimum min",
        "temperature temp",
        "diameter dia",
        "flexible flex",
        "vacuum vac",
        "resist withstand",
        "increase improve enhance",
        "reduce decrease lower lessen",
        "fiberglass fibreglass",
        "center centre",
        "mold mould",
        "odor odour smell",
        "flavor flavour taste",
        "adhere stick adhesion",
        "child children kid",
        "man men",
        "woman women",
        "foot feet",
        "tooth teeth",
        "leaf leaves",
        "lubricate lube lubricant",
        "wood wooden timber",
        "wool woollen woolen",
        "gold golden",
        "metal metallic",
        "measurement measure",
        "install mount",
        "quiet silent",
        "hang hung",
        "weave woven",
        "freeze frozen",
        "drive driven",
        "stick stuck sticky",
        "bend bent",
        "wear worn",
        "spin spun",
        "draw drawn",
        "blow blown",
        "sew sewn",
        "press pressure",
        "warm warmth",
        "road street",
        "empty emptied",
        "remove detach pickup",
        "transform convert",
        "exhibit display",
        "accurate accuracy",
        "machine machined",
        "separate apart",
    )
)
"""Groups of words that say the same of a product."""

