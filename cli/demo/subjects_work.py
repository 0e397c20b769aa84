"""What people make videos about at work and for an audience: the words of template titles and descriptions.

Each category names the looks that suit it, the forms it comes in, and its subjects as "name: purpose", worded so that
"to ..." can stand before the purpose.
"""

from collections.abc import Mapping
from typing import Final

WORK: Final[Mapping[str, tuple[str, str, str]]] = {
    "business": (
        "Modern Minimal Bold Elegant Blueprint",
        "Intro Explainer Recap Teaser Promo",
        """
        Product Launch: introduce a new product and its three best points
        Quarterly Results: walk a team through the numbers of a quarter
        Company History: tell where a company came from and what it stands for
        Pitch Deck: win over investors in under two minutes
        Client Testimonial: let a satisfied customer do the talking
        Meet the Team: put faces and roles to the names on a team page
        Office Opening: show a new location before the doors open
        Service Overview: explain what you offer and how to book it
        Milestone Announcement: mark a number worth celebrating
        Investor Update: keep shareholders informed between meetings
        """,
    ),
    "social": (
        "Bold Dynamic Neon Pastel Modern",
        "Reel Story Loop Teaser Countdown",
        """
        Giveaway: explain the rules of a giveaway in one glance
        Question Sticker: invite followers to answer a question
        Behind the Scenes: show how the finished post came about
        Follower Milestone: thank a community for growing with you
        Day in My Life: stitch an ordinary day into a watchable minute
        Trend Challenge: join a challenge while it is still fresh
        Before and After: set two states side by side for a clear reveal
        Hot Take: put one strong opinion in large letters
        Weekly Round-up: collect the best posts of a week
        Channel Welcome: tell newcomers why they should subscribe
        """,
    ),
    "education": (
        "Playful Minimal Sketchbook Blueprint Warm",
        "Explainer Intro Recap Slideshow Spotlight",
        """
        Lesson Starter: open a lesson with one question that matters
        Vocabulary Drill: practise ten new words with pictures
        Maths Walkthrough: solve one problem step by step
        History Timeline: put events in order and show what led to what
        Science Experiment: film an experiment from setup to result
        Book Summary: give the gist of a book without spoiling its end
        Homework Help: answer the question that half the class asked
        Course Preview: show what learners will be able to do afterwards
        Exam Revision: repeat the key points before a test
        School Announcement: tell parents about dates and changes
        """,
    ),
    "real-estate": (
        "Elegant Modern Cinematic Warm Minimal",
        "Reel Slideshow Spotlight Promo Intro",
        """
        Open House: invite buyers to a viewing with date and address
        Apartment Tour: lead viewers from the front door to the balcony
        New Listing: present a property with its key facts
        Just Sold: celebrate a closing and invite the next seller
        Neighbourhood Guide: show the shops, schools and parks close by
        Agent Profile: introduce an agent and their record
        Drone View: show a house and its plot from above
        Renovation Reveal: compare rooms before and after the work
        Market Report: explain local prices with three simple charts
        Holiday Rental: show a rental through the eyes of a guest
        """,
    ),
    "technology": (
        "Futuristic Blueprint Modern Glitch Minimal",
        "Explainer Intro Teaser Promo Spotlight",
        """
        App Demo: walk through an app screen by screen
        Feature Release: show what is new in this version
        Gadget Unboxing: open a box and name what is inside
        Code Walkthrough: explain a short program line by line
        Security Tip: close one common gap in a minute
        Data in Motion: turn a table into a moving chart
        Startup Pitch: say what you build and for whom
        Hardware Teardown: take a device apart piece by piece
        Conference Talk: announce a talk with speaker and hall
        Robot in Action: show a machine doing its task
        """,
    ),
    "nonprofit": (
        "Warm Earthy Handmade Cinematic Modern",
        "Story Promo Explainer Recap Spotlight",
        """
        Donation Appeal: show what a small gift makes possible
        Volunteer Call: find helpers for a weekend
        Impact Report: put a year of work into figures and faces
        Campaign Kick-off: open a campaign with one clear demand
        Field Visit: take supporters along to a project
        Thank a Donor: say thank you in the words of those helped
        Petition: explain an issue and where to sign
        Community Portrait: let neighbours tell their own story
        Charity Run: invite runners and show the route
        Awareness Day: explain a date that few know
        """,
    ),
    "events": (
        "Dynamic Neon Bold Elegant Modern",
        "Countdown Teaser Recap Opener Promo",
        """
        Conference Start: open a conference with sponsors and hosts
        Speaker Announcement: present a speaker and their topic
        Concert Night: sell the last tickets for a concert
        Workshop Invitation: say what participants will take home
        Party Invitation: set the mood, the date and the dress code
        Webinar Reminder: bring registered guests back in time
        Trade Fair: draw visitors to a stand and its number
        Award Ceremony: name nominees and hold the envelope back
        Market Day: list the stalls of a local market
        After Movie: keep the mood of a night alive
        """,
    ),
    "news": (
        "Modern Classic Bold Minimal Blueprint",
        "Intro Explainer Opener Recap Spotlight",
        """
        Headline Summary: give five headlines in sixty seconds
        Interview Frame: name guest and topic below the picture
        Weather Outlook: show three days of weather on one map
        Election Night: compare results as they come in
        Fact Check: set a claim beside the evidence
        Breaking Update: add new facts while a story develops
        Podcast Clip: turn an audio clip into a captioned video
        Local Report: report from the street in a steady format
        Opinion Column: read a column over quiet pictures
        Press Review: sum up what others are writing
        """,
    ),
    "recruiting": (
        "Modern Warm Playful Minimal Dynamic",
        "Promo Story Explainer Reel Intro",
        """
        Job Opening: describe a role, its team and its pay
        Day at Work: follow a colleague from morning to evening
        Employee Voices: let someone explain why they stayed
        Onboarding Welcome: greet new colleagues on their first day
        Benefits Overview: list what comes with the job
        Internship Call: invite students to apply
        Culture Film: show how people treat each other at work
        Hiring Event: fill the seats of a hiring evening
        Skills Training: announce a course for the whole team
        Career Path: show three steps from junior to lead
        """,
    ),
    "health": (
        "Pastel Minimal Warm Earthy Modern",
        "Explainer Story Slideshow Intro Spotlight",
        """
        Meet the Clinic: show a practice before a first visit
        Sleep Advice: help viewers wind down in the evening
        Healthy Eating: fill half a plate with vegetables
        First Aid: show one grip that everyone should know
        Mindful Minute: lead through sixty seconds of calm
        Vaccination Notice: say who, where and when
        Back Exercises: straighten up after hours at a desk
        Patient Guide: explain what happens before a procedure
        Hydration Reminder: make drinking water a habit
        Dental Care: teach brushing in a friendly way
        """,
    ),
}
