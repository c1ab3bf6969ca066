"""What a panel is told and paid: approvals, requests to return, bonuses by the registered rule."""
