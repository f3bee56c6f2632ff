"""English: nouns that name products and parts of them, and which of them are counted."""

from __future__ import annotations

PRODUCTS = frozenset(
    "adapter adhesive amplifier anchor applicator apron assortment attachment backpack bag "
    "balance ball bandage barrel basin battery bead beaker bearing belt bench bin blade blanket "
    "block board bolt book bottle bowl box bracket breadboard brush bucket buckle bulb burner "
    "bushing button buzzer cabinet cable calculator caliper camera can canister cap card cart "
    "cartridge case caster caulk cement centrifuge chain chair charger chart chisel clamp cleaner "
    "cleanser clip clock cloth coating collar compass compound compressor connector container "
    "controller converter cooler cord cot counter coupler coupling cover crayon cream cuff cup "
    "curtain cushion cutter cylinder dehumidifier desiccant desk detector detergent die disc dish "
    "disk dispenser display dolly door drawer drill driver dropper drum dryer duct earmuff "
    "earplug enclosure envelope epoxy extruder fabric fan fastener faucet feeder filament file "
    "film filter fitting flake flange flashlight flask foam folder forceps frame funnel fuse "
    "gasket gauge gear gel generator glasses glove glue goggle gown grease grinder grip grommet "
    "growler hammer handle hanger hat head header heater helmet hinge holder hook hose hotplate "
    "hydrometer incubator indicator insert inverter jacket jar jug key keyboard kit knife knob "
    "label ladder lamp laser latch lathe lens lever light liner lock lotion lubricant lug machine "
    "magnet magnifier manifold marker mask mat meter micrometer microphone microscope mirror "
    "mixer module monitor mop mortar motor mount mouse multimeter nail needle notebook nozzle nut "
    "oil oscilloscope oven pad pail paint pan panel paper paste pen pencil penlight photometer "
    "pin pipe pipette plate platform pliers plug pocket pole pouch powder primer printer probe "
    "protector pulley pump punch putty rack razor reamer receiver reducer refractometer regulator "
    "relay remover resin resistor ring rivet robot rod roller rope router ruler sander sandpaper "
    "scale scalpel scissors scoop scraper screen screw screwdriver seal sealant sealer seat "
    "sensor set shaft shears sheet shelf shield shim shirt shoe sign siphon sleeve slide sling "
    "soap socket solder solution solvent spacer spatula speaker spindle splitter sponge spool "
    "spoon spray sprayer spring stand stapler stethoscope sticker stirrer stone stool stopper "
    "stopwatch strainer strap strip swab switch swivel syringe table tachometer tag tape tee "
    "terminal terminator tester thermistor thermocouple thermometer thermostat tie timer tire "
    "tongs tool toothbrush torch towel towelette toy transducer transformer tray trolley tube "
    "tubing tweezers vacuum valve vest vial vise washer watch wedge weight wheel whistle wipe "
    "wiper wire wrap wrench yeast".split()
)
"""Nouns that name a product by themselves, in the singular, where a title ends with one."""
COMPOUNDS = ("cutoff wheel", "drill bit", "end mill", "heat sink", "saw blade", "test lead")
"""The same in two words."""
UNCOUNTED = frozenset(
    "adhesive caulk cement cloth coating cream desiccant detergent epoxy fabric filament film "
    "foam gel glue grease lotion mortar oil paint paper paste powder putty resin sandpaper soap "
    "solder spray tape tubing wire wrap yeast".split()
)
"""Those of them that take no article: a material, or what is sold by length."""
EITHER = frozenset(
    "bar cable chain cord duct hose light line lubricant mesh pipe plate rope sealant sheet "
    "solution solvent stone thread tube vacuum".split()
)
"""Those that may do without one: "connects hose to pipe"."""
ALWAYS_PLURAL = frozenset("forceps glasses pliers scissors shears tongs tweezers".split())
PARTS = frozenset(
    "band bed bristle chamber chuck circuit clasp closure contact core cutout design device dial "
    "drain edge element end finish flute grommet groove guard head hole housing inlet jaw joint "
    "lid line lining link loop mechanism mouth neck opening outlet pattern pitch point port "
    "radius rail rim roll root scraper shank shape shoulder slot spout stem step surface system "
    "tank thread tip trigger wall zipper".split()
)
"""Parts of products that are counted."""
GOODS = frozenset(
    "balloon bar bouquet brownie burger cake calendar candle card cookie cracker dinner donut egg "
    "game item magazine meal muffin newspaper ornament pie plant pizza pudding roast sandwich "
    "snack steak sweater toothbrush wreath".split()
)
"""Groceries and gifts that are counted."""
COUNTED = (PRODUCTS - UNCOUNTED - ALWAYS_PLURAL) | PARTS | GOODS
"""Nouns that need an article, or a number, in the singular."""
