"""What registering and running a study can refuse. Every message says what to do next."""


class Refused(Exception):
    """A request that the study's rules do not allow. `problems` holds one sentence each."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class WrongState(Refused):
    """A move that the study's state does not allow."""
