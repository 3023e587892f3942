"""Makes the sample texts: `python resources/examples/make_samples.py` writes resources/samples again.

Stories as one finds them in TinyStories, in a Parquet file with its column `text`, and notes of a workshop as
plain text files. All are put together from parts by a fixed seed: enough to try a run on, no more.
"""

import random
from pathlib import Path

SAMPLES = Path(__file__).parents[1] / "samples"
STORIES, NOTES = 1500, 24

NAMES = (
    "Mia",
    "Tom",
    "Lily",
    "Ben",
    "Sara",
    "Max",
    "Nora",
    "Finn",
    "Ida",
    "Leo",
    "Ella",
    "Sam",
    "Zoe",
    "Ravi",
)
PLACES = (
    *("the park", "the forest", "the beach", "a big garden", "the old barn", "a quiet street", "the kitchen"),
    *("the library", "the river", "a small hill", "the market", "the train station"),
)
THINGS = (
    *("a red ball", "a shiny stone", "a lost kite", "a tiny boat", "a broken clock", "a warm blanket"),
    *("a wooden horse", "a blue cup", "a paper star", "a little drum", "a long rope", "a yellow hat"),
)
ANIMALS = ("dog", "cat", "rabbit", "bird", "frog", "pony", "hedgehog", "squirrel", "duck", "mouse")
FEELINGS = ("happy", "sad", "curious", "brave", "tired", "proud", "shy", "excited", "worried", "calm")
WEATHER = ("The sun was warm", "It was raining a little", "Snow lay on the ground", "The wind was strong")
PROBLEMS = (
    "{name} wanted to take {thing} home, but it was stuck under a heavy branch.",
    "Then {name} saw that {thing} belonged to somebody else.",
    "The {animal} was afraid and hid behind a tree.",
    "{name} slipped and {thing} fell into the water.",
    "It was getting dark, and {name} could not find the way back.",
    "{friend} wanted to have {thing} too, and they began to quarrel.",
)
HELP = (
    '"Let us try it together," said {friend}.',
    '"Do not worry," said {friend}, "I know what we can do."',
    "{friend} had an idea and ran to get a stick.",
    "{name} took a deep breath and asked for help.",
    "The {animal} came closer and showed them where to look.",
)
ENDS = (
    "They worked hard, and at last it was done. {name} felt {feeling} and said thank you.",
    "In the end they shared {thing}, and both were {feeling}.",
    "{name} gave {thing} back, and that felt better than keeping it.",
    "From that day on {name} and {friend} played there every week.",
    "On the way home {name} told {friend} about it, and they laughed.",
)
MORALS = (
    "It is good to share.",
    "Asking for help is brave.",
    "Friends listen to each other.",
    "Small steps count.",
)

TOOLS = ("saw", "plane", "chisel", "file", "drill", "hammer", "clamp", "brush", "lathe", "square")
PARTS = (
    "shelf",
    "drawer",
    "table leg",
    "window frame",
    "handle",
    "hinge",
    "lid",
    "panel",
    "bracket",
    "stool",
)
WOODS = ("oak", "pine", "ash", "beech", "walnut", "birch", "cherry", "larch")
STEPS = (
    "Mark the {part} on the {wood} before you take the {tool}, because a line is easier to move than a cut.",
    "Clean the {tool} after work; resin of {wood} dries fast and is hard to remove later.",
    "If the {part} does not fit, do not force it. Take off a little with the {tool} and try again.",
    "Measure the {part} twice, then once more with somebody who has not seen your first number.",
    "Work along the grain of the {wood}; against it, the {tool} tears what it should cut.",
    "A dull {tool} is more dangerous than a sharp one, since it wants more force and slips.",
    "Let the glue of the {part} rest for {hours} hours. Nothing becomes faster by looking at it.",
    "Keep the scraps of {wood}: a wedge for the next {part} costs nothing.",
)


def main() -> None:
    dice = random.Random(42)  # noqa: S311 (no secret)
    write_stories([story(dice) for _ in range(STORIES)], SAMPLES / "stories.parquet")
    (SAMPLES / "texts").mkdir(parents=True, exist_ok=True)
    for number in range(NOTES):
        (SAMPLES / "texts" / f"notes-{number + 1:02}.txt").write_text(notes(dice, number), encoding="utf-8")


def story(dice: random.Random) -> str:
    name, friend = dice.sample(NAMES, 2)
    words = {
        "name": name,
        "friend": friend,
        "thing": dice.choice(THINGS),
        "animal": dice.choice(ANIMALS),
        "feeling": dice.choice(FEELINGS),
        "place": dice.choice(PLACES),
        "weather": dice.choice(WEATHER),
    }
    opening = dice.choice(
        (
            "Once upon a time there was a child called {name}. {weather}, and {name} went to {place}.",
            "One day {name} and {friend} went to {place}. {weather}.",
            "{name} had a friend, a little {animal}. They liked to go to {place}. {weather} that day.",
        )
    )
    found = dice.choice(("There {name} found {thing}.", "{name} saw {thing} and was very {feeling}."))
    parts = [opening + " " + found, dice.choice(PROBLEMS), " ".join(dice.sample(HELP, 2)), dice.choice(ENDS)]
    if dice.random() < 0.4:
        parts.append(dice.choice(MORALS))
    return "\n\n".join(parts).format(**words)


def notes(dice: random.Random, number: int) -> str:
    lines = [f"Notes from the workshop, day {number + 1}", ""]
    for _ in range(dice.randint(8, 12)):
        sentences = [
            dice.choice(STEPS).format(
                part=dice.choice(PARTS),
                wood=dice.choice(WOODS),
                tool=dice.choice(TOOLS),
                hours=dice.randint(2, 24),
            )
            for _ in range(dice.randint(2, 5))
        ]
        lines += [" ".join(sentences), ""]
    return "\n".join(lines)


def write_stories(stories: list[str], path: Path) -> None:
    from arro3.core import Array, DataType, RecordBatch
    from arro3.io import write_parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(RecordBatch({"text": Array(stories, type=DataType.utf8())}), path, compression="zstd(9)")


if __name__ == "__main__":
    main()
