"""The edits by name. Each is a function `edit(image, strength, draws) -> image`.

`image` is a float tensor (3, H, W), RGB, 0 to 1. `strength` is above 0 and at most 1, the full effect of the word.
All randomness comes from `draws`. An edit keeps the shape and the range 0 to 1. To add an edit, write a function in
this folder, register it below, list its words in `generation/edit_words.py` (of a medium: `medium_words.py`) and its
place in `edit_plan.py`. `BORROWING_EDITS` take one more image, a photo that shows the facet value:
`edit(image, reference, strength, draws)`.
"""

EDITS = {
    "background": "atlantis_core.generation.edits.surroundings:background",
    "background_blur": "atlantis_core.generation.edits.surroundings:background_blur",
    "background_clutter": "atlantis_core.generation.edits.surroundings:background_clutter",
    "background_plain": "atlantis_core.generation.edits.surroundings:background_plain",
    "blur": "atlantis_core.generation.edits.camera:blur",
    "bright": "atlantis_core.generation.edits.light:bright",
    "cartoon": "atlantis_core.generation.edits.flat_colour:cartoon",
    "clear": "atlantis_core.generation.edits.light:clear",
    "cool": "atlantis_core.generation.edits.tone:cool",
    "dark": "atlantis_core.generation.edits.light:dark",
    "fog": "atlantis_core.generation.edits.weather:fog",
    "glare": "atlantis_core.generation.edits.light:glare",
    "grey": "atlantis_core.generation.edits.reproduction:grey",
    "high_contrast": "atlantis_core.generation.edits.tone:high_contrast",
    "infrared": "atlantis_core.generation.edits.reproduction:infrared",
    "line_drawing": "atlantis_core.generation.edits.drawing:line_drawing",
    "low_contrast": "atlantis_core.generation.edits.tone:low_contrast",
    "motion": "atlantis_core.generation.edits.camera:motion",
    "muted": "atlantis_core.generation.edits.tone:muted",
    "night": "atlantis_core.generation.edits.light:night",
    "noise": "atlantis_core.generation.edits.camera:noise",
    "occlusion": "atlantis_core.generation.edits.surroundings:occlusion",
    "painting": "atlantis_core.generation.edits.painting:painting",
    "print": "atlantis_core.generation.edits.reproduction:print_ink",
    "rain": "atlantis_core.generation.edits.weather:rain",
    "screen": "atlantis_core.generation.edits.reproduction:screen",
    "sharp": "atlantis_core.generation.edits.camera:sharp",
    "silhouette": "atlantis_core.generation.edits.flat_colour:silhouette",
    "snow": "atlantis_core.generation.edits.weather:snow",
    "storm": "atlantis_core.generation.edits.weather:storm",
    "sunset": "atlantis_core.generation.edits.light:sunset",
    "viewpoint": "atlantis_core.generation.edits.viewpoint:viewpoint",
    "vivid": "atlantis_core.generation.edits.tone:vivid",
    "warm": "atlantis_core.generation.edits.tone:warm",
}

BORROWING_EDITS = {
    "borrowed_amplitude": "atlantis_core.generation.edits.borrowed:borrowed_amplitude",
    "borrowed_colours": "atlantis_core.generation.edits.borrowed:borrowed_colours",
}
