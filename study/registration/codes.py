"""Completion codes: one per outcome, derived from the committed seed, so that nobody chooses or guesses them."""

import base64
import hmac

from study.registration.models import Registration

LENGTH = 8


def code(registration: Registration, outcome: str) -> str:
    """The code of an outcome: 8 characters of A-Z and 2-7, the same for every version of a study's registration.

    The first 40 bits of HMAC-SHA256(seed, "code" ‖ newline ‖ outcome) in Base32; the seed cannot be computed from it.
    """
    digest = hmac.digest(bytes.fromhex(registration.seed), f"code\n{outcome}".encode(), "sha256")
    return base64.b32encode(digest[:5]).decode()
