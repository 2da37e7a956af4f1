"""The words of the bundled film reviews. docs/reviews.md explains how they are used."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(" ".join(phrase.split()) for phrase in text.split("/"))


# Polar words by kind: words of praise, then the same number of words of blame.
POLAR = {
    "adjective": (
        _words("""
        brilliant captivating charming clever compelling convincing delightful elegant engaging
        excellent fantastic fascinating flawless fresh graceful gripping hilarious imaginative
        impressive inspired intelligent lively lovely magnificent masterful memorable moving
        original powerful refreshing remarkable rewarding splendid stunning stylish subtle superb
        tender thoughtful thrilling touching warm witty wonderful
        """),
        _words("""
        absurd annoying awful bland boring cheap clumsy confusing contrived disappointing dreadful
        dreary dull embarrassing feeble flat forced forgettable hollow horrible incoherent
        irritating laughable lazy lifeless mediocre messy monotonous muddled painful pathetic
        pointless predictable pretentious ridiculous shallow silly sloppy stale stupid tedious
        tiresome weak wooden
        """),
    ),
    "noun": (
        _phrases("""a delight / a gem / a joy / a masterpiece / a success / a treat / a triumph
        / a wonder"""),
        _phrases("""a bore / a chore / a disaster / a failure / a flop / a letdown / a mess
        / a nuisance"""),
    ),
    "verb": (
        _words("charms convinces delights delivers impresses shines sparkles works"),
        _words("annoys bores collapses disappoints drags fails irritates stumbles"),
    ),
}

# Applied to a person in the story, these adjectives do not judge the film.
CHARACTER_ADJECTIVES = _words("""brilliant charming clever elegant fascinating graceful intelligent
lively lovely remarkable stylish tender thoughtful warm witty
annoying awful boring clumsy dreadful dull feeble horrible lazy mediocre pathetic pretentious
ridiculous silly stupid""")

INTENSIFIERS = _words("""deeply genuinely highly particularly quite rather really remarkably simply
so truly utterly very wholly""")

# What a clause judges: one aspect of the film, or the film itself.
SUBJECTS = _phrases("""the acting / the animation / the camerawork / the cast / the casting
/ the chase scene / the choreography / the costume design / the dialogue / the direction
/ the editing / the ending / the final scene / the finale / the first act / the humour
/ the last act / the lead performance / the lighting / the love story / the main character
/ the middle part / the music / the narration / the opening / the pacing / the photography
/ the plot / the premise / the production / the score / the screenplay / the script
/ the second half / the set design / the soundtrack / the story / the storytelling / the twist
/ the villain / the voice acting / the writing""")
GENRES = _words("""biopic cartoon comedy documentary drama epic fable film movie musical mystery
picture prequel remake romance satire sequel thriller western""")

# People whose opinion is reported; the review may or may not share that opinion.
HOLDERS = _phrases("""critics / most critics / some critics / my friends / my parents
/ my neighbours / my colleagues / my cousins / the papers / the magazines / the bloggers
/ most viewers / many viewers / some fans / the fans / the purists / the experts
/ the festival judges / my students / the people next to me / the reviewers / my brothers
/ my classmates""")

# Parts of neutral sentences.
TIMES = _phrases("""last Monday / last Tuesday / on a rainy Wednesday / on a quiet Thursday
/ last Friday / on Saturday evening / on a Sunday afternoon / last night / yesterday / last winter
/ in the spring / last summer / this autumn / on my birthday / during the holidays / twice
/ this morning / after work""")
PLACES = _phrases("""at the old cinema on the corner / at a small festival / on a long flight
/ on television / in a packed theatre / in an almost empty hall / at home / on a train
/ in a hotel room / at my aunt's house / in the school library / at an open air screening
/ on a borrowed disc / at the museum""")
COMPANIONS = _phrases("""with my sister / with my grandfather / with two colleagues / alone
/ with my daughter / with the neighbours / with an old friend / with my book club
/ with the whole family / with my uncle""")
ROLES = _words("""baker clerk cook cowboy dancer detective doctor farmer fisherman gambler gardener
journalist judge king lawyer librarian musician nurse painter pianist pilot pirate princess queen
robot sailor scientist soldier spy teacher thief waiter widow""")
DEEDS = _phrases("""opens a bakery / inherits a castle / crosses the desert / moves to the city
/ returns to a village / loses a letter / finds an old map / searches for a missing brother
/ wakes up in another century / buys a lighthouse / learns to swim / joins a circus
/ builds a boat / runs for mayor / writes to a stranger / adopts a dog / plans a wedding
/ hides a suitcase / travels to the moon / trains a horse / misses the last bus / guards a bridge
/ wins the lottery / paints a ceiling""")
FACTS = _phrases("""it runs for two hours / it runs for ninety minutes / it is based on a novel
/ it is based on a true story / it was shot in black and white / it was filmed in Iceland
/ it was filmed in Portugal / it takes place in Paris / it takes place in a small harbour town
/ it takes place on a ship / it came out ten years ago / the cast is mostly unknown
/ it has subtitles / the director is from Norway / there are seven songs in it
/ it is the third part of a series / the tickets were sold out / we sat in the back row
/ the hall was cold / it is set in the year 1920 / it begins at a funeral / it begins in a kitchen
/ it was made for children / the whole story takes one day""")
