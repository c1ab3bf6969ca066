"""The steps a study's flow is made of: one module a kind."""


def register_shipped() -> None:
    """Make the kinds of this app known (called when the app is ready)."""
    from study.stages import (
        completion,
        comprehension,
        consent,
        debrief,
        instructions,
        recognition,
        survey,
        trials,
    )
    from study.stages.registry import register

    for kind in [
        consent.Consent(),
        instructions.Instructions(),
        comprehension.Comprehension(),
        trials.Trials(),
        survey.Survey(),
        recognition.Recognition(),
        debrief.Debrief(),
        survey.Feedback(),
        completion.Completion(),
    ]:
        register(kind)
