"""English: materials and colours, which belong to one part of a product and not to another."""

from __future__ import annotations

MATERIALS = frozenset(
    "steel stainless iron brass bronze copper aluminum aluminium titanium zinc nickel chrome tin "
    "pewter metal plastic vinyl pvc polyethylene polypropylene polycarbonate polystyrene polyester "
    "acrylic nylon abs ptfe silicone rubber latex leather suede wood wooden oak pine birch walnut "
    "maple beech cedar teak mahogany plywood bamboo cork glass crystal ceramic porcelain stoneware "
    "stone marble granite slate concrete cotton linen wool merino cashmere silk satin velvet felt "
    "fleece denim canvas mesh microfiber fabric paper cardboard foam fiberglass fibreglass carbon "
    "diamond quartz borosilicate neoprene spandex elastane viscose bakelite resin wicker rattan "
    "jute bristle".split()
)
COLOURS = frozenset(
    "red blue green yellow orange purple pink brown black white gray grey beige ivory cream navy "
    "turquoise teal magenta maroon burgundy violet lavender charcoal amber gold golden silver "
    "khaki olive".split()
)
