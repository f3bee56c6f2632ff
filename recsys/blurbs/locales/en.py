"""English: function words, openers, refused claims, units, relation markers."""

from __future__ import annotations

import re

from recsys.blurbs.locales import Locale, glue_pattern
from recsys.blurbs.locales.en_labels import COMPLETION, SHELVES, UNFINISHED
from recsys.blurbs.locales.en_occasions import COMPLIMENTS, EMPTY, OCCASIONS, PREDICATES
from recsys.blurbs.locales.en_paraphrase import (
    GLUE,
    IDIOMS,
    IMPERATIVES,
    LINKING,
    SYNONYMS,
    TRANSITIVE,
)
from recsys.blurbs.locales.en_properties import COLOURS, MATERIALS
from recsys.blurbs.locales.en_shopper import PERFECT
from recsys.blurbs.locales.units import UNITS


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{p})" for p in patterns), re.IGNORECASE)


FUNCTION_WORDS = _words(
    "a an the this these that those it its it's they them their there here which who whose what "
    "when where while "
    "and or but nor so as if than then also too both either each every any all some other "
    "another own such same "
    "of in on at by to from with for into onto upon over under up down out off through between "
    "within without against "
    "along across around about after before during per via plus near "
    "is are be been being was were am do does did has have had having can could will would may "
    "might should "
    "not no nor never cannot isn't aren't doesn't don't won't can't "
    "you your yours you'll you're you've "
    "come comes coming get gets give gives offer offers feature features featuring include "
    "includes including included "
    "provide provides make makes made let lets bring brings keep keeps use uses used using serve "
    "serves work works "
    "fit fits suit suits suitable designed contain contains containing need needs require "
    "requires "
    "try one ones pick choice option item product pair pairs s t"
)

_ADJECTIVES = (
    "strong|fast|light|small|large|bigg|thick|thinn|tough|hard|soft|smooth|clean|fresh|new|lat|"
    "cool|hott|warm|sharp|bright|quick|"
    "high|low|long|short|deep|wid|saf|rich|pur|easi|heavi|tasti|crispi|crisp|healthi|happi|quiet|"
    "loud|clos|simpl|great|fin|nic|cheap|"
    "smart|rar|strict|tight|bold|clear|dark|dens|dri|young|old|sweet|creami|juici|mild|neat|slim|"
    "steadi|sturdi|tini|full|broad|handi|mighti|roomi"
)

