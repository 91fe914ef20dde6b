"""What the service knows of rooms and people as rows of its own: ids, instants, choices, policies. Never message
text.
"""
