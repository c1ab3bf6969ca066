"""All models of the study app, from their rooms."""

from study.advice.models import ProbeRound
from study.analyses.models import AnalysisRun
from study.assignment.models import Slot, SlotReturn
from study.panel.models import FailedLogin, StudyRole
from study.phrasing.models import Check, Decision, Draft, Placement, Wording
from study.registration.models import AuditEntry, Registration, Study
from study.session.models import Identity, Participant, Session, Submission, TraceEvent

__all__ = [
    "AnalysisRun",
    "AuditEntry",
    "Check",
    "Decision",
    "Draft",
    "FailedLogin",
    "Identity",
    "Participant",
    "Placement",
    "ProbeRound",
    "Registration",
    "Session",
    "Slot",
    "SlotReturn",
    "Study",
    "StudyRole",
    "Submission",
    "TraceEvent",
    "Wording",
]
