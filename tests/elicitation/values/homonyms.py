"""Thirty pairs of cards that bear the same title and mean something else by it. None may ever be merged."""

from elicitation.values.cards import Card

_PAIRS = """
Fair Treatment
Everyone gets the same. | SHARES of equal size | PEOPLE left without | COUNTS that come out even
The rules are kept for all. | RULES known beforehand | HEARINGS before a decision | EXCEPTIONS nobody else would get
Fair Reward
Effort is what counts. | HOURS somebody put in | SACRIFICES others overlook | DILIGENCE without applause
Need is what counts. | HARDSHIPS at home | MOUTHS to be fed | MONTHS until help arrives
Real Freedom
Nobody interferes. | COMMANDS nobody had the right to give | DOORS left unlocked | SPACES without a watcher
One is master of oneself. | CRAVINGS that steer me | HABITS I chose on purpose | IMPULSES I can let pass
Deep Respect
Elders and teachers are honoured. | BOWS owed to age | WORDS of those who came before | SEATS given up
Others decide for themselves. | CHOICES I would not make | REFUSALS taken at once | PLANS people have of their own
True Honesty
What is said is so. | CLAIMS I can support | NUMBERS left unrounded | ERRORS I correct in public
One is known as one is. | FEELINGS I usually hide | MASKS I wear at work | FRIENDS who see me weep
Lasting Loyalty
Standing by a person. | FRIENDS in disgrace | NIGHTS at a bedside | SECRETS kept for someone
Standing by a cause. | PRINCIPLES the movement forgets | PROMISES of the founders | LEADERS who must be opposed
Quiet Courage
Facing bodily danger. | FLAMES between me and a child | STEPS towards the noise | HANDS that tremble and hold
Saying what nobody says. | MEETINGS where all nod | DOUBTS that cost a promotion | QUESTIONS put to the powerful
Open Mind
Letting evidence decide. | FINDINGS against my theory | TESTS I could fail | SOURCES that disagree
Letting the strange in. | FOODS I cannot name | MUSIC without a familiar beat | CUSTOMS of my neighbours
Shared Responsibility
Owning what one did. | HARMS I caused | APOLOGIES without a but | REPAIRS I pay for
Caring for what comes. | FORESTS my grandchildren need | DEBTS we leave behind | RIVERS downstream of us
Good Care
Doing it for them. | MEALS cooked and carried | WOUNDS cleaned on time | BILLS taken off their desk
Helping them do it. | TASKS left in their hands | PAUSES before I step in | SKILLS returning after illness
Strong Family
Those of one blood. | ANCESTORS at the table | NAMES handed down | GRAVES that are visited
Those one has chosen. | ROOMMATES who stayed | KEYS given to friends | HOLIDAYS of the unrelated
Living Faith
Trust in God. | PRAYERS at dawn | COMMANDMENTS that comfort | SIGNS of grace
Trust in people. | STRANGERS who return a wallet | SECOND-CHANCES for offenders | HANDSHAKES instead of contracts
Simple Justice
Wrongs are punished. | SENTENCES that fit the crime | VICTIMS who need an answer | OFFENDERS who walk free
Wrongs are healed. | CIRCLES where both speak | AMENDS an offender can make | NEIGHBOURS who must live on together
Inner Peace
Nothing stirs within. | BREATHS that grow longer | THOUGHTS drifting off | SURFACES of still water
Nothing is left unsaid. | QUARRELS brought to an end | LETTERS finally posted | GRUDGES named aloud
Everyday Beauty
Things well made. | JOINTS cut without glue | EDGES sanded by hand | TOOLS that last
The wild and unmade. | WEEDS in a wall | STORMS over the bay | TRACKS in fresh snow
Common Safety
Children cannot come to harm. | CORNERS of tables | STRANGERS at the gate | MEDICINES within reach
Anything may be said here. | SILENCES nobody fills | MISTAKES met with interest | LAUGHTER that is not at someone
Healthy Pride
In one's own work. | PIECES I would sign | DETAILS only I will notice | LESSONS from a failed attempt
In where one belongs. | FLAGS at the parade | SONGS of our street | STORIES of those who marched
Honest Work
Work of the hands. | CALLUSES at the end of a day | FIELDS turned by evening | MACHINES I can repair
Work without deceit. | INVOICES that hide nothing | FLAWS told to the buyer | OVERTIME never invented
Mutual Trust
One can count on the deed. | DEADLINES that are met | TOOLS brought back | ARRIVALS on the minute
One can show weakness. | FEARS said in the dark | TEARS nobody mentions later | ADMISSIONS of not knowing
Wise Patience
Waiting for the moment. | FRUIT not yet ripe | OPENINGS in a negotiation | TIDES that will turn
Bearing with someone. | QUESTIONS asked a tenth time | TANTRUMS in a supermarket | STEPS of an old man
Free Expression
Voicing opinions. | EDITORIALS against the mayor | SPEECHES that anger me | BANS of books
Moving as one feels. | DANCES without steps | COLOURS picked by mood | SHOUTS from a hilltop
Close Community
People who live near. | FENCES talked across | BENCHES in the square | CASSEROLES after a birth
People who think alike. | FORUMS for a rare hobby | JOKES only we get | CONFERENCES once a year
Full Equality
The same before the law. | VERDICTS regardless of name | BALLOTS that weigh alike | FINES for rich and poor
The same standing in a room. | NODS given to the cleaner | TITLES dropped at lunch | VOICES cut short
Personal Growth
Getting better at something. | SCALES practised daily | RECORDS beaten by a second | CRITICS with a sharp ear
Becoming someone else. | BELIEFS I have outgrown | LOSSES that remade me | SELVES I had not met
Natural Authority
Knowing the matter. | PROOFS a colleague can follow | YEARS in the workshop | ADVICE that turned out right
Holding the office. | SEALS on a document | RANKS on a sleeve | ORDERS given in form
Tender Love
Passion for one person. | GLANCES across a party | LETTERS kept in a drawer | KISSES before the train
Goodwill to all beings. | INSECTS carried outside | BEGGARS looked in the eye | ENEMIES wished well
Clear Tradition
Doing as it was done. | RECIPES never altered | LITURGIES word for word | COSTUMES of the valley
Carrying the fire on. | REFORMS the founders would bless | VERSES in a new tongue | YOUNGSTERS who rewrite the play
Careful Judgement
Weighing what is known. | ODDS on either side | REASONS against my hunch | CASES that went otherwise
Telling good people from bad. | COMPANY somebody keeps | OATHS somebody broke | EYES that avoid mine
Firm Discipline
Holding oneself to it. | ALARMS I rise to | VOWS nobody checks | TEMPTATIONS let go by
Keeping others in line. | PUPILS out of their seats | WARNINGS that are carried out | UNIFORMS worn right
Daily Gratitude
For what was given. | GIFTS I did not earn | MORNINGS without pain | TEACHERS I never thanked
Owed to who gave it. | FAVOURS to be returned | HOSTS I must invite | DEBTS of honour
"""


def _card(title: str, line: str) -> Card:
    description, *policies = (part.strip() for part in line.split("|"))
    return Card(title, description, tuple(policies))


_LINES = _PAIRS.strip().splitlines()
HOMONYMS = [
    (_card(title, one), _card(title, other))
    for title, one, other in zip(_LINES[::3], _LINES[1::3], _LINES[2::3], strict=True)
]
