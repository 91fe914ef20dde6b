"""The demo: people of two real homeservers hold a written-down conversation with the AI member, and every promise is
checked as it is kept.

Development only: it stands on `circles_harness` and talks to the service as any client does, over Matrix.
"""
