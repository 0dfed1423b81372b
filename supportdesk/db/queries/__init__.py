"""Questions to the database; none of them writes."""
