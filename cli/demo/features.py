"""The features of the demo product, in groups; within a group each one usually follows the one above it."""

from collections.abc import Mapping
from typing import Final

FEATURES: Final[Mapping[str, str]] = {
    "editing": """
        Video Editor | basic | The timeline where clips are cut, ordered and layered.
        Smart Trim | basic | Finds the slow parts of a clip and suggests where to cut.
        Speed Ramp | advanced | Slows down or speeds up within a clip along a curve.
        Multicam Sync | advanced | Lines up several cameras by their sound and switches between them.
        Version History | basic | Goes back to any earlier state of a project.
    """,
    "text": """
        Auto Captions | basic | Writes captions from speech and keeps them in time.
        Caption Styles | basic | Gives captions a typeface, a colour and a way to appear.
        Translate Captions | advanced | Turns captions into forty languages without moving their timing.
        Animated Titles | basic | Titles that move in and out with the rhythm of the cut.
        Script to Video | advanced | Builds a first cut from a written script.
    """,
    "audio": """
        Noise Removal | basic | Takes hum, wind and room echo out of speech.
        Music Library | basic | Thousands of cleared tracks, sorted by mood and tempo.
        Beat Sync | advanced | Moves cuts onto the beat of the chosen track.
        Voice Over | basic | Records a voice track while the picture plays.
        Voice Cloning | advanced | Reads new lines in your own recorded voice, with your consent.
    """,
    "effects": """
        Background Removal | basic | Cuts people out of a clip without a green screen.
        Colour Grading | advanced | Wheels, curves and looks for the colour of a whole film.
        Transitions Pack | basic | Sixty ways from one clip to the next.
        Motion Tracking | advanced | Pins text or graphics to something that moves.
        Particle Effects | advanced | Snow, sparks, dust and confetti with real depth.
    """,
    "generation": """
        Text to Clip | basic | Generates a short clip from one sentence.
        Image to Video | basic | Brings a still picture to life with camera moves.
        Avatar Presenter | advanced | A digital presenter reads your text to the camera.
        Scene Extender | advanced | Continues a shot beyond its last frame.
        Style Transfer | advanced | Repaints a clip in the manner of a reference picture.
    """,
    "brand": """
        Brand Kit | basic | Keeps logos, colours and typefaces in one place.
        Logo Reveal | basic | Animates a logo for the first or last seconds.
        Lower Thirds | basic | Name and role below a speaker, in brand colours.
        Template Lock | advanced | Lets a team change words and clips, but not the design.
        Bulk Personalise | advanced | Makes hundreds of versions from one table of names.
    """,
    "collaboration": """
        Shared Projects | basic | Several people work on one project at once.
        Frame Comments | basic | Comments that stay with a frame and a spot in it.
        Approval Flow | advanced | Asks the right people to sign off before publishing.
        Asset Library | basic | One searchable home for a team's clips and music.
        Screen Recorder | basic | Records screen, camera and voice together.
    """,
    "publishing": """
        Auto Resize | basic | Reframes a video for every aspect ratio, following faces.
        Thumbnail Maker | basic | Suggests stills and adds a readable title.
        Schedule Posts | basic | Publishes to connected channels at a chosen time.
        Viewer Insights | advanced | Shows where viewers stop watching.
        Subtitle Export | basic | Saves captions as separate files for other players.
    """,
}
"""Group -> one "name | level | description" a line."""
