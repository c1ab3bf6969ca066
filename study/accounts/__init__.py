"""People who work in the panel: second factors, signed-in browsers, invitations."""
