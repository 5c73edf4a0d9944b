"""Agent-server: the wire format, the client, the HTTP API it mirrors, and a stand-in for trials."""