CLAIMS = {
    "price": _any(
        r"[$\u00a3\u20ac\u00a5\u20b9]\s*\d|\d\s*(?:[$\u00a3\u20ac\u00a5\u20b9]|usd|eur|gbp|rmb|chf|aud|inr|sek|"
        r"nok|dkk|pln|z\u0142|jpy|cny|kr|dollars?|euros?|pounds sterling|cents?|bucks)\b",
        r"[$\u00a3\u20ac\u00a5\u20b9]|\b(?:usd|eur|gbp|chf|aud|inr|sek|nok|dkk|pln|jpy|cny|kr)\s*\d",
        r"\b(?:pric(?:e[ds]?|ing|ey)|cheap(?:er|est|ly)?|affordab\w+|inexpensive|"
        r"economical(?:ly)?|budget|bargains?|discount\w*|"
        r"coupons?|rebates?|cost(?:s|ly|-effective)?|savings?|clearance|msrp|rrp|refunds?|"
        r"money[- ]?back|voucher\w*|promo\w*|wholesale)\b",
        r"\bsav(?:e|es|ing)\s+(?:you\s+|even\s+)?(?:money|up|big|\d|on\b|more)|\bin bulk\b",
        r"\b(?:great|good|best|better|real|excellent|super|unbeatable)\s+(?:value|deal|buy|"
        r"offer)s?\b|\bvalue for (?:your )?money|\bfor less\b",
        r"\bon sale\b|\bsale\b|\bdeals?\b|\bspecial offer|\bfor free\b|\bfree (?:shipping|"
        r"delivery|gift|sample|returns?)\b|\b\d+\s*% off\b|\bhalf off\b|\bbuy one\b|\bmoney\b",
    ),
    "stock": _any(
        r"\b(?:in|out of|back in|limited|low|while) (?:stock|supply|supplies|quantit\w+)\b|"
        r"\bin[- ]stock\b|\bsold out\b|\bselling (?:fast|out)\b",
        r"\bstock(?:s|ed)?\s+(?:is|are|up|now|left|lasts?)\b|\bavailable (?:now|today|again|"
        r"immediately|while|for a limited)",
        r"\b(?:only|just|last)\s+(?:a\s+)?(?:few|\d+)\s+(?:left|remain\w*|available|in stock)|"
        r"\bleft in stock\b|\blimited (?:time|edition|offer|availability|quantity|run)\b",
        r"\bhurry\b|\bact (?:now|fast)\b|\bdon'?t miss\b|\bships?\b|\bshipping\b|\bshipped\b|"
        r"\bdeliver(?:s|ed|y|ies)?\b(?! system| tube| rate| pressure| port)|\bnext[- ]day\b|"
        r"\bdispatch\w*|\bdiscontinued\b|\bpre-?order",
    ),
    "health": _any(
        r"\b(?:diseases?|illness(?:es)?|infections?|cancers?|diabet\w+|arthritis|anxiety|"
        r"depression|insomnia|inflammation|symptoms?|headaches?|acne|wrinkles|cholesterol|"
        r"blood pressure|decay|plaque|gingivitis|cavities|periodontal|tartar|pain(?:s|ful|"
        r"less)?|aches?|flu|virus\w*|germs?|bacteria\w*|whiten\w*|whiter|disinfect\w*|"
        r"antiseptic|kills?)\b",
        r"\bsafe (?:for|to|on|in|around|with)\b",
        r"\b(?:cure[ds]?|curing|heal(?:s|ed|ing|thy|thier|thiest|thful)?|health(?!\s*(?:&|"
        r"and)\s*(?:beauty|household|personal))|wellness|remed(?:y|ies)|therap\w+|medicinal|"
        r"medically|clinical(?:ly)?)\b",
        r"\b(?:treat(?:s|ment|ments)?|prevent(?:s|ing)?|reliev(?:e|es|ing)|relief|sooth(?:e|es|"
        r"ing)|reduc(?:e|es|ing)|eas(?:e|es)|fight(?:s|ing)?|protects? (?:you )?(?:from|"
        r"against))\s+(?:\w+\s+){0,3}"
        r"(?:pain|aches?|disease|illness|infection|cancer|diabet\w+|arthritis|anxiety|stress|"
        r"depression|insomnia|inflammation|allerg\w+|colds?|flu|virus\w*|bacteria|germs?|"
        r"symptoms?|headaches?|acne|aging|wrinkles|cholesterol|blood pressure|fatigue|"
        r"injur\w+)\b",
        r"\ballerg\w+\b|\bproven\b|\bpain (?:relief|reliever|killer)|\bpainkiller|\bimmun\w+|"
        r"\bdetox\w*|\banti-?(?:aging|"
        r"ageing|inflammatory|cancer|viral|oxidants?|wrinkle|microbial|bacterial)\b|"
        r"\bantioxidants?\b",
        r"\b(?:doctor|dentist|dermatologist|physician|pediatrician|vet|hospital|"
        r"medical)s?[- ](?:recommended|approved|grade|tested|quality)\b|\bfda\b|"
        r"\b(?:dermatologist|clinically)[- ]tested\b|\b(?:recommended|approved|endorsed|used) by "
        r"(?:\w+ )?(?:doctors?|dentists?|dermatologists?|physicians?|pediatricians?|vets?)\b|"
        r"\bsooth(?:es?|ing) (?:\w+ ){0,2}(?:muscles?|joints?|skin|throats?|backs?|feet|nerves)\b|"
        r"\bgood for (?:your |the )?(?:back|heart|skin|joints|health|digestion|eyes)\b|"
        r"\bhelps? (?:you |to |them )*(?:sleep|lose weight|heal|recover)\b",
        r"\bweight[- ]loss\b|\blose weight\b|\bslimming\b|\bfat[- ]burn\w*|\bboosts?\b|"
        r"\bnutritious\b|\bgood for you\b|\bnourish\w*|\bsuper-?foods?\b|\bhypoallergenic\b|"
        r"\bnon-?toxic\b|\b(?:completely|perfectly|totally|100%) safe\b|\bsafe for\b|\bsafely\b|"
        r"\bsleep better\b|\b(?:improve|better|support)s? (?:\w+ )?(?:digestion|heart|skin|sleep|"
        r"memory|circulation|mood|posture|vision)\b",
    ),
    "superlative": _any(
        r"\brecogni[sz]ed\b|\bworld-?wide\b|\baround the world\b|\bthe standard (?:by|of|for|"
        r"in)\b|\bincredibl[ye]\b",
        r"\b(?:industry|world|market)'?s\b|\b(?:the|'s) first\b(?! (?:few |couple |two |"
        r"three )?(?:weeks?|days?|months?|hours?|minutes?|"
        r"times?|uses?|wash|step|aid|one|place|layer|coat|half|years?)\b)|\bcan(?:'t|not) "
        r"live without\b|"
        r"\boptim(?:al|um|ally)\b",
        r"\b\d+ times (?:\w+er|more|as)\b|\bindestructible\b|\bvirtually (?:anything|"
        r"everything|any)\b",
        r"\bleaders?\b(?! (?:length|line|tape|pin))|\b(?:best|top)[- ]selling\b|"
        r"\ball you (?:need|want)\b",
        r"\b(?:eco|earth|environment(?:ally)?)[- ]friendly\b|\bsustainabl[ey]\b|"
        r"\bbiodegradable\b",
        r"\b(?:best|finest|greatest|ultimate|perfect(?:ly|ion)?|ideal(?:ly)?|unbeatable|"
        r"unmatched|unrivall?ed|unparallell?ed|unsurpassed|incomparable|matchless|flawless|"
        r"world[- ]class|world'?s|top[- ](?:quality|notch|rated|selling|of)|first[- ]class|"
        r"second to none)\b",
        r"\bno\.? ?1\b|\bnumber[- ]one\b|# ?1\b|\b#1\b|\b(?:the|industry|market|world|"
        r"global)[- ]lead(?:er|ing)\b|\bleading\b|\baward[- ]winning\b|\bgold standard\b|"
        r"\bstate[- ]of[- ]the[- ]art\b|\bcutting[- ]edge\b|\brevolutionary\b|\bgroundbreaking\b|"
        r"\bnext[- ]generation\b",
        r"\b(?:amazing|incredible|awesome|fantastic|wonderful|superb|superior(?:ity)?|excellent|"
        r"excellence|exceptional(?:ly)?|extraordinary|outstanding|remarkabl[ey]|premium|luxur\w+|"
        r"supreme|magnificent|phenomenal|stunning|spectacular|terrific|marvell?ous|brilliant|"
        r"must[- ]have|legendary|famous|renowned|favou?rites?|beloved|acclaimed|trusted|popular|"
        r"delicious|tasty|yummy|unique|genuine|everyone)\b",
        r"\b(?:high(?:est)?|great|good|top|finest|supreme|highest)[- ]quality\b|"
        r"\bhigh[- ](?:performance|end)\b|\bquality (?:you|that)\b|\bguarantee\w*|\bwarrant\w+|"
        r"\blifetime\b|\b100 ?%\s*(?:satisf|brand|new|quality|safe|effective|genuine|authentic)|"
        r"\bsatisfaction\b|\bthe (?:most|only)\b|\bmost (?:popular|reliable|durable|powerful|"
        r"advanced|trusted|effective|versatile|efficient|comfortable|accurate|loved)\b|"
        r"\bnever fails?\b|\blasts? forever\b|\bmiracle\b|\bmagic(?:al)?\b",
        rf"\b(?:{_ADJECTIVES})est\b",
        r"\b(?!(?:(?:re)?quest|interest|harvest|forest|honest|modest|latest|invest|suggest|"
        r"contest|"
        r"protest|manifest|southwest|northwest|midwest|everest|digest|ingest|infest|attest|"
        r"conquest|"
        r"earnest|tempest|priest|nearest|lowest|highest|closest|chest|guest|crest|wrest|"
        r"quest|arrest|"
        r"retest|detest|bequest|request|fest|oldest|smallest|shortest|longest|widest|"
        r"narrowest)\b)"
        r"\w{3,}est\b",
    ),
    "competitor": _any(
        r"\bmore (?!than\b).{1,40}\bthan\b|\b(?:conventional|traditional|ordinary) (?:\w+ "
        r")?\w+s\b",
        r"\b(?:better|stronger|faster|cheaper|longer|cleaner|safer|more \w+|less \w+|superior|"
        r"inferior)\s+(?:\w+\s+)?than\b|\bbeats?\b|\boutperforms?\b|\boutlasts?\b|\bcompetit\w+|"
        r"\brivals?\b|\bunlike\b|\bversus\b|\bvs\b",
        r"\b(?:other|ordinary|conventional|regular|competing|lesser|leading|typical|"
        r"similar) (?:brands?|manufacturers?|makers?|products? on)\b|\balternative to\b|"
        r"\bknock-?offs?\b|\bcompare[sd]? (?:to|with)\b|\bswitch from\b|\bgeneric (?:version|"
        r"brand)",
    ),
    "instruction": _any(
        r"\badd (?:\w+ ){1,6}to (?:your |the )?(?:cart|basket|bag|order)\b|\badd (?:it|this|"
        r"these|them|one|some) to (?:your |the |my )?(?:\w+ )?(?:cart|basket|bag|order|"
        r"trolley|wish ?list)\b|\b(?:order|buy|get|grab|shop|act|call|try|click) "
        r"(?:it |yours |one |this |them |here )?(?:now|today|soon|here)\b|\bdon'?t (?:wait|"
        r"hesitate)\b|"
        r"\b(?:rate|review|follow|subscribe|share|like) us\b|\bwhat are you waiting for\b",
        r"\b(?:click|tap) (?:here|on|the)\b|\b(?:buy|order|shop|purchase|add to cart|subscribe|"
        r"sign up|call|contact|e-?mail|visit|text|message|follow) (?:us|now|today|our|this|it|"
        r"the (?:seller|store|website))\b|\badd(?:ed)? to (?:your )?(?:cart|basket)\b|\bcall \d|"
        r"\bplease\b|\bask (?:us|for)\b|\bwebsite\b|\bamazon\b|\bseller\b|\bcustomer service\b|"
        r"\bfeedback\b|\breviews?\b|\b(?:five|5)[- ]stars?\b|\bratings?\b",
    ),
    "personal": _any(
        r"\b(?:customers?|shoppers?|users?|people|buyers?|neighbou?rs?|friends?) (?:like|such as|"
        r"near|who|also|in|named|called|with)\b|\b(?:other|another) (?:customer|shopper|user|"
        r"buyer|people|person)s?\b|\b(?:user|customer|account|order|member|household)[- ]?(?:id|"
        r"number|no\.?|#)\b|\b(?:your|his|her|their) (?:name|address|email|phone|age|birthday|"
        r"income|gender|religion|salary|husband|wife|kids?|children|child|baby|diagnosis|"
        r"condition|pregnancy|doctor)\b|\bdear \w+|\b(?:mr|mrs|ms|dr)\.? [A-Z]\w+",
    ),
}

