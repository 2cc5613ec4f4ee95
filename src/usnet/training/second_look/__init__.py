"""Training the second look: crops around the true boxes, moved as a detector would err; then fusion with a detector's opinion."""
