"""All models of the study app, from their rooms."""

from study.analyses.models import AnalysisRun
from study.assignment.models import Slot, SlotReturn
from study.panel.models import FailedLogin, StudyRole
from study.registration.models import AuditEntry, Registration, Study
from study.session.models import Identity, Participant, Session, Submission, TraceEvent

__all__ = [
    "AnalysisRun",
    "AuditEntry",
    "FailedLogin",
    "Identity",
    "Participant",
    "Registration",
    "Session",
    "Slot",
    "SlotReturn",
    "Study",
    "StudyRole",
    "Submission",
    "TraceEvent",
]
