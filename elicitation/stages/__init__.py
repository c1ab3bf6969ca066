"""The elicitation's stage kinds: one's own values card, values of others, stories of upgrades."""


def register_all() -> None:
    """Make them known to the study's flow (called when the app is ready)."""
    from elicitation.stages import card, choose, compare
    from study.stages.registry import register

    for kind in [card.ValuesCard(), choose.ChooseValues(), compare.CompareValues()]:
        register(kind)
