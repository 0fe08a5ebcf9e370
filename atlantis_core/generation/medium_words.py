"""Words that name a medium: a drawing, a painting, a print, a screen, another sensor. `edit_words` has the others."""

MEDIUM_WORDS: dict[str, str] = {
    "borrowed_amplitude": "borrowed amplitude, borrowed spectrum, borrowed frequencies, fourier amplitude",
    "borrowed_colours": "borrowed colours, borrowed colors, colour transfer, color transfer",
    "cartoon": "cartoon, cartoonish, cartoony, cartoon style, comic strip, comic book, comic style, anime, manga, "
    "clipart, clip art, flat colour, flat color, flat colours, flat colors, cel shaded, cel shading, cell shaded, "
    "vector art, vector graphic, vector graphics, vector illustration, flat illustration, flat design, caricature, "
    "animated film, posterised, posterized",
    "grey": "bw, b w, monochromatic, black white, panchromatic, no colour, no color, without colour, without color",
    "infrared": "infrared, infra red, near infrared, nir, thermal, thermal image, thermal camera, thermographic, "
    "thermogram, thermography, flir, heat camera, white hot, black hot",
    "line_drawing": "line drawing, sketch, sketchy, sketched, drawing, drawn, hand drawn, handdrawn, line art, "
    "lineart, line work, linework, pencil drawing, pencil sketch, pen drawing, pen sketch, ink drawing, ink sketch, "
    "pen and ink, doodle, doodled, scribble, scribbled, quickdraw, quick draw, freehand, contour drawing, "
    "outline drawing, charcoal drawing, chalk drawing, technical drawing, coloring page, colouring page, "
    "coloring book, colouring book, edge map, edge drawing",
    "painting": "painting, painted, painterly, oil painting, oil paint, oil on canvas, watercolour, watercolor, "
    "water colour, water color, aquarelle, gouache, acrylic painting, impressionist, impressionism, art painting, "
    "brush strokes, brushstrokes, artwork, fresco",
    "print": "halftone, half tone, newsprint, printed page, printed on paper, print out, printout, screen print, "
    "screenprint, silkscreen, risograph, lithograph, lithography, woodcut, wood cut, woodblock, linocut, engraving, "
    "engraved, etching, etched, stencil, stenciled, stencilled, photocopy, photocopied, xerox",
    "screen": "screenshot, screen shot, screen capture, on a screen, on screen, photo of a screen, moire, moiré, "
    "crt, lcd screen, computer screen, tv screen",
    "silhouette": "silhouette, silhouetted, shadow play, shadow puppet",
}

VALUE_WORDS: dict[str, str] = {
    "cartoon": "comic, illustration, illustrated, vector, graphic, graphics, infograph, infographic, icon, emoji, "
    "sticker, animation, animated, toon, graffiti",
    "grey": "mono",
    "infrared": "ir, tir, swir, lwir",
    "line_drawing": "pencil, pen, ink, chalk, charcoal, crayon, graphite, outline, outlined, contour, blueprint, "
    "tattoo",
    "painting": "paint, oil, canvas, acrylic, art, artistic, deviantart, pastel, mural, tempera",
    "print": "print, printed, poster, newspaper, magazine, leaflet, flyer, brochure, scan, scanned, fax",
    "screen": "screen, monitor, tv, television, display, lcd, oled, projector",
}
"""Words that name a medium only as the value of a facet: in a prompt they are things ("a pen beside a screen")."""

OTHER_FACETS = frozenset({"material", "fabric", "texture", "colour", "color", "background", "surface", "packaging"})
"""Facets of which such a word names no medium: `material=canvas`."""

MEDIA = ("line_drawing", "cartoon", "painting", "silhouette", "print", "screen", "infrared", "grey")
"""At most one is used."""

OUTLINED = frozenset({"line_drawing", "cartoon", "silhouette"})
"""Media for which the object is looked for."""

DRAWN = frozenset({"line_drawing", "cartoon", "painting", "silhouette", "print"})
"""Media made by hand or by a press: no light, weather or camera is in them, so words for these are ignored."""
