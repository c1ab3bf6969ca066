from tests.llm.conftest import _connections_closed_at_the_end, model, quick, rehearsal_server

__all__ = ["_connections_closed_at_the_end", "model", "quick", "rehearsal_server"]