NAMED_CLAIMS = {
    "health": _any(
        r"\b(?:low|reduced|zero|non|less|no|lite|light)[- ]?(?:fat|sugar|sodium|calorie|carb|"
        r"salt|cholesterol)s?\b|\b(?:fat|sugar|gluten|dairy|lactose|caffeine|cholesterol|bpa|"
        r"additive)[- ]free\b|\borganic\b|\bnatural(?:ly)?\b|\bvegan\b|\bvitamins?\b|\bprotein\b|"
        r"\b(?:dietary|high|rich in|source of|soluble) fib(?:er|re)\b|\bsterile\b|\bmedical\b"
    ),
}

_MARKERS = {
    "fit": "ideal for|perfect for|great for|good for|useful for|handy for|recommended for|"
    "compatible with|compatible|works with|work with|works on|work on|use on|used on|suit most|"
    "suit all|suit any|suit the|suit your|suit many|use with|used with|fits|fit|"
    "suitable for|suited to|suited for|suits|designed for|designed to fit|made for|"
    "built for|for use in|for use with|intended for|meant for|room for|space for|made to fit|"
    "tailored to|geared to|suited for use|appropriate for|fitting for",
    "for": "for",
    "not": "no longer|not|no|without|never|cannot|can't|isn't|aren't|doesn't|don't|won't|wasn't|"
    "non|except|"
    "excluding|avoid|instead of|rather than|free of|free from|lacks|lack|lacking|neither|nor|"
    "hardly|unlike|keep out of|keep it out of|keep them out of|stay out of|stays out of|"
    "devoid of|minus|"
    "couldn't|shouldn't|should not|must not|mustn't|didn't|hasn't|haven't|nothing",
    "need": "requires|require|required|needs|need|calls for|requiring",
    "replace": "replaces|replace|replacement for|replacing|in place of",
    "has": "has|have|having|includes|include|including|contains|contain|containing|comes with|"
    "come with|comes in|come in|coming in|features|feature|featuring|equipped with|boasts|"
    "supplied with|complete with",
    "made": "made of|made from|made with|made out of|constructed of|constructed from|"
    "built from|manufactured from|made",
    "verb": "is|are|was|were|provides|offers|gives|can|will",
    "weak": "why not|not only|not just|no matter|"
    "with|from|which|that|while|to|so|because|as|by|but|who",
    "max": "max|maximum|maximum of",
    "upto": "up to|as high as|as long as|as much as|as many as|as far as|at most|no more "
    "than|under|less than|below|not over",
    "atleast": "as low as|down to|at least|minimum|minimum of|min|more than|over|above|no "
    "less than|or more",
    "about": "about|approximately|approx|around|nearly|almost|roughly",
}

