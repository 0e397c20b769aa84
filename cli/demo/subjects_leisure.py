"""What people make videos about in their free time: the words of template titles and descriptions.

Each category names the looks that suit it, the forms it comes in, and its subjects as "name: purpose", worded so that
"to ..." can stand before the purpose.
"""

from collections.abc import Mapping
from typing import Final

LEISURE: Final[Mapping[str, tuple[str, str, str]]] = {
    "gaming": (
        "Neon Glitch Retro Futuristic Bold",
        "Intro Reel Countdown Opener Recap",
        """
        Stream Starting: keep viewers company until the stream begins
        Boss Fight: build up to the winning blow
        Speedrun: show splits and a timer beside the run
        Clutch Moments: line up narrow wins back to back
        Patch Notes: sum up what changed in an update
        Tournament Bracket: follow teams from first round to final
        Guild Recruitment: find players who fit the team
        Game Review: weigh what works against what does not
        Loadout Guide: compare equipment choices with their numbers
        Let's Play: open an episode and recall the previous one
        """,
    ),
    "food": (
        "Warm Earthy Bold Handmade Pastel",
        "Reel Story Promo Loop Slideshow",
        """
        Recipe Steps: cook a dish in six short steps
        Menu of the Week: list the dishes of a week with prices
        Restaurant Opening: make a neighbourhood curious about a new kitchen
        Chef Portrait: show the person behind the plate
        Street Food: capture the noise and steam of a food market
        Coffee Bar: show a drink from bean to cup
        Baking Morning: follow dough from bowl to oven
        Wine Tasting: describe three bottles and what to eat with them
        Meal Prep: plan five lunches in one afternoon
        Farm to Table: trace an ingredient back to its field
        """,
    ),
    "travel": (
        "Cinematic Earthy Analogue Dynamic Warm",
        "Reel Opener Slideshow Story Recap",
        """
        Road Trip: join the stops of a road trip on a moving map
        City Weekend: squeeze two days in a city into one minute
        Mountain Hike: climb from the car park to the summit
        Beach Holiday: bring back the light and sound of the coast
        Packing List: show what fits into one carry-on bag
        Train Journey: watch a landscape pass from a window seat
        Travel Budget: break down what a trip really cost
        Hidden Places: point out spots that guidebooks leave out
        Island Hopping: link islands, ferries and bays in one route
        Hotel Review: show a room, its view and its breakfast
        """,
    ),
    "fitness": (
        "Dynamic Bold Neon Modern Futuristic",
        "Reel Promo Explainer Countdown Intro",
        """
        Home Workout: train with no equipment and a visible timer
        Personal Record: replay a lift and the numbers behind it
        Class Schedule: list the classes of a studio week
        Yoga Flow: breathe through a slow sequence of poses
        Running Route: trace a run on a map with pace and climb
        Meet the Trainer: present a coach and their method
        Thirty Day Challenge: count the days of a challenge
        Stretching Routine: loosen shoulders and hips after work
        Gym Tour: show rooms and machines before a first visit
        Transformation: compare the first day with today
        """,
    ),
    "music": (
        "Neon Glitch Moody Analogue Retro",
        "Loop Teaser Reel Opener Countdown",
        """
        Lyric Video: set words to the beat of a song
        Album Release: count down to a release with its cover art
        Tour Dates: list cities and dates of a tour
        Live Session: cut a live take with several cameras
        Audio Visualiser: let shapes move with the sound
        Studio Diary: show a song growing over a week
        Cover Song: frame a cover with credit to the original
        Festival Line-up: reveal the names on a festival poster
        Beat Preview: offer thirty seconds of an instrumental
        Music Lesson: teach one chord change slowly
        """,
    ),
    "wedding": (
        "Elegant Pastel Cinematic Warm Classic",
        "Story Reel Slideshow Opener Recap",
        """
        Save the Date: tell guests the day and the place
        First Dance: relive a first dance in slow motion
        Wedding Vows: set spoken vows over quiet pictures
        Engagement: share how the question was asked
        Guest Messages: join greetings from friends far away
        Venue Tour: show the rooms and gardens of a venue
        Bridal Party: introduce the people beside the couple
        Anniversary: look back over the years together
        Ceremony Highlights: keep the best minutes of a ceremony
        Thank You Card: thank guests with pictures of the day
        """,
    ),
    "family": (
        "Warm Playful Handmade Analogue Pastel",
        "Slideshow Story Recap Reel Opener",
        """
        Birthday Party: gather candles, cake and laughter
        Baby's First Year: put twelve months on one timeline
        Family Reunion: name three generations in one video
        School Play: keep a performance and its applause
        Pet Portrait: give a pet a film of its own
        Holiday Greetings: send a seasonal greeting that moves
        Grandparents' Memories: combine old photographs with a recorded voice
        Summer Holidays: bind a summer's clips into one album
        Moving House: say goodbye to one home and hello to the next
        Graduation Day: honour years of work in two minutes
        """,
    ),
    "fashion": (
        "Elegant Minimal Moody Bold Retro",
        "Reel Teaser Loop Spotlight Story",
        """
        Lookbook: present a season's outfits one by one
        Collection Drop: announce a drop with date and hour
        Outfit of the Day: break an outfit down to its pieces
        Runway Highlights: cut a show down to its best walks
        Thrift Finds: show second-hand pieces and their prices
        Styling Tips: wear one jacket in five ways
        Fabric Origins: show how cloth is woven, dyed and sewn
        Sneaker Release: turn a shoe slowly in hard light
        Designer Portrait: follow a designer from sketch to fitting
        Capsule Wardrobe: build a month of outfits from ten pieces
        """,
    ),
    "beauty": (
        "Pastel Minimal Elegant Modern Neon",
        "Reel Story Explainer Spotlight Loop",
        """
        Makeup Tutorial: follow a look brush by brush
        Skincare Routine: order products from morning to night
        Product Review: test a product for a week and report
        Hair Transformation: reveal a cut or colour at the right moment
        Nail Art: show small work in close detail
        Salon Offer: fill free appointments this week
        Ingredient Guide: explain what is in the bottle
        Shade Finder: compare shades on different skin tones
        Perfume Notes: describe a scent from first to last note
        Brand Ambassador: introduce the face of a campaign
        """,
    ),
    "sports": (
        "Bold Dynamic Futuristic Cinematic Retro",
        "Intro Recap Countdown Reel Opener",
        """
        Match Day: announce kick-off, teams and place
        Player Profile: show a player with number and statistics
        Goal Highlights: replay goals with score and minute
        Season Review: look back on a season's table
        Training Camp: follow a team through a hard week
        Transfer News: welcome a new signing
        Race Results: list finishers with times and gaps
        Fan Chant: bring the stands into the living room
        Youth Trials: invite young players to try out
        Trophy Lift: hold on to the moment of victory
        """,
    ),
    "crafts": (
        "Handmade Sketchbook Earthy Playful Analogue",
        "Explainer Reel Slideshow Loop Story",
        """
        Knitting Pattern: follow a pattern row by row
        Woodworking Project: build a shelf from three boards
        Paper Folding: fold a crane without losing the count
        Garden Diary: watch a bed grow from seed to harvest
        Pottery Wheel: shape a bowl in one take
        Upcycling Idea: give an old jar a second life
        Watercolour Lesson: paint a sky wet in wet
        Workshop Tour: show tools and where they hang
        Shop Update: present new pieces before they sell out
        Gift Wrapping: wrap a present without tape
        """,
    ),
}
