"""Forty goals in five languages with the typed goal that each should come to, written down before any was read."""

from __future__ import annotations

from dataclasses import dataclass, field

from atlantis_core.records import Collection, LabelledImage


@dataclass(frozen=True, slots=True)
class Expected:
    """What a goal should come to."""

    outcome: str = "improve"
    """`improve`, `diagnose`, or `refused`: a question, a choice by the test split, or nothing here shows it."""
    classes: tuple[str, ...] = ()
    """Class names; crossed with `values`."""
    values: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    """Classes and values that are left alone."""
    target: float | None = None
    gain: float | None = None
    images: int | None = None
    usd: float | None = None
    rounds: int | None = None
    unmatched: tuple[str, ...] = ()
    """Words that must be read back as naming nothing."""


@dataclass(frozen=True, slots=True)
class GoalCase:
    """A goal, where it is stated, and what it should come to."""

    language: str
    collection: str
    text: str
    expected: Expected = field(default_factory=Expected)


def build_collection(counts: dict[str, int], facet: str = "", values: tuple[str, ...] = ()) -> Collection:
    """Return a collection with so many training photos of each class, and a query of each class and value."""

    def facets(value: str) -> dict[str, str]:
        return {facet: value} if facet else {}

    shown = values or ("",)
    images = [
        LabelledImage(f"{name}{k}", "/x", name, "train", "both", facets(shown[k % len(shown)]))
        for name, count in counts.items()
        for k in range(count)
    ]
    images += [
        LabelledImage(f"{name}{value}?", "/x", name, "validation", "both", facets(value))
        for name in counts
        for value in shown
    ]
    return Collection("c", "/", tuple(images), (facet,) if facet else (), {}, (), True, 0)


COLLECTIONS = {
    "boats": build_collection(
        {"trawler-red-white": 9, "trawler-blue-black": 9, "tug-red-white": 6, "sloop-blue-white": 9},
        "condition",
        ("day", "fog", "night"),
    ),
    "shop": build_collection(
        {"Royal-Gala": 9, "Red-Delicious": 9, "Oat-Milk": 8, "Orange-Juice": 9, "Orange-Carrot-Juice": 1},
        "light",
        ("dark", "normal", "bright"),
    ),
    "animals": build_collection({"zebra": 8, "horse": 8, "sea_turtle": 6, "owl": 8}, "style", ("photo", "sketch")),
    "birds": build_collection({"Snowy_Owl": 9, "Barn_Owl": 8, "Sky_Lark": 9, "Rock_Wren": 2, "Kakapo": 1}),
}

_TRAWLERS = ("trawler-red-white", "trawler-blue-black")
_RARE_BIRDS = ("Rock_Wren", "Kakapo")
_REFUSED = Expected("refused")