EN = Locale(
    code="en",
    spaced=True,
    function_words=FUNCTION_WORDS,
    openers={
        "often_buy": (
            "Because you often buy {label}:",
            "Since you often buy {label}:",
            "You often buy {label}, so here is one more idea:",
        ),
        "bought": (
            "Because you bought {label}:",
            "Since you bought {label}:",
            "Following your purchase of {label}:",
        ),
        "goes_with": (
            "Goes with the {label} you buy:",
            "To go with the {label} you buy:",
            "Alongside the {label} you buy:",
        ),
        "similar": ("Similar to the {label} you bought:", "Close to the {label} you bought:"),
    },
    titles=("{title}.",),
    claims=CLAIMS,
    named_claims=NAMED_CLAIMS,
    units=UNITS,
    long_units=_words("fl fluid"),
    containers=_words("pack packs pk set sets box boxes case cases bag bags count roll rolls"),
    after_inch=_words("x by long wide thick high tall deep diameter length width dia l w h od id"),
    number_words={
        **{
            w: str(i)
            for i, w in enumerate(
                "one two three four five six seven eight nine ten eleven twelve thirteen "
                "fourteen "
                "fifteen sixteen seventeen eighteen nineteen".split(),
                1,
            )
            if w != "one"
        },
        **{
            w: str(10 * i)
            for i, w in enumerate(
                "twenty thirty forty fifty sixty seventy eighty ninety".split(), 2
            )
        },
        "hundred": "100",
        "thousand": "1000",
        "dozen": "12",
        "half": "1/2",
    },
    markers=tuple(
        sorted(
            ((tuple(m.split()), cls) for cls, text in _MARKERS.items() for m in text.split("|")),
            key=lambda m: -len(m[0]),
        )
    ),
    directed=_words(
        "of with without contains contain includes include from into to on onto over under "
        "inside "
        "holds hold connects replaces than by between requires require in at for through along "
        "against like fits fit suits keeps keep protects gives give makes make lets needs need "
        "has have is are as"
    ),
    history=_any(
        r"\b(?:because|since|as|if|when|like|that|the \w[^.:;]* )?\s*you(?:'ve|"
        r" have)?\s+(?:\w+ly |often |always |usually |also |already |just |once |last |"
        r"previously |recently |frequently )?(?:buy|bought|purchased?|ordered|order|"
        r"pick(?:ed)? up|shop(?:ped)? for|own|love|loved|like|liked|enjoy(?:ed)?|browsed|viewed|"
        r"chose|choose|get|use|used|tried|stock up)\b",
        r"\byour (?:\w+ )?(?:purchases?|orders?|history|basket|cart|usual|regular|favou?rites?|"
        r"last|past|previous|recent|love of|taste|interest)\b|\b(?:based on|inspired by|"
        r"following) your\b",
        r"\b(?:goes|go|pairs?|works?|alongside|together) (?:\w+ )?(?:with )?your\b|\b(?:goes|"
        r"to go|pairs|pair) (?:\w+ )?with\b|\bfor (?:fans|lovers|buyers) of\b|"
        r"\bbought together\b|\b(?:similar|close) to the\b|\balongside the\b",
    ),
    history_words=_words(
        "because since as if when often always usually also already just once last previously "
        "recently frequently regularly "
        "buy bought purchase purchased purchases order ordered orders pick picked shop shopped "
        "own love loved like liked enjoy enjoyed "
        "browsed viewed chose choose get use used tried stock history basket cart usual regular "
        "past previous recent based on inspired "
        "following goes go pair pairs together alongside well great nicely similar close fans "
        "lovers buyers idea one more here time match "
        "related next try another companion same shelf pick"
    ),
    frequency=_any(
        r"\b(?:often|always|usually|regular(?:ly)?|frequent(?:ly)?|every (?:week|day|month)|"
        r"weekly|daily|habit\w*)\b"
    ),
    sensitive=_any(
        r"\b(?:pregnan\w*|maternity|ovulation|fertility|contracepti\w*|condoms?|"
        r"lubricants? personal|personal lubricants?|lubes?|sexual\w*|sex|vibrators?|"
        r"dildos?|butt plugs?|herpes|sti|hepatitis|morning after|psoriasis|catheters?|rosar\w+|"
        r"qur'an|hijabs?|prayer rugs?|handguns?|pistols?|revolvers?|e-liquids?|hookahs?|bongs?|"
        r"champagnes?|chardonnay|prosecco|adult (?:toys?|diapers?|incontinence)|erotic\w*|"
        r"lingerie|incontinence|hiv|std|diabet\w*|glucose (?:test|monitor)\w*|insulin|cancer|"
        r"chemo\w*|hemorrhoid\w*|haemorrhoid\w*|laxatives?|wart|lice|fungal|antifungal|"
        r"yeast infection|feminine|menopaus\w*|menstrua\w*|tampons?|sanitary (?:pads?|napkins?)|"
        r"viagra|erectile|prescriptions?|rx|pharmac\w*|medications?|medicines?|drug (?:test|"
        r"screen)\w*|antidepress\w*|psychiatr\w*|addiction|methadone|naloxone|smoking cessation|"
        r"nicotine|tobacco|snuff|cigar\w*|cigs?|vap(?:e|es|ing)|cannabis|cbd|marijuana|"
        r"beers?|lagers?|wines?|whiske?ys?|whiskies|bourbons?|vodkas?|rums?|gins?|tequilas?|"
        r"brandy|brandies|cognacs?|liqueurs?|liquors?|spirits|"
        r"alcohol(?:ic)? (?:drinks?|beverages?)|weight loss|diet pills?|"
        r"hair loss|acne|wheelchair|hearing aids?|dentures?|bibles?|religio\w*|quran|koran|torah|"
        r"political|firearms?|(?<!heat )(?<!glue )(?<!nail )(?<!spray )(?<!caulking "
        r")(?<!caulk )(?<!massage )(?<!water )"
        r"(?<!staple )(?<!soldering )(?<!grease )(?<!toy )(?<!air )(?<!label )(?<!paint "
        r")(?<!pricing )guns?|"
        r"ammunition|ammo|family planning|bankrupt\w*|suicide)\b"
    ),
    foreign_words=_words(
        "el los las una unos del para con por que esta este muy le les des une du est pour avec "
        "dans sur der die das und ist mit fur für von ein eine einen einem einer den dem aus auf "
        "nicht il lo gli della per con che "
        "sono uma com para nao het een van voor"
    ),
    field_words={
        "title": frozenset(),
        "brand": _words("brand brands by from label"),
        "category": _words("range aisle section category shelf kind type department"),
        "size": _words("size sized pack weight"),
        "material": _words("material made"),
        "color": _words("color colour colored coloured"),
        "colour": _words("color colour colored coloured"),
    },
    values={
        "brand": {
            "national": "national brand",
            "private": "store brand",
            "private label": "store brand",
        },
    },
    glued_unit=glue_pattern(UNITS),
    end_mark=".",
    glue=GLUE | LINKING,
    linking=LINKING,
    imperatives=IMPERATIVES,
    idioms=IDIOMS,
    transitive=tuple(TRANSITIVE),
    courtesy=PERFECT,
    synonyms=SYNONYMS,
    compliments=COMPLIMENTS | PREDICATES,
    occasions=OCCASIONS,
    empty=COMPLIMENTS | EMPTY,
    shelves=SHELVES,
    unfinished=UNFINISHED,
    completion=COMPLETION,
    materials=MATERIALS,
    colours=COLOURS,
)
