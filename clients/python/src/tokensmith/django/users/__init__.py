"""Users of Django for the users of the issuer; a table of its own, which only projects that want it install."""