CASES = (
    GoalCase(
        "English",
        "boats",
        "night photos of trawlers are not found; 300 images, 2 dollars",
        Expected(classes=_TRAWLERS, values=("night",), images=300, usd=2),
    ),
    GoalCase("English", "boats", "make it better"),
    GoalCase("English", "boats", "use the test set to pick the best", _REFUSED),
    GoalCase("English", "boats", "stop after diagnosis and tell me if more images would help", Expected("diagnose")),
    GoalCase("English", "shop", "night photos are not found", _REFUSED),
    GoalCase(
        "English",
        "boats",
        "double recall on tugs, skip fog",
        Expected(classes=("tug-red-white",), skip=("fog",), unmatched=("double",)),
    ),
    GoalCase("English", "boats", "why was round 1 rejected?", _REFUSED),
    GoalCase(
        "English",
        "animals",
        "sketches of animals return the wrong thing, at most 200 images",
        Expected(values=("sketch",), images=200),
    ),
    GoalCase("English", "shop", "our customers' set of dim pictures does badly", Expected(values=("dark",))),
    GoalCase(
        "English",
        "shop",
        "products with only a handful of pictures are never found",
        Expected(classes=("Orange-Carrot-Juice",)),
    ),
    GoalCase(
        "English",
        "boats",
        "foggy tugs by 4 points",
        Expected(classes=("tug-red-white",), values=("fog",), gain=0.04),
    ),
    GoalCase("English", "boats", "get recall@1 on night to 70%", Expected(values=("night",), target=0.7)),
    GoalCase(
        "English",
        "animals",
        "zebra sketches are taken for horses",
        Expected(classes=("zebra",), values=("sketch",)),
    ),
    GoalCase(
        "English",
        "boats",
        "improve everything but leave sloops alone, no more than 150 images",
        Expected(skip=("sloop-blue-white",), images=150),
    ),
    GoalCase("English", "boats", "only show me where it fails, do not train anything", Expected("diagnose")),
    GoalCase(
        "English",
        "shop",
        "classes that have at most two training pictures",
        Expected(classes=("Orange-Carrot-Juice",)),
    ),
    GoalCase("English", "birds", "the rarest species are missed", Expected(classes=_RARE_BIRDS)),
    GoalCase(
        "English",
        "birds",
        "owls in flight are missed",
        Expected(classes=("Snowy_Owl", "Barn_Owl"), unmatched=("flight",)),
    ),
    GoalCase("English", "boats", "photos taken after dark come back wrong", Expected(values=("night",))),
    GoalCase(
        "English",
        "animals",
        "photos of owls, not drawings, are missed",
        Expected(classes=("owl",), values=("photo",)),
    ),
    GoalCase(
        "English",
        "boats",
        "trawlers and tugs at night, 2 rounds, no new images",
        Expected(classes=(*_TRAWLERS, "tug-red-white"), values=("night",), images=0, rounds=2),
    ),
    GoalCase(
        "English",
        "shop",
        "Royal Gala and Red Delicious get mixed up",
        Expected(classes=("Royal-Gala", "Red-Delicious")),
    ),
    GoalCase(
        "English",
        "boats",
        "do not use the test images to choose anything; improve fog by 2 points",
        Expected(values=("fog",), gain=0.02),
    ),
    GoalCase("English", "boats", "submarines are not found", _REFUSED),
    GoalCase("English", "shop", "what did round 2 change?", _REFUSED),
    GoalCase(
        "German",
        "boats",
        "Nachtfotos von Trawlern werden nicht gefunden, höchstens 300 Bilder",
        Expected(classes=_TRAWLERS, values=("night",), images=300),
    ),
    GoalCase(
        "German",
        "boats",
        "um 3 Punkte besser bei Nebel, keine Bilder erzeugen",
        Expected(values=("fog",), gain=0.03, images=0),
    ),
    GoalCase(
        "German", "shop", "Dunkle Fotos werden verwechselt; den Rest in Ruhe lassen", Expected(values=("dark",))
    ),
    GoalCase(
        "German",
        "animals",
        "Skizzen von Meeresschildkröten, zwei Runden",
        Expected(classes=("sea_turtle",), values=("sketch",), rounds=2),
    ),
    GoalCase(
        "Spanish",
        "boats",
        "las fotos nocturnas no se encuentran, deja los remolcadores en paz",
        Expected(values=("night",), skip=("tug-red-white",)),
    ),
    GoalCase(
        "Spanish",
        "animals",
        "los dibujos de cebras salen mal; 150 imágenes y 1,50 dólares",
        Expected(classes=("zebra",), values=("sketch",), images=150, usd=1.5),
    ),
    GoalCase(
        "Spanish",
        "shop",
        "los productos con pocas fotos no se encuentran",
        Expected(classes=("Orange-Carrot-Juice",)),
    ),
    GoalCase("Spanish", "boats", "solo diagnostica: ¿dónde falla la niebla?", Expected("diagnose", values=("fog",))),
    GoalCase(
        "Chinese",
        "boats",
        "夜间拖网渔船的照片找不到,最多三百张图片",
        Expected(classes=_TRAWLERS, values=("night",), images=300),
    ),
    GoalCase("Chinese", "shop", "夜间照片找不到", _REFUSED),
    GoalCase(
        "Chinese",
        "animals",
        "手绘的马图片检索错误,提高5个百分点",
        Expected(classes=("horse",), values=("sketch",), gain=0.05),
    ),
    GoalCase("Chinese", "boats", "为什么第一轮被拒绝了?", _REFUSED),
    GoalCase(
        "French",
        "boats",
        "les photos de nuit des chalutiers ne sont pas trouvées, 2 tours au plus",
        Expected(classes=_TRAWLERS, values=("night",), rounds=2),
    ),
    GoalCase("French", "animals", "utilise le jeu de test pour choisir le meilleur modèle", _REFUSED),
    GoalCase("French", "boats", "améliore tout sauf le brouillard", Expected(skip=("fog",))),
)
