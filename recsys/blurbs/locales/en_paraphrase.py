"""English: what a faithful paraphrase may add or exchange without saying anything new."""

from __future__ import annotations

import re

IDIOMS = re.compile(
    r"\b(?:keeps? an eye on|at a glance|(?:at|in|to|on) hand|for (?:instance|example)|of course|"
    r"by the way|(?:as|when|if) needed|in no time|on the go|in one go|(?:time and again|"
    r"again and "
    r"again)|takes? care of|no stranger to|no surprise|no problem|no wonder|to name a few|"
    r"and more|"
    r"and so on|or so|in mind|from now on|day (?:in|to) day|day out|once more|at once|after all|"
    r"in short|round(?:s|ed|ing)? (?:out|off)(?: (?:the|your) (?:kit|set|collection|setup))?|"
    r"in the (?:box|package|pack|packaging|kit)|part of the (?:package|deal|kit|set|bundle)|"
    r"in search of|on the lookout for|in total|in all|in question|as ever|at a time|"
    r"(?:one|just the) thing|no time|in good company|on offer|"
    r"in short|in other words|that is|as it were|so to speak|as a rule|at home|at work|on top)\b",
    re.IGNORECASE,
)
"""Phrases that say nothing of a product."""

LINKING = frozenset(
    "add adds added adding bring brings call called carry carries carrying come comes coming "
    "complete completes comprise comprises comprising consist consists consisting count counts "
    "couple couples employ employs ensure ensures ensuring find finds finding found get gets "
    "getting "
    "got give gives given giving go goes going help helps helping incorporate incorporates "
    "incorporating join joins joining know known leave leaves let lets letting look looks "
    "looking "
    "make makes making mean means meant intended intend name named need needs needed offer "
    "offers "
    "offered offering pick picks present presents provide provides provided providing put puts "
    "putting rate rated reach remain remains rely say says see seems serve serves serving show "
    "shows "
    "sit sits specify specified spelled stand stands stay stays suggest suggested suit "
    "suits suited supply supplied take takes taken taking tell tells think thanks thank turn "
    "turns "
    "try trying want wants wish work works working follow follows following "
    "equipped built construct constructed construction craft crafted "
    "manufactured produced boast boasts list lists listed sold feature features featured "
    "featuring "
    "recommend recommended recommendation suggestion introducing meet enjoy enjoys enjoying "
    "welcome "
    "consider remember imagine expect start starts begin begins keep keeps keeping "
    "advise advises advised run runs running reach reaches "
    "hold holds holding held happen happens belong belongs".split()
)
"""Verbs that link a product to what the facts say of it."""

GLUE = frozenset(
    # Nouns that stand for the product, the purchase or the occasion.
    "use used uses using size sizes sized item items product products piece thing things "
    "option options choice pick one ones kind sort "
    "type version example addition companion complement counterpart partner match mate sidekick "
    "accompaniment follow-up follow step idea job jobs task tasks project projects purpose "
    "purposes "
    "occasion need shopper basket cart collection shelf stash list routine setup home day days "
    "hand "
    "thought thoughts company hands way ways place part share time reason news note detail "
    "details specification "
    "specifications spec specs range label brand maker name model glance choice neighbour "
    "business "
    "purchase purchases order orders history trip shape shaped form design designed deal "
    "lover "
    "lovers fan fans buyer buyers owner owners "
    # Adverbs, adjectives and connecting words without content.
    "enough like unlike able about across actually additional again ahead alongside already "
    "also altogether always "
    "another anyone anything anyway apart aside away basically because besides beyond both but "
    "clearly chiefly commonly conveniently convenient currently directly during each either else "
    "especially essentially even ever every everyday everything exactly extra former formerly "
    "frequently fully further generally good great half handy happily happy hence here how "
    "however "
    "i'd if instead just keen largely last lastly later least likely ll lot lots mainly many "
    "maybe "
    "more moreover most mostly much namely natural naturally neat neatly never new next nice "
    "nicely "
    "normally now obvious obviously often ok once only onto other otherwise our out over own "
    "particular particularly perhaps plenty plus possible practical practically pretty primarily "
    "probably quite rather re ready real really regarding related right same shall should "
    "similar "
    "similarly simply since so some something soon special specially specific specifically still "
    "straight such sure than that then there therefore these they those though thus together too "
    "top toward towards true typically under underneath unless until up upon useful usual "
    "usually ve "
    "very via well what whatever when whenever where wherever whether which while whole why "
    "widely "
    "will with within without worth worthwhile would yes yet yourself thoughtful sensible "
    "logical "
    "total altogether round among amongst hello hi hey say "
    "theirs themselves itself hers his him she he apiece care i we us me my respectively "
    "additionally versatile wonder worry friend friends".split()
) - frozenset({"half", "natural", "extra", "top", "round", "under", "versatile", "range"})
"""Words that neither the facts nor the history must have."""

IMPERATIVES = frozenset(
    "move hang mend fix sort point aim mount place set lay apply brush grab slip wrap bag line "
    "bring carry tackle "
    "handle plug slide clip snap hook pin tie loop pull push press turn twist roll pour stir "
    "dip tuck "
    "slot string thread stick fill feed".split()
)
"""Verbs that may begin a clause ("point it and read ...") without support."""

TRANSITIVE = (
    "protect cover remove reduce prevent connect seal cut support control contain resist "
    "withstand absorb clean stop increase improve create attach transform carry drive turn lift "
    "hang calibrate grip clamp tighten guide fill feed lock measure dispense penetrate sharpen "
    "polish"
).split()  # fmt: skip
"""Verbs whose subject and object say different things when they change places."""

_GRADED = (
    "light smooth narrow short low soft hard bright safe cool warm tight loose fine firm tough "
    "slow rough close"
).split()  # fmt: skip

SYNONYMS = tuple(
    tuple(group.split())
    for group in (
        "pack package packet packaging",
        "aluminum aluminium",
        "color colour hue shade",
        "gray grey",
        "height high tall higher taller",
        "width wide wider",
        "length long longer",
        "thickness thick",
        "depth deep deeper",
        "weight weigh",
        "capacity volume",
        "transparent see-through",
        "quick fast rapid speedy swift quicker faster",
        "easy simple simplify effortless ease easier simpler",
        "big large bigger larger",
        "small little compact tiny smaller",
        "strong strength sturdy robust stronger",
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
        "stable stability stabilize",
        "phone telephone",
        "double dual twin",
        "apply application applicator applied",
        "finish finished",
        "prime primer",
        "operate operation",
        "plumbing plumber",
        *(f"{word} {word}{'r' if word.endswith('e') else 'er'}" for word in _GRADED),
        "slim slimmer",
        "heavy heavier",
    )
)
"""Groups of words that say the same of a product."""
