"""The visual styles of the demo product, six in each family of looks."""

from collections.abc import Mapping
from typing import Final

STYLES: Final[Mapping[str, str]] = {
    "clean": """
        Modern | cool | Even light, generous margins and one confident typeface. Suits almost any footage.
        Swiss Grid | monochrome | Everything sits on a strict grid, with red used once per frame.
        Paper White | monochrome | Bright backgrounds and thin grey captions that keep out of the way.
        Soft Slate | cool | Grey-blue surfaces with rounded corners and quiet shadows.
        Clear Sky | cool | Light blues and airy spacing for messages that should feel open.
        Studio Neutral | muted | Seamless backdrops and true skin tones, as in a photo studio.
    """,
    "bold": """
        Poster Type | vivid | Letters fill the frame like a concert poster on a wall.
        High Voltage | vivid | Yellow on black, hard cuts and captions that hit on the beat.
        Colour Block | vivid | Flat blocks of saturated colour slide in behind each clip.
        Street Stencil | dark | Sprayed lettering and rough edges on concrete grey.
        Red Alert | vivid | One loud red carries every title and every transition.
        Big Beat | vivid | Zooms and shakes follow the drums, frame by frame.
    """,
    "cinematic": """
        Golden Hour | warm | Low sun, long shadows and a gentle bloom on the highlights.
        Teal and Orange | muted | The grade of a summer blockbuster with wide bars above and below.
        Film Noir | monochrome | Black and white with venetian shadows and slow dissolves.
        Northern Light | cool | Cold blues, fog and plenty of room around the subject.
        Desert Epic | earthy | Dust, heat and a horizon kept low in the frame.
        Rainy Window | dark | Blurred lights behind wet glass, with captions set small.
    """,
    "playful": """
        Candy Pop | pastel | Sugar colours, springy motion and letters like balloons.
        Cartoon Lines | vivid | Thick outlines and speech bubbles drawn around the people in a clip.
        Confetti | vivid | Paper confetti bursts at every cut without covering faces.
        Bubble Gum | pastel | Pink and mint with rounded frames and soft bounces.
        Toy Box | vivid | Wooden blocks spell titles and knock each other over.
        Sunny Stickers | pastel | Hand-picked stickers wiggle in the corners of each shot.
    """,
    "elegant": """
        Ivory Serif | muted | Cream backgrounds and a high-contrast serif with wide spacing.
        Black Tie | dark | Deep black, silver rules and unhurried cross-fades.
        Rose Gold | pastel | Blush tones and metallic lettering that catches the light.
        Gallery Wall | monochrome | Clips hang framed on a white wall with small labels below.
        Velvet | dark | Dark jewel colours and slow, heavy transitions.
        Champagne | warm | A pale gold shimmer over portraits and table settings.
    """,
    "retro": """
        Super Eight | warm | Flicker, dust and rounded corners of home cinema film.
        Synthwave Sunset | vivid | Purple grids, chrome letters and a striped sun.
        VHS Tape | muted | Tracking lines, a blinking timer and slightly smeared colour.
        Seventies Print | earthy | Brown, orange and mustard with curved stripes.
        Pixel Arcade | vivid | Blocky letters and eight-bit transitions from an arcade hall.
        Instant Photo | warm | White-bordered prints drop onto a table and develop.
    """,
    "neon": """
        Neon Noir | dark | Wet streets, glowing signs and faces lit from the side.
        Cyber Alley | dark | Dense signs, scan lines and cyan against magenta.
        Laser Grid | dark | Thin light beams draw each title into the dark.
        Glitch Pop | vivid | Channels split and snap back in time with the music.
        Ultraviolet | dark | Violet light and fluorescent ink on a black ground.
        Night Drive | dark | Dashboard glow and passing lights, slow and steady.
    """,
    "handmade": """
        Paper Collage | earthy | Cut paper, visible glue and shadows between the layers.
        Pencil Sketch | monochrome | Clips turn into line drawings and back again.
        Chalkboard | dark | White chalk on green slate, wiped clean between scenes.
        Watercolour | pastel | Colours bleed softly into each other behind the footage.
        Felt and Thread | earthy | Stitched borders and letters sewn into felt.
        Scrapbook | warm | Tape, ticket stubs and handwritten notes around each picture.
    """,
    "natural": """
        Forest Walk | earthy | Greens and browns with leaf shadows drifting over titles.
        Linen | muted | Woven texture, warm white and soft side light.
        Sea Breeze | cool | Washed blues, sand tones and light that moves like water.
        Harvest | warm | Late-summer gold with rough wooden title boards.
        Stone and Moss | earthy | Quiet grey surfaces with a touch of green.
        Morning Light | warm | A bright window, long fades and captions set in lower case.
    """,
    "tech": """
        Blueprint Lines | cool | White construction lines on deep blue explain the picture.
        Glass Panels | cool | Translucent cards float over blurred footage.
        Dark Console | dark | Monospaced green text types itself beside the clip.
        Data Flow | cool | Charts grow out of the footage along thin lines.
        Hologram | cool | Flickering outlines rotate in front of a dark stage.
        Circuit | dark | Copper traces light up from one title to the next.
    """,
}
"""Family -> one "name | palette | description" a line."""
